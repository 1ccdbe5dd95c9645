"""How off-policy estimates are laid out: a row per router that served, or could have."""

from __future__ import annotations

from routereval.report.layouts.metrics import PER
from routereval.report.table import Column, Document, Number, Row, Table
from routereval.scoring.offpolicy import LEAST_SIZE
from routereval.studies.offpolicy import FEW, LEAST_COVERED, OffPolicy

_COLUMNS = (
    Column("router", "text"),
    Column("n", "count"),
    Column("ESS", digits=0, key="effective_size"),
    Column("IPS", key="ips"),
    Column("SNIPS", key="snips"),
    Column("DR", key="dr"),
    Column("$/1k", digits=4, scale=PER, key="usd"),
)


def offpolicy_document(found: OffPolicy) -> Document:
    """What was logged, and what could have been."""
    rows = [
        Row(
            (
                *(row.name, row.n, row.size if row.covered >= LEAST_COVERED else None),
                *(
                    Number(*one, "?" if row.size < FEW else "")
                    for one in (row.ips, row.snips, row.dr)
                ),
                Number(*row.cost),
            )
        )
        for row in found.rows
    ]
    notes = [
        f"{found.n_scored:,} of {found.n_requests:,} decided requests have feedback; "
        f"± is half of the {found.level:.0%} interval.",
        "$/1k: cost of 1,000 requests, in USD. DR: doubly robust, the one to read.",
    ]
    if any(row.covered < LEAST_COVERED for row in found.rows):
        notes.append(
            "–: it would often have chosen what had no chance to be asked. "
            "Serve with [experiment] explore above 0 to learn about it."
        )
    if any(row.size < FEW for row in found.rows if row.covered >= LEAST_COVERED):
        least = f"of fewer than {LEAST_SIZE} there is no interval, ±"
        notes.append(f"?: fewer than {FEW} requests' worth, do not lean on it; {least}.")
    table = Table("", _COLUMNS, rows)
    return Document([table], table, notes=notes)
