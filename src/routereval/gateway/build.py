"""The gateway of a configuration, with parts of one's own where they are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from routereval.errors import DataError
from routereval.gateway.access.authenticator import KeyAuthenticator
from routereval.gateway.access.store import open_store
from routereval.gateway.config import Config
from routereval.gateway.decisions.experiment import Arm, Experiment
from routereval.gateway.decisions.router_decider import RouterDecider
from routereval.gateway.heartbeat import Heartbeat
from routereval.gateway.http.app import asgi_app
from routereval.gateway.http.count_tokens import count_tokens
from routereval.gateway.http.planner import Planner
from routereval.gateway.http.relay import Relay
from routereval.gateway.observe.access_log import AccessLog
from routereval.gateway.observe.decision_log import DecisionLog
from routereval.gateway.observe.endpoints import feedback_endpoint, metrics_endpoint
from routereval.gateway.observe.metrics import Metrics
from routereval.gateway.observe.shadows import ShadowRouters
from routereval.gateway.observe.spans import Spans
from routereval.gateway.plugins import make_plugins
from routereval.gateway.protocols import Authenticator, Decider, Observer, OpenAccess, RequestHook
from routereval.gateway.shared_state import MemoryState, SharedState, open_state
from routereval.gateway.tokenizer import load_tokenizers
from routereval.gateway.upstreams.client import Client
from routereval.gateway.upstreams.pool import UpstreamPool
from routereval.routers.trained import TrainedRouter, load_router

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.routing import BaseRoute


@dataclass
class Kept:
    """What outlives the application when its configuration is read anew.

    Attributes:
        metrics: which count on.
        state: what is shared with other workers where there is no store of keys.
    """

    metrics: Metrics = field(default_factory=Metrics)
    state: SharedState = field(default_factory=MemoryState)


def create_app(
    trained: TrainedRouter,
    config: Config,
    *,
    authenticator: Authenticator | None = None,
    decider: Decider | None = None,
    hooks: Sequence[RequestHook] = (),
    observers: Sequence[Observer] = (),
    routes: Sequence[BaseRoute] = (),
    kept: Kept | None = None,
) -> Starlette:
    """The gateway that a configuration describes, ready to be served.

    Args:
        trained: the router.
        config: of the gateway; the routers that it names are loaded from their folders.
        authenticator: who may ask, instead of what ``[access]`` says.
        decider: who chooses, instead of the router and ``[experiment]``.
        hooks: what may change or reject a request, after those of ``[plugins]``.
        observers: what is shown every request when it is over, after those of ``[plugins]``.
        routes: of further endpoints.
        kept: what goes on from another application, as where a configuration is read anew.

    Returns:
        An ASGI application; `app.state.relay` is its `Relay`.

    Raises:
        DataError: if keys, log, routers or plugins cannot be opened or do not fit together, no
            model of the router's pool has an upstream, or an upstream's key is not set.
        SpecError: for a plugin or a parameter of one that is not known.
        MissingDependencyError: if an extra is not installed.
    """
    kept = kept or Kept()
    arms = _arms(trained, config)
    log, plugins = _decision_log(config, arms), make_plugins(config.plugins)
    shown = _observers(config, kept.metrics, log, (*plugins.observers, *observers))
    experiment = Experiment(arms, config.experiment.explore)
    planner = _planner(trained, config, decider or experiment, (*plugins.hooks, *hooks))
    relay = Relay(
        planner,
        Client(config.failover.quota_cooldown_s, config.headers),
        authenticator=authenticator or _authenticator(config),
        state=open_state(config.access.keys, kept.state),
        observers=shown,
    )
    if relay.state is not kept.state:
        relay.parts.append(relay.state)
    relay.parts.append(Heartbeat(relay, kept.metrics))
    return asgi_app(relay, [*_endpoints(log, kept.metrics), *routes])


def _planner(
    trained: TrainedRouter, config: Config, decider: Decider, hooks: Sequence[RequestHook]
) -> Planner:
    counted = load_tokenizers(upstream.tokenizer for upstream in config.upstreams)
    planner = Planner(
        config,
        UpstreamPool.of(config),
        trained.models,
        decider,
        hooks,
        {path: found.count for path, found in counted.items()},
    )
    if not planner.routable:
        raise DataError(
            "no model of the router's pool has an upstream; name one of "
            f"{', '.join(trained.models)} as an [[upstream]]"
        )
    return planner


def _observers(
    config: Config, metrics: Metrics, log: DecisionLog | None, others: Sequence[Observer]
) -> list[Observer]:
    """Those of the gateway itself, then the others."""
    own: list[Observer] = [metrics, *_log_observers(config, log)]
    own += [AccessLog()] if config.log.access else []
    own += [Spans(config.telemetry)] if config.telemetry.endpoint else []
    for observer in others:
        if not callable(getattr(observer, "record", None)):
            raise DataError(f"observer {type(observer).__name__} lacks the method record(entry)")
    return [*own, *others]


def _endpoints(log: DecisionLog | None, metrics: Metrics) -> list[BaseRoute]:
    from starlette.routing import Route

    return [
        Route("/v1/messages/count_tokens", count_tokens, methods=["POST"]),
        Route("/metrics", metrics_endpoint(metrics)),
        Route("/v1/feedback", feedback_endpoint(log, metrics), methods=["POST"]),
    ]


async def rehearse(app: Starlette) -> None:
    """Open and close all parts of a gateway, as serving it would.

    Raises:
        RouterEvalError: if that fails.
    """
    async with app.router.lifespan_context(app):
        pass


def models_without_upstream(trained: TrainedRouter, config: Config) -> list[str]:
    """The models of the router's pool that no upstream serves: they are never chosen."""
    served = {upstream.name for upstream in config.upstreams}
    return [model for model in trained.models if model not in served]


def upstreams_without_model(trained: TrainedRouter, config: Config) -> list[str]:
    """The upstreams that the router does not know: they are asked by name only."""
    names = dict.fromkeys(upstream.name for upstream in config.upstreams)
    return [name for name in names if name not in trained.models]


def router_decider(trained: TrainedRouter, config: Config, name: str = "") -> RouterDecider:
    """What decides by a router; the log calls it by its spec unless a name is given."""
    name = name or str(trained.about.get("router", type(trained.router).__name__))
    decider = RouterDecider(trained, name, config.routing.cache)
    decider.warm_up()
    return decider


def _authenticator(config: Config) -> Authenticator:
    keys = config.access.keys
    return KeyAuthenticator(open_store(keys)) if keys else OpenAccess()


def _arms(trained: TrainedRouter, config: Config) -> list[Arm]:
    """The router, and the one that `[experiment]` sets beside it."""
    experiment = config.experiment
    if not 0 < experiment.share < 1:
        raise DataError(f"[experiment]: share lies between 0 and 1, not {experiment.share:g}")
    first = router_decider(trained, config)
    if not experiment.router:
        return [Arm(first.name, first, trained.models)]
    second = _loaded_decider(experiment.router, config)
    return [
        Arm(first.name, first, trained.models, 1 - experiment.share),
        Arm(second.name, second, second.trained.models, experiment.share),
    ]


def _loaded_decider(folder: str, config: Config) -> RouterDecider:
    """The decider of a further router, which the log calls by its folder."""
    return router_decider(
        load_router(folder, allow_network=config.routing.allow_network), config, folder
    )


def _decision_log(config: Config, arms: Sequence[Arm]) -> DecisionLog | None:
    settings = config.log
    if not settings.folder:
        return None
    pools: Mapping[str, Sequence[str]] = {arm.name: arm.models for arm in arms}
    return DecisionLog(settings.folder, pools, texts=settings.texts, file_mb=settings.file_mb)


def _log_observers(config: Config, log: DecisionLog | None) -> list[Observer]:
    """The decision log, by way of the shadow routers where there are any."""
    folders = config.experiment.shadows
    if folders and log is None:
        raise DataError("[experiment]: shadows are only logged; give [log] a folder")
    if log is None:
        return []
    deciders = [_loaded_decider(folder, config) for folder in folders]
    shadows = {decider.name: decider for decider in deciders}
    return [ShadowRouters(shadows, log) if shadows else log]
