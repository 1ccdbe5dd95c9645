"""Documents in HTML: parts for a notebook, and whole pages that need nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from routereval.report.cells import parts_of, visible
from routereval.report.table import DAGGER, Column, Document, Heading, Part, Points, Row, Table

_STYLE = """
.rv{font:14px/1.45 system-ui,sans-serif;font-variant-numeric:tabular-nums}
.rv table{border-collapse:collapse;margin:.2em 0 1em}
.rv caption{text-align:left;font-weight:600;padding:.6em 0 .3em}
.rv th,.rv td{text-align:right;padding:.15em .7em;white-space:nowrap;border:0;vertical-align:top}
.rv thead th{border-bottom:1px solid;font-weight:600}
.rv .text{text-align:left;white-space:normal;overflow-wrap:anywhere}
.rv tbody th{font-weight:400}
.rv .control{opacity:.7}
.rv .best{font-weight:700}
.rv .ends>*{border-bottom:1px solid #8886}
.rv .interval{font-size:.85em;opacity:.75}
.rv .wide{overflow-x:auto}
.rv .note{margin:.15em 0;font-size:.9em;opacity:.8;max-width:50em}
.rv p,.rv li{max-width:50em}
""".strip().replace("\n", "")
_PAGE = (
    ":root{color-scheme:light dark}body{margin:1.5em auto;padding:0 1em;max-width:80em}"
    "@media print{.rv .wide{overflow:visible}}"
)


def to_html(document: Document) -> str:
    """A document as a part of a page, with its style."""
    return f"<style>{_STYLE}</style>{_document(document)}"


def to_page(title: str, documents: Sequence[Document]) -> str:
    """A whole page, which reads nothing from elsewhere.

    Args:
        title: its heading.
        documents: what is on it, in this order.
    """
    body = "\n".join(map(_document, documents))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>{_text(title)}</title>\n<style>{_STYLE}{_PAGE}</style>\n</head>\n"
        f'<body class="rv">\n<h1>{_text(title)}</h1>\n{body}\n</body>\n</html>\n'
    )


def _document(document: Document) -> str:
    parts = "\n".join(map(_part, document.parts))
    return f'<div class="rv">\n{parts}\n{_notes(document.notes)}</div>'


def _part(part: Part) -> str:
    if isinstance(part, Table):
        return _table(part)
    if isinstance(part, Heading):
        return f"<h2>{_text(part.text)}</h2>"
    if isinstance(part, Points):
        items = "".join(f"<li>{_text(sentence)}</li>" for sentence in part.sentences)
        return f"<ul>{items}</ul>"
    return f"<p>{_text(part)}</p>"


def _table(table: Table) -> str:
    heads = "".join(
        f'<th scope="col"{_class(column)}>{_text(column.head)}</th>' for column in table.columns
    )
    caption = f"<caption>{_text(table.title)}</caption>\n" if table.title else ""
    rows = "\n".join(
        _row(table, row, best) for row, best in zip(table.rows, table.best(), strict=True)
    )
    return (
        f'<div class="wide"><table>\n{caption}'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table></div>\n"
        f"{_notes(table.notes)}"
    )


def _row(table: Table, row: Row, best: frozenset[int]) -> str:
    cells = []
    for place, column in enumerate(table.columns):
        tag, scope = ("th", ' scope="row"') if place < table.names else ("td", "")
        look = _class(column, "best" if place in best else "")
        cells.append(f"<{tag}{scope}{look}>{_cell(row, place, column)}</{tag}>")
    names = [*(["control"] if row.control else []), *(["ends"] if row.ends else [])]
    look = f' class="{" ".join(names)}"' if names else ""
    return f"<tr{look}>{''.join(cells)}</tr>"


def _cell(row: Row, place: int, column: Column) -> str:
    value, interval, mark = parts_of(row.cells[place], column)
    text = _text(f"{value} {DAGGER}" if row.control and not place else value)
    if interval:
        text += f' <span class="interval">{_text(interval)}</span>'
    return text + _text(mark)


def _class(column: Column, more: str = "") -> str:
    names = " ".join(filter(None, ["text" if column.kind == "text" else "", more]))
    return f' class="{names}"' if names else ""


def _notes(notes: Sequence[str]) -> str:
    return "".join(f'<p class="note">{_text(note)}</p>\n' for note in notes)


def _text(text: str) -> str:
    return escape(visible(text))
