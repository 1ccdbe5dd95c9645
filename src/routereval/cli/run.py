"""``routereval run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from routereval.cli.messages import next_command, same_command, say
from routereval.cli.output import format_option, show
from routereval.cli.paper import is_paper, made_paper
from routereval.cli.run_options import run_options

if TYPE_CHECKING:
    from routereval.results import Results


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@run_options
@format_option
def run(
    sources: tuple[str, ...],
    format_name: str,
    jobs: int,
    make: tuple[str, ...],
    **given: Any,  # noqa: ANN401 - what click gives
) -> None:
    """Evaluate routers on pools of models and print the table.

    Where SOURCE is a paper.toml, its runs, tables and figures are made into a folder.
    """
    from routereval.cli.import_reports import print_imports
    from routereval.cli.progress import progress_bar
    from routereval.studies.run import run as study

    if is_paper(sources):
        show(made_paper(sources[0], given["out"], jobs, make), format_name)
        return
    if make:
        raise click.UsageError("--make takes tables and figures of a paper's file, paper.toml")
    print_imports(sources)
    # What was not given is left to the study, whose defaults depend on the records.
    repeated = {"routers": given.pop("routers") or None, "pools": given.pop("pools") or None}
    named = {key: value for key, value in (given | repeated).items() if value is not None}
    with progress_bar() as progress:
        results = study(sources, n_jobs=jobs, progress=progress, **named)
    if out := given["out"]:
        _print_kept(results, out, format_name)
    else:
        show(results, format_name)
        same_command("-o", "results")


def _print_kept(results: Results, out: Path, format_name: str) -> None:
    """Print the tables, and draw the curves, of results in a folder; anew only what has changed."""
    from routereval.report.curve_figure import save_curves
    from routereval.report.kept_document import keep_document, kept_document
    from routereval.report.learning_figure import save_learning
    from routereval.results import ResultsFolder

    whole = len(ResultsFolder(out).read_cells()) == len(results.cells)
    document = kept_document(out) if whole else None
    if document is None:
        document = results.document()
        save_learning(results, out)
        save_curves(results, out)
        if whole:
            keep_document(out, document)
    show(results if format_name == "latex" else document, format_name)
    if format_name == "table":
        say(f"{len(results.cells)} cells in {out}")
    next_command("report", out)
