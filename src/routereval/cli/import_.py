"""``routereval import``."""

from __future__ import annotations

from pathlib import Path

import click

_TAKEN = {"format_name", "source", "dest", "overwrite", "path"}


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
def import_command(
    format_name: str,
    source: Path,
    dest: Path,
    *,
    columns: str | None,
    rescale: bool,
    options: dict[str, str],
    overwrite: bool,
) -> None:
    """Turn foreign results into a collection of records.

    FORMAT is auto or one of `routereval list formats`. DEST appears whole or not at all.
    """
    from routereval.importers import import_records

    named = {"columns": columns, "rescale": rescale or None, **options}
    given = {name: value for name, value in named.items() if value is not None}
    imported = import_records(format_name, source, dest, overwrite=overwrite, **given)
    for records in imported:
        click.echo(f"{records.path}: {records}")
