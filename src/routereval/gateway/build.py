"""The whole gateway of a configuration: its authenticator, its log, its experiment, its metrics."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from routereval.errors import DataError
from routereval.gateway.access.authenticator import KeyAuthenticator
from routereval.gateway.access.store import open_store
from routereval.gateway.api_error import ApiError
from routereval.gateway.config import Config
from routereval.gateway.decisions.experiment import Arm, Experiment, ShadowRouters
from routereval.gateway.decisions.router_decider import RouterDecider
from routereval.gateway.http.app import Endpoint, create_app, error_response, router_decider
from routereval.gateway.http.feedback import LARGEST, read_feedback
from routereval.gateway.http.headers import bearer
from routereval.gateway.observe.decision_log import DecisionLog
from routereval.gateway.observe.metrics import CONTENT_TYPE, Metrics
from routereval.gateway.protocols import Authenticator, Observer, OpenAccess
from routereval.routers.persistence import load_router
from routereval.routers.trained import TrainedRouter

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response


def gateway_of(trained: TrainedRouter, config: Config) -> Starlette:
    """The gateway that a configuration describes.

    Args:
        trained: the router.
        config: of the gateway; the routers that it names are loaded from their folders.

    Returns:
        An ASGI application, as `create_app` makes it.

    Raises:
        DataError: if keys, log or routers cannot be opened or do not fit together, or no LLM of the
            pool has an upstream.
        MissingDependencyError: if an extra is not installed.
    """
    from starlette.routing import Route

    experiment = _experiment(trained, config)
    shadows = _shadows(config)
    pools = {arm.name: arm.models for arm in experiment.arms}
    log = _log(config, pools)
    metrics = Metrics()
    observers: list[Observer] = [metrics]
    if log is not None:
        observers.append(ShadowRouters(shadows, log) if shadows else log)
    authenticator: Authenticator = (
        KeyAuthenticator(open_store(config.access.keys)) if config.access.keys else OpenAccess()
    )
    routes = [
        Route("/metrics", _metrics(metrics, authenticator, config)),
        Route("/v1/feedback", _feedback(log, metrics, authenticator), methods=["POST"]),
    ]
    return create_app(
        trained,
        config,
        authenticator=authenticator,
        observers=observers,
        decider=experiment,
        routes=routes,
    )


async def rehearse(app: Starlette) -> None:
    """Open and close all parts of a gateway, as serving it would.

    Raises:
        RouterEvalError: if that fails.
    """
    async with app.router.lifespan_context(app):
        pass


def _experiment(trained: TrainedRouter, config: Config) -> Experiment:
    chosen = config.experiment
    if not 0 < chosen.share < 1:
        raise DataError(f"[experiment]: share lies between 0 and 1, not {chosen.share:g}")
    first = router_decider(trained, config)
    if not chosen.router:
        return Experiment([Arm(first.name, first, trained.models)], chosen.explore)
    other = _loaded(chosen.router, config)
    arms = [
        Arm(first.name, first, trained.models, 1 - chosen.share),
        Arm(other.name, other, other.trained.models, chosen.share),
    ]
    return Experiment(arms, chosen.explore)


def _shadows(config: Config) -> dict[str, RouterDecider]:
    if config.experiment.shadows and not config.log.folder:
        raise DataError("[experiment]: shadows are only logged; give [log] a folder")
    loaded = [_loaded(folder, config) for folder in config.experiment.shadows]
    return {decider.name: decider for decider in loaded}


def _loaded(folder: str, config: Config) -> RouterDecider:
    """A further router, which the log calls by its folder."""
    return router_decider(load_router(folder), config, folder)


def _log(config: Config, pools: dict[str, tuple[str, ...]]) -> DecisionLog | None:
    chosen = config.log
    if not chosen.folder:
        return None
    return DecisionLog(chosen.folder, pools, texts=chosen.texts, file_mb=chosen.file_mb)


def _metrics(metrics: Metrics, authenticator: Authenticator, config: Config) -> Endpoint:
    """For everybody where there are no keys; else for those that `[access] metrics` names."""

    async def answer(request: Request) -> Response:
        from starlette.responses import Response

        try:
            authorization = await authenticator.identify(bearer(request.scope["headers"]))
        except ApiError as error:
            return error_response(error)
        if authorization.key and authorization.key not in config.access.metrics:
            sentence = (
                f"key {authorization.key!r} may not read metrics; "
                "[access] metrics names those that may"
            )
            return error_response(ApiError(403, sentence, code="not_allowed"))
        relay = request.app.state.relay
        now = asyncio.get_running_loop().time()
        resting = {
            name: upstream.breaker.rest_s(now) > 0 for name, upstream in relay.upstreams.items()
        }
        text = metrics.text(resting, relay.in_flight)
        return Response(text, headers={"content-type": CONTENT_TYPE})

    return answer


def _feedback(log: DecisionLog | None, metrics: Metrics, authenticator: Authenticator) -> Endpoint:
    async def answer(request: Request) -> Response:
        from starlette.responses import JSONResponse

        try:
            authorization = await authenticator.identify(bearer(request.scope["headers"]))
            if log is None:
                raise ApiError(404, "this gateway keeps no log of decisions", code="no_log")
            said = read_feedback(await _small_body(request))
        except ApiError as error:
            return error_response(error)
        log.feedback(said.request_id, said.score, authorization.key, time.time())
        metrics.feedback(said.score)
        return JSONResponse({"object": "feedback", **said._asdict()})

    return answer


async def _small_body(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > LARGEST:
            raise ApiError(413, f"a feedback has at most {LARGEST} bytes", code="request_too_large")
    return b"".join(parts)
