"""What of a plain table's columns may not be what was meant, in sentences for the report."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator

from routereval.importers.examined import listed_names
from routereval.importers.json_layout import Cells
from routereval.records.axes import UNITLESS, axis_of

GOLD = (
    *("answer", "label", "target", "gold", "expected", "reference", "ground_truth", "truth"),
    *("gold_answer", "correct_answer", "expected_answer"),
)
"""What columns of right answers are called."""

_ERROR_NAMES = ("error", "errors", "error_message", "error_msg", "exception", "traceback")
_STATUS_NAMES = ("status", "state", "outcome")
_STATUS_ERRORS = ("error", "exception", "timeout", "timed out", "cancel", "abort", "crash")
_COST_LIKE = re.compile(r"(?i)(.*[^a-z])?(costs?|price|spend|spent)([^a-z].*)?")
_MOST_ANSWERS = 10


def error_columns(names: Iterable[str], cells: Cells) -> list[str]:
    """Warnings of columns that say of some rows that they ended in an error."""
    found = []
    for name in names:
        held = [str(cell).strip().lower() for cell in cells(name) if cell is not None]
        if name.lower() in _ERROR_NAMES:
            some = any(cell not in {"", "0", "false", "none", "null", "nan", "no"} for cell in held)
        else:
            ends = name.lower() in _STATUS_NAMES
            some = ends and any(word in cell for cell in held for word in _STATUS_ERRORS)
        if some:
            found.append(
                f"column {name!r} says that some answers ended in an error, but their scores "
                "count; empty the score where there was no answer"
            )
    return found


def answer_columns(names: Iterable[str], models: Iterable[str], cells: Cells) -> list[str]:
    """A warning where the models' columns may hold answers, as a column of right ones does."""
    held = {str(cell).strip().lower() for name in models for cell in cells(name)} - {"", "none"}
    for name in names:
        if name.lower() in GOLD:
            right = {str(cell).strip().lower() for cell in cells(name)} - {"", "none"}
            if right and right <= held and len(held) < _MOST_ANSWERS:
                return [
                    f"column {name!r} holds what the models' columns hold "
                    f"({listed_names(sorted(held), 4)}): if these are answers and no scores, "
                    "compare them with it first"
                ]
    return []


def unread_columns(
    names: Iterable[str], roles: Container[str], *, costs: bool = False
) -> Iterator[str]:
    """Warnings of columns that may be an axis or a cost, but are left out.

    Args:
        names: the columns that are left out.
        roles: what other columns are for.
        costs: whether models have columns of costs.
    """
    for name in names:
        if axis_of(name) is not None:
            yield f"column {name!r} does not hold plain numbers, and is left out"
        elif name.lower() in UNITLESS and "latency_ms" not in roles and "latency_s" not in roles:
            yield (
                f"column {name!r} does not say its unit, and is left out; --columns "
                f"latency_s={name} (or latency_ms={name}) takes it"
            )
        elif _COST_LIKE.fullmatch(name) and "cost" not in roles and not costs:
            yield (
                f"column {name!r} may be a cost, but does not say that it is USD per call, and is "
                f"left out; --columns cost={name} takes it for that"
            )
