"""How a reproduction is laid out: the paper's rows and ours side by side."""

from __future__ import annotations

from routereval.report.layouts.metrics import metric_column
from routereval.report.table import Cell, Column, Document, Number, Table
from routereval.report.table import Row as TableRow
from routereval.studies.reproduce import PAPER_ROUTERS, ROUNDING, Numbers, Reproduction, Row

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
        for number, row in enumerate(reproduction.rows, start=1)
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
                *(row.benchmark, row.size, row.router, *row.paper),
                *(row.ours or (None,) * len(ours)),
                " ".join(row.differs),
            )
        )
        for row in reproduction.rows
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
        cells += [getattr(row.paper, name), _ours(row, name)]
    return tuple(cells)


def _ours(row: Row, name: str) -> Cell:
    if row.ours is None:
        return None
    return Number(getattr(row.ours, name), mark="*" if name in row.differs else "")


def _footnotes(reproduction: Reproduction) -> list[str]:
    ran = {cell.router for cell in reproduction.results.cells}
    skipped = [name for name, spec in PAPER_ROUTERS.items() if spec is not None and spec not in ran]
    notes = [
        "Means over the three groups of pools, by the faithful protocol. Paper: Huang et al. 2025, "
        "Tables 1 and 2, two digits.",
        f"* differs by more than {ROUNDING}, half a unit of the last published digit.",
        "Random and r_o(0.5) are exact expectations here and simulated in the paper.",
        "– not there: a benchmark without data here, or a router that did not run (MLC, a "
        "fine-tuned RoBERTa, never does).",
    ]
    if skipped:
        notes.append(f"Left out as slow: {', '.join(skipped)}; run them with --all.")
    return notes + [f"Note: {note}." for note in reproduction.notes]
