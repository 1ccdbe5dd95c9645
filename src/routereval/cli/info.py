"""``routereval info``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from routereval.records import Overview

_COLUMNS = (
    "benchmark",
    "prompts",
    "LLMs",
    "observed",
    "complete",
    "mean",
    "best single",
    "oracle",
    "best LLM",
    "has",
)


@click.command()
@click.argument("source")
def info(source: str) -> None:
    """Tell what is in a source: prompts, LLMs, and what routing could gain."""
    from rich.console import Console
    from rich.table import Table

    from routereval.records import overview
    from routereval.sources import open_source

    found = [overview(records) for records in open_source(source)]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in _COLUMNS:
        table.add_column(
            column, justify="left" if column in {"benchmark", "best LLM", "has"} else "right"
        )
    for row in found:
        table.add_row(*_cells(row))
    console = Console()
    console.width = console.width if console.is_terminal else 160
    console.print(table)
    if any(row.simulated for row in found):
        click.echo("Simulated data: no real LLM was asked.")


def _cells(row: Overview) -> list[str]:
    has = [name for name, there in (("text", row.text), ("costs", row.costs)) if there]
    return [
        row.name,
        f"{row.n_prompts:,}",
        f"{row.n_models:,}",
        f"{row.observed:.1%}",
        f"{row.complete[0]:,} × {row.complete[1]:,}",
        f"{row.mean:.3f}",
        f"{row.best:.3f}",
        f"{row.oracle:.3f}",
        row.best_model,
        ", ".join([row.kind, *has, *row.features]),
    ]
