"""What a router's predictions would do at every trade-off of cost, without asking it again."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.records import Records
from routereval.records.routereval import TRUTHFULNESS, canonical
from routereval.routers import Router
from routereval.routers.call_ledger import CallLedger
from routereval.routers.policy import along, one_hot, sweep, trade_offs
from routereval.scoring import Curve, Pair
from routereval.scoring.curve import USD
from routereval.scoring.metrics import ZERO
from routereval.scoring.pareto import hull
from routereval.tasks import Task
from routereval.tasks.mix import benchmark_names

Floats = NDArray[np.float64]

EXACT = 128
FILL = 64


def cost_unit(records: Records) -> str:
    """What the costs of records are counted in: USD, unless they stand for something else."""
    return str(records.meta.get("cost_unit") or USD)


def known_costs(costs: Floats | None) -> Floats | None:
    """Costs of every call: what is unknown filled with the mean of the model's other calls.

    Args:
        costs: (n_prompts, n_models), NaN where unknown, or None.

    Returns:
        The same shape; None where nothing is known of some model.

    >>> known_costs(np.array([[1.0, 3.0], [np.nan, 5.0]]))
    array([[1., 3.],
           [1., 5.]])
    """
    if costs is None:
        return None
    seen = ~np.isnan(costs)
    if seen.all():
        return costs
    if not seen.any(axis=0).all():
        return None
    means = np.where(seen, costs, 0.0).sum(axis=0) / seen.sum(axis=0)
    return np.where(seen, costs, means)


def curve_of(
    router: Router, task: Task, predicted: Floats, sent: Floats, expected: Floats | None
) -> Curve | None:
    """The cost–quality curve of a router on the test prompts.

    Args:
        router: whose policy it is; one that mixes models has a single operating point.
        task: the task.
        predicted: (n_prompts, n_models) what it predicts.
        sent: (n_prompts, n_models) the probability of each call at no price of cost.
        expected: what each call is expected to cost, as `choose` takes it; None if unknown.

    Returns:
        The curve; None where costs are unknown, or the protocol knows of none.
    """
    costs = known_costs(task.test.costs)
    if costs is None or expected is None:
        return None
    scores, unit = task.test.scores, cost_unit(task.records)
    if router.cascade:
        return _curve_of_calls(router, task, costs, expected)
    if router.policy != "argmax":
        return Curve.mixed(sent, scores, costs, task.best_single, unit)
    lam = telling_prices(predicted, expected, scores, costs, task.best_single)
    choices = sweep(predicted, expected, lam)
    return Curve.of(lam, choices, scores, costs, task.best_single, unit)


def telling_prices(
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


def called_by(router: Router, task: Task, X: Any, lam: float) -> tuple[Floats, Floats]:  # noqa: ANN401
    """Let a cascade call models on the test prompts.

    Args:
        router: the cascade.
        task: the task.
        X: what the router reads of its test prompts.
        lam: price of cost in units of score.

    Returns:
        (n_prompts, n_models) 1 for the model whose answer is returned, and 1 for each that was
        called.

    Raises:
        DataError: if it returns the answer of a model that it did not call.
    """
    shape = task.test.scores.shape
    ledger = CallLedger(task.test.signals, (shape[0], shape[1]))
    choice = router.calls(X, ledger, lam)
    if not ledger.called[np.arange(len(choice)), choice].all():
        raise DataError("a cascade returned the answer of a model that it did not call")
    return one_hot(choice, shape[1]), ledger.called.astype(np.float64)


def _curve_of_calls(router: Router, task: Task, costs: Floats, expected: Floats) -> Curve:
    """The cascade run at some prices, from one that does not matter to one that decides all."""
    test = task.test
    X, truth = test.inputs(router.reads), test.scores
    usual = float(np.nanmean(expected)) or 1.0
    lam = np.concatenate([[0.0], np.logspace(-3, 1, 17) / usual])
    runs = [called_by(router, task, X, float(price)) for price in lam]
    quality = np.stack([(sent * truth).sum(axis=1) for sent, _ in runs], axis=1)
    cost = np.stack([(called * costs).sum(axis=1) for _, called in runs], axis=1)
    return Curve(
        lam,
        quality.astype(np.float32),
        cost.astype(np.float32),
        truth.astype(np.float32),
        costs.astype(np.float32),
        task.best_single,
        cost_unit(task.records),
    ).checked()


def pair_of(task: Task, predicted: Floats) -> Pair | None:
    """What a threshold between two models needs; None unless the pool has two."""
    if len(task.models) != 2:
        return None
    strong, weak = task.best_single, 1 - task.best_single
    scores = task.test.scores
    with np.errstate(invalid="ignore"):  # two models that are both ruled out
        margin = predicted[:, strong] - predicted[:, weak]
    return Pair.of(margin, scores[:, strong], scores[:, weak])


def truthful(task: Task) -> NDArray[np.bool_]:
    """(n_test,) on which test prompts a wrong answer is a hallucination.

    Those of a benchmark of truthfulness, and those of a subset that is named like one.
    """
    records, test = task.records, task.test
    of_benchmark = _marked(benchmark_names(records))[test.benchmarks]
    subsets = records.prompts["subset"].fill_null("").unique(maintain_order=True).to_list()
    return np.asarray(of_benchmark | _marked(subsets)[test.subsets])


def _marked(names: Sequence[str]) -> NDArray[np.bool_]:
    return np.array([canonical(name) in TRUTHFULNESS for name in names])
