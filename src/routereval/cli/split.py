"""``routereval split``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("source")
@click.argument("dest", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--protocol",
    default="clean",
    show_default=True,
    metavar="SPLIT",
    help="The split, such as 'clean(seed=7)' or faithful.",
)
def split(source: str, dest: Path, protocol: str) -> None:
    """Write which prompts are for training, validation and test.

    The prompts are those of SOURCE. DEST (.csv or .parquet) has the columns benchmark, prompt_id,
    subset and part: for routers in other languages, whose predictions score then judges.
    """
    from routereval.sources import open_source
    from routereval.studies.split import split as study

    n_prompts = study(open_source(source), dest, protocol)
    click.echo(f"{n_prompts:,} prompts in {dest}", err=True)
