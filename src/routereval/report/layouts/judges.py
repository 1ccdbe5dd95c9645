"""How two judges are laid out: what they share, then each one's choices scored by each."""

from __future__ import annotations

from dataclasses import asdict
from math import isnan

from routereval.report.table import Column, Document, Number, Points, Row, Table
from routereval.studies.judges import Judges


def judges_document(found: Judges) -> Document:
    """What they share, and the four combinations."""
    columns = [
        Column("chosen by", "text", key="trained_on"),
        Column("scored by", "text", key="scored_by"),
        Column("best single", key="best"),
        Column("oracle", interval="ends"),
        Column("learned", interval="ends"),
    ]
    rows = [
        Row(
            (
                one.trained_on,
                one.scored_by,
                one.best,
                Number(one.oracle, *one.oracle_interval),
                Number(one.learned, *one.learned_interval),
            )
        )
        for one in found.routed
    ]
    table = Table(f"{found.name} · {found.n_prompts:,} prompts, two judges", columns, rows, names=2)
    notes = [
        "oracle: the model that the first judge thinks best on each prompt, scored by the second. "
        "learned: a ridge regression on the first judge's scores, out of fold.",
    ]
    held = {**asdict(found), "sentences": sentences(found)}
    return Document([Points(sentences(found)), table], table, held, notes)


def sentences(found: Judges) -> list[str]:
    """What was found, in plain words."""
    agree = (f"{' and '.join(found.judges)} agree on {found.agreement:.1%} of the cells.").replace(
        "%", " %"
    )
    own = [
        f"Of the headroom that {judge} sees, {other} sees {1 - share:.0%} too; {share:.0%} is its "
        "own.".replace("%", " %")
        for judge, other, share in zip(found.judges, reversed(found.judges), found.own, strict=True)
        if not isnan(share)
    ]
    return [agree, *own]
