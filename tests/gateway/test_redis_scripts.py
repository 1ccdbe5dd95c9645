"""What a Redis server computes is what `limits` says."""

from __future__ import annotations

import asyncio

import fakeredis
from hypothesis import given, settings
from hypothesis import strategies as st

from routereval.gateway.access.accounts import SpendReport
from routereval.gateway.access.keys import NANO
from routereval.gateway.access.limits import DailyBudget, RequestBucket
from routereval.gateway.access.redis_store import RedisStore

ACCOUNT = ("alice", 20_000)
NOW = 1_700_000_000.25

workers = st.sampled_from(["a", "b", "c:d"])
amounts = st.integers(0, 50) | st.integers(0, 10**6 * NANO)
seconds = st.sampled_from([0.0, 0.125, 1 / 3, 14.9, 15.1, 60.0])
takes = st.tuples(st.just("take"), workers, amounts, amounts, seconds)
writes = st.tuples(st.just("write"), workers, amounts, st.integers(-20, 20), seconds)


def store() -> RedisStore:
    client = fakeredis.FakeAsyncRedis(server=fakeredis.FakeServer(), decode_responses=True)
    return RedisStore(client)


@settings(max_examples=10)
@given(st.integers(0, 100) | st.just(10**6 * NANO), st.lists(takes | writes, max_size=12))
def test_money_is_taken_alike(budget: int, steps: list[tuple[str, str, int, int, float]]) -> None:
    async def both() -> None:
        held, model, now = store(), DailyBudget(), NOW
        for kind, worker, first, second, passed in steps:
            now += passed
            if kind == "take":
                least, wanted = sorted((first, second))
                given = await held.take_money(ACCOUNT, worker, budget, least, wanted, now)
                assert given == model.take(worker, budget, least, wanted, now)
            else:
                await held.write(worker, {ACCOUNT: SpendReport(first, second)}, now)
                model.write(worker, first, second, now)
        await held.close()

    asyncio.run(both())


@settings(max_examples=10)
@given(st.integers(1, 6000), st.lists(st.tuples(st.integers(1, 200), seconds), max_size=12))
def test_requests_are_taken_alike(per_minute: int, steps: list[tuple[int, float]]) -> None:
    async def both() -> None:
        held, model, now = store(), RequestBucket(float(per_minute), NOW), NOW
        for wanted, passed in steps:
            now += passed
            given, model = model.taken(per_minute, wanted, now)
            taken = await held.take_requests("alice", per_minute, wanted, now)
            assert taken == (given, model.wait(per_minute))
        await held.close()

    asyncio.run(both())
