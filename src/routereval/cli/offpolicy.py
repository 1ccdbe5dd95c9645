"""``routereval offpolicy``."""

from __future__ import annotations

from pathlib import Path

import click

from routereval.cli.messages import next_command, same_command
from routereval.cli.options import level_option, network_option
from routereval.cli.output import format_option, show


@click.command()
@click.argument("log", type=click.Path(path_type=Path))
@click.argument("routers", nargs=-1, type=click.Path(path_type=Path), metavar="[ROUTER_DIR]...")
@level_option
@network_option
@format_option
def offpolicy(
    log: Path,
    routers: tuple[Path, ...],
    level: float,
    allow_network: tuple[str, ...],
    format_name: str,
) -> None:
    """Say what other routers would have done on a gateway's traffic.

    The traffic is in the gateway's LOG. The routers are the shadows of the log, the trained routers
    in ROUTER_DIR, and each model always.
    """
    from routereval.cli.progress import progress_bar
    from routereval.routers import load_router
    from routereval.studies.offpolicy import offpolicy as estimated

    named = {str(path): load_router(path, allow_network=allow_network) for path in routers}
    with progress_bar():
        found = estimated(log, named, level)
    show(found, format_name)
    if routers:
        next_command("serve", routers[0])
    else:
        same_command("ROUTER_DIR")
