"""Where a request may go, and who is to serve it: rules, keys, capabilities, the router."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from routereval.gateway.api_error import ApiError
from routereval.gateway.config import Config, VirtualModel
from routereval.gateway.decisions.rules import Rules
from routereval.gateway.dialects.apis import CHAT, EMBEDDINGS, Api
from routereval.gateway.http.chat_request import parse_request, routed_text
from routereval.gateway.http.latency_limit import latency_limit
from routereval.gateway.http.routing_plan import (
    RoutingPlan,
    conversation_digest,
    forbidden_error,
    no_embeddings_error,
    unknown_model_error,
)
from routereval.gateway.http.sent_body import LARGE_BODY_BYTES
from routereval.gateway.protocols import (
    Authorization,
    ChatRequest,
    ClientRequest,
    Decider,
    Headers,
    RequestHook,
    RouterChoice,
)
from routereval.gateway.upstreams.pool import UpstreamPool, quick_enough
from routereval.gateway.upstreams.upstream import Upstream

NO_COUNTERS: Mapping[str, Callable[[str], int]] = MappingProxyType({})
COUNTED_BODY_BYTES = 1 << 12  # beyond which a tokenizer works in a thread

log = logging.getLogger(__name__)


class Planner:
    """Plans requests.

    Args:
        config: of the gateway.
        upstreams: its upstreams.
        pool: the models that the router knows.
        decider: who chooses.
        hooks: what may change or reject a request before it is decided on.
        counters: what counts the tokens of texts as upstreams do, by their ``tokenizer``.
    """

    def __init__(
        self,
        config: Config,
        upstreams: UpstreamPool,
        pool: Sequence[str],
        decider: Decider,
        hooks: Sequence[RequestHook] = (),
        counters: Mapping[str, Callable[[str], int]] = NO_COUNTERS,
    ) -> None:
        self.config = config
        self.upstreams = upstreams
        self.rules = Rules(config.rules, config.upstreams)
        self.router_models = tuple(pool)
        self.routable = [name for name in pool if name in upstreams.models]
        self.decider = decider
        self.hooks = hooks
        self.counters = counters

    async def run_hooks(self, asked: ClientRequest) -> None:
        """Let each hook look at a request, and change it.

        Raises:
            ApiError: if one of them rejects it, or fails.
        """
        for hook in self.hooks:
            try:
                await hook.before_request(asked)
            except ApiError:
                raise
            except Exception:
                name = type(hook).__name__
                log.exception("hook %s failed", name)
                sentence = f"the hook {name} of the gateway failed; its log says why"
                raise ApiError(500, sentence, code="hook_failed") from None

    async def parsed(self, body: bytes, api: Api = CHAT) -> ChatRequest:
        """What a body asks for; a large one is read by a thread, so that others are served.

        Raises:
            ApiError: 400 or 413; see `parse_request`.
        """
        others = self.upstreams.other_apis(api)
        counters = self.counters
        if len(body) > (COUNTED_BODY_BYTES if counters else LARGE_BODY_BYTES):
            return await asyncio.to_thread(parse_request, body, api, others, counters)
        return parse_request(body, api, others, counters)

    async def rules_of(self, key: str, headers: Headers, body: bytes) -> tuple[str, ...]:
        """The names of the rules for a request; a large body is read by a thread."""
        if not self.rules:
            return ()
        if len(body) > LARGE_BODY_BYTES:
            return await asyncio.to_thread(self.rules.matching, key, headers, body)
        return self.rules.matching(key, headers, body)

    def plan(
        self,
        request: ChatRequest,
        authorization: Authorization,
        conversation: str = "",
        rules: Sequence[str] = (),
    ) -> RoutingPlan:
        """Where a request may go.

        Raises:
            ApiError: 404 if no model has that name, 403 if the key or a rule keeps it from there,
                400 if no model can serve the request.
        """
        upstreams = self.upstreams.restricted(self.rules.permitted(rules))
        virtual = self.config.resolve(request.model)
        if virtual is None:
            if request.model not in self.upstreams.models or not _allows(
                authorization, request.model
            ):
                raise unknown_model_error(request.model, self.names(authorization))
            if request.model not in upstreams.models:
                raise forbidden_error(request.model, rules)
            upstreams.check_spoken(request.model, request)
            digest = conversation_digest(request, authorization.key, conversation)
            return RoutingPlan(request, [request.model], None, upstreams, conversation=digest)
        if request.api is EMBEDDINGS:
            raise no_embeddings_error(request.model)
        names = self._permitted_names(request.model, virtual, authorization)
        if upstreams is not self.upstreams:
            names = [name for name in names if name in upstreams.models]
        if not names:
            raise forbidden_error(request.model, rules)
        routing = self.config.routing
        digest = conversation_digest(request, authorization.key, conversation)
        return RoutingPlan(
            request,
            upstreams.capable(names, request),
            virtual,
            upstreams,
            routed_text(request.turns, routing.context_chars, routing.prompt_chars),
            digest,
            sticks=bool(routing.sticky_s) and (bool(conversation) or request.continued),
        )

    def _permitted_names(
        self, asked: str, virtual: VirtualModel, authorization: Authorization
    ) -> list[str]:
        """The router's models that a virtual one stands for and a key may reach.

        Raises:
            ApiError: 403 if there is none.
        """
        names = self.routable
        if virtual.models:
            names = [name for name in virtual.models if name in self.routable]
        if authorization.models is not None:
            names = [name for name in names if name in authorization.models]
        if not names:
            raise ApiError(403, f"{asked!r} has no model for this key", code="no_model")
        return names

    def resting(self, names: Iterable[str], client: str | None = None) -> list[str]:
        """Those of the upstreams that are left alone after errors, by a client or by all."""
        now = _now()
        return [name for name in names if self.upstreams.models[name].rest_s(now, client)]

    def latency_limit(self, plan: RoutingPlan, asked: str) -> float:
        """The limit on latency of a request; see `latency_limit`."""
        return latency_limit(plan.virtual, self.config.routing, asked)

    def quick(
        self, plan: RoutingPlan, free: dict[str, list[Upstream]]
    ) -> dict[str, list[Upstream]]:
        """Those of some upstreams that keep a request's limit on latency."""
        if not plan.p95_s:
            return free
        return quick_enough(free, plan.p95_s, _now(), streamed=plan.request.streamed)

    def has_room(self) -> bool:
        """Whether one of the router's models has an upstream that takes a request now."""
        return bool(self.upstreams.free(self.routable, _now()))

    def names(self, authorization: Authorization) -> list[str]:
        """The models that a client may name, virtual ones first."""
        virtual = ["auto", *(f"auto:{name}" for name in self.config.virtual)]
        return [*virtual, *(name for name in self.upstreams.models if _allows(authorization, name))]

    async def choose(
        self, plan: RoutingPlan, names: Sequence[str], now: float | None = None
    ) -> RouterChoice:
        """Who is to serve a request, of the models named.

        Args:
            plan: of the request.
            names: of models.
            now: seconds since the epoch, where a conversation's cold caches are to count.
        """
        lam = plan.virtual.lam if plan.virtual else 0.0
        text, unit, holding = plan.text, plan.conversation, plan.holding
        if holding is None or now is None:
            return await self.decider.decide(text, lam, names, unit=unit)
        lam = 0.0 if holding.escalates else lam
        if cold := holding.surcharges(names, now, self.config.routing.sticky_s):
            return await self.decider.decide(text, lam, names, unit=unit, surcharges=cold)
        return await self.decider.decide(text, lam, names, unit=unit)


def _allows(authorization: Authorization, name: str) -> bool:
    return authorization.models is None or name in authorization.models


def _now() -> float:
    return asyncio.get_running_loop().time()
