"""How a reproduction is laid out: the paper's rows and ours side by side."""

from __future__ import annotations

import math

from routereval.report.layouts.metrics import metric_column
from routereval.report.table import Cell, Column, Document, Number, Table
from routereval.report.table import Row as TableRow
from routereval.spec import parse_spec
from routereval.studies.reproduce import (
    CHECKPOINT,
    PAPER_ROUTERS,
    ROUNDING,
    Numbers,
    Reproduction,
    Row,
)

_NAMES = (
    Column("benchmark", "text"),
    Column("m", "count", key="size"),
    Column("router", "text"),
)


def reproduction_document(reproduction: Reproduction) -> Document:
    """For each metric the paper's number, then ours, a row a published one."""
    columns = list(_NAMES)
    for name in Numbers._fields:
        symbol = metric_column(name).head
        columns += [Column(symbol, digits=2, key=name), Column(f"{symbol} ours", key=f"our_{name}")]
    rows = [
        TableRow(_cells(row), ends=number % len(PAPER_ROUTERS) == 0)
        for number, row in enumerate((*reproduction.rows, *reproduction.variants), start=1)
    ]
    table = Table(_title(reproduction), columns, rows, names=len(_NAMES))
    return Document([table], _data(reproduction), notes=_footnotes(reproduction))


def _data(reproduction: Reproduction) -> Table:
    """The paper's numbers, ours in full, and which differ."""
    ours = [f"our_{name}" for name in Numbers._fields]
    names = ["benchmark", "size", "router", *Numbers._fields, *ours, "differs"]
    rows = [
        TableRow(
            (
                *(row.benchmark, row.size, row.router, *map(_defined, row.paper)),
                *(row.ours or (None,) * len(ours)),
                " ".join(row.differs),
            )
        )
        for row in (*reproduction.rows, *reproduction.variants)
    ]
    return Table("", [Column(name) for name in names], rows)


def _title(reproduction: Reproduction) -> str:
    compared = len(reproduction.compared)
    return (
        f"{compared} of the paper's {len(reproduction.rows)} rows computed here · "
        f"μ_o agrees in {reproduction.agreeing}"
    )


def _cells(row: Row) -> tuple[Cell, ...]:
    cells: list[Cell] = [row.benchmark, row.size, row.router]
    for name in Numbers._fields:
        cells += [_defined(getattr(row.paper, name)), _ours(row, name)]
    return tuple(cells)


def _defined(number: float) -> float | None:
    return None if math.isnan(number) else number


def _ours(row: Row, name: str) -> Cell:
    if row.ours is None:
        return None
    return Number(getattr(row.ours, name), mark="*" if name in row.differs else "")


def _footnotes(reproduction: Reproduction) -> list[str]:
    ran = {parse_spec(cell.router).name for cell in reproduction.results.cells}
    skipped = [name for name, spec in PAPER_ROUTERS.items() if parse_spec(spec).name not in ran]
    fitted = [name for name in skipped if name != "MLC"]
    notes = [
        "Means over the three groups of pools, by the faithful protocol. Paper: Huang et al. 2025, "
        "Tables 1 and 2, two digits.",
        f"* differs by more than {ROUNDING}, half a unit of the last published digit.",
        "Random and r_o(0.5) are exact expectations here and simulated in the paper.",
        "– not there: a benchmark without data here, a router that did not run, or a row that the "
        "paper does not have.",
    ]
    if fitted:
        notes.append(f"Left out as slow: {', '.join(fitted)}; run them with --all.")
    if "MLC" in skipped:
        notes.append(f"Left out: MLC, a fine-tuned encoder; run it with --mlc {CHECKPOINT}.")
    return notes + [f"Note: {note}." for note in reproduction.notes]
