"""``routereval download``."""

from __future__ import annotations

from pathlib import Path

import click

from routereval.cli.messages import is_quiet, next_command
from routereval.cli.options import overwrite_option


@click.command()
@click.argument("dest", type=click.Path(path_type=Path))
@click.option(
    "--what",
    default="router_dataset",
    show_default=True,
    metavar="FOLDER,…",
    help="router_dataset; or leaderboard_score, with leaderboard_prompt and leaderboard_embed.",
)
@click.option("--revision", default="main", show_default=True, help="Branch, tag or commit.")
@overwrite_option
def download(dest: Path, what: str, revision: str, overwrite: bool) -> None:
    """Fetch RouterEval's published data as a collection of records.

    The data come from the Hugging Face hub, or from the mirror that HF_ENDPOINT names. A download
    that broke off goes on where it stopped; the fetched archives stay in the cache.
    """
    from routereval.importers.hub import download as fetch

    names = [name.strip() for name in what.split(",") if name.strip()]
    for records in fetch(dest, names, revision=revision, overwrite=overwrite, bars=not is_quiet()):
        click.echo(f"{records.path}: {records}")
    next_command("reproduce", dest)
