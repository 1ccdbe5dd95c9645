"""``POST /v1/messages/count_tokens``: how many tokens a request holds, without an answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from routereval.gateway.dialects.apis import COUNTS, MESSAGES
from routereval.gateway.http.app import authorization_of, body_of
from routereval.gateway.http.headers import bearer
from routereval.gateway.http.relay import Relay
from routereval.gateway.http.routing_plan import RoutingPlan
from routereval.gateway.http.sent_body import body_for
from routereval.gateway.protocols import ClientRequest
from routereval.gateway.upstreams.client import Stream
from routereval.gateway.upstreams.errors import Reply, UpstreamError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_PATIENCE_S = 20.0


async def count_tokens(request: Request) -> Response:
    """Ask the upstream that the client named, if it speaks the API; else estimate."""
    from starlette.responses import JSONResponse, Response

    relay: Relay = request.app.state.relay
    headers = request.scope["headers"]
    identified = await relay.authenticator.identify(bearer(headers))  # before the body is read
    async with body_of(request, int(relay.config.limits.body_mb * 1e6)) as body:
        asked = ClientRequest(request.url.path, identified.key, list(headers), body)
        await relay.planner.run_hooks(asked)
        counted = await relay.planner.parsed(asked.body, MESSAGES)
        rules = await relay.planner.rules_of(asked.key, asked.headers, asked.body)
        authorization = await authorization_of(request, counted.model)
        plan = relay.planner.plan(counted, authorization, rules=rules)
        reply = await _upstreams_count(relay, plan, asked)
    if reply is None:
        return JSONResponse({"input_tokens": counted.prompt_tokens})
    passed = {name.decode("latin-1"): value.decode("latin-1") for name, value in reply.headers}
    return Response(reply.body, reply.status, passed)


async def _upstreams_count(relay: Relay, plan: RoutingPlan, asked: ClientRequest) -> Reply | None:
    """What an upstream says that the client named; None where none counts."""
    if plan.virtual is not None:
        return None
    for upstream in plan.upstreams.models[plan.names[0]]:
        if upstream.translates(plan.request):
            continue
        until = asyncio.get_running_loop().time() + _PATIENCE_S
        body = await body_for(upstream, plan.request, plan.request.rewritten or asked.body)
        try:
            found = await relay.client.send(
                upstream.target, COUNTS.path, body, asked.headers, until, streamed=False, api=COUNTS
            )
        except UpstreamError:
            continue
        if not isinstance(found, Stream):
            return found
    return None
