"""The upstreams of a running gateway: who can serve what, and who has room now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from routereval.gateway.api_error import ApiError
from routereval.gateway.config import Config, Upstream
from routereval.gateway.http.chat_request import Ask
from routereval.gateway.protocols import Usage
from routereval.gateway.upstreams.circuit_breaker import Breaker
from routereval.gateway.upstreams.client import Target

USUAL_ANSWER = 1000
FRAME = 16  # tokens that go round the messages


class Place:
    """An upstream, how many requests are there, and whether it is to be left alone."""

    def __init__(self, target: Target, breaker: Breaker) -> None:
        self.target = target
        self.breaker = breaker
        self.busy = 0

    @property
    def upstream(self) -> Upstream:
        """Its configuration."""
        return self.target.upstream

    @property
    def full(self) -> bool:
        """Whether as many requests are there as it takes."""
        return self.busy >= self.upstream.concurrency

    @property
    def served_as(self) -> str:
        """The name by which its service knows the model."""
        return self.upstream.model or self.upstream.name

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold one of its places."""
        self.busy += 1
        try:
            yield
        finally:
            self.busy -= 1

    def lacks(self, ask: Ask) -> str:
        """Why it cannot serve a request, as half a sentence; empty if it can."""
        missing = sorted(ask.needs - set(self.upstream.capabilities))
        if missing:
            return f"lacks {', '.join(missing)}"
        if self.upstream.context and ask.tokens > self.upstream.context:
            return f"takes {self.upstream.context} tokens, not about {ask.tokens}"
        return ""

    def price(self, usage: Usage) -> float:
        """What the tokens cost, in USD."""
        upstream = self.upstream
        inward, outward = usage.tokens_in * upstream.price_in, usage.tokens_out * upstream.price_out
        return (inward + outward) / 1e6


class Places(dict[str, Place]):
    """The upstreams by the names of their models."""

    @classmethod
    def of(cls, config: Config) -> Places:
        """Those of a configuration.

        Raises:
            DataError: if the key of one is not in the environment.
        """
        made = cls()
        for upstream in config.upstreams:
            target = Target(upstream, config.key_of(upstream))
            made[upstream.name] = Place(target, Breaker(config.faults))
        return made

    def able(self, names: Iterable[str], ask: Ask) -> list[str]:
        """Those of the names that can serve a request.

        Raises:
            ApiError: 400 if none can; it says what each lacks.
        """
        lacking = {name: self[name].lacks(ask) for name in names}
        able = [name for name, lack in lacking.items() if not lack]
        if not able:
            said = "; ".join(f"{name} {lack}" for name, lack in lacking.items())
            raise ApiError(400, f"no model can serve this: {said}", code="no_able_model")
        return able

    def dearest(self, names: Iterable[str], ask: Ask) -> float:
        """The most that prompt and longest answer cost at any of them, in USD.

        The prompt is counted twice over, since its tokens are only guessed, and an answer whose
        length is not limited counts as `USUAL_ANSWER` tokens.
        """
        longest = ask.tokens - ask.prompt_tokens or USUAL_ANSWER
        most = Usage(2 * ask.prompt_tokens + FRAME, longest)
        return max(self[name].price(most) for name in names)

    def with_room(self, names: Iterable[str], now: float) -> list[str]:
        """Those that a request may go to now."""
        return [
            name for name in names if not self[name].full and self[name].breaker.rests(now) == 0
        ]

    def wait(self, names: Iterable[str], now: float) -> float:
        """Seconds until the first of them is no longer resting; 0 if one is only full."""
        return min((self[name].breaker.rests(now) for name in names), default=0.0)
