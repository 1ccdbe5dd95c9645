"""Tables of steps, a row per trajectory, step and arm."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.records.prices import PriceList
from routereval.records.steps import StepRecords
from routereval.studies.table_file import read_table

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

NAMES: dict[str, tuple[str, ...]] = {
    "trajectory": (
        *("trajectory", "trajectory_id", "session", "session_id", "conversation"),
        *("conversation_id", "run_id", "instance_id", "task_id"),
    ),
    "step": ("step", "step_index", "step_id", "turn", "turn_index"),
    "arm": ("arm", "model", "model_id"),
    "effort": ("effort", "reasoning_effort"),
    "cost": ("cost", "cost_usd", "usd"),
    "cost_cold": ("cost_cold", "cold_cost"),
    "tokens_cached": ("tokens_cached", "cached_tokens", "cache_read_tokens"),
    "score": ("score", "adequate"),
    "outcome": ("outcome", "resolved", "success", "reward"),
    "text": ("text", "prompt", "message"),
    "task": ("task", "group"),
}
"""What a column may be called, by what it holds; the first that a file has is taken."""

_NUMBERS = ("cost", "cost_cold", "tokens_cached", "score", "outcome")
_PER_TOKENS = 1e6


def read_steps(path: str | Path, prices: PriceList | None = None) -> StepRecords:
    """Read the steps of trajectories, with what they cost with a warm cache and with a cold one.

    Columns: ``trajectory``, ``step``, ``arm`` (and ``effort``, which makes arms of one model),
    ``cost`` in USD as it was paid, and either ``score`` of every arm at every step (shared steps),
    or ``outcome`` of every arm's whole run. With ``cost_cold``, or with ``tokens_cached`` and a
    price list that has prices for cached input, changes of arms pay for a cold cache. ``text``
    is what a step answers to; ``task`` is what several trajectories have in common.

    Args:
        path: CSV, JSON Lines, JSON (a list of objects) or Parquet.
        prices: USD per million tokens; for ``tokens_cached``.

    Raises:
        DataError: if the file cannot be read, lacks a column, or holds a cell twice or a score that
            is not between 0 and 1.
    """
    file = Path(path)
    notes: list[str] = []
    table = _columns(file, read_table(file, "steps"), notes)
    shared = table["score"].is_not_null().all()
    trajectories = table["trajectory"].unique(maintain_order=True).to_list()
    arms = table["arm"].unique(maintain_order=True).to_list()
    if not shared and not table["outcome"].is_not_null().any():
        raise DataError(
            f"{file}: needs a column 'score' (of every arm at every step) or 'outcome' (of every "
            "arm's whole run)"
        )
    what = "score" if shared else "outcome"
    wrong = table.filter(~table[what].fill_null(0.0).is_between(0, 1))
    if len(wrong):
        raise DataError(f"{file}: {what} lies between 0 and 1, not {wrong[what][0]:g}")
    held = _cells(table, trajectories, arms, prices)
    return _records(file, (trajectories, arms), held, notes, shared=shared)


def _columns(file: Path, table: pl.DataFrame, notes: list[str]) -> pl.DataFrame:
    """The columns of `NAMES`, null where the file has none, ordered by trajectory and step."""
    import polars as pl

    held = {
        what: next((name for name in names if name in table.columns), None)
        for what, names in NAMES.items()
    }
    missing = [what for what in ("trajectory", "step", "arm", "cost") if held[what] is None]
    if missing:
        raise DataError(
            f"{file}: no column {', '.join(map(repr, missing))}; it has: {', '.join(table.columns)}"
        )
    if left := [name for name in table.columns if name not in held.values()]:
        notes.append(f"not read: {', '.join(left)}")
    found = table.select(
        (pl.lit(None) if name is None else pl.col(name)).cast(_kind(what), strict=False).alias(what)
        for what, name in held.items()
    )
    arm = pl.col("arm") + pl.when(pl.col("effort").is_null()).then(pl.lit("")).otherwise(
        pl.lit("@") + pl.col("effort")
    )
    order = found["trajectory"].unique(maintain_order=True).to_frame().with_row_index("place")
    found = found.with_columns(arm=arm).join(order, on="trajectory", maintain_order="left")
    _checked(file, found)
    return found.sort("place", "step", maintain_order=True)


def _kind(what: str) -> Any:  # noqa: ANN401 - polars' data types
    import polars as pl

    if what == "step":
        return pl.Int64
    return pl.Float64 if what in _NUMBERS else pl.String


def _checked(file: Path, table: pl.DataFrame) -> None:
    key = ["trajectory", "step", "arm"]
    for what in (*key, "cost"):
        if n := table[what].null_count():
            raise DataError(f"{file}: {n:,} rows have no {what}, or one that cannot be read")
    if table["cost"].is_between(0, float("inf"), closed="left").not_().any():
        raise DataError(f"{file}: a cost is negative or infinite")
    twice = table.filter(table.select(key).is_duplicated())
    if len(twice):
        trajectory, step, arm = twice.select(key).row(0)
        raise DataError(f"{file}: trajectory {trajectory!r} has step {step} of {arm!r} twice")


class _Cells(NamedTuple):
    """All rows of a table as arrays, trajectories that lack an arm among them."""

    trajectory: Codes
    costs: Floats
    cold: Floats
    scores: Floats
    outcome: Floats
    texts: list[str]
    tasks: list[str]


def _cells(
    table: pl.DataFrame, trajectories: list[str], arms: list[str], prices: PriceList | None
) -> _Cells:
    keys = table.select("trajectory", "step").unique(maintain_order=True)
    rows = {key: row for row, key in enumerate(keys.iter_rows())}
    column = {arm: place for place, arm in enumerate(arms)}
    code = {name: place for place, name in enumerate(trajectories)}
    costs, cold, scores = (np.full((len(rows), len(arms)), np.nan) for _ in range(3))
    outcome = np.full((len(trajectories), len(arms)), np.nan)
    texts, tasks = [""] * len(rows), list(trajectories)
    for one in table.iter_rows(named=True):
        at = rows[one["trajectory"], one["step"]], column[one["arm"]]
        own = code[one["trajectory"]]
        costs[at], cold[at] = one["cost"], one["cost"] + _cold(one, prices)
        scores[at] = np.nan if one["score"] is None else one["score"]
        if one["outcome"] is not None:
            outcome[own, at[1]] = one["outcome"]
        texts[at[0]] = texts[at[0]] or one["text"] or ""
        tasks[own] = one["task"] or tasks[own]
    trajectory = np.array([code[name] for name, _ in rows], np.int64)
    return _Cells(trajectory, costs, cold, scores, outcome, texts, tasks)


def _records(
    file: Path, names: tuple[list[str], list[str]], held: _Cells, notes: list[str], *, shared: bool
) -> StepRecords:
    """The trajectories that have every arm."""
    trajectories, arms = names
    kept = _whole(held, shared=shared)
    if n := int((~kept).sum()):
        lack = "a step of some arm" if shared else "the outcome of some arm"
        notes.append(f"{n:,} of {len(trajectories):,} trajectories lack {lack}; left out")
    if not kept.any():
        raise DataError(f"{file}: no trajectory has all arms: {', '.join(arms)}")
    inside = kept[held.trajectory]
    trajectory = (np.cumsum(kept) - 1)[held.trajectory[inside]]
    scores = held.scores[inside] if shared else np.full_like(held.scores[inside], np.nan)
    starts = np.flatnonzero(np.diff(trajectory, prepend=-1))
    tasks = {task: place for place, task in enumerate(dict.fromkeys(held.tasks))}
    return StepRecords(
        name=file.stem,
        trajectories=tuple(name for name, own in zip(trajectories, kept, strict=True) if own),
        arms=tuple(arms),
        shared=shared,
        trajectory=trajectory,
        costs=held.costs[inside],
        cold=_known_cold(held, notes)[inside],
        scores=scores,
        outcome=np.multiply.reduceat(scores, starts) if shared else held.outcome[kept],
        groups=np.array([tasks[task] for task in held.tasks], np.int64)[kept],
        texts=tuple(text for text, own in zip(held.texts, inside, strict=True) if own),
        notes=tuple(notes),
    )


def _known_cold(held: _Cells, notes: list[str]) -> Floats:
    """What steps cost with a cold cache; as with a warm one where that is not known."""
    unknown = np.isnan(held.cold) & ~np.isnan(held.costs)
    if unknown.any():
        notes.append(
            f"what a cold cache costs is not known of {unknown.sum():,} of "
            f"{(~np.isnan(held.costs)).sum():,} steps (no cost_cold, nor tokens_cached with prices "
            "of cached input): a change of arms is booked there as if the cache were warm"
        )
    return np.where(unknown, held.costs, held.cold)


def _cold(one: Mapping[str, Any], prices: PriceList | None) -> float:
    """USD that the call would have cost more without a cache; NaN where that is not known."""
    if one["cost_cold"] is not None:
        return float(one["cost_cold"]) - float(one["cost"])
    price = None if prices is None else prices.of(one["arm"].partition("@")[0])
    if one["tokens_cached"] is None or price is None or price.cached is None:
        return float("nan")
    return float(one["tokens_cached"]) * (price.input - price.cached) / _PER_TOKENS


def _whole(held: _Cells, *, shared: bool) -> NDArray[np.bool_]:
    """(n,) the trajectories that every arm has."""
    if not shared:
        return np.asarray(~np.isnan(held.outcome).any(axis=1))
    lacking = np.isnan(held.costs).any(axis=1)
    return np.asarray(np.bincount(held.trajectory[lacking], minlength=len(held.outcome)) == 0)
