"""``routereval serve``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from routereval.cli.messages import next_command, say
from routereval.cli.options import gateway_config_option, network_option

if TYPE_CHECKING:
    from routereval.gateway import Config
    from routereval.routers import TrainedRouter


@click.command()
@click.argument("router_dir", type=click.Path(path_type=Path))
@gateway_config_option
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--check", is_flag=True, help="Say what would be served, and end.")
@network_option
def serve(
    router_dir: Path,
    config_path: Path,
    workers: int,
    check: bool,
    allow_network: tuple[str, ...],
) -> None:
    """Serve a trained router by an OpenAI-compatible endpoint."""
    from routereval.gateway.requirements import check_installed

    check_installed()
    import asyncio

    from routereval.gateway import create_app, server
    from routereval.gateway.build import rehearse

    load = partial(_loaded, router_dir.absolute(), config_path.absolute(), allow_network)
    trained, config = load()
    for line in server.overview(trained, config):
        say(line)
    if check:
        asyncio.run(rehearse(create_app(trained, config)))
        next_command("serve", router_dir, "-c", config_path)
        return

    def ready(port: int) -> None:
        say(server.greeting(config, port))

    if workers == 1:
        server.serve(load, trained, config, ready)
    else:
        server.serve_many(load, config, workers, ready)


def _loaded(
    router_dir: Path, config_path: Path, allow_network: tuple[str, ...]
) -> tuple[TrainedRouter, Config]:
    """Router and configuration, as they are on disk now."""
    from routereval.gateway import read_config
    from routereval.routers import load_router

    config = read_config(config_path)
    allowed = (*config.routing.allow_network, *allow_network)
    return load_router(router_dir, allow_network=allowed), config
