"""Learning curves as a picture: score against the number of labelled prompts."""

from __future__ import annotations

from pathlib import Path

from routereval.report.layouts.learning import grouped
from routereval.report.learning_figure import LearningDisplay
from routereval.results.learning_curves import learning_curves
from routereval.results.results import Results


def learning_display(results: Results) -> LearningDisplay | None:
    """A panel for each protocol and pool size; None where only one number was run.

    Args:
        results: of a run with several numbers of labelled, or probe, prompts.
    """
    groups = grouped(learning_curves(results))
    made = any(cell.simulated for cell in results.cells)
    return LearningDisplay(list(groups.values()), made) if groups else None


def save_learning(results: Results, folder: str | Path) -> list[Path]:
    """Write ``learning-curve.png`` and ``.svg`` where there are curves; the same bytes each time.

    Returns:
        What was written.
    """
    display = learning_display(results)
    return [] if display is None else display.save(Path(folder) / "learning-curve")
