"""``routereval show``."""

from __future__ import annotations

from pathlib import Path

import click

from routereval.cli.messages import next_command
from routereval.cli.output import format_option
from routereval.cli.output import show as printed


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@format_option
def show(results: Path, format_name: str) -> None:
    """Print the tables of the RESULTS of a run again.

    RESULTS is the folder of run -o. Nothing is computed if the run has kept its tables.
    """
    from routereval.report.page import folder_document
    from routereval.results import read_results

    if format_name == "latex":  # which has tables that are not kept
        printed(read_results(results), format_name)
    else:
        printed(folder_document(results), format_name)
    next_command("report", results)
