"""Rows of foreign files: read line by line, their cells checked, the bad ones reported together.

A row that cannot be read is a `RowError`, which `BadRows` notes with file and line.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from routereval.errors import DataError
from routereval.importers.source_files import (
    TooManyValuesError,
    contents,
    holds_a_link,
    json_value,
    opened,
    refuse_outside,
    unreadable,
)
from routereval.regular_files import special_kind

LONGEST_LINE = 1 << 26
MOST_BAD_ROWS = 20
_ALIKE = 3  # rows of one remedy that are listed
_PEEK_BYTES = 1 << 18
_LARGEST_ID = 10**40
HIGHEST_COST = 1e9
"""USD per call; what is above is no cost."""
_LARGEST_AXIS = 1e15
_BOM = b"\xef\xbb\xbf"


class RowError(ValueError):
    """Why one row cannot be read; `BadRows.row` notes it with file and line."""


class BadRows:
    """Collects the rows that cannot be read, so that a user mends them in one go.

    >>> bad = BadRows()
    >>> with bad.row(Path("log.jsonl"), 7):
    ...     raise RowError("there is no 'score'")
    >>> bad.check()
    Traceback (most recent call last):
        ...
    routereval.errors.DataError: 1 row cannot be read; mend or remove it:
    log.jsonl:7: there is no 'score'
    """

    def __init__(self, most: int = MOST_BAD_ROWS) -> None:
        self._most = most
        self._lines: list[tuple[str, str]] = []

    def add(self, file: Path, line: int, why: str) -> None:
        """Note a bad row.

        Args:
            file: where it stands.
            line: its line, the first being 1; 0 if it is the whole file.
            why: what is wrong with it.

        Raises:
            DataError: at the twentieth, listing them all.
        """
        place = f"{file}:{line}" if line else str(file)
        self._lines.append((place, why))
        if len(self._lines) >= self._most:
            self.check()

    @property
    def n(self) -> int:
        """How many were noted."""
        return len(self._lines)

    @property
    def first(self) -> str:
        """The first of them, as ``file:line: why``; empty without."""
        return ": ".join(self._lines[0]) if self._lines else ""

    @contextmanager
    def row(self, file: Path, line: int) -> Iterator[None]:
        """Note any `RowError` of the block as a bad row and go on after it."""
        why = None
        try:
            yield
        except RowError as error:
            why = str(error)
        if why is not None:
            self.add(file, line, why)

    def check(self) -> None:
        """Do nothing if there was no bad row.

        Raises:
            DataError: listing them as ``file:line: why``, if there were any.
        """
        n = len(self._lines)
        if not n:
            return
        problems = list(_remedies_once(self._lines, more=n >= self._most))
        if n > len(problems) == 1:
            raise DataError(problems[0])
        head = "1 row cannot be read; mend or remove it"
        if n > 1:
            head = f"{n} rows cannot be read; mend or remove them"
        if n >= self._most:
            head = f"the first {n} rows that cannot be read; mend or remove them and all like them"
        raise DataError("\n".join([f"{head}:", *problems]))


def _remedies_once(lines: Sequence[tuple[str, str]], *, more: bool) -> Iterator[str]:
    """Places with what is wrong there; what may be done stands where it first occurs.

    Of rows that one remedy mends, three tell enough; of numbers on another scale, their range does.

    Args:
        lines: places, each with what is wrong there.
        more: whether there may be others.
    """
    outside = [_OUTSIDE.fullmatch(why) for _, why in lines]
    ranges = Counter(found["range"] for found in outside if found)
    rows: Counter[str] = Counter()
    stated = set[str]()
    for (place, why), found in zip(lines, outside, strict=True):
        if found and ranges[found["range"]] > _ALIKE:
            if found["range"] not in stated:
                stated.add(found["range"])
                alike = [one for one in outside if one and one["range"] == found["range"]]
                yield f"{place}: {_one_of(alike, more=more)}"
            continue
        wrong, _, remedy = why.partition("; ")
        rows[remedy] += 1
        if rows[remedy] == 1:
            yield f"{place}: {why}"
        elif not remedy or rows[remedy] <= _ALIKE:
            yield f"{place}: {wrong}"
    left = sum(max(n - _ALIKE, 0) for remedy, n in rows.items() if remedy)
    if left:
        yield f"and {left} more like these"


_OUTSIDE = re.compile(
    r"(?P<what>.*?)(?P<number>-?[\d.]+(?:e[+-]\d+)?|-?inf) lies outside (?P<range>\[[^]]*\]); "
    r"(?P<remedy>.*?)(?P<ignore>; --columns .*)?",
    re.DOTALL,
)
"""A number that is on no scale that was declared, and what may be done about it."""


def _one_of(found: Sequence[re.Match[str]], *, more: bool) -> str:
    """The first of several numbers outside of a range, how many there are, and between which."""
    numbers = [float(one["number"]) for one in found]
    first, n = found[0], f"{len(found)}{' or more' * more}"
    also = f"one of {n} such numbers, from {min(numbers):g} to {max(numbers):g}"
    column = first["ignore"] if len({one["what"] for one in found}) == 1 else ""
    wrong = f"{first['what']}{first['number']} lies outside {first['range']}, {also}"
    return f"{wrong}; {first['remedy']}{column or ''}"


def finite_in(value: object, what: str) -> float:
    """The number that a cell holds, NaN if it is empty.

    Text that reads as a number, ``true`` or ``false`` counts as that.

    Raises:
        RowError: if it holds anything else.

    >>> finite_in("True", "score"), finite_in("0.5", "score"), finite_in("", "score")
    (1.0, 0.5, nan)
    """
    if type(value) is float and math.isfinite(value):
        return value
    if value is None:
        return math.nan
    if not isinstance(value, (str, int, float, np.integer, np.floating, np.bool_)):
        raise RowError(f"{what} is of type {type(value).__name__}, not a number")
    try:
        number = _WORDS.get(value.strip().lower()) if isinstance(value, str) else None
        number = float(value) if number is None else number
    except (ValueError, OverflowError):
        raise RowError(f"{what} {_shown(value)} is not a number") from None
    if math.isinf(number):
        raise RowError(f"{what} is infinite")
    return number


_WORDS = {"true": 1.0, "false": 0.0, "": math.nan, "none": math.nan, "null": math.nan}


def score_in(value: object, what: str = "score") -> float:
    """The score that a cell holds, NaN if it is empty.

    Raises:
        RowError: if it is no number in [0, 1].
    """
    number = finite_in(value, what)
    if number < 0 or number > 1:
        raise RowError(f"{what} {number:g} lies outside [0, 1]")
    return number


def cost_in(value: object, what: str = "cost") -> float:
    """The cost that a cell holds in USD, NaN if it is empty.

    Raises:
        RowError: if it is no number from 0 to `HIGHEST_COST`.
    """
    if value is None:
        return math.nan
    number = finite_in(value, what)
    if number < 0 or number > HIGHEST_COST:
        raise RowError(f"{what} {number:g} lies outside [0, {HIGHEST_COST:g}]")
    return number


def axis_in(value: object) -> float | None:
    """The number of an axis that a cell holds, NaN if it is empty; None if it is no such number.

    >>> axis_in("12"), axis_in(None), axis_in("fast"), axis_in(-1)
    (12.0, nan, None, None)
    """
    try:
        number = finite_in(value, "")
    except RowError:
        return None
    return None if number < 0 or number > _LARGEST_AXIS else number


def field_in(row: Mapping[str, Any], key: str) -> Any:  # noqa: ANN401 - JSON's or CSV's cells
    """A field of a row.

    Raises:
        RowError: if the row has no such field.
    """
    if key not in row:
        raise RowError(f"there is no {key!r}")
    return row[key]


def name_in(row: Mapping[str, Any], key: str) -> str:
    """The name that a field of a row holds, as `name_of` reads it.

    Raises:
        RowError: if it holds anything else, or the row has no such field.
    """
    return name_of(field_in(row, key), repr(key))


def name_of(value: object, what: str) -> str:
    """A name: text that is not blank, or an integer.

    Raises:
        RowError: if the value is anything else.
    """
    if type(value) is int and abs(value) < _LARGEST_ID:
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise RowError(f"{what} is {_shown(value)}; it should be a name")
    if not _is_text(value):
        raise RowError(f"{what} is {_shown(value)}, which is not valid Unicode")
    return value


def text_of(value: object) -> str | None:
    """The text of a prompt, None if the value is none; halves of characters become "?"."""
    if not isinstance(value, str):
        return None
    return value if _is_text(value) else value.encode("utf-8", "replace").decode("utf-8")


def _is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: object) -> str:
    if isinstance(value, int) and abs(value) >= _LARGEST_ID:
        return "a huge number"
    if not isinstance(value, (str, int, float, type(None))):
        return f"of type {type(value).__name__}"
    text = ascii(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def json_of(text: str | bytes) -> Any:  # noqa: ANN401 - JSON is of any type
    """What a JSON text holds.

    Raises:
        RowError: if it is broken, nested too deeply, not UTF-8, or would fill the memory.
    """
    try:
        return json_value(text if isinstance(text, str) else text.decode("utf-8-sig"))
    except RecursionError:
        raise RowError("is nested too deeply") from None
    except UnicodeDecodeError:
        raise RowError("is not UTF-8") from None
    except TooManyValuesError as error:
        raise RowError(str(error)) from None
    except ValueError as error:
        raise RowError(f"is not JSON ({str(error)[:100]})") from None


def json_objects(file: Path, bad: BadRows) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSON Lines file with their line numbers; a broken line is a bad row.

    Raises:
        DataError: if the file cannot be read.
    """
    for line, text in text_lines(file, bad):
        with bad.row(file, line):
            if text.strip():
                value = json_of(text)
                if not isinstance(value, dict):
                    raise RowError("is not a JSON object")
                yield line, value


def json_records(file: Path, bad: BadRows) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSON list or of JSON Lines, with their place in the list or their line.

    Raises:
        DataError: if the file cannot be read, or is broken as a whole.
    """
    if not peek(file).lstrip().startswith("["):
        yield from json_objects(file, bad)
        return
    for number, value in enumerate(json_file(file), 1):
        with bad.row(file, number):
            if not isinstance(value, dict):
                raise RowError("is not a JSON object")
            yield number, value


def json_file(file: Path) -> Any:  # noqa: ANN401 - JSON is of any type
    """What a JSON file holds.

    Raises:
        DataError: if the file cannot be read or is broken.
    """
    try:
        return json_of(contents(file))
    except RowError as error:
        raise DataError(f"{file} {error}; is it cut short?") from None


def csv_rows(file: Path, bad: BadRows) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV file by column name, with the line on which each begins.

    A row of another number of fields than the header's is a bad row.

    Raises:
        DataError: if the file cannot be read, or names a column twice.
    """
    counted = _Counted(text_lines(file, bad))
    # One limit for the whole process; 128 kB, its default, is less than a long response.
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_LINE))
    rows = csv.reader(counted, strict=True)
    header: list[str] | None = None
    while True:
        begin = counted.line + 1
        try:
            cells = next(rows, None)
        except csv.Error as error:
            return bad.add(file, begin, f"is not CSV ({error})")
        if cells is None:
            return None
        if header is None:
            header = _header(file, cells)
        elif len(cells) == len(header):
            yield begin, dict(zip(header, cells, strict=True))
        elif cells:
            bad.add(file, begin, f"has {len(cells)} fields for {len(header)} columns")


def csv_header(file: Path) -> list[str]:
    """The column names of a CSV file, or none if it does not look like one; never raises."""
    rows = csv.reader(peek(file).splitlines(keepends=True))
    try:
        return next(rows, [])
    except csv.Error:
        return []


def peek(file: Path) -> str:
    """The beginning of a file as text, for `recognise`; empty if there is none."""
    try:
        with opened(file) as stream:
            head = stream.read(_PEEK_BYTES)
    except OSError:
        return ""
    return head.removeprefix(_BOM).decode("utf-8", "ignore")


def first_object(file: Path) -> dict[str, Any]:
    """The first object of a JSON Lines file or of a JSON list of objects, for `recognise`.

    Empty if there is none within the beginning of the file.
    """
    text = peek(file).lstrip("[ \t\r\n")
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def files_in(path: Path, *patterns: str) -> list[Path]:
    """The file itself, or the files of a folder that match, in a fixed order.

    Raises:
        DataError: if a link leads out of the folder, or a match is a pipe, a device or a socket.
    """
    if path.is_file():
        return [path] if any(path.match(pattern) for pattern in patterns) else []
    # ties: sorted below
    found = {file for pattern in patterns for file in path.glob(pattern) if not file.is_dir()}
    seen = sorted(file for file in found if not file.name.startswith(".") and file.exists())
    plain = {place for place in {file.parent for file in seen} if not holds_a_link(place, path)}
    for file in seen:
        if file.parent not in plain or file.is_symlink():
            refuse_outside(file, path)
        if kind := special_kind(file):
            raise DataError(f"{file} is {kind}, not a file; take it out of the folder")
    return seen


def some_files(path: Path, what: str, *patterns: str) -> list[Path]:
    """As `files_in`, a file of any name included.

    Raises:
        DataError: if there are none, or one is refused by `files_in`.
    """
    files = [path] if path.is_file() else files_in(path, *patterns)
    if not files:
        raise DataError(f"{path} holds no {what}; give such a file, or the folder that holds it")
    return files


def text_lines(file: Path, bad: BadRows) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 file with their numbers; what is no text, or too long, is a bad row.

    Raises:
        DataError: if the file cannot be read.
    """
    try:
        with opened(file) as stream:
            yield from _decoded(stream.readline, file, bad)
    except OSError as error:
        raise unreadable(file, error) from None


def _decoded(
    readline: Callable[[int], bytes], file: Path, bad: BadRows
) -> Iterator[tuple[int, str]]:
    line = 0
    while raw := readline(LONGEST_LINE):
        line += 1
        if len(raw) >= LONGEST_LINE and not raw.endswith(b"\n"):
            bad.add(file, line, f"is longer than {LONGEST_LINE >> 20} MB")
            while (raw := readline(LONGEST_LINE)) and not raw.endswith(b"\n"):
                pass
            continue
        try:
            yield line, (raw.removeprefix(_BOM) if line == 1 else raw).decode("utf-8")
        except UnicodeDecodeError:
            bad.add(file, line, "is not UTF-8")


class _Counted:
    """Lines without their numbers, the last of which is kept: csv joins lines to rows."""

    def __init__(self, lines: Iterator[tuple[int, str]]) -> None:
        self.lines = lines
        self.line = 0

    def __iter__(self) -> _Counted:
        return self

    def __next__(self) -> str:
        self.line, text = next(self.lines)
        return text


def _header(file: Path, cells: list[str]) -> list[str]:
    if len(set(cells)) < len(cells):
        twice = next(name for name in cells if cells.count(name) > 1)
        raise DataError(f"{file}: two columns are named {_shown(twice)}; give each its own name")
    return cells
