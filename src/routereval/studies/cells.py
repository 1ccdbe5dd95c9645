"""From an evaluation to the cell that results keep of it."""

from __future__ import annotations

from routereval._version import __version__
from routereval.results.results import Cell
from routereval.routers import Router
from routereval.studies.evaluate import Evaluation
from routereval.tasks import Task
from routereval.tasks.mix import benchmark_starts


def cell_of(
    found: Evaluation, task: Task, router: Router, name: str, embedder: str, n_boot: int
) -> Cell:
    """The cell of a router on a task, by what both say of themselves.

    Args:
        found: what the router did on the task.
        task: the task.
        router: the router.
        name: what tables call it.
        embedder: what made its features.
        n_boot: resamples of the intervals.
    """
    records = task.records
    return Cell(
        benchmark=records.name,
        size=len(task.models),
        group=task.pool.title,
        seed=task.split.seed,
        protocol=task.split.rule,
        router=name,
        pool=task.models,
        n_train=round(sum(len(fold.train.rows) for fold in task.folds) / len(task.folds)),
        n_test=len(found.rows),
        metrics=found.metrics,
        intervals={key: tuple(ends) for key, ends in found.intervals.items()},  # type: ignore[misc]
        seconds={"fit": round(found.fit_seconds, 6), "predict": round(found.seconds, 6)},
        records=records.hash,
        version=__version__,
        embedder=embedder,
        control=router.control,
        simulated=records.simulated,
        n_boot=n_boot,
        doubtful=tuple(sorted(found.doubtful)),
        parts=benchmark_starts(records) if task.split.protocol == "mixed" else {},
    )
