"""Values that people hold print as tables, in a terminal, a notebook, a paper and a program.

How a value is laid out stands in `report`, which imports the values; so they name no layout
themselves. The table below says where each one is; it is loaded when a value is first shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from routereval.errors import unknown

if TYPE_CHECKING:
    import polars as pl

LAYOUTS = {
    "Advice": "advise:advice_document",
    "AllRepeats": "trials:trials_document",
    "Board": "leaderboard:board_document",
    "Drift": "drift:drift_document",
    "Evaluation": "evaluate:evaluation_document",
    "ExperimentStatus": "experiment:experiment_document",
    "Findings": "check:findings_document",
    "Judgement": "referee:judgement_document",
    "Judges": "judges:judges_document",
    "LogDrift": "log_drift:log_drift_document",
    "OffPolicy": "offpolicy:offpolicy_document",
    "Replays": "replay:replays_document",
    "Reproduction": "reproduce:reproduction_document",
    "Results": "run:results_document",
    "ScalingResults": "scaling:scaling_document",
    "Savings": "savings:savings_document",
    "Standings": "compare:standings_document",
    "Trajectories": "trajectories:trajectories_document",
    "Trust": "trust:trust_document",
    "Verdict": "compare:verdict_document",
}
"""The module and the function that lay out a value, by the name of its class."""

LATEX = {
    "Reproduction": "paper:reproduction_latex",
    "Results": "paper:results_latex",
    "Standings": "paper:standings_latex",
}
"""Likewise for LaTeX, of values that papers have other tables of."""

FORMATS = ("table", "markdown", "latex", "csv", "json", "html")
"""What a value can be rendered to."""


class Shown:
    """A value that is shown as a document: sentences and tables."""

    def __str__(self) -> str:
        """Its tables, as wide as the terminal; 100 columns where there is none."""
        from shutil import get_terminal_size

        return self.render("table", get_terminal_size((100, 24)).columns).rstrip("\n")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: print it, or see its to_markdown, to_polars, …>"

    def _repr_html_(self) -> str:
        return self.render("html")

    def to_markdown(self) -> str:
        """Its tables in Markdown."""
        return self.render("markdown")

    def to_latex(self) -> str:
        """Its tables for LaTeX, with booktabs."""
        return self.render("latex")

    def to_csv(self) -> str:
        """All its numbers in CSV, in full precision."""
        return self.render("csv")

    def to_json(self) -> str:
        """All its numbers in JSON."""
        return self.render("json")

    def to_polars(self) -> pl.DataFrame:
        """All its numbers as a frame, in full precision; null where not defined."""
        from importlib import import_module

        frame: pl.DataFrame = import_module("routereval.report.data").to_polars(self.document())
        return frame

    def document(self, format_name: str = "") -> Any:  # noqa: ANN401 - stands in a station above
        """What is shown: a `routereval.report.Document`.

        Args:
            format_name: what it is for, as LaTeX may have more tables.
        """
        from importlib import import_module

        layouts = {**LAYOUTS, **(LATEX if format_name == "latex" else {})}
        module, _, function = next(
            layouts[one.__name__] for one in type(self).__mro__ if one.__name__ in layouts
        ).partition(":")
        return getattr(import_module(f"routereval.report.layouts.{module}"), function)(self)

    def render(self, format_name: str, width: int | None = None) -> str:
        """Render it in a format by name.

        Args:
            format_name: ``table``, ``markdown``, ``latex``, ``csv``, ``json`` or ``html``.
            width: columns of a ``table``; as many as need be if None.

        Raises:
            SpecError: if there is no such format.
        """
        from importlib import import_module

        if format_name not in FORMATS:
            raise unknown("table format", format_name, FORMATS)
        text: str = import_module("routereval.report.render").render(
            self.document(format_name), format_name, width
        )
        return text
