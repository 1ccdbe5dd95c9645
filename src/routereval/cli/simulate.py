"""``routereval simulate``."""

from __future__ import annotations

from pathlib import Path

import click

from routereval.cli.messages import next_command
from routereval.cli.options import overwrite_option, seed_option

_SCALES = ("demo", "small", "full")


@click.command()
@click.argument("dest", type=click.Path(path_type=Path))
@click.option(
    "--shape",
    "scale",
    type=click.Choice(_SCALES),
    default="demo",
    show_default=True,
    help="demo: 60 models, with texts and costs; full: RouterEval's shape, 201,715,850 records; "
    "small: a twentieth of its prompts and models.",
)
@seed_option(0)
@overwrite_option
def simulate(dest: Path, scale: str, seed: int, overwrite: bool) -> None:
    """Write a simulated leaderboard of twelve benchmarks.

    No model is asked. The same seed gives the same bytes. DEST appears whole or not at all.
    """
    from routereval.cli.progress import progress_bar
    from routereval.records import read_records
    from routereval.simulation.leaderboard import simulate_leaderboard

    with progress_bar() as report:
        written = simulate_leaderboard(dest, scale, seed, report, overwrite=overwrite)
    for path in written:
        click.echo(f"{path}: {read_records(path)}")
    click.echo("Simulated data: no real model was asked.")
    next_command("info", dest)
