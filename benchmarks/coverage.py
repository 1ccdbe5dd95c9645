"""Whether the statistics keep their word, in worlds of which the truth is known.

A world is made of which everything is known: many prompts, what models score there and what a
router predicts. Samples are drawn from it, and the share of samples is counted in which an
interval holds the world's own number, or a test finds a difference.

First the intervals where they are hard, before (percentiles of a plain bootstrap of prompts) and
after (what routereval says); then those of every metric on 200 prompts; then the false alarms of
``routereval compare``, and its power.

    python benchmarks/coverage.py            # 1,000 repetitions of the hard ones, 200 of the rest
    python benchmarks/coverage.py --quick    # a first look at the hard ones, 60
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from routereval.routers import weights
from routereval.routers.policy import sweep, trade_offs
from routereval.scoring import (
    METRICS,
    N_BOOT,
    Curve,
    Evidence,
    collect_evidence,
    compute,
    holm,
    interval,
    mean_interval,
    paired_test,
    replicates,
    resamples,
)
from routereval.scoring.estimates import estimates

DEPTH = 200
"""Prompts of the world for each prompt of a sample."""

_REFERENCE = 0.8


@dataclass(frozen=True, eq=False)
class World:
    """All prompts that there are.

    Attributes:
        sizes: how many prompts of each subset a sample has.
        scores: (n, n_models) what each model scores.
        predicted: (n, n_models) what the router predicts.
        costs: (n, n_models) USD per call.
        subsets: (n,) code of the subset; each has `DEPTH` times its prompts of a sample.
        cluster: prompts that belong together, and follow each other; a sample has whole ones.
        with_curve: whether evidence has a cost–quality curve.
    """

    sizes: tuple[int, ...]
    scores: NDArray[np.float64]
    predicted: NDArray[np.float64]
    costs: NDArray[np.float64]
    subsets: NDArray[np.int64]
    cluster: int = 1
    with_curve: bool = True

    def evidence(self, rows: NDArray[np.int64] | None = None) -> Evidence:
        """What the router does on some prompts, or on all there are."""
        at = slice(None) if rows is None else rows
        scores, predicted, costs = self.scores[at], self.predicted[at], self.costs[at]
        best, expected, lam = self._known
        curve = None
        if self.with_curve:
            curve = Curve.of(lam, sweep(predicted, expected, lam), scores, costs, best)
        groups = np.arange(len(self.subsets)) // self.cluster
        return collect_evidence(
            scores,
            weights(predicted, "argmax"),
            predicted / predicted.sum(axis=1, keepdims=True),
            best_single=best,
            subsets=self.subsets[at],
            reference=_REFERENCE,
            costs=costs,
            curve=curve,
            groups=groups[at],
        )

    @cached_property
    def _known(self) -> tuple[int, NDArray[np.float64], NDArray[np.float64]]:
        """What a training part would tell: the best single model, the mean costs, the prices."""
        expected = np.asarray(self.costs.mean(axis=0))
        return (
            int(self.scores.mean(axis=0).argmax()),
            expected,
            trade_offs(self.predicted, expected),
        )

    def sample(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Rows of a sample: of each subset as many prompts as its size."""
        starts = np.cumsum([0, *self.sizes]) * DEPTH
        parts = []
        for size, start in zip(self.sizes, starts, strict=False):
            whole = rng.choice(size * DEPTH // self.cluster, size // self.cluster, replace=False)
            rows = whole[:, None] * self.cluster + np.arange(self.cluster)
            parts.append(rows.ravel() + start)
        return np.concatenate(parts)


def made_world(kind: str, sizes: Sequence[int], n_models: int = 5, seed: int = 0) -> World:
    """A world of models of rising ability, each better in some subsets than in others.

    Args:
        kind: ``binary`` or ``real`` scores.
        sizes: prompts of each subset in a sample.
        n_models: how many models.
        seed: decides everything.
    """
    rng = np.random.default_rng(seed)
    subsets = np.repeat(np.arange(len(sizes)), np.array(sizes) * DEPTH)
    shape = (len(subsets), n_models)
    ability = np.linspace(-0.5, 1.0, n_models)
    taste = 0.5 * rng.normal(size=(len(sizes), n_models))[subsets]
    own = 0.8 * rng.normal(size=shape)
    log_odds = ability + taste + own + rng.normal(size=(shape[0], 1))
    chance = 1 / (1 + np.exp(-log_odds))
    noise = 0.1 * rng.normal(size=shape)
    scores = rng.random(shape) < chance if kind == "binary" else np.clip(chance + noise, 0, 1)
    guess = ability + taste + 0.5 * own + 0.5 * rng.normal(size=shape)
    price = np.linspace(0.001, 0.02, n_models)
    return World(
        sizes=tuple(sizes),
        scores=scores.astype(np.float64),
        predicted=1 / (1 + np.exp(-guess)),
        costs=price * rng.lognormal(0, 0.5, shape),
        subsets=subsets,
    )


class Covered(NamedTuple):
    """How often the intervals of a metric held the truth.

    Attributes:
        truth: the metric on all prompts of the world.
        covered: share of the samples whose interval holds it.
        missed_low: share of those whose interval lies wholly below it.
        width: mean width.
    """

    truth: float
    covered: float
    missed_low: float
    width: float


def coverage(
    world: World,
    metrics: Sequence[str] | None = None,
    repetitions: int = 1000,
    n_boot: int = N_BOOT,
    seed: int = 0,
) -> dict[str, Covered]:
    """How often the 95 % intervals of samples hold what is true of the world.

    Args:
        world: from `made_world`.
        metrics: names; all if None.
        repetitions: how many samples.
        n_boot: resamples of each.
        seed: decides the samples.

    Returns:
        By metric; those that are not defined, or not finite, in the world are left out.
    """
    chosen = list(METRICS) if metrics is None else list(metrics)
    truth = {k: v for k, v in compute(world.evidence(), chosen).items() if np.isfinite(v)}
    rng = np.random.default_rng(seed)
    ends: dict[str, list[tuple[float, float]]] = {name: [] for name in truth}
    for _ in range(repetitions):
        evidence = world.evidence(world.sample(rng))
        for name, found in estimates(evidence, truth, n_boot)[0].items():
            ends[name].append(found)
    return {name: covered(truth[name], np.array(ends[name])) for name in truth}


def covered(truth: float, ends: NDArray[np.float64]) -> Covered:
    """How often (n, 2) intervals held the truth."""
    low, high = ends.T
    inside = (low <= truth + 1e-12) & (truth - 1e-12 <= high)
    return Covered(
        truth, float(inside.mean()), float((high < truth).mean()), float((high - low).mean())
    )


class Rejections(NamedTuple):
    """How often a comparison found a difference.

    Attributes:
        found: share of the samples in which it did.
        detectable: mean of the smallest difference that it said the prompts can tell.
    """

    found: float
    detectable: float


def rejections(
    gain: float,
    differ: float = 0.3,
    sizes: Sequence[int] = (200,),
    *,
    macro: bool = False,
    repetitions: int = 1000,
    seed: int = 0,
) -> Rejections:
    """How often `compare` tells two routers apart whose true difference is known.

    Args:
        gain: the true difference of their mean scores.
        differ: share of the prompts on which one is right and the other wrong.
        sizes: prompts of each subset, or of each benchmark.
        macro: count each of `sizes` alike, as a mean over benchmarks does.
        repetitions: how many samples.
        seed: decides the samples.
    """
    rng = np.random.default_rng(seed)
    subsets = np.repeat(np.arange(len(sizes)), sizes)
    each = 1 / np.repeat(sizes, sizes) if macro else None
    chances = [(differ + gain) / 2, (differ - gain) / 2, 1 - differ]
    tests = [
        paired_test(
            rng.choice([1.0, -1.0, 0.0], len(subsets), p=chances),
            np.zeros(len(subsets)),
            subsets=subsets,
            weights=each,
            seed=repetition,
        )
        for repetition in range(repetitions)
    ]
    return Rejections(
        float(np.mean([test.significant for test in tests])),
        float(np.mean([test.detectable for test in tests])),
    )


def family_rejections(
    n_routers: int = 5, n_prompts: int = 200, repetitions: int = 1000, seed: int = 0
) -> float:
    """How often any of several routers is said to differ from the best single one, if none does.

    Each goes with the best single model on most prompts and is as often better as worse elsewhere;
    p-values are corrected by Holm.
    """
    rng = np.random.default_rng(seed)
    found = 0
    for repetition in range(repetitions):
        base = rng.random(n_prompts) < 0.6
        p_values = []
        for _ in range(n_routers):
            other = np.where(rng.random(n_prompts) < 0.3, rng.random(n_prompts) < 0.6, base)
            test = paired_test(other, base, seed=repetition)
            p_values.append(test.p_value)
        found += bool((holm(p_values) < 0.05).any())
    return found / repetitions


def rated_world(
    rate: float,
    sizes: Sequence[int],
    *,
    n_models: int = 5,
    spread: float = 0.5,
    cluster: int = 1,
    seed: int = 0,
) -> World:
    """A world of models that are right so often, with a router that knows them a little.

    Args:
        rate: share of right answers.
        sizes: prompts of each subset in a sample.
        n_models: how many models.
        spread: log-odds of the best above the mean, and of the worst below it; 0 for models that
            are equally good, to the last prompt of the world.
        cluster: how many prompts have their difficulty in common, and belong together.
        seed: decides everything.
    """
    rng = np.random.default_rng(seed)
    n = sum(sizes) * DEPTH
    subsets = np.repeat(np.arange(len(sizes)), np.array(sizes) * DEPTH)
    ability = np.linspace(-spread, spread, n_models)
    hard = np.repeat(rng.normal(size=(n // cluster, 1)), cluster, axis=0)
    taste = 0.8 * np.repeat(rng.normal(size=(n // cluster, n_models)), cluster, axis=0)
    offset = 0.5 * rng.normal(size=(len(sizes), 1))[subsets] * (len(sizes) > 1)
    known = ability + hard + taste + offset
    level = brentq(lambda at: float(_logistic(known[::7] + at).mean()) - rate, -15, 15)
    scores = (rng.random((n, n_models)) < _logistic(known + level)).astype(np.float64)
    if spread == 0:
        _level_out(scores, rng)
    guess = ability + 0.5 * taste + 0.5 * rng.normal(size=(n, n_models))
    return World(
        tuple(sizes), scores, _logistic(guess), np.ones_like(scores), subsets, cluster, False
    )


def _logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-x)))


def _level_out(scores: NDArray[np.float64], rng: np.random.Generator) -> None:
    """Take right answers from the models that have more of them by chance."""
    fewest = scores.sum(axis=0).min()
    for column in scores.T:
        extra = int(column.sum() - fewest)
        column[rng.choice(np.flatnonzero(column), extra, replace=False)] = 0.0


HARD: dict[str, tuple[float, tuple[int, ...], dict[str, Any]]] = {
    f"{rate:.0%} right, {n:,} prompts": (rate, (n,), {})
    for rate in (0.03, 0.5, 0.9, 0.97)
    for n in (50, 100, 200, 1000)
} | {
    "5 tied models, 200": (0.6, (200,), {"spread": 0.0}),
    "5 tied models, 1,000": (0.6, (1000,), {"spread": 0.0}),
    "20 tied models, 200": (0.6, (200,), {"spread": 0.0, "n_models": 20}),
    "20 subsets of 10": (0.6, (10,) * 20, {}),
    "subsets of 20 40 60 80": (0.9, (20, 40, 60, 80), {}),
    "60 clusters of 5": (0.6, (300,), {"cluster": 5}),
    "40 clusters of 5, 97% right": (0.97, (200,), {"cluster": 5}),
}
MAIN = ("mu", "v_b", "p_star", "gain_best")
DIFFERENCE = "difference"


class Pair(NamedTuple):
    """Coverage of one number in one world.

    Attributes:
        before: of the percentiles of a plain bootstrap of prompts.
        after: of the interval that routereval gives.
        doubted: share of the samples in which that is marked as not to be relied on.
        width: mean width after, relative to that before.
    """

    before: float
    after: float
    doubted: float
    width: float


def before_and_after(world: World, repetitions: int, seed: int = 0) -> dict[str, Pair]:
    """Coverage of the main numbers, and of the difference to the best single model.

    A sample that does not define a number does not count for it.
    """
    everything = world.evidence()
    truth = compute(everything, MAIN)
    truth[DIFFERENCE] = float((everything.quality - everything.best_single).mean())
    rng = np.random.default_rng(seed)
    seen: dict[str, list[tuple[bool, bool, bool, float, float]]] = {name: [] for name in truth}
    for _ in range(repetitions):
        evidence = world.evidence(world.sample(rng))
        points, plain = _plain(evidence)
        found, unsure = _given(evidence)
        for name, true in truth.items():
            if not np.isnan(points[name]):
                old, new = plain[name], found[name]
                widths = old[1] - old[0], new[1] - new[0]
                seen[name].append((_holds(old, true), _holds(new, true), name in unsure, *widths))
    return {name: _pair(np.array(rows, np.float64)) for name, rows in seen.items() if rows}


def _pair(rows: NDArray[np.float64]) -> Pair:
    before, after, doubted, old, new = rows.mean(axis=0).tolist()
    return Pair(before, after, doubted, new / old if old else np.inf)


def _holds(ends: tuple[float, float], truth: float) -> bool:
    return bool(ends[0] - 1e-9 <= truth <= ends[1] + 1e-9)


@cache
def _plain_weights(subsets: bytes) -> NDArray[np.float64]:
    """Of each subset as many prompts as it has, drawn with replacement."""
    codes, rng = np.frombuffer(subsets, np.int64), np.random.default_rng(0)
    W = np.zeros((N_BOOT, len(codes)))
    for code in np.unique(codes):
        here = np.flatnonzero(codes == code)
        W[:, here] = rng.multinomial(len(here), np.full(len(here), 1 / len(here)), N_BOOT)
    return W / len(codes)


def _plain(evidence: Evidence) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    W = _plain_weights(evidence.subsets.tobytes())
    gain = evidence.quality - evidence.best_single
    points = compute(evidence, MAIN) | {DIFFERENCE: float(gain.mean())}
    drawn = replicates(evidence, W, MAIN) | {DIFFERENCE: W @ gain}
    return points, {name: interval(points[name], drawn[name]) for name in points}


def _given(evidence: Evidence) -> tuple[dict[str, tuple[float, float]], set[str]]:
    found, unsure = estimates(evidence, MAIN)
    W = resamples(evidence.subsets, groups=evidence.groups)
    gain = evidence.quality - evidence.best_single
    ends = mean_interval(gain, W, groups=evidence.groups, low=-1.0)
    return {**found, DIFFERENCE: ends}, unsure


def print_hard(repetitions: int, seed: int) -> None:
    print(f"Coverage of 95 % intervals, before | after, {repetitions:,} repetitions;")
    print("? where more than half of the intervals are marked as not to be relied on")
    print(f"{'world':30}" + "".join(f"{name:>15}" for name in (*MAIN, DIFFERENCE)), flush=True)
    for name, (rate, sizes, options) in HARD.items():
        found = before_and_after(rated_world(rate, sizes, seed=seed, **options), repetitions, seed)
        cells = [_told(found.get(one)) for one in (*MAIN, DIFFERENCE)]
        print(f"{name:30}" + "".join(f"{cell:>15}" for cell in cells), flush=True)


def _told(one: Pair | None) -> str:
    if one is None:
        return "–"
    return f"{100 * one.before:.0f} | {100 * one.after:.0f}{'?' if one.doubted > 0.5 else ' '}"


WORLDS = {
    "binary, 1 subset of 200": ("binary", (200,)),
    "binary, 20 subsets of 10": ("binary", (10,) * 20),
    "real, subsets of 20 40 60 80": ("real", (20, 40, 60, 80)),
}


def print_coverage(repetitions: int, seed: int) -> None:
    print(f"\nCoverage of 95 % intervals, 200 prompts, {repetitions:,} repetitions")
    found = {}
    for name, (kind, sizes) in WORLDS.items():
        found[name] = coverage(made_world(kind, sizes, seed=seed), repetitions=repetitions)
    print(f"{'metric':22}" + "".join(f"{name:>32}" for name in found))
    for metric in next(iter(found.values())):
        cells = [held.get(metric) for held in found.values()]
        text = [
            "–"
            if one is None
            else f"{one.covered:.1%} (below {one.missed_low:.1%}, true {one.truth:.3f})"
            for one in cells
        ]
        print(f"{metric:22}" + "".join(f"{cell:>32}" for cell in text), flush=True)


def print_tests(repetitions: int, seed: int) -> None:
    print(f"\nHow often compare finds a difference, {repetitions:,} repetitions, p < 0.05")
    print(f"{'true difference':>16}{'200 prompts':>14}{'benchmarks of 20, 60, 120':>28}")
    for gain in (0.0, 0.02, 0.04, 0.06, 0.08, 0.10, 0.12):
        one = rejections(gain, repetitions=repetitions, seed=seed)
        macro = rejections(
            gain, sizes=(20, 60, 120), macro=True, repetitions=repetitions, seed=seed
        )
        note = "   false alarms" if gain == 0 else ""
        print(f"{gain:16.2f}{one.found:14.1%}{macro.found:28.1%}{note}")
    print(
        f"smallest difference that can be told, as compare says it: {one.detectable:.3f}"
        f" and {macro.detectable:.3f}"
    )
    family = family_rejections(repetitions=repetitions, seed=seed)
    print(f"any of 5 equal routers said to differ from the best single, Holm: {family:.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=1000, help="of the hard worlds")
    parser.add_argument("--quick", action="store_true", help="60 repetitions, of the hard ones")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print_hard(60 if args.quick else args.repetitions, args.seed)
    if not args.quick:
        print_coverage(args.repetitions // 5, args.seed)
        print_tests(args.repetitions // 5, args.seed)


if __name__ == "__main__":
    main()
