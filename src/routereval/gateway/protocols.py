"""The protocols between the parts of the gateway, and the values that pass between them.

The relay knows only these: an authenticator, a decider, hooks and observers. Each may be replaced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from routereval.gateway.dialects.apis import CHAT, Api
from routereval.routers.trained import Decision

Headers = list[tuple[bytes, bytes]]
"""Names and values, as they stand on the connection."""

MAX_TOKENS = 10**9
"""The most that any count of tokens says: JSON has numbers that no float holds."""


class Usage(NamedTuple):
    """What an answer took.

    Attributes:
        tokens_in: of the prompt.
        tokens_out: of the answer, with its reasoning.
        estimated: True where the upstream did not say both, so that they were counted by script.
        cached: those of the prompt that were read from a cache.
        cache_written: those of the prompt that were written to one.
        reasoning: those of the answer that nobody sees.
    """

    tokens_in: int = 0
    tokens_out: int = 0
    estimated: bool = False
    cached: int = 0
    cache_written: int = 0
    reasoning: int = 0


NOTHING = Usage()


class Switch(NamedTuple):
    """A conversation that went from one upstream to another, as it is booked.

    Attributes:
        origin: the label of the upstream that it was with.
        tokens: of the prompt that are in that one's cache.
        saved_usd: what the new one's prices save, if both had the prompt in their caches.
        cold_usd: what it cost that the new one had not.
    """

    origin: str
    tokens: int
    saved_usd: float
    cold_usd: float

    @property
    def net_usd(self) -> float:
        """What was gained, or lost where it is below 0."""
        return self.saved_usd - self.cold_usd


class RequestForm(NamedTuple):
    """A request in another API.

    Attributes:
        body: empty where it cannot be.
        untranslatable: what it asks for that this API does not have; empty for nothing.
        dropped: fields that the body does not have, as they only advise.
    """

    body: bytes = b""
    untranslatable: str = ""
    dropped: tuple[str, ...] = ()


class PromptSize(NamedTuple):
    """Tokens of a prompt.

    Attributes:
        usual: an estimate.
        most: hardly ever exceeded.
    """

    usual: int
    most: int


_NONE: Mapping[str, Any] = MappingProxyType({})


class ChatRequest(NamedTuple):
    """What a body asks for.

    Attributes:
        model: the name that it holds.
        streamed: whether it asks for a stream.
        turns: what the user wrote, oldest first; one text for each of the user's messages.
        opening: what begins the conversation and stays the same in it.
        needs: capabilities that the upstream must have.
        prompt_tokens: an estimate, by all that the body says to the model.
        most_prompt_tokens: a count that is hardly ever exceeded.
        answer_tokens: the longest answer that is asked for; 0 without a limit.
        answers: how many are asked for.
        usage_asked: whether a stream is to end with its usage.
        continued: whether it goes on with a conversation, of which there were answers already.
        rewritten: the body anew, where its readers could disagree about it; else empty.
        api: that it is a request of.
        failures: results of tools in it that tell of a failure.
        follows: the answer that it goes on from, which its upstream keeps; empty for none.
        kept: whether its answer is kept upstream, to be gone on from.
        forms: the same in other APIs, by their names, where an upstream speaks no other.
        echo: what a translated answer repeats of it.
        sizes: of the prompt, by the files of the tokenizers that counted it.
    """

    model: str
    streamed: bool
    turns: tuple[str, ...]
    opening: str
    needs: frozenset[str]
    prompt_tokens: int
    most_prompt_tokens: int
    answer_tokens: int
    answers: int = 1
    usage_asked: bool = False
    continued: bool = False
    rewritten: bytes = b""
    api: Api = CHAT
    failures: int = 0
    follows: str = ""
    kept: bool = False
    forms: Mapping[str, RequestForm] = _NONE
    echo: Mapping[str, Any] = _NONE
    sizes: Mapping[str, PromptSize] = _NONE

    def size_by(self, tokenizer: str) -> PromptSize:
        """The prompt's size by a tokenizer; the estimate where that did not count it."""
        found = self.sizes.get(tokenizer) if tokenizer else None
        return found or PromptSize(self.prompt_tokens, self.most_prompt_tokens)


class Authorization(Protocol):
    """What a key lets a request do. `settle` is called once, however the request ends."""

    @property
    def key(self) -> str:
        """A name for the key that may stand in logs; empty for none."""

    @property
    def models(self) -> frozenset[str] | None:
        """The models that it may reach; None for all."""

    async def reserve(self, usd: float) -> None:
        """Put money aside before an upstream is asked; again where a lost try has to be paid.

        Args:
            usd: the price of the prompt and of the longest answers that were asked for, at the
                dearest model that the request may go to. What several calls put aside adds up.

        Raises:
            ApiError: 429 if it does not fit into the budget.
        """

    def settle(self, usage: Usage, usd: float) -> None:
        """Take the report: zero for a request that no upstream answered.

        It is not awaited, because the client may be gone: it must not block. What it writes, it
        writes behind.
        """


class Authenticator(Protocol):
    """Who may ask."""

    async def identify(self, key: str | None) -> Authorization:
        """Who this is, before anything is read or counted.

        Raises:
            ApiError: 401 if the key is missing or not known.
        """

    async def authorize(self, key: str | None, model: str, now: float) -> Authorization:
        """Let a request in, and count it.

        Args:
            key: what stood behind ``Authorization: Bearer``; None without.
            model: what the client asked for, an upstream's or a virtual one.
            now: seconds since the epoch.

        Raises:
            ApiError: 401 (key), 403 (model), 429 (rate, budget).
        """

    async def open(self) -> None:
        """Called as the gateway starts."""

    async def close(self) -> None:
        """Called as the gateway ends, after the last request: write what is not yet written."""


class Attempt(NamedTuple):
    """One upstream that was asked: its model, and what went wrong or nothing.

    Attributes:
        model: the upstream's.
        error: what went wrong; empty for nothing.
        lost_usd: what is booked for an answer that nobody got, which its provider may bill.
    """

    model: str
    error: str = ""
    lost_usd: float = 0.0


@dataclass(slots=True)
class LogEntry:
    """All that is known of a request when it is over.

    Attributes:
        request_id: as in ``x-routereval-request-id``.
        time: seconds since the epoch, when it came.
        key: the authorization's name.
        path: such as ``/v1/chat/completions``.
        asked: the model that the client named.
        text: what was routed; empty where the client named an upstream's model.
        conversation: what it is a part of, as a hash that its key goes into.
        streamed: whether the client asked for a stream.
        lam: the trade-off, in score.
        allowed: the models that the decision was between.
        decision: the router's; None where the client named an upstream's model.
        router: which router decided, for tests of one against another.
        propensity: the probability with which that router makes this choice.
        share: of the conversations that this router has.
        explore: the share of choices that are drawn evenly.
        against: the router that serves, in a test of others against it.
        model: who answered; empty for nobody.
        deployment: which of its upstreams, where there are several.
        rules: the names of the rules that it was under.
        traceparent: the client's trace that it is a part of, as its header says.
        attempts: who was asked, in order.
        reason: why that model, as in ``x-routereval-reason``.
        switch: that its conversation was with another upstream before; None where it was not.
        status: what the client got.
        error: the code of an error that the client got, also in mid-stream.
        usage: tokens.
        usd: what they cost by the prices of the configuration, and what lost attempts cost.
        decided_s: seconds from the request to the decision.
        first_byte_s: seconds to the first byte of the answer.
        total_s: seconds to the last one.
    """

    request_id: str
    time: float
    key: str = ""
    path: str = ""
    asked: str = ""
    text: str = ""
    conversation: str = ""
    streamed: bool = False
    lam: float = 0.0
    allowed: tuple[str, ...] = ()
    decision: Decision | None = None
    router: str = ""
    propensity: float = 1.0
    share: float = 1.0
    explore: float = 0.0
    against: str = ""
    model: str = ""
    deployment: str = ""
    rules: tuple[str, ...] = ()
    traceparent: str = ""
    attempts: list[Attempt] = field(default_factory=list)
    reason: str = ""
    switch: Switch | None = None
    status: int = 0
    error: str = ""
    usage: Usage = NOTHING
    usd: float = 0.0
    decided_s: float = 0.0
    first_byte_s: float = 0.0
    total_s: float = 0.0

    def note_choice(self, choice: RouterChoice) -> None:
        """Take note of what a router chose, and how."""
        self.decision, self.router = choice.decision, choice.router
        self.propensity, self.share, self.explore = choice[2:5]
        self.against = choice.against

    @property
    def lost_usd(self) -> float:
        """What is booked for attempts whose answers nobody got."""
        return sum(attempt.lost_usd for attempt in self.attempts)


class Observer(Protocol):
    """What is shown every request when it is over: a log, metrics, a shadow router.

    It may also have asynchronous methods ``open`` and ``close``, called as the gateway starts and
    after its last request. One that raises is logged, and harms no request and no other observer.
    """

    def record(self, entry: LogEntry) -> None:
        """Take note of a request; it must not block."""


@dataclass(slots=True)
class ClientRequest:
    """A request as its client sent it, before anything is decided; hooks may change it.

    Attributes:
        path: such as ``/v1/chat/completions``.
        key: the name of the client's key; empty for none.
        headers: names in small letters. What may go upstream of them goes there.
        body: JSON. What is here afterwards is decided on, and goes upstream.
    """

    path: str
    key: str
    headers: Headers
    body: bytes


class RequestHook(Protocol):
    """What looks at every request before it is decided on: redaction, a guardrail, a header.

    Hooks are called one after the other, each with what the one before it left. A hook that fails
    fails the request: no request passes a guardrail that is broken. As an observer, it may have
    ``open`` and ``close``.
    """

    async def before_request(self, request: ClientRequest) -> None:
        """Look at a request, and change it where needed.

        Raises:
            ApiError: to answer it with that error instead.
        """


class RouterChoice(NamedTuple):
    """A decision, by which router, and how probable it was.

    Attributes:
        decision: of the router, or drawn.
        router: its name, in a test of one against another.
        propensity: the probability with which that router makes this choice.
        share: of the conversations that this router has.
        explore: the share of choices that are drawn evenly.
        against: the router that serves, in a test of others against it; empty without one.
    """

    decision: Decision
    router: str = ""
    propensity: float = 1.0
    share: float = 1.0
    explore: float = 0.0
    against: str = ""


NO_SURCHARGES: Mapping[str, float] = MappingProxyType({})


class Decider(Protocol):
    """Who decides where a request goes."""

    async def decide(
        self,
        text: str,
        lam: float,
        allowed: Sequence[str],
        *,
        unit: str = "",
        surcharges: Mapping[str, float] = NO_SURCHARGES,
    ) -> RouterChoice:
        """Choose among the allowed models.

        Args:
            text: what is routed.
            lam: the trade-off, in score.
            allowed: models of the pool, at least one.
            unit: what a split of the traffic keeps together: the conversation, or the request.
            surcharges: what models cost more than usual for this request, in USD; not given where
                there are none.
        """


class OpenAuthorization:
    """Everything is allowed, nothing is counted."""

    key = ""
    models: frozenset[str] | None = None

    async def reserve(self, usd: float) -> None:
        """There is no budget."""

    def settle(self, usage: Usage, usd: float) -> None:
        """Nothing to pay."""


class OpenAccess:
    """Everybody may ask; meant for a gateway that only its own machine reaches."""

    async def identify(self, key: str | None) -> Authorization:
        """Anybody."""
        return OpenAuthorization()

    async def authorize(self, key: str | None, model: str, now: float) -> Authorization:
        """Everybody."""
        return OpenAuthorization()

    async def open(self) -> None:
        """Nothing to prepare."""

    async def close(self) -> None:
        """Nothing to keep."""
