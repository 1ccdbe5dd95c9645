"""Which columns of a wide table are models', by their names, and what others say of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from routereval.errors import DataError
from routereval.importers.cells import number_of
from routereval.importers.column_words import (
    are_models,
    is_benchmark,
    is_metadata,
    metric_of,
    numbers_prompts,
    split_metric,
    unfolded_name,
)
from routereval.importers.examined import listed_names
from routereval.importers.json_layout import Cells
from routereval.importers.rows import RowError
from routereval.importers.table_roles import ROLES
from routereval.records.axes import AXIS_ROLES, axis_of

_SCORE_ENDS = (*ROLES["score"], "correctness", "quality")
_COST_ENDS = ROLES["cost"]
_AXIS_ENDS = tuple(end for role in AXIS_ROLES for end in ROLES[role])
_ENDS = sorted((*_SCORE_ENDS, *_COST_ENDS, *_AXIS_ENDS), key=len, reverse=True)
_BETWEEN = "_.|: /"


def model_columns(file: Path, columns: Sequence[str]) -> dict[str, str]:
    """The column of scores of each model, among columns of numbers.

    Raises:
        DataError: if each model has several metrics.
    """
    ends = {name: _scored_by(name) for name in columns}
    others = {*columns, *(base for base, _ in ends.values() if base)}
    plain = [name for name in columns if not is_metadata(name, others)]
    metrics = [name for name in plain if metric_of(name)]
    again = tuple(f"{metric}{sign}" for metric in metrics for sign in _BETWEEN)
    plain = [name for name in plain if name not in metrics and not name.startswith(again)]
    by_end = [name for name in plain if ends[name][1] and ends[name][0] not in plain]
    if len(by_end) > len(plain) / 2 or len(by_end) == len(plain) / 2 > 1:
        found = dict.fromkeys(ends[name][1] for name in by_end)
        known = [end for end in _SCORE_ENDS if end in found]
        if len(found) > 1 and not known:
            first = "|".join([name for name in by_end if ends[name][1] == next(iter(found))][:6])
            raise DataError(
                f"{file}: has several metrics for each model ({listed_names(found, 6)}); name the "
                f"columns of the one that is the score, as in --columns 'models={first}'"
            )
        by_model: dict[str, str] = {}
        for end in known or found:
            for name in [name for name in by_end if ends[name][1] == end]:
                by_model.setdefault(ends[name][0], name)
        return by_model
    return {name: name for name in plain}


def _scored_by(name: str) -> tuple[str, str]:
    """The model whose score a column is by its name, and the score's or metric's name."""
    base, end = _split(name)
    if end in _SCORE_ENDS:
        return base, end
    return split_metric(name) or ("", "")


def refuse_no_prompts(
    file: Path, roles: Mapping[str, str], models: Sequence[str], cells: Cells
) -> None:
    """Refuse a wide table whose rows are no prompts, or whose columns are no models, by name.

    Raises:
        DataError: saying which.
    """
    ids = list(dict.fromkeys(str(cell).strip() for cell in cells(roles["prompt_id"])))
    ids = [name for name in ids if name not in {"", "None"}]
    n_benchmarks = sum(map(is_benchmark, models))
    if n_benchmarks >= 2 and 2 * n_benchmarks >= len(models):
        why = f"its columns are benchmarks ({listed_names(models, 4)})"
    elif len(ids) >= 2 and all(map(is_benchmark, ids)):
        why = f"its rows are benchmarks ({listed_names(ids, 4)})"
    elif len(ids) >= 2 and set(ids) <= set(models):
        why = (
            f"its rows are models as its columns are ({listed_names(ids, 4)}), so it compares them"
        )
    elif "prompt" not in roles and _are_turned(ids, models):
        raise DataError(
            f"{file}: its rows are called as models, or its columns as prompts "
            f"({listed_names(models, 4)}); turn the table: a row per prompt, a column per model; "
            f"if the columns are models, name all by --columns 'models={'|'.join(models[:6])}'"
        )
    else:
        return
    raise DataError(
        f"{file}: {why}: it holds means, not a score of each model on each prompt, which records "
        "are; give the results that it was made from"
    )


def _are_turned(rows: Sequence[str], columns: Sequence[str]) -> bool:
    """Whether rows are called as models are, and columns as prompts."""
    if are_models(rows) != are_models(columns):
        return are_models(rows)
    return numbers_prompts(columns) and not numbers_prompts(rows)


def cost_columns(models: Mapping[str, str], columns: Sequence[str]) -> dict[str, str]:
    """The column of costs of each model that has one."""
    ends = [(name, *_split(name)) for name in columns]
    return {base: name for name, base, end in ends if base in models and end in _COST_ENDS}


def axis_columns(models: Mapping[str, str], columns: Sequence[str]) -> dict[str, dict[str, str]]:
    """The columns of numbers beside scores, by axis and model."""
    found: dict[str, dict[str, str]] = {}
    for name in columns:
        base, end = _split(name)
        alias = axis_of(end) if base in models else None
        if alias is not None:
            role = alias.axis if alias.factor == 1 else "latency_s"
            found.setdefault(role, {}).setdefault(base, name)
    return found


def _split(name: str) -> tuple[str, str]:
    """A column's name as the model's and what the cells say of it: ``gpt-4o_cost`` is both.

    Either may come first; a number alone is no model.
    """
    name = unfolded_name(name)
    lower = name.lower().replace(" ", "_")
    for end in _ENDS:
        if len(name) <= len(end) + 1:
            continue
        between = _BETWEEN if end in _SCORE_ENDS else _BETWEEN + "-"
        if lower.endswith(end) and name[-len(end) - 1] in between:
            return name[: -len(end) - 1], end
        rest = name[len(end) + 1 :]
        if lower.startswith(end) and name[len(end)] in _BETWEEN and not rest.isdigit():
            return rest.strip(), end
    return "", ""


def refuse_no_models(
    file: Path,
    roles: Mapping[str, str],
    models: Mapping[str, str],
    numbers: Sequence[str],
    cells: Cells,
    why: str = "",
    *,
    answers: str | None = None,
    several_files: bool,
) -> None:
    """Refuse a wide table that has no model, or only columns that may be metrics of one model.

    Args:
        file: named in errors.
        roles: column by role.
        models: column by model.
        numbers: the columns that may have been models'.
        cells: the first cells of a column.
        why: what more is to be said where there is no model.
        answers: the column of the answers of one model, if there is one.
        several_files: whether each file may be a model's.

    Raises:
        DataError: saying what to do.
    """
    a_file_each = (
        "where each file is a model's, name the score's column (--columns score=COLUMN)"
        if several_files
        else "where each model has a file of its own, give their folder"
    )
    if not models and "score" in roles:
        raise DataError(
            f"{file}: {roles['score']!r} holds scores, but no column says whose; name the model's "
            f"column (--columns model=NAME); {a_file_each}{why}"
        )
    metrics = [name for name in numbers if metric_of(name)]
    plain = [model for model, name in models.items() if model == name]
    if metrics and len(plain) == len(models) and not are_models(plain):
        are = "is a metric" if len(metrics) == 1 else "are metrics"
        so = f", so {listed_names(plain, 4)} may be metrics too" if plain else ""
        models_are = f"; if these are models, --columns 'models={'|'.join(plain[:6])}'"
        raise DataError(
            f"{file}: {listed_names(metrics)} {are}, and no column says whose{so}; name the "
            "model's column and the score's (--columns model=NAME,score=NAME); "
            f"{a_file_each}{models_are if plain else ''}"
        )
    if not models:
        raise DataError(
            f"{file}: there is neither a column for the model nor one of numbers per model; name "
            f"it, as in --columns model=COLUMN; {a_file_each}{_why_none(numbers)}{why}"
        )
    only = next(iter(models.values()))
    if several_files and len(models) == 1 and not are_models(models):
        raise DataError(
            f"{file}: only {only!r} is a column of numbers that may be a model's; {a_file_each}; "
            f"if it is a model's name, say so (--columns models={only})"
        )
    if "score" in roles and (len(models) == 1 or _are_beyond(models, cells)):
        raise DataError(
            f"{file}: {roles['score']!r} holds scores, but no column says whose; name the model's "
            f"column (--columns model=NAME), or say that {only!r} is a model "
            f"(--columns models={only}); {a_file_each}"
        )
    if answers is not None and (len(models) == 1 or not are_models(models)):
        columns = [*models.values()]
        raise DataError(
            f"{file}: {answers!r} holds the answers of one model, so {listed_names(columns, 4)} "
            "may be what was found of these, not models; name the model's column and the score's "
            f"(--columns model=NAME,score=NAME); {a_file_each}; if they are models, name all by "
            f"--columns 'models={'|'.join(columns[:6])}'"
        )


def _are_beyond(models: Mapping[str, str], cells: Cells) -> bool:
    """Whether columns that are not called as models are hold numbers that are no scores."""
    numbers = [number for name in models.values() for number in map(_number, cells(name))]
    return not are_models(models) and any(not 0 <= number <= 1 for number in numbers)


def _number(cell: object) -> float:
    """The number that a cell holds, 0 where it holds none."""
    try:
        number = number_of(cell, "")
    except RowError:
        return 0.0
    return 0.0 if math.isnan(number) else number


def _why_none(numbers: Sequence[str]) -> str:
    """Which columns of numbers were taken for no models, for the error where there are none."""
    if not numbers:
        return ""
    return (
        f"; {listed_names(numbers)} may be no scores, by their names: if they are, give --columns "
        f"'models={'|'.join(numbers[:6])}', and --scale WORST,BEST if less is better"
    )
