"""``routereval info``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from routereval.records import Overview

_MOST_NAMES = 5  # names in a sentence
_COLUMNS = (
    "benchmark",
    "prompts",
    "models",
    "observed",
    "complete",
    "mean",
    "best single",
    "oracle",
    "repeated",
    "near",
    "best model",
    "has",
)


@click.command()
@click.argument("source")
@click.option("--json", "as_json", is_flag=True, help="Print all numbers as JSON.")
def info(source: str, as_json: bool) -> None:
    """Tell what is in a source, how it was imported, and what routing could gain.

    Every file is checked. "repeated" is the share of prompts whose text another prompt has, "near"
    that of near-duplicates of another text: splits keep both together.
    """
    import json

    from rich.console import Console
    from rich.table import Table

    from routereval.cli.import_reports import report_text
    from routereval.records import overview
    from routereval.sources import open_source

    opened = open_source(source)
    found = [overview(records) for records in opened]
    if as_json:
        rows = [
            {**_numbers(row), "import": records.meta.get("import")}
            for row, records in zip(found, opened, strict=True)
        ]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in _COLUMNS:
        table.add_column(
            column, justify="left" if column in {"benchmark", "best model", "has"} else "right"
        )
    for row in found:
        table.add_row(*_cells(row))
    console = Console()
    console.width = console.width if console.is_terminal else 160
    console.print(table)
    unknown = [row.name for row in found if math.isnan(row.repeated) and not row.named]
    if unknown:
        click.echo(f"No texts, no named groups: equal prompts are not known in {_some(unknown)}.")
    click.echo(report_text(opened), nl=False)
    if any(row.simulated for row in found):
        click.echo("Simulated data: no real LLM was asked.")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _numbers(row: Overview) -> dict[str, Any]:
    """The fields by name; null where not known."""
    held = row._asdict().items()
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in held}


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.1%}"


def _cells(row: Overview) -> list[str]:
    held = {"text": row.text, "groups": row.named, "costs": row.costs}
    has = [name for name, there in held.items() if there]
    return [
        row.name,
        f"{row.n_prompts:,}",
        f"{row.n_models:,}",
        f"{row.observed:.1%}",
        f"{row.complete[0]:,} × {row.complete[1]:,}",
        f"{row.mean:.3f}",
        f"{row.best:.3f}",
        f"{row.oracle:.3f}",
        _share(row.repeated),
        _share(row.near),
        row.best_model,
        ", ".join([row.kind, *has, *row.features]),
    ]
