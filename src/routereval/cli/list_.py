"""``routereval list``."""

from __future__ import annotations

import click

from routereval.cli.messages import next_command
from routereval.cli.output import format_option, show

KINDS = ("routers", "protocols", "metrics", "formats", "embedders", "plugins")
_NEXT = {
    "routers": ("run", "demo", "-r", "knn(k=20)"),
    "protocols": ("run", "demo", "--protocol", "cv(k=10)"),
    "metrics": ("run", "demo"),
    "formats": ("import", "auto", "FOLDER", "records"),
    "embedders": ("run", "demo", "--embedder", "tfidf"),
    "plugins": ("serve", "ROUTER_DIR", "--check"),
}


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS))
@format_option
def list_command(kind: str, format_name: str) -> None:
    """List what can be named: routers, metrics, formats, and others."""
    from routereval.cli.catalogue import catalogue
    from routereval.report import Column, Document, Row, Table

    rows = [Row(tuple(row)) for row in catalogue(kind)]
    columns = [Column("name", "text"), Column("meaning", "text"), Column("parameters", "text")]
    table = Table("", columns, rows)
    none = f"There are no {kind}: only other packages bring some."
    show(Document([table.without_empty() if rows else none], table), format_name)
    next_command(*_NEXT[kind])
