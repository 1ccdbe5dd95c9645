"""``routereval list``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from routereval.cli.messages import next_command
from routereval.cli.output import format_option, show

if TYPE_CHECKING:
    from routereval.report import Document, Table

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
@click.argument("kind", type=click.Choice(KINDS), required=False)
@format_option
def list_command(kind: str | None, format_name: str) -> None:
    """List what can be named: routers, metrics, formats, and others.

    Without a kind all of them are listed. What another package brings has its name beside it.
    """
    show(_document([kind] if kind else KINDS), format_name)
    next_command(*_NEXT[kind or "routers"])


def _document(kinds: Sequence[str]) -> Document:
    """A table per kind; of several, each under its name, and with it in data formats."""
    from routereval.cli.catalogue import Entry, catalogue
    from routereval.report import Column, Document, Row, Table

    columns = [Column(name, "text") for name in Entry._fields]
    held = {kind: catalogue(kind) for kind in kinds}
    parts: list[Table | str] = []
    for kind, entries in held.items():
        title = kind if len(kinds) > 1 else ""
        table = Table(title, columns, [Row(tuple(entry)) for entry in entries])
        none = f"There are no {kind}: only other packages bring some."
        parts.append(table.without_empty() if entries else none)
    if len(kinds) == 1:
        rows = [Row(tuple(entry)) for entry in held[kinds[0]]]
        return Document(parts, Table("", columns, rows))
    rows = [Row((kind, *entry)) for kind, entries in held.items() for entry in entries]
    return Document(parts, Table("", [Column("kind", "text"), *columns], rows))
