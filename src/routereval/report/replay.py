"""Replayed bandits: a table, a picture of the regret, and all numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from routereval.report.figures import SIMULATED, STYLE, TITLES
from routereval.studies.replay import Estimate, Line, Replay

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from rich.table import Table

AGAINST = {
    "linear": "full information (linear)",
    "best_single": "the best single LLM",
    "oracle": "the oracle",
}
NAMES = {"linear": "full information", "best_single": "best single LLM", "random": "random"}
_COLOURS = ("#d95f02", "#1b7f79", "#7a5195", "#2c6fbb", "#b2182b", "#6b8e23")
_GREY = {"linear": "#222222", "best_single": "#555555", "random": "#999999"}
_DASHES: dict[str, Any] = {"linear": "-", "best_single": (0, (5, 3)), "random": (0, (1, 2))}
_DPI = 200
_MOST_COLUMNS = 3
_PER = 1000


def replay_table(found: Replay) -> Table:
    """One row a router: what it scored, and how much it gave up a thousand prompts."""
    from rich import box
    from rich.table import Table

    title = f"{found.benchmark}: {found.n_prompts:,} prompts, {len(found.models)} LLMs"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left")
    table.add_column("router", no_wrap=True)
    for name in ("score", "regret", "first quarter", "last quarter", "flattens"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in found.lines:
        table.add_row(*_cells(line), style="" if line.learns else "dim")
    return table


def footnotes(found: Sequence[Replay]) -> list[str]:
    """What the columns mean, in sentences."""
    first = found[0]
    notes = [
        f"Regret: what {AGAINST[first.against]} scores on the same prompts less what the router "
        f"did, summed; by quarter of the stream, per {_PER:,} prompts. "
        f"± is half of a 95 % interval of the mean over {first.orders} orders of the prompts.",
        "Full information is ridge regression that is told all scores, each fifth of the prompts "
        "predicted from the others. Flattens: the last quarter's interval lies below the first's.",
    ]
    return [SIMULATED, *notes] if any(one.simulated for one in found) else notes


def to_json(found: Sequence[Replay]) -> str:
    """All numbers, a list of one object a benchmark."""
    return json.dumps([_plain(one) for one in found], indent=1, ensure_ascii=False)


def save_replay(found: Sequence[Replay], folder: str | Path) -> list[Path]:
    """Write ``replay.json``, ``replay.png`` and ``replay.svg``; the same study, the same bytes.

    Args:
        found: from `routereval.studies.replay.replay`.
        folder: made if it does not exist; files of these names are replaced.

    Returns:
        The files.
    """
    import matplotlib

    home = Path(folder)
    home.mkdir(parents=True, exist_ok=True)
    files = [home / f"replay.{ending}" for ending in ("json", "png", "svg")]
    files[0].write_text(to_json(found), encoding="utf-8")
    with matplotlib.rc_context(STYLE):
        figure = replay_figure(found)
        figure.savefig(files[1], dpi=_DPI, metadata={"Software": None})
        figure.savefig(files[2], metadata={"Date": None, "Creator": None})
    return files


def replay_figure(found: Sequence[Replay]) -> Figure:
    """Small multiples, a panel a benchmark: cumulative regret against the number of prompts."""
    import matplotlib
    from matplotlib.figure import Figure

    columns = min(len(found), _MOST_COLUMNS)
    rows = math.ceil(len(found) / columns)
    with matplotlib.rc_context(STYLE):
        size = (max(4.2, 3.0 * columns), 2.7 * rows + 0.4)
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for panel, one in zip(panels, found, strict=False):
            _panel(panel, one)
        for panel in panels[len(found) :]:
            panel.set_visible(False)
        for row in range(rows):
            panels[row * columns].set_ylabel(f"regret against {AGAINST[found[0].against]}")
        if any(one.simulated for one in found):
            figure.suptitle(SIMULATED, color="#b2182b", fontsize=7.5, x=0.995, ha="right")
    return figure


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


def _cells(line: Line) -> list[str]:
    return [
        NAMES.get(line.name, line.name),
        _with_interval(line.score, ".4f"),
        _with_interval(line.total, ".1f"),
        _with_interval(_scaled(line.first), ".1f"),
        _with_interval(_scaled(line.last), ".1f"),
        ("yes" if line.flattens else "no") if line.learns else "",
    ]


def _scaled(estimate: Estimate) -> Estimate:
    return Estimate(*(_PER * number for number in estimate))


def _with_interval(estimate: Estimate, form: str) -> str:
    half = (estimate.high - estimate.low) / 2
    text = f"{estimate.mean + 0.0:{form}}"
    return f"{text} ± {half:{form}}" if half > 10 ** -float(form[1]) / 2 else text


def _plain(found: Replay) -> dict[str, Any]:
    lines = []
    for line in found.lines:
        parts = {key: getattr(line, key)._asdict() for key in ("score", "first", "last", "total")}
        plain = {"router": line.name, "learns": line.learns, "flattens": line.flattens, **parts}
        curve = {"prompts": line.at.tolist(), "regret": line.regret[:, 0].tolist()}
        ends = {"low": line.regret[:, 1].tolist(), "high": line.regret[:, 2].tolist()}
        lines.append({**plain, "curve": {**curve, **ends}})
    told = {key: value for key, value in asdict(found).items() if key != "lines"}
    return {**told, "lines": lines}
