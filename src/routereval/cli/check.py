"""``routereval check``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from routereval.cli.messages import next_command
from routereval.cli.options import cells_options, margin_option
from routereval.cli.output import format_option, show

if TYPE_CHECKING:
    from routereval.results.requirement import By


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.option(
    "--require",
    "requirements",
    multiple=True,
    required=True,
    metavar="REQUIREMENT",
    help="'auto > best_single' for better, 'auto >= knn' for as good, 'auto > 0.8' for a mean "
    "score. May be repeated: all have to hold.",
)
@click.option(
    "--min-gain",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    show_default=True,
    metavar="D",
    help="By how much > has to be better, in mean score, up to 1.",
)
@margin_option(0.01)
@click.option(
    "--by",
    type=click.Choice(["interval", "estimate"]),
    default="interval",
    show_default=True,
    help="What has to be above: the low end of the 95 % interval, or the estimate alone.",
)
@cells_options
@click.option(
    "--summary",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Add the verdict to FILE in Markdown, such as $GITHUB_STEP_SUMMARY.",
)
@format_option
def check(
    results: Path,
    *,
    requirements: tuple[str, ...],
    min_gain: float,
    margin: float,
    by: By,
    size: int | None,
    protocol: str | None,
    summary: Path | None,
    format_name: str,
) -> None:
    """Ask the RESULTS of a run whether they show what is required.

    RESULTS is the folder of run -o. The exit status is 0 if all requirements hold, 1 if one does
    not, 2 for wrong input. A > B holds if the difference lies above --min-gain, A >= B if it lies
    above minus --margin; best_single, oracle and random can be named whether they were run or not.
    """
    from routereval.results import read_results
    from routereval.results.requirement import check as checked

    held = read_results(results).only(size, protocol)
    found = checked(held, requirements, min_gain=min_gain, margin=margin, by=by)
    show(found, format_name)
    if summary is not None:
        with summary.open("a", encoding="utf-8") as file:
            file.write(f"### routereval check {results}\n\n{found.to_markdown()}\n")
    if found.holds:
        next_command("report", results)
    else:
        next_command("compare", results)
        sys.exit(1)
