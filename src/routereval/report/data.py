"""All numbers of a document for other programs: CSV, JSON and polars."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from routereval.report.table import Cell, Document, Number, Table

if TYPE_CHECKING:
    import polars as pl


def to_csv(document: Document) -> str:
    """All numbers in full precision, with a line of heads; empty where not defined."""
    columns = _columns(document.data)
    rows = zip(*([_field(v) for v in held] for held in columns.values()), strict=True)
    return "".join(map(_csv_line, [list(columns), *rows]))


def to_polars(document: Document) -> pl.DataFrame:
    """All numbers as a frame; null where not defined."""
    import polars as pl

    columns = _columns(document.data)
    return pl.DataFrame({name: _series(held) for name, held in columns.items()})


def to_json(document: Document) -> str:
    """All numbers as JSON, with two blanks of indent; what is not defined is null."""
    held = document.json if document.json is not None else _objects(document.data)
    return json.dumps(plain(held), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def plain(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Numbers and their containers as JSON has them; what is not defined or infinite is null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    held = _container(value)
    if isinstance(held, Mapping):
        return {str(key): plain(item) for key, item in held.items()}
    return [plain(item) for item in held] if isinstance(held, list | tuple) else held


def _container(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Arrays, records and sets as lists and mappings; all else as it is."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist() if isinstance(value, np.ndarray) else plain(value.item())
    if hasattr(value, "_asdict"):
        return value._asdict()
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: getattr(value, one.name) for one in fields(value)}
    return sorted(value) if isinstance(value, set | frozenset) else value


def _columns(table: Table) -> dict[str, list[Cell]]:
    """The values of each column by name; the ends of intervals are columns of their own."""
    found: dict[str, list[Cell]] = {}
    for place, column in enumerate(table.columns):
        cells = [row.cells[place] for row in table.rows]
        for suffix, values in _spread(cells):
            found[column.name + suffix] = values
    return found


def _spread(cells: list[Cell]) -> Iterator[tuple[str, list[Cell]]]:
    yield "", [cell.value if isinstance(cell, Number) else cell for cell in cells]
    held = [cell if isinstance(cell, Number) else Number(math.nan) for cell in cells]
    if any(not math.isnan(number.low) for number in held):
        yield "_low", [number.low for number in held]
        yield "_high", [number.high for number in held]


def _objects(table: Table) -> list[dict[str, Any]]:
    columns = _columns(table)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _csv_line(fields_: Iterable[str | int]) -> str:
    """One line; the module csv quotes a name with a carriage return only before its own ends."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerow(fields_)
    return buffer.getvalue().removesuffix("\r\n") + "\n"


def _field(value: Cell) -> str | int:
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(value)
    return "" if value is None else value  # type: ignore[return-value]


def _series(cells: list[Cell]) -> list[Cell]:
    """The values of a column of one type; among numbers an empty cell is one that is not known."""
    known = [None if isinstance(cell, float) and math.isnan(cell) else cell for cell in cells]
    numbers = any(isinstance(cell, float | int) for cell in known)
    return [None if numbers and cell == "" else cell for cell in known]
