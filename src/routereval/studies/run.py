"""The benchmark: benchmark × pool size × group × router × seed, in parallel, resumable."""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from routereval._version import __version__
from routereval.errors import DataError, SpecError
from routereval.grouped import grouped
from routereval.records import Records
from routereval.results.folder import ResultsFolder
from routereval.results.results import Results
from routereval.scoring import N_BOOT, OWN_METRICS, all_metrics
from routereval.scoring.metrics import not_loaded
from routereval.studies.progress import Progress, silent
from routereval.studies.run_cells import (
    CellJob,
    PreparedSplit,
    SplitJob,
    finished_cell,
    prepared_split,
)
from routereval.studies.run_plan import (
    Defaults,
    RunPlan,
    defaults_for,
    embedders_of_run,
    pools_of_run,
    routers_by_name,
    with_controls,
)
from routereval.studies.run_prompts import kept_prompts
from routereval.studies.run_sources import (
    CostSource,
    Selection,
    records_in_folders,
    selected,
    with_costs_of,
)
from routereval.studies.streams import joined, of_benchmarks
from routereval.studies.workers import Workers, workers_at
from routereval.tasks import Pool
from routereval.tasks.pool import above_band
from routereval.tasks.pool import left_out as left_out_for
from routereval.tasks.scalar_order import numpys_order

_REASONS = 3  # that an error gives


def run(  # noqa: PLR0913 - the options of a command
    sources: Sequence[Records | str | Path],
    routers: Sequence[Any] | Mapping[str, Any] | None = None,
    sizes: Sequence[int] | None = None,
    groups: Sequence[str] | None = None,
    *,
    pools: Sequence[Any] | Mapping[str, Any] | None = None,
    only: Sequence[str] = (),
    models: Sequence[str] = (),
    without: Sequence[str] = (),
    protocol: str | None = None,
    seeds: int | Sequence[int] = 1,
    embedder: object = "auto",
    n_boot: int = N_BOOT,
    out: str | Path | None = None,
    n_jobs: int = -1,
    scheduler: str | None = None,
    costs: str = "auto",
    prices: str | Path | None = None,
    progress: Progress | None = None,
) -> Results:
    """Evaluate routers on pools of models.

    Without a say on pools: of up to 8 models one pool, of all of them; of more, RouterEval's. Of so
    few models on fewer than 2,000 prompts ``cv(k=10)`` is the protocol, else ``clean``.

    Args:
        sources: records, or anything `open_source` opens.
        routers: specs, or routers and estimators of one's own, as `make_router` takes them;
            ``ours=knn(k=5)``, or a mapping, where tables are to call one by a name;
            ``knn(k=[5, 20])`` for a router of each value; ``all-cpu`` for every router that needs
            no extra, no network and no parameter. By default controls and baselines, on a mixed
            stream with ``dataset_best``; on one pool of few models the best single model, the
            cheapest where costs are known, ``knn``, ``forest``, ``auto``.
        sizes: pool sizes; 3 and 5 if None.
        groups: ``all-strong``, ``all-weak``, ``strong-to-weak``, all three if None; or ``all`` by
            itself, for one pool of all models.
        pools: instead of sizes and groups, the pools themselves: `Pool`, their text, names of
            models, or ``all``; or a mapping of these by what tables call them.
        only: names of the benchmarks to run; all if empty.
        models: names of the models to keep of the records; all if empty.
        without: names of models to leave out.
        protocol: ``clean``, ``cv``, ``faithful`` or another of `tasks.PROTOCOLS`, with parameters
            as in ``few_shot(n=[10, 100])``.
        seeds: how many seeds, from 42 on, or the seeds; each has its own split and pools.
        embedder: what makes the features; see `PreparedBenchmark`. Of several in a list, or a list
            for a parameter as in ``tfidf(dims=[64, 256])``, each router that reads features has a
            row with each.
        n_boot: resamples of every interval, in the results and in all tables of them.
        out: a folder for the results; a run that was stopped goes on from there.
        n_jobs: processes; -1 for one per core.
        scheduler: the address of a Dask scheduler, whose workers then do the work; they must see
            the folders of the records.
        costs: where costs come from; see `with_costs`.
        prices: the file of a price list, or None for the one of this package.
        progress: called as the run proceeds.

    Returns:
        The results; what was left out stands in their notes.

    Raises:
        DataError: if nothing at all could be run, or the scheduler does not answer.
        MissingDependencyError: if a scheduler is given, and distributed is not installed.
        SpecError: if a name is unknown, or pools are given beside sizes or groups.
    """
    wanted = Selection(tuple(only), tuple(models), tuple(without))
    paid = CostSource(costs, prices)
    if n_jobs == 0:
        raise SpecError("a run needs at least one process; give a number, or -1 for one per core")
    asked = _Asked(
        routers,
        sizes,
        groups,
        _given_pools(pools, sizes, groups),
        protocol,
        seeds if isinstance(seeds, int) else tuple(seeds),
        embedders_of_run(embedder),
        n_boot,
    )
    asked.plan(Defaults())  # what makes no sense is refused before any work
    report = progress or silent
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="routereval-")))
        folder = ResultsFolder(Path(out) if out else scratch / "results")
        folder.finished()  # refused before any work, if it holds something else
        workers = stack.enter_context(workers_at(scheduler, n_jobs))
        opened = selected(records_in_folders(sources, scratch, report), wanted, scratch)
        records, cost_notes = with_costs_of(opened, paid, scratch)
        usual = asked.defaults(records)
        plan = asked.plan(usual)
        stream = joined(records, plan.splits[0], scratch)
        prepared = _prepared_splits(stream, plan, workers, report)
        jobs = _cell_jobs(prepared, plan)
        first = [usual.note] if usual.note and protocol is None else []
        notes = [*first, *_notes(prepared, records, plan), *cost_notes, *_metrics_left_out()]
        if not jobs:
            raise _nothing_run(notes)
        covered = {**wanted.info(), **plan.info(), **paid.info(), "notes": notes}
        info = _info(sources, prepared) | covered
        results = _computed(jobs, info, folder, workers, report)
        return _with_prompts(folder, stream, results)


@dataclass(frozen=True)
class _Asked:
    """What the caller of `run` named of the plan; None for what the records decide."""

    routers: Sequence[Any] | Mapping[str, Any] | None
    sizes: Sequence[int] | None
    groups: Sequence[str] | None
    pools: tuple[Pool, ...]
    protocol: str | None
    seeds: int | tuple[int, ...]
    embedders: tuple[object, ...]
    n_boot: int

    def defaults(self, records: Sequence[Records]) -> Defaults:
        """What the records decide."""
        return defaults_for(records, self.protocol, self.sizes, self.groups, self.pools)

    def plan(self, usual: Defaults) -> RunPlan:
        """What is run, where the rest is as usual."""
        rule = usual.protocol if self.protocol is None else self.protocol
        routers = with_controls(usual.routers, rule) if self.routers is None else self.routers
        return RunPlan(
            routers_by_name(routers, rule),
            tuple(usual.sizes if self.sizes is None else self.sizes),
            tuple(usual.groups if self.groups is None else self.groups),
            self.pools,
            rule,
            self.seeds,
            self.embedders,
            self.n_boot,
        )


def _given_pools(
    pools: Sequence[Any] | Mapping[str, Any] | None,
    sizes: Sequence[int] | None,
    groups: Sequence[str] | None,
) -> tuple[Pool, ...]:
    """The pools that were given; none where sizes and groups make them."""
    if pools is None:
        return ()
    if sizes is not None or groups is not None:
        raise SpecError(
            "pools are given, or sizes and groups that make them; leave one of them out"
        )
    return pools_of_run(pools)


def _prepared_splits(
    opened: Sequence[Records], plan: RunPlan, workers: Workers, report: Progress
) -> list[PreparedSplit]:
    jobs = [  # absolute, as a process that is there already may stand in another folder
        SplitJob(records.path.absolute(), split, plan.pools_of(records.n_models), embedder, place)
        for records in opened
        for split in of_benchmarks(plan.splits, records)
        for place, embedder in enumerate(plan.embedders)
        if records.path
    ]
    found: list[PreparedSplit] = []
    report("pools and features", 0, len(jobs))
    folders = [job.folder for job in jobs]
    for one in workers.map(prepared_split, jobs, needs=folders, ordered=True):
        found.append(one)
        report("pools and features", len(found), len(jobs))
    return found


def _cell_jobs(prepared: Sequence[PreparedSplit], plan: RunPlan) -> list[CellJob]:
    """The cells that can be computed, those of one benchmark together."""
    brought = tuple(metric for metric in all_metrics() if metric.name not in OWN_METRICS)
    return [
        CellJob(one, pool, name, entrant.router, plan.n_boot, brought, entrant.spec)
        for one in prepared
        for name, entrant in plan.routers_on(one.place)
        for pool, models in one.pools.items()
        if not isinstance(models, DataError) and pool not in _repeated(one)
    ]


def _repeated(prepared: PreparedSplit) -> dict[Pool, Pool]:
    """Pools of the very models of an earlier one; ``faithful`` has them all, as the paper."""
    first: dict[frozenset[str], Pool] = {}
    found = {}
    for pool, models in prepared.pools.items():
        if not isinstance(models, DataError) and not prepared.split.faithful:
            other = first.setdefault(frozenset(models), pool)
            if other is not pool:
                found[pool] = other
    return found


def _notes(
    prepared: Sequence[PreparedSplit], records: Sequence[Records], plan: RunPlan
) -> list[str]:
    """What a reader should know, each once.

    Which pools are left out, as they hold the models of another; what the splits say; for which
    pools there are not enough models; and of which benchmarks a pool leaves models out, for missing
    cells or as they are too good.
    """
    same = [
        f"{one.name}: {pool} holds the models of {other}, which stands for both"
        for one in prepared
        for pool, other in _repeated(one).items()
    ]
    own = [note for one in prepared for note in one.notes]
    refused = [str(m) for one in prepared for m in one.pools.values() if isinstance(m, DataError)]
    partial = [left_out_for(one, plan.pools_of(one.n_models)) for one in records]
    best = [above_band(one, plan.pools_of(one.n_models), plan.splits[0]) for one in records]
    return [line for line in dict.fromkeys([*same, *own, *refused, *partial, *best]) if line]


def _metrics_left_out() -> list[str]:
    """A line for each metric of another package that cannot be loaded."""
    return [f"{reason}; it is left out" for reason in not_loaded().values()]


def _computed(
    jobs: Sequence[CellJob],
    info: dict[str, Any],
    folder: ResultsFolder,
    workers: Workers,
    report: Progress,
) -> Results:
    """The results of all jobs; cells that the folder holds already are not computed again."""
    finished = folder.finished()
    cells = {job.key: job.called(finished[job.key]) for job in jobs if job.key in finished}
    left = [job for job in jobs if job.key not in cells]
    failed: dict[str, str] = {}
    report("cells", len(cells), len(jobs))
    folders = [job.prepared.folder for job in jobs]
    for done in workers.map(finished_cell, left, needs=list(dict.fromkeys(folders))):
        if done.cell and done.outcome:
            folder.begin(info, finished.values())
            folder.add(done.cell, done.outcome)
            cells[done.key] = done.cell
        elif done.note:
            failed[done.key] = done.note
        report("cells", len(cells), len(jobs))
    # In the order of the run, not in that of who was done first.
    notes = [*info["notes"], *dict.fromkeys(failed[j.key] for j in jobs if j.key in failed)]
    ordered = [cells[job.key] for job in jobs if job.key in cells]
    if not ordered:
        raise _nothing_run(notes)
    info = {**info, "notes": notes}
    folder.finish(ordered)
    folder.note_run(info)
    return Results(ordered, folder.load(cells), notes, info)


def _with_prompts(folder: ResultsFolder, stream: Sequence[Records], results: Results) -> Results:
    """The results with the test prompts of all cells, those of earlier runs of the folder too."""
    cells = grouped(folder.read_cells(), lambda cell: cell.records)
    earlier = [cell.key for held in cells.values() for cell in held]
    more = folder.load(key for key in earlier if key not in results.outcomes)
    outcomes = {**results.outcomes, **more}
    found = {
        records.hash: kept_prompts(records, cells[records.hash], outcomes)
        for records in stream
        if records.hash in cells
    }
    for name, kept in found.items():
        kept.save(folder.prompts.file(name))
    return replace(results, prompts=found)


def _nothing_run(notes: Sequence[str]) -> DataError:
    more = f"; and {len(notes) - _REASONS} more" if len(notes) > _REASONS else ""
    return DataError(f"nothing could be run: {'; '.join(notes[:_REASONS])}{more}")


def _info(
    sources: Sequence[Records | str | Path], prepared: Sequence[PreparedSplit]
) -> dict[str, Any]:
    return {
        "version": __version__,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "sources": [s.name if isinstance(s, Records) else str(s) for s in sources],
        "records": {one.name: one.hash for one in prepared},
        "python": platform.python_version(),
        "machine": platform.machine(),
        "numpy": np.__version__,
        "numpy_order": numpys_order(),
    }
