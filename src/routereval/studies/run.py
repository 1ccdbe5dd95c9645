"""The benchmark: benchmark × pool size × group × router × seed, in parallel, resumable."""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from routereval._version import __version__
from routereval.errors import DataError, RouterEvalError, SpecError
from routereval.features import embedder_name
from routereval.records import Records, read_records
from routereval.records.costs import with_costs
from routereval.results.results import Cell, Outcome, Results, ResultsFolder, cell_key
from routereval.routers import Router, lineup
from routereval.scoring import N_BOOT, all_metrics
from routereval.sources import open_source
from routereval.studies.evaluate import evaluate
from routereval.studies.streams import controls_of, joined, of_benchmarks
from routereval.studies.train import fit
from routereval.studies.workers import Workers, workers_at
from routereval.tasks import GROUPS, Pool, PreparedBenchmark, Split, Task
from routereval.tasks.mix import benchmark_starts
from routereval.tasks.scalar_order import numpys_order

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, steps done, steps in all)."""

DEFAULT_ROUTERS = (
    "oracle",
    "noisy_oracle(p=0.5)",
    "dataset_oracle",
    "linear",
    "mlp",
    "cluster",
    "knn",
    "knn(k=5)",
    "best_single",
    "random",
)
DEFAULT_SIZES = (3, 5)
_TOLD = 3  # reasons that an error gives


@dataclass(frozen=True)
class Grid:
    """What a run covers.

    Attributes:
        routers: what the table calls them.
        sizes: pool sizes.
        groups: pool groups.
        protocol: a `Split` as text; a list of values for a parameter stands for a split each.
        seeds: how many seeds, from the protocol's on (42 if it names none).
        embedder: what makes the features; see `PreparedBenchmark`.
        n_boot: resamples of every interval.
    """

    routers: tuple[str, ...] = DEFAULT_ROUTERS
    sizes: tuple[int, ...] = DEFAULT_SIZES
    groups: tuple[str, ...] = GROUPS
    protocol: str = "clean"
    seeds: int = 1
    embedder: object = "auto"
    n_boot: int = N_BOOT

    def checked(self) -> Grid:
        """The grid itself, once every name in it is known.

        Raises:
            SpecError: if one is not.
        """
        if not (self.routers and self.pools and self.splits):
            raise SpecError("a run needs at least one router, pool size, group and seed")
        if self.n_boot < 1:
            raise SpecError(f"n_boot must be at least 1, not {self.n_boot}")
        return self

    @property
    def splits(self) -> list[Split]:
        """One split a seed, for each value of the protocol's parameters."""
        rules = Split.parse_all(self.protocol)
        return [replace(rule, seed=rule.seed + n) for rule in rules for n in range(self.seeds)]

    @property
    def pools(self) -> list[Pool]:
        """All pools, size by size."""
        return [Pool(group, size) for size in self.sizes for group in self.groups]


class Ground(NamedTuple):
    """A benchmark at one seed, prepared: its pools, or why there are none."""

    where: Path
    name: str
    hash: str
    split: Split
    embedder: str
    pools: dict[Pool, tuple[str, ...] | DataError]
    notes: tuple[str, ...]
    order: str = ""  # numpy's, where equal values stand in it


class Job(NamedTuple):
    """A cell to be computed."""

    ground: Ground
    pool: Pool
    router: str
    made: Router
    n_boot: int

    @property
    def key(self) -> str:
        """The key of its cell."""
        ground = self.ground
        return cell_key(
            ground.hash,
            __version__,
            ground.split.rule + ground.order,
            ground.embedder,
            ground.name,
            self.pool.size,
            self.pool.group,
            ground.split.seed,
            self.router,
            self.n_boot,
        )


class Done(NamedTuple):
    """A finished job: its cell and outcome, or a note on why there is none."""

    key: str
    cell: Cell | None
    outcome: Outcome | None
    note: str | None


def run(  # noqa: PLR0913 - the options of a command
    sources: Sequence[Records | str | Path],
    routers: Sequence[Any] = DEFAULT_ROUTERS,
    sizes: Sequence[int] = DEFAULT_SIZES,
    groups: Sequence[str] = GROUPS,
    *,
    protocol: str = "clean",
    seeds: int = 1,
    embedder: object = "auto",
    n_boot: int = N_BOOT,
    out: str | Path | None = None,
    n_jobs: int = -1,
    scheduler: str | None = None,
    costs: str = "auto",
    prices: str | Path | None = None,
    progress: Progress | None = None,
) -> Results:
    """Evaluate routers on pools of LLMs.

    Args:
        sources: records, or anything `open_source` opens.
        routers: specs, or routers and estimators of one's own, as `make_router` takes them;
            ``all-cpu`` for every router that needs no extra, no network and no parameter. By
            default controls and baselines, on a mixed stream with ``dataset_best``.
        sizes: pool sizes.
        groups: ``all-strong``, ``all-weak``, ``strong-to-weak``.
        protocol: ``clean``, ``faithful`` or another of `tasks.PROTOCOLS`, with parameters as in
            ``few_shot(n=[10, 100])``.
        seeds: how many seeds, from 42 on; each has its own split and pools.
        embedder: what makes the features; see `PreparedBenchmark`.
        n_boot: resamples of every interval, in the results and in all tables of them.
        out: a folder for the results; a run that was stopped goes on from there.
        n_jobs: processes; -1 for one a core.
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
        SpecError: if a name is unknown.
    """
    rules = Split.parse_all(protocol)
    if routers is DEFAULT_ROUTERS:
        routers = [*routers, *controls_of(rules[0])]
    made = lineup(routers, rules[0].recipe)  # a router named twice runs once
    grid = Grid(tuple(made), tuple(sizes), tuple(groups), protocol, seeds, embedder, n_boot)
    grid = grid.checked()
    if n_jobs == 0:
        raise SpecError("a run needs at least one process; give a number, or -1 for one a core")
    report = progress or (lambda what, done, total: None)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="routereval-")))
        folder = ResultsFolder(Path(out) if out else scratch / "results")
        finished = folder.finished()
        workers = stack.enter_context(workers_at(scheduler, n_jobs))
        opened, told = _costed(_open(sources, scratch, report), costs, prices, scratch)
        grounds = _prepare(joined(opened, rules[0], scratch), grid, workers, report)
        notes, jobs = _plan(grounds, grid, made)
        notes += told
        if not jobs:
            raise _nothing(notes)
        info = _info(sources, grid, notes, grounds)
        cells = {job.key: finished[job.key] for job in jobs if job.key in finished}
        todo = [job for job in jobs if job.key not in cells]
        failed: dict[str, str] = {}
        report("cells", len(cells), len(jobs))
        for done in workers.map(_compute, todo, needs=[g.where for g in grounds]):
            if done.cell and done.outcome:
                folder.begin(info, finished.values())
                folder.add(done.cell, done.outcome)
                cells[done.key] = done.cell
            elif done.note:
                failed[done.key] = done.note
            report("cells", len(cells), len(jobs))
        # In the order of the grid, not in that of who was done first.
        notes += dict.fromkeys(failed[job.key] for job in jobs if job.key in failed)
        ordered = [cells[job.key] for job in jobs if job.key in cells]
        if not ordered:
            raise _nothing(notes)
        folder.finish(ordered)
        folder.note_run({**info, "notes": notes})
        return Results(ordered, folder.load(cells), notes, {**info, "notes": notes})


def _open(
    sources: Sequence[Records | str | Path], scratch: Path, report: Progress
) -> list[Records]:
    """All records, each with a folder that the worker processes can read."""
    opened: list[Records] = []
    origins: list[str] = []
    for source in sources:
        if not isinstance(source, Records):
            opened += open_source(source, lambda done, total: report("simulate demo", done, total))
        elif source.path is None:
            opened.append(read_records(source.save(scratch / f"records-{len(opened)}")))
        else:
            opened.append(source)
        origin = "" if isinstance(source, Records) else Path(source).absolute().name
        origins += [origin] * (len(opened) - len(origins))
    return _told_apart(opened, origins, scratch)


def _told_apart(opened: list[Records], origins: Sequence[str], scratch: Path) -> list[Records]:
    """The records; benchmarks of one name in several sources with the source after their name."""
    names = [records.name for records in opened]
    told = [
        f"{name} ({origin})" if names.count(name) > 1 and origin else name
        for name, origin in zip(names, origins, strict=True)
    ]
    repeated = {name for name, full in zip(names, told, strict=True) if told.count(full) > 1}
    if repeated:
        raise DataError(f"two sources hold a benchmark named {min(repeated)!r}; run them apart")
    return [
        records
        if name == records.name
        else read_records(replace(records, name=name, path=None).save(scratch / f"told-{place}"))
        for place, (records, name) in enumerate(zip(opened, told, strict=True))
    ]


def _costed(
    opened: Sequence[Records], costs: str, prices: str | Path | None, scratch: Path
) -> tuple[list[Records], list[str]]:
    """The records with the costs asked for, in folders, and notes on how these came about."""
    kind = "prices" if prices and costs == "auto" else costs
    found, notes = [], []
    for place, records in enumerate(opened):
        changed, note = with_costs(records, kind, prices)
        if changed is not records:
            changed = read_records(changed.save(scratch / f"costed-{place}"))
        found.append(changed)
        notes += [f"{records.name}: {note}"] if note else []
    return found, notes


def _prepare(
    opened: Sequence[Records], grid: Grid, workers: Workers, report: Progress
) -> list[Ground]:
    wanted = [  # absolute, as a process that is there already may stand in another folder
        (records.path.absolute(), split, grid)
        for records in opened
        for split in of_benchmarks(grid.splits, records)
        if records.path
    ]
    grounds: list[Ground] = []
    report("pools and features", 0, len(wanted))
    needs = [where for where, _, _ in wanted]
    for ground in workers.map(_ground, wanted, needs=needs, ordered=True):
        grounds.append(ground)
        report("pools and features", len(grounds), len(wanted))
    return grounds


def _ground(wanted: tuple[Path, Split, Grid]) -> Ground:
    """Choose the pools of a benchmark and embed its prompts, once for all routers."""
    where, split, grid = wanted
    records = read_records(where)
    tested = split["test"] or records.name
    try:
        prepared = _setting(where, records.hash, split, grid.embedder)
        pools = prepared.pools(grid.pools)
        if any(not isinstance(models, DataError) for models in pools.values()):
            with threadpool_limits(1):
                _ = prepared.X  # leaves the embeddings in the cache
    except DataError as error:
        name = embedder_name(grid.embedder)
        return Ground(where, tested, records.hash, split, name, {}, (str(error),))
    order = numpys_order() if split.machine_ties else ""
    notes = tuple(_cautions(prepared, order))
    return Ground(where, tested, records.hash, split, prepared.embedder, pools, notes, order)


def _cautions(prepared: PreparedBenchmark, order: str) -> Iterator[str]:
    """What a reader of a benchmark's cells should know."""
    records = prepared.records
    if prepared.note:
        yield prepared.note
    if prepared.embedder == "columns":
        yield f"{records.name}: no prompt texts; routers see only the columns of the prompt table"
    if order:
        yield f"{records.name}: equal values stand as numpy's {order} sort leaves them"
    if prepared.split.faithful and records.scores.observed() is not None:
        yield (
            f"{records.name}: some cells are missing, and the reference has none: pools come from "
            "LLMs and prompts without missing cells, which is not the reference's"
        )


def _plan(
    grounds: Sequence[Ground], grid: Grid, made: Mapping[str, Router]
) -> tuple[list[str], list[Job]]:
    """Notes on what cannot be run, and the cells that can, those of one benchmark together."""
    notes = list(dict.fromkeys(note for ground in grounds for note in ground.notes))
    jobs = []
    for ground in grounds:
        for router in grid.routers:
            for pool, models in ground.pools.items():
                if not isinstance(models, DataError):
                    jobs.append(Job(ground, pool, router, made[router], grid.n_boot))
                elif str(models) not in notes:
                    notes.append(str(models))
    return notes, jobs


def _nothing(notes: Sequence[str]) -> DataError:
    more = f"; and {len(notes) - _TOLD} more" if len(notes) > _TOLD else ""
    return DataError(f"nothing could be run: {'; '.join(notes[:_TOLD])}{more}")


def _compute(job: Job) -> Done:
    """Fit and evaluate one router on one pool.

    Each process uses one thread, so that the number of processes never changes a result.
    """
    ground = job.ground
    models = ground.pools[job.pool]
    try:
        with threadpool_limits(1):
            prepared = _setting(ground.where, ground.hash, ground.split, ground.embedder)
            return _evaluated(job, Task(prepared, _named(job.pool, models)))
    except DataError as error:
        return Done(job.key, None, None, _told(job, str(error)))


def _told(job: Job, error: str) -> str:
    """A note that says where; what is the pool's fault is said without the router's name."""
    own = error.startswith(f"{job.ground.name}: ")
    return error if own else f"{job.ground.name}, {job.router}: {error}"


def _named(pool: Pool, models: tuple[str, ...] | DataError) -> Pool:
    return pool if isinstance(models, DataError) else Pool(pool.group, pool.size, models)


def _evaluated(job: Job, task: Task) -> Done:
    router: Router = clone(job.made)
    start = time.perf_counter()
    router = fit(router, task)
    fitted = time.perf_counter() - start
    # What reads a whole curve is resampled where a table shows it: it takes longer than the rest.
    simple = [metric for metric in all_metrics() if not metric.swept]
    found = evaluate(router, task, n_boot=job.n_boot, resampled=simple)
    cell = Cell(
        benchmark=job.ground.name,
        size=job.pool.size,
        group=job.pool.group,
        seed=task.split.seed,
        protocol=task.split.rule,
        router=job.router,
        pool=task.models,
        n_train=len(task.train.rows),
        n_test=len(task.test.rows),
        metrics=found.metrics,
        intervals={name: tuple(ends) for name, ends in found.intervals.items()},  # type: ignore[misc]
        seconds={"fit": round(fitted, 6), "predict": round(found.seconds, 6)},
        records=job.ground.hash,
        version=__version__,
        embedder=job.ground.embedder,
        control=router.control,
        simulated=task.records.simulated,
        n_boot=job.n_boot,
        doubtful=tuple(sorted(found.doubtful)),
        parts=benchmark_starts(task.records) if task.split.protocol == "mixed" else {},
        order=numpys_order() if task.split.machine_ties else "",
    )
    return Done(job.key, cell, Outcome(found.evidence, task.test.rows), None)


@lru_cache(maxsize=2)
def _setting(where: Path, hash_: str, split: Split, embedder: object) -> PreparedBenchmark:
    """Kept between the cells of a benchmark, so that routers meet the same feature matrices.

    The hash tells records from those that lay in the same folder before.
    """
    return PreparedBenchmark(read_records(where), split, embedder)


def _info(
    sources: Sequence[Records | str | Path],
    grid: Grid,
    notes: Sequence[str],
    grounds: Sequence[Ground],
) -> dict[str, Any]:
    return {
        "version": __version__,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "sources": [s.name if isinstance(s, Records) else str(s) for s in sources],
        "records": {ground.name: ground.hash for ground in grounds},
        "routers": list(grid.routers),
        "sizes": list(grid.sizes),
        "groups": list(grid.groups),
        "protocol": grid.protocol,
        "seeds": grid.seeds,
        "embedder": embedder_name(grid.embedder),
        "n_boot": grid.n_boot,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "numpy": np.__version__,
        "numpy_order": numpys_order(),
        "notes": list(notes),
    }


__all__ = ["DEFAULT_ROUTERS", "DEFAULT_SIZES", "Grid", "Progress", "RouterEvalError", "run"]
