"""What is done again and again beside the requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Repeated:
    """Calls something every so many seconds.

    Args:
        seconds: from the end of one call to the next.
        call: what is called; one that has begun is finished, even if `end` comes meanwhile.
    """

    def __init__(self, seconds: float, call: Callable[[], Awaitable[object]]) -> None:
        self._seconds = seconds
        self._call = call
        self._calls: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Call for the first time after so many seconds."""
        self._calls = asyncio.get_running_loop().create_task(self._call_for_ever())

    async def end(self) -> None:
        """Call no more."""
        if self._calls is not None:
            self._calls.cancel()
            await asyncio.gather(self._calls, return_exceptions=True)

    async def _call_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            await asyncio.shield(self._call())
