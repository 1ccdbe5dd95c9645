"""Time limits: they end what they are for, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from routereval.gateway.deadline import Deadline
from tests.gateway.loop import in_loop

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


def test_a_cancellation_from_outside_is_none_of_the_limits() -> None:
    async def main() -> None:
        async def limited() -> None:
            with Deadline(now() + LONG_S):
                await for_ever()

        task = asyncio.create_task(limited())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
