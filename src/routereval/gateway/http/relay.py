"""The life of a request: authorization, its body, the plan of where it may go, its end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from routereval.errors import RouterEvalError
from routereval.gateway.api_error import ApiError
from routereval.gateway.decisions.conversation import Conversations
from routereval.gateway.decisions.kept_responses import KeptResponses, not_found_error
from routereval.gateway.dialects.apis import RESPONSES
from routereval.gateway.http.asgi import Receive, Scope, Send
from routereval.gateway.http.body import BodyMemory, ClientGoneError
from routereval.gateway.http.connection import GONE, Connection
from routereval.gateway.http.disconnect import DisconnectWatchers
from routereval.gateway.http.failover import Failover
from routereval.gateway.http.holding import Holding
from routereval.gateway.http.kept_turns import KeptTurns
from routereval.gateway.http.latency_limit import LIMIT_HEADER
from routereval.gateway.http.planner import Planner
from routereval.gateway.http.routing_plan import RoutingPlan
from routereval.gateway.protocols import Authenticator, ChatRequest, ClientRequest, Observer
from routereval.gateway.shared_state import SharedState
from routereval.gateway.upstreams.client import Client

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
        self._failover = Failover(planner, client, self._kept, self._turns, self._conversations)

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
            await self._failover.serve(connection, plan, authorization, request.rewritten or body)
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


def _clear_cancellation() -> None:
    """Take back the cancellation by which the watcher ended the request."""
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
