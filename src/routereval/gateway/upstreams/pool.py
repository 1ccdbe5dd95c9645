"""The upstreams of a running gateway: who can serve what, and who has room now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from routereval.gateway.api_error import ApiError
from routereval.gateway.config import Config, UpstreamConfig
from routereval.gateway.protocols import MAX_TOKENS, ChatRequest, Usage
from routereval.gateway.upstreams.circuit_breaker import CircuitBreaker
from routereval.gateway.upstreams.client import Target

FRAME_TOKENS = 16  # tokens that go round the messages


class Upstream:
    """An upstream, how many requests are there, and whether it is to be left alone."""

    def __init__(self, target: Target, breaker: CircuitBreaker) -> None:
        self.target = target
        self.breaker = breaker
        self.in_flight = 0
        self.tells_usage = target.config.stream_usage

    @property
    def config(self) -> UpstreamConfig:
        """Its configuration."""
        return self.target.config

    @property
    def full(self) -> bool:
        """Whether as many requests are there as it takes."""
        return self.in_flight >= self.config.concurrency

    @property
    def served_as(self) -> str:
        """The name by which its service knows the model."""
        return self.config.model or self.config.name

    @contextmanager
    def occupied(self) -> Iterator[None]:
        """Hold one of its places."""
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1

    def unmet_need(self, request: ChatRequest) -> str:
        """Why it cannot serve a request, as half a sentence; empty if it can."""
        missing = sorted(request.needs - set(self.config.capabilities))
        if missing:
            return f"lacks {', '.join(missing)}"
        if self.config.context and request.tokens > self.config.context:
            return f"takes {self.config.context} tokens, not about {request.tokens}"
        return ""

    def price(self, usage: Usage) -> float:
        """What the tokens cost, in USD."""
        config = self.config
        inward, outward = usage.tokens_in * config.price_in, usage.tokens_out * config.price_out
        for tokens, price, usual in (
            (min(usage.cached, usage.tokens_in), config.price_cached, config.price_in),
            (min(usage.cache_written, usage.tokens_in), config.price_cache_write, config.price_in),
            (min(usage.reasoning, usage.tokens_out), config.price_reasoning, config.price_out),
        ):
            if tokens and price is not None:
                inward += tokens * (price - usual)
        return max(inward + outward, 0.0) / 1e6

    def highest_price(self, request: ChatRequest) -> float:
        """The most that a request's prompt and its longest answers cost, in USD."""
        config = self.config
        prices_in = (config.price_in, config.price_cached or 0.0, config.price_cache_write or 0.0)
        price_out = max(config.price_out, config.price_reasoning or 0.0)
        inward = (request.most_prompt_tokens + FRAME_TOKENS) * max(prices_in)
        return (inward + self._longest_answers(request) * price_out) / 1e6

    def lost_price(self, request: ChatRequest) -> float:
        """What is booked for answers that nobody got: as they were asked for, in USD."""
        longest = self._longest_answers(request)
        return self.price(Usage(request.prompt_tokens, longest, estimated=True))

    def _longest_answers(self, request: ChatRequest) -> int:
        longest = request.answer_tokens or self.config.answer_tokens
        return min(longest * request.answers, MAX_TOKENS)


class UpstreamPool(dict[str, Upstream]):
    """The upstreams by the names of their models."""

    @classmethod
    def of(cls, config: Config) -> UpstreamPool:
        """Those of a configuration.

        Raises:
            DataError: if the key of one is not in the environment.
        """
        made = cls()
        for upstream in config.upstreams:
            target = Target(upstream, config.key_of(upstream))
            made[upstream.name] = Upstream(target, CircuitBreaker(config.failover))
        return made

    def capable(self, names: Iterable[str], request: ChatRequest) -> list[str]:
        """Those of the names that can serve a request.

        Raises:
            ApiError: 400 if none can; it says what each lacks.
        """
        lacking = {name: self[name].unmet_need(request) for name in names}
        able = [name for name, lack in lacking.items() if not lack]
        if not able:
            lacks = "; ".join(f"{name} {lack}" for name, lack in lacking.items())
            raise ApiError(400, f"no model can serve this: {lacks}", code="no_able_model")
        return able

    def highest_price(self, names: Iterable[str], request: ChatRequest) -> float:
        """The most that a request costs at any of them, in USD; 0 for none."""
        return max((self[name].highest_price(request) for name in names), default=0.0)

    def available(self, names: Iterable[str], now: float, client: str | None = None) -> list[str]:
        """Those that a client's request may go to now, or anybody's."""
        return [
            name
            for name in names
            if not self[name].full and self[name].breaker.rest_s(now, client) == 0
        ]

    def resting(self, now: float) -> dict[str, bool]:
        """For each upstream, whether it is left alone for a while, by anybody."""
        return {name: upstream.breaker.rests(now) for name, upstream in self.items()}

    def last_resort(self, names: Iterable[str], now: float, client: str) -> Upstream | None:
        """Where all rest, the one that may soonest be asked and takes a request before that."""
        for name in sorted(names, key=lambda name: self[name].breaker.rest_s(now, client)):
            upstream = self[name]
            if not upstream.full and upstream.breaker.allow(now, client, early=True):
                return upstream
        return None

    def shortest_rest_s(self, names: Iterable[str], now: float, client: str | None) -> float:
        """Seconds until the first of them is no longer resting; 0 if one is only full."""
        return min((self[name].breaker.rest_s(now, client) for name in names), default=0.0)
