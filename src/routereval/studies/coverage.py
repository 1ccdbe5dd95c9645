"""Do the statistics keep their word? Intervals that cover, tests that seldom cry wolf.

A world is made of which everything is known: many prompts, what models score there and what a
router predicts. Samples are drawn from it, and the share of samples is counted in which an
interval holds the world's own number, or a test finds a difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.routers import weights
from routereval.routers.policy import sweep, trade_offs
from routereval.scoring import (
    METRICS,
    Curve,
    Evidence,
    compute,
    gather,
    holm,
    intervals,
    paired_test,
    resamples,
)

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
        costs: (n, n_models) USD a call.
        strata: (n,) code of the subset; each has `DEPTH` times its prompts of a sample.
    """

    sizes: tuple[int, ...]
    scores: NDArray[np.float64]
    predicted: NDArray[np.float64]
    costs: NDArray[np.float64]
    strata: NDArray[np.int64]

    def evidence(self, rows: NDArray[np.int64] | None = None) -> Evidence:
        """What the router does on some prompts, or on all there are."""
        at = slice(None) if rows is None else rows
        scores, predicted, costs = self.scores[at], self.predicted[at], self.costs[at]
        best, expected, lam = self._known
        return gather(
            scores,
            weights(predicted, "argmax"),
            predicted / predicted.sum(axis=1, keepdims=True),
            best_single=best,
            strata=self.strata[at],
            reference=_REFERENCE,
            costs=costs,
            curve=Curve.of(lam, sweep(predicted, expected, lam), scores, costs, best),
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
        ends = np.cumsum(self.sizes) * DEPTH
        parts = [
            rng.choice(size * DEPTH, size, replace=False) + end - size * DEPTH
            for size, end in zip(self.sizes, ends, strict=True)
        ]
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
    strata = np.repeat(np.arange(len(sizes)), np.array(sizes) * DEPTH)
    shape = (len(strata), n_models)
    ability = np.linspace(-0.5, 1.0, n_models)
    taste = 0.5 * rng.normal(size=(len(sizes), n_models))[strata]
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
        strata=strata,
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
    n_boot: int = 1000,
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
    for repetition in range(repetitions):
        evidence = world.evidence(world.sample(rng))
        W = resamples(evidence.strata, n_boot, repetition)
        for name, found in intervals(evidence, W, truth).items():
            ends[name].append(found)
    return {name: _covered(truth[name], np.array(ends[name])) for name in truth}


def _covered(truth: float, ends: NDArray[np.float64]) -> Covered:
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
    strata = np.repeat(np.arange(len(sizes)), sizes)
    each = 1 / np.repeat(sizes, sizes) if macro else None
    chances = [(differ + gain) / 2, (differ - gain) / 2, 1 - differ]
    tests = [
        paired_test(
            rng.choice([1.0, -1.0, 0.0], len(strata), p=chances),
            np.zeros(len(strata)),
            strata=strata,
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
