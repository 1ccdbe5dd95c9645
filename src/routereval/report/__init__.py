"""Tables and figures of results, for terminals, notebooks, papers and other programs."""

import sys
from types import ModuleType

from routereval.report.page import report
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


class _Report(ModuleType):
    """This package is called as the function is: ``rv.report(results, "report.html")``."""

    __call__ = staticmethod(report)


sys.modules[__name__].__class__ = _Report
