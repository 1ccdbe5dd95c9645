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
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    help="Where to listen, in place of the file's [server] port; 0: one that is free.",
)
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--check", is_flag=True, help="Say what would be served, and end.")
@network_option
def serve(
    router_dir: Path,
    config_path: Path,
    port: int | None,
    workers: int,
    check: bool,
    allow_network: tuple[str, ...],
) -> None:
    """Serve a trained router by an OpenAI-compatible endpoint."""
    from routereval.gateway.requirements import check_installed

    check_installed()
    import asyncio

    from routereval.errors import DataError
    from routereval.gateway import create_app, server
    from routereval.gateway.build import rehearse

    load = partial(_loaded, router_dir.absolute(), config_path.absolute(), port, allow_network)
    trained, config = load()
    for line in server.overview(trained, config):
        say(line)
    blank = server.without_address(config)
    if check:
        asyncio.run(rehearse(create_app(trained, config)))
        at = () if port is None else ("--port", port)
        if not blank:
            next_command("serve", router_dir, "-c", config_path, *at)
        return
    if len(blank) == len(config.upstreams):
        raise DataError(f"no upstream has an address yet; fill in each base_url in {config_path}")

    def ready(taken: int) -> None:
        say(server.greeting(config, taken))

    if workers == 1:
        server.serve(load, trained, config, ready)
    else:
        server.serve_many(load, config, workers, ready)


def _loaded(
    router_dir: Path, config_path: Path, port: int | None, allow_network: tuple[str, ...]
) -> tuple[TrainedRouter, Config]:
    """Router and configuration, as they are on disk now."""
    from routereval.gateway import read_config
    from routereval.routers import load_router

    config = read_config(config_path)
    if port is not None:
        config = config.at_port(port)
    allowed = (*config.routing.allow_network, *allow_network)
    return load_router(router_dir, allow_network=allowed), config
