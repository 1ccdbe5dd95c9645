"""``routereval curves``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("results", type=click.Path(path_type=Path), metavar="RESULTS")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where to draw the curves.  [default: RESULTS]",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["table", "markdown"]),
    default="table",
    show_default=True,
    help="How the tables are printed.",
)
def curves(results: Path, out: Path | None, format_name: str) -> None:
    """Tell and draw the trade-off of cost and quality in the RESULTS of a run."""
    from routereval.errors import DataError
    from routereval.report.curve_figure import save_curves
    from routereval.report.trade_off import markdown_table, rich_table, trade_offs
    from routereval.results import read_results

    held = read_results(results)
    tables = trade_offs(held)
    if not tables:
        raise DataError(f"{results}: no cost is known; run with --costs prices, or --costs params")
    if format_name == "markdown":
        click.echo("\n".join(markdown_table(one) for one in tables), nl=False)
    else:
        from rich.console import Console

        console = Console()
        console.width = console.width if console.is_terminal else 160
        for one in tables:
            console.print(rich_table(one, styled=console.is_terminal))
    for path in save_curves(held, out or results):
        click.echo(str(path), err=True)
