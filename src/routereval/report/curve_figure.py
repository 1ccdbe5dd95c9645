"""Figures of cost–quality curves: all routers of a run, the models, the Zero router, the oracle."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from routereval.grouped import grouped
from routereval.report.champion_figure import ChampionDisplay
from routereval.report.cost_quality_figure import CostQualityDisplay
from routereval.report.difference_figures import ForestDisplay
from routereval.report.display import Display
from routereval.report.run_report import run_report
from routereval.results.operating_points import operating_points
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
    found = grouped(
        operating_points(results, _ranked(results), _MOST_POINTS),
        lambda pool: f"curves-m{pool.size}-{_file_name(pool.group)}",
    )
    return {
        name: CostQualityDisplay(pools, results.simulated, benchmarks=True)
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


def more_displays(results: Results) -> dict[str, Display]:
    """The shares of the models, the savings, the map of models and the differences.

    Args:
        results: of a run.

    Returns:
        By the name of the figure: ``shares-1``, ``savings-m5``, ``models``, ``differences-m5``;
        those that these results have the numbers for.
    """
    report = run_report(results)
    found: dict[str, Display] = {}
    found |= {f"shares-{place}": one for place, one in enumerate(report.shares, 1)}
    sizes = dict.fromkeys(cell.size for cell in results.cells)
    found |= {f"savings-m{m}": one for m, one in zip(sizes, report.savings, strict=False)}
    if report.champions is not None:
        found["models"] = ChampionDisplay(report.champions, report.simulated)
    for view in report.views:
        if view.standings is not None and (display := ForestDisplay(view.standings)).panels():
            found[f"differences-m{view.size}"] = display
    return found


def save_more(results: Results, folder: str | Path) -> list[Path]:
    """Write the figures of `more_displays`, each as PNG and SVG.

    Args:
        results: of a run.
        folder: is made if need be; files of the same names are replaced.

    Returns:
        The files.
    """
    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for name, display in more_displays(results).items():
        written += display.save(home / name)
    return written


def _file_name(group: str) -> str:
    """A pool's title without what no file name may have."""
    return re.sub(r"[^\w.+-]", "-", group)


def _ranked(results: Results) -> Sequence[str]:
    """The learned routers by their mean score over all cells, the best first."""
    learned = [name for name in results.routers if not results.of(name)[0].control]
    scores = {name: [cell.metrics["mu"] for cell in results.of(name)] for name in learned}
    return sorted(scores, key=lambda name: -sum(scores[name]) / len(scores[name]))
