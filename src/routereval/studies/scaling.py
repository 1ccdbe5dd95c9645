"""Model-level scaling-up: how the best reachable score grows with the number of models."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.records import Records, complete_block
from routereval.records.bits import count_per_prompt
from routereval.records.matrix import BinaryMatrix, Prefixes, RealMatrix
from routereval.scoring import Interval, resamples
from routereval.scoring.bootstrap import N_BOOT_CURVE
from routereval.scoring.scaling import (
    NOISE,
    expected_maxima_at,
    expected_oracles,
    expected_oracles_at,
    gaps,
    noisy,
    passing_size,
    round_sizes,
    saturation_size,
    widest,
)
from routereval.shown import Shown
from routereval.sources import open_source
from routereval.studies.orders import RANDOM, Index, Matrix, greedy, known_order, model_order

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]
Progress = Callable[[str, int, int], None]

MEAN = "mean"
"""The name of the macro-average in tables and files."""

SHOWN_SIZES = (3, 5, 10, 100)

_LEVEL = 0.95
_BLOCK = 1 << 22
_WEIGHTS = 1 << 23


class WeakPool(NamedTuple):
    """Models, each of them weak, that together pass a strong one if routed by an oracle.

    Attributes:
        below: each model's mean score is below this.
        target: what they have to pass.
        n_weak: how many models are that weak.
        models: the pool, found greedily; all that add anything, if even they do not pass.
        oracle: its oracle.
    """

    below: float
    target: float
    n_weak: int
    models: tuple[str, ...]
    oracle: float

    @property
    def passes(self) -> bool:
        """True if the pool's oracle lies above the target."""
        return self.oracle > self.target


@dataclass(frozen=True, eq=False)
class ScalingCurve:
    """How the score of r_o(p) grows with the pool, on one benchmark or on average.

    Attributes:
        benchmark: its name; `MEAN` for the macro-average.
        order: in which order models join, one of `ORDERS`.
        n_prompts: prompts that it is an average over.
        oracle: (n_models,) the oracle of pools of m = 1, 2, … models.
        mean: (n_models,) the mean score of a model of those pools.
        p: of the r_o(p) that have intervals.
        sizes: (n_sizes,) the m that have intervals.
        low: (len(p), n_sizes) lower ends of the 95 % bootstrap intervals over prompts.
        high: (len(p), n_sizes) upper ends.
        best_single: mean score of the best single model on the prompts that it was observed on.
        reference: score of the reference model, or None.
        models: the models in the order in which they join; empty if that is random.
        weak: the weak models that together pass the reference, or None without a reference.
        simulated: True if no real model was asked.
    """

    benchmark: str
    order: str
    n_prompts: int
    oracle: Floats = field(repr=False)
    mean: Floats = field(repr=False)
    p: tuple[float, ...] = field(repr=False)
    sizes: Index = field(repr=False)
    low: Floats = field(repr=False)
    high: Floats = field(repr=False)
    best_single: float
    reference: float | None
    models: tuple[str, ...] = field(default=(), repr=False)
    weak: WeakPool | None = field(default=None, repr=False)
    simulated: bool = False

    @property
    def n_models(self) -> int:
        """The largest pool."""
        return len(self.oracle)

    def noisy(self, p: float) -> Floats:
        """(n_models,) the score of r_o(p): the oracle with probability p, else a random model."""
        return noisy(self.oracle, self.mean, p)

    def at(self, m: int, p: float = 1.0) -> float:
        """The score of r_o(p) with m models.

        Raises:
            SpecError: if the curve does not go so far.
        """
        if not 1 <= m <= self.n_models:
            raise SpecError(f"{self.benchmark}: pools have 1 to {self.n_models:,} models, not {m}")
        return float(self.noisy(p)[m - 1])

    def interval(self, m: int, p: float = 1.0) -> Interval:
        """Its 95 % interval, for an m of `sizes` and a p of `p`.

        Raises:
            SpecError: if that point of the curve has none.
        """
        if m not in self.sizes or p not in self.p:
            raise SpecError(f"{self.benchmark}: no interval was computed at m = {m}, p = {p}")
        place = self.p.index(p), int(np.searchsorted(self.sizes, m))
        return Interval(float(self.low[place]), float(self.high[place]))

    def saturation(self, share: float) -> int:
        """The least m whose oracle has `share` of the headroom from m = 1 to all models."""
        return saturation_size(self.oracle, share)

    def passing(self, p: float = 1.0) -> int | None:
        """The least m at which r_o(p) passes the reference; None if never, or without one."""
        return None if self.reference is None else passing_size(self.noisy(p), self.reference)


@dataclass(frozen=True, eq=False, repr=False)
class ScalingResults(Shown):
    """The curves of a study.

    Attributes:
        curves: one per benchmark.
        mean: their macro-average up to the least of their sizes; None for a single benchmark.
        notes: sentences on what the curves leave out.
    """

    curves: tuple[ScalingCurve, ...]
    mean: ScalingCurve | None = None
    notes: tuple[str, ...] = ()

    @property
    def simulated(self) -> bool:
        """True if any curve comes from models that were never asked."""
        return any(curve.simulated for curve in self.curves)

    @property
    def all_curves(self) -> tuple[ScalingCurve, ...]:
        """The benchmarks, then their average where there is one."""
        return (*self.curves, *((self.mean,) if self.mean else ()))

    def __getitem__(self, benchmark: str) -> ScalingCurve:
        for curve in self.all_curves:
            if curve.benchmark == benchmark:
                return curve
        raise KeyError(benchmark)

    def to_frame(self) -> pl.DataFrame:
        """Every curve in full: a row per benchmark, m and p; intervals where there are any."""
        import polars as pl

        return pl.concat([_frame(curve, p) for curve in self.all_curves for p in curve.p])

    def summary(self) -> pl.DataFrame:
        """A row per benchmark: what a few models reach, where that saturates, what it passes."""
        import polars as pl

        return pl.DataFrame([_line(curve) for curve in self.all_curves], infer_schema_length=None)


def scaling(
    sources: Records | str | Path | Sequence[Records | str | Path],
    order: str = RANDOM,
    *,
    p: Sequence[float] = NOISE,
    reference: float | None = None,
    below: float | None = None,
    n_boot: int = N_BOOT_CURVE,
    seed: int = 0,
    progress: Progress | None = None,
) -> ScalingResults:
    """Study how the score grows with the number of models, for every number up to all of them.

    ``random`` is the expectation over all pools of a size, in closed form. Where cells are missing,
    it is that of pools drawn on each prompt from the models that were observed on it, over the
    prompts that `widest` keeps. All other orders are looked at on the complete block of records.

    Args:
        sources: records, or anything `open_source` opens.
        order: one of `ORDERS`.
        p: of the noisy oracles r_o(p) to give intervals for.
        reference: the score to pass, where the records name none.
        below: how weak weak models are; weaker than the reference if None.
        n_boot: resamples of the bootstrap over prompts.
        seed: decides them.
        progress: called with (what, benchmarks done, benchmarks in all).

    Returns:
        The curves, their macro-average, and notes.

    Raises:
        SpecError: if the order is unknown.
        DataError: if there is nothing to study, or no costs for ``greedy-cost``.

    >>> records = Records.from_arrays("toy", [[1, 0, 0, 0], [1, 1, 1, 0]], ["a", "b", "c", "d"])
    >>> found = scaling(records)
    >>> found.curves[0].oracle
    array([0.5  , 0.75 , 0.875, 1.   ])
    >>> found.curves[0].saturation(0.9)
    4
    """
    known_order(order)
    studied = [_studied_block(records, order, reference) for records in _opened(sources)]
    least = min(one.last for one in studied)
    plan = _Plan(order, tuple(p), below, least, n_boot, seed)
    report = progress or (lambda what, done, total: None)
    drawn = []
    for done, one in enumerate(studied):
        report("benchmarks", done, len(studied))
        drawn.append(_drawn(one, plan))
    report("benchmarks", len(studied), len(studied))
    curves = tuple(found.curve for found in drawn)
    return ScalingResults(
        curves, _macro(drawn) if len(drawn) > 1 else None, tuple(_notes(studied, order))
    )


def weak_together(records: Records, target: float, below: float | None = None) -> WeakPool:
    """Find weak models that together pass a target, if routed by an oracle.

    They are picked greedily, from the complete block of the records: a smaller pool may exist.

    Args:
        records: one benchmark.
        target: what the oracle has to pass.
        below: weak models have a mean score below this; the target if None.
    """
    rows, columns = complete_block(records.scores)
    whole = (len(rows), len(columns)) == records.scores.shape
    matrix = records.scores if whole else records.scores.select(rows, columns)
    limit = target if below is None else below
    weak = np.flatnonzero(matrix.means() < limit)
    chosen, oracle = [], 0.0
    for step in greedy(matrix, weak):
        if step.oracle <= oracle:
            break
        chosen.append(records.models[columns[step.model]])
        oracle = step.oracle
        if oracle > target:
            break
    return WeakPool(limit, target, len(weak), tuple(chosen), oracle)


class _StudiedBlock(NamedTuple):
    """A benchmark, cut to what the curve is an average over.

    Attributes:
        records: the models that are looked at, on all prompts.
        rows: the prompts that count.
        last: the largest pool.
        reference: the score to pass, or None.
        cut: a sentence on what is left out, or None.
    """

    records: Records
    rows: Index
    last: int
    reference: float | None
    cut: str | None

    def block(self) -> Matrix:
        """The scores on the prompts that count."""
        matrix = self.records.scores
        return matrix if len(self.rows) == matrix.shape[0] else matrix.select(prompts=self.rows)


class _Plan(NamedTuple):
    """What is asked of every benchmark; `least` is the fewest models that any of them has."""

    order: str
    p: tuple[float, ...]
    below: float | None
    least: int
    n_boot: int
    seed: int


class _Pools(NamedTuple):
    """The curves of one order: prompt by prompt at `sizes`, on average at every m."""

    each: Prefixes
    mean: Floats
    sizes: Index
    joined: list[int]


class _Drawn(NamedTuple):
    """A curve with its bootstrap replicates: (n_boot, n_sizes) each."""

    curve: ScalingCurve
    oracle: Floats
    mean: Floats


def _opened(
    sources: Records | str | Path | Sequence[Records | str | Path],
) -> list[Records]:
    opened = open_source(sources)
    if not opened:
        raise DataError("there is no source to study; give one, such as demo")
    names = [records.name for records in opened]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(
            f"two sources hold a benchmark named {repeated[0]!r}; study them one by one"
        )
    return opened


def _studied_block(records: Records, order: str, reference: float | None) -> _StudiedBlock:
    matrix = records.scores
    if order == RANDOM:
        rows, last = widest(_observed(matrix))
        kept = records
    else:
        rows, columns = complete_block(matrix)
        last = len(columns)
        kept = records if last == records.n_models else records.select(models=columns)
    target = reference if records.reference is None else records.reference
    return _StudiedBlock(kept, rows, last, target, _cut(records, len(rows), last))


def _cut(records: Records, n_prompts: int, last: int) -> str | None:
    if (n_prompts, last) == (records.n_prompts, records.n_models):
        return None
    return (
        f"{records.name}: cells are missing; pools of up to {last:,} of {records.n_models:,} "
        f"models on {n_prompts:,} of {records.n_prompts:,} prompts"
    )


def _observed(matrix: Matrix) -> Index:
    seen = matrix.observed()
    if seen is None:
        return np.full(matrix.shape[0], matrix.shape[1])
    return count_per_prompt(seen, matrix.shape[0])


def _notes(studied: Sequence[_StudiedBlock], order: str) -> list[str]:
    notes = [one.cut for one in studied if one.cut]
    unknown = [one.records.name for one in studied if one.reference is None]
    if unknown:
        notes.append(f"no reference score is known for {', '.join(unknown)}; give one to pass")
    if order.startswith("greedy"):
        notes.append("a greedy order is shown on the prompts that it was chosen on, which flatters")
    return notes


def _drawn(studied: _StudiedBlock, plan: _Plan) -> _Drawn:
    records, rows = studied.records, studied.rows
    block = studied.block()
    means = block.means()
    found = _pools(studied, block, means, plan)
    sizes = found.sizes
    seed = _seed(plan.seed, records.name)
    oracle, mean = found.each.oracle, found.mean
    drawn = _replicates(found.each, records, rows, plan.n_boot, seed)
    low, high = _bands(plan.p, oracle[sizes - 1], mean[sizes - 1], *drawn)
    weak = None
    if studied.reference is not None:
        weak = weak_together(records, studied.reference, plan.below)
    curve = ScalingCurve(
        benchmark=records.name,
        order=plan.order,
        n_prompts=len(rows),
        oracle=oracle,
        mean=mean,
        p=plan.p,
        sizes=sizes,
        low=low,
        high=high,
        best_single=float(np.nanmax(means)),
        reference=studied.reference,
        models=tuple(records.models[column] for column in found.joined),
        weak=weak,
        simulated=records.simulated,
    )
    return _Drawn(curve, *drawn)


def _pools(studied: _StudiedBlock, block: Matrix, means: Floats, plan: _Plan) -> _Pools:
    sizes = round_sizes(studied.last, also=[plan.least])
    if plan.order == RANDOM:
        each = _random(block, studied.last, sizes)
        return _Pools(each, np.full(studied.last, each.oracle[0]), sizes, [])
    costs = studied.records.costs
    joined = model_order(plan.order, block, None if costs is None else costs[:, studied.rows])
    mean = np.cumsum(means[joined]) / np.arange(1, studied.last + 1)
    return _Pools(block.prefixes(joined, sizes), mean, sizes, joined.tolist())


def _random(matrix: Matrix, last: int, sizes: Index) -> Prefixes:
    """What random pools score: expected, on each prompt and on average."""
    of = _observed(matrix)
    if isinstance(matrix, BinaryMatrix):
        return _random_binary(matrix, of, last, sizes)
    return _random_real(matrix, of, last, sizes)


def _random_binary(matrix: BinaryMatrix, of: Index, last: int, sizes: Index) -> Prefixes:
    short = of - count_per_prompt(matrix.words, matrix.n_prompts)
    code = of * (matrix.shape[1] + 1) + short
    _, first, kind, prompts = np.unique(
        code, return_index=True, return_inverse=True, return_counts=True
    )
    terms = short[first], of[first]
    at = expected_oracles_at(*terms, sizes)[kind]
    return Prefixes(expected_oracles(*terms, prompts / len(of), last), at, at[:, :1])


def _random_real(matrix: RealMatrix, of: Index, last: int, sizes: Index) -> Prefixes:
    oracle, at = np.zeros(last), np.empty((len(of), len(sizes)))
    for n_models in np.unique(of).tolist():
        alike = np.flatnonzero(of == n_models)
        total = np.zeros(n_models)
        step = max(1, _BLOCK // matrix.shape[1])
        for start in range(0, len(alike), step):
            rows = alike[start : start + step]
            scores = np.ascontiguousarray(matrix.values[:, rows].T)
            ordered = np.sort(scores, axis=1)[:, :n_models]  # NaN, not observed, comes last
            at[rows] = expected_maxima_at(ordered, sizes)
            total += ordered.sum(axis=0, dtype=np.float64)
        weights = gaps(total / len(alike)) * (len(alike) / len(of))
        oracle += expected_oracles(np.arange(n_models + 1), n_models, weights, last)
    return Prefixes(oracle, at, at[:, :1])


def _replicates(
    found: Prefixes, records: Records, rows: Index, n_boot: int, seed: int
) -> tuple[Floats, Floats]:
    """The curves on resampled prompts: means of what each prompt contributes."""
    at = np.hstack([found.oracle_at, found.mean_at])
    most = max(1, _WEIGHTS // len(at))
    parts = [min(most, n_boot - start) for start in range(0, n_boot, most)]
    subsets, groups = records.subsets[rows], records.groups[rows]
    drawn = [resamples(subsets, size, seed + part, groups) @ at for part, size in enumerate(parts)]
    oracles, means = np.split(np.vstack(drawn), [found.oracle_at.shape[1]], axis=1)
    return oracles, np.broadcast_to(means, oracles.shape)


def _bands(
    p: Sequence[float], oracle: Floats, mean: Floats, oracles: Floats, means: Floats
) -> tuple[Floats, Floats]:
    """Percentile intervals of r_o(p), widened if need be to hold the curve itself."""
    tails = (1 - _LEVEL) / 2, (1 + _LEVEL) / 2
    low, high = np.empty((2, len(p), len(oracle)))
    for row, noise in enumerate(p):
        curve = noisy(oracle, mean, noise)
        ends = np.quantile(noisy(oracles, means, noise), tails, axis=0)
        low[row], high[row] = np.minimum(ends[0], curve), np.maximum(ends[1], curve)
    return low, high


def _macro(drawn: Sequence[_Drawn]) -> ScalingCurve:
    """The mean over benchmarks, each of which weighs the same."""
    curves = [found.curve for found in drawn]
    last, first = min(curve.n_models for curve in curves), curves[0]
    sizes = round_sizes(last)
    oracle, mean = (
        np.mean([getattr(curve, name)[:last] for curve in curves], axis=0)
        for name in ("oracle", "mean")
    )
    oracles, means = (
        np.mean([getattr(f, name)[:, np.searchsorted(f.curve.sizes, sizes)] for f in drawn], axis=0)
        for name in ("oracle", "mean")
    )
    low, high = _bands(first.p, oracle[sizes - 1], mean[sizes - 1], oracles, means)
    references = [curve.reference for curve in curves if curve.reference is not None]
    return ScalingCurve(
        benchmark=MEAN,
        order=first.order,
        n_prompts=sum(curve.n_prompts for curve in curves),
        oracle=oracle,
        mean=mean,
        p=first.p,
        sizes=sizes,
        low=low,
        high=high,
        best_single=float(np.mean([curve.best_single for curve in curves])),
        reference=float(np.mean(references)) if len(references) == len(curves) else None,
        simulated=any(curve.simulated for curve in curves),
    )


def _seed(seed: int, name: str) -> int:
    """Of its own for each benchmark, so that benchmarks are resampled independently."""
    return zlib.crc32(f"{seed}/{name}".encode())


def _frame(curve: ScalingCurve, p: float) -> pl.DataFrame:
    import polars as pl

    row = curve.p.index(p)
    bands = np.full((2, curve.n_models), np.nan)
    bands[:, curve.sizes - 1] = curve.low[row], curve.high[row]
    return pl.DataFrame(
        {
            "m": np.arange(1, curve.n_models + 1, dtype=np.int32),
            "p": np.full(curve.n_models, p),
            "score": curve.noisy(p),
            "low": bands[0],
            "high": bands[1],
        }
    ).select(
        pl.lit(curve.benchmark).alias("benchmark"),
        pl.lit(curve.order).alias("order"),
        pl.col("m", "p", "score"),
        pl.col("low", "high").fill_nan(None),
        pl.lit(curve.simulated).alias("simulated"),
    )


def _line(curve: ScalingCurve) -> dict[str, Any]:
    line: dict[str, Any] = {
        "benchmark": curve.benchmark,
        "order": curve.order,
        "prompts": curve.n_prompts,
        "models": curve.n_models,
        "best_single": curve.best_single,
        "mean": curve.at(1),
    }
    shown = {f"oracle_{m}": m for m in SHOWN_SIZES} | {"oracle_all": curve.n_models}
    for name, m in shown.items():
        there = m <= curve.n_models
        low, high = curve.interval(m) if there and 1.0 in curve.p else (None, None)
        line |= {name: curve.at(m) if there else None, f"{name}_low": low, f"{name}_high": high}
    weak = curve.weak
    return line | {
        "m90": curve.saturation(0.9),
        "m99": curve.saturation(0.99),
        "reference": curve.reference,
        "passes_at": curve.passing(),
        "half_passes_at": curve.passing(0.5),
        "weak_below": weak.below if weak else None,
        "weak_models": weak.n_weak if weak else None,
        "weak_pool": len(weak.models) if weak and weak.passes else None,
        "weak_pool_models": ", ".join(weak.models) if weak and weak.passes else None,
        "simulated": curve.simulated,
    }
