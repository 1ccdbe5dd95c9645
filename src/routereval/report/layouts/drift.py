"""How drift is laid out: the models that changed in a sentence, then every model."""

from __future__ import annotations

from dataclasses import asdict
from math import isfinite

from routereval.number_of import some_of
from routereval.report.table import Cell, Column, Document, Points, Row, Table
from routereval.studies.drift import Drift, ModelDrift

_MOST_NAMED = 8


def drift_document(found: Drift) -> Document:
    """What changed, and what a re-check needs."""
    columns = [
        Column("model", "text"),
        Column("before"),
        Column("now", key="after"),
        Column("change", signed=True),
        Column("flips", "share", digits=1),
        Column("p", "p"),
        Column("probes", "count"),
        Column("most in", "text", key="benchmarks"),
        Column("", "text", key="verdict"),
    ]
    rows = [Row(_cells(one)) for one in found.models]
    table = Table(f"{len(found.models)} models · {found.n_prompts:,} prompts", columns, rows)
    notes = [
        *found.notes,
        "p: whether the differences prefer a direction on any benchmark, against random signs; "
        "corrected by Holm. flips: prompts whose score differs, luck of single runs included.",
        f"Named in {found.false_alarms:.1%} of worlds without a change.".replace("%", " %"),
        f"probes: prompts to ask again, drawn at random, that find a change of {found.change:g} "
        "four times in five (two-sided, 5 %), if answers flip as they did here.",
    ]
    held = {**asdict(found), "sentences": sentences(found)}
    return Document([Points(sentences(found)), table], table, held, notes)


def _cells(one: ModelDrift) -> tuple[Cell, ...]:
    probes = int(one.probes) if isfinite(one.probes) else None
    change = one.after - one.before
    most = ", ".join(one.benchmarks) if one.changed else ""
    verdict = "changed" if one.changed else ""
    return (one.name, one.before, one.after, change, one.flips, one.p, probes, most, verdict)


def sentences(found: Drift) -> list[str]:
    """What was found, in plain words."""
    return [
        text for text in (_changed(found), _probes(found), _common(found), _router(found)) if text
    ]


def _changed(found: Drift) -> str:
    flips = f"{found.flips:.1%} of the cells differ".replace("%", " %")
    n, moved = len(found.models), found.changed
    if not moved:
        return f"{flips}, but of none of {n} models more than luck explains (5 %, Holm)."
    changes = [f"{one.name} ({one.after - one.before:+.3f})" for one in moved]
    named = some_of(changes, _MOST_NAMED)
    return f"{flips}. {len(moved)} of {n} models changed by more than luck: {named}."


def _probes(found: Drift) -> str:
    known = sorted(one.probes for one in found.models if isfinite(one.probes))
    if not known:
        return ""
    middle = known[len(known) // 2]
    return (
        f"To find a change of {found.change:g} of one model four times in five takes "
        f"{middle:,.0f} prompts for the median model, {known[-1]:,.0f} for the noisiest."
    )


def _common(found: Drift) -> str:
    if not found.common:
        return ""
    names = ", ".join(found.common)
    return (
        f"On {names} nearly all that changed moved the same way: look at the prompts, the scoring "
        "or the harness before the models."
    )


def _router(found: Drift) -> str:
    if not found.router:
        return ""
    if not found.expired:
        return f"No model in the pool of {found.router} changed: its certificate still holds."
    names = ", ".join(found.expired)
    return f"The certificate of {found.router} has expired: {names} changed. Train it anew."
