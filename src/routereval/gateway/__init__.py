"""The routing LLM, live: a trained router behind an OpenAI-compatible endpoint."""

from __future__ import annotations

from routereval.gateway.api_error import ApiError
from routereval.gateway.config import Config, Upstream, make_config, read_config
from routereval.gateway.seams import (
    Attempt,
    Decider,
    Door,
    Entry,
    Grant,
    Observer,
    OpenDoor,
    Routed,
    Usage,
)

__all__ = [
    "ApiError",
    "Attempt",
    "Config",
    "Decider",
    "Door",
    "Entry",
    "Grant",
    "Observer",
    "OpenDoor",
    "Routed",
    "Upstream",
    "Usage",
    "make_config",
    "read_config",
]
