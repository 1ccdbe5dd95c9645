"""Rows of whatever file holds a table: CSV of any delimiter and encoding, JSON, Excel, Parquet.

Delimiters (comma, semicolon, tab, bar) are found by the header, or named by Excel's ``sep=`` line;
encodings by the byte order mark, else UTF-8, else Windows-1252; ``.gz`` is unpacked as it is read.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from routereval.errors import DataError, MissingDependencyError
from routereval.importers.json_tables import rows_inside, rows_of_models
from routereval.importers.rows import LONGEST_LINE, BadRows, RowError, json_of
from routereval.importers.source_files import (
    TooManyValuesError,
    json_value,
    parquet_scan,
    unpacked,
)
from routereval.importers.workbook_sheets import cells_of, read_sheets
from routereval.regular_files import LARGEST

CSV_ENDS = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
JSON_ENDS = (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".ndjson.gz", ".json.gz")
ENDS = (".parquet", *CSV_ENDS, *JSON_ENDS, ".xlsx")
"""The endings of files that may hold a table, those of a folder first that come first."""

_DELIMITERS = ",;\t|"
_HEAD = 1 << 16
_SEP_LINE = "sep="
_BROKEN = re.compile("[\udc80-\udcff]")  # bytes that are no UTF-8, as Python keeps them
_SINGLE_QUOTED = re.compile(r"'[^'\"]*'[^'\"]'[^\"]*'\s*$")
_FIRST, _PART = 100, 10_000  # rows

Row = Mapping[str, Any]


def has_end(file: Path, *ends: str) -> bool:
    """Whether a file's name ends in one of these, in any case."""
    return file.name.lower().endswith(ends)


def rows_of(file: Path, bad: BadRows) -> Iterator[tuple[int, Row]]:
    """The rows of a file by column name, each with its line or its number.

    Args:
        file: with one of `ENDS`; anything else is read as CSV.
        bad: where rows are noted that cannot be read.

    Raises:
        DataError: if the file cannot be read as what its name says.
        MissingDependencyError: if it is an Excel file and the extra ``excel`` is not there.
    """
    if has_end(file, *JSON_ENDS):
        return _json_rows(file, bad)
    if has_end(file, ".xlsx"):
        return _excel_rows(file, bad)
    if has_end(file, ".parquet"):
        return _parquet_rows(file)
    return _csv_rows(file, bad)


def decimal_comma(file: Path) -> bool:
    """Whether numbers of a file may have a decimal comma: CSV whose delimiter is another sign."""
    if has_end(file, *JSON_ENDS, ".xlsx", ".parquet"):
        return False
    with _text(file) as stream:
        return _delimiter(stream) != ","


def read_as_windows_text(file: Path) -> bool:
    """Whether a text file is no UTF-8, and so read as Windows-1252."""
    texts = (*CSV_ENDS, *JSON_ENDS)
    return has_end(file, *texts) and _encoding(file) == "cp1252"


def _encoding(file: Path) -> str:
    """The encoding of a text file, by its beginning."""
    with unpacked(file) as stream:
        head = stream.read(_HEAD)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if head.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if b"\0" in head[:64]:
        return "utf-16-le" if head[1:2] == b"\0" else "utf-16-be"
    try:
        head[: head.rfind(b"\n") + 1 or None].decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


@contextmanager
def _text(file: Path) -> Iterator[io.TextIOWrapper]:
    encoding = _encoding(file)
    with unpacked(file) as stream:
        # Bytes that Windows-1252 lacks stand for themselves; in UTF-8 they are bad rows.
        errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
        yield io.TextIOWrapper(stream, encoding=encoding, errors=errors, newline="")


def _delimiter(stream: io.TextIOWrapper) -> str:
    """The delimiter of a CSV file, which is read to the end of its header or ``sep=`` line."""
    line = stream.readline(LONGEST_LINE)
    if line.lower().startswith(_SEP_LINE):
        return line[len(_SEP_LINE) :].strip("\r\n")[:1] or ","
    counts = {sign: _outside_quotes(line).count(sign) for sign in _DELIMITERS}
    return max(counts, key=lambda sign: (counts[sign], -_DELIMITERS.index(sign)))


def _outside_quotes(line: str) -> str:
    return "".join(line.split('"')[::2])


def _csv_rows(file: Path, bad: BadRows) -> Iterator[tuple[int, Row]]:
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_LINE))
    with _text(file) as stream:
        delimiter = _delimiter(stream)
    with _text(file) as stream:
        skipped = 0
        lines = _lines(stream)
        first = next(lines, "")
        if first.lower().startswith(_SEP_LINE):
            skipped, first = 1, next(lines, "")
        rows = csv.reader(
            _with_first(first, lines),
            delimiter=delimiter,
            quotechar="'" if _SINGLE_QUOTED.match(first) else '"',
            skipinitialspace=f'{delimiter} "' in first,
            strict=True,
        )
        yield from _dicts(file, _cells(rows, skipped, bad, file), bad)


def _with_first(first: str, lines: Iterator[str]) -> Iterator[str]:
    if first:
        yield first
    yield from lines


def _lines(stream: io.TextIOWrapper) -> Iterator[str]:
    while line := stream.readline(LONGEST_LINE):
        yield line


def _cells(rows: Any, skipped: int, bad: BadRows, file: Path) -> Iterator[tuple[int, list[str]]]:  # noqa: ANN401
    """The cells of each row of a CSV file, with the line on which it begins."""
    while True:
        begin = rows.line_num + 1 + skipped
        try:
            cells = next(rows, None)
        except (csv.Error, UnicodeError) as error:
            return bad.add(file, begin, f"is not CSV ({error})")
        if cells is None:
            return None
        yield begin, cells


def _dicts(
    file: Path, rows: Iterable[tuple[int, list[str]]], bad: BadRows
) -> Iterator[tuple[int, Row]]:
    """Rows by column name, of which the first that is not empty has the names."""
    header: _Header | None = None
    for line, cells in rows:
        if header is None:
            header = _Header.of(file, cells) if any(cells) else None
        elif why := header.objection(cells):
            bad.add(file, line, why)
        elif len(cells) == header.n_cells and any(cells):
            yield line, dict(zip(header.names, cells, strict=False))


@dataclass(frozen=True)
class _Header:
    """The line of names of a CSV file.

    Attributes:
        cells: as they stand there.
        names: the columns', of which those that have none are left out if they are the last ones.
        n_cells: how many cells a row has.
    """

    cells: list[str]
    names: list[str]
    n_cells: int

    @classmethod
    def of(cls, file: Path, cells: list[str]) -> _Header:
        """The header that those cells are.

        Raises:
            DataError: if two columns have one name.
        """
        names = [name.strip() for name in cells]
        while len(names) > 1 and not names[-1]:
            names.pop()
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            if not twice:
                raise DataError(
                    f"{file}: several columns have no name; the first line should name all, "
                    "without a title above it or a second line of names"
                )
            raise DataError(
                f"{file}: two columns are named {twice[:40]!r}; give each its own name, on one "
                "line: of two lines of names, join those of each column (gpt_score, gpt_cost)"
            )
        return cls(cells, names, len(cells))

    def objection(self, cells: list[str]) -> str:
        """What is wrong with a row; empty if nothing is, or it is blank."""
        if not all(map(str.isascii, cells)) and any(map(_BROKEN.search, cells)):
            return "is not UTF-8"
        if len(cells) != self.n_cells:
            if not any(cell.strip() for cell in cells):
                return ""
            return (
                f"has {len(cells)} fields for {self.n_cells} columns; above the line of names "
                "there may be no other line"
            )
        if cells == self.cells:
            return "is the line of names again; remove it"
        rest = next((cell for cell in cells[len(self.names) :] if cell.strip()), "")
        if rest:
            return (
                f"holds {rest[:40]!r} in a column without a name; the first line should name all, "
                "without a title above it"
            )
        return ""


def _json_rows(file: Path, bad: BadRows) -> Iterator[tuple[int, Row]]:
    with _text(file) as stream:
        start = stream.read(1)
        while start.isspace():
            start = stream.read(1)
    if start == "[":
        yield from _json_list(file, bad)
        return
    if has_end(file, ".json", ".json.gz"):
        whole = _json_whole(file, None)
        if isinstance(whole, dict):
            try:
                inside = chain.from_iterable(map(rows_of_models, rows_inside(whole)))
                yield from enumerate(inside, 1)
            except RowError as error:
                raise DataError(f"{file}: {error}") from None
            return
    with _text(file) as stream:
        for line, text in enumerate(_lines(stream), 1):
            with bad.row(file, line):
                for row in rows_of_models(_object(_json_line(text))) if text.strip() else ():
                    yield line, row


def _json_line(text: str) -> object:
    if not text.isascii() and _BROKEN.search(text):
        raise RowError("is not UTF-8")
    return json_of(text)


def _object(value: object) -> Row:
    if not isinstance(value, dict):
        raise RowError("is not a JSON object")
    return value


def _json_list(file: Path, bad: BadRows) -> Iterator[tuple[int, Row]]:
    listed = _json_whole(file, [])
    for number, value in enumerate(listed if isinstance(listed, list) else (), 1):
        with bad.row(file, number):
            for row in rows_of_models(_object(value)):
                yield number, row


def _json_whole(file: Path, otherwise: object) -> object:
    """What a JSON file holds; for an object (JSON Lines too begin with one) a fallback if not."""
    with _text(file) as stream:
        text = stream.read(LARGEST)
    if len(text) >= LARGEST:
        raise DataError(f"{file} is larger than a JSON file may be; give JSON Lines (.jsonl)")
    try:
        return json_value(text)
    except RecursionError:
        raise DataError(f"{file} is nested too deeply") from None
    except TooManyValuesError as error:
        raise DataError(f"{file} {error}") from None
    except ValueError as error:
        if otherwise is None:
            return None
        raise DataError(f"{file} is not JSON ({str(error)[:100]}); is it cut short?") from None


def _excel_rows(file: Path, bad: BadRows) -> Iterator[tuple[int, Row]]:
    for sheet, of_all in read_sheets(file).items():
        for line, row in _dicts(file, enumerate(cells_of(file, sheet), 1), bad):
            yield line, {**of_all, **row}


def _parquet_rows(file: Path) -> Iterator[tuple[int, Row]]:
    import polars as pl

    from routereval.importers.long_parquet import reading

    with reading(file):
        scan, n_rows = parquet_scan(file)
    start = 0
    while start < n_rows:
        step = _PART if start else _FIRST
        with reading(file):
            part = (
                scan.slice(start, step).with_columns(pl.col(pl.Decimal).cast(pl.Float64)).collect()
            )
        if part.height != min(step, n_rows - start):
            raise DataError(f"{file} holds fewer rows than it says; is it cut short?")
        yield from enumerate(part.iter_rows(named=True), start + 1)
        start += step


def first_rows(file: Path, n_rows: int) -> list[Row]:
    """The first rows of a file that are sound, to recognise it by; none if the first two are not.

    Raises:
        DataError: if the file as a whole cannot be read.
    """
    bad = BadRows(most=2)
    try:
        return [row for _, row in islice(rows_of(file, bad), n_rows)]
    except MissingDependencyError:
        return []
    except DataError:
        if not bad.n:
            raise
        raise DataError(f"holds no table: {bad.first}") from None
