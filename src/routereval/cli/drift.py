"""``routereval drift``."""

from __future__ import annotations

from pathlib import Path

import click

from routereval.cli.messages import next_command
from routereval.cli.options import router_dir_option
from routereval.cli.output import format_option, show


@click.command()
@click.argument("before")
@click.argument("after", required=False)
@click.option("--since", default="", metavar="DATE", help="Of BEFORE alone: which of its versions.")
@click.option(
    "--change",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="Of the mean score, that a re-check has to find.",
)
@router_dir_option("does its certificate still hold?")
@format_option
def drift(
    before: str,
    after: str | None,
    *,
    since: str,
    change: float,
    router: Path | None,
    format_name: str,
) -> None:
    """Name the models that changed between two measurements.

    Both are of the same prompts. BEFORE and AFTER are records; of BEFORE alone, the versions that
    stand beside its scores are taken. At most 5 % of comparisons in which nothing changed name any
    model.
    """
    from routereval.cli.progress import progress_bar
    from routereval.studies.drift import drift as found

    with progress_bar("Comparing"):
        drifted = found(before, after, since=since, change=change, router=router)
    show(drifted, format_name)
    next_command("advise", after or before)
