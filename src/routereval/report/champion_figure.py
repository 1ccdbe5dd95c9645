"""Which model is best on each benchmark, greyed where several may be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from routereval.report.cells import visible
from routereval.report.display import Display
from routereval.report.draw_matplotlib import warn_simulated
from routereval.report.figure_style import styled
from routereval.report.panel import LONGEST, Panel, shortened
from routereval.report.titles import TITLES
from routereval.results.champions import Champions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class ChampionDisplay(Display):
    """The map of models by benchmarks or subsets: which model is best at what.

    Attributes:
        found: from `champions`.
        simulated: whether no real model was asked.
    """

    found: Champions
    simulated: bool = False

    def panels(self) -> list[Panel]:
        """It is no panel but a map; on the page it is a table. See `figure`."""
        return []

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the map onto axes, or onto those of a new figure."""
        if ax is None:
            from matplotlib.figure import Figure

            ax = Figure().add_subplot()
        draw_map(ax, self.found)
        return ax

    def figure(self) -> Figure:
        """The map: scores, the best in bold; grey where one is level with the best."""
        with styled():
            from matplotlib.figure import Figure

            size = (1.6 + 0.62 * len(self.found.models), 1.5 + 0.22 * len(self.found.rows))
            figure = Figure(figsize=size, layout="constrained")
            draw_map(figure.add_subplot(), self.found)
            if self.simulated:
                warn_simulated(figure)
        return figure


def draw_map(ax: Axes, found: Champions) -> None:
    """Draw the map of models onto axes of matplotlib."""
    n_rows, n_models = len(found.rows), len(found.models)
    ax.set_xlim(-0.5, n_models - 0.5)
    ax.set_ylim(n_rows - 0.5, -0.5)
    for y, row in enumerate(found.rows):
        known = [one.mean for one in row.models if not math.isnan(one.mean)]
        low, high = min(known, default=0.0), max(known, default=1.0)
        for x, one in enumerate(row.models):
            if math.isnan(one.mean):
                continue
            shade = 0.0 if one.level or high == low else 0.55 * (one.mean - low) / (high - low)
            fill = "#eeeeee" if one.level else "#0072B2"
            box: Any = {"facecolor": fill, "alpha": 1.0 if one.level else shade, "linewidth": 0}
            ax.axvspan(x - 0.5, x + 0.5, 1 - (y + 1) / n_rows, 1 - y / n_rows, **box)
            ax.text(
                *(x, y, f"{one.mean:.3f}"),
                ha="center",
                va="center",
                fontsize=6.5,
                color="#777777" if one.level else "#111111",
                fontweight="bold" if one.best else "normal",
            )
    names = [shortened(visible(model), LONGEST) for model in found.models]
    ax.set_xticks(range(n_models), names, rotation=35, ha="left", fontsize=6.5)
    ax.xaxis.tick_top()
    written = TITLES if found.what == "benchmark" else {}
    titles = [f"{written.get(row.name, row.name)} ({row.n_prompts:,})" for row in found.rows]
    ax.set_yticks(range(n_rows), [visible(one) for one in titles], fontsize=6.5)
    ax.tick_params(length=0)
    ax.grid(visible=False)
    for side in ax.spines.values():
        side.set_visible(False)
    note = "grey: cannot be told apart from the best, in bold (Holm, 5 %)"
    ax.set_xlabel(f"mean score by {found.what} (test prompts); {note}", fontsize=6.5)
