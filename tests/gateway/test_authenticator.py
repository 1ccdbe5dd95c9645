"""The authenticator by keys, on SQLite and on Redis."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from routereval.errors import DataError
from routereval.gateway.access.accounts import FullStore, SpendReport, StoreError
from routereval.gateway.access.authenticator import (
    DAY_S,
    FRESH_S,
    KeyAuthenticator,
    KeyAuthorization,
)
from routereval.gateway.access.keys import NANO, Key, new_key
from routereval.gateway.access.limits import LOST_S
from routereval.gateway.access.store import open_store
from routereval.gateway.api_error import ApiError
from routereval.gateway.protocols import NOTHING

NOW = 1_000_000 * DAY_S + 3_600.0  # an hour after a midnight
DAY = 1_000_000
T = TypeVar("T")
Open = Callable[[], FullStore]


@pytest.fixture(params=["sqlite", "redis"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens one and the same store, as each worker does."""
    if request.param == "sqlite":
        return lambda: open_store(str(tmp_path / "keys.sqlite"), create=True)
    import fakeredis
    from fakeredis import FakeAsyncRedis

    from routereval.gateway.access.redis_store import RedisStore

    server = fakeredis.FakeServer()
    return lambda: RedisStore(FakeAsyncRedis(server=server, decode_responses=True))


def made(store: FullStore, name: str = "alice", **limits: object) -> Awaitable[str]:
    async def keep() -> str:
        secret, key = new_key(name, **limits)  # type: ignore[arg-type]
        await store.add(key)
        return secret

    return keep()


@contextmanager
def refused(status: int, code: str) -> Iterator[ApiError]:
    with pytest.raises(ApiError) as caught:
        yield ApiError(0, "")
    assert (caught.value.status, caught.value.code) == (status, code)


def test_who_may_come_in(opened: Open) -> None:
    async def story() -> None:
        store = opened()
        authenticator = KeyAuthenticator(store)
        secret = await made(store)
        assert (await authenticator.identify(secret)).key == "alice"
        authorization = await authenticator.authorize(secret, "auto", NOW)
        assert (authorization.key, authorization.models) == ("alice", None)
        for missing in (None, ""):
            with refused(401, "missing_api_key"):
                await authenticator.authorize(missing, "auto", NOW)
        for wrong in ("sk-wrong", secret + "x", secret[:-1], "\ud800", "alice"):
            with refused(401, "invalid_api_key"):
                await authenticator.authorize(wrong, "auto", NOW)
        await store.revoke("alice", NOW)
        await authenticator.authorize(secret, "auto", NOW + FRESH_S / 2)
        with refused(401, "invalid_api_key"):
            await authenticator.authorize(secret, "auto", NOW + FRESH_S)
        await authenticator.close()

    asyncio.run(story())


def test_the_models_of_a_key(opened: Open) -> None:
    async def story() -> None:
        store = opened()
        authenticator = KeyAuthenticator(store)
        secret = await made(store, models=frozenset({"small", "large"}))
        for model in ("small", "auto", "auto:cheap"):
            assert (await authenticator.authorize(secret, model, NOW)).models == frozenset(
                {"small", "large"}
            )
        with refused(403, "model_not_allowed"):
            await authenticator.authorize(secret, "huge", NOW)
        await authenticator.close()

    asyncio.run(story())


async def admitted(
    authenticator: KeyAuthenticator, secret: str, now: float, n: int
) -> tuple[int, ApiError]:
    """How many of n requests at once are let in, and the last refusal."""

    async def one() -> ApiError | None:
        try:
            await authenticator.authorize(secret, "auto", now)
        except ApiError as error:
            return error
        return None

    answers = await asyncio.gather(*(one() for _ in range(n)))
    errors = [error for error in answers if error is not None]
    return n - len(errors), errors[-1]


def test_requests_a_minute_over_two_workers(opened: Open) -> None:
    async def story() -> None:
        store = opened()
        authenticators = KeyAuthenticator(store, "a"), KeyAuthenticator(opened(), "b")
        secret = await made(store, per_minute=30)
        first, error = await admitted(authenticators[0], secret, NOW, 20 + 11)
        second, _ = await admitted(authenticators[1], secret, NOW, 10)
        assert first + second == 30
        assert (error.status, error.code) == (429, "rate_limit_exceeded")
        assert error.retry_after == pytest.approx(2.0)
        later, _ = await admitted(authenticators[1], secret, NOW + 4.0, 10)
        assert later == 2
        for authenticator in authenticators:
            await authenticator.close()

    asyncio.run(story())


def test_budgets_add_up_over_workers(opened: Open) -> None:
    """Three workers, 1,200 requests at once, dearer and cheaper than foreseen."""

    async def story() -> None:
        store = opened()
        authenticators = [KeyAuthenticator(opened(), name) for name in "abc"]
        secret = await made(store, usd_per_day=1.0)
        paid: list[float] = []
        refusals = set()

        async def one(number: int) -> None:
            authenticator = authenticators[number % 3]
            authorization = await authenticator.authorize(secret, "auto", NOW)
            try:
                await authorization.reserve(0.002)
            except ApiError as error:
                refusals.add((error.status, error.code, error.retry_after))
                return
            await asyncio.sleep(0)
            usd = (0.001, 0.0015, 0.002)[number % 3]
            authorization.settle(NOTHING, usd)
            authorization.settle(NOTHING, usd)  # once is enough
            paid.append(usd)
            if number % 50 == 0:
                await authenticator.write(NOW)

        for begin in range(0, 1_200, 40):
            await asyncio.gather(*(one(number) for number in range(begin, begin + 40)))
        for authenticator in authenticators:
            await authenticator.close()
        ((_, spent),) = await opened().listed(DAY)
        assert spent == round(sum(paid) * NANO)
        assert 0.97 * NANO < spent <= NANO
        assert refusals == {(429, "insufficient_quota", DAY_S - 3_600)}

    asyncio.run(story())


def test_a_day_has_its_own_budget(opened: Open) -> None:
    async def story() -> None:
        store = opened()
        authenticator = KeyAuthenticator(store)
        secret = await made(store, usd_per_day=0.01)
        await pay(authenticator, secret, NOW, 0.01)
        with refused(429, "insufficient_quota"):
            await pay(authenticator, secret, NOW + 60, 0.001)
        await pay(authenticator, secret, NOW + DAY_S, 0.01)
        await authenticator.close()
        reader = opened()
        assert [(await reader.listed(day))[0][1] for day in (DAY, DAY + 1)] == [10**7, 10**7]
        await reader.close()

    asyncio.run(story())


async def pay(
    authenticator: KeyAuthenticator, secret: str, now: float, usd: float
) -> KeyAuthorization:
    authorization = await authenticator.authorize(secret, "auto", now)
    await authorization.reserve(usd)
    authorization.settle(NOTHING, usd)
    return authorization


def test_days_that_are_over_are_forgotten_once_they_are_written(opened: Open) -> None:
    async def story() -> None:
        store = opened()
        failing = Failing(store)
        authenticator = KeyAuthenticator(failing)  # type: ignore[arg-type]
        secret = await made(store, usd_per_day=1.0)
        await pay(authenticator, secret, NOW, 0.25)
        authorization = await authenticator.authorize(secret, "auto", NOW)
        await authorization.reserve(0.25)
        tomorrow = NOW + DAY_S
        await authenticator.write(tomorrow)  # fails: nothing may be forgotten
        failing.broken = False
        await pay(authenticator, secret, tomorrow, 0.125)
        await authenticator.write(tomorrow)
        authorization.settle(NOTHING, 0.25)
        await authenticator.write(tomorrow + 1)
        await authenticator.write(tomorrow + 2)
        assert list(authenticator._leases) == [("alice", DAY + 1)]
        assert [(await store.listed(day))[0][1] for day in (DAY, DAY + 1)] == [
            NANO // 2,
            NANO // 8,
        ]
        await authenticator.close()

    asyncio.run(story())


def test_a_request_that_failed_costs_nothing(opened: Open) -> None:
    async def story() -> None:
        store = opened()
        authenticator = KeyAuthenticator(store)
        secret = await made(store, usd_per_day=0.01)
        for _ in range(100):
            authorization = await authenticator.authorize(secret, "auto", NOW)
            await authorization.reserve(0.01)
            authorization.settle(NOTHING, 0.0)
        await pay(authenticator, secret, NOW, 0.01)
        await authenticator.close()
        assert (await opened().listed(DAY))[0][1] == NANO // 100

    asyncio.run(story())


def test_free_models_are_open_when_the_budget_is_spent(opened: Open) -> None:
    async def story() -> None:
        store = opened()
        authenticator = KeyAuthenticator(store)
        secret = await made(store, usd_per_day=0.01)
        await pay(authenticator, secret, NOW, 0.01)
        await pay(authenticator, secret, NOW, 0.0)
        with refused(429, "insufficient_quota"):
            await pay(authenticator, secret, NOW, 0.001)
        await authenticator.close()

    asyncio.run(story())


def test_what_was_dearer_than_foreseen_is_booked_in_full(opened: Open) -> None:
    async def story() -> None:
        store = opened()
        authenticator = KeyAuthenticator(store)
        secret = await made(store, usd_per_day=1.0)
        authorization = await authenticator.authorize(secret, "auto", NOW)
        await authorization.reserve(0.01)
        authorization.settle(NOTHING, 0.7)
        with refused(429, "insufficient_quota"):
            await pay(authenticator, secret, NOW, 0.5)
        await authenticator.write(NOW)
        with refused(429, "insufficient_quota"):
            await pay(authenticator, secret, NOW, 0.31)
        await pay(authenticator, secret, NOW, 0.3)
        await authenticator.close()

    asyncio.run(story())


def test_what_a_worker_does_not_need_goes_back(opened: Open) -> None:
    async def story() -> None:
        store = opened()
        idle, busy = KeyAuthenticator(store, "idle"), KeyAuthenticator(opened(), "busy")
        secret = await made(store, usd_per_day=1.0)
        await pay(idle, secret, NOW, 0.001)
        with refused(429, "insufficient_quota"):
            await pay(busy, secret, NOW, 0.995)
        await idle.write(NOW)
        await idle.write(NOW + 0.25)
        await pay(busy, secret, NOW, 0.995)
        await idle.close()
        await busy.close()

    asyncio.run(story())


class Failing:
    """A store that cannot be written for a while."""

    def __init__(self, store: FullStore) -> None:
        self.store = store
        self.broken = True

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)

    async def write(
        self, worker: str, reports: dict[tuple[str, int], SpendReport], now: float
    ) -> None:
        if self.broken:
            raise StoreError("no space left")
        await self.store.write(worker, reports, now)


def test_what_could_not_be_written_is_written_later(
    opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        store = opened()
        failing = Failing(store)
        authenticator = KeyAuthenticator(failing)  # type: ignore[arg-type]
        secret = await made(store, usd_per_day=1.0)
        await pay(authenticator, secret, NOW, 0.25)
        await authenticator.write(NOW)
        assert (await store.listed(DAY))[0][1] == 0
        failing.broken = False
        await authenticator.write(NOW)
        assert (await store.listed(DAY))[0][1] == NANO // 4
        assert secret not in caplog.text
        await authenticator.close()

    with caplog.at_level(logging.DEBUG):
        asyncio.run(story())
    assert "no space left" in caplog.text


def test_the_door_writes_by_itself(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        monkeypatch.setattr("routereval.gateway.access.authenticator.WRITE_S", 0.01)
        store = opened()
        authenticator = KeyAuthenticator(store)
        secret = await made(store)
        await authenticator.open()
        await pay(authenticator, secret, NOW, 0.5)
        while not (await store.listed(DAY))[0][1]:
            await asyncio.sleep(0.01)
        assert (await store.listed(DAY))[0][1] == NANO // 2
        await authenticator.close()

    asyncio.run(story())


def test_long_requests_keep_what_they_hold(opened: Open) -> None:
    """A worker whose request takes long is not taken for dead."""

    async def story() -> None:
        store = opened()
        slow, other = KeyAuthenticator(store, "slow"), KeyAuthenticator(opened(), "other")
        secret = await made(store, usd_per_day=1.0)
        authorization = await slow.authorize(secret, "auto", NOW)
        await authorization.reserve(0.9)
        now = NOW
        while now < NOW + 3 * LOST_S:
            now += 1
            await slow.write(now)
        with refused(429, "insufficient_quota"):
            await pay(other, secret, now, 0.5)
        authorization.settle(NOTHING, 0.9)
        await slow.close()
        await other.close()

    asyncio.run(story())


def test_keys_are_listed_and_names_are_taken_once(opened: Open) -> None:
    async def story() -> None:
        store = opened()
        await made(store, "bob", per_minute=5, models=frozenset({"small"}))
        await made(store, "alice", usd_per_day=2.5)
        with pytest.raises(DataError, match="there is a key 'bob' already"):
            await made(store, "bob")
        with pytest.raises(DataError, match="no key 'eve' that works"):
            await store.revoke("eve", NOW)
        await store.revoke("bob", NOW)
        with pytest.raises(DataError, match="no key 'bob' that works"):
            await store.revoke("bob", NOW)
        (alice, _), (bob, _) = await store.listed(DAY)
        assert (alice.name, alice.budget, alice.models) == ("alice", 5 * NANO // 2, None)
        assert (bob.per_minute, bob.models, bob.revoked) == (5, frozenset({"small"}), NOW)
        await store.close()

    asyncio.run(story())


def test_the_secret_is_not_in_the_file(tmp_path: Path) -> None:
    async def story() -> str:
        store = open_store(str(tmp_path / "keys.sqlite"), create=True)
        authenticator = KeyAuthenticator(store)
        secret = await made(store, usd_per_day=1.0)
        await pay(authenticator, secret, NOW, 0.5)
        await authenticator.close()
        return secret

    secret = asyncio.run(story())
    content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"alice" in content
    assert secret.encode() not in content
    assert secret.removeprefix("sk-routereval-").encode() not in content
    assert (tmp_path / "keys.sqlite").stat().st_mode & 0o077 == 0


def test_a_store_that_is_busy_or_broken_is_an_answer(tmp_path: Path) -> None:
    async def story() -> None:
        store = open_store(str(tmp_path / "keys.sqlite"), create=True)
        authenticator = KeyAuthenticator(store)
        secret = await made(store, per_minute=10, usd_per_day=1.0)
        await authenticator.authorize(secret, "auto", NOW)
        with sqlite3.connect(tmp_path / "keys.sqlite") as breaker:
            breaker.execute("DROP TABLE buckets")
            breaker.execute("DROP TABLE keys")
        breaker.close()
        for later in (1.5, FRESH_S + 1):  # the bucket is gone, then the key
            with refused(503, "keys_unavailable"):
                await authenticator.authorize(secret, "auto", NOW + later)
        await authenticator.close()

    asyncio.run(story())


def test_what_is_no_file_of_keys(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no keys; make one with: routereval keys add"):
        open_store(str(tmp_path / "none"))
    (tmp_path / "text").write_text("my notes " * 100)
    with pytest.raises(DataError, match="is no file of keys: "):
        open_store(str(tmp_path / "text"))
    with sqlite3.connect(tmp_path / "other") as other:
        other.execute("CREATE TABLE mine (x)")
    other.close()
    with pytest.raises(DataError, match="is a database of something else"):
        open_store(str(tmp_path / "other"), create=True)
    with pytest.raises(DataError, match="not at 'http://here'"):
        open_store("http://here")


@pytest.mark.parametrize(
    ("name", "limits", "part"),
    [
        ("", {}, "a key's name is letters"),
        ("a b", {}, "'a b'"),
        ("x" * 65, {}, "at most 64"),
        ("a", {"models": frozenset()}, "may reach no model"),
        ("a", {"per_minute": 0}, "at least 1 request per minute, not 0"),
        ("a", {"usd_per_day": 0.0}, "between 0 and 1e+06 USD, not 0"),
        ("a", {"usd_per_day": float("nan")}, "not nan"),
    ],
)
def test_keys_that_are_of_no_use(name: str, limits: dict[str, object], part: str) -> None:
    with pytest.raises(DataError) as caught:
        new_key(name, **limits)  # type: ignore[arg-type]
    assert part in str(caught.value)


def test_redis_is_named_when_it_cannot_be_reached() -> None:
    async def story() -> None:
        store = open_store("redis://127.0.0.1:1/0")
        with pytest.raises(StoreError, match="Redis: "):
            await store.find(b"x" * 32)
        with refused(503, "keys_unavailable"):
            await KeyAuthenticator(store).authorize("sk-x", "auto", NOW)
        await store.close()

    asyncio.run(story())


def test_no_two_keys_are_alike() -> None:
    keys: list[tuple[str, Key]] = [new_key("same") for _ in range(100)]
    assert len({secret for secret, _ in keys}) == len({key.digest for _, key in keys}) == 100
