"""The paper's baselines once more, beside what it publishes of them.

The published numbers are those of Huang et al. (2025), *RouterEval*, arXiv 2503.10657, Tables 1
and 2: 12 benchmarks × pools of 3 and 5 models × 8 routers, means over the three groups of pools,
rounded to two digits.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np

from routereval.errors import DataError
from routereval.records import Records
from routereval.records.routereval import N_PROMPTS, canonical
from routereval.results.results import Cell, Results
from routereval.shown import Shown
from routereval.sources import DEMO, open_source
from routereval.spec import Spec, parse_spec
from routereval.studies.progress import Progress
from routereval.studies.run import run
from routereval.tasks import GROUPS

PAPER_ROUTERS: Mapping[str, str] = {
    "Oracle": "oracle",
    "r_o(0.5)": "noisy_oracle(p=0.5)",
    "LinearR": "linear",
    "MLPR": "mlp",
    "C-RoBERTa": "cluster",
    "MLC": "multilabel",
    "PRknn": "knn(k=5)",
    "Random": "random",
}
"""The paper's name of a router and our spec."""

VARIANTS: Mapping[str, str] = {"C-RoBERTa (mixture)": "cluster(by=mixture)"}
"""What the reference's repository has a script for but the paper no row."""

QUICK = ("oracle", "noisy_oracle(p=0.5)", "cluster", "knn(k=5)", "random")
SLOW = ("linear", "mlp")
"""Trained prompt by prompt over up to 100 epochs, as the paper has it."""

CHECKPOINT = "FacebookAI/roberta-base"
"""What the paper's MLC starts from."""

SIZES = (3, 5)
ROUNDING = 0.005
"""Half a unit of the last published digit: what rounding alone can make of two equal numbers."""

_SLACK = 1e-9  # of binary fractions: 0.61 − 0.605 is not exactly 0.005


_Place = tuple[str, int, str]
"""A benchmark, a pool size and the spec of a router."""


class Numbers(NamedTuple):
    """The four published metrics of a row; NaN where not defined."""

    mu: float
    v_r: float
    v_b: float
    e_p: float


@dataclass(frozen=True)
class Row:
    """One published row, and ours for it.

    Attributes:
        benchmark: as the paper spells it.
        size: number of models in the pools.
        router: the paper's name of it.
        paper: the published numbers.
        ours: means over the three groups; None where they were not computed.
    """

    benchmark: str
    size: int
    router: str
    paper: Numbers
    ours: Numbers | None = None

    @property
    def differs(self) -> tuple[str, ...]:
        """The metrics in which ours cannot be rounded to the published number.

        >>> row = Row("ARC", 3, "Oracle", Numbers(0.8, 0.94, 1.34, 1.02))
        >>> Row("ARC", 3, "Oracle", row.paper, Numbers(0.805, 0.946, 1.34, 1.02)).differs
        ('v_r',)
        """
        if self.ours is None:
            return ()
        pairs = zip(Numbers._fields, self.paper, self.ours, strict=True)
        return tuple(name for name, a, b in pairs if abs(a - b) > ROUNDING + _SLACK)


@dataclass(frozen=True, repr=False)
class Reproduction(Shown):
    """All published rows, with ours where the data were there.

    Attributes:
        rows: the published rows, in the paper's order.
        notes: sentences on what was left out or is not comparable.
        results: the cells behind our numbers.
        variants: rows of ours for which the paper has none; its numbers are NaN.
    """

    rows: Sequence[Row]
    notes: Sequence[str]
    results: Results = field(repr=False)
    variants: Sequence[Row] = ()

    @cached_property
    def compared(self) -> list[Row]:
        """The rows that have our numbers."""
        return [row for row in self.rows if row.ours is not None]

    @property
    def agreeing(self) -> int:
        """In how many of them our mean score rounds to the published one."""
        return sum("mu" not in row.differs for row in self.compared)


def published_rows() -> list[Row]:
    """The 192 rows of the paper's Tables 1 and 2.

    >>> len(published_rows()), published_rows()[0].router
    (192, 'Oracle')
    """
    text = files("routereval.studies").joinpath("published.csv").read_text(encoding="utf-8")
    return [
        Row(
            line["benchmark"],
            int(line["size"]),
            line["router"],
            Numbers(*(float(line[name]) for name in Numbers._fields)),
        )
        for line in csv.DictReader(text.splitlines())
    ]


def reproduce(
    sources: Sequence[Records | str | Path],
    *,
    slow: bool = False,
    mlc: str | None = None,
    out: str | Path | None = None,
    n_jobs: int = -1,
    progress: Progress | None = None,
) -> Reproduction:
    """Run the paper's baselines by its protocol and set the numbers beside its own.

    Splits, pools, labels and constants are the reference's (``protocol="faithful"``): those that
    came with the records, or what the reference's scripts make of raw ones. Our Random and r_o(0.5)
    are exact expectations; the published ones are simulated.

    Args:
        sources: the published files, in either layout, or collections imported from them.
        slow: run the trained routers too, linear and mlp, and the cluster router by a mixture.
        mlc: the checkpoint to fine-tune as MLC (the paper's is `CHECKPOINT`); None leaves it out.
        out: a folder for the results; a run that was stopped goes on from there.
        n_jobs: processes; -1 for one per core.
        progress: called as the run proceeds.

    Raises:
        DataError: if the sources hold none of the paper's benchmarks, or nothing could be run.
    """
    rows = published_rows()
    names = {canonical(row.benchmark) for row in rows}
    opened = [records for source in sources for records in _opened(source)]
    wanted = [records for records in opened if canonical(records.name) in names]
    if not wanted:
        held = ", ".join(records.name for records in opened)
        raise DataError(
            f"none of the paper's benchmarks is in the data, only: {held}; "
            "get them with: routereval download DEST"
        )
    tuned = [] if mlc is None else [str(Spec("multilabel", (("model", mlc),)))]
    results = run(
        wanted,
        [*QUICK, *(SLOW if slow else ()), *(VARIANTS.values() if slow else ()), *tuned],
        SIZES,
        protocol="faithful",
        out=out,
        n_jobs=n_jobs,
        progress=progress,
    )
    ours = _ours(results)
    filled = [
        Row(row.benchmark, row.size, row.router, row.paper, ours.get(_place(row))) for row in rows
    ]
    return Reproduction(
        filled, [*_cautions(wanted), *results.notes], results, _variant_rows(rows, ours)
    )


def _opened(source: Records | str | Path) -> list[Records]:
    if not isinstance(source, Records) and not Path(source).exists() and str(source) != DEMO:
        raise DataError(f"{source} does not exist; make it with: routereval download {source}")
    return open_source(source)


def _place(row: Row) -> _Place:
    return canonical(row.benchmark), row.size, PAPER_ROUTERS[row.router]


def _variant_rows(rows: Sequence[Row], ours: Mapping[_Place, Numbers]) -> list[Row]:
    """Our rows of the reference's other scripts, by benchmark and size as the paper's rows are."""
    unpublished = Numbers(*(float("nan"),) * len(Numbers._fields))
    places = dict.fromkeys((row.benchmark, row.size) for row in rows)
    return [
        Row(benchmark, size, name, unpublished, found)
        for benchmark, size in places
        for name, spec in VARIANTS.items()
        if (found := ours.get((canonical(benchmark), size, spec))) is not None
    ]


def _ours(results: Results) -> dict[_Place, Numbers]:
    """The means over the three groups, where all three are there; MLC's of whatever checkpoint."""
    by_place: dict[_Place, dict[str, Cell]] = {}
    for cell in results.cells:
        spec = "multilabel" if parse_spec(cell.router).name == "multilabel" else cell.router
        place = canonical(cell.benchmark), cell.size, spec
        by_place.setdefault(place, {})[cell.group] = cell
    return {
        place: Numbers(
            *(float(np.mean([c.metrics[m] for c in cells.values()])) for m in Numbers._fields)
        )
        for place, cells in by_place.items()
        if set(cells) == set(GROUPS)
    }


def _cautions(wanted: Sequence[Records]) -> list[str]:
    """What makes some numbers ones of other data than the paper's."""
    notes = [
        f"{r.name}: {r.n_prompts:,} prompts here, {N_PROMPTS[canonical(r.name)]:,} in the paper: "
        "its numbers are not the paper's to reproduce"
        for r in wanted
        if r.n_prompts != N_PROMPTS[canonical(r.name)]
    ]
    return notes + [f"{r.name}: simulated, no real model was asked" for r in wanted if r.simulated]
