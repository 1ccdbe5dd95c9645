"""``routereval replay``."""

from __future__ import annotations

from pathlib import Path

import click

from routereval.cli.messages import next_command, say
from routereval.cli.options import embedder_option, out_option, pool_option, router_option
from routereval.cli.output import format_option, show


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@router_option("A bandit.", note="linucb, thompson, epsilon_greedy", multiple=True)
@pool_option(default="all-strong(size=5)", show_default=True)
@click.option(
    "--against",
    type=click.Choice(["linear", "best_single", "oracle"]),
    default="linear",
    show_default=True,
    help="What regret is counted against; linear: ridge regression that sees all scores.",
)
@click.option(
    "--orders",
    type=click.IntRange(2),
    default=10,
    show_default=True,
    help="In how many orders the prompts come.",
)
@embedder_option()
@out_option(
    "Write a picture (PNG and SVG) and all numbers (JSON).",
    type=click.Path(path_type=Path, file_okay=False),
)
@format_option
def replay(
    sources: tuple[str, ...],
    routers: tuple[str, ...],
    out: Path | None,
    format_name: str,
    **options: object,
) -> None:
    """Show what bandits give up while they learn.

    They see the prompts one after another, and learn only from the models that they chose.
    """
    from routereval.cli.progress import progress_bar
    from routereval.report.replay_figure import save_replay
    from routereval.studies.replay import DEFAULT_ROUTERS
    from routereval.studies.replay import replay as study

    with progress_bar() as progress:
        found = study(sources, routers or DEFAULT_ROUTERS, progress=progress, **options)  # type: ignore[arg-type]
    show(found, format_name)
    if out:
        for path in save_replay(found, out):
            say(str(path))
    next_command("run", *sources)
