"""Figures of cost–quality curves: all routers of a run, the Zero router and the oracle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from routereval.report.figures import SIMULATED, TITLES, saved, styled
from routereval.results.results import Cell, Results
from routereval.scoring import Curve, compute
from routereval.scoring.curve import USD

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which the colour-blind can tell apart, without yellow and black
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
_DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)))
_ZERO: dict[str, Any] = {"color": "#222222", "linewidth": 1.4, "zorder": 4}
_ORACLE: dict[str, Any] = {"color": "#999999", "linestyle": (0, (5, 3)), "linewidth": 0.9}
_MOST = len(_COLOURS) * len(_DASHES)
_PER = 1000
_WIDE = 8.0  # the dearest model costs so many times the cheapest: costs are drawn on a logarithm
_SIGNS = {"oracle": "", "random": "x", "best_single": "*"}


@dataclass(frozen=True)
class CurveDisplay:
    """The curves of several routers on one pool and one benchmark, to be drawn.

    Attributes:
        title: what stands above.
        curves: by router, in the order of the run; no controls.
        oracle: the oracle's curve, if it was run.
        points: what other controls score at no price of cost, by name.
    """

    title: str
    curves: dict[str, Curve]
    oracle: Curve | None
    points: dict[str, Curve]

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw onto axes, or onto those of a new figure.

        Args:
            ax: where to draw.

        Returns:
            The axes.
        """
        if ax is None:
            from matplotlib.figure import Figure

            ax = Figure().add_subplot()
        any_curve = next(iter(self.curves.values()))
        for (name, curve), style in zip(self.curves.items(), _styles(), strict=False):
            curve.plot(ax, label=name, **style)
        any_curve.zero.plot(ax, label="Zero router", **_ZERO)
        if self.oracle is not None:
            cost, quality = self.oracle.line()
            cost, quality = cost[: quality.argmax() + 1], quality[: quality.argmax() + 1]
            ax.plot(cost * _PER, quality, label="oracle", **_ORACLE)
        for name, curve in self.points.items():
            spent, scored = (float(values[0]) for values in curve.points)
            look = {"marker": _SIGNS.get(name, "+"), "linestyle": "none", "color": "#222222"}
            ax.plot([spent * _PER], [scored], label=name, zorder=5, markersize=6, **look)  # type: ignore[arg-type]
        _axes(ax, any_curve, self.title)
        return ax


def curve_displays(results: Results) -> dict[str, list[CurveDisplay]]:
    """What there is to draw: a figure per pool size, group and protocol, a panel per benchmark.

    Only the first seed of a run is drawn; no mean of curves of several pools would be one.

    Args:
        results: of a run.

    Returns:
        By the name of the figure; empty where no cost is known.
    """
    places: dict[str, dict[tuple[str, str], list[Cell]]] = {}
    for cell in results.cells:
        if results.outcomes[cell.key].evidence.curve is not None:
            name = f"curves-m{cell.size}-{cell.group}"
            places.setdefault(name, {}).setdefault((cell.protocol, cell.benchmark), []).append(cell)
    found: dict[str, list[CurveDisplay]] = {}
    for name, panels in places.items():
        shown = [_display(results, where[1], cells) for where, cells in panels.items()]
        found[name] = [panel for panel in shown if panel.curves]
    return {name: panels for name, panels in found.items() if panels}


def curve_figure(panels: Sequence[CurveDisplay], *, simulated: bool = False) -> Figure:
    """Small multiples with one legend.

    Args:
        panels: what to draw.
        simulated: say that no real model was asked.
    """
    with styled():
        from matplotlib.figure import Figure

        columns = min(3, len(panels))
        rows = math.ceil(len(panels) / columns)
        size = (5.2, 3.6) if len(panels) == 1 else (2.5 * columns + 0.4, 2.3 * rows + 0.9)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for ax, panel in zip(axes, panels, strict=False):
            panel.plot(ax)
        for ax in axes[len(panels) :]:
            ax.set_visible(False)
        for ax in axes[::columns]:
            ax.set_ylabel("mean score")
        labelled: dict[str, Any] = {}
        for ax in axes[: len(panels)]:
            handles, labels = ax.get_legend_handles_labels()
            labelled |= {t: h for h, t in zip(handles, labels, strict=True) if t not in labelled}
        figure.legend(
            list(labelled.values()),
            list(labelled),
            loc="outside lower center",
            ncols=min(len(labelled), 3 if len(panels) == 1 else 2 * columns),
            fontsize=6.5,
            columnspacing=1.0,
        )
        if simulated:
            figure.suptitle(SIMULATED, color="#b2182b", fontsize=7.5, x=0.995, ha="right")
    return figure


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
    simulated = any(cell.simulated for cell in results.cells)
    written: list[Path] = []
    for name, panels in curve_displays(results).items():
        home.mkdir(parents=True, exist_ok=True)
        written += saved(curve_figure(panels, simulated=simulated), home / name)
    return written


def _display(results: Results, benchmark: str, cells: Sequence[Cell]) -> CurveDisplay:
    seed = cells[0].seed
    curves: dict[str, Curve] = {}
    controls: dict[str, Curve] = {}
    for cell in cells:
        curve = results.outcomes[cell.key].evidence.curve
        if cell.seed == seed and curve is not None:
            (controls if cell.control else curves)[cell.router] = curve
    oracle = controls.pop("oracle", None)
    points = {name: curve for name, curve in controls.items() if name in _SIGNS}
    return CurveDisplay(
        TITLES.get(benchmark, benchmark), _foremost(results, curves, cells), oracle, points
    )


def _foremost(
    results: Results, curves: dict[str, Curve], cells: Sequence[Cell]
) -> dict[str, Curve]:
    """As many curves as can be distinguished: those of the highest AIQ."""
    if len(curves) <= _MOST:
        return curves
    held = {c.router: results.outcomes[c.key].evidence for c in cells if c.seed == cells[0].seed}
    aiq = {name: compute(held[name], ["aiq"])["aiq"] for name in curves}
    best = sorted(curves, key=lambda name: -np.nan_to_num(aiq[name]))[:_MOST]
    return {name: curve for name, curve in curves.items() if name in best}


def _styles() -> list[dict[str, Any]]:
    pairs = [(dash, colour) for dash in _DASHES for colour in _COLOURS]
    return [{"color": colour, "linestyle": dash, "zorder": 3} for dash, colour in pairs]


def _axes(ax: Axes, curve: Curve, title: str) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    low, high = float(curve.plane.cheapest), float(curve.plane.dearest)
    usd = curve.unit == USD
    if low > 0 and high / low > _WIDE:
        ax.set_xscale("log")
        ax.xaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:.2f}"))
    ax.set_xlabel("USD per 1,000 prompts" if usd else f"{curve.unit}, per 1,000 prompts")
    ax.set_title(title, fontweight="bold")
