"""Documents for a terminal, or any fixed width: no number is cut, and no column is left out.

A table that is too wide is first narrowed where texts can be wrapped, then turned if it has few
rows, then cut into parts of some columns each, under the names of the rows. Intervals are left out
only where not even one column would fit, and a note says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len, chop_cells

from routereval.report.cells import cell_text, visible
from routereval.report.table import DAGGER, Document, Heading, Number, Part, Points, Table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

Segment = tuple[str, str]
"""A piece of a line and its style."""
Segments = list[Segment]

_INDENT, _GAP = 2, 2
_FEW = 3  # rows of a table that may be turned
_LEAST = 16  # columns that a wrapped text gets
_NAME = 0.45  # share of the width that a name may take before it is wrapped
_BREAKS = re.compile(r"(?<=[\s,/_\-:(=|])(?!(?<=\d[,/:]|[\w\s(=\[]-)\d)")  # and no number is cut
_BEST, _CONTROL, _NOTE, _TITLE = "bold green", "dim", "dim", "italic"


def to_text(document: Document, width: int | None = None) -> str:
    """A document as plain text.

    Args:
        document: what is shown.
        width: columns at most; as many as need be if None.
    """
    lines = document_lines(document, width, styled=False)
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines) + "\n"


def draw(document: Document, console: Console) -> None:
    """Draw a document on a rich console, as wide as it is; in a pipe as wide as need be."""
    from rich.text import Text

    styled = console.is_terminal and console.color_system is not None
    width = console.width if console.is_terminal else None
    for line in document_lines(document, width, styled=styled):
        text = Text.assemble(*line, no_wrap=True, overflow="ignore", end="\n")
        _print_whole(console, text)


def _print_whole(console: Console, text: Text) -> None:
    text.rstrip()
    console.print(text, crop=False, soft_wrap=True, highlight=False)


def document_lines(document: Document, width: int | None, *, styled: bool) -> Iterator[Segments]:
    """The lines of a document, each in pieces with a style."""
    above: Part | None = None
    for part in document.parts:
        if above is not None and not isinstance(above, Heading):
            yield []
        above = part
        yield from _part_lines(part, width, styled)
    if document.notes:
        yield []
    for note in document.notes:
        yield from _wrapped(note, width, style=_NOTE)


def _part_lines(part: Part, width: int | None, styled: bool) -> Iterator[Segments]:
    if isinstance(part, Table):
        yield from table_lines(part, width, styled=styled)
    elif isinstance(part, Heading):
        yield from _wrapped(part.text, width, style="bold")
        yield [("─" * min(cell_len(part.text), width or cell_len(part.text)), "")]
    elif isinstance(part, Points):
        for sentence in part.sentences:
            yield from _wrapped(sentence, width, first="• ", rest="  ")
    else:
        yield from _wrapped(part, width)


def _wrapped(
    text: str, width: int | None, *, style: str = "", first: str = "", rest: str = ""
) -> Iterator[Segments]:
    """A sentence in lines, broken at spaces only."""
    whole = visible(text)
    if width is None or not whole:
        yield from [[(first + whole, style)]] if whole else []
        return
    lines, empty = [first], True
    for word in whole.split(" "):
        longer = lines[-1] + ("" if empty else " ") + word
        if empty or cell_len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(rest + word)
        empty = False
    yield from ([(line.rstrip(), style)] for line in lines)


# Tables


@dataclass(frozen=True)
class _Grid:
    """The texts of a table, the heads first, with what is needed to place them."""

    heads: list[str]
    rows: list[list[str]]
    styles: list[list[str]]
    right: list[bool]
    names: int
    ends: list[bool]

    def widths(self) -> list[int]:
        """Columns of the terminal that each column needs."""
        return [
            max([_head_width(head), *(cell_len(row[place]) for row in self.rows)])
            for place, head in enumerate(self.heads)
        ]


def table_lines(table: Table, width: int | None, *, styled: bool) -> Iterator[Segments]:
    """The lines of one table."""
    grid, notes = _grid(table, styled, intervals=True), list(table.notes)
    if width is not None and _total(grid.widths()) > width:
        if len(grid.rows) <= _FEW < len(grid.heads) and _total(_turned(grid).widths()) <= width:
            grid = _turned(grid)
        elif not _each_fits(grid, width):
            grid = _grid(table, styled, intervals=False)
            notes.insert(0, f"Intervals are left out: they do not fit into {width} columns.")
    widths = _fitted(grid, width)
    pieces = _pieces(grid, widths, width)
    for number, places in enumerate(pieces, start=1):
        part = f" · part {number} of {len(pieces)}" if len(pieces) > 1 else ""
        if number > 1:
            yield []
        yield from _wrapped((table.title + part).removeprefix(" · "), width, style=_TITLE)
        yield from _piece_lines(grid, places, widths)
    for note in notes:
        yield from _wrapped(note, width, style=_NOTE)


def _grid(table: Table, styled: bool, *, intervals: bool) -> _Grid:
    best, marked_columns = table.best(), _marked_columns(table)
    rows, styles = [], []
    for row, marked in zip(table.rows, best, strict=True):
        texts, looks = [], []
        for place, (cell, column) in enumerate(zip(row.cells, table.columns, strict=True)):
            text = cell_text(cell, column, intervals=intervals)
            if place in marked_columns and not (isinstance(cell, Number) and cell.mark):
                text += " "
            if column.better and not styled:
                text += "*" if place in marked else " "
            texts.append(f"{text} {DAGGER}" if row.control and not place else text)
            looks.append(_BEST if place in marked else _CONTROL if row.control else "")
        rows.append(texts)
        styles.append(looks)
    return _Grid(
        [
            visible(column.head) + " " * bool(column.better and not styled)
            for column in table.columns
        ],
        rows,
        styles,
        [column.kind != "text" for column in table.columns],
        table.names,
        [row.ends for row in table.rows],
    )


def _marked_columns(table: Table) -> set[int]:
    """The columns some of whose numbers have a mark, beside which the others get a blank."""
    return {
        place
        for row in table.rows
        for place, cell in enumerate(row.cells)
        if isinstance(cell, Number) and cell.mark
    }


def _turned(grid: _Grid) -> _Grid:
    """Columns as rows, where there is one name; the rows' names become the heads."""
    places = range(grid.names, len(grid.heads))
    names = [" ".join(row[: grid.names]) for row in grid.rows]
    return _Grid(
        ["", *names],
        [[grid.heads[place], *(row[place] for row in grid.rows)] for place in places],
        [["", *(row[place] for row in grid.styles)] for place in places],
        [False, *([True] * len(names))],
        1,
        [False] * len(places),
    )


def _total(widths: Sequence[int]) -> int:
    return _INDENT + sum(widths) + _GAP * (len(widths) - 1)


def _each_fits(grid: _Grid, width: int) -> bool:
    """Whether each column of numbers has its place beside the names, which may be wrapped."""
    widths = grid.widths()
    names = [min(one, _LEAST) for one in widths[: grid.names]]
    numbers = [one for place, one in enumerate(widths) if grid.right[place]]
    return _total([*names, max(numbers, default=0)]) <= width


def _fitted(grid: _Grid, width: int | None) -> list[int]:
    """The widths of the columns: texts are wrapped where that makes all fit, or none would."""
    natural = grid.widths()
    if width is None or _total(natural) <= width:
        return natural
    texts = [place for place in range(len(natural)) if not grid.right[place]]
    narrowed = _narrowed(grid, natural, width, [one for one in texts if one >= grid.names])
    if _total(narrowed) <= width:
        return narrowed
    widths = list(natural)
    for place in (one for one in texts if one < grid.names):
        most = max(_LEAST, int(_NAME * width), _longest_piece(grid, place))
        widths[place] = min(widths[place], most)
    for place in (one for one in texts if one >= grid.names):
        room = width - _total([*widths[: grid.names], 0])
        widths[place] = max(min(_LEAST, widths[place]), min(widths[place], room))
    rest = max((one for place, one in enumerate(widths) if place >= grid.names), default=0)
    for place in (one for one in texts if one < grid.names):
        over = max(0, _total([*widths[: grid.names], rest]) - width)
        widths[place] = max(min(_LEAST, widths[place]), widths[place] - over)
    return widths


def _narrowed(grid: _Grid, natural: Sequence[int], width: int, texts: Sequence[int]) -> list[int]:
    """The widths with texts wrapped, the widest first, until all fit or none can be narrower."""
    widths, others = list(natural), list(texts)
    while others and _total(widths) > width:
        place = max(others, key=lambda one: widths[one])
        least = min(widths[place], max(_LEAST, _longest_piece(grid, place)))
        if widths[place] <= least:
            others.remove(place)
        else:
            widths[place] = max(least, widths[place] - (_total(widths) - width))
    return widths


def _longest_piece(grid: _Grid, place: int) -> int:
    pieces = (piece for row in grid.rows for piece in _BREAKS.split(row[place]))
    return min(3 * _LEAST, max((cell_len(piece) for piece in pieces), default=0))


def _pieces(grid: _Grid, widths: Sequence[int], width: int | None) -> list[list[int]]:
    """The columns of each part: all in one, or in as few parts of like size as there can be."""
    names, others = list(range(grid.names)), list(range(grid.names, len(widths)))
    if width is None or _total(widths) <= width or not others:
        return [[*names, *others]]
    greedy: list[list[int]] = [[]]
    for place in others:
        tried = [*names, *greedy[-1], place]
        if greedy[-1] and _total([widths[one] for one in tried]) > width:
            greedy.append([])
        greedy[-1].append(place)
    size = -(-len(others) // len(greedy))
    even = [others[start : start + size] for start in range(0, len(others), size)]
    fits = all(_total([widths[one] for one in [*names, *part]]) <= width for part in even)
    return [[*names, *part] for part in (even if fits else greedy)]


def _piece_lines(grid: _Grid, places: Sequence[int], widths: Sequence[int]) -> Iterator[Segments]:
    heads = [_broken(grid.heads[place], widths[place], spaces=True) for place in places]
    height = max(map(len, heads))
    aligned = [[""] * (height - len(head)) + head for head in heads]
    yield from _beside(aligned, [["bold"] * height for _ in places], places, widths, grid.right)
    yield [("─" * (_total([widths[place] for place in places]) - 1), "")]
    for row, styles, ends in zip(grid.rows, grid.styles, grid.ends, strict=True):
        cells = [_broken(row[place], widths[place]) for place in places]
        looks = [[styles[place]] * len(cell) for place, cell in zip(places, cells, strict=True)]
        yield from _beside(cells, looks, places, widths, grid.right)
        if ends:
            yield []


def _beside(
    cells: Sequence[Sequence[str]],
    styles: Sequence[Sequence[str]],
    places: Sequence[int],
    widths: Sequence[int],
    right: Sequence[bool],
) -> Iterator[Segments]:
    """The lines of one row, whose cells may have several lines each."""
    for number in range(max(map(len, cells))):
        line: Segments = [(" " * (_INDENT - _GAP), "")]
        for cell, looks, place in zip(cells, styles, places, strict=True):
            text = cell[number] if number < len(cell) else ""
            space = " " * max(0, widths[place] - cell_len(text))
            look = looks[number] if number < len(looks) else ""
            padding, after = (space, "") if right[place] else ("", space)
            line += [(" " * _GAP + padding, ""), (text, look), (after, "")]
        yield line


def _broken(text: str, width: int, *, spaces: bool = False) -> list[str]:
    """A text in lines of a width: broken at spaces and signs, within a word only in need."""
    if cell_len(text) <= width:
        return [text]
    lines, width = [""], max(1, width)
    pieces = re.split(r"(?<=\s)", text) if spaces else _BREAKS.split(text)
    for piece in pieces:
        if cell_len((lines[-1] + piece).rstrip()) <= width:
            lines[-1] += piece
        elif cell_len(piece.rstrip()) <= width:
            lines.append(piece.lstrip())
        else:
            lines += chop_cells(piece, width)
    return [line.rstrip() for line in lines if line.strip()] or [""]


def _head_width(head: str) -> int:
    """The longest word of a head, and the blank at its end under which stars stand."""
    words = max((cell_len(word) for word in head.split()), default=0)
    return words + len(head) - len(head.rstrip())
