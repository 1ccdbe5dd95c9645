"""Time limits on what is awaited, without the coroutines of `asyncio.timeout`.

Each request passes several, and nearly all of them end before their time.
"""

from __future__ import annotations

import asyncio
import math
from types import TracebackType
from typing import Self


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


class PartDeadline:
    """A deadline for each part of a stream and for all of them, by one timer that is set seldom.

    All parts are awaited by the same task.

    Args:
        idle_s: seconds that each may take.
        until: on the loop's clock, when all of them end.

    >>> async def wait():
    ...     limit = PartDeadline(0.002, asyncio.get_running_loop().time() + 60)
    ...     for seconds in (0, 0, 60):
    ...         with limit:
    ...             await asyncio.sleep(seconds)
    >>> asyncio.run(wait())
    Traceback (most recent call last):
    TimeoutError
    """

    __slots__ = ("_before", "_expired", "_idle_s", "_loop", "_task", "_timer", "_until", "_when")

    def __init__(self, idle_s: float, until: float) -> None:
        self._idle_s = idle_s
        self._until = until
        self._when = math.inf  # while nothing is awaited
        self._expired = False
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        if self._timer is None:
            self._begin()
        now = self._loop.time()
        self._when = min(now + self._idle_s, self._until)
        if self._when <= now:
            self._set(0.0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._when = math.inf
        if self._expired:
            self._expired = False
            ours = self._task.uncancel() <= self._before
            if ours and kind is not None and issubclass(kind, asyncio.CancelledError):
                raise TimeoutError from error

    def end(self) -> None:
        """Nothing more is awaited."""
        if self._timer is not None:
            self._timer.cancel()

    def _begin(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline is of a task; there is none")
        self._loop, self._task, self._before = asyncio.get_running_loop(), task, task.cancelling()
        left = self._until - self._loop.time()
        self._set(min(left, self._idle_s) if left > 0 else self._idle_s)

    def _set(self, seconds: float) -> None:
        self.end()
        self._timer = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        if self._when <= now:
            self._expired = True
            self._task.cancel()
            return
        left = self._until - now
        self._set(min(self._when - now, self._idle_s, left if left > 0 else self._idle_s))
