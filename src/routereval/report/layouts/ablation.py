"""Tables of ablations: a row per combination of values."""

from __future__ import annotations

import math
from collections.abc import Sequence

from routereval.report.layouts.metrics import metric_column
from routereval.report.table import Cell, Column, Kind, Number, Row, Table
from routereval.results.ablation import Ablation

SPREAD = "over seeds: standard deviation of the mean score from seed to seed."


def ablation_tables(found: Sequence[Ablation]) -> list[Table]:
    """A table per ablation; the deviation over seeds where there are several."""
    return [_table(one) for one in found]


def _table(one: Ablation) -> Table:
    names = [Column(name, _kind(one, place), digits=3) for place, name in enumerate(one.parameters)]
    columns = [*names, metric_column("mu"), Column("over seeds", key="deviation")]
    rows = [Row((*_written(row.values, names), Number(*row.mu), row.deviation)) for row in one.rows]
    several = any(not math.isnan(row.deviation) for row in one.rows)
    title = f"μ_o of {one.kind} by {' and '.join(one.parameters)} · m = {one.size} models"
    return Table(
        f"{title} · {one.protocol}",
        columns,
        rows,
        [SPREAD] if several else [],
        names=len(one.parameters),
    ).without_empty()


def _written(values: Sequence[Cell], columns: Sequence[Column]) -> list[Cell]:
    return [
        str(value) if column.kind == "text" else value
        for value, column in zip(values, columns, strict=True)
    ]


def _kind(one: Ablation, place: int) -> Kind:
    """Counts are written as such; other values as they were given."""
    values = [row.values[place] for row in one.rows]
    counts = all(isinstance(value, int) and not isinstance(value, bool) for value in values)
    return "count" if counts else "text"
