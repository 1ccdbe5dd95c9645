"""Where the scores stand in rows of JSON that hold them in objects or in lists of objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from routereval.importers.column_words import are_models, is_metadata, words_of
from routereval.importers.examined import listed_names
from routereval.importers.table_roles import ROLES

_NESTED_SCORES = ("scores", "score", "results", "performance", "accuracy", "correct")
_OF_JUDGES = frozenset(
    {
        *("judge", "judges", "rater", "raters", "grader", "graders", "annotator", "annotators"),
        *("evaluation", "evaluations", "eval", "judgment", "judgement", "review", "assessment"),
        *("criterion", "criteria", "metric", "metrics", "rubric", "rubrics", "dimensions"),
    }
)
"""Words of objects that hold scores by judge or by what was judged."""
_NESTED_COSTS = ("costs", "cost")

Cells = Callable[[str], Sequence[object]]
"""The cells of a column in the first rows."""


class Inside(NamedTuple):
    """Which columns hold the scores, and a sentence that says so; see `Layout`."""

    fact: str
    nested: tuple[str, str | None] | None = None
    listed: str | None = None
    objects: tuple[str, ...] = ()


def scores_inside(names: Sequence[str], cells: Cells, *, per_model: bool) -> Inside | None:
    """Where scores stand inside cells; None if they do not.

    Args:
        names: the columns.
        cells: the first cells of a column.
        per_model: whether a row may hold an object for each model, as it names no model itself.
    """
    for name in _NESTED_SCORES if per_model else ():  # else they are several metrics
        if name in names and _all(cells(name), dict):
            costs = next((c for c in _NESTED_COSTS if c in names and _all(cells(c), dict)), None)
            return Inside(f"models: the keys of {name!r}", nested=(name, costs))
    objects = tuple(
        name
        for name in names
        if _hold_scores(cells(name))
        and not is_metadata(name)
        and not _OF_JUDGES.intersection(words_of(name))
    )
    if objects and per_model and (len(objects) > 1 or are_models(objects)):
        return Inside(f"models: the objects {listed_names(objects)}", objects=objects)
    for name in names:
        if _hold_records(cells(name)):
            return Inside(f"records: the objects in the lists {name!r}", listed=name)
        of_models = per_model and not _OF_JUDGES.intersection(words_of(name))
        if of_models and _all(cells(name), dict) and _hold_scores(_values(cells(name))):
            return Inside(f"models: the keys of {name!r}", nested=(name, None))
    return None


def _hold_records(cells: Sequence[object]) -> bool:
    """Whether cells are lists of objects, each with a model and a score."""
    items = [item for cell in cells if isinstance(cell, list) for item in cell]
    if not items or not all(isinstance(item, dict) for item in items):
        return False
    keys = set(items[0])
    return bool(keys & set(ROLES["model"]) and keys & set(ROLES["score"]))


def _hold_scores(cells: Sequence[object]) -> bool:
    """Whether each cell that holds anything is an object with a score."""
    held = [cell for cell in cells if cell is not None]
    return bool(held) and all(isinstance(c, dict) and c.keys() & set(ROLES["score"]) for c in held)


def _values(cells: Sequence[object]) -> list[object]:
    """What the objects hold."""
    return [value for cell in cells if isinstance(cell, dict) for value in cell.values()]


def _all(cells: Sequence[object], kind: type) -> bool:
    held = [cell for cell in cells if cell is not None]
    return bool(held) and all(isinstance(cell, kind) for cell in held)
