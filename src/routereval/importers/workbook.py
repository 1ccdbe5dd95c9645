"""What a workbook would become in memory, before anything of it is made.

A sheet is a full rectangle once it is read: two cells at its far corners, some bytes in the file,
are 17 thousand million. A text that many cells name is copied into each. Both are counted here as
the XML goes by, which keeps nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from routereval.errors import DataError
from routereval.importers.archives import MemberError, opened_archive
from routereval.importers.source_files import unreadable

MOST_CELLS = 5_000_000
"""Cells of a sheet's rectangle, or `MOST_GROWTH` times the cells that are there."""
MOST_GROWTH = 4
MOST_TEXT = 1 << 29
"""Characters that the cells of a workbook may hold together."""

_FEW = 3
_PLACE = re.compile("([A-Z]{1,3})([0-9]{1,7})")


def refuse_bombs(file: Path) -> None:
    """Do nothing for a workbook that fits into memory.

    Raises:
        DataError: if it is none, is damaged, or would become far more than its size.
    """
    try:
        stat = file.stat()
    except OSError as error:
        raise unreadable(file, error) from None
    texts, cells = _counted(file, stat.st_mtime_ns, stat.st_size)
    if cells.area > max(MOST_CELLS, MOST_GROWTH * cells.n):
        raise DataError(
            f"{file} has a sheet of {cells.n_rows:,} rows × {cells.n_columns:,} columns, more than "
            "a table may have; remove the cells far off, or save it as CSV"
        )
    n_characters = cells.n_characters + texts.copied(cells.named)
    if n_characters > MOST_TEXT:
        raise DataError(
            f"{file} holds {n_characters:,} characters of text, more than a workbook may; save it "
            "as CSV"
        )


def lost_cells(file: Path) -> list[str]:
    """What of a workbook's cells is lost as it is read, as warnings: what only Excel would show.

    Raises:
        DataError: if it is no workbook, or is damaged.
    """
    stat = file.stat()
    _, cells = _counted(file, stat.st_mtime_ns, stat.st_size)
    found = []
    if cells.merged.n:
        found.append(
            f"cells are merged over several rows ({cells.merged}), of which only the first holds "
            "the value: fill in each"
        )
    if cells.unvalued.n:
        found.append(
            f"formulas hold no value ({cells.unvalued}), and are read as empty: open it in Excel "
            "or LibreOffice, and save it"
        )
    if cells.failed.n:
        found.append(f"cells hold an error ({cells.failed}), and are read as empty")
    return [f"{file.name}: {line}" for line in found]


class _Places:
    """Counts cells, and keeps where the first few are."""

    def __init__(self) -> None:
        self.n = 0
        self._first: list[str] = []

    def add(self, place: str) -> None:
        self.n += 1
        if len(self._first) < _FEW:
            self._first.append(place)

    def __str__(self) -> str:
        more = f" and {self.n - _FEW:,} more" if self.n > _FEW else ""
        return ", ".join(self._first) + more


@lru_cache(maxsize=4)  # a file is looked at a few times, to recognise it and to read it
def _counted(file: Path, _: int, __: int) -> tuple[_Texts, _Cells]:
    texts, cells = _Texts(), _Cells()
    with opened_archive(file, "Excel workbook") as archive:
        for name in archive.names:
            if not name.lower().endswith(".xml"):
                continue
            try:
                _parse(archive.read(name), texts, cells)
            except (MemberError, expat.ExpatError, ValueError) as error:
                raise DataError(f"{file}: {ascii(name)[:80]} {error}; is it damaged?") from None
    return texts, cells


class _Cells:
    """Counts the cells of all sheets: their rectangle, their texts, and the texts they name."""

    def __init__(self) -> None:
        self.n = self.area = self.n_rows = self.n_columns = self.n_characters = 0
        self.named: Counter[int] = Counter()
        self.merged, self.unvalued, self.failed = _Places(), _Places(), _Places()
        self._begin_sheet()

    def _begin_sheet(self) -> None:
        self._last_row = self._last_column = self._unplaced = 0
        self._kind, self._value, self._place = "", "", ""
        self._is_formula = self._has_value = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "worksheet":
            self._begin_sheet()
        elif tag == "row":
            row = attributes.get("r", "")
            self._last_row = max(self._last_row + 1, int(row) if row.isdecimal() else 0)
        elif tag == "c":
            self.n += 1
            place = _PLACE.fullmatch(attributes.get("r", ""))
            if place is None:
                self._unplaced += 1
            else:
                self._last_row = max(self._last_row, int(place[2]))
                self._last_column = max(self._last_column, _column(place[1]))
            self._kind, self._value = attributes.get("t", ""), ""
            self._place, self._is_formula = attributes.get("r", "?"), False
            self._has_value = False
        elif tag == "f":
            self._is_formula = True
        elif tag == "mergeCell":
            rows = set(re.findall("[0-9]+", attributes.get("ref", "")))
            if len(rows) > 1:
                self.merged.add(attributes["ref"][:20])

    def characters(self, tag: str, text: str) -> None:
        self._has_value |= tag == "v"
        if tag == "v" and self._kind in {"s", "e"} and len(self._value) < 20:
            self._value += text
        else:
            self.n_characters += len(text)

    def end(self, tag: str) -> None:
        if tag == "c":
            self._end_cell()
        elif tag == "worksheet":
            n_columns = self._last_column + self._unplaced
            if self._last_row * n_columns > self.area:
                self.area = self._last_row * n_columns
                self.n_rows, self.n_columns = self._last_row, n_columns

    def _end_cell(self) -> None:
        if self._kind == "s" and self._value.strip().isdecimal():
            self.named[int(self._value)] += 1
        elif self._kind == "e" and self._value.strip() != "#N/A":
            self.failed.add(f"{self._value} in {self._place}")
        elif self._is_formula and not self._has_value:
            self.unvalued.add(self._place)


class _Texts:
    """The lengths of the shared texts."""

    def __init__(self) -> None:
        self._lengths: list[int] = []

    def start(self, tag: str, _: dict[str, str]) -> None:
        if tag == "si":
            self._lengths.append(0)

    def characters(self, _: str, text: str) -> None:
        if self._lengths:
            self._lengths[-1] += len(text)

    def end(self, tag: str) -> None:
        pass

    def copied(self, named: Counter[int]) -> int:
        """Characters that the cells take which name these texts."""
        n = len(self._lengths)
        return sum(self._lengths[at] * times for at, times in named.items() if at < n)


def _parse(content: bytes, texts: _Texts, cells: _Cells) -> None:
    """Send the parts of a workbook's XML to whom they concern."""
    parser = expat.ParserCreate()
    path: list[str] = []
    counts: dict[str, _Cells | _Texts] = {"worksheet": cells, "sst": texts}

    def start(name: str, attributes: dict[str, str]) -> None:
        path.append(name.rpartition(":")[2])
        if (count := counts.get(path[0])) is not None:
            count.start(path[-1], attributes)

    def end(_: str) -> None:
        if (count := counts.get(path[0])) is not None:
            count.end(path[-1])
        path.pop()

    def characters(text: str) -> None:
        if (count := counts.get(path[0])) is not None:
            count.characters(path[-1], text)

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.buffer_text = True
    parser.CharacterDataHandler = characters
    parser.EntityDeclHandler = _refuse_entity
    parser.Parse(content, True)


def _refuse_entity(*_: object) -> NoReturn:
    raise ValueError("declares an entity, which no workbook does")


def _column(letters: str) -> int:
    """The number of a column, the first being 1.

    >>> _column("A"), _column("XFD")
    (1, 16384)
    """
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - 64
    return number
