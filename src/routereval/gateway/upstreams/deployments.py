"""Several upstreams that serve one model, such as two regions or two keys."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from routereval.gateway.protocols import ChatRequest
from routereval.gateway.upstreams.upstream import Upstream


class Deployments:
    """The upstreams of one model; usually there is one.

    Requests go where the fewest are under way for the weight, and among equals in turn by weight,
    so that two idle deployments of weights 2 and 1 get every third request differently.

    Args:
        upstreams: at least one.
    """

    def __init__(self, upstreams: Sequence[Upstream]) -> None:
        self._upstreams = tuple(upstreams)
        self._only = self._upstreams[0] if len(self._upstreams) == 1 else None
        self._turns = [0.0] * len(self._upstreams)

    def __iter__(self) -> Iterator[Upstream]:
        """All of them."""
        return iter(self._upstreams)

    def unmet_need(self, request: ChatRequest) -> str:
        """Why none can serve a request, as half a sentence; empty if one can."""
        if self._only is not None:
            return self._only.unmet_need(request)
        needs = [upstream.unmet_need(request) for upstream in self._upstreams]
        return "" if "" in needs else needs[0]

    def highest_price(self, request: ChatRequest, tried: Collection[str] = ()) -> float:
        """The most that a request costs at any that was not tried, in USD."""
        if self._only is not None and not tried:
            return self._only.highest_price(request)
        left = (upstream for upstream in self._upstreams if upstream.label not in tried)
        return max((upstream.highest_price(request) for upstream in left), default=0.0)

    def rest_s(self, now: float, client: str | None = None) -> float:
        """Seconds until the first may be asked again by a client, or by anybody; 0 if now."""
        return min(upstream.breaker.rest_s(now, client) for upstream in self._upstreams)

    def free(
        self,
        now: float,
        client: str | None = None,
        request: ChatRequest | None = None,
        tried: Collection[str] = (),
    ) -> list[Upstream]:
        """Those that were not tried, can serve a request, and take one now."""
        if (only := self._only) is not None:  # whether it can was asked of the model
            return [only] if only.is_free(now, client) and only.label not in tried else []
        return [
            upstream
            for upstream in self._upstreams
            if upstream.label not in tried
            and upstream.is_free(now, client)
            and (request is None or not upstream.unmet_need(request))
        ]

    def best(self, upstreams: Sequence[Upstream], preferred: str = "") -> Upstream:
        """Where a request goes, of some of them.

        Args:
            upstreams: at least one.
            preferred: the label of one that is chosen if it is among them.
        """
        if len(upstreams) == 1:
            return upstreams[0]
        for upstream in upstreams:
            if upstream.label == preferred:
                return upstream
        least = min(upstream.in_flight / upstream.config.weight for upstream in upstreams)
        ties = [u for u in upstreams if u.in_flight / u.config.weight == least]
        return self._in_turn(ties)

    def _in_turn(self, upstreams: Sequence[Upstream]) -> Upstream:
        """The next of some, by weight: who waited for longest, smoothly."""
        places = [self._upstreams.index(upstream) for upstream in upstreams]
        for place, upstream in zip(places, upstreams, strict=True):
            self._turns[place] += upstream.config.weight
        chosen = max(places, key=lambda place: self._turns[place])  # ties: the first as written
        self._turns[chosen] -= sum(upstream.config.weight for upstream in upstreams)
        return self._upstreams[chosen]
