"""What a report of a run shows, gathered once: the page and its figures are made from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from routereval.errors import DataError
from routereval.report.calibration_figure import CalibrationDisplay, calibration_of
from routereval.report.cost_quality_figure import ShareDisplay
from routereval.report.headroom_figures import SavingsDisplay, savings_of
from routereval.report.layouts.learning import by_panel
from routereval.report.layouts.run import summary_of
from routereval.report.table import Document
from routereval.results.cell_means import gather
from routereval.results.champions import Champions, champions
from routereval.results.decision import Decision, decide
from routereval.results.learning_curves import Learning, learning_curves
from routereval.results.operating_points import PoolPoints, operating_points
from routereval.results.pool_rows import METRICS, PoolRow, pool_rows
from routereval.results.regret import Regret, largest_regrets
from routereval.results.results import Cell, Results
from routereval.results.standings import Standings, standings
from routereval.results.summary import MEAN, SHOWN, Estimate, Line
from routereval.studies.known_prompts import SavedRouter

_FEW_POOLS, _SOME_POOLS = 12, 60
_MOST_SHARES, _MOST_CALIBRATED = 4, 3


@dataclass(frozen=True)
class View:
    """The pools of one size under one protocol, which a decision is about.

    Attributes:
        protocol: the rule.
        size: number of models in the pools.
        results: the cells.
        standings: all routers against the best single model; None where none can be.
        decision: what to do.
        means: what the table shows of each router, with intervals.
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
        pool_rows: each router on each pool.
        shares: the shares of the models along the curve of the best router, on a few pools.
        savings: what each router saves at equal quality.
        learning: the learning curves, by panel.
        calibration: of the best routers.
        saved: a router that was trained and saved, if one was named.
    """

    results: Results
    source: str | None
    document: Document
    views: Sequence[View]
    pools: Sequence[PoolPoints]
    champions: Champions | None
    pool_rows: Sequence[PoolRow]
    shares: Sequence[ShareDisplay]
    savings: Sequence[SavingsDisplay]
    learning: Sequence[Sequence[Learning]]
    calibration: Sequence[CalibrationDisplay]
    saved: SavedRouter | None = None

    @property
    def simulated(self) -> bool:
        """Whether no real model was asked."""
        return self.results.simulated


def run_report(
    results: Results,
    source: str | None = None,
    document: Document | None = None,
    saved: SavedRouter | None = None,
) -> RunReport:
    """Gather what the report of a run shows.

    Args:
        results: of a run.
        source: the folder that they were read from.
        document: their tables, if they are at hand.
        saved: a router that was trained and saved, whose certificate is shown.

    Raises:
        DataError: if there is no cell.
    """
    if not results.cells:
        raise DataError("a report needs at least one finished cell; run again")
    gather(results, SHOWN if document is None else (), METRICS)
    tables = results.document() if document is None else document
    lines = summary_of(tables)
    places = dict.fromkeys((cell.protocol, cell.size) for cell in results.cells)
    ordered = sorted(places, key=lambda place: -place[1])
    views = [_view(results.only(size, rule), rule, size, lines) for rule, size in ordered]
    return RunReport(
        results,
        source,
        tables,
        views,
        _pools(results, views),
        champions(results),
        pool_rows(results),
        _shares(results, views[0]),
        savings_of(lines, results.simulated),
        by_panel(learning_curves(results, lines)),
        _calibration(views[0]),
        saved,
    )


def _shares(results: Results, view: View) -> list[ShareDisplay]:
    """The shares on the pools of the first view with the most test prompts."""
    router = view.decision.router
    if router is None:
        return []
    cells = [
        cell
        for cell in view.results.of(router)
        if (curve := results.outcomes[cell.key].evidence.curve) is not None
        and curve.sent is not None
        and len(curve.lam) > 1
    ]
    cells.sort(key=lambda cell: -cell.n_test)
    found = []
    for cell in cells[:_MOST_SHARES]:
        curve = results.outcomes[cell.key].evidence.curve
        if curve is not None:
            title = f"{router} on {cell.benchmark} · m = {cell.size} · {cell.group}"
            found.append(ShareDisplay.of(title, curve, cell.pool, cell.simulated))
    return found


def _calibration(view: View) -> list[CalibrationDisplay]:
    if view.standings is None:
        return []
    learned = [row.router for row in view.standings.rows if not row.control]
    found = [calibration_of(view.results, router) for router in learned[:_MOST_CALIBRATED]]
    return [one for one in found if one is not None]


def _view(results: Results, protocol: str, size: int, lines: Sequence[Line]) -> View:
    means = {
        line.router: line.metrics
        for line in lines
        if (line.protocol, line.size, line.benchmark) == (protocol, size, MEAN)
    }
    try:
        stand = standings(results, scores={name: held["mu"] for name, held in means.items()})
    except DataError as error:
        nothing = Decision("do not", "Nothing to deploy", f"{error}.")
        return View(protocol, size, results, None, nothing, {}, {}, ())
    decision = decide(results, stand)
    lost = largest_regrets(results, decision.router) if decision.router else ()
    spent = {name: _milliseconds(results.of(name)) for name in results.routers}
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
