"""The report: one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from routereval.errors import DataError
from routereval.report.compare_page import compare_page
from routereval.report.html import to_page
from routereval.report.kept_document import keep_document, kept_document
from routereval.report.run_page import run_page
from routereval.report.run_report import run_report
from routereval.report.table import Document
from routereval.results.cell_means import gather
from routereval.results.folder import read_results
from routereval.results.pool_rows import METRICS
from routereval.results.results import Results
from routereval.results.summary import SHOWN
from routereval.results.two_runs import two_runs
from routereval.shown import Shown
from routereval.studies.known_prompts import SavedRouter
from routereval.whole_files import write_whole


def report(
    values: Shown | Sequence[Shown] | str | Path,
    path: str | Path,
    *,
    title: str = "routereval",
    router: str | Path | None = None,
) -> Path:
    """Write the report of a run, or the tables of other values, as one HTML page.

    The page reads nothing from elsewhere. That of a run has a part for the person who decides, one
    for the researcher, and one for looking at prompts.

    Args:
        values: the results of a run, or the folder that holds them; or what else is to be shown: a
            verdict, advice; or several, in this order.
        path: of the file; one that is there is replaced.
        title: the heading of the page.
        router: the folder of a saved router, whose certificate the report of a run shows.

    Returns:
        The file.

    Raises:
        DataError: if there is nothing to show, or the folder of the file does not exist.
    """
    target = Path(path)
    if isinstance(values, str | Path) and not Path(values).exists():
        raise DataError(f"{values} holds no results of routereval run")
    _refuse_no_folder(target)
    return _written(_page(values, title, router), target)


def _refuse_no_folder(target: Path) -> None:
    if not target.parent.is_dir():
        raise DataError(f"{target.parent} does not exist; make the folder for the report first")


def _written(page: str, target: Path) -> Path:
    _refuse_no_folder(target)
    write_whole(target, page)
    return target


def compare_report(first: str | Path, second: str | Path, path: str | Path) -> Path:
    """Write the page of two runs side by side.

    Args:
        first: the folder of one run.
        second: the folder of the other.
        path: of the file; one that is there is replaced.

    Returns:
        The file.

    Raises:
        DataError: if a folder holds no results, or the two have no cell in common.
    """
    found = two_runs(read_results(first), read_results(second))
    names = Path(first).resolve().name, Path(second).resolve().name
    one, two = names if names[0] != names[1] else (str(first), str(second))
    return _written(compare_page(found, one, two, f"{two} against {one}"), Path(path))


def _page(
    values: Shown | Sequence[Shown] | str | Path, title: str, router: str | Path | None
) -> str:
    if isinstance(values, str | Path):
        folder = Path(values)
        results = read_results(folder)
        if kept_document(folder) is None:  # then tables and page share what is made
            gather(results, SHOWN, METRICS)
        document = folder_document(folder, results)
        return run_page(run_report(results, str(values), document, _saved(results, router)), title)
    if isinstance(values, Results):
        return run_page(run_report(values, saved=_saved(values, router)), title)
    shown = [values] if isinstance(values, Shown) else list(values)
    if not shown:
        raise DataError("a report needs something to show, such as the results of a run")
    return to_page(title, [value.document() for value in shown])


def _saved(results: Results, router: str | Path | None) -> SavedRouter | None:
    return None if router is None else SavedRouter.read(router, results.prompts)


def folder_document(folder: Path, results: Results | None = None) -> Document:
    """The tables of all results in a folder: those that were kept, or made anew and kept.

    Args:
        folder: of a run.
        results: what it holds, if that is at hand.

    Raises:
        DataError: if the folder holds no results.
    """
    found = kept_document(folder)
    if found is None:
        found = (read_results(folder) if results is None else results).document()
        with suppress(OSError):  # a folder that may only be read
            keep_document(folder, found)
    return found
