"""``routereval run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from routereval.cli.messages import next_command, same_command, say
from routereval.cli.model_options import chosen_models, model_options
from routereval.cli.options import (
    embedder_option,
    jobs_option,
    n_boot_option,
    out_option,
    prices_option,
    protocol_option,
    router_option,
)
from routereval.cli.output import format_option, show

if TYPE_CHECKING:
    from routereval.results import Results


def _words(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...] | None:
    return (
        None if value is None else tuple(word.strip() for word in value.split(",") if word.strip())
    )


def _numbers(_: click.Context, __: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    if value is None:
        return None
    try:
        return tuple(int(word) for word in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a list of numbers such as 3,5,10") from None


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@router_option("all-cpu is all of them.", note="controls and baselines", multiple=True)
@protocol_option(note="clean; of up to 8 models on fewer than 2,000 prompts cv(k=10)")
@click.option(
    "--sizes",
    callback=_numbers,
    metavar="M,M,…",
    help="Pool sizes.  [default: 3,5; of up to 8 models all]",
)
@click.option(
    "--groups",
    callback=_words,
    metavar="G,G,…",
    help="Pool groups.  [default: all-strong,all-weak,strong-to-weak]",
)
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How many seeds; each has its own split and pools.",
)
@n_boot_option
@embedder_option()
@out_option("Keep the results, and draw the curves; a run that was stopped goes on from there.")
@click.option(
    "--costs",
    type=click.Choice(["auto", "records", "prices", "batch", "params", "none"]),
    default="auto",
    show_default=True,
    help="Where costs come from: the records, a price list, numbers of parameters.",
)
@prices_option()
@jobs_option
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Compute on the workers of a Dask scheduler, such as tcp://10.0.0.1:8786.",
)
@format_option
@model_options
def run(
    sources: tuple[str, ...],
    routers: tuple[str, ...],
    out: Path | None,
    jobs: int,
    format_name: str,
    **grid: Any,  # noqa: ANN401 - what click gives
) -> None:
    """Evaluate routers on pools of models and print the table."""
    from routereval.cli.import_reports import print_imports
    from routereval.cli.progress import progress_bar
    from routereval.studies.run import run as study

    print_imports(sources)
    chosen = chosen_models(sources, grid.pop("models"), grid.pop("without"))
    named = {key: value for key, value in grid.items() if value is not None}
    if routers:
        named["routers"] = routers
    with progress_bar() as progress:
        results = study(chosen, out=out, n_jobs=jobs, progress=progress, **named)
    if out:
        _print_kept(results, out, format_name)
    else:
        show(results, format_name)
        same_command("-o", "results")


def _print_kept(results: Results, out: Path, format_name: str) -> None:
    """Print the tables, and draw the curves, of results in a folder; anew only what has changed."""
    from routereval.report.curve_figure import save_curves
    from routereval.report.kept import keep_document, kept_document
    from routereval.report.learning import save_learning
    from routereval.results import ResultsFolder

    whole = len(ResultsFolder(out).read_cells()) == len(results.cells)
    document = kept_document(out) if whole else None
    if document is None:
        document = results.document()
        save_learning(results, out)
        save_curves(results, out)
        if whole:
            keep_document(out, document)
    show(document, format_name)
    if format_name == "table":
        say(f"{len(results.cells)} cells in {out}")
    next_command("report", out)
