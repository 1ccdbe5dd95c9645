"""``routereval scaling``."""

from __future__ import annotations

from pathlib import Path

import click

from routereval.cli.messages import next_command, say
from routereval.cli.options import out_option
from routereval.cli.output import format_option, show

_ORDERS = ("random", "strong-to-weak", "weak-to-strong", "spread", "greedy", "greedy-cost")


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option(
    "--order",
    type=click.Choice(_ORDERS),
    default="random",
    show_default=True,
    help="How models join the pool; random is the exact expectation over all pools.",
)
@click.option(
    "--reference",
    type=click.FloatRange(0, 1),
    metavar="SCORE",
    help="The score to pass, where the records name none.",
)
@click.option(
    "--below",
    type=click.FloatRange(0, 1),
    metavar="SCORE",
    help="Weak models score less than this.  [default: the reference]",
)
@out_option(
    "Write figures (PNG and SVG) and all numbers (Parquet).",
    type=click.Path(path_type=Path, file_okay=False),
)
@format_option
def scaling(
    sources: tuple[str, ...], out: Path | None, format_name: str, **options: object
) -> None:
    """Show how the best reachable score grows with the pool.

    The pool is the set of models to choose from.
    """
    from routereval.cli.progress import progress_bar
    from routereval.studies.scaling import scaling as study

    with progress_bar() as progress:
        results = study(sources, progress=progress, **options)  # type: ignore[arg-type]
    show(results, format_name)
    if out:
        from routereval.report.scaling_figure import save_scaling

        for path in save_scaling(results, out):
            say(str(path))
    next_command("run", *sources)
