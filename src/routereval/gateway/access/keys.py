"""API keys of the gateway: what a key may do, and what is kept of it, which is only its hash."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

from routereval.errors import DataError

PREFIX = "sk-routereval-"
NANO = 1_000_000_000
"""Money is counted in whole billionths of a USD, so that sums are exact."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_HIGHEST_BUDGET = 1e6


@dataclass(frozen=True, slots=True)
class Key:
    """What is kept of a key.

    Attributes:
        name: what logs and errors call it; the key itself is in neither.
        digest: SHA-256 of the key. A key has 256 random bits, so nothing slower is needed: there
            is no list of likely keys to try.
        models: the models that it may reach; None for all.
        per_minute: requests per minute; None without a limit.
        budget: billionths of a USD per day (UTC); None without a limit.
        created: seconds since the epoch.
        revoked: since when it no longer opens the authenticator; None while it does.
    """

    name: str
    digest: bytes
    models: frozenset[str] | None = None
    per_minute: int | None = None
    budget: int | None = None
    created: float = 0.0
    revoked: float | None = None


def new_key(
    name: str,
    *,
    models: frozenset[str] | None = None,
    per_minute: int | None = None,
    usd_per_day: float | None = None,
    now: float = 0.0,
) -> tuple[str, Key]:
    """Draw a key.

    Args:
        name: letters, digits and ``._@-``, at most 64 of them.
        models: the models that it may reach; None for all.
        per_minute: requests per minute; None without a limit.
        usd_per_day: None without a limit.
        now: seconds since the epoch.

    Returns:
        The key, to be shown once, and what is kept of it.

    Raises:
        DataError: if the name or a limit is of no use.

    >>> secret, kept = new_key("alice", usd_per_day=1.5)
    >>> secret.startswith("sk-routereval-"), kept.budget, kept.digest == digest_of(secret)
    (True, 1500000000, True)
    """
    if not _NAME.fullmatch(name):
        raise DataError(
            f"a key's name is letters, digits and ._@-, at most 64 of them, not {name!r}"
        )
    if models is not None and not models:
        raise DataError("a key that may reach no model is of no use; name at least one")
    if per_minute is not None and per_minute < 1:
        raise DataError(f"a key needs at least 1 request per minute, not {per_minute}")
    if usd_per_day is not None and not 0 < usd_per_day <= _HIGHEST_BUDGET:
        raise DataError(f"a budget lies between 0 and {_HIGHEST_BUDGET:g} USD, not {usd_per_day:g}")
    secret = PREFIX + secrets.token_urlsafe(32)
    budget = None if usd_per_day is None else nano(usd_per_day)
    return secret, Key(name, digest_of(secret), models, per_minute, budget, now)


def digest_of(secret: str) -> bytes:
    """SHA-256 of a key."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def nano(usd: float) -> int:
    """Billionths of a USD, rounded to whole ones.

    >>> nano(0.1) + nano(0.2) == nano(0.3)
    True
    """
    return round(usd * NANO)
