"""``routereval split``."""

from __future__ import annotations

from pathlib import Path

import click

from routereval.cli.messages import next_command, say
from routereval.cli.options import protocol_option


@click.command()
@click.argument("source")
@click.argument("dest", type=click.Path(path_type=Path, dir_okay=False))
@protocol_option("clean")
@click.option("--texts", is_flag=True, help="Also write the text of each prompt.")
def split(source: str, dest: Path, protocol: str, *, texts: bool) -> None:
    """Write which prompts are for training, validation and test.

    The prompts are those of SOURCE. DEST (.csv or .parquet) has the columns benchmark, prompt_id,
    subset and part: for routers in other languages, whose predictions score then judges.
    """
    from routereval.sources import open_source
    from routereval.studies.split import split as study

    n_prompts = study(open_source(source), dest, protocol, texts=texts)
    say(f"{n_prompts:,} prompts in {dest}")
    next_command("score", "PREDICTIONS", source, "--protocol", protocol)
