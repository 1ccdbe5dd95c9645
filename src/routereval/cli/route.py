"""``routereval route``."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from routereval.cli.messages import next_command, say
from routereval.cli.options import network_option
from routereval.cli.output import format_option, show

if TYPE_CHECKING:
    from routereval.report import Document
    from routereval.routers import Decision, TrainedRouter

_UNFAMILIAR = "unfamiliar: unlike all training prompts, so these scores say little"


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), metavar="ROUTER_DIR")
@click.argument("texts", nargs=-1, metavar="TEXT...")
@click.option(
    "--lam",
    type=float,
    default=0.0,
    show_default=True,
    help="The score to give up for the whole price of the dearest model.",
)
@click.option(
    "--share",
    type=click.FloatRange(0, 1),
    metavar="S",
    help="Instead of --lam: the one at which the dearest model gets this share of the TEXTs.",
)
@network_option
@format_option
def route(
    directory: Path,
    texts: tuple[str, ...],
    lam: float,
    share: float | None,
    allow_network: tuple[str, ...],
    format_name: str,
) -> None:
    """Say where a trained router sends a prompt, and why.

    The router in ROUTER_DIR decides on each TEXT; - reads one text a line.

    --format json is one line of JSON per text. With --share .3 and a sample of your prompts it says
    which --lam sends 30 % of them to the dearest model; gateway.toml takes it.
    """
    from routereval.errors import DataError
    from routereval.routers import load_router

    trained = load_router(directory, allow_network=allow_network)
    asked = list(texts) or ["-"]
    if asked == ["-"]:
        asked = sys.stdin.read().splitlines()
        if not asked:
            raise DataError("there is no prompt: give one as TEXT, or one a line on standard input")
    if share is not None:
        if lam:
            raise click.UsageError("give --lam or --share, not both")
        lam, got = trained.lam_of_share(asked, share)
        dearest = trained.models[trained.dearest_column]
        say(f"--lam {lam:.6g} sends {got:.1%} of {len(asked):,} prompts to {dearest}")
    decided = list(zip(asked, trained.decide(asked, lam), strict=True))
    if format_name == "json":
        for text, decision in decided:
            click.echo(_json(text, trained, decision))
    else:
        show(_document(decided, trained), format_name)
    _next_to_serve(directory)


def _next_to_serve(directory: Path) -> None:
    """With the configuration that stands beside the router, if `advise` wrote one."""
    beside = directory.parent / "gateway.toml"
    next_command(
        "serve", directory, "-c", beside if beside.is_file() else "gateway.toml", "--check"
    )


def _json(text: str, trained: TrainedRouter, decision: Decision) -> str:
    import json

    return json.dumps(
        {
            "text": text,
            "model": decision.model,
            "scores": dict(zip(trained.models, decision.scores, strict=True)),
            "costs": {
                model: cost if math.isfinite(cost) else None
                for model, cost in zip(trained.models, decision.costs, strict=True)
            },
            "reason": decision.reason,
            "unfamiliar": decision.unfamiliar,
        },
        ensure_ascii=False,
    )


def _document(decided: Sequence[tuple[str, Decision]], trained: TrainedRouter) -> Document:
    """A table per text: the models by falling score, the chosen one marked."""
    from routereval.report import Column, Document, Row, Table

    columns = [
        Column("", "text", key="chosen"),
        Column("model", "text"),
        Column("score"),
        Column("$/1k", scale=1000, key="usd"),
    ]
    tables = []
    for _, decision in decided:
        ranked = sorted(
            zip(decision.scores, trained.models, decision.costs, strict=True),
            key=lambda row: -row[0],
        )
        rows = [
            Row(("→" if model == decision.model else "", model, float(score), float(cost)))
            for score, model, cost in ranked
        ]
        title = f"{decision.model}: {decision.reason}"
        notes = [_UNFAMILIAR] if decision.unfamiliar else []
        tables.append(Table(title, columns, rows, notes, names=2).without_empty())
    rows = [
        Row((text, *row.cells[:3], *(row.cells[3:] or (None,))))
        for (text, _), table in zip(decided, tables, strict=True)
        for row in table.rows
    ]
    return Document(tables, Table("", [Column("text", "text"), *columns], rows))
