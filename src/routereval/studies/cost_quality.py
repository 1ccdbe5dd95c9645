"""What a router's predictions would do at every trade-off of cost, without asking it again."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.routers import Router
from routereval.routers.call_ledger import CallLedger
from routereval.routers.policy import along, one_hot, sweep, trade_offs
from routereval.scoring import Curve, Pair
from routereval.scoring.metrics import ZERO
from routereval.scoring.pareto import hull
from routereval.tasks import Part
from routereval.tasks.scoring_inputs import ScoringInputs

Floats = NDArray[np.float64]

EXACT = 128
FILL = 64


@dataclass(frozen=True, eq=False)
class Predicted:
    """What a router predicts of the test prompts.

    Attributes:
        router: which one; its policy chooses.
        X: what it read.
        scores: (n_prompts, n_models) what it predicts.
        sent: (n_prompts, n_models) the probability of each call at no price of cost.
        costs: what each call is expected to cost, as `choose` takes it; None if unknown.
    """

    router: Router
    X: Any
    scores: Floats
    sent: Floats
    costs: Floats | None


def cost_quality_curve(found: Predicted, test: Part, inputs: ScoringInputs) -> Curve | None:
    """The cost–quality curve of a router on the test prompts.

    A router that mixes models has a single operating point.

    Args:
        found: what it predicts.
        test: the test part of the task.
        inputs: the same part, as scoring takes it.

    Returns:
        The curve; None where costs are unknown, or the protocol knows of none.
    """
    scores, costs, unit = inputs.scores, inputs.costs, inputs.cost_unit
    if costs is None or found.costs is None:
        return None
    if found.router.cascade:
        return _cascade_curve(found, test, inputs, costs)
    if found.router.policy != "argmax":
        return Curve.mixed(found.sent, scores, costs, inputs.usual_best, unit)
    lam = decisive_prices(found.scores, found.costs, scores, costs, inputs.usual_best)
    choices = sweep(found.scores, found.costs, lam)
    return Curve.of(lam, choices, scores, costs, inputs.usual_best, unit)


def decisive_prices(
    predicted: Floats, expected: Floats, scores: Floats, costs: Floats, best_single: int
) -> Floats:
    """The prices at which a sweep is looked at: all, or those that decide what is read off it.

    Up to `EXACT` of them every price at which some choice changes counts. Where there are more, the
    mean score and cost are computed at each of them, and kept are: the corners of the hull, the
    highest mean score, the least cost as good as the best single model (of train, and of test), and
    `FILL` prices spread evenly among the others, which shape the areas between. So AIQ, QNC,
    CostSave, Peak and PerfGain are exact; their resamples see the points that are kept, as do nAUC
    and hypervolume.

    Args:
        predicted: (n_prompts, n_models) predicted scores.
        expected: what each call is expected to cost, as `choose` takes it.
        scores: (n_prompts, n_models) true scores.
        costs: (n_prompts, n_models) what each call cost.
        best_single: column of the model that was best on the training prompts.

    Returns:
        Ascending prices, the first 0, the last infinite.
    """
    every = trade_offs(predicted, expected, most=sys.maxsize)
    if len(every) <= EXACT:
        return every
    truth, paid = (np.asarray(v, np.float32).astype(np.float64) for v in (scores, costs))
    quality, cost = along(predicted, expected, truth, paid)
    single, price = truth.mean(axis=0), paid.mean(axis=0)
    cheapest = int(price.argmin())
    corners, _ = hull(np.append(cost, price[cheapest]), np.append(quality, single[cheapest]))
    kept = [0, len(every) - 1, *np.flatnonzero(np.isin(cost, corners))]
    kept += np.linspace(0, len(every) - 1, FILL).astype(np.int64).tolist()
    for target in (quality.max(), single[best_single], single.max()):
        enough = quality >= target - ZERO
        if enough.any():
            kept.append(int(np.where(enough, cost, np.inf).argmin()))
    return np.asarray(every[np.unique(kept)])


def cascade_calls(router: Router, test: Part, X: Any, lam: float) -> tuple[Floats, Floats]:  # noqa: ANN401
    """Let a cascade call models on the test prompts.

    Args:
        router: the cascade.
        test: the test part of the task.
        X: what the router reads of it.
        lam: price of cost in units of score.

    Returns:
        (n_prompts, n_models) 1 for the model whose answer is returned, and 1 for each that was
        called.

    Raises:
        DataError: if it returns the answer of a model that it did not call.
    """
    n_prompts, n_models = test.scores.shape
    ledger = CallLedger(test.signals, (n_prompts, n_models))
    choice = router.calls(X, ledger, lam)
    if not ledger.called[np.arange(len(choice)), choice].all():
        raise DataError("a cascade returned the answer of a model that it did not call")
    return one_hot(choice, n_models), ledger.called.astype(np.float64)


def strong_weak_pair(scores: Floats, predicted: Floats, strong: int) -> Pair | None:
    """What a threshold between two models needs; None unless the pool has two.

    Args:
        scores: (n_prompts, n_models) true scores.
        predicted: (n_prompts, n_models) predicted scores.
        strong: column of the model that was best on the training prompts.
    """
    if scores.shape[1] != 2:
        return None
    weak = 1 - strong
    with np.errstate(invalid="ignore"):  # two models that are both ruled out
        margin = predicted[:, strong] - predicted[:, weak]
    return Pair.of(margin, scores[:, strong], scores[:, weak])


def _cascade_curve(found: Predicted, test: Part, inputs: ScoringInputs, costs: Floats) -> Curve:
    """The cascade run at some prices, from one that does not matter to one that decides all."""
    truth = inputs.scores
    usual = float(np.nanmean(found.costs)) or 1.0  # type: ignore[arg-type]
    lam = np.concatenate([[0.0], np.logspace(-3, 1, 17) / usual])
    runs = [cascade_calls(found.router, test, found.X, float(price)) for price in lam]
    quality = np.stack([(sent * truth).sum(axis=1) for sent, _ in runs], axis=1)
    cost = np.stack([(called * costs).sum(axis=1) for _, called in runs], axis=1)
    return Curve(
        lam,
        quality.astype(np.float32),
        cost.astype(np.float32),
        truth.astype(np.float32),
        costs.astype(np.float32),
        inputs.usual_best,
        inputs.cost_unit,
    ).checked()
