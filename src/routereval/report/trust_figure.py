"""The reliability curve and the risk–coverage curve of one router, side by side."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from routereval.report.display import SIMULATED, saved, styled
from routereval.scoring.calibration import Calibration
from routereval.studies.trust import Trust

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BLUE, _GREEN, _GREY = "#2c5d8a", "#5aa469", "#888888"


def trust_figure(found: Trust) -> Figure:
    """Draw both curves."""
    from matplotlib.figure import Figure

    with styled():
        figure = Figure(figsize=(6.4, 2.9), layout="constrained")
        reliability, risk = figure.subplots(1, 2)
        _reliability(reliability, found)
        _risk(risk, found)
        note = f"  ·  {SIMULATED}" if found.simulated else ""
        figure.suptitle(
            f"{found.router} on {found.benchmark}, {found.n_test:,} test prompts{note}",
            fontsize=7.5,
            x=0.01,
            ha="left",
        )
    return figure


def save_trust(found: Trust, folder: str | Path) -> list[Path]:
    """Write ``trust.png`` and ``trust.svg`` to a folder, which is made if need be."""
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    return saved(trust_figure(found), path / "trust")


def _reliability(ax: Axes, found: Trust) -> None:
    ax.plot([0, 1], [0, 1], color=_GREY, linestyle=(0, (1, 2)), linewidth=0.9)
    for held, name, colour in (
        (found.of_all, "all models", _GREEN),
        (found.of_choice, "the chosen one", _BLUE),
    ):
        ax.plot(
            held.predicted,
            held.observed,
            marker="o",
            markersize=3,
            color=colour,
            label=f"{name}, ECE {held.ece:.3f}",
        )
    low = _floor(found.of_all, found.of_choice)
    ax.set(xlim=(low, 1.02), ylim=(low, 1.02), title="Reliability")
    ax.set_xlabel("predicted score, bins of equal mass")
    ax.set_ylabel("true score")
    ax.legend(loc="lower right")


def _floor(*held: Calibration) -> float:
    least = min(float(min(one.predicted.min(), one.observed.min())) for one in held)
    return max(0.0, math.floor(least * 10 - 1e-9) / 10)


def _risk(ax: Axes, found: Trust) -> None:
    curve = found.curve
    ax.plot(curve.coverage, curve.risk, color=_BLUE, label=f"by predicted score, {curve.aurc:.3f}")
    ax.axhline(
        1 - found.mu,
        color=_GREY,
        linestyle=(0, (1, 2)),
        linewidth=0.9,
        label=f"by chance, {1 - found.mu:.3f}",
    )
    for one in found.abstentions:
        if 0 < one.answered < 1:
            ax.plot(one.answered, 1 - one.score, marker="o", markersize=4, color=_BLUE)
            ax.annotate(
                f" {one.risk:.0%}",
                (one.answered, 1 - one.score),
                fontsize=7,
                color=_BLUE,
                xytext=(2, 4),
                textcoords="offset points",
            )
    ax.set(xlim=(0, 1.02), title="Risk and coverage")
    ax.set_ylim(bottom=0, top=max(0.02, 1.35 * max(curve.risk.max(), 1 - found.mu)))
    ax.set_xlabel("share of the prompts answered, the surest first")
    ax.set_ylabel("mean loss of the answers")
    ax.legend(loc="upper left", title="area under the curve", title_fontsize=7)
