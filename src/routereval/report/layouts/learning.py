"""Tables of learning curves: quality against the number of labelled prompts."""

from __future__ import annotations

from collections.abc import Sequence

from routereval.report.table import Column, Number, Row, Table
from routereval.results.learning_curves import Learning

WHAT = {"n": "labelled prompts", "k": "probe prompts"}
"""What a protocol counts, by its parameter."""


def grouped(curves: Sequence[Learning]) -> dict[tuple[str, str, int], list[Learning]]:
    """The curves that belong in one table or panel: of one protocol and pool size."""
    groups: dict[tuple[str, str, int], list[Learning]] = {}
    for curve in curves:
        groups.setdefault((curve.rule, curve.counted, curve.size), []).append(curve)
    return groups


def learning_tables(curves: Sequence[Learning]) -> list[Table]:
    """A table per protocol and pool size: a row per router, a column per number of prompts."""
    return [_table(held) for held in grouped(curves).values()]


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
