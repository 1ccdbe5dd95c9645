"""``routereval trajectories``."""

from __future__ import annotations

import click

from routereval.cli.output import format_option, show


@click.command()
@click.argument("steps")
@click.option(
    "--arms",
    metavar="FIRST,THEN",
    help="The arm that goes first and the one that it gives way to.  [default: the cheapest, the "
    "best]",
)
@click.option("-r", "--router", help="Learned from the texts, on other folds.  [default: linear]")
@click.option(
    "--lam", type=float, default=0.0, show_default=True, help="What routers trade: score per USD."
)
@click.option(
    "--margin",
    type=float,
    help="How much less a score may be that still counts as equal.  [default: 0.01]",
)
@click.option("--prices", help="A price list of your own, for what a cold cache costs.")
@click.option("--n-boot", type=click.IntRange(1), help="Resamples.  [default: 1000]")
@format_option
def trajectories(
    steps: str,
    *,
    arms: str | None,
    router: str | None,
    lam: float,
    margin: float | None,
    prices: str | None,
    n_boot: int | None,
    format_name: str,
) -> None:
    """Compare ways to choose an agent's model: once per task, after some steps, or at each step.

    STEPS is a table with a row per trajectory, step and arm: what the step cost, and whether it was
    good enough, or how the whole run of that arm ended.
    """
    from routereval.records.prices import price_list
    from routereval.scoring import N_BOOT
    from routereval.studies.trajectories import MARGIN, ROUTER
    from routereval.studies.trajectories import trajectories as found

    pair = None if arms is None else _two(arms)
    compared = found(
        steps,
        prices=price_list(prices),
        arms=pair,
        router=router or ROUTER,
        lam=lam,
        margin=MARGIN if margin is None else margin,
        n_boot=n_boot or N_BOOT,
    )
    show(compared, format_name)


def _two(text: str) -> tuple[str, str]:
    names = [name.strip() for name in text.split(",")]
    if len(names) != 2 or not all(names):
        raise click.UsageError(f"--arms takes two arms, as small,large, not {text!r}")
    return names[0], names[1]
