"""``routereval compare``."""

from __future__ import annotations

from pathlib import Path

import click

from routereval.cli.messages import next_command
from routereval.cli.options import cells_options, margin_option
from routereval.cli.output import format_option, show


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.argument("names", nargs=-1, metavar="[A B]")
@cells_options
@margin_option()
@click.option(
    "--rope", type=float, metavar="D", help="Of A B: how probable is a difference beyond this?"
)
@click.option(
    "--rename",
    "renamed",
    multiple=True,
    metavar="NAME=ROUTER",
    help="What to call a router of the run, as 'ours=knn(k=5)'. May be repeated.",
)
@format_option
def compare(
    results: Path,
    names: tuple[str, ...],
    *,
    size: int | None,
    protocol: str | None,
    margin: float | None,
    rope: float | None,
    renamed: tuple[str, ...],
    format_name: str,
) -> None:
    """Say whether router A beats router B in the RESULTS of a run.

    RESULTS is the folder of run -o. With A alone, all routers are held against it; with neither,
    against the best single model. best_single, oracle and random can be named whether they were run
    or not.
    """
    from routereval.results import read_results
    from routereval.results.comparison import compare as compared
    from routereval.results.standings import standings

    if len(names) > 2:
        raise click.UsageError(f"compare takes two routers, not {len(names)}: {', '.join(names)}")
    if len(names) < 2 and (margin is not None or rope is not None):
        raise click.UsageError("--margin and --rope are of two routers; name A and B")
    called = dict(_pair(one) for one in renamed)
    held = read_results(results).only(size, protocol).renamed(called)
    if len(names) == 2:
        show(compared(held, *names, margin=margin, rope=rope), format_name)
    else:
        show(standings(held, *names), format_name)
    next_command("report", results)


def _pair(text: str) -> tuple[str, str]:
    """The name and the router of NAME=ROUTER."""
    name, equals, router = text.partition("=")
    if not (name.strip() and equals and router.strip()) or "(" in name:
        raise click.UsageError(f"--rename takes NAME=ROUTER, such as 'ours=knn(k=5)', not {text!r}")
    return name.strip(), router.strip()
