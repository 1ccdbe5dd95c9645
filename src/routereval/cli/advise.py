"""``routereval advise``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from routereval.cli.model_options import chosen_models, model_options
from routereval.cli.output import format_option, show


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option(
    "--max-models",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="The largest pool to look at.",
)
@click.option(
    "--budget",
    type=click.FloatRange(0, min_open=True),
    metavar="USD_PER_1K",
    help="The most that 1,000 prompts may cost, in USD.",
)
@click.option(
    "--margin",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.01,
    show_default=True,
    help="A gain in mean score below this is not worth a router.",
)
@click.option(
    "--repeats",
    type=click.IntRange(1),
    metavar="R",
    help="Each score is the mean of R right-or-wrong samples; corrects the oracle for noise.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Also write advice.txt, advice.json, advice.png and advice.svg.",
)
@format_option
@model_options
def advise(sources: tuple[str, ...], out: Path | None, format_name: str, **options: Any) -> None:  # noqa: ANN401
    """Say whether routing is worth it here, and which models to keep."""
    from routereval.cli.import_reports import print_imports
    from routereval.cli.progress import progress_bar
    from routereval.report.layouts.advise import save_advice
    from routereval.studies.advise import advise as study

    print_imports(sources)
    chosen = chosen_models(sources, options.pop("models"), options.pop("without"))
    with progress_bar() as progress:
        advice = study(chosen, progress=progress, **options)
    show(advice, format_name)
    if out:
        for path in save_advice(advice, out):
            click.echo(str(path), err=True)
