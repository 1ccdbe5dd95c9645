"""Asynchronous tests, each in a loop of its own, which it must leave without a task behind.

No test depends on how fast the machine is: what waits is woken by an event or by `Clock`, and only
what hangs is ended, by `HANGS_AFTER_S` of real time.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

HANGS_AFTER_S = 300

Test = Callable[..., Coroutine[Any, Any, None]]


class Clock:
    """The running loop's clock, which may be moved forward: what is due by then happens at once."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ahead = 0.0
        real = self._loop.time
        self._loop.time = lambda: real() + self._ahead  # type: ignore[method-assign]

    async def forward(self, seconds: float) -> None:
        """Let so much time pass."""
        self._ahead += seconds
        await asyncio.sleep(0)  # wakes the loop, which then looks at its timers


async def until(true: Callable[[], object]) -> None:
    """Wait until something is true."""
    while not true():
        await asyncio.sleep(0.005)


async def settled(count: Callable[[], int], turns: int = 50) -> None:
    """Wait until a count no longer rises although everybody in the loop had his turns."""
    last, still = count(), 0
    while still < turns:
        await asyncio.sleep(0.005)
        still = still + 1 if count() == last else 0
        last = count()


def in_loop(test: Test) -> Callable[..., None]:
    """Run an asynchronous test."""

    @wraps(test)
    def run(*args: object, **named: object) -> None:
        asyncio.run(_whole(test(*args, **named)))

    return run


async def _whole(test: Coroutine[Any, Any, None]) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    hanging = threading.Timer(HANGS_AFTER_S, loop.call_soon_threadsafe, [task.cancel])
    hanging.daemon = True
    hanging.start()
    try:
        await test
        for _ in range(500):
            left = asyncio.all_tasks() - {task}
            if not left:
                return
            await asyncio.sleep(0.01)
    finally:
        hanging.cancel()
    raise AssertionError(f"tasks were left behind: {left}")
