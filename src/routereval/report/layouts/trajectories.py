"""How policies on trajectories are laid out: a sentence, the policies, the value of waiting."""

from __future__ import annotations

from dataclasses import asdict
from math import isnan

from routereval.report.layouts.advise_phrases import signed
from routereval.report.table import Cell, Column, Document, Number, Points, Row, Table
from routereval.studies.trajectories import PolicyResult, Trajectories, Waiting


def trajectories_document(found: Trajectories) -> Document:
    """The verdict, a table of policies, and the curve of waiting."""
    notes = [
        *(["Simulated: no model was asked."] if found.simulated else []),
        *found.notes,
        "Intervals over trajectories. gain and saving: against the best arm alone. p: of no "
        "difference, corrected by Holm. cold: of the USD, what changes of arms cost.",
    ]
    tables = [_policies(found), *([_waiting(found)] if found.waiting else [])]
    held = {**asdict(found), "sentence": sentence(found)}
    return Document([Points([sentence(found)]), *tables], _policies(found), held, notes)


def sentence(found: Trajectories) -> str:
    """Whether any policy does better than the best arm alone."""
    best = next(one for one in found.policies if one.name == found.best)
    alone = f"{found.best} alone ({best.score.value:.3f} at ${best.usd.value:.4f})"
    if found.better:
        one = found.better[0]
        return (
            f"{one.name} scores {signed(one.gain)} more than {alone}, at ${one.usd.value:.4f} "
            "per trajectory."
        )
    if found.cheaper:
        one = found.cheaper[0]
        return (
            f"{one.name} is within {found.margin:g} of {alone} ({signed(one.gain)}) and costs "
            f"{one.saving.value:.0%} less [{one.saving.low:.0%}, {one.saving.high:.0%}]."
        ).replace("%", " %")
    return f"No policy is shown to score more than {alone}, or as much for less."


def _policies(found: Trajectories) -> Table:
    columns = [
        Column("policy", "text"),
        Column("score", interval="ends"),
        Column("USD", digits=4, key="usd", interval="ends"),
        Column("cold", digits=4),
        Column("changes", digits=1),
        Column("gain", signed=True, interval="ends"),
        Column("p", "p"),
        Column("saving", "share", digits=0, interval="ends"),
    ]
    kind = "shared steps" if found.shared else "whole runs"
    title = (
        f"{found.name} · {found.n_trajectories:,} trajectories · {found.n_steps:,} steps ({kind})"
    )
    return Table(title, columns, [Row(_policy(one)) for one in found.policies])


def _policy(one: PolicyResult) -> tuple[Cell, ...]:
    return (
        one.name,
        Number(*one.score),
        Number(*one.usd),
        one.cold,
        one.changes,
        Number(*one.gain),
        None if isnan(one.p) else one.p,
        Number(*one.saving),
    )


def _waiting(found: Trajectories) -> Table:
    columns = [
        Column("steps", "count", key="k"),
        Column("changed", "share", digits=0),
        Column("score", interval="ends"),
        Column("USD", digits=4, key="usd", interval="ends"),
        Column("gain", signed=True, interval="ends"),
        Column("saving", "share", digits=0, interval="ends"),
    ]
    title = f"{found.cheap} for so many steps, then {found.strong}; against {found.strong} alone"
    return Table(title, columns, [Row(_wait(one)) for one in found.waiting])


def _wait(one: Waiting) -> tuple[Cell, ...]:
    return (
        one.k,
        one.changed,
        Number(*one.score),
        Number(*one.usd),
        Number(*one.gain),
        Number(*one.saving),
    )
