"""The gateway as an ASGI application."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from routereval.errors import DataError, MissingDependencyError, RouterEvalError
from routereval.gateway.api_error import ApiError
from routereval.gateway.config import Config
from routereval.gateway.decisions.router_decider import RouterDecider
from routereval.gateway.http.chat_request import ChatRequest, parse_request
from routereval.gateway.http.headers import bearer
from routereval.gateway.http.relay import Relay
from routereval.gateway.protocols import Authenticator, Decider, Observer, OpenAccess
from routereval.gateway.upstreams.client import Client
from routereval.gateway.upstreams.pool import UpstreamPool
from routereval.routers.trained import TrainedRouter

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


def create_app(
    trained: TrainedRouter,
    config: Config,
    *,
    authenticator: Authenticator | None = None,
    observers: Sequence[Observer] = (),
    decider: Decider | None = None,
    routes: Sequence[BaseRoute] = (),
) -> Starlette:
    """The gateway, ready to be served.

    Args:
        trained: the router.
        config: of the gateway.
        authenticator: who may ask; everybody unless given.
        observers: who is told of every request when it is over.
        decider: who chooses; the router itself unless given.
        routes: more of them, such as ``/metrics``.

    Returns:
        An ASGI application; `app.state.relay` is its `Relay`.

    Raises:
        DataError: if no LLM of the router's pool has an upstream, or an upstream's key is not set.
        MissingDependencyError: if the extra is not installed.
    """
    try:
        from starlette.applications import Starlette
        from starlette.exceptions import HTTPException
        from starlette.requests import ClientDisconnect
    except ImportError:
        raise MissingDependencyError.of("starlette", "serve") from None
    for observer in observers:
        _check_observer(observer)
    relay = Relay(
        config,
        UpstreamPool.of(config),
        Client(config.failover.quota_cooldown_s),
        trained.models,
        decider=decider or router_decider(trained, config),
        authenticator=authenticator or OpenAccess(),
        observers=observers,
    )
    if not relay.routable:
        raise DataError(
            "no LLM of the router's pool has an upstream; name one of "
            f"{', '.join(trained.models)} as an [[upstream]]"
        )
    app = Starlette(
        routes=[*_routes(relay, page=config.server.page), *routes],
        lifespan=_lifespan(relay),
        exception_handlers={
            HTTPException: _http_error,
            ClientDisconnect: _left,
            Exception: _bug,
        },
    )
    app.state.relay = relay
    return app


def _check_observer(observer: object) -> None:
    """Refuse at the start what would fail with the first request."""
    missing = [name for name in ("open", "record", "close") if not hasattr(observer, name)]
    if missing:
        raise DataError(
            f"observer {type(observer).__name__} lacks {', '.join(missing)}; "
            "routereval.gateway.Observer shows the methods that it needs"
        )


def models_without_upstream(trained: TrainedRouter, config: Config) -> list[str]:
    """The LLMs of the router's pool that no upstream serves: they are never chosen."""
    served = {upstream.name for upstream in config.upstreams}
    return [model for model in trained.models if model not in served]


def router_decider(trained: TrainedRouter, config: Config, name: str = "") -> RouterDecider:
    """What decides by a router; the log calls it by its spec unless a name is given."""
    name = name or str(trained.about.get("router", type(trained.router).__name__))
    decider = RouterDecider(trained, name, config.routing.cache)
    decider.warm_up()
    return decider


def _lifespan(relay: Relay) -> Callable[[Starlette], Any]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            parts: list[Authenticator | Observer] = [relay.authenticator, *relay.observers]
            for part in parts:
                await part.open()
                stack.push_async_callback(part.close)
            await stack.enter_async_context(relay.client)
            yield

    return lifespan


def _routes(relay: Relay, *, page: bool) -> list[BaseRoute]:
    from starlette.routing import Route

    routes: list[BaseRoute] = [
        Route("/v1/chat/completions", relay, methods=["POST"]),
        Route("/v1/completions", relay, methods=["POST"]),
        Route("/v1/route", _route(relay), methods=["POST"]),
        Route("/v1/models", _models(relay)),
        Route("/v1/models/{name:path}", _model(relay)),
        Route("/healthz", _healthy),
        Route("/readyz", _ready(relay)),
    ]
    return [*routes, Route("/", _page())] if page else routes


def _route(relay: Relay) -> Endpoint:
    """The decision without an answer."""

    async def route(request: Request) -> Response:
        from starlette.responses import JSONResponse

        try:
            authorization = await relay.authenticator.identify(bearer(request.scope["headers"]))
            chat = await _whole_ask(request, int(relay.config.limits.body_mb * 1e6))
            plan = relay.plan(chat, authorization)
            if plan.virtual is None:
                return JSONResponse({"model": chat.model, "reason": "asked for"})
            choice = await relay.choose(plan, plan.names)
        except ApiError as error:
            return error_response(error)
        except RouterEvalError as error:
            return error_response(ApiError(503, f"the router could not decide: {error}"))
        chosen, known = choice.decision, relay.router_models
        return JSONResponse(
            {
                "model": chosen.model,
                "reason": chosen.reason,
                "unfamiliar": chosen.unfamiliar,
                "lam": plan.virtual.lam,
                "router": choice.router,
                "allowed": plan.names,
                "scores": {m: _number(v) for m, v in zip(known, chosen.scores, strict=True)},
                "costs": {m: _number(v) for m, v in zip(known, chosen.costs, strict=True)},
                "resting": [n for n in plan.names if relay.upstreams[n].breaker.rest_s(_now())],
            }
        )

    return route


async def _whole_ask(request: Request, most: int) -> ChatRequest:
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > most:
            raise ApiError(413, f"the body is larger than {most} bytes", code="request_too_large")
    return parse_request(b"".join(parts))


def _models(relay: Relay) -> Endpoint:
    async def models(request: Request) -> Response:
        from starlette.responses import JSONResponse

        try:
            authorization = await relay.authenticator.identify(bearer(request.scope["headers"]))
        except ApiError as error:
            return error_response(error)
        held = [_card(name, relay) for name in relay.names(authorization)]
        return JSONResponse({"object": "list", "data": held})

    return models


def _model(relay: Relay) -> Endpoint:
    async def model(request: Request) -> Response:
        from starlette.responses import JSONResponse

        name = request.path_params["name"]
        try:
            authorization = await relay.authenticator.identify(bearer(request.scope["headers"]))
        except ApiError as error:
            return error_response(error)
        if name not in relay.names(authorization) and relay.config.resolve(name) is None:
            return error_response(
                ApiError(404, f"there is no model {name!r}", code="model_not_found")
            )
        return JSONResponse(_card(name, relay))

    return model


def _card(name: str, relay: Relay) -> dict[str, object]:
    owner = "upstream" if name in relay.upstreams else "routereval"
    return {"id": name, "object": "model", "created": relay.started, "owned_by": owner}


async def _healthy(request: Request) -> Response:
    from starlette.responses import PlainTextResponse

    return PlainTextResponse("ok\n")


def _ready(relay: Relay) -> Endpoint:
    """Whether requests should come here: not while it ends, nor while all upstreams rest."""

    async def ready(request: Request) -> Response:
        from starlette.responses import PlainTextResponse

        if relay.draining:
            return PlainTextResponse("draining\n", 503)
        if not relay.upstreams.available(relay.routable, _now()):
            return PlainTextResponse("no upstream has room\n", 503)
        return PlainTextResponse("ok\n")

    return ready


def _page() -> Endpoint:
    text = files("routereval.gateway.http").joinpath("page.html").read_text("utf-8")

    async def page(request: Request) -> Response:
        from starlette.responses import HTMLResponse

        return HTMLResponse(text, headers={"content-security-policy": _PAGE_POLICY})

    return page


async def _http_error(request: Request, error: Exception) -> Response:
    """Unknown paths and methods, as the API tells them."""
    status = getattr(error, "status_code", 500)
    method, path = request.method, request.url.path[:200]
    said = {404: f"there is nothing at {path}", 405: f"{path} does not take {method}"}
    made = error_response(ApiError(status, said.get(status, str(error)), code="unknown_url"))
    made.headers.update(getattr(error, "headers", None) or {})
    return made


async def _left(request: Request, error: Exception) -> Response:
    """The client left before its body was whole: nobody reads this."""
    return error_response(ApiError(400, "the body was not whole", code="client_left"))


async def _bug(request: Request, error: Exception) -> Response:
    """A fault of the gateway's own; the traceback is logged, not sent."""
    return error_response(
        ApiError(500, "the gateway made a mistake; its log says where", code="internal")
    )


def error_response(error: ApiError) -> Response:
    """The answer that tells an error."""
    from starlette.responses import Response

    headers = {name.decode(): value.decode() for name, value in error.headers}
    return Response(error.body, error.status, headers)


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _now() -> float:
    return asyncio.get_running_loop().time()
