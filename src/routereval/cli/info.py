"""``routereval info``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from routereval.cli.messages import next_command
from routereval.cli.output import format_option, show
from routereval.number_of import some_of

if TYPE_CHECKING:
    from routereval.records import Overview
    from routereval.report import Row, Table

_MOST_NAMES = 5  # names in a sentence


@click.command()
@click.argument("source")
@format_option
def info(source: str, format_name: str) -> None:
    """Tell what is in SOURCE, and what routing could gain.

    That is its prompts and models, and how they were imported. Every file is checked. "repeated" is
    the share of prompts whose text another prompt has, "near" that of near-duplicates of another
    text: splits keep both together.
    """
    from routereval.cli.import_reports import report_text
    from routereval.cli.progress import progress_bar
    from routereval.records import overview
    from routereval.report import Document, from_mappings
    from routereval.sources import open_source
    from routereval.studies.dominated import dominated_notes

    with progress_bar() as report:
        opened = open_source(source)
        found = []
        for done, records in enumerate(opened, start=1):
            found.append(overview(records))
            report("Benchmarks", done, len(opened))
    fields = [{**_joined(row), "complete": "{} x {}".format(*row.complete)} for row in found]
    held = [
        {**row._asdict(), "import": records.meta.get("import")}
        for row, records in zip(found, opened, strict=True)
    ]
    dropped = [f"{note}." for note in dominated_notes(opened)]
    made = any(row.simulated for row in found)
    notes = [*_notes(found), *dropped, *report_text(opened).splitlines()]
    notes += ["Simulated data: no real model was asked."] if made else []
    show(Document([_table(found)], from_mappings("", fields), held, notes), format_name)
    next_command("advise", source)


def _joined(row: Overview) -> dict[str, str | bool | int | float]:
    """The numbers of a row, names that are several in one text."""
    held = row._asdict()
    return {k: ", ".join(map(str, v)) if isinstance(v, tuple) else v for k, v in held.items()}


def _notes(found: Sequence[Overview]) -> list[str]:
    unknown = [row.name for row in found if math.isnan(row.repeated) and not row.named]
    names = some_of(unknown, _MOST_NAMES)
    unknown_groups = f"No texts, no named groups: equal prompts are not known in {names}."
    missing = any(row.observed < 1 for row in found)
    complete = "Where cells are missing, mean, best single and oracle are of the complete block."
    return [*([complete] if missing else []), *([unknown_groups] if unknown else [])]


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

    some = not one.text and not math.isnan(one.repeated)
    held = {"text": one.text, "some texts": some, "groups": one.named, "costs": one.costs}
    has = [name for name, there in held.items() if there]
    n_prompts, n_models = one.complete
    return Row(
        (
            *(one.name, one.n_prompts, one.n_models, one.observed),
            f"{n_prompts:,} × {n_models:,}",
            *(one.mean, one.best, one.oracle, one.repeated, one.near, one.best_model),
            ", ".join([one.kind, *has, *_axes(one), *one.features]),
        )
    )


def _axes(one: Overview) -> list[str]:
    """The axes beside the scores, in words."""
    runs = f"trials (up to {one.trials} per cell, {one.n_runs:,} runs)"
    return [
        *(f"{name} of answers" if name == "length" else f"{name}s" for name in one.signals),
        *one.axes,
        *([runs] if one.trials > 1 else []),
        *([f"judges {', '.join(one.judges)}"] if one.judges else []),
        *(f"version {date}" for date in one.versions),
        *([f"efforts of {one.efforts:,} models"] if one.efforts else []),
    ]
