"""Score by the number of labelled prompts, or of probe prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from routereval.report.display import Display
from routereval.report.layouts.learning import WHAT, by_panel
from routereval.report.panel import Axis, Line, Mark, Panel, axis, looks
from routereval.results.learning_curves import Learning, learning_curves
from routereval.results.results import Results


@dataclass(frozen=True)
class LearningDisplay(Display):
    """Score against the number of labelled prompts.

    Attributes:
        groups: the curves of each panel.
        simulated: whether no real model was asked.
    """

    groups: Sequence[Sequence[Learning]]
    simulated: bool = False

    def panels(self) -> list[Panel]:
        """A panel for each protocol and pool size."""
        return [_learning(curves) for curves in self.groups]


def learning_display(results: Results) -> LearningDisplay | None:
    """A panel for each protocol and pool size; None where only one number was run.

    Args:
        results: of a run with several numbers of labelled, or probe, prompts.
    """
    panels = by_panel(learning_curves(results))
    return LearningDisplay(panels, results.simulated) if panels else None


def save_learning(results: Results, folder: str | Path) -> list[Path]:
    """Write ``learning-curve.png`` and ``.svg`` where there are curves; the same bytes each time.

    Returns:
        What was written.
    """
    display = learning_display(results)
    return [] if display is None else display.save(Path(folder) / "learning-curve")


def _learning(curves: Sequence[Learning]) -> Panel:
    first = curves[0]
    learned = sorted((c for c in curves if not c.control), key=lambda c: -c.mu[-1].value)
    chosen = looks(len(learned))
    marks: list[Mark] = [
        Line(c.prompts, [e.value for e in c.mu], c.router, "grey", dashed=True)
        for c in curves
        if c.control
    ]
    for place in range(len(learned) - 1, -1, -1):
        one, look = learned[place], chosen[place]
        band = place == 0
        marks.append(
            Line(
                one.prompts,
                [e.value for e in one.mu],
                "" if look == "grey" else one.router,
                look,
                [e.low for e in one.mu] if band else (),
                [e.high for e in one.mu] if band else (),
                dots=True,
            )
        )
    values = [e.value for c in curves for e in c.mu]
    ends = [v for e in learned[0].mu for v in (e.low, e.high)] if learned else []
    x = Axis(
        f"{WHAT[first.counted]}, {first.counted} (logarithmic)",
        first.prompts[0] / 1.05,
        first.prompts[-1] * 1.05,
        [(float(n), f"{n:,}") for n in first.prompts],
        log=True,
    )
    note = f"band: 95 % interval of {learned[0].router}" if learned else ""
    title = f"m = {first.size} models · {first.rule}"
    return Panel(title, x, axis("mean score μ_o", [*values, *ends]), marks, note)
