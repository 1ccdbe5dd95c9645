"""Asking upstreams one after another until one answers, and noting what each of them did."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

from routereval.gateway.api_error import ApiError
from routereval.gateway.decisions.conversation import Conversations, WarmCache
from routereval.gateway.decisions.kept_responses import KeptResponse, KeptResponses
from routereval.gateway.dialects.responses_answer import ResponsesStream
from routereval.gateway.http.connection import Connection
from routereval.gateway.http.kept_turns import KeptTurns
from routereval.gateway.http.planner import Planner
from routereval.gateway.http.routing_plan import RoutingPlan
from routereval.gateway.http.sent_body import spoken_api
from routereval.gateway.http.upstream_answer import answer_of, clients_events
from routereval.gateway.protocols import NOTHING, Attempt, Authorization, LogEntry, Usage
from routereval.gateway.upstreams.circuit_breaker import RetryBudgets
from routereval.gateway.upstreams.client import Client, Stream
from routereval.gateway.upstreams.errors import UpstreamError, clients_own_reply, final_error
from routereval.gateway.upstreams.upstream import Upstream


class Failover:
    """Serves requests that are planned.

    Args:
        planner: chooses among the upstreams that are left.
        client: for asking them.
        kept: which upstream keeps which answer.
        turns: translated answers that the gateway keeps.
        conversations: who answered what is gone on with.
    """

    def __init__(
        self,
        planner: Planner,
        client: Client,
        kept: KeptResponses,
        turns: KeptTurns,
        conversations: Conversations,
    ) -> None:
        self._planner, self._client = planner, client
        self._kept, self._turns, self._conversations = kept, turns, conversations
        self._config = planner.config
        retry = planner.config.failover
        self._retries = RetryBudgets(retry.retry_ratio, retry.retry_burst)

    async def serve(
        self, connection: Connection, plan: RoutingPlan, authorization: Authorization, body: bytes
    ) -> None:
        """Answer with what the first upstream says that can answer, or with why none could.

        Args:
            connection: to the client.
            plan: where the request may go; what is tried is noted in it.
            authorization: that pays for it.
            body: of the request.

        Raises:
            ApiError: if no upstream answered, and no answer of one is the client's to know.
        """
        until = asyncio.get_running_loop().time() + self._config.limits.request_s
        retries = self._retries.of(plan.client)
        retries.earn()
        while (upstream := await self._next_upstream(connection, plan)) is not None:
            upstream.in_flight += 1
            try:
                error = await self._sent(connection, plan, upstream, body, until)
            finally:
                upstream.in_flight -= 1
            if error is None:
                return
            plan.tried[upstream.label] = error
            attempts = len(plan.tried)
            if plan.last_resort or attempts >= self._config.failover.attempts or not retries.take():
                break
            if error.billed:  # what was put aside is spent on this one
                highest = plan.upstreams.highest_price(plan.names, plan.request, plan.tried)
                await authorization.reserve(highest)
        await self._reply_with_failure(connection, plan)

    async def _next_upstream(self, connection: Connection, plan: RoutingPlan) -> Upstream | None:
        """The best upstream that has not been tried and has room; None if there is none."""
        entry = connection.entry
        if plan.pinned:
            entry.reason = "it keeps the response that this goes on from"
            upstream = plan.upstreams[plan.pinned]
            return None if plan.tried or upstream.full else upstream
        if plan.virtual is None:
            entry.reason = "asked for"
            return self._named_upstream(plan)
        while True:
            free = plan.upstreams.free(plan.names, _now(), plan.client, plan.request, plan.tried)
            if not free:
                return self._last_resort(entry, plan)
            quick = self._planner.quick(plan, free)
            model = await self._chosen_model(entry, plan, list(quick))
            if slow := [name for name in free if name not in quick]:
                entry.reason += f"; {', '.join(slow)} not within {plan.p95_s:g} s (p95)"
            upstream = plan.upstreams.models[model].best(quick[model], plan.preferred)
            if not upstream.full and upstream.breaker.allow(_now(), plan.client):
                return upstream

    def _named_upstream(self, plan: RoutingPlan) -> Upstream | None:
        """An upstream of the model that a client named; also one that rests, as the client asks."""
        model = plan.upstreams.models[plan.names[0]]
        free = model.free(_now(), plan.client, plan.request, plan.tried)
        if not free and not plan.tried:
            free = [upstream for upstream in model if not upstream.full]
        return model.best(free) if free else None

    def _last_resort(self, entry: LogEntry, plan: RoutingPlan) -> Upstream | None:
        """One that rests, if all do and none was asked yet: it may be well again."""
        if plan.tried:
            return None
        upstream = plan.upstreams.last_resort(plan.names, _now(), plan.client, plan.request)
        if upstream is not None:
            plan.last_resort = True
            entry.reason = "last resort: all rest after errors"
        return upstream

    async def _chosen_model(self, entry: LogEntry, plan: RoutingPlan, names: list[str]) -> str:
        holding = plan.holding
        seat = holding.seat(names, plan.tried) if holding is not None else None
        if seat is None:
            choice = await self._planner.choose(plan, names, entry.time)
            seat = holding.stays_after_all(choice.decision.model) if holding is not None else None
        if seat is not None:
            entry.reason, plan.preferred = seat.reason, seat.label
            return seat.model
        if entry.decision is None:
            entry.allowed = tuple(names)
            entry.note_choice(choice)
            entry.decided_s = time.time() - entry.time
        failed = "".join(f"; after {name} {error.detail}" for name, error in plan.tried.items())
        why = holding.why() if holding is not None else ""
        entry.reason = why + choice.decision.reason + failed
        return choice.decision.model

    async def _sent(
        self,
        connection: Connection,
        plan: RoutingPlan,
        upstream: Upstream,
        body: bytes,
        until: float,
    ) -> UpstreamError | None:
        """Ask one upstream and pass on its answer; the error, if another one may be asked."""
        name, entry = upstream.config.name, connection.entry
        if upstream.label not in plan.upstreams:  # never so; nothing leaves if it were
            raise RuntimeError(f"rules {entry.rules} do not permit {upstream.label}")
        began, streamed = _now(), plan.request.streamed
        try:
            answer, usage = await answer_of(
                self._client, connection, plan.request, upstream, body, until
            )
        except UpstreamError as error:
            if error.kind == "timeout":
                upstream.latency.note(_now() - began, _now(), streamed=streamed)
            self._note_error(upstream, entry, plan, error, lost=error.billed)
            return error
        except asyncio.CancelledError:
            upstream.breaker.abandoned(plan.client)
            self._note_attempt(upstream, entry, plan, "the client left", lost=True)
            raise
        now = _now()
        upstream.breaker.succeeded(plan.client)
        upstream.latency.note(now - began, now, streamed=streamed)
        entry.model = name
        entry.attempts.append(Attempt(name))
        entry.deployment = upstream.config.deployment
        if isinstance(answer, Stream):
            await self._streamed(connection, plan, upstream, answer)
            return None
        self._book(entry, plan, upstream, usage)
        if answer.status < 400:
            await self._note_kept(plan, upstream, entry.key, answer.body)
            if connection.turn is not None and upstream.translates(plan.request):
                await self._note_turn(connection, json.loads(answer.body)["output"])
            await self._note_conversation(plan, upstream, usage, entry.time)
        await connection.reply(answer)
        return None

    async def _note_kept(
        self, plan: RoutingPlan, upstream: Upstream, key: str, answer: bytes
    ) -> None:
        """Note which upstream keeps an answer, if one does."""
        if plan.request.kept and not upstream.translates(plan.request):
            await self._kept.note(key, answer, KeptResponse(upstream.label, plan.conversation))

    async def _note_turn(self, connection: Connection, output: Iterable[Mapping[str, Any]]) -> None:
        """Keep a turn whose answer was translated, if it is to be kept."""
        entry = connection.entry
        if connection.turn is not None:
            identity = f"resp_{entry.request_id}"
            await self._turns.note(entry.key, identity, connection.turn, output)

    async def _note_conversation(
        self, plan: RoutingPlan, upstream: Upstream, usage: Usage, now: float
    ) -> None:
        """Note who answered, and what of the conversation is in its cache."""
        if plan.holding is not None:
            cache = WarmCache(usage.tokens_in + usage.tokens_out, now)
            after = plan.holding.after(upstream.label, cache, self._conversations.seconds)
            await self._conversations.note(plan.conversation, after)

    async def _streamed(
        self, connection: Connection, plan: RoutingPlan, upstream: Upstream, stream: Stream
    ) -> None:
        entry, expected = connection.entry, Usage(upstream.prompt_size(plan.request).usual)
        try:
            await self._note_kept(plan, upstream, entry.key, stream.first)
            if plan.holding is not None and plan.holding.before is None:
                await self._note_conversation(plan, upstream, expected, entry.time)
            translated = clients_events(connection, plan.request, upstream)

            async def before_end() -> None:
                if isinstance(translated, ResponsesStream):
                    await self._note_turn(connection, translated.output)

            await connection.stream(
                stream,
                spoken_api(upstream, plan.request),
                strip_usage=not plan.request.usage_asked,
                translated=translated,
                before_end=before_end,
            )
        except UpstreamError as error:
            self._note_error(upstream, entry, plan, error, lost=False)
            sentence = f"{upstream.config.name} {error.detail} in mid-stream"
            await connection.error(ApiError(502, sentence, code="stream_cut"))
        finally:
            stream.close()
            usage = connection.usage_of_stream(expected.tokens_in)
            self._book(entry, plan, upstream, usage)
        await self._note_conversation(plan, upstream, usage, entry.time)

    def _note_error(
        self,
        upstream: Upstream,
        entry: LogEntry,
        plan: RoutingPlan,
        error: UpstreamError,
        *,
        lost: bool,
    ) -> None:
        if error.blames:
            evoked = error.kind != "connect"
            upstream.breaker.failed(_now(), plan.client, error.pause, evoked=evoked)
        else:
            upstream.breaker.abandoned(plan.client)
        self._note_attempt(upstream, entry, plan, str(error), lost=lost)

    def _note_attempt(
        self, upstream: Upstream, entry: LogEntry, plan: RoutingPlan, error: str, *, lost: bool
    ) -> None:
        """Note an attempt that failed; if its provider may bill it, so do we."""
        lost_usd = upstream.lost_price(plan.request) if lost else 0.0
        entry.attempts.append(Attempt(upstream.config.name, error, lost_usd))
        entry.usd += lost_usd

    def _book(self, entry: LogEntry, plan: RoutingPlan, upstream: Upstream, usage: Usage) -> None:
        entry.usage = usage
        if plan.holding is not None:
            seconds = self._conversations.seconds
            entry.switch = plan.holding.switch(upstream.label, usage, entry.time, seconds)
        entry.usd += upstream.price(usage) if usage != NOTHING else 0.0

    async def _reply_with_failure(self, connection: Connection, plan: RoutingPlan) -> None:
        """Nobody answered: pass on what is the client's to know, or say who was asked."""
        last = clients_own_reply(plan.tried.values(), named=plan.virtual is None)
        if last is not None:
            connection.entry.error = f"upstream_{last.status}"
            await connection.reply(last)
            return
        rests = plan.upstreams.shortest_rest_s(plan.names, _now(), plan.client)
        raise final_error(plan.tried.items(), rests, last_resort=plan.last_resort)


def _now() -> float:
    return asyncio.get_running_loop().time()
