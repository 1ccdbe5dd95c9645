"""What tells apart the rows of a table that give one model several scores on one prompt."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

from routereval.importers.column_words import words_of
from routereval.importers.examined import listed_names

_MOST_VALUES, _LONGEST_VALUE, _MOST_SHOWN = 30, 40, 3
_NUMBERS = "0123456789"
_OF_KEYS = [["id"], ["uid"], ["uuid"], ["key"], ["index"], ["idx"], ["no"], ["number"]]
_PROMPTS = "column {0!r} differs in each: --columns prompt_id={0} if it names the prompts"

Row = Mapping[str, Any]


def what_tells_apart(rows: Iterable[tuple[Hashable, str, Row]]) -> str:
    """A sentence on the columns, or the files, that tell such rows apart; empty if none does.

    Args:
        rows: of each its model and prompt, its file's name, and the columns that have no role.

    >>> rows = [("a/q1", "x.csv", {"mode": "open"}), ("a/q1", "x.csv", {"mode": "closed"})]
    >>> what_tells_apart(rows)
    "column 'mode' tells them apart (closed, open): --columns effort=mode if these are settings"
    """
    of: dict[Hashable, list[tuple[str, Row]]] = {}
    for cell, file, row in rows:
        of.setdefault(cell, []).append((file, row))
    several = [held for held in of.values() if len(held) > 1]
    if not several:
        return ""
    names = dict.fromkeys(name for held in several for _, row in held for name in row)
    sentences = [
        _sentence(name, values)
        for name in names
        if (values := _values([[row.get(name) for _, row in held] for held in several]))
    ]
    if keys := [name for name in names if _is_a_key(name, several)]:
        sentences.insert(0, _PROMPTS.format(keys[0]))
    if sentences:
        return "; ".join(sentences[:_MOST_SHOWN])
    if _values([[file for file, _ in held] for held in several]):
        return (
            "each of them comes from another file: --columns ignore=MODEL, the model's column, "
            "takes the files' names for the models"
        )
    return ""


def _is_a_key(name: str, several: Iterable[list[tuple[str, Row]]]) -> bool:
    """Whether a column is called as ids are, and no two of the rows have the same one."""
    ids = [str(row.get(name)) for held in several for _, row in held]
    return len(ids) > _MOST_VALUES and len(set(ids)) == len(ids) and words_of(name)[-1:] in _OF_KEYS


def _values(cells: Iterable[list[object]]) -> list[str]:
    """The values of a column that has another one in each row of one cell; none if it has not."""
    seen: set[str] = set()
    for held in cells:
        shown = {str(value) for value in held}
        if len(shown) < len(held):
            return []
        seen |= shown
        if len(seen) > _MOST_VALUES or any(map(_is_a_text, shown)):
            return []
    return sorted(seen)


def _is_a_text(value: str) -> bool:
    return len(value) > _LONGEST_VALUE or "\n" in value or value.endswith(".")


def _sentence(name: str, values: Iterable[str]) -> str:
    values = list(values)
    runs = all(set(value) <= set(_NUMBERS) for value in values)
    roles = list(_roles(name, runs))
    return f"column {name!r} tells them apart ({listed_names(values, 4)}): {' or '.join(roles)}"


def _roles(name: str, runs: bool) -> Iterator[str]:
    if runs:
        yield f"--columns trial={name} if these are runs"
    yield f"--columns effort={name} if these are settings"
