"""``routereval judges``."""

from __future__ import annotations

import click

from routereval.cli.messages import next_command
from routereval.cli.output import format_option, show


@click.command()
@click.argument("source")
@click.argument("first", required=False, default="")
@click.argument("second", required=False, default="")
@format_option
def judges(source: str, first: str, second: str, format_name: str) -> None:
    """Say how much of the headroom two judges share.

    Both judged the same answers. FIRST and SECOND are names of judges; without them that of the
    scores, and the first of those that stand beside them.
    """
    from routereval.cli.progress import progress_bar
    from routereval.studies.judges import judges as found

    with progress_bar("Comparing"):
        compared = found(source, first, second)
    show(compared, format_name)
    next_command("advise", source)
