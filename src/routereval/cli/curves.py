"""``routereval curves``."""

from __future__ import annotations

from pathlib import Path

import click

from routereval.cli.messages import next_command, say
from routereval.cli.options import out_option
from routereval.cli.output import format_option, show


@click.command()
@click.argument("results", type=click.Path(path_type=Path), metavar="RESULTS")
@out_option("Where to draw the curves.  [default: RESULTS]")
@click.option(
    "--all",
    "every",
    is_flag=True,
    help="Also draw shares of the models, savings, the map of models, and differences.",
)
@format_option
def curves(results: Path, out: Path | None, every: bool, format_name: str) -> None:
    """Draw the trade-off of cost and quality in RESULTS."""
    from routereval.errors import DataError
    from routereval.report.curve_figure import save_curves, save_more
    from routereval.report.layouts.curves import trade_off_document
    from routereval.results.folder import read_results

    held = read_results(results)
    try:
        document = trade_off_document(held)
    except DataError as error:
        raise DataError(f"{results}: {error}") from None
    show(document, format_name)
    more = save_more(held, out or results) if every else []
    for path in [*save_curves(held, out or results), *more]:
        say(str(path))
    next_command("report", results)
