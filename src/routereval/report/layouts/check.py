"""How requirements of a run are laid out: whether all hold, and a row for each."""

from __future__ import annotations

from routereval.report.layouts.run import SIMULATED
from routereval.report.table import Column, Document, Number, Row, Table
from routereval.results.requirement import Finding, Findings


def findings_document(found: Findings) -> Document:
    """Whether all holds, and on which evidence each requirement does."""
    columns = [
        Column("requirement", "text"),
        Column("holds", "text"),
        Column("difference", interval="ends", signed=True),
        Column("bound", signed=True),
        Column("prompts", "count"),
        Column("evidence", "text"),
    ]
    rows = [
        Row(
            (
                str(one.requirement),
                "yes" if one.holds else "no",
                Number(one.difference, one.low, one.high),
                one.bound,
                one.n_prompts,
                _evidence(one),
            )
        )
        for one in found.findings
    ]
    table = Table("", columns, rows)
    held = [
        {**one._asdict(), "requirement": str(one.requirement), "evidence": _evidence(one)}
        for one in found.findings
    ]
    json = {"holds": found.holds, "findings": held, "simulated": found.simulated}
    notes = [_how(found)] + ([SIMULATED] if found.simulated else [])
    return Document([_sentence(found), table], table, json, notes)


def _how(found: Findings) -> str:
    low = found.findings[0].by == "interval"
    what = "the low end of the 95 % interval" if low else "the difference, whatever its interval,"
    return f"> holds if {what} lies above the bound, >= if it lies there or above."


def _sentence(found: Findings) -> str:
    failed = [str(one.requirement) for one in found.findings if not one.holds]
    n = len(found.findings)
    if not failed:
        return "Holds." if n == 1 else f"All {n} requirements hold."
    if n == 1:
        return "Does not hold."
    return f"{len(failed)} of {n} requirements do not hold: {', '.join(failed)}."


def _evidence(one: Finding) -> str:
    if isinstance(one.requirement.b, float):
        return "mean of the table"
    return f"trained anew, {one.n_fits} fits" if one.n_fits else "these fitted routers"
