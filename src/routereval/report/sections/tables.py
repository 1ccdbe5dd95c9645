"""Tables on the page: sortable, with buttons for CSV and LaTeX, heads linked to definitions."""

from __future__ import annotations

import math

from routereval.report.cells import parts_of
from routereval.report.data import to_csv
from routereval.report.markup import to_latex
from routereval.report.sections.pieces import wide
from routereval.report.table import DAGGER, Column, Document, Row, Table, value_of
from routereval.report.tags import Html, joined, tag
from routereval.scoring import METRICS


class Exports:
    """What the buttons of the page's tables give, by the id of the table."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, str]] = {}

    def add(self, table: Table, notes: tuple[str, ...] = ()) -> str:
        """Keep the CSV and LaTeX of a table; returns its id."""
        name = f"table-{len(self.held) + 1}"
        document = Document([table], table, notes=notes)
        self.held[name] = {"csv": to_csv(document), "latex": to_latex(document)}
        return name


def table_html(table: Table, exports: Exports, notes: tuple[str, ...] = ()) -> Html:
    """A table with its title, notes and buttons.

    Args:
        table: what is shown.
        exports: where its CSV and LaTeX are kept.
        notes: of the document that it is part of, for LaTeX.
    """
    name = exports.add(table, notes)
    heads = [_head(column) for column in table.columns]
    rows = [_row(table, row, best) for row, best in zip(table.rows, table.best(), strict=True)]
    drawn = tag(
        "table",
        tag("caption", table.title) if table.title else Html(""),
        tag("thead", tag("tr", *heads)),
        tag("tbody", *rows),
        id=name,
        class_="sortable",
    )
    return joined(
        wide(drawn, table.title or "Table"),
        buttons(name),
        *(tag("p", note, class_="note") for note in table.notes),
    )


def buttons(name: str) -> Html:
    """The buttons of the table with this id."""
    return tag(
        "p",
        tag("button", "CSV", type="button", data_export="csv", data_of=name),
        " ",
        tag("button", "LaTeX", type="button", data_export="latex", data_of=name),
        class_="buttons screen-only",
    )


def _head(column: Column) -> Html:
    sort = tag("button", column.head, type="button", class_="sort")
    return tag(
        "th",
        sort,
        definition_link(column.name, column.head),
        scope="col",
        class_="text" if column.kind == "text" else None,
    )


def definition_link(name: str, shown: str) -> Html:
    """A small link to the definition of a metric; nothing for other columns."""
    if name not in METRICS:
        return Html("")
    return tag(
        "a", "?", href=f"#def-{METRICS[name].family}", class_="what", aria_label=f"what is {shown}"
    )


def _row(table: Table, row: Row, best: frozenset[int]) -> Html:
    cells = [
        _cell(row, place, column, place < table.names, place in best)
        for place, column in enumerate(table.columns)
    ]
    return tag("tr", *cells, class_="control" if row.control else None)


def _cell(row: Row, place: int, column: Column, names: bool, best: bool) -> Html:
    cell = row.cells[place]
    value, interval, mark = parts_of(cell, column)
    shown = f"{value} {DAGGER}" if row.control and not place else value
    inside = [shown]
    if interval:
        inside.append(tag("span", f" {interval}", class_="interval"))
    looks = [
        *(["short"] if len(shown) <= 26 else []),
        *(["text"] if column.kind == "text" else []),
        *(["best"] if best else []),
    ]
    held = value_of(cell)
    known = not isinstance(cell, str) and math.isfinite(held)
    return tag(
        "th" if names else "td",
        *inside,
        mark,
        scope="row" if names else None,
        class_=" ".join(looks) or None,
        data_v=repr(held) if known else None,
    )
