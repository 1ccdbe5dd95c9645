"""The life of a request: authorization, routing, failover between upstreams, accounting."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from routereval.errors import RouterEvalError
from routereval.gateway.api_error import ApiError
from routereval.gateway.decisions.conversation import Conversations, WarmCache
from routereval.gateway.decisions.kept_responses import (
    KeptResponse,
    KeptResponses,
    not_found_error,
)
from routereval.gateway.dialects.apis import RESPONSES
from routereval.gateway.dialects.responses_answer import ResponsesStream
from routereval.gateway.http.asgi import Receive, Scope, Send
from routereval.gateway.http.body import BodyMemory, ClientGoneError
from routereval.gateway.http.connection import GONE, Connection
from routereval.gateway.http.disconnect import DisconnectWatchers
from routereval.gateway.http.holding import Holding
from routereval.gateway.http.kept_turns import KeptTurns
from routereval.gateway.http.latency_limit import LIMIT_HEADER
from routereval.gateway.http.planner import Planner
from routereval.gateway.http.routing_plan import (
    RoutingPlan,
)
from routereval.gateway.http.sent_body import spoken_api
from routereval.gateway.http.upstream_answer import answer_of, clients_events
from routereval.gateway.protocols import (
    NOTHING,
    Attempt,
    Authenticator,
    Authorization,
    ChatRequest,
    ClientRequest,
    LogEntry,
    Observer,
    Usage,
)
from routereval.gateway.shared_state import SharedState
from routereval.gateway.upstreams.circuit_breaker import RetryBudgets
from routereval.gateway.upstreams.client import Client, Stream
from routereval.gateway.upstreams.errors import UpstreamError, clients_own_reply, final_error
from routereval.gateway.upstreams.upstream import Upstream

log = logging.getLogger(__name__)


class Relay:
    """Answers requests for completions.

    Args:
        planner: of where each may go.
        client: for asking upstreams.
        authenticator: who may ask.
        state: what is shared with other workers.
        observers: what is shown every request when it is over.
    """

    def __init__(
        self,
        planner: Planner,
        client: Client,
        *,
        authenticator: Authenticator,
        state: SharedState,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.planner = planner
        self.config = config = planner.config
        self.upstreams = planner.upstreams
        self.client = client
        self.authenticator = authenticator
        self.state = state
        self._kept = KeptResponses(state)
        self._turns = KeptTurns(state, config.routing.keep_s)
        self._conversations = Conversations(state, config.routing.sticky_s)
        self.parts: list[Any] = [
            authenticator,
            *planner.hooks,
            *observers,
        ]  # to be opened and closed
        self.observers = observers
        self.started = int(time.time())
        self.in_flight = 0
        self.memory = BodyMemory(int(config.limits.bodies_mb * 1e6))
        self.draining = False
        self._watchers = DisconnectWatchers(config.limits.request_s * 1.1 + 1)
        self._observer_failures: Counter[str] = Counter()
        self._retries = RetryBudgets(config.failover.retry_ratio, config.failover.retry_burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; it ends with an answer or an error, whatever happens."""
        connection = Connection(scope, receive, send)
        connection.draining = self.draining
        try:
            self._occupy()
            try:
                await self._answered(connection, receive)
            finally:
                self.in_flight -= 1
        except ApiError as error:
            await connection.error(error)
        finally:
            self._notify_observers(connection)

    @contextmanager
    def occupied(self) -> Iterator[None]:
        """Hold one of the places for requests.

        Raises:
            ApiError: 503 if none is free.
        """
        self._occupy()
        try:
            yield
        finally:
            self.in_flight -= 1

    def _occupy(self) -> None:
        if self.in_flight >= self.config.limits.in_flight:
            raise _overload_error(self.config.limits.in_flight)
        self.in_flight += 1

    async def _answered(self, connection: Connection, receive: Receive) -> None:
        """Answer, unless the client leaves."""
        watcher = self._watchers.watch(receive)
        try:
            await self._answer_or_error(connection)
        except asyncio.CancelledError:
            if not watcher.gone:
                raise
            _clear_cancellation()
            connection.entry.status = GONE
        except ClientGoneError:
            connection.entry.status = GONE
        finally:
            self._watchers.end(watcher)

    async def _answer_or_error(self, connection: Connection) -> None:
        try:
            await self._answer(connection)
        except ApiError as error:
            await connection.error(error)
        except RouterEvalError as error:
            sentence = f"the router could not decide: {error}"
            await connection.error(ApiError(503, sentence, code="router_failed"))
        except ClientGoneError:
            raise
        except Exception:
            log.exception("a request failed by a defect of the gateway")
            await connection.error(internal_error())

    async def _answer(self, connection: Connection) -> None:
        limits, entry = self.config.limits, connection.entry
        identified = await self.authenticator.identify(connection.key)  # before the body is read
        entry.key = identified.key
        body = await connection.body(int(limits.body_mb * 1e6), limits.body_s, self.memory)
        held = len(body)
        try:
            if self.planner.hooks:
                asked = ClientRequest(entry.path, entry.key, list(connection.headers), body)
                await self.planner.run_hooks(asked)
                connection.headers, body = asked.headers, asked.body
            request = await self.planner.parsed(body, connection.api)
            if request.forms and connection.api is RESPONSES:
                request, body = await self._whole_turn(connection, request, body)
                self.memory.hold(len(body) - held)
                held = len(body)
            await self._answer_request(connection, request, body)
        finally:
            self.memory.free(held)

    async def _whole_turn(
        self, connection: Connection, request: ChatRequest, body: bytes
    ) -> tuple[ChatRequest, bytes]:
        """A request of the Responses API with what it goes on from, if the gateway keeps that.

        Raises:
            ApiError: 400 if nobody keeps it, 413 if it is too much.
        """
        connection.turn = self._turns.turn_of(body)
        if not request.follows and b"item_reference" not in body:
            return request, body
        most = int(self.config.limits.body_mb * 1e6)
        whole = await self._turns.whole(connection.entry.key, body, most)
        if whole is None:
            if request.follows:  # an upstream keeps it, then
                await self._kept.find(connection.entry.key, request.follows)
            return request, body
        return await self.planner.parsed(whole, connection.api), whole

    async def _answer_request(
        self, connection: Connection, request: ChatRequest, body: bytes
    ) -> None:
        entry = connection.entry
        entry.asked, entry.streamed = request.model, request.streamed
        authorization = await self.authenticator.authorize(
            connection.key, request.model, entry.time
        )
        try:
            entry.rules = await self.planner.rules_of(entry.key, connection.headers, body)
            plan = self.planner.plan(
                request, authorization, connection.header(b"x-routereval-conversation"), entry.rules
            )
            if request.follows:
                await self._pin(plan, entry.key)
            plan.holding = await self._holding(plan)
            plan.p95_s = self.planner.latency_limit(plan, connection.header(LIMIT_HEADER))
            plan.client, entry.conversation = entry.key or connection.address, plan.conversation
            entry.text, entry.lam = plan.text, plan.virtual.lam if plan.virtual else 0.0
            await authorization.reserve(plan.upstreams.highest_price(plan.names, request))
            await self._serve(connection, plan, authorization, request.rewritten or body)
        finally:
            authorization.settle(entry.usage, entry.usd)

    async def _pin(self, plan: RoutingPlan, key: str) -> None:
        """Leave only the upstream that keeps the answer which a request goes on from.

        Raises:
            ApiError: 400 if there is none.
        """
        kept = await self._kept.find(key, plan.request.follows)
        upstream = plan.upstreams.get(kept.label)
        if upstream is None or upstream.config.name not in plan.names:
            raise not_found_error(plan.request.follows)
        plan.pinned, plan.names = kept.label, [upstream.config.name]
        plan.conversation = kept.conversation

    async def _holding(self, plan: RoutingPlan) -> Holding | None:
        """How the conversation of a request is held; None where it is not."""
        routing = self.config.routing
        if plan.virtual is None or not routing.sticky_s:
            return None
        continued = plan.sticks or plan.pinned
        before = await self._conversations.find(plan.conversation) if continued else None
        return Holding(before, plan.request, plan.upstreams, plan.names, routing.escalate_after)

    async def _serve(
        self, connection: Connection, plan: RoutingPlan, authorization: Authorization, body: bytes
    ) -> None:
        until = asyncio.get_running_loop().time() + self.config.limits.request_s
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
            if plan.last_resort or attempts >= self.config.failover.attempts or not retries.take():
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
            quick = self.planner.quick(plan, free)
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
            choice = await self.planner.choose(plan, names, entry.time)
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
                self.client, connection, plan.request, upstream, body, until
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

    def _notify_observers(self, connection: Connection) -> None:
        """Show the request to each observer; one that fails harms nobody behind it."""
        connection.entry.total_s = connection.elapsed_s()
        for observer in self.observers:
            try:
                observer.record(connection.entry)
            except Exception:
                self._observer_failures[type(observer).__name__] += 1
                failures = self._observer_failures[type(observer).__name__]
                if failures.bit_count() == 1:  # logged at 1, 2, 4, 8, …
                    log.exception(
                        "observer %s failed for %d requests", type(observer).__name__, failures
                    )


def internal_error() -> ApiError:
    """The error for a defect of the gateway's own; its traceback is logged, not sent."""
    sentence = "the gateway made a mistake; its log says where"
    return ApiError(500, sentence, code="internal")


def _overload_error(limit: int) -> ApiError:
    sentence = f"the gateway is serving {limit} requests, its limit; try again in a moment"
    return ApiError(503, sentence, code="overloaded", retry_after=1.0)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _clear_cancellation() -> None:
    """Take back the cancellation by which the watcher ended the request."""
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
