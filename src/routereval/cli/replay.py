"""``routereval replay``."""

from __future__ import annotations

from pathlib import Path

import click

from routereval.cli.output import format_option, show


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option(
    "-r",
    "--router",
    "routers",
    multiple=True,
    metavar="SPEC",
    help="A bandit; may be repeated.  [default: linucb, thompson, epsilon_greedy]",
)
@click.option(
    "--pool",
    default="all-strong(size=5)",
    show_default=True,
    help="The models to choose from.",
)
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
@click.option(
    "--embedder",
    default="auto",
    show_default=True,
    help="What makes the features; see: routereval list embedders.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write a picture (PNG and SVG) and all numbers (JSON).",
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
    from routereval.report.replay import save_replay
    from routereval.studies.replay import DEFAULT_ROUTERS
    from routereval.studies.replay import replay as study

    with progress_bar() as progress:
        found = study(sources, routers or DEFAULT_ROUTERS, progress=progress, **options)  # type: ignore[arg-type]
    show(found, format_name)
    if out:
        for path in save_replay(found, out):
            click.echo(str(path), err=True)
