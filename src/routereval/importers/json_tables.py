"""The rows of a table that one JSON object holds, in the shapes in which tables are written so."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from routereval.importers.column_words import are_models, is_benchmark, numbers_prompts
from routereval.importers.examined import listed_names
from routereval.importers.rows import RowError
from routereval.importers.table_roles import ROLES

INDEX = ""
"""What the column is called that holds the keys of rows, as in pandas' CSV files."""
_OF_A_ROW = {*ROLES["model"], *ROLES["score"], *ROLES["prompt"], *ROLES["prompt_id"]} - {
    "pass",
    "em",
}
_OF_ALL_ROWS = ("model", "benchmark", "effort")
_IDS = frozenset(ROLES["prompt_id"]) - {"id"}
_OF_A_PROMPT = (*ROLES["prompt_id"], *ROLES["prompt"])
_OF_MEANS = ("accuracy", "acc")
_FEWEST_KEYS = 2
_MANY_PROMPTS, _MORE_PROMPTS = 20, 5
"""So many keys, and so many times as many as of the other kind, are prompts, not models."""

Row = Mapping[str, Any]


def rows_inside(whole: Row) -> Iterator[Row]:
    """The rows of an object; the object itself where it has no such shape.

    These are: one list of objects, or one among others whose objects have scores, or are models'
    runs, whose model and benchmark may stand beside it, as the prompts' texts may in another (a
    list that names prompts comes before one of means); whether each of many prompts was answered
    right, by prompt; lists of objects by model or benchmark; columns as lists of one
    length; pandas' ``split``, ``columns`` and ``index``; scores by model and prompt, or by prompt
    and model, among what else there is, or lists of the runs of each; rows or runs by prompt, with
    the model beside them.

    >>> list(rows_inside({"model": "a", "rows": [{"id": "q1", "score": 1}]}))
    [{'model': 'a', 'id': 'q1', 'score': 1}]
    >>> list(rows_inside({"id": {"0": "q1"}, "a": {"0": 1}}))
    [{'': '0', 'id': 'q1', 'a': 1}]
    >>> list(rows_inside({"a": [{"id": "q1", "score": 1}], "b": [{"id": "q1", "score": 0}]}))
    [{'model': 'a', 'id': 'q1', 'score': 1}, {'model': 'b', 'id': 'q1', 'score': 0}]
    >>> list(rows_inside({"q1": {"a": 1, "b": 0}, "q2": {"a": 1, "b": 1}}))
    [{'': 'q1', 'a': 1, 'b': 0}, {'': 'q2', 'a': 1, 'b': 1}]
    >>> list(rows_inside({"model": "a", "runs": {"q1": [{"score": 1}], "q2": [{"score": 0}]}}))
    [{'model': 'a', 'prompt_id': 'q1', 'trial': 1, 'score': 1}, \
{'model': 'a', 'prompt_id': 'q2', 'trial': 1, 'score': 0}]
    """
    values = list(whole.values())
    lists = [value for value in values if isinstance(value, list) and value]
    objects = [held for held in lists if _are_objects(held)]
    rows = _rows_held(whole, objects)
    scored = any(_names(held[0], "score") for held in objects)
    tables = [] if scored or len(whole) == 1 else list(filter(_is_keyed, values))
    if all(isinstance(whole.get(key), list) for key in ("columns", "data")):
        yield from _split_rows(whole)
    elif len(tables) == 1 and len(tables) < len(whole):
        yield from _keyed_rows(tables[0])
    elif rows is not None:
        yield from _with_texts(objects, _with_what_is_of_all(whole, rows))
    elif values and len(objects) == len(values):
        yield from _rows_by_key(whole)
    elif lists and len(lists) == len(whole) and len({len(held) for held in lists}) == 1:
        yield from (dict(zip(whole, cells, strict=True)) for cells in zip(*values, strict=True))
    elif len(values) > 1 and all(isinstance(value, dict) for value in values):
        yield from _keyed_rows(whole)
    elif not objects and (inner := _keyed_by_prompt(whole)) is not None:
        yield from _with_what_is_of_all(whole, inner)
    else:
        yield whole


def _rows_held(whole: Row, lists: Sequence[list[Row]]) -> Iterable[Row] | None:
    """The rows of one list of objects, or of outcomes by prompt, in an object; None without any."""
    of_rows = lists[0] if len(lists) == 1 else _list_of_rows(lists)
    if of_rows is not None:
        return chain.from_iterable(map(rows_of_models, of_rows))
    outcomes = [held for held in (whole, *whole.values()) if _are_outcomes(held)]
    if len(outcomes) != 1:
        return None
    return [{"prompt_id": key, "score": right} for key, right in outcomes[0].items()]


def _list_of_rows(lists: Sequence[list[Row]]) -> list[Row] | None:
    """The one of several lists of objects whose objects are rows with scores; None without one.

    A list whose rows name no prompt may hold means beside it.
    """
    scored = [held for held in lists if _names(held[0], "score")]
    of_prompts = [held for held in lists if _is_of_a_prompt(held[0]) and _holds_scores(held[0])]
    runs = [held for held in lists if rows_of_models(held[0])[0] is not held[0]]
    return next((found[0] for found in (of_prompts, scored, runs) if len(found) == 1), None)


def _with_texts(lists: Sequence[list[Row]], rows: Iterable[Row]) -> Iterator[Row]:
    """Rows that name their prompts alone, with the texts that a list beside them has of these."""
    texts: dict[str, object] = {}
    for row in chain.from_iterable(lists):
        key, text = (_first_of(row, role) for role in ("prompt_id", "prompt"))
        if key is not None and text is not None and not _holds_scores(row):
            texts[str(key)] = text
    for row in rows:
        text = texts.get(str(_first_of(row, "prompt_id")))
        yield row if text is None or _names(row, "prompt") else {**row, "prompt": text}


def _first_of(row: Row, role: str) -> object:
    """What a row has for a role; None if it has nothing."""
    return next((row[alias] for alias in ROLES[role] if alias in row), None)


def _is_of_a_prompt(row: Row) -> bool:
    return _names(row, "prompt_id") or _names(row, "prompt")


def _holds_scores(row: Row) -> bool:
    """Whether a row has a score, or an object of objects with scores, by model."""
    return _names(row, "score") or any(
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(cell, dict) and _names(cell, "score") for cell in value.values())
        for value in row.values()
    )


def _are_outcomes(value: object) -> bool:
    """Whether a value says of each of many prompts whether it was answered right."""
    return (
        isinstance(value, dict)
        and len(value) >= _MANY_PROMPTS
        and all(isinstance(right, bool) for right in value.values())
    )


def _is_keyed(value: object) -> bool:
    """Whether a value holds scores by model and prompt, or by prompt and model."""
    if not isinstance(value, dict) or len(value) < _FEWEST_KEYS:
        return False
    inner = list(value.values())
    if not all(isinstance(held, dict) and held and not _OF_A_ROW & held.keys() for held in inner):
        return False
    return all(
        isinstance(cell, (int, float)) or (isinstance(cell, dict) and _names(cell, "score"))
        for held in inner
        for cell in held.values()
    )


def rows_of_models(row: Row) -> Sequence[Row]:
    """The rows in the list of one that is a model's run of several prompts; else the row itself.

    >>> rows_of_models({"model": "a", "results": [{"id": "q1", "score": 1}]})
    [{'model': 'a', 'id': 'q1', 'score': 1}]
    """
    if list not in map(type, row.values()):
        return (row,)
    of_one_prompt = _names(row, "prompt") or any(key in row for key in _IDS)
    lists = [value for value in row.values() if _are_objects(value) and _names(value[0], "score")]
    if _names(row, "model") and not of_one_prompt and len(lists) == 1:
        return list(_with_what_is_of_all(row, lists[0]))
    return (row,)


def _are_objects(value: object) -> bool:
    """Whether a value is a list of objects."""
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _keyed_by_prompt(whole: Row) -> list[Row] | None:
    """The rows of one model that one object of the whole holds by prompt; None without one.

    Each prompt has a row, or a list of them, one for each run; lists of rows that name their
    prompts are of one subset each.
    """
    found = [value for value in whole.values() if _holds_rows(value)]
    if len(found) != 1 or any(map(is_benchmark, found[0])) or _are_means(found[0].values()):
        return None
    role = "model" if are_models(found[0]) else "prompt_id"
    rows: list[Row] = []
    for key, held in found[0].items():
        if isinstance(held, dict):
            rows.append({role: key, **held})
        else:
            rows += _runs({role: key}, {"subset" if role == "prompt_id" else role: key}, held)
    return rows


def _holds_rows(value: object) -> bool:
    """Whether a value is an object of several lists of rows, or of rows with a score."""
    if not isinstance(value, dict) or len(value) < _FEWEST_KEYS:
        return False
    held = list(value.values())
    return all(map(_are_objects, held)) or all(
        isinstance(row, dict) and _names(row, "score") and not _names(row, "model") for row in held
    )


def _are_means(rows: Iterable[object]) -> bool:
    """Whether rows hold an accuracy that is no single answer's, which is right or wrong."""
    held = [row.get(name) for row in rows if isinstance(row, dict) for name in _OF_MEANS]
    return any(isinstance(number, float) and number not in {0.0, 1.0} for number in held)


def _runs(of_prompt: Row, otherwise: Row, runs: Sequence[Row]) -> list[Row]:
    """A row for each run of a model on a prompt, which its number names.

    Args:
        of_prompt: what holds for all of them.
        otherwise: what does where the rows name prompts of their own, and so are no runs.
        runs: the rows.
    """
    named = {str([run.get(name) for name in _OF_A_PROMPT]) for run in runs}
    if len(named) > 1:
        return [{**otherwise, **run} for run in runs]
    return [{**of_prompt, "trial": number, **run} for number, run in enumerate(runs, 1)]


def _with_what_is_of_all(whole: Row, rows: Iterable[Row]) -> Iterator[Row]:
    """Rows, each with the model, effort and benchmark beside their list, or in an object there."""
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
    if all(_are_objects(cell) for cells in whole.values() for cell in cells.values()) and inner:
        yield from _keyed_runs(whole, inner)
        return
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


def _keyed_runs(whole: Row, inner: Collection[str]) -> Iterator[Row]:
    """The runs that lists hold by prompt and model, or by model and prompt."""
    outer_prompts = _are_prompts(whole.keys(), inner)
    for key, cells in whole.items():
        for other, runs in cells.items():
            prompt, model = (key, other) if outer_prompts else (other, key)
            of = {"model": model}
            yield from _runs({"prompt_id": prompt, **of}, {"benchmark": prompt, **of}, runs)


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
    few, many = sorted((len(outer), len(inner)))
    if many >= _MANY_PROMPTS and many >= _MORE_PROMPTS * few:
        return len(outer) == many
    raise RowError(
        f"which keys are the models, the outer ({listed_names(outer, 3)}) or the inner "
        f"({listed_names(inner, 3)}), does not follow from their names; write a row per prompt: "
        '[{"prompt_id": …, "scores": {model: score}}, …]'
    )
