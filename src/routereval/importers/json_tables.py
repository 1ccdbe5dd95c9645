"""The rows of a table that one JSON object holds, in the shapes in which tables are written so."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from routereval.importers.column_words import are_models, numbers_prompts
from routereval.importers.examined import listed_names
from routereval.importers.rows import RowError
from routereval.importers.table_roles import ROLES

INDEX = ""
"""What the column is called that holds the keys of rows, as in pandas' CSV files."""
_OF_A_ROW = {*ROLES["model"], *ROLES["score"], *ROLES["prompt"], *ROLES["prompt_id"]} - {
    "pass",
    "em",
}
_OF_ALL_ROWS = ("model", "benchmark")

Row = Mapping[str, Any]


def rows_inside(whole: Row) -> Iterator[Row]:
    """The rows of an object; the object itself where it has no such shape.

    These are: one list of objects, whose model and benchmark may stand beside it; lists of objects
    by model or benchmark; columns as lists of one length; pandas' ``split``, ``columns`` and
    ``index``; scores by model and prompt, or by prompt and model.

    >>> list(rows_inside({"model": "a", "rows": [{"id": "q1", "score": 1}]}))
    [{'model': 'a', 'id': 'q1', 'score': 1}]
    >>> list(rows_inside({"id": {"0": "q1"}, "a": {"0": 1}}))
    [{'': '0', 'id': 'q1', 'a': 1}]
    >>> list(rows_inside({"a": [{"id": "q1", "score": 1}], "b": [{"id": "q1", "score": 0}]}))
    [{'model': 'a', 'id': 'q1', 'score': 1}, {'model': 'b', 'id': 'q1', 'score': 0}]
    >>> list(rows_inside({"q1": {"a": 1, "b": 0}, "q2": {"a": 1, "b": 1}}))
    [{'': 'q1', 'a': 1, 'b': 0}, {'': 'q2', 'a': 1, 'b': 1}]
    """
    values = list(whole.values())
    lists = [value for value in values if isinstance(value, list) and value]
    objects = [held for held in lists if all(isinstance(item, dict) for item in held)]
    if {"columns", "data"} <= whole.keys() and len(lists) >= 2:
        yield from _split_rows(whole)
    elif len(objects) == 1:
        yield from _with_what_is_of_all(whole, objects[0])
    elif values and len(objects) == len(values):
        yield from _rows_by_key(whole)
    elif lists and len(lists) == len(whole) and len({len(held) for held in lists}) == 1:
        yield from (dict(zip(whole, cells, strict=True)) for cells in zip(*values, strict=True))
    elif len(values) > 1 and all(isinstance(value, dict) for value in values):
        yield from _keyed_rows(whole)
    else:
        yield whole


def _with_what_is_of_all(whole: Row, rows: Iterable[Row]) -> Iterator[Row]:
    """Rows, each with the model and the benchmark that stand beside their list, or in an object."""
    scalars = {key: value for key, value in whole.items() if isinstance(value, str)}
    for inner in (value for value in whole.values() if isinstance(value, dict)):
        scalars |= {k: v for k, v in inner.items() if isinstance(v, str) and k not in scalars}
    of_all = {
        role: scalars[alias]
        for role in _OF_ALL_ROWS
        for alias in reversed(ROLES[role])
        if alias in scalars
    }
    for row in rows:
        # A model beside rows that hold no score of their own may be the judge.
        wanted = {
            role: name
            for role, name in of_all.items()
            if not _names(row, role) and (role != "model" or _names(row, "score"))
        }
        yield {**wanted, **row}


def _rows_by_key(whole: Row) -> Iterator[Row]:
    """Rows in lists by model; by benchmark if they say themselves which models they are of."""
    for key, rows in whole.items():
        for row in rows:
            of_model = _names(row, "score") and not _names(row, "model")
            role = "model" if of_model else "benchmark"
            yield row if _names(row, role) else {role: key, **row}


def _names(row: Row, role: str) -> bool:
    return any(alias in row for alias in ROLES[role])


def _split_rows(whole: Row) -> Iterator[Row]:
    """The rows of pandas' ``orient="split"``."""
    names, index = list(map(str, whole["columns"])), whole.get("index")
    keys: list[Any] = index if isinstance(index, list) and INDEX not in names else []
    for number, cells in enumerate(whole["data"]):
        if isinstance(cells, list) and len(cells) == len(names):
            key = {INDEX: keys[number]} if len(keys) == len(whole["data"]) else {}
            yield key | dict(zip(names, cells, strict=True))
        else:
            yield {}


def _keyed_rows(whole: Row) -> Iterator[Row]:
    """Objects by the key of their row, or cells by column and key."""
    inner = dict.fromkeys(key for cells in whole.values() for key in cells)
    hold_scores = all(
        cell is None or isinstance(cell, (int, float, dict))
        for cells in whole.values()
        for cell in cells.values()
    )
    if _OF_A_ROW & inner.keys() or (hold_scores and _are_prompts(whole.keys(), inner.keys())):
        yield from ({INDEX: key, **row} for key, row in whole.items())
        return
    for key in inner:
        row = {column: cells[key] for column, cells in whole.items() if key in cells}
        yield {INDEX: key, **row}


def _are_prompts(outer: Collection[str], inner: Collection[str]) -> bool:
    """Whether the outer keys are the prompts, not the inner.

    Raises:
        RowError: if their names do not tell.
    """
    if are_models(outer) != are_models(inner):
        return are_models(inner)
    if numbers_prompts(outer) != numbers_prompts(inner):
        return numbers_prompts(outer) and not {*ROLES["prompt_id"]} & {*outer}
    if {*ROLES["prompt_id"], *ROLES["prompt"]} & {*outer}:
        return False
    raise RowError(
        f"which keys are the models, the outer ({listed_names(outer, 3)}) or the inner "
        f"({listed_names(inner, 3)}), does not follow from their names; write a row per prompt: "
        '[{"prompt_id": …, "scores": {model: score}}, …]'
    )
