"""Results: one cell per router, pool and seed, with provenance, on disk as they are finished."""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError, unknown
from routereval.grouped import grouped
from routereval.results.arrays_file import read_arrays
from routereval.results.prompts import KeptPrompts
from routereval.scoring import N_BOOT, OWN_METRICS, Evidence
from routereval.shown import Shown
from routereval.whole_files import whole_file

_PREDICTED = "predicted"
_DAMAGE = (OSError, ValueError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class Cell:
    """One router on one pool of one benchmark, at one seed.

    Attributes:
        benchmark: name of the benchmark.
        size: number of models in the pool.
        group: the group that the pool belongs to, or what a pool of models by name is called.
        seed: of the split and the pool.
        protocol: the split's rule: ``clean``, ``faithful``, ``few_shot(n=100)``, …
        router: what tables call it: its spec as given, or the name that was given with it.
        pool: the models, in order.
        n_train: training prompts.
        n_test: test prompts.
        metrics: value of each metric, NaN where it is not defined.
        intervals: its 95 % bootstrap interval over prompts; those of metrics that read a whole
            cost–quality curve are made by the tables that show them.
        seconds: of ``fit`` and of ``predict``.
        records: sha256 of the records.
        version: of this package.
        embedder: what made the features.
        control: True if the router is a yardstick that has learned nothing.
        simulated: True if no real model was asked.
        n_boot: resamples of its intervals, here and in every table.
        doubtful: the metrics whose interval cannot be relied on.
        parts: of a mixed stream, the row at which each of its benchmarks begins; else empty.
        order: under ``faithful(ties=numpy)``, which of numpy's sorts left equal values as they
            stand: ``avx512``, ``avx2`` or ``scalar``; else empty.
        spec: of the router, where tables call it by another name; else empty.
        pool_spec: of the pool, where `group` is not that of a rule; else empty.
    """

    benchmark: str
    size: int
    group: str
    seed: int
    protocol: str
    router: str
    pool: tuple[str, ...]
    n_train: int
    n_test: int
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    seconds: Mapping[str, float]
    records: str
    version: str
    embedder: str
    control: bool
    simulated: bool
    n_boot: int = N_BOOT
    doubtful: tuple[str, ...] = ()
    parts: Mapping[str, int] = field(default_factory=dict)
    order: str = ""
    spec: str = ""
    pool_spec: str = ""

    @cached_property
    def key(self) -> str:
        """What the cell is the result of; the same key is never computed twice."""
        return cell_key(
            self.records,
            self.version,
            self.protocol + self.order,
            self.embedder,
            self.benchmark,
            self.size,
            self.pool_spec or self.group,
            self.seed,
            self.spec or self.router,
            self.n_boot,
            *sorted(set(self.metrics) - OWN_METRICS),
        )

    @property
    def place(self) -> tuple[str, str, int, str, int, str]:
        """Where it stands in a table."""
        return (self.protocol, self.benchmark, self.size, self.group, self.seed, self.router)

    def to_json(self) -> str:
        """One line of JSON: null if not defined, "inf" if infinite; no texts that are empty."""
        held = asdict(self)
        for name in ("parts", "order", "spec", "pool_spec"):
            if not held[name]:
                del held[name]
        return json.dumps(_without_nan(held), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, line: str) -> Cell:
        """Read a line that `to_json` wrote."""
        raw = json.loads(line)
        raw["pool"] = tuple(raw["pool"])
        raw["doubtful"] = tuple(raw.get("doubtful", ()))
        raw["metrics"] = {k: _number(v) for k, v in raw["metrics"].items()}
        raw["intervals"] = {k: (_number(v[0]), _number(v[1])) for k, v in raw["intervals"].items()}
        return cls(**raw)


class Outcome(NamedTuple):
    """What each test prompt of a cell contributed.

    Attributes:
        evidence: the columns that every metric is made of.
        rows: (n_test,) which prompts of the records they are.
        predicted: (n_test, n_models) what the router predicted, to three digits, for a report;
            None where it was not kept, as of pools of more than `MOST_MODELS`.
        fold: (n_test,) under ``cv``, the fold that each was tested in; else None.
    """

    evidence: Evidence
    rows: NDArray[np.int64]
    predicted: NDArray[np.float16] | None = None
    fold: NDArray[np.int64] | None = None

    def save(self, path: Path) -> None:
        """Write it whole or not at all."""
        columns = self.evidence.columns() | {"rows": self.rows, "share": self.evidence.share}
        if self.predicted is not None:
            columns[_PREDICTED] = self.predicted
        columns |= {} if self.fold is None else {"fold": self.fold}
        with whole_file(path) as part, part.open("wb") as file:
            np.savez_compressed(file, reference=self.evidence.reference, **columns)

    @classmethod
    def load(cls, path: Path) -> Outcome:
        """Read what `save` wrote.

        Raises:
            DataError: if the file is missing or damaged.
        """
        try:
            columns = read_arrays(path)
        except _DAMAGE as error:
            raise DataError(f"{path}: damaged ({error}); delete the folder and run again") from None
        missing = {"reference", "rows", "share"} - set(columns)
        if missing:
            lost = ", ".join(sorted(missing))
            raise DataError(f"{path}: damaged (no {lost}); delete the folder and run again")
        reference = float(columns.pop("reference"))
        rows, share, fold = columns.pop("rows"), columns.pop("share"), columns.pop("fold", None)
        predicted = columns.pop(_PREDICTED, None)
        return cls(Evidence.from_columns(columns, share, reference), rows, predicted, fold)


@dataclass(frozen=True, repr=False)
class Results(Shown):
    """The cells of a run, in its order.

    Attributes:
        cells: the cells.
        outcomes: what each prompt contributed, by the key of its cell.
        notes: sentences on what was left out, and why.
        info: what was run: sources, routers, protocol, version, machine.
        prompts: the test prompts, by the hash of their records; of those that were kept.
    """

    cells: Sequence[Cell]
    outcomes: Mapping[str, Outcome] = field(repr=False)
    notes: Sequence[str] = ()
    info: Mapping[str, Any] = field(default_factory=dict, repr=False)
    prompts: Mapping[str, KeptPrompts] = field(default_factory=dict, repr=False)

    @property
    def routers(self) -> list[str]:
        """The routers, in the order of the run."""
        return list(self._by_router)

    @cached_property
    def _by_router(self) -> dict[str, list[Cell]]:
        """The cells of each router; made once, as tables ask for each of thousands of cells."""
        return grouped(self.cells, lambda cell: cell.router)

    @property
    def simulated(self) -> bool:
        """Whether the models of any cell are simulated."""
        return any(cell.simulated for cell in self.cells)

    def spec_of(self, router: str) -> str:
        """The spec of a router, by what tables call it.

        Raises:
            SpecError: if it is not among the results.
        """
        first = self.of(router)[0]
        return first.spec or first.router

    def name_of(self, router: str) -> str:
        """What tables call a router that is given by its name or its spec; else the text itself."""
        if router in self.routers:
            return router
        return next((cell.router for cell in self.cells if cell.spec == router), router)

    def renamed(self, names: Mapping[str, str]) -> Results:
        """The same results, whose tables call routers by other names.

        Args:
            names: routers of the run, by their names or specs, by what tables are to call them.

        Raises:
            SpecError: if a router is not among the results, or two would have one name.
        """
        found = {self.name_of(router): name for name, router in names.items()}
        for router in found:
            self.of(router)  # says which routers there are
        after = [found.get(router, router) for router in self.routers]
        twice = [name for name in after if after.count(name) > 1]
        if twice:
            raise SpecError(f"two routers would be called {twice[0]!r}; give one another name")
        cells = [
            replace(c, router=found[c.router], spec=c.spec or c.router) if c.router in found else c
            for c in self.cells
        ]
        return replace(self, cells=cells)

    def of(self, router: str) -> list[Cell]:
        """The cells of one router.

        Raises:
            SpecError: if it is not among the results.
        """
        if router not in self._by_router:
            raise unknown("router of this run", router, self.routers)
        return list(self._by_router[router])

    def only(self, size: int | None = None, protocol: str | None = None) -> Results:
        """The cells of one pool size, or of one protocol; None for all.

        Args:
            size: number of models in the pools.
            protocol: a rule, as tables have it: ``few_shot(n=30)``.

        Raises:
            DataError: if there is no such size.
            SpecError: if there is no such protocol.
        """
        kept = [cell for cell in self.cells if size in {None, cell.size}]
        if not kept:
            sizes = ", ".join(str(one) for one in sorted({cell.size for cell in self.cells}))
            raise DataError(f"no pool of {size} models is among the results; sizes: {sizes}")
        rules = {cell.protocol for cell in kept}
        if protocol is not None and protocol not in rules:
            raise unknown("protocol of this run", protocol, rules)
        return replace(self, cells=[cell for cell in kept if protocol in {None, cell.protocol}])


def cell_key(*parts: object) -> str:
    """A short name for what decides a cell."""
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()[:24]


def _without_nan(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, float):
        return None if math.isnan(value) else value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return value


def _number(value: float | str | None) -> float:
    return float("nan") if value is None else float(value)
