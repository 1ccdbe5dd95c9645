"""Metrics of quality and cost: of the choices as they are, and of the whole trade-off.

Those of a curve read its operating points: what the policy would have scored and spent at each
price of cost, and the cheapest model, to which every policy can send its prompts. Mixtures of two
points count where the hull is named, else not. "The best single model" is the one that was best on
the training prompts, unless ``best=test``.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, Protocol

import numpy as np

from routereval.scoring.curve import USD, Plane
from routereval.scoring.means import Means, Values
from routereval.scoring.metrics import ZERO, Formula, Metric, Option, ratio, register
from routereval.scoring.pareto import area, staircase
from routereval.scoring.quality_metrics import small_subsets

_NO_COSTS = "where costs are unknown"
_NO_RANGE = "where costs are unknown, or all models cost the same"
_BEST = Option("train", among=("train", "test"))
_ARENA_LOW, _ARENA_HIGH = 0.0044, 200.0  # USD per 1,000 prompts
_PER = 1000


class _WithOptions(Protocol):
    def __call__(self, curve: Plane, /, *args: Any, **options: Any) -> Values: ...  # noqa: ANN401


_Read = Callable[[Plane], Values] | _WithOptions


def _of_curve(read: _Read) -> Formula:
    """The formula on `Means` of a read-out of the curve; NaN where there is none."""

    def formula(of: Means, **params: Any) -> Values:  # noqa: ANN401 - checked by its option
        return of.undefined if of.curve is None else read(of.curve, **params)

    return formula


def _arena(of: Means, *, beta: float) -> Values:
    if of.evidence.unit != USD:
        return of.undefined
    low, high = np.log2(_ARENA_LOW), np.log2(_ARENA_HIGH)
    spent = np.log2(np.clip(of.cost * _PER, _ARENA_LOW, _ARENA_HIGH))
    thrift = (high - spent) / (high - low)
    both = beta * of.quality + thrift
    # nothing right, or nothing saved, is worth nothing; a cost that is not known stays unknown
    return np.where(both == 0, 0.0, (1 + beta) * of.quality * thrift / np.where(both, both, 1.0))


def _reward(of: Means, *, alpha: float, beta: float) -> Values:
    return alpha * of.relative_score - beta * of.relative_cost


def _avengers(of: Means, *, alpha: float) -> Values:
    return alpha * of.subset_score + (1 - alpha) * (1 - of.subset_cost)


def _aiq(curve: Plane, *, variant: str) -> Values:
    whole = curve.dearest - (curve.cheapest if variant == "paper" else 0.0)
    return np.where(_has_range(curve), ratio(curve.under_hull, whole), np.nan)


def _over_zero(curve: Plane) -> Values:
    lead = ratio(curve.under_hull - curve.under_zero, curve.dearest - curve.cheapest)
    return np.where(_has_range(curve), lead, np.nan)


def _nauc(curve: Plane) -> Values:
    return ratio(area(*curve.by_cost, np.zeros_like(curve.dearest), curve.dearest), curve.dearest)


def _hypervolume(curve: Plane) -> Values:
    return ratio(staircase(*curve.by_cost, curve.dearest), curve.dearest)


def _least_cost(curve: Plane, best: str) -> Values:
    """Least cost of a point as good as the best single model; infinite if there is none."""
    cost, quality = curve.reached
    target = curve.single(best)[1][..., None]
    return np.asarray(np.where(quality >= target - ZERO, cost, np.inf).min(axis=-1))


def _qnc(curve: Plane, *, best: str) -> Values:
    return ratio(_least_cost(curve, best), curve.dearest)


def _cost_save(curve: Plane, *, variant: str, best: str) -> Values:
    saved = 1 - ratio(_least_cost(curve, best), curve.single(best)[0])
    return np.maximum(saved, 0.0) if variant == "deployed" else saved


def _peak(curve: Plane) -> Values:
    return np.asarray(curve.reached[1].max(axis=-1))


def _perf_gain(curve: Plane, *, best: str) -> Values:
    return ratio(_peak(curve), curve.single(best)[1]) - 1.0


def _has_range(curve: Plane) -> Any:  # noqa: ANN401 - a bool or an array of them
    return curve.dearest - curve.cheapest > ZERO * curve.dearest


register(
    Metric(
        name="cost",
        symbol="cost",
        latex=r"\mathrm{cost}",
        formula=lambda of: of.cost,
        meaning="mean cost of the chosen models",
        source="RouteLLM",
        group="cost",
        higher_is_better=False,
        high=inf,
        unit="USD per call, or what stands in for it",
        undefined="where the cost of a choice is unknown",
    )
)
register(
    Metric(
        name="aiq",
        symbol="AIQ",
        latex=r"\mathrm{AIQ}",
        formula=_of_curve(_aiq),
        swept=True,
        meaning="mean height of the hull from the cheapest model's cost to the dearest's "
        "(paper), or its area over the dearest's cost (code)",
        source="RouterBench",
        group="cost",
        undefined=_NO_RANGE,
        options={"variant": Option("paper", among=("paper", "code"))},
    )
)
register(
    Metric(
        name="over_zero",
        symbol="AIQ − Zero",
        latex=r"\mathrm{AIQ}-\mathrm{AIQ}_{0}",
        formula=_of_curve(_over_zero),
        swept=True,
        meaning="AIQ less that of the Zero router, the hull of the single models",
        source="derived from RouterBench's Zero router",
        group="cost",
        low=-1.0,
        undefined=_NO_RANGE,
    )
)
register(
    Metric(
        name="nauc",
        symbol="nAUC",
        latex=r"\mathrm{nAUC}",
        formula=_of_curve(_nauc),
        swept=True,
        meaning="area under the operating points joined by cost, which is relative to the dearest "
        "model's, from 0 to 1",
        source="UniRoute",
        group="cost",
        undefined=_NO_COSTS,
    )
)
register(
    Metric(
        name="hypervolume",
        symbol="HV",
        latex=r"\mathrm{HV}",
        formula=_of_curve(_hypervolume),
        swept=True,
        meaning="area that the operating points dominate, without mixing, cost relative to the "
        "dearest model's",
        source="multi-objective optimisation",
        group="cost",
        undefined=_NO_COSTS,
    )
)
register(
    Metric(
        name="qnc",
        symbol="QNC",
        latex=r"\mathrm{QNC}",
        formula=_of_curve(_qnc),
        swept=True,
        meaning="least cost as good as the best single model, relative to the dearest model's; "
        "∞ if never",
        source="UniRoute",
        group="cost",
        higher_is_better=False,
        high=inf,
        undefined=_NO_COSTS,
        options={"best": _BEST},
    )
)
register(
    Metric(
        name="cost_save",
        symbol="CostSave",
        latex=r"\mathrm{CostSave}",
        formula=_of_curve(_cost_save),
        swept=True,
        meaning="share of the best single model's cost that is saved at no less quality; where "
        "nothing is, one stays with that model: 0 (deployed), or below 0, −∞ if never (paper)",
        source="LLMRouterBench",
        group="cost",
        low=-inf,
        undefined=_NO_COSTS,
        options={
            "variant": Option("deployed", among=("deployed", "paper")),
            "best": _BEST,
        },
    )
)
register(
    Metric(
        name="peak",
        symbol="Peak",
        latex=r"\mathrm{Peak}",
        formula=_of_curve(_peak),
        swept=True,
        meaning="highest mean score of any operating point",
        source="UniRoute",
        group="cost",
        undefined=_NO_COSTS,
    )
)
register(
    Metric(
        name="perf_gain",
        symbol="PerfGain",
        latex=r"\mathrm{PerfGain}",
        formula=_of_curve(_perf_gain),
        swept=True,
        meaning="highest mean score of any operating point, relative to the best single model, − 1",
        source="LLMRouterBench",
        group="cost",
        low=-1.0,
        high=inf,
        undefined="where costs are unknown, or that model is never right",
        options={"best": _BEST},
    )
)
register(
    Metric(
        name="rci",
        symbol="RCI",
        latex=r"\mathrm{RCI}",
        formula=lambda of: of.collapsed,
        meaning="share of prompts whose choice misses the highest score, or is the dearest model "
        "where a less dear one has that score too",
        source="routing collapse index",
        group="cost",
        higher_is_better=False,
        undefined=_NO_COSTS,
    )
)
register(
    Metric(
        name="arena",
        symbol="Arena",
        latex=r"\mathrm{Arena}",
        formula=_arena,
        meaning="weighted harmonic mean of quality and thrift, on the logarithm of USD per 1,000 "
        "prompts from 0.0044 to 200",
        source="RouterArena",
        group="cost",
        undefined="where costs in USD are unknown",
        options={"beta": Option(0.1, low=0.0)},
    )
)
register(
    Metric(
        name="opt_sel",
        symbol="Opt.Sel",
        latex=r"\mathrm{Opt.Sel}",
        formula=lambda of: of.optimal,
        meaning="share of prompts sent to a cheapest model of the highest score",
        source="RouterArena",
        group="cost",
        undefined=_NO_COSTS,
    )
)
register(
    Metric(
        name="opt_cost",
        symbol="Opt.Cost",
        latex=r"\mathrm{Opt.Cost}",
        formula=lambda of: ratio(of.optimal_cost, of.cost),
        meaning="mean cost of the cheapest models of the highest score, relative to what was spent",
        source="RouterArena",
        group="cost",
        high=inf,
        undefined="where costs are unknown, or nothing was spent",
    )
)
register(
    Metric(
        name="opt_acc",
        symbol="Opt.Acc",
        latex=r"\mathrm{Opt.Acc}",
        formula=lambda of: ratio(of.quality, of.oracle),
        meaning="mean score relative to the oracle's",
        source="RouterArena",
        group="cost",
        undefined="where no model is ever right",
    )
)
register(
    Metric(
        name="reward",
        symbol="reward",
        latex=r"\mathrm{reward}",
        formula=_reward,
        meaning="alpha × score − beta × cost, both on the line from the prompt's least to its "
        "greatest",
        source="GraphRouter",
        group="cost",
        low=-inf,
        high=inf,
        undefined=_NO_COSTS,
        options={"alpha": Option(0.5, low=0.0), "beta": Option(0.5, low=0.0)},
    )
)
register(
    Metric(
        name="avengers",
        symbol="Avengers",
        latex=r"\mathrm{Avengers}",
        formula=_avengers,
        meaning="alpha × score + (1 − alpha) × (1 − cost), both on the line from the least to the "
        "greatest mean of a model on the subset",
        source="Avengers-Pro",
        group="cost",
        low=-inf,
        high=inf,
        undefined=_NO_COSTS,
        doubtful=small_subsets,
        options={"alpha": Option(0.5, low=0.0, high=1.0)},
    )
)
