"""``routereval merge``."""

from __future__ import annotations

from pathlib import Path

import click

from routereval.cli.messages import next_command
from routereval.cli.options import overwrite_option


@click.command()
@click.argument("dest", type=click.Path(path_type=Path))
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option(
    "--keep",
    type=click.Choice(["first"]),
    help="Where sources contradict each other, keep the first; else that is an error.",
)
@click.option(
    "--version-of",
    metavar="DATE",
    help="The second of two sources is the first as it was measured then: kept beside it.",
)
@click.option("--common", is_flag=True, help="Keep only models asked on every benchmark.")
@overwrite_option
def merge(
    dest: Path,
    sources: tuple[str, ...],
    keep: str | None,
    version_of: str | None,
    common: bool,
    overwrite: bool,
) -> None:
    """Unite collections of records.

    The same model gets one name, and benchmarks of one name become one. Models under their names of
    either Open LLM Leaderboard become org/name. A prompt is the same if its prompt_id is, else if
    its text is and occurs once. DEST appears whole or not at all.
    """
    from routereval.records import read_records, write_collection
    from routereval.records.merge import merge_records
    from routereval.records.versions import with_version
    from routereval.sources import open_source

    opened = [open_source(source) for source in sources]
    if version_of is None:
        drafts = merge_records(opened, keep=keep, common=common)
    elif len(opened) == 2 and keep is None and not common:
        now, then = opened
        drafts = with_version(now, then, version_of)
    else:
        raise click.UsageError("--version-of takes two sources, and neither --keep nor --common")
    for path in write_collection(drafts, dest, overwrite=overwrite):
        click.echo(f"{path}: {read_records(path)}")
    next_command("info", dest)
