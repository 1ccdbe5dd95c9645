"""Tables of the trade-off of cost: AIQ, QNC, CostSave, Peak, with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence

from routereval.errors import DataError
from routereval.report.layouts.metrics import metric_cell, metric_column
from routereval.report.table import Column, Document, Number, Row, Table
from routereval.results.pareto_distance import ParetoDistance, pareto_distances
from routereval.results.results import Results
from routereval.results.summary import MEAN, TRADE_OFF, Line, summarise
from routereval.results.zero_router import ZERO, zero_router

NOTES = (
    "[…]: 95 % bootstrap interval over test prompts, of the trade-off of quality and cost.",
    "Zero router: the single models and mixtures of them; a router not above it has learned "
    "nothing.",
    "QNC, CostSave, Peak: at the best price of cost on the test prompts.",
)
"""What the tables' footnotes say."""

DISTANCE_NOTE = (
    "ParetoDist: mean distance of a router's operating points to the front of all learned routers "
    "and single models of this run, cost and score scaled to [0, 1]."
)
"""What the footnote on the distance to the front says."""

_DISTANCES = (
    Column("ParetoDist", interval="ends", better="lower", key="pareto_dist"),
    Column("on the front", "share", digits=0, key="on_front"),
)


def trade_off_document(results: Results) -> Document:
    """The tables of every benchmark and of their mean.

    Raises:
        DataError: if no cost is known.
    """
    tables = trade_offs(results)
    if not tables:
        raise DataError("no cost is known; run with --costs prices, or --costs params")
    distances = distance_tables(pareto_distances(results))
    rows = [Row((t.title, *row.cells, None, None)) for t in tables for row in t.rows]
    empty = (None,) * len(TRADE_OFF)
    rows += [Row((t.title, r.cells[0], *empty, *r.cells[1:])) for t in distances for r in t.rows]
    columns = [Column("table", "text"), *tables[0].columns, *_DISTANCES]
    notes = [*NOTES, DISTANCE_NOTE] if distances else NOTES
    return Document([*tables, *distances], Table("", columns, rows, names=2), notes=notes)


def distance_tables(found: Sequence[ParetoDistance]) -> list[Table]:
    """A table of ParetoDist per protocol and pool size, where there are several learned routers."""
    places = dict.fromkeys((one.protocol, one.size) for one in found)
    tables = []
    for rule, size in places:
        rows = [
            Row((one.router, Number(*one.distance), one.on_front))
            for one in found
            if (one.protocol, one.size) == (rule, size)
        ]
        title = f"distance to the Pareto front · m = {size} models · {rule}"
        if len(rows) > 1:
            tables.append(Table(title, [Column("router", "text"), *_DISTANCES], rows))
    return tables


def trade_offs(
    results: Results, lines: Sequence[Line] | None = None, *, every: bool = True
) -> list[Table]:
    """A table per protocol and pool size: of each benchmark and of their mean.

    Args:
        results: of a run.
        lines: its summary, if that is at hand.
        every: whether each benchmark has its table, or only their mean.

    Returns:
        The tables; none where no cost is known.
    """
    zero = summarise(zero_router(results), TRADE_OFF)
    if not zero:
        return []
    lines = [*(summarise(results, TRADE_OFF) if lines is None else lines), *zero]
    whole = len({line.benchmark for line in lines} - {MEAN}) == 1
    places = dict.fromkeys((ln.protocol, ln.size, ln.benchmark) for ln in lines)
    tables = []
    for rule, size, benchmark in places:
        if benchmark == MEAN if whole else not (every or benchmark == MEAN):
            continue  # one benchmark is its own mean
        held = [
            ln for ln in lines if (ln.protocol, ln.size, ln.benchmark) == (rule, size, benchmark)
        ]
        known = [ln for ln in held if not math.isnan(ln.metrics["peak"].value)]
        if any(ln.router != ZERO for ln in known):
            where = "mean over benchmarks" if benchmark == MEAN else benchmark
            tables.append(_table(f"cost and quality · m = {size} models · {where} · {rule}", known))
    return tables


def _table(title: str, lines: list[Line]) -> Table:
    columns = [metric_column(name, interval="ends") for name in TRADE_OFF]
    rows = [
        Row((_name(line), *(metric_cell(line, name) for name in TRADE_OFF)), line.control)
        for line in lines
    ]
    return Table(title, [Column("router", "text"), *columns], rows)


def _name(line: Line) -> str:
    return "Zero router" if line.router == ZERO else line.router
