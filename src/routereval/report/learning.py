"""Learning curves as a table and a picture: quality against the number of labelled prompts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routereval.report.figures import SIMULATED, STYLE
from routereval.report.layouts.learning import WHAT, grouped
from routereval.results.learning_curves import Learning, learning_curves
from routereval.results.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GREY = "#777777"
_STYLES: tuple[Any, ...] = ((0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)), (0, (8, 2)))
_DPI = 200
_DODGE = 1.05  # so that intervals of several routers stand side by side
_GAP = 9.0  # points between two labels at the end of the lines


def learning_figure(results: Results) -> Figure | None:
    """Small multiples, a panel per protocol and pool size; None where nothing was counted.

    Args:
        results: of a run with several numbers of labelled, or probe, prompts.
    """
    groups = grouped(learning_curves(results))
    if not groups:
        return None
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(3.9 * len(groups) + 0.3, 3.1), layout="constrained")
        panels = figure.subplots(1, len(groups), squeeze=False).ravel()
        for panel, curves in zip(panels, groups.values(), strict=True):
            _panel(panel, curves)
        panels[0].set_ylabel("mean score of the chosen models, μ_o")
        if any(cell.simulated for cell in results.cells):
            figure.suptitle(SIMULATED, color="#b2182b", fontsize=7.5, x=0.995, ha="right")
        figure.draw_without_rendering()
        for panel, curves in zip(panels, groups.values(), strict=True):
            _label(panel, curves)
    return figure


def save_learning(results: Results, folder: str | Path) -> list[Path]:
    """Write ``learning-curve.png`` and ``.svg`` where there are curves; the same bytes each time.

    Returns:
        What was written.
    """
    import matplotlib

    figure = learning_figure(results)
    if figure is None:
        return []
    paths = [Path(folder) / f"learning-curve.{kind}" for kind in ("png", "svg")]
    with matplotlib.rc_context(STYLE):
        figure.savefig(paths[0], dpi=_DPI, metadata={"Software": None})
        figure.savefig(paths[1], metadata={"Date": None, "Creator": None})
    return paths


def _panel(ax: Axes, curves: Sequence[Learning]) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    first = curves[0]
    ax.set_xscale("log")
    for place, (curve, (colour, line)) in enumerate(zip(curves, _looks(curves), strict=True)):
        values = [e.value for e in curve.mu]
        ax.plot(curve.prompts, values, color=colour, linestyle=line, zorder=3)
        if not curve.control:
            ends = [[e.value - e.low for e in curve.mu], [e.high - e.value for e in curve.mu]]
            beside = [number * _DODGE**place for number in curve.prompts]
            ax.errorbar(beside, values, ends, fmt="o", color=colour, ms=2.2, lw=0.7, zorder=2)
    ax.xaxis.set_major_locator(FixedLocator(list(first.prompts)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
    ax.set_xlim(first.prompts[0] / _DODGE**3, first.prompts[-1] * _DODGE ** len(curves))
    ax.set_xlabel(f"{WHAT[first.counted]}, {first.counted}")
    ax.set_title(f"m = {first.size} models · {first.rule}", fontweight="bold")


def _looks(curves: Sequence[Learning]) -> list[tuple[Any, Any]]:
    """Learned routers in colours, controls in grey, each with dashes of its own."""
    import matplotlib

    colours = iter(matplotlib.colormaps["Dark2"].colors * 4)  # type: ignore[attr-defined]
    dashes = iter(_STYLES * len(curves))
    return [(_GREY, next(dashes)) if c.control else (next(colours), "-") for c in curves]


def _label(ax: Axes, curves: Sequence[Learning]) -> None:
    """Names at the right ends of the lines, moved apart where they would touch."""
    ends = [curve.mu[-1].value for curve in curves]
    scale = ax.bbox.height / ax.figure.dpi * 72 / (ax.get_ylim()[1] - ax.get_ylim()[0])
    order = sorted(range(len(ends)), key=lambda place: ends[place])
    heights = _apart([ends[place] * scale for place in order])
    looks = _looks(curves)
    for place, height in zip(order, heights, strict=True):
        ax.annotate(
            curves[place].router,
            (ax.get_xlim()[1], ends[place]),
            xytext=(5, height - ends[place] * scale),
            textcoords="offset points",
            va="center",
            fontsize=6.5,
            color=looks[place][0],
            annotation_clip=False,
        )


def _apart(heights: Sequence[float]) -> list[float]:
    """Rising heights at least a gap apart, each crowd spread about its own mean.

    >>> _apart([0.0, 1.0, 40.0])
    [-4.0, 5.0, 40.0]
    """
    crowds: list[list[float]] = []
    for height in heights:
        crowds.append([height])
        while len(crowds) > 1 and _spread(crowds[-1])[0] - _spread(crowds[-2])[-1] < _GAP:
            last = crowds.pop()
            crowds[-1] += last
    return [place for crowd in crowds for place in _spread(crowd)]


def _spread(crowd: Sequence[float]) -> list[float]:
    middle = sum(crowd) / len(crowd) - _GAP * (len(crowd) - 1) / 2
    return [middle + _GAP * place for place in range(len(crowd))]
