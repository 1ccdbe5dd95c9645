"""One upstream of a running gateway: what it can serve, what that costs, and if it has room."""

from __future__ import annotations

from routereval.gateway.dialects.apis import CHAT, MESSAGES, Api
from routereval.gateway.dialects.translation import other_api
from routereval.gateway.protocols import MAX_TOKENS, ChatRequest, PromptSize, Usage
from routereval.gateway.upstream_config import UpstreamConfig
from routereval.gateway.upstreams.circuit_breaker import CircuitBreaker
from routereval.gateway.upstreams.latency import Latency
from routereval.gateway.upstreams.target import Target

FRAME_TOKENS = 16  # tokens that go round the messages
ANSWER_TOKENS = 4096
"""The limit of an answer that was asked for without one, where the API wants one."""


class Upstream:
    """An upstream, how many requests are there, and whether it is to be left alone.

    Attributes:
        config: of the target.
        label: the name of its model, with that of the deployment where there are several.
        answer_limit: the field ``max_tokens`` of a request that is translated and has no limit.
    """

    def __init__(self, target: Target, breaker: CircuitBreaker) -> None:
        self.label = target.config.label
        self.target = target
        self.config = target.config
        self.breaker = breaker
        self.in_flight = 0
        self.latency = Latency()
        self.tells_usage = target.config.stream_usage
        self._concurrency = target.config.concurrency
        usual_limit = ANSWER_TOKENS + (target.config.thinking or 0)
        limit = target.config.params.get("max_tokens")
        self.answer_limit = limit if isinstance(limit, int) else usual_limit
        self._needs_met = frozenset(target.config.capabilities)
        self._highest_prices = _highest_prices(target.config)

    @property
    def full(self) -> bool:
        """Whether as many requests are there as it takes."""
        return self.in_flight >= self._concurrency

    @property
    def served_as(self) -> str:
        """The name by which its service knows the model."""
        return self.config.model or self.config.name

    def is_free(self, now: float, client: str | None = None) -> bool:
        """Whether a client's request may go there now, or anybody's."""
        full = self.in_flight >= self._concurrency
        return not full and (self.breaker.is_calm or self.breaker.rest_s(now, client) == 0)

    def unmet_need(self, request: ChatRequest) -> str:
        """Why it cannot serve a request, as half a sentence; empty if it can."""
        if request.api.name not in self.config.apis and (wrong := self.unspoken(request)):
            return wrong
        if not request.needs <= self._needs_met:
            return f"lacks {', '.join(sorted(request.needs - self._needs_met))}"
        if context := self.config.context:
            tokens = self.prompt_size(request).usual + request.answer_tokens
            if tokens > context:
                return f"takes {context} tokens, not about {tokens}"
        return ""

    def prompt_size(self, request: ChatRequest) -> PromptSize:
        """The size of a prompt, by the upstream's own tokenizer if it names one."""
        return request.size_by(self.config.tokenizer)

    def spoken(self, api: Api) -> Api | None:
        """The API in which a request of one goes there; None if none will do."""
        return api if api.name in self.config.apis else other_api(api, self.config.apis)

    def translates(self, request: ChatRequest) -> bool:
        """Whether a request goes there in another API than its own."""
        return request.api.name not in self.config.apis

    def unspoken(self, request: ChatRequest) -> str:
        """Why it does not understand a request, as half a sentence; empty if it does."""
        if not self.translates(request):
            return ""
        api = self.spoken(request.api)
        form = request.forms.get(api.name) if api is not None else None
        if api is None or form is None:
            return f"does not speak {request.api.title}"
        has = "do" if api is CHAT else "does"
        wrong = form.untranslatable
        return f"speaks {api.title}, which {has} not have {wrong}" if wrong else ""

    def price(self, usage: Usage) -> float:
        """What the tokens cost, in USD."""
        config = self.config
        inward, outward = usage.tokens_in * config.price_in, usage.tokens_out * config.price_out
        for tokens, most, price, usual in (
            (usage.cached, usage.tokens_in, config.price_cached, config.price_in),
            (usage.cache_written, usage.tokens_in, config.price_cache_write, config.price_in),
            (usage.reasoning, usage.tokens_out, config.price_reasoning, config.price_out),
        ):
            if tokens and price is not None:
                inward += min(tokens, most) * (price - usual)
        return max(inward + outward, 0.0) / 1e6

    def highest_price(self, request: ChatRequest) -> float:
        """The most that a request's prompt and its longest answers cost, in USD."""
        price_in, price_out = self._highest_prices
        config, most, tokens = self.config, request.most_prompt_tokens, request.answer_tokens
        if config.tokenizer:
            most = self.prompt_size(request).most
        longest = (tokens or config.answer_tokens) * request.answers
        longest = min(longest, MAX_TOKENS)
        if not tokens and longest < self.answer_limit and self._limits_answers(request):
            longest = self.answer_limit
        return ((most + FRAME_TOKENS) * price_in + longest * price_out) / 1e6

    def lost_price(self, request: ChatRequest) -> float:
        """What is booked for answers that nobody got: as they were asked for, in USD."""
        longest = self._longest_answers(request)
        return self.price(Usage(self.prompt_size(request).usual, longest, estimated=True))

    def _limits_answers(self, request: ChatRequest) -> bool:
        """Whether a request without a limit gets `answer_limit`."""
        return self.translates(request) and self.spoken(request.api) is MESSAGES

    def _longest_answers(self, request: ChatRequest) -> int:
        longest = request.answer_tokens or self.config.answer_tokens
        return min(longest * request.answers, MAX_TOKENS)


def _highest_prices(config: UpstreamConfig) -> tuple[float, float]:
    """The dearest of a prompt's tokens and of an answer's, in USD per million."""
    inward = (config.price_in, config.price_cached or 0.0, config.price_cache_write or 0.0)
    return max(inward), max(config.price_out, config.price_reasoning or 0.0)
