"""The life of a request: who may ask, where it goes, who is asked next, what it cost."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from routereval.errors import RouterEvalError
from routereval.gateway.api_error import ApiError
from routereval.gateway.config import Config, Virtual
from routereval.gateway.decisions.router_decider import Conversations
from routereval.gateway.http.chat_request import Ask, read_body, routed_text, with_model
from routereval.gateway.http.connection import (
    GONE,
    ClientGoneError,
    Exchange,
    Presence,
    Receive,
    Scope,
    Send,
    usage_of_reply,
)
from routereval.gateway.protocols import (
    NOTHING,
    Attempt,
    Decider,
    Door,
    Entry,
    Grant,
    Observer,
    Routed,
    Usage,
)
from routereval.gateway.upstreams.circuit_breaker import RetryBudget
from routereval.gateway.upstreams.client import Client, Stream
from routereval.gateway.upstreams.errors import Fault, Reply, final_error
from routereval.gateway.upstreams.pool import Place, Places

LARGE_BODY = 1 << 18

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Route:
    """Where a request may go.

    Attributes:
        ask: what it asks for.
        names: the models that may serve it.
        virtual: what its virtual model stands for; None if the client named an upstream's.
        text: what is routed.
        conversation: what the request is a part of.
        sticks: whether it goes where the conversation went before.
        tried: who has been asked.
    """

    ask: Ask
    names: list[str]
    virtual: Virtual | None
    text: str = ""
    conversation: str = ""
    sticks: bool = False
    tried: dict[str, Fault] = field(default_factory=dict)


class Relay:
    """Answers requests for completions.

    Args:
        config: of the gateway.
        places: its upstreams.
        client: for asking upstreams.
        pool: the models that the router knows.
        decider: who chooses.
        door: who may ask.
        observers: who is told afterwards.
    """

    def __init__(
        self,
        config: Config,
        places: Places,
        client: Client,
        pool: Sequence[str],
        *,
        decider: Decider,
        door: Door,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.config = config
        self.places = places
        self.decider_models = tuple(pool)
        self.pool = [name for name in pool if name in places]
        self.client = client
        self.decider = decider
        self.door = door
        self.observers = observers
        self.started = int(time.time())
        self.in_flight = 0
        self.draining = False
        self._observer_failures: Counter[str] = Counter()
        self._retries = RetryBudget(config.faults.retry_ratio, config.faults.retry_burst)
        self._conversations = Conversations(config.routing.sticky_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; it ends with an answer or an error, whatever happens."""
        exchange = Exchange(scope, receive, send)
        exchange.draining = self.draining
        if self.in_flight >= self.config.limits.in_flight:
            await exchange.error(_overload(self.config.limits.in_flight))
            self._tell(exchange)
            return
        self.in_flight += 1
        presence = Presence(receive, self.config.limits.request_s * 1.1 + 1)
        try:
            await self._attended(exchange, presence)
        except asyncio.CancelledError:
            if not presence.gone:
                raise
            _forgive_cancel()
            exchange.entry.status = GONE
        except ClientGoneError:
            exchange.entry.status = GONE
        finally:
            presence.end()
            self.in_flight -= 1
            self._tell(exchange)

    async def _attended(self, exchange: Exchange, presence: Presence) -> None:
        try:
            await self._answered(exchange)
        except ApiError as error:
            await exchange.error(error)
        except RouterEvalError as error:
            sentence = f"the router could not decide: {error}"
            await exchange.error(ApiError(503, sentence, code="router_failed"))

    async def _answered(self, exchange: Exchange) -> None:
        limits, entry = self.config.limits, exchange.entry
        entry.key = (await self.door.recognise(exchange.key)).key  # before a byte of it is read
        body = await exchange.body(int(limits.body_mb * 1e6), limits.body_s)
        large = len(body) > LARGE_BODY
        ask = await asyncio.to_thread(read_body, body) if large else read_body(body)
        entry.asked, entry.streamed = ask.model, ask.streamed
        grant = await self.door.admit(exchange.key, ask.model, entry.time)
        try:
            route = self.route(ask, grant, exchange.header(b"x-routereval-conversation"))
            entry.text, entry.lam = route.text, route.virtual.lam if route.virtual else 0.0
            await grant.reserve(self.places.dearest(route.names, ask))
            await self._served(exchange, route, body)
        finally:
            grant.settle(entry.usage, entry.usd)

    def route(self, ask: Ask, grant: Grant, conversation: str = "") -> Route:
        """Where a request may go.

        Raises:
            ApiError: 404 if no model has that name, 403 if the key may not reach it, 400 if no
                model can serve the request.
        """
        virtual = self.config.resolve(ask.model)
        if virtual is None:
            if ask.model not in self.places or not _may(grant, ask.model):
                raise _no_model(ask.model, self.names(grant))
            return Route(ask, [ask.model], None)
        names = [name for name in virtual.models or self.pool if name in self.pool]
        names = [name for name in names if _may(grant, name)]
        if not names:
            raise ApiError(403, f"{ask.model!r} has no model for this key", code="no_model")
        routing = self.config.routing
        named = conversation or f"{grant.key}\n{ask.opening}"
        digest = blake2b(named.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        return Route(
            ask,
            self.places.able(names, ask),
            virtual,
            routed_text(ask.turns, routing.context_chars, routing.prompt_chars),
            digest,
            sticks=bool(routing.sticky_s) and (bool(conversation) or len(ask.turns) > 1),
        )

    def names(self, grant: Grant) -> list[str]:
        """The models that a client may name, virtual ones first."""
        virtual = ["auto", *(f"auto:{name}" for name in self.config.virtual)]
        return [*virtual, *(name for name in self.places if _may(grant, name))]

    async def decided(self, route: Route, names: Sequence[str]) -> Routed:
        """Who is to serve a request, of the models named."""
        lam = route.virtual.lam if route.virtual else 0.0
        return await self.decider.decide(route.text, lam, names, unit=route.conversation)

    async def _served(self, exchange: Exchange, route: Route, body: bytes) -> None:
        until = asyncio.get_running_loop().time() + self.config.limits.request_s
        self._retries.earn()
        while (place := await self._next(exchange, route)) is not None:
            with place.taken():
                fault = await self._asked(exchange, route, place, body, until)
            if fault is None:
                return
            route.tried[place.upstream.name] = fault
            if len(route.tried) >= self.config.faults.attempts or not self._retries.take():
                break
        await self._given_up(exchange, route)

    async def _next(self, exchange: Exchange, route: Route) -> Place | None:
        """The best upstream that has not been tried and has room; None if there is none."""
        entry = exchange.entry
        while True:
            now = _now()
            untried = [name for name in route.names if name not in route.tried]
            if route.virtual is None:
                place = self.places[route.names[0]]
                entry.reason = "asked for"
                return None if route.tried or place.full else place
            names = self.places.with_room(untried, now)
            if not names:
                return None
            place = self.places[await self._choice(entry, route, names)]
            if not place.full and place.breaker.enter(_now()):
                return place

    async def _choice(self, entry: Entry, route: Route, names: list[str]) -> str:
        if route.sticks:
            model = self._conversations.model(route.conversation, _now())
            if model in names:
                entry.reason = "same conversation"
                return model
        routed = await self.decided(route, names)
        if entry.decision is None:
            entry.allowed = tuple(names)
            entry.decision, entry.router, entry.propensity = routed
            entry.decided_s = time.time() - entry.time
        failed = "".join(f"; after {name} {fault.detail}" for name, fault in route.tried.items())
        entry.reason = routed.decision.reason + failed
        return routed.decision.model

    async def _asked(
        self, exchange: Exchange, route: Route, place: Place, body: bytes, until: float
    ) -> Fault | None:
        """Ask an upstream and pass on its answer; the fault, if another one may be asked."""
        name, entry = place.upstream.name, exchange.entry
        path = entry.path.removeprefix("/v1")
        sent = body if place.served_as == route.ask.model else with_model(body, place.served_as)
        try:
            answer = await self.client.ask(
                place.target, path, sent, exchange.headers, until, streamed=route.ask.streamed
            )
        except Fault as fault:
            self._note_fault(place, entry, fault)
            return fault
        except asyncio.CancelledError:
            place.breaker.left()
            entry.attempts.append(Attempt(name, "the client left"))
            raise
        place.breaker.succeeded()
        entry.model = name
        entry.attempts.append(Attempt(name))
        self._conversations.note(route.conversation, name, _now())
        if isinstance(answer, Stream):
            await self._streamed(exchange, route, place, answer)
        else:
            self._paid(entry, place, usage_of_reply(answer, route.ask.prompt_tokens))
            await exchange.reply(answer)
        return None

    async def _streamed(
        self, exchange: Exchange, route: Route, place: Place, stream: Stream
    ) -> None:
        try:
            await exchange.stream(stream)
        except Fault as fault:
            self._note_fault(place, exchange.entry, fault)
            sentence = f"{place.upstream.name} {fault.detail} in mid-stream"
            await exchange.error(ApiError(502, sentence, code="stream_cut"))
        finally:
            stream.close()
            usage = exchange.usage_of_stream(route.ask.prompt_tokens)
            self._paid(exchange.entry, place, usage)

    def _note_fault(self, place: Place, entry: Entry, fault: Fault) -> None:
        if fault.blames:
            place.breaker.failed(_now(), fault.pause)
        else:
            place.breaker.left()
        entry.attempts.append(Attempt(place.upstream.name, str(fault)))

    def _paid(self, entry: Entry, place: Place, usage: Usage) -> None:
        entry.usage = usage
        entry.usd = place.price(usage) if usage != NOTHING else 0.0

    async def _given_up(self, exchange: Exchange, route: Route) -> None:
        """Nobody answered: pass on what is the client's to know, or say who was asked."""
        last: Reply | None = None
        for fault in route.tried.values():
            if route.virtual is None or fault.kind == "context":
                last = fault.reply
        if last is not None:
            exchange.entry.error = f"upstream_{last.status}"
            await exchange.reply(last)
            return
        rests = self.places.wait(route.names, _now())
        raise final_error(route.tried.items(), rests)

    def _tell(self, exchange: Exchange) -> None:
        """Show the request to each observer; one that fails harms nobody behind it."""
        exchange.entry.total_s = exchange.passed()
        for observer in self.observers:
            try:
                observer.record(exchange.entry)
            except Exception:
                self._observer_failures[type(observer).__name__] += 1
                failures = self._observer_failures[type(observer).__name__]
                if failures.bit_count() == 1:  # logged at 1, 2, 4, 8, …
                    log.exception(
                        "observer %s failed for %d requests", type(observer).__name__, failures
                    )


def _may(grant: Grant, name: str) -> bool:
    return grant.models is None or name in grant.models


def _no_model(asked: str, names: Sequence[str]) -> ApiError:
    import difflib

    near = difflib.get_close_matches(asked[:200], names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "; see GET /v1/models"
    sentence = f"there is no model {asked[:200]!r}{hint}"
    return ApiError(404, sentence, code="model_not_found", param="model")


def _overload(limit: int) -> ApiError:
    sentence = f"the gateway is serving {limit} requests, its limit; try again in a moment"
    return ApiError(503, sentence, code="overloaded", retry_after=1.0)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _forgive_cancel() -> None:
    """Take back the cancellation by which a client's leaving was told."""
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
