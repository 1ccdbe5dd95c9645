"""Panels drawn by matplotlib, for files and notebooks, in one style."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from routereval.report.cells import visible
from routereval.report.figure_style import SIMULATED, styled
from routereval.report.labels import labels, margin_of
from routereval.report.panel import (
    COLOURS,
    LONGEST_NAME,
    Area,
    Axis,
    Dots,
    Line,
    Panel,
    Rows,
    Rule,
    shortened,
    width_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


T = TypeVar("T")
_FONT = 6.5
_SCALE = 12 / _FONT  # pixels of a label's layout per point
_PLOT = (215.0, 150.0)  # a panel's plot, in points
_LEFT, _TOP, _BOTTOM, _GAP = 46.0, 34.0, 34.0, 12.0
_ROW = 12.0
_MOST_COLUMNS = 3
_INKS = {"grey": "#8a8f94", "ink": "#222222", "stop": "#b2182b"}


def colour_of(look: str) -> str:
    """The colour of a look, for print."""
    return _INKS.get(look) or COLOURS[int(look[1:])]


def panels_in_rows(
    shown: Sequence[T],
    draw_one: Callable[[Axes, T], None],
    most_columns: int,
    size: Callable[[int, int], tuple[float, float]],
    ylabel: str,
) -> Figure:
    """A panel for each of several things, row by row.

    Args:
        shown: the things.
        draw_one: draws one of them onto axes.
        most_columns: panels side by side, at most.
        size: of the figure in inches, from (columns, rows).
        ylabel: what stands at the left of each row.
    """
    from matplotlib.figure import Figure

    columns = min(len(shown), most_columns)
    rows = math.ceil(len(shown) / columns)
    figure = Figure(figsize=size(columns, rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel, one in zip(panels, shown, strict=False):
        draw_one(panel, one)
    for panel in panels[len(shown) :]:
        panel.set_visible(False)
    for panel in panels[::columns]:
        panel.set_ylabel(ylabel)
    return figure


def small_multiples(panels: Sequence[Panel | Rows], *, simulated: bool = False) -> Figure:
    """Panels side by side, each with a plot of one size; panels of rows one above the other.

    Args:
        panels: what is drawn.
        simulated: say that no real model was asked.
    """
    with styled():
        from matplotlib.figure import Figure

        columns = 1 if any(isinstance(p, Rows) for p in panels) else min(_MOST_COLUMNS, len(panels))
        cells = [_cell(panel, alone=len(panels) == 1) for panel in panels]
        lines = [cells[at : at + columns] for at in range(0, len(cells), columns)]
        top = 12.0 if simulated else 0.0
        wide = columns * max(cell.width for cell in cells)
        high = top + sum(max(cell.height for cell in line) for line in lines)
        figure = Figure(figsize=(wide / 72, high / 72))
        below = high - top
        for number, line in enumerate(lines):
            below -= max(cell.height for cell in line)
            for place, cell in enumerate(line):
                x = place * wide / columns + cell.left
                room = (
                    x / wide,
                    (below + _BOTTOM) / high,
                    cell.plot[0] / wide,
                    cell.plot[1] / high,
                )
                draw(figure.add_axes(room), panels[number * columns + place])
        if simulated:
            where = (1 - 4 / wide, 1 - 3 / high)
            figure.text(*where, SIMULATED, color=_INKS["stop"], ha="right", va="top")
    return figure


class _Cell(NamedTuple):
    """The room of a panel, in points: its margin at the left, its plot, and all of it."""

    left: float
    plot: tuple[float, float]
    width: float
    height: float


def _cell(panel: Panel | Rows, *, alone: bool) -> _Cell:
    if isinstance(panel, Rows):
        left = max(min(width_of(row.name), LONGEST_NAME) for row in panel.rows) / _SCALE + 10
        right = max(width_of(row.words) for row in panel.rows) / _SCALE + 12
        plot = (_PLOT[0], _ROW * max(1, len(panel.rows)))
        width = left + max(plot[0] + right, _head_width(panel))
        return _Cell(left, plot, width, _TOP + plot[1] + _BOTTOM)
    plot = (_PLOT[0] * 1.35, _PLOT[1] * 1.35) if alone else _PLOT
    right = max(_GAP, margin_of(panel) / _SCALE + 6)
    width = _LEFT + max(plot[0] + right, _head_width(panel))
    return _Cell(_LEFT, plot, width, _TOP + plot[1] + _BOTTOM)


def _head_width(panel: Panel | Rows) -> float:
    """How wide the title and the note of a panel are, in points."""
    title = 1.42 * width_of(visible(panel.title)) / _SCALE
    return max(title, 0.95 * width_of(visible(panel.note)) / _SCALE) + 8


def draw(ax: Axes, panel: Panel | Rows) -> None:
    """Draw a panel onto axes of matplotlib."""
    if isinstance(panel, Rows):
        _draw_rows(ax, panel)
    else:
        _draw_panel(ax, panel)


def _draw_rows(ax: Axes, panel: Rows) -> None:
    n = len(panel.rows)
    _draw_scale(ax, panel.x)
    ax.set_ylim(n - 0.5, -0.5)
    ax.yaxis.set_ticks(
        range(n),
        [shortened(visible(row.name), LONGEST_NAME) for row in panel.rows],
        color="#333333",
    )
    ax.tick_params(axis="y", length=0, labelsize=_FONT)
    ax.grid(visible=False, axis="y")
    ax.grid(visible=True, axis="x")
    _draw_head(ax, panel.title, panel.note)
    for y, row in enumerate(panel.rows):
        colour = colour_of(row.look)
        for one in row.segments:
            alpha = 0.18 if one.pale else 0.85
            bar: Any = {"height": 0.6, "color": colour_of(one.look), "alpha": alpha, "zorder": 2}
            ax.barh(y, one.high - one.low, left=one.low, **bar)
        if not math.isnan(row.low):
            ax.hlines(y, row.low, row.high, color=colour, linewidth=1.1, zorder=3)
        face = "white" if row.hollow else colour
        ax.plot(
            row.value, y, marker="o", markersize=4, color=colour, markerfacecolor=face, zorder=4
        )
        ax.annotate(
            row.words,
            (1, y),
            xycoords=("axes fraction", "data"),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=_FONT,
            color="#333333",
            annotation_clip=False,
        )
    for rule in panel.rules:
        style: Any = {"color": colour_of(rule.look), "linewidth": 0.9, "zorder": 2.5}
        ax.axvline(rule.at, linestyle=_dash(rule.dashed), **style)


def _draw_panel(ax: Axes, panel: Panel) -> None:
    _draw_axes(ax, panel)
    for order, mark in enumerate(panel.marks):
        _draw_mark(ax, panel, mark, 2 + order)
    box = ax.get_window_extent()
    dpi = ax.figure.dpi
    width, height = (side / dpi * 72 * _SCALE for side in (box.width, box.height))
    for one in labels(panel, width, height):
        ax.annotate(
            one.text,
            (0, 1),
            xycoords="axes fraction",
            xytext=(one.x / _SCALE, -one.y / _SCALE),
            textcoords="offset points",
            va="center",
            fontsize=_FONT,
            color=_darker(colour_of(one.look)),
            annotation_clip=False,
            zorder=50,
            path_effects=_halo(),
        )


def _halo() -> list[Any]:
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=1.6, foreground="white")]


def _darker(colour: str) -> tuple[float, float, float]:
    """Text is a little darker than its line, to be read as easily."""
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(colour)
    return 0.8 * red, 0.8 * green, 0.8 * blue


def _draw_axes(ax: Axes, panel: Panel) -> None:
    from matplotlib.ticker import FixedFormatter, FixedLocator

    _draw_scale(ax, panel.x)
    ax.set_ylim(panel.y.low, panel.y.high)
    ax.yaxis.set_major_locator(FixedLocator([value for value, _ in panel.y.ticks]))
    ax.yaxis.set_major_formatter(FixedFormatter([words for _, words in panel.y.ticks]))
    ax.set_ylabel(panel.y.label)
    _draw_head(ax, panel.title, panel.note)


def _draw_scale(ax: Axes, scale: Axis) -> None:
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    if scale.log:
        ax.set_xscale("log")
    ax.set_xlim(scale.low, scale.high)
    ax.xaxis.set_major_locator(FixedLocator([value for value, _ in scale.ticks]))
    ax.xaxis.set_major_formatter(FixedFormatter([words for _, words in scale.ticks]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel(scale.label)


def _draw_head(ax: Axes, title: str, note: str) -> None:
    ax.set_title(visible(title), loc="left", fontweight="bold", pad=13.0 if note else 4.0)
    if note:
        note_above(ax, visible(note))


def note_above(ax: Axes, note: str) -> None:
    """A line in small grey letters between the title and the plot."""
    ax.annotate(
        note,
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 4),
        textcoords="offset points",
        color="#666666",
        fontsize=_FONT,
    )


def warn_simulated(figure: Figure) -> None:
    """Say above all panels that no real model was asked."""
    figure.suptitle(SIMULATED, color=_INKS["stop"], fontsize=7.5, x=0.995, ha="right")


def _draw_mark(ax: Axes, panel: Panel, mark: Line | Dots | Area | Rule, order: int) -> None:
    colour = colour_of(mark.look)
    if isinstance(mark, Rule):
        draw = ax.axvline if mark.upright else ax.axhline
        draw(mark.at, color=colour, linewidth=0.9, zorder=order, linestyle=_dash(mark.dashed))
    elif isinstance(mark, Area):
        step: Any = "post" if mark.steps else None
        ax.fill_between(
            mark.x,
            mark.low,
            mark.high,
            color=colour,
            alpha=0.85,
            linewidth=0,
            step=step,
            zorder=order,
        )
    elif isinstance(mark, Line):
        _draw_line(ax, mark, colour, order)
    else:
        _draw_dots(ax, mark, colour, order)


def _dash(dashed: bool) -> Any:  # noqa: ANN401 - what matplotlib takes
    return (0, (5, 3)) if dashed else "-"


def _draw_line(ax: Axes, mark: Line, colour: str, order: int) -> None:
    if mark.low:
        ax.fill_between(
            mark.x, mark.low, mark.high, color=colour, alpha=0.16, linewidth=0, zorder=order
        )
    ax.plot(
        mark.x,
        mark.y,
        color=colour,
        linestyle=_dash(mark.dashed),
        marker="o" if mark.dots or len(mark.x) == 1 else "",
        markersize=2.6 if len(mark.x) > 1 else 7.5,  # around the model that it sends all to
        zorder=order,
    )


def _draw_dots(ax: Axes, mark: Dots, colour: str, order: int) -> None:
    if mark.low:
        ax.vlines(mark.x, mark.low, mark.high, color="#999999", linewidth=0.7, zorder=order)
    ax.plot(
        mark.x,
        mark.y,
        linestyle="none",
        marker="o",
        markersize=3.8,
        markeredgecolor=colour,
        markerfacecolor="white" if mark.hollow else colour,
        markeredgewidth=1.0,
        zorder=order,
    )
