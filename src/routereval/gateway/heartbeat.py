"""What a gateway does several times per second beside its requests: share rests, show gauges."""

from __future__ import annotations

import asyncio
import logging
import time

from routereval.gateway.http.relay import Relay
from routereval.gateway.observe.metrics import Metrics
from routereval.gateway.repeated import Repeated

BEAT_S = 0.25
SAME_S = 0.05  # times that differ by less are the same: two clocks are read

log = logging.getLogger(__name__)


class Heartbeat:
    """Keeps the rests of upstreams the same in all workers, and the gauges of this one fresh.

    What changed here since the last beat is written; else what changed elsewhere is taken over.

    Args:
        relay: whose upstreams these are, and who has what the workers share.
        metrics: of this worker.
    """

    def __init__(self, relay: Relay, metrics: Metrics) -> None:
        self._relay = relay
        self._state = relay.state
        self._metrics = metrics
        self._agreed: dict[str, float] = {}
        self._beating = Repeated(BEAT_S, self._beat_or_log)

    async def open(self) -> None:
        """Begin to beat, with what others know already."""
        await self.beat()
        self._beating.begin()

    async def close(self) -> None:
        """Beat no more."""
        await self._beating.end()

    async def beat(self) -> None:
        """Do all of it once."""
        steady = asyncio.get_running_loop().time()
        self._metrics.gauges(self._relay.upstreams.resting(steady), self._relay.in_flight)
        now, shared = time.time(), await self._state.rests()
        for name, upstream in self._relay.upstreams.items():
            mine = upstream.breaker.shared_rest_s(steady)
            agreed = max(self._agreed.get(name, 0.0) - now, 0.0)
            theirs = max(shared.get(name, 0.0) - now, 0.0)
            if abs(mine - agreed) > SAME_S:
                await self._state.note_rest(name, now + mine if mine else 0.0)
                self._agreed[name] = now + mine
            elif abs(theirs - agreed) > SAME_S:
                upstream.breaker.take_over(steady, theirs)
                self._agreed[name] = now + theirs

    async def _beat_or_log(self) -> None:
        try:
            await self.beat()
        except Exception:  # the next one may go well
            log.exception("rests of upstreams could not be shared")
