"""Noticing that a client has left."""

from __future__ import annotations

import asyncio

from routereval.gateway.http.asgi import Receive

LISTEN_AFTER_S = 0.05


class DisconnectWatcher:
    """Cancels the task of a request when its client leaves, or takes in its answer too slowly."""

    __slots__ = ("_listener", "_longest_s", "_receive", "_task", "_timer", "gone")

    def __init__(self, receive: Receive, longest_s: float) -> None:
        self._receive = receive
        self._longest_s = longest_s
        self._task = asyncio.current_task()
        self._timer: asyncio.TimerHandle | None = None
        self._listener: asyncio.Task[None] | None = None
        self.gone = False

    def listen(self) -> None:
        """Begin to listen."""
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
        if self._timer is not None:
            self._timer.cancel()
        if self._listener is not None:
            self._listener.cancel()


class DisconnectWatchers:
    """The watchers of all requests, by one timer.

    Most requests end before anybody leaves: listening begins only after a moment, and costs a quick
    request next to nothing.

    Args:
        longest_s: how long a request may take in all.
    """

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._new: dict[DisconnectWatcher, float] = {}  # in the order of their times
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def watch(self, receive: Receive) -> DisconnectWatcher:
        """Watch the request of the current task; `end` is called once that is over."""
        loop = asyncio.get_running_loop()
        if self._timer is None or self._loop is not loop:
            self._loop, self._timer = loop, loop.call_later(LISTEN_AFTER_S, self._listen)
        watcher = DisconnectWatcher(receive, self._longest_s)
        self._new[watcher] = loop.time() + LISTEN_AFTER_S
        return watcher

    def end(self, watcher: DisconnectWatcher) -> None:
        """A request is over."""
        if self._new.pop(watcher, None) is None:
            watcher.end()

    def _listen(self) -> None:
        """Listen for the clients of all requests that take longer than a moment."""
        loop, self._timer = asyncio.get_running_loop(), None
        now, due = loop.time(), []
        for watcher, at in self._new.items():
            if at > now:
                self._timer = loop.call_at(at, self._listen)
                break
            due.append(watcher)
        for watcher in due:
            del self._new[watcher]
            watcher.listen()
