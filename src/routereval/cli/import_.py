"""``routereval import``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from routereval.records import Records


_TAKEN = {"format_name", "source", "dest", "overwrite", "progress", "scheduler", "path"}


def _pairs(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    pairs = {name.strip(): value for name, _, value in (text.partition("=") for text in given)}
    if any("=" not in text for text in given):
        raise click.BadParameter("write KEY=VALUE, such as metric=acc")
    if taken := _TAKEN & pairs.keys():
        raise click.BadParameter(f"{min(taken)} is no option of a format")
    return pairs


@click.command("import")
@click.argument("format_name", metavar="FORMAT")
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("dest", type=click.Path(path_type=Path))
@click.option(
    "--columns",
    metavar="ROLE=COLUMN,…",
    help="For plain tables: which column is the model, prompt_id, score, cost, prompt, benchmark.",
)
@click.option("--rescale", is_flag=True, help="Map each benchmark's range of scores onto [0, 1].")
@click.option(
    "-O",
    "--option",
    "options",
    multiple=True,
    callback=_pairs,
    metavar="KEY=VALUE",
    help="An option of the format, such as metric=acc; may be repeated.",
)
@click.option("--overwrite", is_flag=True, help="Replace DEST if it exists.")
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Read the Parquet parts of a plain table on Dask workers, such as tcp://10.0.0.1:8786.",
)
def import_command(
    format_name: str,
    source: Path,
    dest: Path,
    *,
    columns: str | None,
    rescale: bool,
    options: dict[str, str],
    overwrite: bool,
    scheduler: str | None,
) -> None:
    """Turn foreign results into a collection of records.

    FORMAT is auto or one of `routereval list formats`. DEST appears whole or not at all.
    """
    from routereval.records import import_records

    named = {"columns": columns, "rescale": rescale or None, **options}
    given = {name: value for name, value in named.items() if value is not None}
    if scheduler is None:
        imported = import_records(format_name, source, dest, overwrite=overwrite, **given)
    else:
        imported = _on_cluster(
            format_name, source, dest, scheduler, given | {"overwrite": overwrite}
        )
    for records in imported:
        click.echo(f"{records.path}: {records}")


def _on_cluster(
    format_name: str, source: Path, dest: Path, scheduler: str, given: dict[str, Any]
) -> list[Records]:
    from routereval.cli.progress import progress_bar
    from routereval.records.partitioned import import_partitioned

    if format_name not in {"auto", "table"}:
        raise click.BadParameter(f"--scheduler is for the format table, not {format_name}")
    with progress_bar() as progress:
        return import_partitioned(source, dest, scheduler, progress=progress, **given)
