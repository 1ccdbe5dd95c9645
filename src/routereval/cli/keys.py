"""``routereval keys``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from routereval.cli.group import CommandGroup
from routereval.cli.messages import next_command, say
from routereval.cli.output import format_option, show

if TYPE_CHECKING:
    from routereval.gateway.access.keys import Key
    from routereval.report import Document

_STORE = click.argument("store", metavar="STORE")


@click.group(cls=CommandGroup)
def keys() -> None:
    """Add, list and revoke the API keys of the gateway.

    STORE is a file, or redis://host:port/0 for gateways on several machines.
    """


@keys.command()
@_STORE
@click.argument("name")
@click.option("--models", metavar="NAME,…", help="The models it may reach.  [default: all]")
@click.option("--rpm", type=int, metavar="N", help="Requests per minute.  [default: no limit]")
@click.option("--usd-per-day", type=float, metavar="USD", help="Budget.  [default: no limit]")
def add(
    store: str, name: str, models: str | None, rpm: int | None, usd_per_day: float | None
) -> None:
    """Make a key called NAME and show it, once: only its hash is kept."""
    import asyncio

    from routereval.gateway.access.keys import new_key
    from routereval.gateway.access.store import open_store

    allowed = None if models is None else frozenset(filter(None, map(str.strip, models.split(","))))
    limits = {"models": allowed, "per_minute": rpm, "usd_per_day": usd_per_day}
    secret, kept = new_key(name, now=time.time(), **limits)  # type: ignore[arg-type]

    async def keep() -> None:
        book = open_store(store, create=True)
        try:
            await book.add(kept)
        finally:
            await book.close()

    asyncio.run(keep())
    click.echo(secret)
    say(f"{name}: keep it now, it is not shown again")
    next_command("keys", "list", store)


@keys.command("list")
@_STORE
@format_option
def list_keys(store: str, format_name: str) -> None:
    """List the keys, what each may do and what it has spent today (UTC)."""
    import asyncio

    from routereval.gateway.access.store import open_store

    async def listed() -> list[tuple[Key, int]]:
        book = open_store(store)
        try:
            return list(await book.listed(int(time.time() // 86_400)))
        finally:
            await book.close()

    found = asyncio.run(listed())
    show(_document(found), format_name)
    next_command("keys", "add", store, "NAME")


def _document(found: Sequence[tuple[Key, int]]) -> Document:
    from routereval.gateway.access.keys import NANO
    from routereval.report import Column, Document, Row, Table

    columns = [
        Column("key", "text"),
        Column("USD today", digits=6, key="usd_today"),
        Column("of USD per day", digits=2, key="usd_per_day"),
        Column("requests per minute", "count", key="rpm"),
        Column("models", "text"),
        Column("state", "text"),
    ]
    rows = [
        Row(
            (
                *(key.name, spent / NANO),
                "any" if key.budget is None else key.budget / NANO,
                "any" if key.per_minute is None else key.per_minute,
                "all" if key.models is None else ", ".join(sorted(key.models)),
                "valid" if key.revoked is None else "revoked",
            )
        )
        for key, spent in found
    ]
    table = Table("", columns, rows)
    return Document([table] if rows else ["No key yet: routereval keys add STORE NAME"], table)


@keys.command()
@_STORE
@click.argument("name")
def revoke(store: str, name: str) -> None:
    """Let the key called NAME open nothing any more; gateways notice within seconds."""
    import asyncio

    from routereval.gateway.access.store import open_store

    async def end() -> None:
        book = open_store(store)
        try:
            await book.revoke(name, time.time())
        finally:
            await book.close()

    asyncio.run(end())
    say(f"{name} is revoked")
    next_command("keys", "list", store)
