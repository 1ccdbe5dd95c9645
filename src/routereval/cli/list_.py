"""``routereval list``."""

from __future__ import annotations

import click

KINDS = ("routers", "protocols", "metrics", "formats", "embedders", "plugins")


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS))
def list_command(kind: str) -> None:
    """List what can be named: routers, protocols, metrics, formats, embedders, gateway plugins."""
    from routereval.cli.catalogue import catalogue

    rows = catalogue(kind)
    if not rows:
        click.echo(f"There are no {kind}: only other packages bring some.")
    width = max((len(name) for name, _ in rows), default=0)
    for name, meaning in rows:
        first, *rest = meaning.splitlines()
        click.echo(f"{name:{width}}  {first}")
        for line in rest:
            click.echo(f"{'':{width}}  {line}")
