"""The rows of a table that one JSON object holds, in the shapes in which tables are written so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

INDEX = ""
"""What the column is called that holds the keys of rows, as in pandas' CSV files."""
_OF_A_ROW = {
    *("model", "model_name", "llm", "score", "correct", "is_correct", "prompt", "question"),
    *("prompt_id", "question_id", "id"),
}

Row = Mapping[str, Any]


def rows_inside(whole: Row) -> Iterator[Row]:
    """The rows of an object; the object itself where it has no such shape.

    These are: one list of objects (beside other things); lists of objects by model; columns as
    lists of one length; pandas' ``split``, ``columns`` and ``index``; scores by model and prompt.

    >>> list(rows_inside({"version": 1, "rows": [{"id": "q1", "a": 1}]}))
    [{'id': 'q1', 'a': 1}]
    >>> list(rows_inside({"id": {"0": "q1"}, "a": {"0": 1}}))
    [{'': '0', 'id': 'q1', 'a': 1}]
    >>> list(rows_inside({"a": [{"id": "q1", "score": 1}], "b": [{"id": "q1", "score": 0}]}))
    [{'model': 'a', 'id': 'q1', 'score': 1}, {'model': 'b', 'id': 'q1', 'score': 0}]
    """
    values = list(whole.values())
    lists = [value for value in values if isinstance(value, list) and value]
    objects = [held for held in lists if all(isinstance(item, dict) for item in held)]
    if {"columns", "data"} <= whole.keys() and len(lists) >= 2:
        yield from _split_rows(whole)
    elif len(objects) == 1:
        yield from objects[0]
    elif values and len(objects) == len(values):
        yield from ({"model": model, **row} for model, rows in whole.items() for row in rows)
    elif lists and len(lists) == len(whole) and len({len(held) for held in lists}) == 1:
        yield from (dict(zip(whole, cells, strict=True)) for cells in zip(*values, strict=True))
    elif len(values) > 1 and all(isinstance(value, dict) for value in values):
        yield from _keyed_rows(whole)
    else:
        yield whole


def _split_rows(whole: Row) -> Iterator[Row]:
    """The rows of pandas' ``orient="split"``."""
    for cells in whole["data"]:
        if isinstance(cells, list) and len(cells) == len(whole["columns"]):
            yield dict(zip(map(str, whole["columns"]), cells, strict=True))
        else:
            yield {}


def _keyed_rows(whole: Row) -> Iterator[Row]:
    """Objects by the key of their row, or cells by column and key."""
    inner = dict.fromkeys(key for cells in whole.values() for key in cells)
    if _OF_A_ROW & inner.keys():
        yield from ({INDEX: key, **row} for key, row in whole.items())
        return
    for key in inner:
        row = {column: cells[key] for column, cells in whole.items() if key in cells}
        yield {INDEX: key, **row}
