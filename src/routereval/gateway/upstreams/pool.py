"""The upstreams of a running gateway: who can serve what, and who has room now."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

from cachetools import LRUCache

from routereval.gateway.api_error import ApiError
from routereval.gateway.config import Config
from routereval.gateway.dialects.apis import Api
from routereval.gateway.protocols import ChatRequest
from routereval.gateway.upstreams.circuit_breaker import CircuitBreaker
from routereval.gateway.upstreams.deployments import Deployments
from routereval.gateway.upstreams.target import Target
from routereval.gateway.upstreams.upstream import Upstream
from routereval.grouped import grouped

_MOST_PARTS = 256


class UpstreamPool(dict[str, Upstream]):
    """The upstreams by their labels, which are names of models unless there are several of one.

    Attributes:
        models: the upstreams of each model, by its name.
    """

    def __init__(self, upstreams: Iterable[Upstream] = ()) -> None:
        super().__init__((upstream.label, upstream) for upstream in upstreams)
        by_name = grouped(self.values(), lambda upstream: upstream.config.name)
        self.models = {name: Deployments(found) for name, found in by_name.items()}
        self._other_apis: dict[str, tuple[Api, ...]] = {}
        self._parts: LRUCache[frozenset[str], UpstreamPool] = LRUCache(_MOST_PARTS)

    def other_apis(self, api: Api) -> tuple[Api, ...]:
        """The APIs into which a request of one is translated for some of them."""
        found = self._other_apis.get(api.name)
        if found is None:
            spoken = {one.name: one for u in self.values() if (one := u.spoken(api)) is not None}
            found = tuple(one for name, one in spoken.items() if name != api.name)
            self._other_apis[api.name] = found
        return found

    @classmethod
    def of(cls, config: Config) -> UpstreamPool:
        """Those of a configuration.

        Raises:
            DataError: if the key of one is not in the environment.
        """
        targets = [Target(upstream, config.key_of(upstream)) for upstream in config.upstreams]
        return cls(Upstream(target, CircuitBreaker(config.failover)) for target in targets)

    def restricted(self, labels: frozenset[str] | None) -> UpstreamPool:
        """The same without all others: what cannot be found here, nothing can choose.

        Args:
            labels: of those that stay; None for all.
        """
        if labels is None:
            return self
        part = self._parts.get(labels)
        if part is None:
            part = UpstreamPool(upstream for upstream in self.values() if upstream.label in labels)
            self._parts[labels] = part
        return part

    def capable(self, names: Iterable[str], request: ChatRequest) -> list[str]:
        """Those of the models that can serve a request.

        Raises:
            ApiError: 400 if none can; it says what each lacks.
        """
        lacking = {name: self.models[name].unmet_need(request) for name in names}
        able = [name for name, lack in lacking.items() if not lack]
        if not able:
            reasons = "; ".join(f"{name} {lack}" for name, lack in lacking.items())
            raise ApiError(400, f"no model can serve this: {reasons}", code="no_able_model")
        return able

    def check_spoken(self, name: str, request: ChatRequest) -> None:
        """Let a request pass that an upstream of a model understands.

        Raises:
            ApiError: 400 if none does.
        """
        wrong = [upstream.unspoken(request) for upstream in self.models[name]]
        if all(wrong):
            sentence = f"no model can serve this: {name} {wrong[0]}"
            raise ApiError(400, sentence, code="no_able_model")

    def highest_price(
        self, names: Iterable[str], request: ChatRequest, tried: Collection[str] = ()
    ) -> float:
        """The most that a request costs at any upstream of some models, in USD; 0 for none."""
        highest = 0.0
        for name in names:
            price = self.models[name].highest_price(request, tried)
            highest = price if price > highest else highest
        return highest

    def free(
        self,
        names: Iterable[str],
        now: float,
        client: str | None = None,
        request: ChatRequest | None = None,
        tried: Collection[str] = (),
    ) -> dict[str, list[Upstream]]:
        """The models that a client's request may go to now, or anybody's, and where.

        Args:
            names: of models.
            now: seconds on a steady clock.
            client: who asks; None for anybody.
            request: what is asked for; None for anything.
            tried: labels of upstreams that are left out.
        """
        found = {}
        for name in names:
            if upstreams := self.models[name].free(now, client, request, tried):
                found[name] = upstreams
        return found

    def resting(self, now: float) -> dict[str, bool]:
        """For each upstream, whether it is left alone for a while, by anybody."""
        return {label: upstream.breaker.rests(now) for label, upstream in self.items()}

    def last_resort(
        self, names: Iterable[str], now: float, client: str, request: ChatRequest
    ) -> Upstream | None:
        """Where all rest, the one that may soonest be asked and takes a request before that."""
        able = [u for name in names for u in self.models[name] if not u.unmet_need(request)]
        for upstream in sorted(able, key=lambda u: u.breaker.rest_s(now, client)):
            if not upstream.full and upstream.breaker.allow(now, client, early=True):
                return upstream
        return None

    def shortest_rest_s(self, names: Iterable[str], now: float, client: str | None) -> float:
        """Seconds until the first of some models no longer rests; 0 if one is only full."""
        return min((self.models[name].rest_s(now, client) for name in names), default=0.0)


def quick_enough(
    free: Mapping[str, Sequence[Upstream]], limit_s: float, now: float, *, streamed: bool
) -> dict[str, list[Upstream]]:
    """The upstreams of some models that keep a limit; the quickest one where none does.

    Args:
        free: by model, at least one of them.
        limit_s: of the 95th percentile; what is not known keeps it.
        now: seconds on a steady clock.
        streamed: whether a stream is asked for.
    """
    found: dict[str, list[Upstream]] = {}
    best, quickest = "", math.inf
    for name, upstreams in free.items():
        for upstream in upstreams:
            taken = upstream.latency.p95(now, streamed=streamed)
            if taken is None or taken <= limit_s:
                found.setdefault(name, []).append(upstream)
            elif taken < quickest:
                best, quickest, only = name, taken, upstream
    return found or {best: [only]}
