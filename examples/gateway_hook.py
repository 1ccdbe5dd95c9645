"""A gateway with a hook and an observer of one's own, served by a program of one's own.

``python examples/gateway_hook.py ROUTER gateway.toml``, where ROUTER is what ``routereval train``
wrote. ``examples/plugin`` has a plugin that ``routereval serve`` finds by itself.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

from routereval.gateway import ApiError, ClientRequest, LogEntry, create_app, read_config
from routereval.routers import load_router

if TYPE_CHECKING:
    from starlette.applications import Starlette

LONGEST = 100_000


class ShortRequests:
    """Refuses what is longer than a number of bytes, before any model is chosen."""

    async def before_request(self, request: ClientRequest) -> None:
        """Raise an error of the API, which is then the client's answer."""
        if len(request.body) > LONGEST:
            raise ApiError(413, f"a request may have {LONGEST:,} bytes", code="too_long")


class Tokens:
    """Counts the tokens that each model wrote, of requests that are over."""

    def __init__(self) -> None:
        self.by_model: Counter[str] = Counter()

    def record(self, entry: LogEntry) -> None:
        """Take note of one; this must not block."""
        self.by_model[entry.model] += entry.usage.tokens_out


def make_app(router: str, config: str, tokens: Tokens) -> Starlette:
    """The application that the configuration describes, with both added."""
    return create_app(
        load_router(router), read_config(config), hooks=[ShortRequests()], observers=[tokens]
    )


def main(router: str, config: str) -> None:
    """Serve until stopped, then print the counts."""
    import uvicorn

    tokens = Tokens()
    uvicorn.run(make_app(router, config, tokens), port=8080)
    for model, count in tokens.by_model.most_common():
        print(f"{model}: {count} tokens")


if __name__ == "__main__":
    main(*sys.argv[1:])
