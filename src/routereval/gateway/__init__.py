"""The routing LLM, live: a trained router behind an OpenAI-compatible endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from routereval.gateway.api_error import ApiError
from routereval.gateway.config import Config, UpstreamConfig, make_config, read_config
from routereval.gateway.protocols import (
    Attempt,
    Authenticator,
    Authorization,
    Decider,
    LogEntry,
    Observer,
    OpenAccess,
    RouterChoice,
    Usage,
)

if TYPE_CHECKING:
    from routereval.gateway.http.app import create_app

__all__ = [
    "ApiError",
    "Attempt",
    "Authenticator",
    "Authorization",
    "Config",
    "Decider",
    "LogEntry",
    "Observer",
    "OpenAccess",
    "RouterChoice",
    "UpstreamConfig",
    "Usage",
    "create_app",
    "make_config",
    "read_config",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the application loads only where it is served
    if name != "create_app":
        raise AttributeError(f"module 'routereval.gateway' has no attribute {name!r}")
    from routereval.gateway.http.app import create_app

    return create_app
