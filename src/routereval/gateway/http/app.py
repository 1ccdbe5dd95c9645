"""The ASGI application: its endpoints, and how errors are answered."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from routereval.errors import MissingDependencyError, RouterEvalError
from routereval.gateway.api_error import ApiError
from routereval.gateway.dialects.apis import api_of
from routereval.gateway.dialects.errors import error_body
from routereval.gateway.http.body import ClientGoneError, read_body
from routereval.gateway.http.browser_policy import BrowserPolicy
from routereval.gateway.http.headers import bearer
from routereval.gateway.http.latency_limit import LIMIT_HEADER
from routereval.gateway.http.relay import Relay, internal_error
from routereval.gateway.protocols import NOTHING, Authorization, ClientRequest, OpenAccess
from routereval.gateway.upstream_config import AUTO

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

_PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
Endpoint = Callable[["Request"], Awaitable["Response"]]


def asgi_app(relay: Relay, routes: Sequence[BaseRoute] = ()) -> Starlette:
    """The application of a relay.

    Args:
        relay: what answers requests for completions; `app.state.relay` of the application.
        routes: of further endpoints.

    Raises:
        DataError: for an origin that cannot be let in.
        MissingDependencyError: if the extra is not installed.
    """
    try:
        from starlette.exceptions import HTTPException

        from routereval.gateway.http.gateway_app import GatewayApp
    except ImportError:
        raise MissingDependencyError.of("starlette", "serve") from None
    keyless = isinstance(relay.authenticator, OpenAccess)
    app = GatewayApp(
        relay,
        BrowserPolicy(relay.config.server, keyless=keyless),
        routes=[*_routes(relay, page=relay.config.server.page), *routes],
        lifespan=_lifespan(relay),
        exception_handlers={
            ApiError: _api_error,
            RouterEvalError: _router_error,
            HTTPException: _http_error,
            ClientGoneError: _client_gone,
            Exception: _internal_error,
        },
    )
    app.router.redirect_slashes = False  # a redirection would repeat the host that a client names
    return app


async def authorization_of(request: Request, model: str = AUTO) -> Authorization:
    """What the key of a request lets it do; the request counts against the key's rate.

    Args:
        request: of any kind.
        model: that it names.

    Raises:
        ApiError: 401 if the key is missing or not known, 403 (model), 429 (rate).
    """
    relay: Relay = request.app.state.relay
    key = bearer(request.scope["headers"])
    authorization = await relay.authenticator.authorize(key, model, time.time())
    authorization.settle(NOTHING, 0.0)  # it costs nothing
    return authorization


@asynccontextmanager
async def body_of(request: Request, most: int) -> AsyncIterator[bytes]:
    """The body of a request, within `most` bytes and the time that `[limits]` allows.

    Raises:
        ApiError, ClientGoneError: see `read_body`.
    """
    relay: Relay = request.app.state.relay
    seconds, memory = relay.config.limits.body_s, relay.memory
    body = await read_body(request.receive, request.scope["headers"], most, seconds, memory)
    try:
        yield body
    finally:
        memory.free(len(body))


def _lifespan(relay: Relay) -> Callable[[Starlette], Any]:
    """Opens the parts that want to be opened; closes them in the reverse order."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for part in {id(part): part for part in relay.parts}.values():  # one may be both
                if hasattr(part, "open"):
                    await part.open()
                if hasattr(part, "close"):
                    stack.push_async_callback(part.close)
            await stack.enter_async_context(relay.client)
            yield

    return lifespan


def _routes(relay: Relay, *, page: bool) -> list[BaseRoute]:
    from starlette.routing import Route

    routes: list[BaseRoute] = [
        Route("/v1/chat/completions", relay, methods=["POST"]),
        Route("/v1/completions", relay, methods=["POST"]),
        Route("/v1/messages", relay, methods=["POST"]),
        Route("/v1/responses", relay, methods=["POST"]),
        Route("/v1/embeddings", relay, methods=["POST"]),
        Route("/v1/route", _route, methods=["POST"]),
        Route("/v1/models", _models),
        Route("/v1/models/{name:path}", _model),
        Route("/healthz", _healthy),
        Route("/readyz", _ready),
    ]
    return [*routes, Route("/", _page())] if page else routes


async def _route(request: Request) -> Response:
    """The decision without an answer."""
    from starlette.responses import JSONResponse

    relay: Relay = request.app.state.relay
    headers = request.scope["headers"]
    identified = await relay.authenticator.identify(bearer(headers))  # before the body is read
    async with body_of(request, int(relay.config.limits.body_mb * 1e6)) as body:
        asked = ClientRequest(request.url.path, identified.key, list(headers), body)
        await relay.planner.run_hooks(asked)
        chat = await relay.planner.parsed(asked.body)
        rules = await relay.planner.rules_of(asked.key, asked.headers, asked.body)
    authorization = await authorization_of(request, chat.model)
    plan = relay.planner.plan(chat, authorization, rules=rules)
    if plan.virtual is None:
        return JSONResponse({"model": chat.model, "reason": "asked for", "rules": rules})
    limit = next((v for n, v in asked.headers if n == LIMIT_HEADER), b"").decode("latin-1")
    plan.p95_s = relay.planner.latency_limit(plan, limit)
    by_name = {name: list(plan.upstreams.models[name]) for name in plan.names}
    allowed = list(relay.planner.quick(plan, by_name))
    choice = await relay.planner.choose(plan, allowed)
    decision, models = choice.decision, relay.planner.router_models
    address = request.client.host if request.client else ""
    return JSONResponse(
        {
            "model": decision.model,
            "reason": decision.reason,
            "unfamiliar": decision.unfamiliar,
            "lam": plan.virtual.lam,
            "router": choice.router,
            "allowed": allowed,
            "rules": rules,
            "scores": {m: _finite(v) for m, v in zip(models, decision.scores, strict=True)},
            "costs": {m: _finite(v) for m, v in zip(models, decision.costs, strict=True)},
            "resting": relay.planner.resting(plan.names, authorization.key or address),
        }
    )


async def _models(request: Request) -> Response:
    from starlette.responses import JSONResponse

    relay: Relay = request.app.state.relay
    names = relay.planner.names(await authorization_of(request))
    cards = [_model_card(name, relay) for name in names]
    return JSONResponse({"object": "list", "data": cards})


async def _model(request: Request) -> Response:
    from starlette.responses import JSONResponse

    relay: Relay = request.app.state.relay
    name = request.path_params["name"]
    authorization = await authorization_of(request)
    if name not in relay.planner.names(authorization) and relay.config.resolve(name) is None:
        raise ApiError(404, f"there is no model {name!r}", code="model_not_found")
    return JSONResponse(_model_card(name, relay))


def _model_card(name: str, relay: Relay) -> dict[str, object]:
    owner = "upstream" if name in relay.upstreams.models else "routereval"
    return {"id": name, "object": "model", "created": relay.started, "owned_by": owner}


async def _healthy(request: Request) -> Response:
    from starlette.responses import PlainTextResponse

    return PlainTextResponse("ok\n")


async def _ready(request: Request) -> Response:
    """Whether requests should come here: not while it drains, nor while all upstreams rest."""
    from starlette.responses import PlainTextResponse

    relay: Relay = request.app.state.relay
    if relay.draining:
        return PlainTextResponse("draining\n", 503)
    if not relay.planner.has_room():
        return PlainTextResponse("no upstream has room\n", 503)
    return PlainTextResponse("ok\n")


def _page() -> Endpoint:
    text = files("routereval.gateway.http").joinpath("page.html").read_text("utf-8")

    async def page(request: Request) -> Response:
        from starlette.responses import HTMLResponse

        return HTMLResponse(text, headers={"content-security-policy": _PAGE_POLICY})

    return page


async def _api_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise TypeError(f"{type(error).__name__} is no ApiError")
    return _error_response(request, error)


async def _router_error(request: Request, error: Exception) -> Response:
    sentence = f"the router could not decide: {error}"
    return _error_response(request, ApiError(503, sentence, code="router_failed"))


async def _http_error(request: Request, error: Exception) -> Response:
    """Unknown paths and methods, in the API's form."""
    status = getattr(error, "status_code", 500)
    method, path = request.method, request.url.path[:200]
    sentences = {404: f"there is nothing at {path}", 405: f"{path} does not take {method}"}
    sentence = sentences.get(status, str(error))
    response = _error_response(request, ApiError(status, sentence, code="unknown_url"))
    response.headers.update(getattr(error, "headers", None) or {})
    return response


async def _client_gone(request: Request, error: Exception) -> Response:
    """The client left before its body was whole: nobody reads this."""
    return _error_response(request, ApiError(400, "the body was not whole", code="client_left"))


async def _internal_error(request: Request, error: Exception) -> Response:
    """A defect of the gateway's own; the traceback is logged, not sent."""
    return _error_response(request, internal_error())


def _error_response(request: Request, error: ApiError) -> Response:
    from starlette.responses import Response

    headers = {name.decode(): value.decode() for name, value in error.headers}
    return Response(error_body(error, api_of(request.url.path)), error.status, headers)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
