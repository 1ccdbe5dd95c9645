"""``routereval export``."""

from __future__ import annotations

from pathlib import Path

import click

from routereval.cli.messages import next_command, say


@click.command()
@click.argument("format_name", metavar="FORMAT", type=click.Choice(["neutral", "long", "csv"]))
@click.argument("source")
@click.argument("dest", type=click.Path(path_type=Path))
def export(format_name: str, source: str, dest: Path) -> None:
    """Write records as Parquet or CSV files for other programs.

    FORMAT is neutral (prompts, and wide tables with a column per model) or long (a row per observed
    cell), in Parquet; either can be imported again. csv is for programs that read no Parquet:
    prompts, scores, costs and features. DEST appears whole or not at all.
    """
    from routereval.records.export import export_records, not_exported
    from routereval.sources import open_source

    records = open_source(source)
    path = export_records(records, dest, format_name)
    click.echo(f"{path}: {', '.join(one.name for one in records)}")
    lost = not_exported(records, format_name)
    if lost:
        say(f"left out, as {format_name} has no place for it: {', '.join(lost)}")
    next_command("split", source, "split.csv")
