"""Figures of replayed bandits: cumulative regret against the number of prompts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from routereval.report.data import to_json
from routereval.report.draw_matplotlib import panels_in_rows, warn_simulated
from routereval.report.figure_style import saved, styled
from routereval.report.layouts.replay import AGAINST, NAMES, replays_document
from routereval.report.titles import TITLES
from routereval.studies.replay import Replay, Replays

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = ("#d95f02", "#1b7f79", "#7a5195", "#2c6fbb", "#b2182b", "#6b8e23")
_GREY = {"linear": "#222222", "best_single": "#555555", "random": "#999999"}
_DASHES: dict[str, Any] = {"linear": "-", "best_single": (0, (5, 3)), "random": (0, (1, 2))}
_MOST_COLUMNS = 3


def save_replay(found: Sequence[Replay], folder: str | Path) -> list[Path]:
    """Write ``replay.json``, ``replay.png`` and ``replay.svg``; the same study, the same bytes.

    Args:
        found: from `routereval.studies.replay.replay`.
        folder: made if it does not exist; files of these names are replaced.

    Returns:
        The files.
    """
    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    numbers = home / "replay.json"
    numbers.write_text(to_json(replays_document(Replays(found))), encoding="utf-8")
    return [numbers, *saved(replay_figure(found), home / "replay")]


def replay_figure(found: Sequence[Replay]) -> Figure:
    """Small multiples, a panel per benchmark: cumulative regret against the number of prompts."""
    with styled():
        ylabel = f"regret against {AGAINST[found[0].against]}"
        figure = panels_in_rows(found, _panel, _MOST_COLUMNS, _size, ylabel)
        if any(one.simulated for one in found):
            warn_simulated(figure)
    return figure


def _size(columns: int, rows: int) -> tuple[float, float]:
    return max(4.2, 3.0 * columns), 2.7 * rows + 0.4


def _panel(ax: Axes, found: Replay) -> None:
    bandits = [line.name for line in found.lines if line.learns]
    ends = []
    for line in found.lines:
        colour = _GREY.get(line.name) or _COLOURS[bandits.index(line.name) % len(_COLOURS)]
        mean, low, high = line.regret.T
        ax.plot(
            line.at,
            mean,
            color=colour,
            linewidth=1.3 if line.learns else 1.0,
            linestyle="-" if line.learns else _DASHES[line.name],
            zorder=3 if line.learns else 2,
        )
        if line.learns:
            ax.fill_between(line.at, low, high, color=colour, alpha=0.18, linewidth=0)
        ends.append((float(mean[-1]), NAMES.get(line.name, line.name), colour))
    # the highest that is shown whole: random, which climbs far above all others, leaves the picture
    top = 1.05 * max(float(line.regret.max()) for line in found.lines if line.name != "random")
    least = min(0.0, *(float(line.regret[:, 0].min()) for line in found.lines))
    ax.set_ylim(1.15 * least - 0.03 * top, top)
    ax.set_xlim(0, found.n_prompts)
    _name_ends(ax, [end for end in ends if end[0] <= top], found.n_prompts)
    _name_random(ax, found, top)
    ax.set_xlabel("prompts")
    ax.set_title(TITLES.get(found.benchmark, found.benchmark), fontweight="bold", pad=13)
    ax.xaxis.set_major_formatter("{x:,.0f}")


def _name_ends(ax: Axes, ends: list[tuple[float, str, str]], right: int) -> None:
    """Name each curve at its right end, names pushed apart where they would overlap."""
    low, high = ax.get_ylim()
    step = 0.062 * (high - low)
    place = -math.inf
    for value, name, colour in sorted(ends):
        place = max(value, place + step)
        ax.annotate(
            name,
            (right, place),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontsize=6.5,
            annotation_clip=False,
        )


def _name_random(ax: Axes, found: Replay, top: float) -> None:
    """Random leaves the picture at the top; name it there."""
    [line] = [line for line in found.lines if line.name == "random"]
    above = np.flatnonzero(line.regret[:, 0] > top)
    if len(above):
        where = (float(line.at[above[0]]), top)
        ax.annotate(
            "random",
            where,
            xytext=(-2, 2),
            textcoords="offset points",
            ha="center",
            color=_GREY["random"],
            fontsize=6.5,
            annotation_clip=False,
        )
