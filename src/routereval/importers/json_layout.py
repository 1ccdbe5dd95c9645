"""Where the scores stand in rows of JSON that hold them in objects or in lists of objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

from routereval.importers.column_words import are_models, is_metadata, words_of
from routereval.importers.examined import listed_names
from routereval.importers.table_roles import ROLES
from routereval.records.axes import AXIS_ROLES

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
_READ = ("model", "cost", *AXIS_ROLES)
"""The roles, beside the score, that are read of a model's object."""

Cells = Callable[[str], Sequence[object]]
"""The cells of a column in the first rows."""


class Inside(NamedTuple):
    """Which columns hold the scores, and sentences that say so; see `Layout`."""

    facts: tuple[str, ...]
    nested: tuple[str, str | None] | None = None
    listed: str | None = None
    objects: tuple[str, ...] = ()

    def places(self) -> dict[str, Any]:
        """Which columns they are, by the names that `Layout` has for them."""
        return {"nested": self.nested, "listed": self.listed, "objects": self.objects}


def scores_inside(
    names: Sequence[str], cells: Cells, *, per_model: bool, score: str | None = None
) -> Inside | None:
    """Where scores stand inside cells; None if they do not.

    Args:
        names: the columns.
        cells: the first cells of a column.
        per_model: whether a row may hold an object for each model, as it names no model itself.
        score: what the score is called in the objects; by default one of the known names.
    """
    scores = (score,) if score is not None else ROLES["score"]
    for name in _NESTED_SCORES if per_model else ():  # else they are several metrics
        if name in names and _all(cells(name), dict) and _may_be_scores(cells(name), scores):
            costs = next((c for c in _NESTED_COSTS if c in names and _all(cells(c), dict)), None)
            facts = (f"models: the keys of {name!r}", *_fields(_values(cells(name)), scores))
            return Inside(facts, nested=(name, costs))
    objects = _per_model(names, cells, scores)
    if objects and per_model and (len(objects) > 1 or are_models(objects)):
        items = [cell for name in objects for cell in cells(name)]
        facts = (f"models: the objects {listed_names(objects)}", *_fields(items, scores))
        return Inside(facts, objects=objects)
    for name in names:
        if _hold_records(cells(name), scores):
            facts = (
                f"records: the objects in the lists {name!r}",
                *_fields(_items(cells(name)), scores),
            )
            return Inside(facts, listed=name)
        of_models = per_model and not _OF_JUDGES.intersection(words_of(name))
        if of_models and _all(cells(name), dict) and _hold_scores(_values(cells(name)), scores):
            facts = (f"models: the keys of {name!r}", *_fields(_values(cells(name)), scores))
            return Inside(facts, nested=(name, None))
    return None


def may_be_inside(names: Sequence[str], cells: Cells) -> str:
    """What to do where each model's object holds numbers, none known as a score; empty if not."""
    objects = [name for name in names if _all(cells(name), dict) and not is_metadata(name)]
    items = [cell for name in objects for cell in cells(name) if isinstance(cell, dict)]
    keys = [key for key in dict.fromkeys(chain.from_iterable(items)) if _are_numbers(items, key)]
    if len(objects) < 2 or not keys:
        return ""
    return (
        f"; the objects {listed_names(objects, 4)} hold {listed_names(keys, 6)}: if they are "
        f"models, say which of these is the score, as in --columns score={keys[0]}"
    )


def rows_in_lists(names: Sequence[str], cells: Cells) -> str:
    """What to do where the rows may be objects in lists of a column; empty if there are none."""
    found = []
    for name in names:
        items = _items(cells(name))
        if len(items) > 1 and all(isinstance(item, dict) for item in items):
            keys = dict.fromkeys(key for item in items if isinstance(item, dict) for key in item)
            found.append(f"those in {name!r} {listed_names(keys, 5)}")
    if not found:
        return ""
    return (
        f"; lists hold objects, {', '.join(found[:3])}: if these are the rows, write them as a "
        "list of their own, each with its model"
    )


def is_inside(names: Sequence[str], cells: Cells, key: str) -> bool:
    """Whether objects in some column, or in its lists or objects, have a key."""
    for name in names:
        held = [*cells(name), *_values(cells(name)), *_items(cells(name))]
        if any(isinstance(cell, dict) and key in cell for cell in held):
            return True
    return False


def _are_numbers(items: Sequence[dict[str, object]], key: str) -> bool:
    """Whether all objects have a number, which is no cost or other known thing, under a key."""
    known = {alias for role, aliases in ROLES.items() if role != "score" for alias in aliases}
    return key not in known and all(isinstance(item.get(key), (int, float)) for item in items)


def _may_be_scores(cells: Sequence[object], scores: Sequence[str]) -> bool:
    """Whether objects hold scores by model, or objects of which one at least has a score."""
    held = _values(cells)
    return not all(isinstance(value, dict) for value in held) or any(
        isinstance(value, dict) and value.keys() & set(scores) for value in held
    )


def _fields(cells: Sequence[object], scores: Sequence[str]) -> Iterator[str]:
    """Which key of a model's objects is the score, and which are not read."""
    items = [cell for cell in cells if isinstance(cell, dict)]
    keys = list(dict.fromkeys(chain.from_iterable(items)))
    found = next((alias for alias in scores if alias in keys), None)
    if found is None:
        return
    yield f"score: {found!r} of each object"
    read = {alias for role in _READ for alias in ROLES[role]} | {found}
    if rest := [key for key in keys if key not in read]:
        yield f"not read of the objects: {listed_names(rest)}"


def _per_model(names: Sequence[str], cells: Cells, scores: Sequence[str]) -> tuple[str, ...]:
    """The columns that each hold an object with a score, of the model that names them."""
    return tuple(
        name
        for name in names
        if _hold_scores(cells(name), scores)
        and not is_metadata(name)
        and not _OF_JUDGES.intersection(words_of(name))
    )


def _hold_records(cells: Sequence[object], scores: Sequence[str]) -> bool:
    """Whether cells are lists of objects, each with a model and a score."""
    items = _items(cells)
    if not items or not all(isinstance(item, dict) for item in items):
        return False
    keys = set(items[0]) if isinstance(items[0], dict) else set()
    return bool(keys & set(ROLES["model"]) and keys & set(scores))


def _hold_scores(cells: Sequence[object], scores: Sequence[str]) -> bool:
    """Whether each cell that holds anything is an object with a score."""
    held = [cell for cell in cells if cell is not None]
    return bool(held) and all(isinstance(c, dict) and c.keys() & set(scores) for c in held)


def _items(cells: Sequence[object]) -> list[object]:
    """What the lists hold."""
    return [item for cell in cells if isinstance(cell, list) for item in cell]


def _values(cells: Sequence[object]) -> list[object]:
    """What the objects hold."""
    return [value for cell in cells if isinstance(cell, dict) for value in cell.values()]


def _all(cells: Sequence[object], kind: type) -> bool:
    held = [cell for cell in cells if cell is not None]
    return bool(held) and all(isinstance(cell, kind) for cell in held)
