"""How the drift of a gateway's log is laid out: what moved, then a row per week."""

from __future__ import annotations

from dataclasses import asdict

from routereval.number_of import number_of
from routereval.report.table import Column, Document, Number, Points, Row, Table
from routereval.studies.log_drift import FEW, LogDrift, Week

_MOST_MODELS = 6


def log_drift_document(found: LogDrift) -> Document:
    """What moved, week by week."""
    models = found.models[:_MOST_MODELS]
    columns = [
        Column("week", "text"),
        Column("n", "count"),
        Column("scored", "count"),
        Column("predicted"),
        Column("score"),
        Column("gap", signed=True),
        Column("p", "p", key="p_gap"),
        Column("unfamiliar", "share", digits=1),
        *(Column(model, "share", digits=0, key=f"share_{model}") for model in models),
    ]
    rows = [
        Row(
            (
                *(week.name, week.n, week.n_scored, week.predicted, week.score),
                Number(week.gap, *week.interval),
                week.p_gap,
                week.unfamiliar,
                *(week.shares.get(model, 0.0) for model in models),
            )
        )
        for week in found.weeks
    ]
    table = Table(number_of(len(found.weeks), "week"), columns, rows)
    notes = [
        *found.notes,
        "gap: score by feedback less the score that was predicted; ± is half of the 95 % interval, "
        "by conversation.",
        f"p: that the gap is that of all weeks before, corrected by Holm; from {FEW} scored "
        "conversations on. Columns of models: their shares in the answers.",
    ]
    if len(found.models) > _MOST_MODELS:
        notes.append(f"{len(found.models) - _MOST_MODELS} models with fewer answers are not shown.")
    held = {**asdict(found), "sentences": sentences(found)}
    return Document([Points(sentences(found)), table], table, held, notes)


def sentences(found: LogDrift) -> list[str]:
    """What moved, in plain words."""
    tested = [week for week in found.weeks if week.p_gap == week.p_gap]
    texts = [_moved(week, found) for week in found.moved]
    if not tested:
        texts.append(_nothing_to_compare(found))
    elif not texts:
        texts.append("In no week do scores keep less, or more, of what was predicted than before.")
    texts += [
        f"In {week.name} {week.unfamiliar:.1%} of the prompts were unlike all training prompts, "
        "another share than before: train anew with them.".replace("%", " %", 1)
        for week in found.stranger
    ]
    return texts


def _nothing_to_compare(found: LogDrift) -> str:
    if len(found.weeks) == 1:
        return f"There is one week, {found.weeks[0].name}, so no other to compare it with."
    return (
        f"There is too little feedback to compare weeks: no two have {FEW} scored conversations "
        "each."
    )


def _moved(week: Week, found: LogDrift) -> str:
    whose = f" by {found.router}" if found.router else ""
    side = "below" if week.gap < 0 else "above"
    return (
        f"In {week.name} scores lay {abs(week.gap):.3f} {side} what was predicted{whose}, not as "
        f"in the weeks before (p = {week.p_gap:.2g}): look at the models, the judges and the "
        "traffic, then train anew."
    )
