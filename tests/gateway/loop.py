"""Asynchronous tests, each in a loop of its own, which it must leave without a task behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

Test = Callable[..., Coroutine[Any, Any, None]]


def in_loop(test: Test) -> Callable[..., None]:
    """Run an asynchronous test."""

    @wraps(test)
    def run(*args: object, **named: object) -> None:
        asyncio.run(_whole(test(*args, **named)))

    return run


async def _whole(test: Coroutine[Any, Any, None]) -> None:
    async with asyncio.timeout(180):  # against what hangs; a busy machine is slow
        await test
    for _ in range(50):
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if not left:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"tasks were left behind: {left}")
