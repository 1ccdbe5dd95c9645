"""How gateways reach a Redis server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from routereval.errors import MissingDependencyError

if TYPE_CHECKING:
    from redis.asyncio import Redis


def redis_client(url: str, patience_s: float) -> Redis:
    """A client whose answers are texts.

    Args:
        url: of the server.
        patience_s: how long a connection, or an answer, may take.

    Raises:
        MissingDependencyError: without the extra ``redis``.
    """
    try:
        from redis.asyncio import Redis
    except ImportError:
        raise MissingDependencyError.of("redis", "redis") from None
    return Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=patience_s,
        socket_connect_timeout=patience_s,
    )
