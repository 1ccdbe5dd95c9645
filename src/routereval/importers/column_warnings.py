"""What of a plain table's columns may not be what was meant, in sentences for the report."""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Iterable, Iterator

from routereval.importers.column_words import is_metadata, plain_name
from routereval.importers.examined import listed_names
from routereval.importers.json_layout import Cells
from routereval.records.axes import UNITLESS, axis_of
from routereval.records.draft import Draft

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
_LONGEST_MARK, _MOST_MARKS = 24, 6


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


def unreadable_columns(
    names: Iterable[str], models: Collection[str], cells: Cells
) -> Iterator[str]:
    """Warnings of columns beside models' that may be a model's, but hold no scores."""
    of_models = tuple(f"{model}{sign}" for model in models for sign in "_ .|:/")
    for name in names:
        held = [str(cell).strip() for cell in cells(name) if isinstance(cell, str)]
        held = [cell for cell in held if cell]
        different = dict.fromkeys(held)
        short = bool(held) and max(map(len, held)) <= _LONGEST_MARK
        if not short or len(different) > _MOST_MARKS or is_metadata(name, models):
            continue
        if name.startswith(of_models):
            continue
        yield (
            f"column {name!r} is left out, as its cells ({listed_names(different, 3)}) read as no "
            "scores: if it is a model's, write numbers, and leave empty what was not observed"
        )


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
        plain = plain_name(name)
        if axis_of(plain) is not None:
            yield f"column {name!r} does not hold plain numbers, and is left out"
        elif _is_latency(plain) and "latency_ms" not in roles and "latency_s" not in roles:
            yield (
                f"column {name!r} does not say its unit as ms or s, and is left out; --columns "
                f"latency_s={name} (or latency_ms={name}) takes it"
            )
        elif _COST_LIKE.fullmatch(name) and "cost" not in roles and not costs:
            yield (
                f"column {name!r} may be a cost, but does not say that it is USD per call, and is "
                f"left out; --columns cost={name} takes it for that"
            )


def half_empty(draft: Draft) -> Iterator[str]:
    """Warnings of subsets and efforts that some rows lack, as merged cells leave them."""
    n_blank = int((draft.prompts["subset"] == draft.name).sum())
    if 0 < n_blank < draft.prompts.height:
        yield (
            f"{n_blank:,} of {draft.prompts.height:,} prompts name no subset, as the others do; if "
            "cells were merged, fill in each"
        )
    info = draft.model_info
    if info is None or "effort" not in info.columns:
        return
    lacking = info.filter(info["effort"].is_null())["base_model"].to_list()
    named = set(info.filter(info["effort"].is_not_null())["base_model"].to_list())
    both = [model for model in lacking if model in named]
    if both:
        yield (
            f"some rows of {listed_names(both)} name no effort, and are taken for an arm of its "
            "own; if cells were merged, fill in each"
        )


def _is_latency(plain: str) -> bool:
    """Whether a name may be a latency's, in a unit that it does not say, or is not known."""
    return plain in UNITLESS or bool(UNITLESS & set(plain.split("_")))
