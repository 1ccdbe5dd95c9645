"""Model-level scaling-up: how the best reachable score grows with the number of models."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.records import Records, complete_block
from routereval.records.bits import count_per_prompt
from routereval.records.matrix import BinaryMatrix, Prefixes, RealMatrix
from routereval.results.scaling_curves import MEAN, ScalingCurve, ScalingResults, WeakPool
from routereval.scoring import resamples
from routereval.scoring.bootstrap import N_BOOT_CURVE
from routereval.scoring.scaling import (
    NOISE,
    expected_maxima_at,
    expected_oracles,
    expected_oracles_at,
    gaps,
    noisy,
    round_sizes,
    widest,
)
from routereval.sources import open_source
from routereval.studies.orders import RANDOM, Index, Matrix, greedy, known_order, model_order
from routereval.studies.progress import Progress, silent

Floats = NDArray[np.float64]
_LEVEL = 0.95
_BLOCK = 1 << 22
_WEIGHTS = 1 << 23


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
    report = progress or silent
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
        notes.append(
            f"no reference score is known for {', '.join(unknown)}; --reference gives one to pass"
        )
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
