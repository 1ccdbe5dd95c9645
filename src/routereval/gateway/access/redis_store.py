"""Keys, limits and spending in Redis, for gateways on several machines.

What is spent is added up by the server itself, for all keys of a worker at once. Taking requests or
money is a transaction that begins anew if somebody else changed the same hash meanwhile
(``WATCH``); they are taken in parts, so that this is rare.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from routereval.errors import MissingDependencyError
from routereval.gateway.access.accounts import (
    Account,
    SpendReport,
    StoreError,
    name_taken,
    not_revocable,
)
from routereval.gateway.access.keys import Key
from routereval.gateway.access.limits import DailyBudget, RequestBucket

if TYPE_CHECKING:
    from redis.asyncio import Redis

T = TypeVar("T")

_ROOM = "routereval:"
_NAMES = _ROOM + "keys"  # name -> JSON of the key
_DIGESTS = _ROOM + "digests"  # hex digest -> name
_KEEP_S = 400 * 86_400
_PATIENCE_S = 2.0
_TRIES = 50

State = dict[str, str]


class RedisStore:
    """A `Store` and `KeyAdmin` in Redis.

    Args:
        client: of redis.asyncio, with ``decode_responses=True``.
    """

    def __init__(self, client: Redis) -> None:
        self._redis = client

    @classmethod
    def at(cls, url: str) -> RedisStore:
        """The store at a URL.

        Raises:
            MissingDependencyError: without the extra ``redis``.
        """
        try:
            from redis.asyncio import Redis
        except ImportError:
            raise MissingDependencyError.of("redis", "redis") from None
        return cls(
            Redis.from_url(
                url,
                decode_responses=True,
                socket_timeout=_PATIENCE_S,
                socket_connect_timeout=_PATIENCE_S,
            )
        )

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

        def take(state: State) -> tuple[tuple[int, float], State]:
            level = float(state.get("level", per_minute))
            bucket = RequestBucket(level, float(state.get("stamp", now)))
            given, bucket = bucket.taken(per_minute, wanted, now)
            kept = {"level": repr(bucket.level), "stamp": repr(bucket.stamp)}
            return (given, bucket.wait(per_minute)), kept

        return await self._change(f"{_ROOM}bucket:{name}", take, keep_s=120)

    async def take_money(
        self, account: Account, worker: str, budget: int, least: int, wanted: int, now: float
    ) -> int:
        """See `Store`."""

        def take(state: State) -> tuple[int, State]:
            ledger = _ledger(state)
            return ledger.take(worker, budget, least, wanted, now), _state(ledger)

        return await self._change(_place(account), take)

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

    async def _change(
        self, place: str, change: Callable[[State], tuple[T, State]], keep_s: int = _KEEP_S
    ) -> T:
        """Replace a hash by what `change` makes of it, and what it says; all at once."""
        from redis.exceptions import WatchError

        async with _reached(), self._redis.pipeline() as pipe:
            for _ in range(_TRIES):
                try:
                    await pipe.watch(place)
                    before = cast("State", await _answer(pipe.hgetall(place)))
                    result, after = change(before)
                    pipe.multi()  # type: ignore[no-untyped-call]
                    if gone := before.keys() - after.keys():
                        pipe.hdel(place, *gone)
                    if after:
                        pipe.hset(place, mapping=cast("Any", after))
                        pipe.expire(place, keep_s)
                    await pipe.execute()
                    return result
                except WatchError:
                    continue
        raise StoreError(f"{place} is changed by too many at once")


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


def _ledger(state: State) -> DailyBudget:
    """A day's money; who spent more than it held, because it was taken for dead, holds nothing."""
    held = {}
    for name, value in state.items():
        kind, _, worker = name.partition(":")
        if kind == "held" and int(value) > 0:
            held[worker] = (int(value), float(state.get(f"seen:{worker}", 0)))
    return DailyBudget(int(state.get("spent", 0)), held)


def _state(ledger: DailyBudget) -> State:
    state = {"spent": str(ledger.spent)}
    for worker, (amount, seen) in ledger.held.items():
        state[f"held:{worker}"], state[f"seen:{worker}"] = str(amount), repr(seen)
    return state


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
