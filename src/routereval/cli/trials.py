"""``routereval trials``."""

from __future__ import annotations

import click

from routereval.cli.messages import next_command
from routereval.cli.options import n_boot_option
from routereval.cli.output import format_option, show


@click.command()
@click.argument("source")
@click.option(
    "--runs",
    metavar="N,M",
    help="How many prompts each of two runs solved: is that more than reruns differ by?",
)
@n_boot_option
@format_option
def trials(source: str, *, runs: str | None, n_boot: int | None, format_name: str) -> None:
    """Tell luck from skill where prompts were run several times.

    By how much a rerun strays, which share of the oracle's lead is luck, pass@k and pass^k, and how
    many prompts and runs tell two models apart.
    """
    from routereval.cli.progress import progress_bar
    from routereval.scoring import N_BOOT
    from routereval.studies.trials import trials as found

    asked = None if runs is None else _two(runs)
    with progress_bar("Resampling"):
        repeats = found(source, runs=asked, n_boot=N_BOOT if n_boot is None else n_boot)
    show(repeats, format_name)
    next_command("advise", source)


def _two(text: str) -> tuple[float, float]:
    try:
        first, second = (float(part) for part in text.split(","))
    except ValueError:
        raise click.UsageError(f"--runs takes two numbers, as 42,44, not {text!r}") from None
    return first, second
