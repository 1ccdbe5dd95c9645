"""How far a router's predictions can be trusted: calibration, abstention, robustness, overhead."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.records import Records
from routereval.records.groups import first_equal
from routereval.routers import Router, TrainedRouter, make_router
from routereval.routers.policy import choose
from routereval.routers.training import taken
from routereval.scoring import Interval, mean_interval, resamples
from routereval.scoring.abstention import RiskCoverage, abstention_threshold, risk_coverage
from routereval.scoring.calibration import Calibration, calibration
from routereval.shown import Shown
from routereval.studies.perturbation import CHANGES, changed
from routereval.studies.progress import Progress, silent
from routereval.studies.train import task_of
from routereval.tasks import Pool, Task
from routereval.tasks.part import Part

RISKS = (0.05, 0.1, 0.2)
_TIMED = 200  # prompts that are routed one by one

Floats = NDArray[np.float64]


class Abstention(NamedTuple):
    """A threshold, set on validation prompts, and what it did on the test prompts.

    Attributes:
        risk: share of all prompts that may be answered wrongly, in expectation.
        threshold: predicted score of the choice above which it is answered.
        answered: share of the test prompts that were.
        wrong: mean loss over all test prompts, nothing lost where none was answered.
        score: mean score of the answered ones, NaN if there are none.
    """

    risk: float
    threshold: float
    answered: float
    wrong: float
    score: float


class Robustness(NamedTuple):
    """How many choices stay as they are when prompts are changed without changing what they ask.

    Attributes:
        change: what was done to the prompts.
        stable: 1 - flips / pairs.
        interval: its 95 % bootstrap interval over prompts.
        pairs: prompts that the change did change.
        mu: mean score of the choices for the changed prompts, if every model answers them alike.
    """

    change: str
    stable: float
    interval: Interval
    pairs: int
    mu: float


class Overhead(NamedTuple):
    """What a router takes.

    Attributes:
        p50: median milliseconds of routing one prompt from its text.
        p95: of which 95 % take less.
        p99: of which 99 % take less.
        batch: prompts per second, all test prompts at once.
    """

    p50: float
    p95: float
    p99: float
    batch: float


@dataclass(frozen=True, eq=False, repr=False)
class Trust(Shown):
    """What was found of one router on the test prompts.

    Attributes:
        router: its spec.
        benchmark: the records.
        pool: the models.
        mu: mean score of its choices.
        best_single: that of the constant router: the model that was best on the training prompts.
        of_choice: calibration of the predicted score of the chosen model.
        of_all: of the predicted scores of all models.
        curve: risk against coverage, by the predicted score of the choice.
        abstentions: thresholds.
        n_calibration: validation prompts that the thresholds were set on.
        robustness: by change; empty where the router reads no texts.
        overhead: None where the router reads no texts.
        n_test: how many test prompts.
        simulated: True if no real model was asked.
    """

    router: str
    benchmark: str
    pool: tuple[str, ...]
    mu: float
    best_single: float
    of_choice: Calibration
    of_all: Calibration
    curve: RiskCoverage
    abstentions: Sequence[Abstention]
    n_calibration: int
    robustness: Sequence[Robustness]
    overhead: Overhead | None
    n_test: int
    simulated: bool


def trust(
    source: Records | str | Path,
    router: str = "auto",
    pool: Pool | str | Sequence[str] | None = None,
    *,
    embedder: str = "auto",
    seed: int = 42,
    risks: Sequence[float] = RISKS,
    progress: Progress | None = None,
) -> Trust:
    """Train a router and find how far its predictions can be trusted.

    It is fitted on the training prompts. A router that tunes itself on validation prompts gets one
    half of them; thresholds of abstention are set on the other half, which it has not seen.

    Args:
        source: records, or what `open_source` opens; several benchmarks are mixed to one stream.
        router: a spec of one that learns.
        pool: a pool, its text, or names of models; all models of the records if None.
        embedder: what makes the features; robustness and overhead need one of texts.
        seed: of the split, the halves and the changes.
        risks: for which abstention thresholds are set.
        progress: called with (what, done, total).

    Raises:
        DataError: if the router does not learn, or there is nothing to set thresholds on.
        SpecError: if a name is unknown.
    """
    task = task_of(source, pool, seed=seed, embedder=embedder)
    made = make_router(router)
    if made.reads not in {"features", "texts", "prompts"} or made.policy != "argmax":
        raise DataError(f"{router} predicts no scores from prompts: there is nothing to trust")
    tuning, held_out = _halves(task.val, made, seed)
    if not len(held_out):
        raise DataError(f"{task.records.name}: no validation prompt is left to set thresholds on")
    fitted = _fitted(made, task, tuning)
    test = task.test
    predicted = fitted.predict_scores(test.inputs(fitted.reads))
    choice = _choices(task, fitted, test, predicted)
    rows = np.arange(len(choice))
    sure, scored = predicted[rows, choice], test.scores[rows, choice]
    calibrated = _calibration_part(task, fitted, held_out)
    trained = _trained(task, fitted, router)
    report = progress or silent
    return Trust(
        router=router,
        benchmark=task.records.name,
        pool=task.models,
        mu=float(scored.mean()),
        best_single=float(test.scores[:, task.best_single].mean()),
        of_choice=calibration(sure, scored),
        of_all=calibration(predicted.ravel(), test.scores.ravel()),
        curve=risk_coverage(sure, 1 - scored),
        abstentions=[_abstention(risk, calibrated, sure, scored) for risk in risks],
        n_calibration=len(held_out),
        robustness=[] if trained is None else _robustness(trained, test, choice, seed, report),
        overhead=None if trained is None else _overhead(trained, test, report),
        n_test=len(choice),
        simulated=task.records.simulated,
    )


def _halves(val: Part, router: Router, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of the validation prompts that tune the router, and of those it must not see."""
    places = np.random.default_rng((seed, 3)).permutation(len(val.rows))
    if not router.uses_validation:
        return places[:0], np.arange(len(places))
    lead = first_equal(val.groups[places])  # equal prompts stand where the first of them does
    tuning = lead < len(places) // 2
    return np.sort(places[tuning]), np.sort(places[~tuning])


def _fitted(router: Router, task: Task, tuning: NDArray[np.int64]) -> Router:
    train, val = task.train, task.val
    extra: dict[str, Any] = {"groups": train.groups} if router.uses_groups else {}
    if len(tuning):
        X = taken(val.inputs(router.reads), tuning)
        extra["validation"] = (X, val.scores[tuning])
    return router.fit(train.inputs(router.reads), train.scores, train.costs, **extra)


def _choices(task: Task, router: Router, part: Part, predicted: Floats) -> NDArray[np.int64]:
    own = router.predict_costs(part.inputs(router.reads))
    return choose(predicted, task.expected_costs if own is None else own)


def _calibration_part(
    task: Task, router: Router, places: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Predicted and true scores of the choices on the held-out validation prompts."""
    val = task.val
    predicted = router.predict_scores(val.inputs(router.reads))
    choice = _choices(task, router, val, predicted)
    rows = np.arange(len(choice))
    return predicted[rows, choice][places], val.scores[rows, choice][places]


def _abstention(
    risk: float, calibrated: tuple[Floats, Floats], sure: Floats, scored: Floats
) -> Abstention:
    threshold = abstention_threshold(calibrated[0], 1 - calibrated[1], risk)
    answered = sure > threshold
    score = float(scored[answered].mean()) if answered.any() else float("nan")
    wrong = float(((1 - scored) * answered).mean())
    return Abstention(risk, threshold, float(answered.mean()), wrong, score)


def _trained(task: Task, router: Router, spec: str) -> TrainedRouter | None:
    """The router with its embedder; None where no text can be routed."""
    stored = task.prepared.embedder.partition("(")[0] in {"stored", "columns"}
    if task.test.texts is None or (router.reads != "texts" and stored):
        return None
    embedder = None if router.reads == "texts" else task.prepared.text_embedder()
    costs = task.expected_costs
    known = np.full(len(task.models), np.nan) if costs is None else costs
    return TrainedRouter(router, task.models, embedder, known, {"router": spec})


def _robustness(
    trained: TrainedRouter, test: Part, choice: NDArray[np.int64], seed: int, report: Progress
) -> list[Robustness]:
    texts = list(test.texts or [])
    before = np.array([decision.column for decision in trained.decide(texts)])
    found = []
    for done, change in enumerate(CHANGES):
        report("Changes of the prompts", done, len(CHANGES))
        other = changed(texts, change, seed)
        pairs = np.array([old != new for old, new in zip(texts, other, strict=True)])
        if not pairs.any():
            continue
        after = np.array([decision.column for decision in trained.decide(other)])
        same = (after == before)[pairs].astype(np.float64)
        scores = test.scores[np.arange(len(after)), after]
        groups = test.groups[pairs]
        W = resamples(test.subsets[pairs], seed=seed, groups=groups)
        found.append(
            Robustness(
                change,
                float(same.mean()),
                mean_interval(same, W, groups=groups),
                int(pairs.sum()),
                float(scores[pairs].mean()),
            )
        )
    return found


def _overhead(trained: TrainedRouter, test: Part, report: Progress) -> Overhead:
    texts = list(test.texts or [])
    timed = texts[:_TIMED]
    trained.decide(texts[:1])  # what is made on first use is not a prompt's
    taken = []
    for done, text in enumerate(timed):
        report("Timed prompts", done, len(timed))
        start = time.perf_counter()
        trained.decide([text])
        taken.append((time.perf_counter() - start) * 1000)
    start = time.perf_counter()
    trained.decide(texts)
    batch = len(texts) / (time.perf_counter() - start)
    p50, p95, p99 = (float(np.percentile(taken, share)) for share in (50, 95, 99))
    return Overhead(p50, p95, p99, batch)
