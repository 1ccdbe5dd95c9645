"""What routers predict against what came."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routereval.report.display import Display
from routereval.report.panel import Area, Axis, Dots, Line, Mark, Panel, ticks
from routereval.results.results import Results
from routereval.scoring.calibration import Calibration, calibration

LEAST_IN_BIN = 20
"""A bin of a reliability curve holds at least so many predictions."""


_MOST_BINS = 10


@dataclass(frozen=True)
class CalibrationDisplay(Display):
    """Whether predicted scores mean what they say: true against predicted, in bins.

    Attributes:
        router: whose predictions.
        predicted: (n,) predicted scores, in [0, 1] or clipped to it.
        scores: (n,) true scores.
        simulated: whether no real model was asked.
    """

    router: str
    predicted: NDArray[np.float64]
    scores: NDArray[np.float64]
    simulated: bool = False

    def binned(self) -> Calibration | None:
        """The reliability curve in bins of at least `LEAST_IN_BIN`; None for too few prompts."""
        bins = min(_MOST_BINS, len(self.predicted) // LEAST_IN_BIN)
        return calibration(self.predicted, self.scores, bins) if bins else None

    def panels(self) -> list[Panel]:
        """One panel, with a histogram of the predictions at its foot."""
        found = self.binned()
        title = f"{self.router}: is the predicted score of the choice true?"
        whole = Axis("predicted score", 0.0, 1.0, ticks(0.0, 1.0))
        upright = Axis("true score", 0.0, 1.0, ticks(0.0, 1.0))
        marks: list[Mark] = [
            self._histogram(),
            Line([0.0, 1.0], [0.0, 1.0], "", "grey", dashed=True),
        ]
        n = len(self.predicted)
        if found is None:
            note = f"{n:,} prompts: not estimable in bins of {LEAST_IN_BIN} or more"
            return [Panel(title, whole, upright, marks, note)]
        half = 1.96 * np.sqrt(
            np.maximum(found.observed * (1 - found.observed), 1e-4) / found.counts
        )
        low, high = np.clip(found.observed - half, 0, 1), np.clip(found.observed + half, 0, 1)
        few = found.counts < LEAST_IN_BIN
        if few.any():  # equal predictions cannot be cut
            low[few], high[few] = np.nan, np.nan
        x, y = found.predicted.tolist(), found.observed.tolist()
        marks.append(Line(x, y, "", "c0"))
        marks.append(Dots(x, y, [""] * len(x), "c0", low.tolist(), high.tolist(), hollow=False))
        note = f"{n:,} choices, {len(x)} bins of {found.counts.min()} or more; ECE {found.ece:.3f}"
        return [Panel(title, whole, upright, marks, note)]

    def _histogram(self) -> Area:
        counts, edges = np.histogram(np.clip(self.predicted, 0, 1), 20, (0.0, 1.0))
        height = 0.2 * counts / max(1, counts.max())
        return Area(edges.tolist(), [0.0] * 21, [*height.tolist(), 0.0], "", "grey", steps=True)


def calibration_of(results: Results, router: str) -> CalibrationDisplay | None:
    """The predictions of a router's choices beside what they scored; None where not kept."""
    predicted, scores = [], []
    for cell in results.of(router):
        outcome = results.outcomes[cell.key]
        choice = outcome.evidence.choice
        if outcome.predicted is None or (choice < 0).any():
            continue
        rows = np.arange(len(choice))
        predicted.append(outcome.predicted[rows, choice].astype(np.float64))
        scores.append(outcome.evidence.quality)
    if not predicted:
        return None
    own, true = np.concatenate(predicted), np.concatenate(scores)
    known = np.isfinite(own)
    return (
        CalibrationDisplay(router, own[known], true[known], results.simulated)
        if known.any()
        else None
    )
