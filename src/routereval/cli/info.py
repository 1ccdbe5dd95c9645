"""``routereval info``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from routereval.cli.output import format_option, show

if TYPE_CHECKING:
    from routereval.records import Overview
    from routereval.report import Row, Table

_MOST_NAMES = 5  # names in a sentence


@click.command()
@click.argument("source")
@format_option
def info(source: str, format_name: str) -> None:
    """Tell what is in a source: prompts, models, how it was imported, and what routing could gain.

    Every file is checked. "repeated" is the share of prompts whose text another prompt has, "near"
    that of near-duplicates of another text: splits keep both together.
    """
    from routereval.cli.import_reports import report_text
    from routereval.records import overview
    from routereval.report import Document, from_mappings
    from routereval.sources import open_source

    opened = open_source(source)
    found = [overview(records) for records in opened]
    fields = [{**row._asdict(), "features": ", ".join(row.features)} for row in found]
    fields = [{**row, "complete": "{} x {}".format(*row["complete"])} for row in fields]
    held = [
        {**row._asdict(), "import": records.meta.get("import")}
        for row, records in zip(found, opened, strict=True)
    ]
    notes = [*_notes(found), *report_text(opened).splitlines(), *_simulated(found)]
    show(Document([_table(found)], from_mappings("", fields), held, notes), format_name)


def _notes(found: Sequence[Overview]) -> list[str]:
    unknown = [row.name for row in found if math.isnan(row.repeated) and not row.named]
    names = _some(unknown)
    unknown_groups = f"No texts, no named groups: equal prompts are not known in {names}."
    return [unknown_groups] if unknown else []


def _simulated(found: Sequence[Overview]) -> list[str]:
    return ["Simulated data: no real model was asked."] if any(r.simulated for r in found) else []


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _table(found: Sequence[Overview]) -> Table:
    from routereval.report import Column, Table

    columns = [
        Column("benchmark", "text"),
        Column("prompts", "count"),
        Column("models", "count"),
        Column("observed", "share", digits=1),
        Column("complete"),
        Column("mean"),
        Column("best single"),
        Column("oracle"),
        Column("repeated", "share", digits=1),
        Column("near", "share", digits=1),
        Column("best model", "text"),
        Column("has", "text"),
    ]
    return Table("", columns, [_row(one) for one in found])


def _row(one: Overview) -> Row:
    from routereval.report import Row

    held = {"text": one.text, "groups": one.named, "costs": one.costs}
    has = [name for name, there in held.items() if there]
    n_prompts, n_models = one.complete
    return Row(
        (
            *(one.name, one.n_prompts, one.n_models, one.observed),
            f"{n_prompts:,} × {n_models:,}",
            *(one.mean, one.best, one.oracle, one.repeated, one.near, one.best_model),
            ", ".join([one.kind, *has, *one.features]),
        )
    )
