"""Training one router for use: from records to something that routes texts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.estimator import unfitted
from routereval.records import Records
from routereval.results import read_results
from routereval.results.results import Cell
from routereval.results.standings import standings
from routereval.routers import Router, TrainedRouter, choose, extend, make_router
from routereval.routers.certificate import Certificate, interval_of
from routereval.routers.familiarity import Familiarity
from routereval.routers.guarded import Guarded
from routereval.routers.shrinkage import Gain, gain_of
from routereval.sources import Source, open_source
from routereval.spec import Spec
from routereval.studies.progress import Progress, silent
from routereval.tasks import Pool, Split, Task, mix
from routereval.tasks.mix import MIXED

_OF_TEXTS = ("features", "texts", "prompts")  # what a router may read that routes texts
_VOID_IF = (
    "a model of the pool is changed or replaced by its provider",
    "requests differ from the training prompts, as a rising share of unfamiliar ones shows",
    "prices change, where choices weigh cost",
)


def fit(router: Router, task: Task) -> Router:
    """Fit a router on a task as the benchmark does, and extend it by the models that are new.

    Args:
        router: not fitted.
        task: its training prompts are learned from; except under ``faithful``, its validation
            prompts choose hyper-parameters.

    Returns:
        The router of all models: itself, or what `extend` makes of it.

    Raises:
        DataError: if there are new models, and the router cannot take them.
    """
    extra: dict[str, Any] = {}
    if router.uses_validation and not task.split.faithful and len(task.val.rows):
        extra["validation"] = (task.val.inputs(router.reads), task.val.scores)
    if router.uses_groups:
        extra["groups"] = task.train.groups
    if router.uses_models:
        extra["models"] = task.models
    train = task.train
    if router.cascade:
        extra["signals"] = train.signals
    router.fit(train.inputs(router.reads), train.scores, train.costs, **extra)
    probes = task.probes
    if probes is None:
        return router
    return extend(router, probes.inputs(router.reads), probes.scores, probes.costs)


def train(
    source: Records | str | Path,
    router: str | Spec = "auto",
    pool: Pool | str | Sequence[str] | None = None,
    *,
    seed: int = 42,
    embedder: str = "tfidf",
) -> TrainedRouter:
    """Train a router that can be saved, and that decides on texts.

    It learns from the training part of the split only, so that what `evaluate` says of the test
    part holds for the very router that is put to use.

    Args:
        source: records, or what `open_source` opens; several benchmarks are mixed to one stream.
        router: a spec.
        pool: a pool, its text, or names of models; all models of the records if None.
        seed: of the split.
        embedder: a spec of an embedder of texts.

    Returns:
        The trained router.

    Raises:
        DataError: if the records hold no texts, or the router reads what no text tells.
        SpecError: if a name is unknown.
    """
    task = task_of(source, pool, seed=seed, embedder=embedder)
    return trained_on(make_router(router), task, str(router))


def task_of(
    source: Source | Sequence[Source],
    pool: Pool | str | Sequence[str] | None = None,
    *,
    seed: int = 42,
    embedder: str = "tfidf",
    protocol: str | None = None,
) -> Task:
    """The task that `train` trains on; its test part tells how good the router is.

    Args:
        source: records, or what `open_source` opens; several benchmarks are mixed to one stream.
        pool: a pool, its text, or names of models; all models of the records if None.
        seed: of the split.
        embedder: a spec of an embedder of texts.
        protocol: of the split; ``clean``, of several benchmarks ``mixed``, if None.

    Raises:
        DataError: if there is nothing to open, or the benchmarks have no model in common.
        SpecError: if a name is unknown.
    """
    opened = open_source(source)
    records = opened[0] if len(opened) == 1 else mix(opened)
    rule = Split.parse(protocol or ("clean" if len(opened) == 1 else MIXED))
    everyone = list(records.models) if pool is None else pool
    return Task(records, everyone, replace(rule, seed=seed), embedder)


class BestOfRun(NamedTuple):
    """The best learned router of a run, and what it was run on.

    Attributes:
        router: its spec.
        pool: the models it chose from.
        protocol: the rule of its split.
        sources: of the records.
    """

    router: str
    pool: tuple[str, ...]
    protocol: str
    sources: tuple[str, ...]


def best_of_run(folder: str | Path, pool: str | Sequence[str] | None = None) -> BestOfRun:
    """The learned router with the highest mean score among the results of a run.

    Args:
        folder: where `run` left its results.
        pool: the pool that was asked for, if any; else the run must have one.

    Raises:
        DataError: if there are no results, no learned router that texts can be routed by, or
            several pools and none was asked for.
    """
    results = read_results(folder)
    learned = [
        row.router
        for row in standings(results).rows
        if row.test is not None and make_router(results.spec_of(row.router)).reads in _OF_TEXTS
    ]
    if not learned:
        raise DataError(f"{folder} holds no learned router that texts can be routed by")
    cells = results.of(learned[0])
    _refuse_several(folder, cells, pool)
    rule = cells[0].protocol if cells[0].protocol.startswith("cv") else "clean"
    rule = MIXED if len({cell.benchmark for cell in cells}) > 1 else rule
    spec, sources = results.spec_of(learned[0]), tuple(results.info.get("sources", ()))
    return BestOfRun(spec, cells[0].pool, rule, sources)


def _refuse_several(
    folder: str | Path, cells: Sequence[Cell], pool: str | Sequence[str] | None
) -> None:
    """Refuse a run of several pools if none was asked for, naming those that it has."""
    n_pools = len({frozenset(cell.pool) for cell in cells})
    if n_pools > 1 and pool is None:
        rules = ", ".join(dict.fromkeys(map(_rule, cells)))
        raise DataError(
            f"{folder} holds {n_pools} pools ({rules}); name one, or the models to choose from, "
            "with --pool a,b,c"
        )


def _rule(cell: Cell) -> str:
    """What names the pool of a cell, as --pool takes it."""
    return f"'{cell.pool_spec or f'{cell.group}(size={cell.size})'}'"


def has_test_prompts(task: Task) -> bool:
    """Whether any test prompt was put to every model, so that a router can be scored there.

    None was in the log of a gateway, which asks one model per prompt.
    """
    try:
        return len(task.test.rows) > 0
    except DataError:
        return False


def check_reads_texts(router: Router, spec: str) -> None:
    """Raise where a router reads what no text tells.

    Args:
        router: fitted or not.
        spec: what it is called.

    Raises:
        DataError: if it reads more than texts and their features.

    >>> check_reads_texts(make_router("oracle"), "oracle")
    Traceback (most recent call last):
    routereval.errors.DataError: oracle reads the true scores of the prompts that it routes, ...
    """
    if router.reads in _OF_TEXTS:
        return
    what = (
        "from which benchmark and subset a prompt comes"
        if router.reads == "origins"
        else "the true scores of the prompts that it routes"
    )
    raise DataError(f"{spec} reads {what}, which no text tells; it is a yardstick of run")


def trained_on(
    router: Router, task: Task, spec: str, progress: Progress | None = None
) -> TrainedRouter:
    """Fit a router on a task, and keep with it what a text needs to be routed.

    Args:
        router: not fitted.
        task: its embedder must be one of texts.
        spec: what the router is called.
        progress: called with (what, done, total).

    Raises:
        DataError: if the router reads what no text tells, or the features do not come from texts.
    """
    records = task.records
    check_reads_texts(router, spec)
    if not records.has_text:
        raise DataError(f"{records.name}: these records hold no prompt texts to learn from")
    embedder = None if router.reads == "texts" else task.prepared.text_embedder()
    router = fit(router, task)
    familiarity = None
    if embedder is not None:
        familiarity = Familiarity.of(task.train.X, embedder, task.train.texts or ())
    about = {**_about(task, spec), "certificate": certified(router, task, progress).to_dict()}
    return TrainedRouter(router, task.models, embedder, _costs(task), about, familiarity)


def certified(router: Router, task: Task, progress: Progress | None = None) -> Certificate:
    """What a fitted router gains over one model on prompts that it has not learned from.

    A router that is guarded has scored itself on its training prompts, out of fold; any other is
    scored on the test prompts of the task, against the best single model of the training prompts.

    Args:
        router: fitted on the task's training prompts.
        task: the task.
        progress: called with (what, folds done, folds in all).

    Returns:
        The certificate, of today, or of the day that ``SOURCE_DATE_EPOCH`` names.
    """
    scored = _scored(router, task, progress or silent)
    low, high = interval_of(scored.gain)
    costs = [float(usd) if np.isfinite(usd) else None for usd in _costs(task)]
    return Certificate(
        scored_on=f"{scored.gain.n:,} {scored.prompts} of {task.records.name}",
        records=task.records.hash,
        n=scored.gain.n,
        fallback=task.models[scored.fallback],
        gain=scored.gain.mean,
        low=low,
        high=high,
        moved=scored.gain.moved / max(scored.gain.n, 1),
        risk=scored.risk,
        date=today(),
        prices=dict(zip(task.models, costs, strict=True)),
        void_if=_VOID_IF,
    )


class _Scored(NamedTuple):
    gain: Gain
    fallback: int
    prompts: str
    risk: float | None


def _scored(router: Router, task: Task, report: Progress) -> _Scored:
    if isinstance(router, Guarded):
        where = "training prompts, each held out once,"
        return _Scored(router.gain_, router.fallback_, where, router.risk)
    if task.split.crossed:
        return _Scored(
            _gain_out_of_fold(router, task, report), task.best_single, "prompts, held out", None
        )
    return _Scored(_gain_on_test(router, task), task.best_single, "test prompts", None)


def _gain_out_of_fold(router: Router, task: Task, report: Progress) -> Gain:
    """The paired gain on all prompts, each by a fit of the other folds; 0 without any."""
    choices, stayed, scores, groups = [], [], [], []
    for done, fold in enumerate(task.folds):
        report("Folds fitted", done, len(task.folds))
        if not len(fold.complete_test_rows):
            continue
        fitted = fit(unfitted(router), fold)
        predicted = fitted.predict_scores(fold.test.inputs(fitted.reads))
        choices.append(choose(predicted, fold.expected_costs))
        stayed.append(np.full(len(predicted), fold.best_single))
        scores.append(fold.test.scores)
        groups.append(fold.test.groups)
    if not choices:
        return Gain(0.0, 0.0, 0, 0)
    parts = (np.concatenate(part) for part in (choices, stayed, scores, groups))
    return gain_of(*parts)


def _gain_on_test(router: Router, task: Task) -> Gain:
    """The paired gain on the test prompts; 0 without any."""
    try:
        test = task.test
    except DataError:
        return Gain(0.0, 0.0, 0, 0)
    choice = choose(router.predict_scores(test.inputs(router.reads)), task.expected_costs)
    stayed = np.full(len(choice), task.best_single)
    return gain_of(choice, stayed, test.scores, test.groups)


def today() -> str:
    """The day as 2026-01-31, or that which ``SOURCE_DATE_EPOCH`` names."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    return moment.date().isoformat()


def _costs(task: Task) -> NDArray[np.float64]:
    costs = task.expected_costs
    return np.full(len(task.models), np.nan) if costs is None else costs


def _about(task: Task, spec: str) -> dict[str, Any]:
    return {
        "router": spec,
        "embedder": task.prepared.embedder,
        "benchmark": task.records.name,
        "records": task.records.hash,
        "simulated": task.records.simulated,
        "split": str(task.split),
        "pool": str(task.pool),
        "n_train": len(task.train.rows),
    }
