"""A time limit on what is awaited, without the coroutines of `asyncio.timeout`."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")


class Deadline:
    """Raises TimeoutError out of its ``with`` when its time has come; see `asyncio.timeout_at`.

    Args:
        when: on the loop's clock.

    >>> async def wait():
    ...     with Deadline(asyncio.get_running_loop().time() + 0.001):
    ...         await asyncio.sleep(60)
    >>> asyncio.run(wait())
    Traceback (most recent call last):
    TimeoutError
    """

    __slots__ = ("_before", "_expired", "_task", "_timer", "_when")

    def __init__(self, when: float) -> None:
        self._when = when
        self._expired = False

    def __enter__(self) -> Self:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline is of a task; there is none")
        self._task, self._before = task, task.cancelling()
        self._timer = loop.call_at(self._when, self._expire)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        ours = self._expired and self._task.uncancel() <= self._before
        if ours and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise TimeoutError from error

    def _expire(self) -> None:
        self._expired = True
        self._task.cancel()


class Within(Generic[T]):
    """Awaits something within a time limit, which is set only if there is something to wait for.

    Args:
        when: on the loop's clock.
        awaited: is begun before the limit is looked at, so that what is there already is in time.

    >>> async def wait(seconds):
    ...     return await Within(asyncio.get_running_loop().time(), asyncio.sleep(seconds, "done"))
    >>> asyncio.run(wait(60))
    Traceback (most recent call last):
    TimeoutError
    """

    __slots__ = ("_awaited", "_when")

    def __init__(self, when: float, awaited: Coroutine[Any, Any, T]) -> None:
        self._when = when
        self._awaited = awaited

    def __await__(self) -> Generator[Any, Any, T]:
        """Pass on what is waited for, and what comes of it."""
        steps = self._awaited.__await__()
        try:
            waited_for = steps.send(None)
            with Deadline(self._when):
                while True:
                    try:
                        sent = yield waited_for
                    except BaseException as error:
                        waited_for = steps.throw(error)
                    else:
                        waited_for = steps.send(sent)
        except StopIteration as done:
            found: T = done.value
            return found
