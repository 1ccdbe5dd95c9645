"""``routereval route``."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from routereval.routers import Decision, TrainedRouter


@click.command()
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
@click.argument("texts", nargs=-1, metavar="TEXT...")
@click.option(
    "--lam",
    type=float,
    default=0.0,
    show_default=True,
    help="The score to give up for the whole price of the dearest LLM.",
)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON a text.")
def route(directory: Path, texts: tuple[str, ...], lam: float, as_json: bool) -> None:
    """Say where the router in DIR sends each TEXT, and why; - reads one text a line."""
    from routereval.routers import load_router

    trained = load_router(directory)
    asked = list(texts) or ["-"]
    if asked == ["-"]:
        asked = sys.stdin.read().splitlines()
    for text, decision in zip(asked, trained.decide(asked, lam), strict=True):
        click.echo(_json(text, trained, decision) if as_json else _table(trained, decision))


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


def _table(trained: TrainedRouter, decision: Decision) -> str:
    rows = zip(decision.scores, trained.models, decision.costs, strict=True)
    width = max(len(model) for model in trained.models)
    lines = [f"{decision.model}: {decision.reason}"]
    if decision.unfamiliar:
        lines.append("  unfamiliar: unlike all training prompts, so these scores say little")
    for score, model, cost in sorted(rows, key=lambda row: -row[0]):
        mark = "→" if model == decision.model else " "
        price = f"  ${cost * 1000:.3f}/1k" if math.isfinite(cost) else ""
        lines.append(f"  {mark} {model:{width}}  {score:.3f}{price}")
    return "\n".join(lines)
