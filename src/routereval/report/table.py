"""Tables and documents as values: what they hold, apart from how it is written."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

Kind = Literal["text", "number", "count", "share", "p"]

DAGGER = "†"
"""Marks the row of a control, after its name."""


class Number(NamedTuple):
    """A number with its interval; NaN is what is not defined.

    Attributes:
        value: the number itself, in its own unit and full precision.
        low: lower end of its interval; NaN for none.
        high: upper end.
        mark: a sign after it, such as ``*`` for a difference that is more than chance.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    mark: str = ""


Cell = str | bool | int | float | Number | None


_ROUNDING = 1e-12  # relative: numbers nearer to each other than this are equal


@dataclass(frozen=True)
class Column:
    """What a column holds, and how its numbers are written for people.

    Attributes:
        head: its name.
        kind: ``text``; ``number``; ``count`` of things; ``share`` in [0, 1], written in percent;
            ``p``, a p-value.
        digits: decimals of a number or a percentage.
        interval: ``half`` for ±, ``ends`` for [low, high].
        signed: whether a plus sign is written.
        scale: what values are multiplied by for people; data formats keep them as they are.
        better: ``higher`` or ``lower`` where the best row is to be marked.
        latex: the head in LaTeX's mathematical mode; the head as text if empty.
        key: its name in data formats; the head if empty.
    """

    head: str
    kind: Kind = "number"
    digits: int = 3
    interval: Literal["half", "ends"] = "half"
    signed: bool = False
    scale: float = 1.0
    better: Literal["higher", "lower", ""] = ""
    latex: str = ""
    key: str = ""

    @property
    def name(self) -> str:
        """What data formats call it."""
        return self.key or self.head


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        cells: a value for each column; None for what is not known, "" for what cannot be.
        control: whether it is a yardstick, which is never the best.
        ends: whether a group of rows ends with it.
    """

    cells: tuple[Cell, ...]
    control: bool = False
    ends: bool = False


@dataclass(frozen=True)
class Table:
    """One table; its first columns name the row.

    Attributes:
        title: its heading.
        columns: what is in them.
        rows: the rows.
        notes: sentences beneath it.
        names: how many columns name the row; they are repeated where a table is cut in parts.

    Raises:
        ValueError: if a row has more or fewer cells than there are columns.

    >>> table = Table("sizes", [Column("model", "text"), Column("score")], [Row(("a", 0.5))])
    >>> table.best()
    [frozenset()]
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    notes: Sequence[str] = ()
    names: int = 1

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(
                    f"{self.title}: a row of {len(row.cells)} cells under {len(self.columns)} heads"
                )

    def best(self) -> list[frozenset[int]]:
        """Of each row, the columns in which no other is better; equal ones are all the best."""
        found: list[set[int]] = [set() for _ in self.rows]
        for place, column in enumerate(self.columns):
            sign = {"higher": 1.0, "lower": -1.0, "": 0.0}[column.better]
            known = {
                number: sign * value_of(row.cells[place])
                for number, row in enumerate(self.rows)
                if not row.control and math.isfinite(value_of(row.cells[place]))
            }
            top = max(known.values(), default=0.0)
            for number, value in known.items():
                if sign and value >= top - _ROUNDING * abs(top):
                    found[number].add(place)
        return [frozenset(one) for one in found]

    def without_empty(self) -> Table:
        """Without the columns in which no number is defined; those that name the row stay."""
        kept = [
            place
            for place in range(len(self.columns))
            if place < self.names or any(not _empty(row.cells[place]) for row in self.rows)
        ]
        rows = [replace(row, cells=tuple(row.cells[place] for place in kept)) for row in self.rows]
        return replace(self, columns=[self.columns[place] for place in kept], rows=rows)


@dataclass(frozen=True)
class PaperTable:
    """A table as papers have it: groups of columns side by side, blocks of rows one above another.

    Attributes:
        title: the first words of its caption.
        groups: titles of the groups of columns, each with its columns.
        blocks: titles of the blocks, each with its rows; a row's first cell is its name.
        notes: sentences of the caption.
    """

    title: str
    groups: Sequence[tuple[str, Sequence[Column]]]
    blocks: Sequence[tuple[str, Sequence[Row]]]
    notes: Sequence[str] = ()

    @property
    def columns(self) -> list[Column]:
        """All columns, without that of the names."""
        return [column for _, columns in self.groups for column in columns]


class Heading(NamedTuple):
    """A heading within a document."""

    text: str


class Points(NamedTuple):
    """Sentences, each one a point of a list."""

    sentences: Sequence[str]


Part = Table | Heading | Points | str


@dataclass(frozen=True)
class Document:
    """How a value is shown: its parts in order, and all its numbers for other programs.

    Attributes:
        parts: tables, headings, lists of points, and paragraphs.
        data: all numbers as one long table.
        json: all numbers as JSON has them; those of `data` if None.
        notes: sentences at the end.
        paper: tables for LaTeX alone, in the layout of papers, with notes of their own.
    """

    parts: Sequence[Part]
    data: Table
    json: Any = None
    notes: Sequence[str] = field(default=())
    paper: Sequence[PaperTable] = field(default=())

    @property
    def tables(self) -> list[Table]:
        """The tables among the parts."""
        return [part for part in self.parts if isinstance(part, Table)]


def value_of(cell: Cell) -> float:
    """The number in a cell; NaN where it holds none."""
    if isinstance(cell, Number):
        return cell.value
    return math.nan if cell is None or isinstance(cell, str) else float(cell)


def from_mappings(title: str, rows: Sequence[Mapping[str, Cell]], names: int = 1) -> Table:
    """A table of plain rows; its columns are those of the first row, by the type of what they hold.

    Args:
        title: its heading.
        rows: each by the names of the columns; at least one.
        names: how many columns name the row.
    """
    columns = [Column(key, _kind([row[key] for row in rows])) for key in rows[0]]
    return Table(title, columns, [Row(tuple(row.values())) for row in rows], names=names)


def _kind(cells: Sequence[Cell]) -> Kind:
    held = [cell for cell in cells if cell is not None]
    if all(isinstance(cell, int) for cell in held):
        return "count"
    return "text" if any(isinstance(cell, str) for cell in held) else "number"


def _empty(cell: Cell) -> bool:
    return cell in {None, ""} or (not isinstance(cell, str) and math.isnan(value_of(cell)))
