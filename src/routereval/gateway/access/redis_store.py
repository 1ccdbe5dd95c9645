"""Keys, limits and spending in Redis, for gateways on several machines.

What is spent is added up by the server itself, for all keys of a worker at once. Requests and money
are taken by scripts that the server runs, each of them as one: see `redis_scripts`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from routereval.gateway.access.accounts import (
    Account,
    SpendReport,
    StoreError,
    name_taken,
    not_revocable,
)
from routereval.gateway.access.keys import Key
from routereval.gateway.access.limits import LOST_S, SHARE_OF_REST, RequestBucket
from routereval.gateway.access.redis_scripts import TAKE_MONEY, TAKE_REQUESTS
from routereval.gateway.redis_client import redis_client

if TYPE_CHECKING:
    from redis.asyncio import Redis

_ROOM = "routereval:"
_NAMES = _ROOM + "keys"  # name -> JSON of the key
_DIGESTS = _ROOM + "digests"  # hex digest -> name
_KEEP_S = 400 * 86_400
_KEEP_BUCKET_S = 120  # until it is full again, whatever it held
_PATIENCE_S = 2.0


class RedisStore:
    """A `Store` and `KeyAdmin` in Redis.

    Args:
        client: of redis.asyncio, with ``decode_responses=True``.
    """

    def __init__(self, client: Redis) -> None:
        self._redis = client
        self._take_requests = client.register_script(TAKE_REQUESTS)
        self._take_money = client.register_script(TAKE_MONEY)

    @classmethod
    def at(cls, url: str) -> RedisStore:
        """The store at a URL.

        Raises:
            MissingDependencyError: without the extra ``redis``.
        """
        return cls(redis_client(url, _PATIENCE_S))

    async def find(self, digest: bytes) -> Key | None:
        """See `Store`."""
        async with _reached():
            name = await _answer(self._redis.hget(_DIGESTS, digest.hex()))
            held = None if name is None else await _answer(self._redis.hget(_NAMES, name))
        return None if held is None else _key(held)

    async def take_requests(
        self, name: str, per_minute: int, wanted: int, now: float
    ) -> tuple[int, float]:
        """See `Store`."""
        args = (per_minute, wanted, repr(now), _KEEP_BUCKET_S)
        async with _reached():
            asked = self._take_requests(keys=[f"{_ROOM}bucket:{name}"], args=args)
            given, level = await _answer(asked)
        return int(given), RequestBucket(float(level), now).wait(per_minute)

    async def take_money(
        self, account: Account, worker: str, budget: int, least: int, wanted: int, now: float
    ) -> int:
        """See `Store`."""
        args = (worker, budget, least, wanted, repr(now), LOST_S, SHARE_OF_REST, _KEEP_S)
        async with _reached():
            return int(await _answer(self._take_money(keys=[_place(account)], args=args)))

    async def write(self, worker: str, reports: Mapping[Account, SpendReport], now: float) -> None:
        """See `Store`."""
        async with _reached(), self._redis.pipeline() as pipe:
            for account, report in reports.items():
                place = _place(account)
                pipe.hincrby(place, "spent", report.spent)
                pipe.hincrby(place, f"held:{worker}", -report.spent - report.back)
                pipe.hset(place, f"seen:{worker}", repr(now))
                pipe.expire(place, _KEEP_S)
            await pipe.execute()

    async def add(self, key: Key) -> None:
        """See `KeyAdmin`."""
        async with _reached():
            if not await _answer(self._redis.hsetnx(_NAMES, key.name, _text(key))):
                raise name_taken(key.name)
            await _answer(self._redis.hset(_DIGESTS, key.digest.hex(), key.name))

    async def revoke(self, name: str, now: float) -> None:
        """See `KeyAdmin`."""
        async with _reached():
            held = await _answer(self._redis.hget(_NAMES, name))
            if held is None or json.loads(held)["revoked"] is not None:
                raise not_revocable(name)
            changed = json.dumps({**json.loads(held), "revoked": now})
            await _answer(self._redis.hset(_NAMES, name, changed))

    async def listed(self, day: int) -> list[tuple[Key, int]]:
        """See `KeyAdmin`."""
        found = []
        async with _reached():
            for name, held in sorted((await _answer(self._redis.hgetall(_NAMES))).items()):
                spent = await _answer(self._redis.hget(_place((name, day)), "spent"))
                found.append((_key(held), int(spent or 0)))
        return found

    async def close(self) -> None:
        """See `Store`."""
        await self._redis.aclose()


@asynccontextmanager
async def _reached() -> AsyncIterator[None]:
    """Turns the errors of the client into ours."""
    from redis.exceptions import RedisError

    try:
        yield
    except (RedisError, OSError) as error:
        raise StoreError(f"Redis: {error}") from None


async def _answer(asked: Awaitable[Any] | Any) -> Any:  # noqa: ANN401 - the client's own type
    return await asked


def _place(account: Account) -> str:
    name, day = account
    return f"{_ROOM}money:{day}:{name}"


def _text(key: Key) -> str:
    models = None if key.models is None else sorted(key.models)
    return json.dumps(
        {
            "name": key.name,
            "digest": key.digest.hex(),
            "models": models,
            "per_minute": key.per_minute,
            "budget": key.budget,
            "created": key.created,
            "revoked": key.revoked,
        }
    )


def _key(text: str) -> Key:
    held = json.loads(text)
    models = None if held["models"] is None else frozenset(held["models"])
    return Key(**{**held, "digest": bytes.fromhex(held["digest"]), "models": models})
