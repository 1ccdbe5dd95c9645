"""Tables and figures of results, for terminals, notebooks, papers and other programs."""

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from routereval.report.render import FORMATS, render
from routereval.report.table import Column, Document, Number, Row, Table, from_mappings
from routereval.report.terminal import draw, to_text

__all__ = [
    "FORMATS",
    "Column",
    "Document",
    "Number",
    "Row",
    "Table",
    "draw",
    "from_mappings",
    "render",
    "report",
    "to_text",
]


if TYPE_CHECKING:
    from routereval.report.page import report  # noqa: TC004 - found by __getattr__


class _Report(ModuleType):
    """This package is called as the function is: ``rv.report(results, "report.html")``.

    What writes pages is loaded then: every command prints tables, few write a page.
    """

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - of a module
        if name != "report":
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        from routereval.report.page import report

        return report

    def __call__(self, *values: Any, **options: Any) -> Path:  # noqa: ANN401 - as of `report`
        path: Path = self.report(*values, **options)
        return path


sys.modules[__name__].__class__ = _Report
