"""Time limits: they end what they are for, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from routereval.gateway.deadline import Deadline, Within
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


@in_loop
async def test_what_is_there_already_is_in_time() -> None:
    async def there() -> str:
        return "there"

    assert await Within(now() - 1, there()) == "there"
    assert await Within(now() + LONG_S, asyncio.sleep(0, "soon")) == "soon"


@in_loop
async def test_what_fails_fails_as_if_there_were_no_limit() -> None:
    async def fails(waits: bool) -> None:
        if waits:
            await asyncio.sleep(0)
        raise KeyError

    for waits in (False, True):
        with pytest.raises(KeyError):
            await Within(now() + LONG_S, fails(waits))


@in_loop
async def test_what_is_awaited_sees_that_it_is_given_up() -> None:
    seen: list[str] = []

    async def cleans_up() -> None:
        try:
            await for_ever()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        finally:
            await asyncio.sleep(0)
            seen.append("cleaned up")

    with pytest.raises(TimeoutError):
        await Within(now() - 1, cleans_up())
    assert seen == ["cancelled", "cleaned up"]
