"""Noticing that a client has left."""

from __future__ import annotations

import asyncio

from routereval.gateway.http.asgi import Receive

LISTEN_AFTER_S = 0.05


class DisconnectWatcher:
    """Cancels the task of a request when its client leaves, or takes in its answer too slowly.

    Most requests end before anybody leaves: listening begins only after a moment, and costs a quick
    request nothing.
    """

    def __init__(self, receive: Receive, longest_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._receive = receive
        self._longest_s = longest_s
        self._task = asyncio.current_task()
        self._timer = loop.call_later(LISTEN_AFTER_S, self._listen)
        self._listener: asyncio.Task[None] | None = None
        self.gone = False

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._listener = loop.create_task(self._wait())
        self._timer = loop.call_later(self._longest_s, self._leave)

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._leave()

    def _leave(self) -> None:
        self.gone = True
        if self._task is not None:
            self._task.cancel()

    def end(self) -> None:
        """Listen no longer."""
        self._timer.cancel()
        if self._listener is not None:
            self._listener.cancel()
