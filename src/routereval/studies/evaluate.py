"""One fitted router on one task: what it scored, with intervals."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.estimator import unfitted
from routereval.routers import Router, TrainedRouter, make_router, weights
from routereval.scoring import N_BOOT, Curve, Evidence, Interval, Metric, collect_evidence, compute
from routereval.scoring.estimates import estimates
from routereval.shown import Shown
from routereval.studies.cost_quality import (
    Predicted,
    cascade_calls,
    cost_quality_curve,
    strong_weak_pair,
)
from routereval.studies.progress import Progress, silent
from routereval.studies.train import fit
from routereval.tasks import Task
from routereval.tasks.scoring_inputs import ScoringInputs, joined, scoring_inputs


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation(Shown):
    """What a router did on the test prompts of a task.

    Attributes:
        metrics: value of each metric, NaN where it is not defined.
        intervals: its 95 % bootstrap interval over prompts.
        evidence: what each prompt contributed.
        seconds: of predicting the test prompts.
        doubtful: the metrics whose interval cannot be relied on; see `scoring.doubtful`.
        predicted: (n_prompts, n_models) the scores that the router predicted.
        rows: (n_prompts,) which prompts of the records were tested.
        fold: (n_prompts,) under ``cv``, the fold that each was tested in; else None.
        fit_seconds: of fitting what was not fitted yet.
    """

    metrics: dict[str, float]
    intervals: dict[str, Interval]
    evidence: Evidence
    seconds: float
    doubtful: frozenset[str] = frozenset()
    predicted: NDArray[np.float64] | None = None
    rows: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    fold: NDArray[np.int64] | None = None
    fit_seconds: float = 0.0


def evaluate(
    router: object,
    task: Task,
    *,
    lam: float = 0.0,
    n_boot: int = N_BOOT,
    metrics: Sequence[Metric] | None = None,
    resampled: Sequence[Metric] | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Evaluate a fitted router on the test prompts of a task.

    Args:
        router: a `Router` that was fitted on ``task.train``; or a spec, or a router or estimator of
            one's own as `make_router` takes them, which are fitted on it; or what `train` returns,
            for the models of the task's pool. Under ``cv`` a spec, or a router that is not fitted:
            it is fitted in every fold, and tested on all prompts.
        task: the task.
        lam: price of cost in units of score.
        n_boot: resamples of the bootstrap.
        metrics: those that are computed; all if None.
        resampled: those of them that get an interval; all if None.
        progress: called with (what, folds done, folds in all).

    Raises:
        sklearn.exceptions.NotFittedError: if the router was not fitted.
        DataError: if no test prompt was put to every model of the pool; or if a trained router
            chooses among other models, or has learned from prompts that the task tests on, as every
            fitted one may have under ``cv``.
        SpecError: if the router is of no known name.
    """
    folds = _folds_with_tests(router, task)
    report = progress or silent
    tested = []
    for done, fold in enumerate(folds):
        report("Folds tested", done, len(folds))
        tested.append(_tested(router, fold, lam))
    inputs = joined(folds) if task.split.crossed else scoring_inputs(task)
    found = _joined(tested, inputs)
    evidence = _evidence(found, tested[0].router)
    values, unsure = estimates(evidence, metrics if resampled is None else resampled, n_boot)
    return Evaluation(
        metrics=compute(evidence, metrics),
        intervals=values,
        evidence=evidence,
        seconds=sum(one.seconds for one in tested),
        doubtful=frozenset(unsure),
        predicted=found.predicted,
        rows=found.inputs.rows,
        fold=found.inputs.fold,
        fit_seconds=sum(one.fit_seconds for one in tested),
    )


@dataclass(frozen=True, eq=False)
class _Tested:
    """What one fit does on the test prompts of its task."""

    router: Router
    task: Task
    X: Any
    predicted: NDArray[np.float64]
    expected: NDArray[np.float64] | None
    sent: NDArray[np.float64]
    called: NDArray[np.float64] | None
    distribution: NDArray[np.float64]
    seconds: float
    fit_seconds: float


class _Joined(NamedTuple):
    """What all fits do, in the order of the records' prompts."""

    inputs: ScoringInputs
    predicted: NDArray[np.float64]
    sent: NDArray[np.float64]
    called: NDArray[np.float64] | None
    distribution: NDArray[np.float64]
    curve: Curve | None


def _tested(router: object, task: Task, lam: float) -> _Tested:
    trained = router if isinstance(router, TrainedRouter) else None
    start = time.perf_counter()
    fitted = _fitted(router, task)
    fit_seconds = time.perf_counter() - start
    test, start = task.test, time.perf_counter()
    X = test.inputs(fitted.reads) if trained is None else trained.inputs(_texts(task), test.known)
    predicted = fitted.predict_scores(X)
    expected = _expected_costs(fitted, task, X)
    sent = weights(predicted, fitted.policy, expected, lam)
    called = None
    if fitted.cascade:
        sent, called = cascade_calls(fitted, test, X, lam)
    seconds = time.perf_counter() - start
    distribution = fitted.distribution(X, predicted)
    return _Tested(
        fitted, task, X, predicted, expected, sent, called, distribution, seconds, fit_seconds
    )


def _joined(tested: Sequence[_Tested], inputs: ScoringInputs) -> _Joined:
    """One fit as it is; several with their prompts in the order of the records."""
    first = tested[0]
    if inputs.fold is None:
        held = Predicted(first.router, first.X, first.predicted, first.sent, first.expected)
        curve = cost_quality_curve(held, first.task.test, inputs)
        return _Joined(inputs, first.predicted, first.sent, first.called, first.distribution, curve)
    order = np.argsort(inputs.rows, kind="stable")
    inputs = inputs.taken(order)
    called = [one.called for one in tested if one.called is not None]
    predicted, sent, distribution = (
        np.concatenate([getattr(one, name) for one in tested])[order]
        for name in ("predicted", "sent", "distribution")
    )
    curve = None
    if not first.router.cascade:  # its prices differ from fit to fit
        held = Predicted(first.router, None, predicted, sent, _all_expected(tested, order))
        curve = cost_quality_curve(held, first.task.test, inputs)
    paid = np.concatenate(called)[order] if called else None
    return _Joined(inputs, predicted, sent, paid, distribution, curve)


def _evidence(found: _Joined, router: Router) -> Evidence:
    """What each prompt contributes to the metrics."""
    inputs = found.inputs
    return collect_evidence(
        inputs.scores,
        found.sent,
        found.distribution,
        best_single=inputs.best_single,
        subsets=inputs.subsets,
        groups=inputs.groups,
        reference=inputs.reference,
        costs=inputs.costs,
        called=found.called,
        unit=inputs.cost_unit,
        truthful=inputs.truthful,
        curve=found.curve,
        pair=strong_weak_pair(inputs.scores, found.predicted, inputs.usual_best),
        entropy_floor=getattr(router, "entropy_floor", 1e-10),
        informed=router.reads in {"truth", "subset_means"},
    )


def _all_expected(
    tested: Sequence[_Tested], order: NDArray[np.int64]
) -> NDArray[np.float64] | None:
    """(n_prompts, n_models) what each fit expects of each call of its prompts."""
    known = [
        np.broadcast_to(one.expected, one.predicted.shape)
        for one in tested
        if one.expected is not None
    ]
    return np.concatenate(known)[order] if len(known) == len(tested) else None


def _folds_with_tests(router: object, task: Task) -> list[Task]:
    """The tasks to be tested on: under ``cv``, those of the folds, where the router is not fitted.

    Raises:
        DataError: if a fitted router is to be tested under ``cv``.
    """
    if not task.split.crossed:
        return [task]
    if isinstance(router, TrainedRouter) or hasattr(router, "n_models_"):
        raise DataError(
            f"under {task.split.rule} a router is fitted anew in every fold, and this one may know "
            "all test prompts; give its spec, such as 'knn', or a router that is not fitted"
        )
    return [fold for fold in task.folds if len(fold.complete_test_rows)] or [task]


def _fitted(router: object, task: Task) -> Router:
    """The router itself; what is no `Router` and not trained is fitted, in a fold all are."""
    if isinstance(router, Router):
        return router if task.split["fold"] is None else fit(unfitted(router), task)
    if not isinstance(router, TrainedRouter):
        return fit(make_router(router), task)
    if router.models != task.models:
        raise DataError(
            f"the router chooses among {len(router.models)} models and the task's pool has "
            f"{len(task.models)} others or in another order; train it with pool=task.models"
        )
    split, own = router.about.get("split"), str(task.split)
    if router.about.get("records") == task.records.hash and split != own:
        raise DataError(
            f"the router was trained under {split} and may know the test prompts of {own}; make "
            f"the task with split={split!r}"
        )
    return router.router


def _texts(task: Task) -> Sequence[str]:
    """The texts of the test prompts, which a trained router makes its own features of."""
    if task.test.texts is None:
        raise DataError(f"{task.records.name}: a trained router reads texts, and there are none")
    return task.test.texts


def _expected_costs(router: Router, task: Task, X: Any) -> NDArray[np.float64] | None:  # noqa: ANN401
    """What the router expects of each call, else the means on train; faithful knows no costs."""
    means = task.expected_costs
    if means is None:
        return None
    own = router.predict_costs(X)
    return means if own is None else own
