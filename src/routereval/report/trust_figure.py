"""The reliability curve and the risk–coverage curve of one router, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from routereval.report.calibration_figure import LEAST_IN_BIN
from routereval.report.display import Display
from routereval.report.panel import Axis, Dots, Line, Mark, Panel, Rule, axis, ticks
from routereval.scoring.calibration import Calibration
from routereval.studies.trust import Trust


class Bin(NamedTuple):
    """A bin of a reliability curve.

    Attributes:
        predicted: mean predicted score.
        observed: mean true score.
        n: how many predictions.
        low: lower end of the 95 % interval of the true score.
        high: upper end.
    """

    predicted: float
    observed: float
    n: int
    low: float
    high: float


@dataclass(frozen=True)
class TrustDisplay(Display):
    """How far a router can be trusted: whether its predictions are true, and what abstaining gains.

    Attributes:
        found: from `trust`.
    """

    found: Trust

    @property
    def simulated(self) -> bool:
        """Whether no real model was asked."""
        return self.found.simulated

    def panels(self) -> list[Panel]:
        """Reliability, and risk against coverage."""
        return [_reliability(self.found), _risk(self.found)]


def save_trust(found: Trust, folder: str | Path) -> list[Path]:
    """Write ``trust.png`` and ``trust.svg`` to a folder, which is made if need be."""
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    return TrustDisplay(found).save(path / "trust")


def bins_of(found: Calibration, least: int = LEAST_IN_BIN) -> list[Bin]:
    """The bins of a reliability curve, neighbours put together until each holds so many.

    Args:
        found: the curve.
        least: predictions that a bin holds at least.

    Returns:
        From the lowest on; none of fewer predictions than that altogether.
    """
    groups: list[list[int]] = [[]]
    for place in range(len(found.counts)):
        groups[-1].append(place)
        if found.counts[groups[-1]].sum() >= least:
            groups.append([])
    rest = groups.pop()
    if groups:
        groups[-1] += rest
    return [_bin(found, places) for places in groups]


def _bin(found: Calibration, places: list[int]) -> Bin:
    counts = found.counts[places]
    n = int(counts.sum())
    x, y = (float(counts @ held[places] / n) for held in (found.predicted, found.observed))
    # Wilson's interval, which holds near 0 and 1
    z = 1.96
    middle = (y + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * np.sqrt(max(y * (1 - y), 0.0) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Bin(x, y, n, max(0.0, middle - reach), min(1.0, middle + reach))


def _reliability(found: Trust) -> Panel:
    marks: list[Mark] = [Line([0.0, 1.0], [0.0, 1.0], "as predicted", "grey", dashed=True)]
    notes = []
    for held, name, look in (
        (found.of_all, "all models", "c2"),
        (found.of_choice, "the chosen model", "c0"),
    ):
        drawn = bins_of(held)
        if not drawn:
            notes.append(f"{name}: not estimable in bins of {LEAST_IN_BIN}")
            continue
        notes.append(f"{name}: ECE {held.ece:.3f}")
        x, y = [one.predicted for one in drawn], [one.observed for one in drawn]
        low, high = [one.low for one in drawn], [one.high for one in drawn]
        marks.append(Dots(x, y, [""] * len(x), look, low, high, hollow=False))
        marks.append(Line(x, y, name, look))
    whole = Axis(f"predicted score, bins of {LEAST_IN_BIN} or more", 0.0, 1.0, ticks(0.0, 1.0))
    upright = Axis("true score", 0.0, 1.0, ticks(0.0, 1.0))
    what = f"{found.router} on {found.benchmark}, {found.n_test:,} prompts"
    return Panel(f"Reliability · {what}", whole, upright, marks, "; ".join(notes))


def _risk(found: Trust) -> Panel:
    curve, chance = found.curve, 1 - found.mu
    marks: list[Mark] = [
        Rule(chance, "by chance", "grey"),
        Line(
            curve.coverage.tolist(),
            curve.risk.tolist(),
            "by predicted score",
            "c0",
        ),
    ]
    points = [one for one in found.abstentions if 0 < one.answered < 1]
    if points:
        x, y = [one.answered for one in points], [1 - one.score for one in points]
        marks.append(Dots(x, y, [f"risk {one.risk:.0%}" for one in points], "c0", hollow=False))
    percents = [(share / 4, f"{25 * share} %") for share in range(5)]
    across = Axis("share of the prompts answered, the surest first", 0.0, 1.0, percents)
    upright = axis("mean loss of the answers", [0.0, chance, *curve.risk.tolist()], floor=0.0)
    worse = curve.aurc > chance
    order = "worse than by chance" if worse else "by chance"
    note = f"area under the curve {curve.aurc:.3f}, {order}: {chance:.3f}"
    return Panel("Risk and coverage", across, upright, marks, note)
