"""The routing LLM, live: a trained router behind an OpenAI-compatible endpoint."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from routereval.gateway.api_error import ApiError
    from routereval.gateway.build import create_app
    from routereval.gateway.config import Config, make_config, read_config
    from routereval.gateway.plugins import PLUGINS
    from routereval.gateway.protocols import (
        Attempt,
        Authenticator,
        Authorization,
        ClientRequest,
        Decider,
        LogEntry,
        Observer,
        OpenAccess,
        RequestHook,
        RouterChoice,
        Usage,
    )
    from routereval.gateway.upstream_config import UpstreamConfig

__all__ = [
    "PLUGINS",
    "ApiError",
    "Attempt",
    "Authenticator",
    "Authorization",
    "ClientRequest",
    "Config",
    "Decider",
    "LogEntry",
    "Observer",
    "OpenAccess",
    "RequestHook",
    "RouterChoice",
    "UpstreamConfig",
    "Usage",
    "create_app",
    "make_config",
    "read_config",
]

_MODULES = {
    "ApiError": "api_error",
    "Config": "config",
    "PLUGINS": "plugins",
    "UpstreamConfig": "upstream_config",
    "create_app": "build",
    "make_config": "config",
    "read_config": "config",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - each is loaded when it is asked for
    if name not in __all__:
        raise AttributeError(f"module 'routereval.gateway' has no attribute {name!r}")
    module = import_module(f"routereval.gateway.{_MODULES.get(name, 'protocols')}")
    return getattr(module, name)
