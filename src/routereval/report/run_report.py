"""What a report of a run shows, gathered once: the page and its figures are made from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from routereval.errors import DataError
from routereval.report.table import Document
from routereval.results.champions import Champions, champions
from routereval.results.decision import Decision, decide
from routereval.results.grid import GridRow, grid
from routereval.results.operating import PoolPoints, operating_points
from routereval.results.regret import Regret, largest_regrets
from routereval.results.results import Cell, Results
from routereval.results.standings import Standings, standings
from routereval.results.summary import Estimate, mean_over

AGAINST = "best_single"
_FEW_POOLS, _SOME_POOLS = 12, 60
_COSTS = ("mu", "cost")


@dataclass(frozen=True)
class View:
    """The pools of one size under one protocol, which a decision is about.

    Attributes:
        protocol: the rule.
        size: number of models in the pools.
        results: the cells.
        standings: all routers against the best single model; None where none can be.
        decision: what to do.
        means: score and cost by router, with intervals.
        milliseconds: what choosing took per prompt, in a batch, by router: least and most.
        regrets: the prompts on which the router that the decision is about loses most.
    """

    protocol: str
    size: int
    results: Results
    standings: Standings | None
    decision: Decision
    means: Mapping[str, Mapping[str, Estimate]]
    milliseconds: Mapping[str, tuple[float, float]]
    regrets: Sequence[Regret]

    @property
    def label(self) -> str:
        """What a list of views calls it."""
        return f"pools of {self.size} models · {self.protocol}"


@dataclass(frozen=True)
class RunReport:
    """All that the report of a run shows.

    Attributes:
        results: of the run.
        source: the folder that they were read from; None for results in memory.
        document: the run's tables.
        views: the decisions, that of the largest pools first.
        pools: the operating points of every pool whose costs are known.
        champions: the map of models by benchmarks; None where no prompts were kept.
        grid: each router on each pool.
    """

    results: Results
    source: str | None
    document: Document
    views: Sequence[View]
    pools: Sequence[PoolPoints]
    champions: Champions | None
    grid: Sequence[GridRow]

    @property
    def simulated(self) -> bool:
        """Whether no real model was asked."""
        return any(cell.simulated for cell in self.results.cells)


def run_report(
    results: Results, source: str | None = None, document: Document | None = None
) -> RunReport:
    """Gather what the report of a run shows.

    Args:
        results: of a run.
        source: the folder that they were read from.
        document: their tables, if they are at hand.

    Raises:
        DataError: if there is no cell.
    """
    if not results.cells:
        raise DataError("a report needs at least one finished cell; run again")
    places = dict.fromkeys((cell.protocol, cell.size) for cell in results.cells)
    ordered = sorted(places, key=lambda place: -place[1])
    views = [_view(results.only(size, protocol), protocol, size) for protocol, size in ordered]
    return RunReport(
        results,
        source,
        results.document() if document is None else document,
        views,
        _pools(results, views),
        champions(results),
        grid(results),
    )


def _view(results: Results, protocol: str, size: int) -> View:
    try:
        stand = standings(results, AGAINST)
    except DataError as error:
        nothing = Decision("do not", "Nothing to deploy", f"{error}.")
        return View(protocol, size, results, None, nothing, {}, {}, ())
    decision = decide(results, stand)
    routers = [name for name in (decision.router, AGAINST) if name in results.routers]
    means = {
        name: {m: found for m, (found, _) in mean_over(results, results.of(name), _COSTS).items()}
        for name in routers
        if name
    }
    lost = largest_regrets(results, decision.router) if decision.router else ()
    spent = {name: _milliseconds(results.of(name)) for name in routers if name}
    return View(protocol, size, results, stand, decision, means, spent, lost)


def _milliseconds(cells: Sequence[Cell]) -> tuple[float, float]:
    each = [1000 * cell.seconds["predict"] / max(1, cell.n_test) for cell in cells]
    return min(each), max(each)


def _pools(results: Results, views: Sequence[View]) -> list[PoolPoints]:
    """Fewer routers and points the more pools there are, so that a page stays small."""
    n_pools = len({(c.protocol, c.benchmark, c.size, c.group) for c in results.cells})
    first = next((view.standings for view in views if view.standings is not None), None)
    if first is None:
        return []
    learned = [row.router for row in first.rows if not row.control]
    few, some = n_pools <= _FEW_POOLS, n_pools <= _SOME_POOLS
    most, points = (8, 24) if few else (4, 16) if some else (3, 8)
    return operating_points(results, learned[:most], points)
