"""``routereval import``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("import")
@click.argument("format_name", metavar="FORMAT")
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("dest", type=click.Path(path_type=Path))
@click.option(
    "--rescale",
    is_flag=True,
    help="Map each benchmark's range of scores onto [0, 1] (neutral only).",
)
@click.option("--overwrite", is_flag=True, help="Replace DEST if it exists.")
def import_command(
    format_name: str, source: Path, dest: Path, rescale: bool, overwrite: bool
) -> None:
    """Turn foreign results into a collection of records.

    FORMAT is auto or one of `routereval list formats`. DEST appears whole or not at all.
    """
    from routereval.records import import_records

    options = {"rescale": True} if rescale else {}
    for records in import_records(format_name, source, dest, overwrite=overwrite, **options):
        click.echo(f"{records.path}: {records}")
