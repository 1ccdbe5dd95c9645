"""What all workers of a gateway know: which model a conversation has, and which upstreams rest.

In memory for one worker, in a SQLite file for those of one machine, in Redis for several machines.
None of it is worth failing a request for: what cannot be read is as if it were not there, and
what cannot be written is logged.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from routereval.gateway.redis_client import redis_client

if TYPE_CHECKING:
    from redis.asyncio import Redis

MAX_CONVERSATIONS = 100_000
FORGET_EVERY = 1_000
"""Writes between two looks at what is over."""
LATEST_S = 0.01
"""After how long other workers know of a conversation: one write for all that ended meanwhile."""
_PATIENCE_S = 0.2
_REDIS = "routereval:"
_RESTS = _REDIS + "rests"

_OPEN_TRIES, _OPEN_WAIT_S = 40, 0.05
_SCHEMA = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = OFF",  # it is of no use after a power failure
    "CREATE TABLE IF NOT EXISTS state (kind TEXT, name TEXT, value TEXT, until REAL, "
    "PRIMARY KEY (kind, name)) WITHOUT ROWID",
)

log = logging.getLogger(__name__)


class _FailureLog:
    """Logs a failure that may come many times per second: the first, second, fourth and so on."""

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence
        self._count = 0

    def note(self, error: Exception) -> None:
        self._count += 1
        if self._count.bit_count() == 1:
            log.warning("%s (%d times so far): %s", self._sentence, self._count, error)


class SharedState(Protocol):
    """What the workers of a gateway share."""

    async def model_of(self, conversation: str) -> str | None:
        """The model that answered in a conversation last, unless that is too long ago."""

    async def note_model(self, conversation: str, model: str, seconds: float) -> None:
        """Remember for so long which model answered."""

    async def rests(self) -> Mapping[str, float]:
        """Until when each upstream that rests does so, in seconds since the epoch."""

    async def note_rest(self, upstream: str, until: float) -> None:
        """Remember until when an upstream rests; 0 for no longer."""

    async def close(self) -> None:
        """Let go of files and connections."""


class MemoryState:
    """The state of one worker.

    Args:
        clock: the time in seconds since the epoch.
        most: how many conversations are remembered.
    """

    def __init__(
        self, clock: Callable[[], float] = time.time, most: int = MAX_CONVERSATIONS
    ) -> None:
        self._clock = clock
        self._most = most
        self._models: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._writes = 0
        self._rests: dict[str, float] = {}

    async def model_of(self, conversation: str) -> str | None:
        """See `SharedState`."""
        model, until = self._models.get(conversation, (None, 0.0))
        return model if until > self._clock() else None

    async def note_model(self, conversation: str, model: str, seconds: float) -> None:
        """See `SharedState`."""
        self._models[conversation] = model, self._clock() + seconds
        self._models.move_to_end(conversation)
        if len(self._models) > self._most:
            self._models.popitem(last=False)
        self._writes += 1
        if self._writes % FORGET_EVERY == 0:
            self._forget()

    def _forget(self) -> None:
        """Let go of what is over."""
        now = self._clock()
        for name in [name for name, (_, until) in self._models.items() if until <= now]:
            del self._models[name]

    async def rests(self) -> dict[str, float]:
        """See `SharedState`."""
        return dict(self._rests)

    async def note_rest(self, upstream: str, until: float) -> None:
        """See `SharedState`."""
        if until:
            self._rests[upstream] = until
        else:
            self._rests.pop(upstream, None)

    async def close(self) -> None:
        """There is nothing to let go of."""


class SqliteState:
    """The state of the workers of one machine, in a file that they share.

    Conversations are written together, `LATEST_S` after the first of them; a client's next request
    comes later than that, and this worker knows of it at once. A rest is written at once.

    Args:
        path: the file; made if there is none.
        clock: the time in seconds since the epoch.
    """

    def __init__(self, path: str | Path, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._writes = 0
        self._unwritten: dict[str, tuple[str, float]] = {}
        self._writing: asyncio.TimerHandle | None = None
        self._db = sqlite3.connect(
            path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False
        )
        self._failures = _FailureLog("the state that workers share cannot be used")
        for tries_left in reversed(range(_OPEN_TRIES)):
            try:
                for statement in _SCHEMA:
                    self._db.execute(statement)
                break
            except sqlite3.OperationalError:  # another worker is just making it
                if not tries_left:
                    raise
                time.sleep(_OPEN_WAIT_S)

    async def model_of(self, conversation: str) -> str | None:
        """See `SharedState`."""
        if (held := self._unwritten.get(conversation)) is not None:
            return held[0]
        query = "SELECT value FROM state WHERE kind = 'model' AND name = ? AND until > ?"
        rows = self._rows(query, conversation, self._clock())
        return rows[0][0] if rows else None

    async def note_model(self, conversation: str, model: str, seconds: float) -> None:
        """See `SharedState`."""
        self._unwritten[conversation] = (model, self._clock() + seconds)
        if self._writing is None:
            self._writing = asyncio.get_running_loop().call_later(LATEST_S, self.write)

    async def rests(self) -> dict[str, float]:
        """See `SharedState`."""
        query = "SELECT name, until FROM state WHERE kind = 'rest' AND until > ?"
        return dict(self._rows(query, self._clock()))

    async def note_rest(self, upstream: str, until: float) -> None:
        """See `SharedState`."""
        self._put([("rest", upstream, "", until)])

    async def close(self) -> None:
        """See `SharedState`."""
        self.write()
        self._db.close()

    def write(self) -> None:
        """Write down the conversations that other workers do not know of yet."""
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        held = [("model", name, *noted) for name, noted in self._unwritten.items()]
        self._unwritten.clear()
        if held:
            self._put(held)

    def _put(self, rows: Sequence[tuple[str, str, str, float]]) -> None:
        try:
            with _transaction(self._db):
                self._db.executemany("REPLACE INTO state VALUES (?, ?, ?, ?)", rows)
        except sqlite3.Error as error:
            self._failures.note(error)
        before = self._writes // FORGET_EVERY
        self._writes += len(rows)
        if self._writes // FORGET_EVERY > before:
            self._rows("DELETE FROM state WHERE until <= ?", self._clock())

    def _rows(self, statement: str, *values: object) -> list[Any]:
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            self._failures.note(error)
            return []


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All that is done within it, or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


class RedisState:
    """The state of gateways on several machines.

    Args:
        client: of redis.asyncio, with ``decode_responses=True``.
        clock: the time in seconds since the epoch.
    """

    def __init__(self, client: Redis, clock: Callable[[], float] = time.time) -> None:
        self._redis = client
        self._clock = clock
        self._failures = _FailureLog("the state that workers share cannot be reached")

    @classmethod
    def at(cls, url: str) -> RedisState:
        """The state at a URL.

        Raises:
            MissingDependencyError: without the extra ``redis``.
        """
        return cls(redis_client(url, _PATIENCE_S))

    async def model_of(self, conversation: str) -> str | None:
        """See `SharedState`."""
        found = await self._answered(self._redis.get(f"{_REDIS}model:{conversation}"))
        return cast("str | None", found)

    async def note_model(self, conversation: str, model: str, seconds: float) -> None:
        """See `SharedState`."""
        milliseconds = max(1, round(seconds * 1000))
        place = f"{_REDIS}model:{conversation}"
        await self._answered(self._redis.set(place, model, px=milliseconds))

    async def rests(self) -> dict[str, float]:
        """See `SharedState`."""
        found = await self._answered(self._redis.hgetall(_RESTS)) or {}
        now = self._clock()
        return {name: float(until) for name, until in found.items() if float(until) > now}

    async def note_rest(self, upstream: str, until: float) -> None:
        """See `SharedState`."""
        if until:
            await self._answered(self._redis.hset(_RESTS, upstream, repr(until)))
        else:
            await self._answered(self._redis.hdel(_RESTS, upstream))

    async def close(self) -> None:
        """See `SharedState`."""
        await self._redis.aclose()

    async def _answered(self, asked: Awaitable[Any] | Any) -> Any:  # noqa: ANN401 - the client's type
        from redis.exceptions import RedisError

        try:
            return await asked
        except (RedisError, OSError) as error:
            self._failures.note(error)
            return None


def open_state(keys: str, fallback: SharedState) -> SharedState:
    """The state of a gateway: beside its keys, or else the one given.

    Args:
        keys: the store of keys, a file or ``redis://…``; empty for none.
        fallback: for a gateway without keys.
    """
    if not keys:
        return fallback
    if keys.partition("://")[0] in ("redis", "rediss", "unix"):
        return RedisState.at(keys)
    return SqliteState(f"{keys}.state")
