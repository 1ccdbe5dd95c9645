"""``routereval list``."""

from __future__ import annotations

import click

KINDS = ("routers", "protocols", "metrics", "formats", "embedders")


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS))
def list_command(kind: str) -> None:
    """List what can be named: routers, protocols, metrics, formats or embedders."""
    from routereval.cli.catalogue import catalogue

    rows = catalogue(kind)
    width = max(len(name) for name, _ in rows)
    for name, meaning in rows:
        first, *rest = meaning.splitlines()
        click.echo(f"{name:{width}}  {first}")
        for line in rest:
            click.echo(f"{'':{width}}  {line}")
