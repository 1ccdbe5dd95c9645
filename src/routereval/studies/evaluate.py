"""One fitted router on one task: what it scored, with intervals."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.routers import Router, TrainedRouter, make_router, weights
from routereval.scoring import (
    N_BOOT,
    Evidence,
    Interval,
    Metric,
    collect_evidence,
    compute,
)
from routereval.scoring.estimates import estimates
from routereval.shown import Shown
from routereval.spec import Spec
from routereval.studies.cost_quality import (
    Predicted,
    cascade_calls,
    cost_quality_curve,
    strong_weak_pair,
)
from routereval.studies.train import fit
from routereval.tasks import Task
from routereval.tasks.scoring_inputs import scoring_inputs


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
    """

    metrics: dict[str, float]
    intervals: dict[str, Interval]
    evidence: Evidence
    seconds: float
    doubtful: frozenset[str] = frozenset()
    predicted: NDArray[np.float64] | None = None


def evaluate(
    router: Router | TrainedRouter | Spec | str,
    task: Task,
    *,
    lam: float = 0.0,
    n_boot: int = N_BOOT,
    metrics: Sequence[Metric] | None = None,
    resampled: Sequence[Metric] | None = None,
) -> Evaluation:
    """Evaluate a fitted router on the test prompts of a task.

    Args:
        router: fitted on ``task.train``; or a spec, which is fitted on it; or what `train` returns,
            for the models of the task's pool.
        task: the task.
        lam: price of cost in units of score.
        n_boot: resamples of the bootstrap.
        metrics: those that are computed; all if None.
        resampled: those of them that get an interval; all if None.

    Raises:
        sklearn.exceptions.NotFittedError: if the router was not fitted.
        DataError: if no test prompt was put to every model of the pool; or if a trained router
            chooses among other models, or has learned from prompts that the task tests on.
        SpecError: if the router is of no known name.
    """
    trained = router if isinstance(router, TrainedRouter) else None
    router = _fitted(router, task)
    test = task.test
    start = time.perf_counter()
    X = test.inputs(router.reads) if trained is None else trained.inputs(_texts(task), test.known)
    predicted = router.predict_scores(X)
    expected = _expected_costs(router, task, X)
    sent = weights(predicted, router.policy, expected, lam)
    called = None
    if router.cascade:
        sent, called = cascade_calls(router, test, X, lam)
    seconds = time.perf_counter() - start
    inputs = scoring_inputs(task)
    curve = cost_quality_curve(Predicted(router, X, predicted, sent, expected), test, inputs)
    evidence = collect_evidence(
        inputs.scores,
        sent,
        router.distribution(X, predicted),
        best_single=inputs.best_single,
        subsets=inputs.subsets,
        groups=inputs.groups,
        reference=inputs.reference,
        costs=inputs.costs,
        called=called,
        unit=inputs.cost_unit,
        truthful=inputs.truthful,
        curve=curve,
        pair=strong_weak_pair(inputs.scores, predicted, inputs.best_single),
        entropy_floor=getattr(router, "entropy_floor", 1e-10),
        informed=router.reads in {"truth", "subset_means"},
    )
    found, unsure = estimates(evidence, metrics if resampled is None else resampled, n_boot)
    return Evaluation(
        metrics=compute(evidence, metrics),
        intervals=found,
        evidence=evidence,
        seconds=seconds,
        doubtful=frozenset(unsure),
        predicted=predicted,
    )


def _fitted(router: Router | TrainedRouter | Spec | str, task: Task) -> Router:
    """The router itself, fitted if it was given as a spec."""
    if isinstance(router, str | Spec):
        return fit(make_router(router), task)
    if isinstance(router, Router):
        return router
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
