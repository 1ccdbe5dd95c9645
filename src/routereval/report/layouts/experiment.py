"""How an experiment on live traffic is laid out: the calls in sentences, then every contender."""

from __future__ import annotations

from dataclasses import asdict

from routereval.number_of import number_of
from routereval.report.table import Column, Document, Number, Points, Row, Table
from routereval.studies.experiment import Contender, ExperimentStatus

_COLUMNS = (
    Column("router", "text", key="name"),
    Column("against", "text"),
    Column("n", "count"),
    Column("difference", signed=True),
    Column("low", signed=True),
    Column("high", signed=True),
    Column("verdict", "text"),
    Column("called at", "count", key="called_at"),
    Column("for .05", "count", key="needed"),
)


def experiment_document(found: ExperimentStatus) -> Document:
    """What is proved so far."""
    rows = [
        Row(
            (
                *(one.name, one.against, one.n, Number(one.difference), *one.interval),
                *(one.verdict, one.called_at, one.needed),
            )
        )
        for one in found.rows
    ]
    table = Table(
        f"{number_of(found.n_conversations, 'conversation')} with feedback", _COLUMNS, rows
    )
    sure = f"{1 - found.alpha:.0%}".replace("%", " %")
    notes = [
        *found.notes,
        f"low, high: the {sure} confidence sequence, which holds however often one looks; all "
        "calls together too.",
        "called at: after how many conversations it was proved. for .05: about how many prove a "
        "difference of .05 half of the time, by the variance so far.",
    ]
    held = {**asdict(found), "sentences": [sentence(one) for one in found.rows]}
    return Document([Points(held["sentences"]), table], table, held, notes)


def sentence(one: Contender) -> str:
    """What may be done with a contender."""
    if one.verdict == "better":
        return f"{one.name} is better than {one.against}: it may be promoted."
    if one.verdict == "worse":
        return f"{one.name} is worse than {one.against}: end its experiment."
    if one.unknown and one.n:
        return (
            f"{one.name} cannot be judged: on {one.unknown:,} of {one.n:,} conversations its "
            "choice had no chance. Serve with [experiment] explore above 0."
        )
    return f"Of {one.name} against {one.against} nothing is proved yet: go on, or look tomorrow."
