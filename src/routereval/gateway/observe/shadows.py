"""Routers whose decisions are logged and change nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from routereval.errors import RouterEvalError
from routereval.gateway.observe.decision_log import DecisionLog
from routereval.gateway.protocols import Decider, LogEntry

MAX_PENDING = 256


class ShadowRouters:
    """Lets other routers decide too, whose decisions are only logged; see `protocols.Observer`.

    They decide when a request is over, and cost it nothing. Under load, when `MAX_PENDING` are
    behind, requests are logged without them.

    Args:
        deciders: by name.
        log: where it all goes.
    """

    def __init__(self, deciders: Mapping[str, Decider], log: DecisionLog) -> None:
        self._deciders = dict(deciders)
        self._log = log
        self._tasks: set[asyncio.Task[None]] = set()

    def record(self, entry: LogEntry) -> None:
        """Log a request with what the shadows make of it."""
        if entry.decision is None or len(self._tasks) >= MAX_PENDING:
            self._log.record(entry)
            return
        task = asyncio.get_running_loop().create_task(self._decided(entry))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def open(self) -> None:
        """Open the log."""
        await self._log.open()

    async def close(self) -> None:
        """Wait for the shadows, then close the log."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._log.close()

    async def _decided(self, entry: LogEntry) -> None:
        found: dict[str, str] = {}
        try:
            for name, decider in self._deciders.items():
                routed = await decider.decide(entry.text, entry.lam, entry.allowed)
                found[name] = routed.decision.model
        except RouterEvalError:
            pass  # a shadow that cannot decide is missing in the log, and harms nobody
        finally:
            self._log.record(entry, found)
