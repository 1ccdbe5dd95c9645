"""``routereval trajectories``."""

from __future__ import annotations

from pathlib import Path

import click

from routereval.cli.messages import next_command, same_command
from routereval.cli.options import margin_option, n_boot_option, prices_option, router_option
from routereval.cli.output import format_option, show


@click.command()
@click.argument("steps")
@click.option(
    "--arms",
    metavar="FIRST,THEN",
    help="The arm that goes first and the one that it gives way to.  [default: the cheapest, the "
    "best]",
)
@router_option("It learns from the texts, on other folds.", note="linear")
@click.option(
    "--lam",
    type=float,
    default=0.0,
    show_default=True,
    metavar="SCORE_PER_USD",
    help="What routers trade: score per USD.",
)
@margin_option(0.01)
@prices_option()
@n_boot_option
@format_option
def trajectories(
    steps: str,
    *,
    arms: str | None,
    router: str | None,
    lam: float,
    margin: float,
    prices: Path | None,
    n_boot: int | None,
    format_name: str,
) -> None:
    """Compare ways to choose an agent's model along its steps.

    It is chosen once per task, after some steps, or at each step; --prices are for what a cold
    cache costs. STEPS is a table with a row per trajectory, step and arm: what the step cost, and
    whether it was good enough, or how the whole run of that arm ended.
    """
    from routereval.cli.progress import progress_bar
    from routereval.records.prices import price_list
    from routereval.scoring import N_BOOT
    from routereval.studies.trajectories import ROUTER
    from routereval.studies.trajectories import trajectories as found

    pair = None if arms is None else _two(arms)
    with progress_bar():
        compared = found(
            steps,
            prices=price_list(prices),
            arms=pair,
            router=router or ROUTER,
            lam=lam,
            margin=margin,
            n_boot=n_boot or N_BOOT,
        )
    show(compared, format_name)
    if lam:
        next_command("serve", "ROUTER_DIR", "--check")
    else:
        same_command("--lam", 1)


def _two(text: str) -> tuple[str, str]:
    names = [name.strip() for name in text.split(",")]
    if len(names) != 2 or not all(names):
        raise click.UsageError(f"--arms takes two arms, as small,large, not {text!r}")
    return names[0], names[1]
