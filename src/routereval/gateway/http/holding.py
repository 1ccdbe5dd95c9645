"""How a conversation is held by its model: when it stays, who stands in, and why it leaves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import msgspec

from routereval.gateway.decisions.cold_cache import booked_switch, cold_price
from routereval.gateway.decisions.conversation import Conversation, WarmCache
from routereval.gateway.protocols import ChatRequest, Switch, Usage
from routereval.gateway.upstreams.errors import UpstreamError
from routereval.gateway.upstreams.pool import UpstreamPool

_CANNOT = frozenset({"context", "refused", "forbidden"})
"""Kinds of errors after which an upstream will not serve the conversation's next request either."""


class Seat(NamedTuple):
    """Where a request goes without a decision: the upstream by its label, its model, and why."""

    label: str
    model: str
    reason: str


class Holding:
    """One request of a conversation, and what is remembered of the ones before it.

    Args:
        before: what is remembered; None for a conversation that begins.
        request: what is asked for.
        upstreams: that may be asked.
        able: the models that can serve the request.
        escalate_after: failed results of tools after which it goes to a better model, once; 0 for
            never.

    Attributes:
        cause: why it leaves its model for good; empty where it does not.
        escalates: whether that is for failures of tools.
    """

    def __init__(
        self,
        before: Conversation | None,
        request: ChatRequest,
        upstreams: UpstreamPool,
        able: Collection[str],
        escalate_after: int = 0,
    ) -> None:
        self.before = before
        self._request = request
        self._upstreams = upstreams
        self._able = able
        self.cause = ""
        self.escalates = False
        if before is not None:
            failed = request.failures - before.failures
            due = 0 < escalate_after <= failed and not before.escalated
            self.cause = self._cause(before)
            self.escalates = due and not self.cause

    def seat(self, free: Iterable[str], tried: Mapping[str, UpstreamError]) -> Seat | None:
        """Where it stays, or who stands in; None where that is to be decided.

        Args:
            free: models that take a request now.
            tried: the upstreams that were asked already, by their labels, and their errors.
        """
        before = self.before
        if before is None or self.cause or self.escalates:
            return None
        if before.home in tried and tried[before.home].kind in _CANNOT:
            self.cause = f"{before.home} {tried[before.home].detail}"
            return None
        names = set(free)
        for label, reason in (
            (before.home, "same conversation"),
            (before.stand_in, f"same conversation; stands in for {before.home}"),
        ):
            upstream = self._upstreams.get(label)
            if upstream is not None and upstream.config.name in names:
                return Seat(label, upstream.config.name, reason)
        return None

    def why(self) -> str:
        """What goes before the reason of a decision: why the conversation is not where it was."""
        if self.before is None:
            return ""
        if self.escalates:
            failed = self._request.failures - self.before.failures
            return f"escalated after {failed} failures of tools: "
        if self.cause:
            return f"{self.cause}: "
        return f"stands in for {self.before.home}: "

    def stays_after_all(self, model: str) -> Seat | None:
        """Where it stays if the best model is the one that it has, so that none is better."""
        home = self._upstreams.get(self.before.home) if self.before is not None else None
        if not self.escalates or home is None or home.config.name != model:
            return None
        return Seat(home.label, model, "same conversation; no model is better")

    def surcharges(self, names: Iterable[str], now: float, seconds: float) -> dict[str, float]:
        """What each model costs more for a cold cache, in USD; nothing where it has to leave.

        Args:
            names: of models.
            now: seconds since the epoch.
            seconds: how long a cache lasts.
        """
        before = self.before
        if before is None or before.asked == self._request.model:
            return {}
        tokens = before.cached_tokens(before.last, now, seconds)
        found = {}
        for name in names:
            upstreams = list(self._upstreams.models[name])
            if not any(before.cached_tokens(u.label, now, seconds) for u in upstreams):
                found[name] = min(cold_price(upstream.price, tokens) for upstream in upstreams)
        return found

    def after(self, label: str, cache: WarmCache, seconds: float) -> Conversation:
        """What is remembered after an answer.

        Args:
            label: of the upstream that gave it.
            cache: what it holds of the conversation now.
            seconds: how long a cache lasts.
        """
        before, request = self.before, self._request
        stays = before is not None and not self.cause
        if before is None or (not stays) or (self.escalates and label != before.home):
            held = Conversation(label, request.model, failures=request.failures)
            if before is not None:
                escalated = before.escalated or self.escalates
                held = msgspec.structs.replace(held, escalated=escalated, warm=before.warm)
            return held.answered(label, cache, seconds)
        stand_in = "" if label == before.home else label
        escalated = before.escalated or self.escalates
        held = msgspec.structs.replace(before, stand_in=stand_in, escalated=escalated)
        return held.answered(label, cache, seconds)

    def switch(self, label: str, usage: Usage, now: float, seconds: float) -> Switch | None:
        """What is booked where another upstream answered than the last time; None for nothing.

        Args:
            label: of the upstream that answered.
            usage: of its answer.
            now: seconds since the epoch.
            seconds: how long a cache lasts.
        """
        before = self.before
        if before is None or before.last == label or not usage.tokens_in:
            return None
        tokens = before.cached_tokens(before.last, now, seconds)
        origin = self._upstreams.get(before.last)
        if not tokens or origin is None:
            return None
        move = self._upstreams[label].price
        return booked_switch(before.last, origin.price, move, usage, tokens)

    def _cause(self, before: Conversation) -> str:
        home = self._upstreams.get(before.home)
        if before.asked != self._request.model:
            return f"{self._request.model} instead of {before.asked}"
        if home is None:
            return f"{before.home} may not be asked any more"
        lack = home.unmet_need(self._request)
        if lack:
            return f"{before.home} {lack}"
        return "" if home.config.name in self._able else f"{before.home} may not be asked any more"
