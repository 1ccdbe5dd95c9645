"""Two measurements of the same cells: which models changed, and what a re-check needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, inf
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.records import Records
from routereval.routers import load_router
from routereval.scoring import holm
from routereval.shown import Shown
from routereval.sources import open_source

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Source = Records | Sequence[Records] | str | Path

_FLIPS, _FLIPS_OF_A_MODEL = 4000, 60  # so many that Holm's smallest p can be reached
LEVEL = 0.05
_Z = 1.96 + 0.84  # of a two-sided test at 5 % that finds the change in 80 % of samples
_FEWEST = 5  # models that changed, so that a common direction means something
_COMMON = 0.8  # of the models that changed on a benchmark, in one direction: not the models alone


@dataclass(frozen=True)
class ModelDrift:
    """One model, before and after.

    Attributes:
        name: of the model.
        n_prompts: prompts measured both times.
        before: mean score then.
        after: mean score now.
        flips: share of the prompts whose score differs.
        p: of the hypothesis that nothing changed but luck, corrected by Holm over all models.
        benchmarks: where it changed most: names, by their part in the test statistic.
        probes: prompts that a re-check of this model needs to find a change of the size asked for.
    """

    name: str
    n_prompts: int
    before: float
    after: float
    flips: float
    p: float
    benchmarks: tuple[str, ...]
    probes: float

    @property
    def changed(self) -> bool:
        """Whether it changed, at 5 % false alarms over all models together."""
        return self.p < LEVEL


@dataclass(frozen=True, repr=False)
class Drift(Shown):
    """What changed between two measurements of the same cells.

    Attributes:
        models: the surest change first.
        n_prompts: prompts that both have.
        flips: share of all cells whose score differs.
        change: the change that a re-check has to find.
        false_alarms: share of worlds without a change, made by swapping then and now at random
            cell by cell, in which any model is named.
        common: benchmarks on which nearly all that changed moved the same way.
        expired: models of a router's pool that changed, so that its certificate holds no longer.
        router: the router asked about; empty if none was.
        notes: what was left out.
    """

    models: tuple[ModelDrift, ...]
    n_prompts: int
    flips: float
    change: float
    false_alarms: float
    common: tuple[str, ...] = ()
    expired: tuple[str, ...] = ()
    router: str = ""
    notes: tuple[str, ...] = ()

    @property
    def changed(self) -> list[ModelDrift]:
        """The models that changed."""
        return [one for one in self.models if one.changed]


class _Cells(NamedTuple):
    """Differences of the cells that both measurements have, and what they belong to."""

    models: tuple[str, ...]
    benchmarks: tuple[str, ...]
    benchmark: Codes  # (n_prompts,)
    before: Floats  # (n_prompts, n_models), NaN where not measured both times
    after: Floats
    notes: tuple[str, ...]


def drift(
    before: Source,
    after: Source | None = None,
    *,
    since: str = "",
    change: float = 0.05,
    router: str | Path | None = None,
    seed: int = 0,
) -> Drift:
    """Which models changed between two measurements of the same prompts.

    If nothing changed, what was measured first and what second might as well be swapped, cell by
    cell, however noisy a model is. So for each model the differences are compared with the same
    differences of random sign. The statistic adds up (Σ d)² / Σ d² over benchmarks, so that
    changes that cancel between benchmarks are seen too. P-values are corrected by Holm.

    Args:
        before: records then.
        after: records now; None to take the versions that stand beside the scores of `before`.
        since: which version, where `before` has several; the first if empty.
        change: of the mean score, that a re-check has to find.
        router: a saved router, to say whether its certificate still holds.
        seed: decides the signs.

    Raises:
        DataError: if the two have no cell in common.
        SpecError: if `change` is not between 0 and 1.
    """
    if not 0 < change < 1:
        raise SpecError(f"a change of the mean score lies between 0 and 1, not {change}")
    cells = _cells(*_pairs(before, after, since))
    rng = np.random.default_rng(seed)
    n_flips = max(_FLIPS, _FLIPS_OF_A_MODEL * len(cells.models))
    tested = [_tested(cells, place, n_flips, rng) for place in range(len(cells.models))]
    p = holm([one.p for one in tested])
    models = [
        _model(cells, place, tested[place], float(p[place]), change) for place in range(len(p))
    ]
    models.sort(key=lambda one: (one.p, -abs(one.after - one.before)))
    gap = cells.after - cells.before
    pool = () if router is None else load_router(router).models
    moved = {one.name for one in models if one.changed}
    return Drift(
        tuple(models),
        len(cells.benchmark),
        float((gap[~np.isnan(gap)] != 0).mean()),
        change,
        _false_alarms(tested),
        _common(cells, moved),
        tuple(name for name in pool if name in moved),
        "" if router is None else str(router),
        cells.notes,
    )


class _Tested(NamedTuple):
    """The test of one model: its statistic, and that of random signs."""

    statistic: float
    parts: Floats
    null: Floats
    p: float


def _tested(cells: _Cells, place: int, n_flips: int, rng: np.random.Generator) -> _Tested:
    gap = cells.after[:, place] - cells.before[:, place]
    known = ~np.isnan(gap)
    d, code = gap[known & (gap != 0)], cells.benchmark[known & (gap != 0)]
    n = len(cells.benchmarks)
    if not len(d):
        return _Tested(0.0, np.zeros(n), np.zeros(n_flips), 1.0)
    of = np.zeros((len(d), n))
    of[np.arange(len(d)), code] = d
    square = np.maximum(np.bincount(code, d**2, minlength=n), np.finfo(np.float64).tiny)
    parts = of.sum(axis=0) ** 2 / square
    signs = rng.integers(0, 2, (n_flips, len(d))) * 2.0 - 1
    null = ((signs @ of) ** 2 / square).sum(axis=1)
    statistic = float(parts.sum())
    hits = np.count_nonzero(null >= statistic - 1e-9)
    return _Tested(statistic, parts, null, (1 + hits) / (1 + n_flips))


def _false_alarms(tested: Sequence[_Tested]) -> float:
    """The share of worlds without a change in which Holm names any model.

    Half of the random signs are worlds, which are tested against the other half.
    """
    half = len(tested[0].null) // 2
    smallest = np.ones(half)
    for one in tested:
        null = np.sort(one.null[half:])
        above = half - np.searchsorted(null, one.null[:half] - 1e-9)
        smallest = np.minimum(smallest, (1 + above) / (1 + half))
    return float((smallest * len(tested) < LEVEL).mean())


def _model(cells: _Cells, place: int, held: _Tested, p: float, change: float) -> ModelDrift:
    before, after = cells.before[:, place], cells.after[:, place]
    known = ~np.isnan(before)
    gap = (after - before)[known]
    order = np.argsort(-held.parts, kind="stable")
    most = tuple(cells.benchmarks[at] for at in order[:3] if held.parts[at] > 0)
    return ModelDrift(
        cells.models[place],
        int(known.sum()),
        float(before[known].mean()) if known.any() else float("nan"),
        float(after[known].mean()) if known.any() else float("nan"),
        float((gap != 0).mean()) if len(gap) else float("nan"),
        p,
        most,
        probes_needed(float((gap**2).mean()) if len(gap) else float("nan"), change),
    )


def probes_needed(square: float, change: float) -> float:
    """How many prompts, asked again, find a change of the mean score.

    Args:
        square: mean of the squared differences between two measurements: for right and wrong
            answers the share that flips. A change of that size flips at least as many.
        change: of the mean score, above 0.

    Returns:
        Prompts, drawn at random, with which a two-sided test at 5 % finds it four times in five.

    >>> probes_needed(0.10, 0.05), probes_needed(0.0, 0.05)
    (306, 149)
    """
    if change <= 0:
        return inf
    if np.isnan(square):
        return float("nan")
    return ceil(_Z**2 * (max(square, change) - change**2) / change**2)


def _common(cells: _Cells, moved: set[str]) -> tuple[str, ...]:
    """The benchmarks on which nearly all models that changed moved in one direction."""
    at = [place for place, name in enumerate(cells.models) if name in moved]
    found = []
    for code, name in enumerate(cells.benchmarks):
        gap = (cells.after - cells.before)[cells.benchmark == code][:, at]
        total = np.nansum(gap, axis=0)
        up, down = int((total > 0).sum()), int((total < 0).sum())
        if up + down >= _FEWEST and max(up, down) > _COMMON * (up + down):
            found.append(name)
    return tuple(found)


def _pairs(
    before: Source, after: Source | None, since: str
) -> tuple[list[tuple[Records, Records]], list[str]]:
    """The benchmarks that were measured twice."""
    then = open_source(before)
    if after is None:
        pairs = [(one.at(since or next(iter(one.versions))), one) for one in then if one.versions]
        if not pairs:
            raise DataError(
                f"{', '.join(one.name for one in then)}: measured once; name the records of the "
                "other date too"
            )
        return pairs, []
    now = {one.name: one for one in open_source(after)}
    if len(then) == len(now) == 1:
        return [(then[0], next(iter(now.values())))], []
    pairs = [(one, now[one.name]) for one in then if one.name in now]
    rest = [one.name for one in then if one.name not in now]
    if not pairs:
        raise DataError("no benchmark stands in both, by its name")
    return pairs, [f"measured once, so left out: {', '.join(rest)}"] if rest else []


def _cells(pairs: Sequence[tuple[Records, Records]], notes: Sequence[str]) -> _Cells:
    models = list(dict.fromkeys(m for a, b in pairs for m in a.models if m in set(b.models)))
    then, now, codes = [], [], []
    for code, (a, b) in enumerate(pairs):
        at = {name: row for row, name in enumerate(b.prompts["prompt_id"].to_list())}
        ids = a.prompts["prompt_id"].to_list()
        both = [(row, at[name]) for row, name in enumerate(ids) if name in at]
        first, second = _spread(a, models), _spread(b, models)
        then.append(first[[row for row, _ in both]])
        now.append(second[[row for _, row in both]])
        codes += [code] * len(both)
    if not models or not codes:
        raise DataError("no model was measured both times on a prompt of one name")
    before, after = np.concatenate(then), np.concatenate(now)
    once = np.isnan(before) | np.isnan(after)
    before[once], after[once] = np.nan, np.nan
    seen = np.flatnonzero(~once.all(axis=0))
    if not len(seen):
        raise DataError("no cell was measured both times")
    names = tuple(models[place] for place in seen)
    left = len(dict.fromkeys(m for pair in pairs for one in pair for m in one.models)) - len(names)
    more = [f"{left} models were measured once, so left out"] if left else []
    benchmarks = tuple(a.name for a, _ in pairs)
    return _Cells(
        names, benchmarks, np.array(codes), before[:, seen], after[:, seen], (*notes, *more)
    )


def _spread(records: Records, models: Sequence[str]) -> Floats:
    """(n_prompts, n_models) the scores of these models, NaN of those that it has not."""
    dense, place = records.dense(), {name: at for at, name in enumerate(records.models)}
    found = np.full((records.n_prompts, len(models)), np.nan)
    for column, name in enumerate(models):
        if name in place:
            found[:, column] = dense[:, place[name]]
    return found
