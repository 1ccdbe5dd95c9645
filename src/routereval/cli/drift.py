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

    BEFORE may also be the log of a gateway, and AFTER a trained router: then predicted and fed-back
    scores are compared week by week, with the shares of unfamiliar prompts and of models.
    """
    from routereval.cli.progress import progress_bar
    from routereval.importers.gateway_log import recognise

    if Path(before).exists() and recognise(Path(before)):
        _show_drift_of_log(before, router or (Path(after) if after else None), format_name)
        return
    from routereval.studies.drift import drift as found

    with progress_bar("Comparing"):
        drifted = found(before, after, since=since, change=change, router=router)
    show(drifted, format_name)
    next_command("advise", after or before)


def _show_drift_of_log(log: str, router: Path | None, format_name: str) -> None:
    from routereval.routers import load_router
    from routereval.studies.log_drift import log_drift

    trained = load_router(router) if router else None
    show(log_drift(log, trained, str(router or "")), format_name)
    next_command("import", "gateway-log", log, "records/")
