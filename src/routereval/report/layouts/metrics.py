"""Columns of tables whose cells are metrics."""

from __future__ import annotations

from typing import Literal

from routereval.report.table import Column, Number
from routereval.results.summary import Line
from routereval.scoring import METRICS
from routereval.scoring.curve import USD

PER = 1000
"""Calls that a cost is shown for, in every table: USD per 1,000 calls."""


def metric_column(
    name: str, unit: str = USD, *, interval: Literal["half", "ends"] = "half"
) -> Column:
    """The column of a metric; costs in USD are shown per 1,000 calls.

    Args:
        name: of the metric.
        unit: of the costs.
        interval: how its interval is written.
    """
    one = METRICS[name]
    better = {True: "higher", False: "lower", None: ""}[one.higher_is_better]
    usd = name == "cost" and unit == USD
    return Column(
        "$/1k" if usd else one.symbol,
        interval=interval,
        scale=PER if usd else 1.0,
        better=better,  # type: ignore[arg-type]
        latex=r"\mathrm{USD/1k}" if usd else one.latex,
        key=name,
    )


def metric_cell(line: Line, name: str) -> Number:
    """A metric of a line with its interval; ``?`` where that cannot be relied on."""
    value, low, high = line.metrics[name]
    return Number(value, low, high, "?" if name in line.doubtful else "")
