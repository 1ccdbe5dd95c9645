"""Routers of any language, scored from what they predicted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval._version import __version__
from routereval.errors import DataError, unknown
from routereval.number_of import number_of
from routereval.records import Records
from routereval.results.folder import ResultsFolder
from routereval.results.results import Cell, Outcome, Results
from routereval.routers import Router, make_router
from routereval.routers.base import Scores, Training
from routereval.routers.controls import BestSingle
from routereval.scoring import N_BOOT, compute
from routereval.scoring.estimates import estimates
from routereval.sources import open_source
from routereval.studies.cells import cell_of
from routereval.studies.evaluate import Evaluation, evaluate
from routereval.studies.predictions import Predictions, PredictionsFile, read_predictions
from routereval.studies.streams import of_benchmarks
from routereval.tasks import STREAMS, Split, Task, mix
from routereval.tasks.benchmark import PreparedBenchmark
from routereval.tasks.split import Rows

YARDSTICKS = ("oracle", "dataset_best", "best_single", "random")
PROMPTS = ("test", "file")


class Listed(Router):
    """A router that only knows what a table says; it reads the number of a prompt's row.

    Args:
        values: (n_prompts, n_models) what it predicts of every prompt of the records.
        costs: of the same shape, what it expects each call to cost, or None.
    """

    def __init__(self, values: Scores, costs: Scores | None = None) -> None:
        self.values = values
        self.costs = costs

    def _fit(self, data: Training) -> None:
        """Learn nothing."""

    def _predict(self, X: Any) -> Scores:  # noqa: ANN401
        """Look the prompts up."""
        return self.values[_rows(X)]

    def predict_costs(self, X: Any) -> Scores | None:  # noqa: ANN401
        """Look the prompts up."""
        return None if self.costs is None else self.costs[_rows(X)]

    def distribution(self, X: Any, scores: Scores) -> Scores:  # noqa: ANN401
        """The softmax of the scores that were given."""
        return super().distribution(X, np.where(np.isnan(scores), -np.inf, scores))


class Chosen(Listed):
    """The same, of choices: a row is 1 for one model and 0 for the others; no price moves it."""

    policy: ClassVar[Literal["argmax", "proportional"]] = "proportional"

    def distribution(self, X: Any, scores: Scores) -> Scores:  # noqa: ANN401
        """The choices themselves."""
        return scores


def _rows(X: Any) -> NDArray[np.int64]:  # noqa: ANN401
    return np.asarray(X)[:, 0].astype(np.int64)


class _Job(NamedTuple):
    """Records, their split, and what the file says of them."""

    records: Records
    split: Split
    own: Predictions


class _Numbered(PreparedBenchmark):
    """A benchmark in which the feature of a prompt is the number of its row."""

    def __init__(self, records: Records, split: Split, rows: Rows | None) -> None:
        super().__init__(records, split, "columns")
        if rows is not None:
            self.rows = rows

    def _vectors(self) -> NDArray[np.floating]:
        return np.arange(self.records.n_prompts, dtype=np.float64)[:, None]


def score(
    predictions: str | Path,
    source: Records | Sequence[Records] | str | Path,
    *,
    name: str = "",
    prompts: str = "test",
    split: Split | str = "clean",
    pool: Sequence[str] | None = None,
    n_boot: int = N_BOOT,
    out: str | Path | None = None,
) -> Results:
    """Score a router by a file of its predictions, as `run` scores routers.

    Args:
        predictions: CSV, JSON Lines or Parquet; see `read_predictions`.
        source: records, one benchmark or several, or anything `open_source` opens.
        name: of the router; the file's name if empty.
        prompts: ``test`` scores it on the test prompts of the split, all of which must be in the
            file; ``file`` on whatever prompts are.
        split: the protocol and seed; controls are chosen on its training prompts, or with ``file``
            on all prompts that the file leaves out. ``mixed`` and ``leave_one_out`` take the
            benchmarks together, as `run` does.
        pool: the models that it could choose from; those that the file names if None.
        n_boot: resamples of every interval.
        out: a folder that the results are added to, for `compare`.

    Returns:
        The results, of the router and of oracle, best_single and random; of several benchmarks
        also of dataset_best, which knows the benchmark. best_single is one model for all of
        them.

    Raises:
        DataError: if the file does not fit the records.
        SpecError: if `prompts` or the split is not known.
    """
    if prompts not in PROMPTS:
        raise unknown("choice of prompts", prompts, PROMPTS)
    title = name or Path(predictions).stem
    if title in YARDSTICKS:
        raise DataError(f"{title!r} is the name of a control; give the router another with --name")
    collection = open_source(source)
    file = read_predictions(predictions)
    file.check_prompts(collection)
    jobs, notes = _jobs(file, collection, Split.parse(split), pool)
    tasks = []
    for records, each, own in jobs:
        task, task_notes = _task(records, own, each, prompts, file.path)
        notes += [*task_notes, *(_pool_notes(records, own) if pool is None else [])]
        tasks.append(task)
    stamp = hashlib.sha256(Path(predictions).read_bytes()).hexdigest()[:12]
    found = _scored(tasks, jobs, title, f"file-{stamp}", n_boot)
    if prompts == "file":
        found = [(replace(cell, protocol="file"), outcome) for cell, outcome in found]
    outcomes = {cell.key: outcome for cell, outcome in found}
    info = {"version": __version__, "predictions": str(predictions), "notes": notes}
    results = Results([cell for cell, _ in found], outcomes, notes, info)
    if out is not None:
        _add_to(ResultsFolder(Path(out)), results)
    return results


def _scored(
    tasks: Sequence[Task], jobs: Sequence[_Job], title: str, embedder: str, n_boot: int
) -> list[tuple[Cell, Outcome]]:
    """The router of the file on all tasks, then each of the yardsticks."""
    means = _pooled_means(tasks)
    found = [
        (replace(cell, protocol=split.rule), outcome)
        for task, (_, split, own) in zip(tasks, jobs, strict=True)
        for cell, outcome in _cells(task, own, title, embedder, means, n_boot)
    ]
    return sorted(found, key=lambda one: [title, *YARDSTICKS].index(one[0].router))


def _add_to(folder: ResultsFolder, results: Results) -> None:
    folder.begin(results.info, folder.finished().values())
    for cell in results.cells:
        folder.add(cell, results.outcomes[cell.key])
    folder.finish(results.cells)


def _jobs(
    file: PredictionsFile, collection: Sequence[Records], rule: Split, pool: Sequence[str] | None
) -> tuple[list[_Job], list[str]]:
    """What is to be scored on what: each benchmark, or the stream of all; and what is left out."""
    held = [(records, file.of(records, pool)) for records in collection]
    notes = [f"{one.name}: the file has no prediction for it" for one, own in held if own is None]
    if rule.protocol not in STREAMS:
        return [_Job(one, rule, own) for one, own in held if own is not None], notes
    parts = [one for one, own in held if own is not None]
    stream = mix(parts)
    own = file.of_stream(parts).of(stream, pool)
    each = of_benchmarks([rule], stream)
    return [_Job(stream, split, own) for split in each if own is not None], notes


def _pool_notes(records: Records, own: Predictions) -> list[str]:
    """Choices alone do not tell what else could have been chosen."""
    if not own.chosen:
        return []
    named = f"the pool is the {number_of(len(own.models), 'model')} that the file chooses"
    return [f"{records.name}: {named}; name all that the router could choose from with --pool"]


def _task(
    records: Records, own: Predictions, split: Split, prompts: str, path: Path
) -> tuple[Task, list[str]]:
    """What the router is scored on, and notes on how."""
    if prompts == "test":
        task = Task(_Numbered(records, split, None), own.models)
        missing = np.setdiff1d(task.test.rows, own.rows)
        if len(missing):
            first = records.prompts["prompt_id"][int(missing[0])]
            raise DataError(
                f"{path}: {len(missing):,} of {len(task.test.rows):,} test prompts of "
                f"{records.name} under {split} have no prediction, first {first!r}; "
                "predict them all, or score it on the prompts of the file with --prompts file"
            )
        return task, [task.prepared.note] if task.prepared.note else []
    rest = np.setdiff1d(np.arange(records.n_prompts), own.rows)
    known = rest if len(rest) else own.rows
    task = Task(_Numbered(records, split, Rows(known, known[:0], own.rows)), own.models)
    n_out = len(own.rows) - len(task.test.rows)
    notes = []
    if not len(rest):
        notes.append(
            f"{records.name}: the file has every prompt, so best_single was chosen on the very "
            "prompts that it is scored on"
        )
    if n_out:
        left = f"{n_out} prompts of the file were not put to every model of the pool"
        notes.append(f"{records.name}: {left}")
    return task, notes


def _pooled_means(tasks: Sequence[Task]) -> dict[str, float] | None:
    """Each model's mean on the training prompts of all tasks; None where there is one task only.

    Sets each task's best single model, which does not know the benchmark, by these means.
    """
    if len(tasks) < 2 or tasks[0].split.protocol in STREAMS:
        return None
    seen: dict[str, list[NDArray[np.float64]]] = {}
    for task in tasks:
        for model, column in zip(task.models, task.train.scores.T, strict=True):
            seen.setdefault(model, []).append(column[~np.isnan(column)])
    means = {model: float(np.concatenate(parts).mean()) for model, parts in seen.items()}
    for task in tasks:
        task.best_single = int(np.argmax([means[model] for model in task.models]))
    return means


class _Best(BestSingle):
    """The best single model by means over more prompts than those that it is fitted on."""

    def __init__(self, *, means: Sequence[float]) -> None:
        self.means = means

    def _fit(self, data: Training) -> None:
        """Take the means that were given."""
        self.scores_ = np.asarray(self.means, dtype=np.float64)


def _controls(task: Task, means: dict[str, float] | None) -> dict[str, Router]:
    several = means is not None or task.split.protocol in STREAMS
    made = {name: make_router(name) for name in YARDSTICKS if several or name != "dataset_best"}
    if means is not None:
        made["best_single"] = _Best(means=[means[model] for model in task.models])
    return made


def _cells(
    task: Task,
    own: Predictions,
    title: str,
    embedder: str,
    means: dict[str, float] | None,
    n_boot: int,
) -> Iterator[tuple[Cell, Outcome]]:
    """The router of the file and the yardsticks on one benchmark."""
    for name, router in _routers(task, own, title, means).items():
        found = _evaluated(router, task, _paid(own, task) if name == title else None, n_boot)
        cell = replace(
            cell_of(found, task, router, name, embedder, n_boot),
            benchmark=task.split["test"] or task.records.name,
            group="models",
            seconds={"fit": 0.0, "predict": 0.0},
        )
        yield cell, Outcome(found.evidence, task.test.rows)


def _routers(
    task: Task, own: Predictions, title: str, means: dict[str, float] | None
) -> dict[str, Router]:
    """The router of the file and the yardsticks, by name."""
    n_prompts = task.records.n_prompts
    values = _spread(own.values, own.rows, n_prompts)
    if np.isnan(values[task.test.rows]).all(axis=1).any():
        raise DataError(f"{task.records.name}: a prompt has no score for any model")
    costs = None if own.costs is None else _spread(own.costs, own.rows, n_prompts)
    mine = (Chosen if own.chosen else Listed)(values, costs)
    return {title: mine} | _controls(task, means)


def _paid(own: Predictions, task: Task) -> NDArray[np.float64] | None:
    """(n_prompts,) what the choices on the test prompts cost, as the file says it."""
    if own.paid is None:
        return None
    paid = _spread(own.paid[:, None], own.rows, task.records.n_prompts)
    return paid[task.test.rows][:, 0]


def _evaluated(
    router: Router, task: Task, paid: NDArray[np.float64] | None, n_boot: int
) -> Evaluation:
    train = task.train
    router.fit(train.inputs(router.reads), train.scores, train.costs)
    found = evaluate(router, task, n_boot=n_boot)
    return found if paid is None else _with_costs(found, paid, n_boot)


def _with_costs(evaluation: Evaluation, paid: NDArray[np.float64], n_boot: int) -> Evaluation:
    """The same, with what the choices cost as the file says it."""
    evidence = replace(evaluation.evidence, cost=paid)
    found, unsure = estimates(evidence, None, n_boot)
    return replace(
        evaluation,
        metrics=compute(evidence),
        intervals=found,
        evidence=evidence,
        doubtful=frozenset(unsure),
    )


def _spread(values: NDArray[np.float64], rows: NDArray[np.int64], n_prompts: int) -> Scores:
    """The values in the rows of the records; NaN elsewhere."""
    whole = np.full((n_prompts, values.shape[1]), np.nan)
    whole[rows] = values
    return whole
