"""``routereval experiment``."""

from __future__ import annotations

from pathlib import Path

import click

from routereval.cli.group import CommandGroup
from routereval.cli.messages import next_command, same_command, say
from routereval.cli.output import format_option, show

_alpha = click.option(
    "--alpha",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="Probability that any call is ever false.",
)


@click.group(cls=CommandGroup)
def experiment() -> None:
    """Judge a second router, or a shadow, on live traffic."""


@experiment.command()
@click.argument("log", type=click.Path(path_type=Path))
@click.option("--baseline", default="", metavar="NAME", help="The router to compare with.")
@_alpha
@format_option
def status(log: Path, baseline: str, alpha: float, format_name: str) -> None:
    """Say of each contender in a gateway's LOG: better, worse or not yet.

    One may look as often as one likes: the intervals hold at all times together.
    """
    from routereval.studies.experiment import experiment_status

    found = experiment_status(log, alpha, baseline)
    show(found, format_name)
    better = [row.name for row in found.rows if row.verdict == "better"]
    if better:
        next_command("experiment", "promote", log, better[0], "--to", "ROUTER_DIR")
    else:
        same_command()


@experiment.command()
@click.argument("log", type=click.Path(path_type=Path))
@click.argument("name")
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="The folder of the router that serves; it is replaced.",
)
@_alpha
def promote(log: Path, name: str, target: Path, alpha: float) -> None:
    """Put the contender NAME of a gateway's LOG in the place of the router that serves.

    Only if it is proved better; else nothing changes. NAME is its folder, as the log calls it.
    """
    from routereval.studies.experiment import promote as promoted

    row = promoted(log, name, target, alpha)
    say(
        f"{target} now holds {name}, which is better by {row.difference:+.3f}. "
        "Send the gateway SIGHUP, and take the router out of [experiment]."
    )
    next_command("serve", target)
