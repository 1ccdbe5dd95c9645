"""A document in any format, by name."""

from __future__ import annotations

from collections.abc import Callable

from routereval.errors import unknown
from routereval.report.data import to_csv, to_json
from routereval.report.html import to_html
from routereval.report.markup import to_latex, to_markdown
from routereval.report.table import Document
from routereval.report.terminal import to_text

FORMATS: dict[str, Callable[[Document], str]] = {
    "table": to_text,
    "markdown": to_markdown,
    "latex": to_latex,
    "csv": to_csv,
    "json": to_json,
    "html": to_html,
}
"""The renderers by the names of their formats."""


def render(document: Document, format_name: str, width: int | None = None) -> str:
    """Render a document in a format by name.

    Args:
        document: what is shown.
        format_name: one of `FORMATS`.
        width: columns of a ``table``; as many as need be if None.

    Raises:
        SpecError: if there is no such format.
    """
    if format_name not in FORMATS:
        raise unknown("table format", format_name, FORMATS)
    return to_text(document, width) if format_name == "table" else FORMATS[format_name](document)
