"""``routereval probes``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from routereval.cli.messages import next_command, say
from routereval.cli.model_options import chosen_models, model_options
from routereval.cli.options import out_option
from routereval.cli.output import format_option, show

if TYPE_CHECKING:
    from routereval.report import Document
    from routereval.studies.probes import Probes

_MOST = 60  # characters of a text in the table


@click.command()
@click.argument("source")
@click.option(
    "-k",
    type=click.IntRange(8),
    default=64,
    show_default=True,
    help="How many prompts.",
)
@out_option(
    "Also write them to a .csv, .parquet or .jsonl file, for extend.",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
)
@model_options
@format_option
def probes(
    source: str,
    k: int,
    out: Path | None,
    models: tuple[str, ...],
    without: tuple[str, ...],
    format_name: str,
) -> None:
    """Name a few prompts that tell most about a new model.

    They are of SOURCE, spread evenly over how hard prompts are for the known models, and over
    subsets and lengths of texts. FILE has the scores of the known models beside them, and an empty
    column score: fill it in with those of the new model, and give the file to extend.
    """
    from routereval.sources import open_source
    from routereval.studies.probes import probes as study
    from routereval.tasks import mix

    opened = open_source(list(chosen_models([source], models, without)))
    found = study(opened[0] if len(opened) == 1 else mix(opened), k)
    if out is not None:
        found.write(out)
    show(_document(found), format_name)
    if out is not None:
        say(f"{len(found.table)} prompts in {out}: fill in score")
    file = out or "FILE"
    next_command(
        *("extend", "ROUTER_DIR", "--model", "NAME", "--scores", file, "--price", "IN,OUT")
    )


def _document(found: Probes) -> Document:
    from routereval.report import Column, Document, Row, Table

    columns = [
        Column("prompt", "text"),
        Column("subset", "text"),
        Column("mean score"),
        Column("text", "text"),
    ]
    means = found.table.select(found.models).mean_horizontal().to_list()
    rows = [
        Row((row["prompt_id"], row["subset"], mean, _beginning(row["text"])))
        for row, mean in zip(found.table.iter_rows(named=True), means, strict=True)
    ]
    data = [
        {"mean": mean, **{name: row[name] for name in ("prompt_id", "subset", "text")}}
        for row, mean in zip(found.table.iter_rows(named=True), means, strict=True)
    ]
    table = Table("", columns, rows, names=1)
    return Document([table], table, data, [_evidence(found)])


def _beginning(text: str | None) -> str:
    flat = " ".join((text or "").split())
    return flat if len(flat) <= _MOST else f"{flat[: _MOST - 1]}…"


def _evidence(found: Probes) -> str:
    k = len(found.table)
    if len(found.models) < 2:
        return (
            f"{k} of {found.n_prompts:,} prompts; one known model does not show how much they tell."
        )
    return (
        f"{k} of {found.n_prompts:,} prompts. Each of the {len(found.models)} known models left "
        f"out in turn, probes so chosen miss its mean score by {found.error:.3f} (root mean "
        f"square); {k} random prompts by {found.random_error:.3f}."
    )
