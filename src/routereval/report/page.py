"""The report: all tables of some values as one page that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from routereval.errors import DataError
from routereval.report.html import to_page
from routereval.shown import Shown


def report(values: Shown | Sequence[Shown], path: str | Path, *, title: str = "routereval") -> Path:
    """Write the tables of results as one HTML page, which reads nothing from elsewhere.

    Args:
        values: what is to be shown: results, a verdict, advice; or several, in this order.
        path: of the file; one that is there is replaced.
        title: the heading of the page.

    Returns:
        The file.

    Raises:
        DataError: if there is nothing to show, or the folder of the file does not exist.
    """
    shown = [values] if isinstance(values, Shown) else list(values)
    target = Path(path)
    if not shown:
        raise DataError("a report needs something to show, such as the results of a run")
    if not target.parent.is_dir():
        raise DataError(f"{target.parent} does not exist; make the folder for the report first")
    part = target.with_name(f"{target.name}.part")
    page = to_page(title, [value.document() for value in shown])
    part.write_text(page, encoding="utf-8", errors="backslashreplace")
    part.replace(target)
    return target
