"""``routereval report``."""

from __future__ import annotations

from pathlib import Path

import click

from routereval.cli.messages import next_command
from routereval.cli.options import router_dir_option


@click.command()
@click.argument("results", type=click.Path(path_type=Path), required=False)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The page.  [default: report.html in RESULTS]",
)
@click.option(
    "--compare",
    "pair",
    nargs=2,
    type=click.Path(path_type=Path),
    metavar="A B",
    help="Instead: two runs side by side, on the cells that both have.",
)
@router_dir_option("its certificate, and which prompts are unfamiliar to it.")
@click.option("--title", help="Its heading.  [default: the name of the folder]")
def report(
    results: Path | None,
    out: Path | None,
    pair: tuple[Path, Path] | None,
    router: Path | None,
    title: str | None,
) -> None:
    """Write the report of the RESULTS of a run as one HTML page.

    RESULTS is the folder of run -o. The page needs no network: what to do and why, every table and
    test, and each prompt with what the routers chose.
    """
    from routereval.cli.progress import progress_bar
    from routereval.report.page import compare_report
    from routereval.report.page import report as write_report

    if (results is None) == (pair is None):
        raise click.UsageError("give the folder of a run, or two of them after --compare")
    with progress_bar("Writing"):
        if pair is not None:
            page = compare_report(*pair, out or Path("report.html"))
        elif results is not None:
            name = title or f"routereval · {results.resolve().name}"
            page = write_report(results, out or results / "report.html", title=name, router=router)
    click.echo(f"{page}  ({page.stat().st_size / 1e6:.1f} MB; open it in a browser)")
    next_command("compare", results if pair is None else pair[1])
