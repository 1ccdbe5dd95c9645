"""``routereval keys``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from routereval.gateway.access.keys import Key

_STORE = click.argument("store", metavar="STORE")


@click.group()
def keys() -> None:
    """Add, list and revoke the API keys of the gateway.

    STORE is a file, or redis://host:port/0 for gateways on several machines.
    """


@keys.command()
@_STORE
@click.argument("name")
@click.option("--models", metavar="M,M,…", help="The models it may reach.  [default: all]")
@click.option("--rpm", type=int, metavar="N", help="Requests a minute.  [default: no limit]")
@click.option("--usd-a-day", type=float, metavar="USD", help="Budget.  [default: no limit]")
def add(
    store: str, name: str, models: str | None, rpm: int | None, usd_a_day: float | None
) -> None:
    """Make a key called NAME and show it, once: only its hash is kept."""
    import asyncio

    from routereval.gateway.access.keys import new_key
    from routereval.gateway.access.store import open_store

    allowed = None if models is None else frozenset(filter(None, map(str.strip, models.split(","))))
    limits = {"models": allowed, "per_minute": rpm, "usd_a_day": usd_a_day}
    secret, kept = new_key(name, now=time.time(), **limits)  # type: ignore[arg-type]

    async def keep() -> None:
        book = open_store(store, create=True)
        try:
            await book.add(kept)
        finally:
            await book.close()

    asyncio.run(keep())
    click.echo(secret)
    click.echo(f"{name}: keep it now, it is not shown again", err=True)


@keys.command("list")
@_STORE
def list_keys(store: str) -> None:
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
    width = max((len(key.name) for key, _ in found), default=0)
    for key, spent in found:
        click.echo(f"{key.name:{width}}  {_described_limits(key, spent)}")


def _described_limits(key: Key, spent: int) -> str:
    from routereval.gateway.access.keys import NANO

    if key.revoked is not None:
        return "revoked"
    budget = "" if key.budget is None else f" of ${key.budget / NANO:g}"
    rate = "any number of requests" if key.per_minute is None else f"{key.per_minute} a minute"
    models = "all models" if key.models is None else ", ".join(sorted(key.models))
    return f"${spent / NANO:.6f}{budget} today · {rate} · {models}"


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
    click.echo(f"{name} is revoked", err=True)
