"""Figures of scaling-up: r_o(p) against the number of models to choose from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from routereval.report.display import Display
from routereval.report.draw_matplotlib import note_above, warn_simulated
from routereval.report.figure_style import saved, styled
from routereval.report.titles import TITLES
from routereval.results.scaling_curves import MEAN, ScalingCurve, ScalingResults
from routereval.studies.orders import RANDOM

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = "viridis"
_DARKEST, _LIGHTEST = 0.02, 0.82
_INK = 0.8  # text is this much darker than its line, to be read as easily
_REFERENCE = "#b2182b"
_REFERENCE_LINE: dict[str, Any] = {"color": _REFERENCE, "linestyle": (0, (5, 3)), "linewidth": 0.9}
_BEST_LINE: dict[str, Any] = {"color": "#555555", "linestyle": (0, (1, 2)), "linewidth": 0.9}
_FIRST = 2
_POINTS = 160
_TICKS = (2, 5, 10, 20, 50, 100)
_DECADES = (2, 10, 100, 1_000, 10_000, 100_000)
_LEGEND_COLUMNS = {4: 13, 3: 7}


@dataclass(frozen=True)
class ScalingDisplay(Display):
    """One scaling curve, to be drawn: r_o(p) against the number of models, from 2 on.

    Attributes:
        curve: the numbers.

    >>> from routereval.records import Records
    >>> from routereval.studies.scaling import scaling
    >>> records = Records.from_arrays("toy", [[1, 0, 0], [0, 1, 0]], ["a", "b", "c"])
    >>> curve = scaling(records).curves[0]
    >>> len(ScalingDisplay(curve).plot().lines)
    12
    """

    curve: ScalingCurve

    def plot(self, ax: Axes | None = None, *, every: int = 1) -> Axes:
        """Draw onto axes, or onto those of a new figure.

        Args:
            ax: where to draw.
            every: label every so many of the lines, from p = 1 down; 0 for none.

        Returns:
            The axes.
        """
        if ax is None:
            from matplotlib.figure import Figure

            ax = Figure().add_subplot()
        curve = self.curve
        _axis(ax, curve.n_models)
        self._band(ax)
        sizes = _thinned(curve.n_models)
        for noise, colour in zip(curve.p, _colours(len(curve.p)), strict=True):
            ax.plot(sizes, curve.noisy(noise)[sizes - 1], color=colour, zorder=2 + noise)
        if every:
            self._label(ax, every)
        self._yardstick(ax)
        ax.set_title(TITLES.get(curve.benchmark, curve.benchmark), fontweight="bold", pad=13)
        note_above(ax, _counts(curve))
        return ax

    def figure(self) -> Figure:
        """The curve on a figure of its own, with a legend."""
        return _figure([self.curve])

    def _band(self, ax: Axes) -> None:
        curve = self.curve
        drawn = curve.sizes >= min(_FIRST, curve.n_models)
        top = int(np.argmax(curve.p))
        ax.fill_between(
            curve.sizes[drawn],
            curve.low[top, drawn],
            curve.high[top, drawn],
            color=_colours(len(curve.p))[top],
            alpha=0.18,
            linewidth=0,
            zorder=1,
        )

    def _label(self, ax: Axes, every: int) -> None:
        curve, colours = self.curve, _colours(len(self.curve.p))
        for place in range(len(curve.p) - 1, -1, -every):
            ax.annotate(
                _named(curve.p[place]) if every == 1 else f"{curve.p[place]:g}",
                (curve.n_models, curve.noisy(curve.p[place])[-1]),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=6.5,
                color=tuple(_INK * part for part in colours[place]),
                annotation_clip=False,
            )

    def _yardstick(self, ax: Axes) -> None:
        curve = self.curve
        if curve.reference is not None:
            ax.axhline(curve.reference, zorder=4, **_REFERENCE_LINE)
        else:
            ax.axhline(curve.best_single, zorder=4, **_BEST_LINE)


def scaling_figure(results: ScalingResults) -> Figure:
    """Small multiples, one panel per benchmark, with one legend for all."""
    return _figure(results.curves)


def mean_figure(results: ScalingResults) -> Figure:
    """One large panel: the mean over the benchmarks, or the only benchmark."""
    return _figure([results.mean or results.curves[0]])


def save_scaling(results: ScalingResults, folder: str | Path) -> list[Path]:
    """Write the figures as PNG and SVG, and all numbers as Parquet.

    The same results give the same bytes.

    Args:
        results: of the study.
        folder: is made if need be; files of the same names are replaced.

    Returns:
        ``scaling.parquet``, ``scaling.png``, ``scaling.svg`` and, where there are several
        benchmarks, ``scaling-mean.png`` and ``scaling-mean.svg``.
    """
    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    numbers = home / "scaling.parquet"
    results.to_frame().write_parquet(numbers, compression="zstd", statistics=False)
    written = [numbers, *saved(scaling_figure(results), home / "scaling")]
    if results.mean:
        written += saved(mean_figure(results), home / "scaling-mean")
    return written


def _figure(curves: Sequence[ScalingCurve]) -> Figure:
    columns = _columns(len(curves))
    rows = math.ceil(len(curves) / columns)
    alone = len(curves) == 1
    with styled():
        from matplotlib.figure import Figure
        from matplotlib.ticker import MultipleLocator

        width, height = (5.4, 3.9) if alone else (1.85 * columns + 0.6, 1.75 * rows + 0.6)
        figure = Figure(figsize=(width, height), layout="constrained")
        panels = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
        floor = _floor(curves)
        panels[0].set_ylim(floor, 1.01)
        panels[0].yaxis.set_major_locator(MultipleLocator(0.1 if floor >= 0.5 or alone else 0.2))
        every = _every(curves[0], panels[0].get_ylim(), height) if alone else 5
        for panel, curve in zip(panels, curves, strict=False):
            ScalingDisplay(curve).plot(panel, every=every)
        for panel in panels[len(curves) :]:
            panel.set_visible(False)
        for panel in panels[max(0, len(curves) - columns) : len(curves)]:
            panel.set_xlabel("models to choose from, m")
        _frame(figure, curves, columns)
    return figure


def _frame(figure: Figure, curves: Sequence[ScalingCurve], columns: int) -> None:
    """The label of the axis, the legend and, for made data, the warning."""
    order = curves[0].order
    pools = "random pools" if order == RANDOM else order
    figure.supylabel(f"score of $r_o(p)$, {pools}", fontsize=7.5, color="#333333")
    handles = _legend(curves)
    ncols = math.ceil(len(handles) / math.ceil(len(handles) / _LEGEND_COLUMNS.get(columns, 5)))
    figure.legend(
        # a legend is filled column by column, and read row by row
        handles=[handle for column in range(ncols) for handle in handles[column::ncols]],
        loc="outside lower center",
        ncols=ncols,
        fontsize=6.5,
        handlelength=1.3,
        columnspacing=0.8,
        handletextpad=0.4,
    )
    if any(curve.simulated for curve in curves):
        warn_simulated(figure)


def _legend(curves: Sequence[ScalingCurve]) -> list[Any]:
    """What the lines are, unless every one of them is labelled in its place, and the rest."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    p, colours = curves[0].p, _colours(len(curves[0].p))
    handles: list[Any] = []
    if len(curves) > 1:
        handles = [
            Line2D([], [], color=colour, linewidth=1.6, label=_named(noise))
            for noise, colour in zip(p, colours, strict=True)
        ]
    handles.append(Patch(color=colours[-1], alpha=0.18, linewidth=0, label="95 % interval"))
    if any(curve.reference is not None for curve in curves):
        handles.append(Line2D([], [], **_REFERENCE_LINE, label="reference"))
    if any(curve.reference is None for curve in curves):
        handles.append(Line2D([], [], **_BEST_LINE, label="best single"))
    return handles


def _axis(ax: Axes, n_models: int) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter

    first = min(_FIRST, n_models)
    ax.set_xscale("log")
    ax.set_xlim(first, max(n_models, first + 1))
    ticks = _TICKS if n_models <= 150 else _DECADES
    ax.xaxis.set_major_locator(FixedLocator([m for m in ticks if first <= m <= n_models]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda m, _: f"{m:,.0f}"))
    ax.xaxis.set_minor_locator(LogLocator(subs="all"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.tick_params(which="minor", length=1.5)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:.1f}"))


def _thinned(n_models: int) -> Any:  # noqa: ANN401 - an integer array
    """So many sizes that the line looks smooth, not a point for each of thousands of models."""
    first = min(_FIRST, n_models)
    return np.unique(np.geomspace(first, n_models, _POINTS).round().astype(np.int64))


def _colours(n: int) -> list[tuple[float, float, float]]:
    """Light for the random model, dark for the oracle."""
    import matplotlib

    shades = np.linspace(_LIGHTEST, _DARKEST, n)
    return [matplotlib.colormaps[_COLOURS](shade)[:3] for shade in shades]


def _named(p: float) -> str:
    return {1.0: "p = 1, oracle", 0.0: "p = 0, random model"}.get(p, f"{p:g}")


def _counts(curve: ScalingCurve) -> str:
    if curve.benchmark == MEAN:
        return f"{curve.n_prompts:,} prompts, up to {curve.n_models:,} models"
    return f"{curve.n_prompts:,} prompts, {curve.n_models:,} models"


def _columns(n: int) -> int:
    if n <= 3:
        return n
    return 2 if n == 4 else 3 if n <= 9 else 4


def _floor(curves: Sequence[ScalingCurve]) -> float:
    """The lower end of the axis that all panels share, some way below all that they show."""
    shown = [
        *(curve.reference for curve in curves if curve.reference is not None),
        *(float(min(curve.mean[1:].min(initial=1.0), curve.oracle[-1])) for curve in curves),
    ]
    return max(0.0, math.floor(10 * (min(shown) - 0.01)) / 10)


def _every(curve: ScalingCurve, limits: tuple[float, float], height: float) -> int:
    """How many lines to skip so that labels at their right ends do not touch."""
    headroom = curve.noisy(1.0)[-1] - curve.noisy(0.0)[-1]
    points = headroom / (limits[1] - limits[0]) * height * 72 * 0.7 / (len(curve.p) - 1)
    return next((step for step in (1, 2, 5) if points * step >= 7.5), len(curve.p) - 1)
