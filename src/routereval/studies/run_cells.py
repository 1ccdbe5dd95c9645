"""The pieces of a run, each computed by itself: a benchmark at one seed, then its cells."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from threadpoolctl import threadpool_limits

from routereval._version import __version__
from routereval.errors import DataError
from routereval.estimator import unfitted
from routereval.features import embedder_name
from routereval.records import read_records
from routereval.results.results import Cell, Outcome, cell_key
from routereval.routers import Router
from routereval.scoring import OWN_METRICS, Metric
from routereval.scoring.metrics import with_brought
from routereval.studies.cells import cell_of
from routereval.studies.evaluate import evaluate
from routereval.studies.run_prompts import rounded_predictions
from routereval.studies.train import fit
from routereval.tasks import GROUPS, Pool, PreparedBenchmark, Split, Task
from routereval.tasks.scalar_order import numpys_order


class SplitJob(NamedTuple):
    """A benchmark to be prepared at one seed."""

    folder: Path
    split: Split
    pools: list[Pool]
    embedder: object
    place: int = 0  # of the embedder, among those of the run


class PreparedSplit(NamedTuple):
    """A benchmark at one seed, prepared: its pools, or why there are none.

    Attributes:
        folder: of its records.
        name: of the benchmark that is tested on.
        hash: of its records.
        split: the protocol and seed.
        embedder: what makes the features.
        pools: the models of each pool, or why there are not enough.
        notes: what a reader of its cells should know.
        order: numpy's sort, where equal values stand in its order; else empty.
        place: of the embedder, among those of the run.
    """

    folder: Path
    name: str
    hash: str
    split: Split
    embedder: str
    pools: dict[Pool, tuple[str, ...] | DataError]
    notes: tuple[str, ...]
    order: str = ""
    place: int = 0


class CellJob(NamedTuple):
    """A cell to be computed.

    Attributes:
        prepared: its benchmark.
        pool: what it chooses from.
        name: what tables call the router.
        router: the router, not fitted.
        n_boot: resamples of its intervals.
        brought: metrics that are not of this package.
        spec: of the router, where its name is another; else empty.
    """

    prepared: PreparedSplit
    pool: Pool
    name: str
    router: Router
    n_boot: int
    brought: tuple[Metric, ...] = ()
    spec: str = ""

    @property
    def key(self) -> str:
        """The key of its cell."""
        prepared = self.prepared
        return cell_key(
            prepared.hash,
            __version__,
            prepared.split.rule + prepared.order,
            prepared.embedder,
            prepared.name,
            self.pool.size,
            self.pool_spec or self.pool.group,
            prepared.split.seed,
            self.spec or self.name,
            self.n_boot,
            *sorted(one.name for one in self.brought),
        )

    @property
    def pool_spec(self) -> str:
        """The spec of the pool, where tables call it by another word than its rule; else empty."""
        return "" if self.pool.title == self.pool.group else str(self.pool)

    def called(self, cell: Cell) -> Cell:
        """A cell of this key by the names of this run; an earlier one may have had others."""
        return replace(cell, router=self.name, spec=self.spec, group=self.pool.title)


class FinishedCell(NamedTuple):
    """A finished job: its cell and outcome, or a note on why there is none."""

    key: str
    cell: Cell | None
    outcome: Outcome | None
    note: str | None


def prepared_split(job: SplitJob) -> PreparedSplit:
    """Choose the pools of a benchmark and embed its prompts, once for all routers."""
    records = read_records(job.folder)
    split = job.split
    name = split["test"] or records.name
    try:
        prepared = _prepared_benchmark(job.folder, records.hash, split, job.embedder)
        pools = prepared.pools(job.pools)
        if any(not isinstance(models, DataError) for models in pools.values()):
            with threadpool_limits(1):
                for fold in prepared.folds:
                    _ = fold.X  # leaves the embeddings in the cache
    except DataError as error:
        embedder = embedder_name(job.embedder)
        why = (str(error),)
        return PreparedSplit(
            job.folder, name, records.hash, split, embedder, {}, why, place=job.place
        )
    order = numpys_order() if split.machine_ties else ""
    notes = tuple(_notes(prepared, order, job.pools))
    return PreparedSplit(
        *(job.folder, name, records.hash, split, prepared.embedder, pools, notes, order, job.place)
    )


def finished_cell(job: CellJob) -> FinishedCell:
    """Fit and evaluate one router on one pool.

    Each process uses one thread, so that the number of processes never changes a result.
    """
    prepared, pool = job.prepared, job.pool
    models = prepared.pools[pool]
    named = pool if isinstance(models, DataError) else Pool(pool.group, pool.size, models)
    try:
        with threadpool_limits(1):
            benchmark = _prepared_benchmark(
                prepared.folder, prepared.hash, prepared.split, prepared.embedder
            )
            return _evaluated_cell(job, Task(benchmark, named))
    except DataError as error:
        return FinishedCell(job.key, None, None, _located_note(job, str(error)))


def _notes(prepared: PreparedBenchmark, order: str, pools: list[Pool]) -> Iterator[str]:
    records = prepared.records
    if prepared.note:
        yield prepared.note
    if prepared.embedder == "columns":
        yield f"{records.name}: no prompt texts; routers see only the columns of the prompt table"
    if prepared.split.crossed and any(pool.group in GROUPS for pool in pools):
        yield (
            f"{records.name}: under {prepared.split.rule} pools are chosen on all prompts, once "
            "for all routers"
        )
    if order:
        yield f"{records.name}: equal values stand as numpy's {order} sort leaves them"
    if prepared.split.faithful and records.scores.observed() is not None:
        yield (
            f"{records.name}: some cells are missing, and the reference has none: pools come from "
            "models and prompts without missing cells, which is not the reference's"
        )


def _located_note(job: CellJob, error: str) -> str:
    """A note that names the benchmark; where the pool is to blame, not the router."""
    name = job.prepared.name
    return error if error.startswith(f"{name}: ") else f"{name}, {job.name}: {error}"


def _evaluated_cell(job: CellJob, task: Task) -> FinishedCell:
    router = unfitted(job.router)
    fitted = 0.0
    if not task.split.crossed:
        start = time.perf_counter()
        router = fit(router, task)
        fitted = time.perf_counter() - start
    # What reads a whole curve is resampled where a table shows it: it takes longer than the rest.
    metrics = with_brought(OWN_METRICS, job.brought)
    simple = [metric for metric in metrics if not metric.swept]
    found = evaluate(router, task, n_boot=job.n_boot, metrics=metrics, resampled=simple)
    cell = replace(
        cell_of(found, task, router, job.name, job.prepared.embedder, job.n_boot),
        benchmark=job.prepared.name,
        size=job.pool.size,
        group=job.pool.title,
        seconds={"fit": round(fitted + found.fit_seconds, 6), "predict": round(found.seconds, 6)},
        order=numpys_order() if task.split.machine_ties else "",
        spec=job.spec,
        pool_spec=job.pool_spec,
    )
    kept = rounded_predictions(found.predicted)
    outcome = Outcome(found.evidence, found.rows, kept, found.fold)
    return FinishedCell(job.key, cell, outcome, None)


@lru_cache(maxsize=2)
def _prepared_benchmark(
    folder: Path, hash_: str, split: Split, embedder: object
) -> PreparedBenchmark:
    """Kept between the cells of a benchmark, so that routers meet the same feature matrices.

    The hash tells records from those that lay in the same folder before.
    """
    return PreparedBenchmark(read_records(folder), split, embedder)
