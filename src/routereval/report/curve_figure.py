"""Figures of cost–quality curves: all routers of a run, the models, the Zero router, the oracle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from routereval.report.champion_figure import ChampionDisplay
from routereval.report.cost_quality_figure import CostQualityDisplay
from routereval.report.difference_figures import ForestDisplay
from routereval.report.run_report import run_report
from routereval.results.operating import PoolPoints, operating_points
from routereval.results.results import Results

_MOST_POINTS = 64


def curve_displays(results: Results) -> dict[str, CostQualityDisplay]:
    """What there is to draw: a figure for each pool size and group, a panel for each benchmark.

    Only the first seed of a run is drawn; no mean of curves of several pools would be one.

    Args:
        results: of a run.

    Returns:
        By the name of the figure; empty where no cost is known.
    """
    found: dict[str, list[PoolPoints]] = {}
    for pool in operating_points(results, _ranked(results), _MOST_POINTS):
        found.setdefault(f"curves-m{pool.size}-{pool.group}", []).append(pool)
    made = any(cell.simulated for cell in results.cells)
    return {
        name: CostQualityDisplay(pools, made, benchmarks=True)
        for name, pools in found.items()
        if any(pool.routers for pool in pools)
    }


def save_curves(results: Results, folder: str | Path) -> list[Path]:
    """Write the figures of all cost–quality curves as PNG and SVG.

    The same results give the same bytes.

    Args:
        results: of a run.
        folder: is made if need be; files of the same names are replaced.

    Returns:
        The files, none where no cost is known.
    """
    home = Path(folder)
    written: list[Path] = []
    for name, display in curve_displays(results).items():
        home.mkdir(parents=True, exist_ok=True)
        written += display.save(home / name)
    return written


def save_more(results: Results, folder: str | Path) -> list[Path]:
    """Write the shares of the models, the savings, the map of models and the differences.

    Args:
        results: of a run.
        folder: is made if need be; files of the same names are replaced.

    Returns:
        The files: ``shares``, ``savings-m5``, ``models`` and ``differences-m5``, each as PNG and
        SVG; those that these results have the numbers for.
    """
    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    report = run_report(results)
    written: list[Path] = []
    for place, shares in enumerate(report.shares, 1):
        written += shares.save(home / f"shares-{place}")
    for size, savings in zip(_sizes(results), report.savings, strict=False):
        written += savings.save(home / f"savings-m{size}")
    if report.champions is not None:
        written += ChampionDisplay(report.champions, report.simulated).save(home / "models")
    for view in report.views:
        if view.standings is not None and (display := ForestDisplay(view.standings)).panels():
            written += display.save(home / f"differences-m{view.size}")
    return written


def _sizes(results: Results) -> list[int]:
    return list(dict.fromkeys(cell.size for cell in results.cells))


def _ranked(results: Results) -> Sequence[str]:
    """The learned routers by their mean score over all cells, the best first."""
    held: dict[str, list[float]] = {}
    for cell in results.cells:
        if not cell.control:
            held.setdefault(cell.router, []).append(cell.metrics["mu"])
    return sorted(held, key=lambda name: -sum(held[name]) / len(held[name]))
