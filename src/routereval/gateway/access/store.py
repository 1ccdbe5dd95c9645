"""Where keys, limits and spending are kept: SQLite on one machine, Redis for several."""

from __future__ import annotations

from routereval.errors import DataError
from routereval.gateway.access.accounts import FullStore


def open_store(where: str, *, create: bool = False) -> FullStore:
    """Open the store at a place.

    Args:
        where: a file for SQLite, or ``redis://host:port/number`` (``rediss://`` with TLS).
        create: make the file if there is none.

    Raises:
        DataError: if there is no such file, or it is of another kind.
        MissingDependencyError: for Redis without the extra ``redis``.
    """
    if where.partition("://")[0] in ("redis", "rediss", "unix"):
        from routereval.gateway.access.redis_store import RedisStore

        return RedisStore.at(where)
    if "://" in where:
        raise DataError(f"keys are kept in a file or at redis://host:port/0, not at {where!r}")
    from routereval.gateway.access.sqlite_store import SqliteStore

    return SqliteStore(where, create=create)
