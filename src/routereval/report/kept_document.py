"""A run's tables kept beside its results, so that they are shown again at once.

``tables.json`` is of the cells that lie there, by their hash: other cells, another version, and it
is made anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from routereval._version import __version__
from routereval.report.data import plain
from routereval.report.table import (
    Cell,
    Column,
    Document,
    Heading,
    Number,
    Part,
    Points,
    Row,
    Table,
)
from routereval.whole_files import write_whole

_TABLES = "tables.json"
_CELLS, _RUN = "results.jsonl", "run.json"


def kept_document(folder: Path) -> Document | None:
    """The tables of all cells of a folder, if they were kept; None where not, or no longer so."""
    held: object = None
    with suppress(OSError, ValueError):
        held = json.loads((folder / _TABLES).read_text(encoding="utf-8"))
    if not isinstance(held, dict) or held.get("of") != _key(folder):
        return None
    with suppress(KeyError, TypeError, ValueError):
        return _document(held["document"])
    return None


def keep_document(folder: Path, document: Document) -> None:
    """Keep the tables of all cells of a folder."""
    held = {"of": _key(folder), "document": _plain(document)}
    write_whole(folder / _TABLES, json.dumps(held, ensure_ascii=False))


def _key(folder: Path) -> str:
    """What decides the tables: the cells, the notes of the run, and this version."""
    digest = hashlib.sha256(__version__.encode())
    with suppress(OSError):
        digest.update((folder / _CELLS).read_bytes())
    with suppress(OSError, ValueError):
        info = json.loads((folder / _RUN).read_text(encoding="utf-8"))
        digest.update(json.dumps(info.get("notes", [])).encode())
    return digest.hexdigest()


def _plain(document: Document) -> dict[str, Any]:
    return {
        "parts": [_part(part) for part in document.parts],
        "data": _table(document.data),
        "json": None if document.json is None else plain(document.json),
        "notes": list(document.notes),
    }


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, Table):
        return {"table": _table(part)}
    if isinstance(part, Heading):
        return {"heading": part.text}
    if isinstance(part, Points):
        return {"points": list(part.sentences)}
    return {"text": part}


def _table(table: Table) -> dict[str, Any]:
    rows = [[[_cell(cell) for cell in row.cells], row.control, row.ends] for row in table.rows]
    return {
        "title": table.title,
        "columns": [asdict(column) for column in table.columns],
        "rows": rows,
        "notes": list(table.notes),
        "names": table.names,
    }


def _cell(cell: Cell) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(cell, Number):
        return [float(cell.value), float(cell.low), float(cell.high), cell.mark]
    return cell.item() if isinstance(cell, np.generic) else cell


def _document(held: Mapping[str, Any]) -> Document:
    parts = [_read_part(part) for part in held["parts"]]
    return Document(parts, _read_table(held["data"]), held["json"], held["notes"])


def _read_part(held: Mapping[str, Any]) -> Part:
    if "table" in held:
        return _read_table(held["table"])
    if "heading" in held:
        return Heading(held["heading"])
    return Points(held["points"]) if "points" in held else str(held["text"])


def _read_table(held: Mapping[str, Any]) -> Table:
    rows = [Row(_read_cells(cells), control, ends) for cells, control, ends in held["rows"]]
    columns = [Column(**column) for column in held["columns"]]
    return Table(held["title"], columns, rows, held["notes"], held["names"])


def _read_cells(cells: Sequence[Any]) -> tuple[Cell, ...]:
    return tuple(Number(*cell) if isinstance(cell, list) else cell for cell in cells)
