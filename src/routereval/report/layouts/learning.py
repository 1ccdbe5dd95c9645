"""Tables of learning curves: quality against the number of labelled prompts."""

from __future__ import annotations

from collections.abc import Sequence

from routereval.grouped import grouped
from routereval.report.table import Column, Number, Row, Table
from routereval.results.learning_curves import Learning

WHAT = {"n": "labelled prompts", "k": "probe prompts"}
"""What a protocol counts, by its parameter."""


def by_panel(curves: Sequence[Learning]) -> list[list[Learning]]:
    """The curves that belong in one table or panel: of one protocol and pool size."""
    return [*grouped(curves, lambda curve: (curve.rule, curve.counted, curve.size)).values()]


def learning_tables(curves: Sequence[Learning]) -> list[Table]:
    """A table per protocol and pool size: a row per router, a column per number of prompts."""
    return [_table(held) for held in by_panel(curves)]


def _table(curves: Sequence[Learning]) -> Table:
    first = curves[0]
    heads = [f"{first.counted} = {number:,}" for number in first.prompts]
    rows = [
        Row((curve.router, *(Number(*found) for found in curve.mu)), curve.control)
        for curve in curves
    ]
    return Table(
        f"μ_o by {WHAT[first.counted]} · m = {first.size} models · {first.rule}",
        [Column("router", "text"), *map(Column, heads)],
        rows,
    )
