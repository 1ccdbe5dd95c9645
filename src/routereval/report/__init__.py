"""Tables of results, for the terminal, Markdown, LaTeX and other programs."""

from routereval.report.learning import save_learning
from routereval.report.tables import (
    FORMATS,
    print_tables,
    render,
    to_csv,
    to_json,
    to_latex,
    to_markdown,
    to_text,
)

__all__ = [
    "FORMATS",
    "print_tables",
    "render",
    "save_learning",
    "to_csv",
    "to_json",
    "to_latex",
    "to_markdown",
    "to_text",
]
