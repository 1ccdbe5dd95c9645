"""The Zero router beside the others: the hull of the single models of each pool."""

from __future__ import annotations

from dataclasses import replace

from routereval.results.results import Cell, Outcome, Results
from routereval.results.summary import TRADE_OFF
from routereval.scoring import compute

ZERO = "zero"


def zero_router(results: Results) -> Results:
    """The cells of the Zero router, one for each pool whose cost–quality curve is known.

    Args:
        results: of a run.

    Returns:
        As the results of a run of that router alone, with the metrics `TRADE_OFF`; no other metric
        of them means anything.
    """
    curved = [c for c in results.cells if results.outcomes[c.key].evidence.curve is not None]
    first: dict[tuple[object, ...], Cell] = {}
    for cell in curved:
        first.setdefault(cell.place[:-1], cell)
    cells: list[Cell] = []
    outcomes: dict[str, Outcome] = {}
    for cell in first.values():
        held = results.outcomes[cell.key]
        curve = held.evidence.curve
        evidence = replace(held.evidence, curve=None if curve is None else curve.zero)
        values = compute(evidence, TRADE_OFF)
        zero = replace(cell, router=ZERO, control=True, metrics=values, intervals={})
        cells.append(zero)
        outcomes[zero.key] = Outcome(evidence, held.rows)
    return Results(cells, outcomes, results.notes, results.info)
