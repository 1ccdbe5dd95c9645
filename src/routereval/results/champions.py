"""Which model is best on which benchmark, or subset, and whether they can be distinguished."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.results.prompts import KeptPrompts
from routereval.results.results import Results
from routereval.scoring import Interval, holm, resamples
from routereval.scoring.comparison import paired_p_value
from routereval.scoring.estimates import mean_interval

MOST_MODELS = 16
MOST_ROWS = 60
_PERMUTATIONS = 2_000


class ModelScore(NamedTuple):
    """A model on one benchmark or subset.

    Attributes:
        mean: its mean score; NaN where it was in no pool of the benchmark.
        interval: its 95 % bootstrap interval over prompts.
        best: whether it has the highest mean.
        level: whether it cannot be distinguished from that model: its p, by a paired test, is not
            below 5 % after Holm's correction over the models of the row.
    """

    mean: float
    interval: Interval
    best: bool
    level: bool


class ChampionRow(NamedTuple):
    """One benchmark or subset.

    Attributes:
        name: of it.
        n_prompts: how many test prompts.
        models: a score for each model of the map.
    """

    name: str
    n_prompts: int
    models: Sequence[ModelScore]


class Champions(NamedTuple):
    """A map of models by benchmarks, or by subsets where there is one benchmark.

    Attributes:
        what: ``benchmark`` or ``subset``.
        models: names of the models, those of the most rows first.
        rows: the rows.
        left_out: how many models of the pools are not among the columns.
        rows_left_out: how many rows are not there.
    """

    what: str
    models: tuple[str, ...]
    rows: Sequence[ChampionRow]
    left_out: int
    rows_left_out: int


def champions(results: Results, n_boot: int = 1_000) -> Champions | None:
    """The map of the models of all pools; None where no prompts were kept.

    Args:
        results: of a run.
        n_boot: resamples of the intervals.
    """
    found = {c.benchmark: c.records for c in results.cells if c.records in results.prompts}
    if not found:
        return None
    kept = {name: results.prompts[records] for name, records in found.items()}
    blocks = _by_subset(next(iter(kept.values()))) if len(kept) == 1 else _whole(kept)
    what = "subset" if len(kept) == 1 and len(blocks) > 1 else "benchmark"
    counts: dict[str, int] = {}
    for one, _ in blocks.values():
        for model in one.models:
            counts[model] = counts.get(model, 0) + 1
    models = tuple(sorted(counts, key=lambda model: -counts[model])[:MOST_MODELS])
    shown = list(blocks.items())[:MOST_ROWS]
    rows = [_row(name, one, places, models, n_boot) for name, (one, places) in shown]
    return Champions(what, models, rows, len(counts) - len(models), len(blocks) - len(shown))


_Blocks = dict[str, tuple[KeptPrompts, NDArray[np.int64]]]


def _whole(kept: dict[str, KeptPrompts]) -> _Blocks:
    return {name: (one, np.arange(len(one.rows))) for name, one in kept.items()}


def _by_subset(kept: KeptPrompts) -> _Blocks:
    names = np.array(kept.subsets)
    held = {name: np.flatnonzero(names == name) for name in dict.fromkeys(kept.subsets)}
    if len(held) == 1:
        return {kept.benchmark: (kept, np.arange(len(kept.rows)))}
    return {name: (kept, places) for name, places in held.items()}


def _row(
    name: str,
    kept: KeptPrompts,
    places: NDArray[np.int64],
    models: Sequence[str],
    n_boot: int,
) -> ChampionRow:
    own = [kept.models.index(model) for model in models if model in kept.models]
    scores = kept.scores[places].astype(np.float64)
    seen = ~np.isnan(scores[:, own]).any(axis=1)
    scores, groups = scores[seen], kept.groups[places][seen]
    blank = ModelScore(np.nan, Interval(np.nan, np.nan), False, False)
    if not len(scores):
        return ChampionRow(name, 0, [blank for _ in models])
    W = resamples(np.zeros(len(scores), np.int64), n_boot, groups=groups)
    best = max(own, key=lambda column: (scores[:, column].mean(), -column))
    level = dict(zip(own, _level(scores, own, best, groups), strict=True))
    cells = []
    for model in models:
        if model not in kept.models:
            cells.append(blank)
            continue
        column = kept.models.index(model)
        ends = mean_interval(scores[:, column], W, groups=groups)
        mean = float(scores[:, column].mean())
        cells.append(ModelScore(mean, ends, column == best, level[column]))
    return ChampionRow(name, len(scores), cells)


def _level(
    scores: NDArray[np.float64], columns: Sequence[int], best: int, groups: NDArray[np.int64]
) -> list[bool]:
    """Of each model, whether it cannot be distinguished from the best; False for that one."""
    others = [column for column in columns if column != best]
    p = [
        paired_p_value(
            scores[:, best], scores[:, other], groups=groups, n_permutations=_PERMUTATIONS
        )
        for other in others
    ]
    adjusted = dict(zip(others, holm(p), strict=True)) if p else {}
    return [column != best and bool(adjusted[column] >= 0.05) for column in columns]
