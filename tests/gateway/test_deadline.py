"""Time limits: they end what they are for, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from routereval.gateway.deadline import Deadline, PartDeadline
from tests.gateway.loop import Clock, in_loop

LONG_S = 60.0


def now() -> float:
    return asyncio.get_running_loop().time()


async def for_ever() -> None:
    await asyncio.get_running_loop().create_future()


@in_loop
async def test_a_deadline_that_is_over_ends_what_is_awaited() -> None:
    with pytest.raises(TimeoutError), Deadline(now() - 1):
        await for_ever()
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


@in_loop
async def test_what_ends_before_its_deadline_is_left_alone() -> None:
    with Deadline(now() + LONG_S):
        await asyncio.sleep(0)
    with pytest.raises(KeyError), Deadline(now() - 1):
        raise KeyError


@in_loop
async def test_the_outer_of_two_deadlines_is_not_taken_for_the_inner() -> None:
    seen: list[type[BaseException]] = []

    async def inner() -> None:
        try:
            with Deadline(now() + LONG_S):
                await for_ever()
        except BaseException as error:
            seen.append(type(error))
            raise

    with pytest.raises(TimeoutError), Deadline(now()):
        await inner()
    assert seen == [asyncio.CancelledError]


@pytest.mark.parametrize("kind", ["deadline", "patience"])
def test_a_cancellation_from_outside_is_none_of_the_limits(kind: str) -> None:
    async def main() -> None:
        limit = (
            Deadline(now() + LONG_S) if kind == "deadline" else PartDeadline(LONG_S, now() + LONG_S)
        )

        async def limited() -> None:
            with limit:
                await for_ever()

        task = asyncio.create_task(limited())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


@in_loop
async def test_a_deadline_is_for_each_part_and_for_all_of_them() -> None:
    patience = PartDeadline(0.0, now() + LONG_S)
    with pytest.raises(TimeoutError), patience:
        await for_ever()
    whole = PartDeadline(LONG_S, now() - 1)
    with pytest.raises(TimeoutError), whole:
        await for_ever()
    for limit in (patience, whole):
        limit.end()


@in_loop
async def test_a_deadline_of_parts_counts_only_what_is_awaited() -> None:
    clock, patience = Clock(), PartDeadline(LONG_S, now() + 10 * LONG_S)
    with patience:
        await asyncio.sleep(0)
    await clock.forward(2 * LONG_S)  # the client is slow, not the upstream
    with patience:
        await asyncio.sleep(0)
    patience.end()
