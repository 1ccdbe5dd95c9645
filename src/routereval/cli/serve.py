"""``routereval serve``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("router_dir", type=click.Path(path_type=Path))
@click.option(
    "-c",
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default="gateway.toml",
    show_default=True,
    help="Upstreams, limits and where to listen.",
)
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--check", is_flag=True, help="Say what would be served, and end.")
def serve(router_dir: Path, config_path: Path, workers: int, check: bool) -> None:
    """Serve a trained router behind an OpenAI-compatible endpoint."""
    from routereval.gateway.requirements import check_installed

    check_installed()
    import asyncio

    from routereval.gateway import create_app, read_config, server
    from routereval.gateway.build import rehearse
    from routereval.routers import load_router

    config, trained = read_config(config_path), load_router(router_dir)
    for line in server.overview(trained, config):
        click.echo(line, err=True)
    if check:
        asyncio.run(rehearse(create_app(trained, config)))
    elif workers == 1:
        server.serve(trained, config)
    else:
        server.serve_many(router_dir, config_path, workers)
