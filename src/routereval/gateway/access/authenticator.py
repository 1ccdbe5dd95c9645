"""Authentication by API keys, with their rate limits, allowed models and daily budgets.

A request costs a hash and a few comparisons: keys that were found are remembered for `FRESH_S`,
and requests and money are taken from the store in parts (see `limits`). What was spent is written
every `WRITE_S`, so that a killed process loses less than a second of it.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import time
from dataclasses import dataclass, field

from routereval.gateway.access.accounts import Account, SpendReport, Store, StoreError
from routereval.gateway.access.keys import NANO, Key, digest_of, nano
from routereval.gateway.access.limits import LOST_S
from routereval.gateway.api_error import ApiError
from routereval.gateway.protocols import Usage
from routereval.gateway.repeated import Repeated
from routereval.gateway.upstream_config import AUTO

FRESH_S = 2.0
WRITE_S = 0.25
DAY_S = 86_400
_REQUESTS_TAKEN_S = 0.1
_LEASES_PER_BUDGET = 100
_REQUESTS_KEPT_S = 1.0

log = logging.getLogger(__name__)


@dataclass(slots=True)
class BudgetLease:
    """One key's money of one day, as far as this worker goes.

    What the store says this worker holds is always ``free + reserved + spent``.

    Attributes:
        account: name and day.
        free: held for requests to come; below 0 where one was dearer than expected.
        reserved: for requests that are under way.
        spent: not yet written.
        used: whether a request came since it was last written.
        written: when that was.
    """

    account: Account
    free: int = 0
    reserved: int = 0
    spent: int = 0
    used: bool = True
    written: float = 0.0

    def report(self, now: float) -> SpendReport | None:
        """What is to be written now; None if nothing is.

        What no request asked for since the last time goes back to the store.
        """
        back = self.free if self.free < 0 or not self.used else 0
        alive = self.reserved > 0 and now - self.written > LOST_S / 5
        if not (self.spent or back or alive):
            self.used = False
            return None
        report = SpendReport(self.spent, back)
        self.spent, self.used, self.written = 0, False, now
        self.free -= back
        return report

    def unwritten(self, report: SpendReport) -> None:
        """Take back a report that could not be written."""
        self.spent += report.spent
        self.free += report.back
        self.written = 0.0

    @property
    def over(self) -> bool:
        """Whether nothing is left to write or to settle."""
        return not (self.free or self.reserved or self.spent)


@dataclass(slots=True)
class _CachedKey:
    """A key that was found, and the requests that are taken out of its bucket already."""

    key: Key
    checked: float
    requests: int = 0
    until: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class KeyAuthorization:
    """What a key lets a request do; see `protocols.Authorization`."""

    __slots__ = (
        "_authenticator",
        "_cached",
        "_lease",
        "_now",
        "_reserved",
        "_settled",
        "key",
        "models",
    )

    def __init__(self, authenticator: KeyAuthenticator, cached: _CachedKey, now: float) -> None:
        self.key = cached.key.name
        self.models = cached.key.models
        self._authenticator = authenticator
        self._cached = cached
        self._now = now
        self._lease: BudgetLease | None = None
        self._reserved = 0
        self._settled = False

    async def reserve(self, usd: float) -> None:
        """Put money aside; see `protocols.Authorization`."""
        budget, amount = self._cached.key.budget, nano(usd)
        if budget is None or not amount:
            return
        self._lease = self._authenticator.lease(self.key, self._now)
        await self._authenticator.reserve(self._cached, budget, self._lease, amount, self._now)
        self._reserved += amount

    def settle(self, usage: Usage, usd: float) -> None:
        """Pay; what was reserved beyond that is free again. A second call pays nothing."""
        cost = nano(usd)
        if self._settled or not (cost or self._reserved):
            return
        self._settled = True
        lease = self._lease or self._authenticator.lease(self.key, self._now)
        lease.reserved -= self._reserved
        lease.free += self._reserved - cost
        lease.spent += cost


class KeyAuthenticator:
    """Authenticates by API keys; see `protocols.Authenticator`.

    Args:
        store: where keys, limits and spending are kept.
        worker: a name that no other process of the store has; drawn unless given.
    """

    def __init__(self, store: Store, worker: str = "") -> None:
        self._store = store
        self._worker = worker or secrets.token_hex(8)
        self._cached: dict[bytes, _CachedKey] = {}
        self._leases: dict[Account, BudgetLease] = {}
        self._write_lock = asyncio.Lock()
        self._writer = Repeated(WRITE_S, lambda: self.write(time.time()))
        self._forgotten_at = 0.0

    async def identify(self, key: str | None) -> KeyAuthorization:
        """Who this is; see `protocols.Authenticator`."""
        now = time.time()
        return KeyAuthorization(self, await self._cached_key(key, now), now)

    async def authorize(self, key: str | None, model: str, now: float) -> KeyAuthorization:
        """Let a request in, and count it; see `protocols.Authenticator`."""
        cached = await self._cached_key(key, now)
        held = cached.key
        virtual = model.partition(":")[0] == AUTO  # the router then keeps to the key's models
        if held.models is not None and model not in held.models and not virtual:
            raise _model_error(held.name, model)
        if held.per_minute is not None:
            await self._count_request(cached, held.per_minute, now)
        return KeyAuthorization(self, cached, now)

    def lease(self, name: str, now: float) -> BudgetLease:
        """This worker's part of a key's money, of the day of a request."""
        account = (name, int(now // DAY_S))
        lease = self._leases.get(account)
        if lease is None:
            lease = self._leases[account] = BudgetLease(account)
        return lease

    async def reserve(
        self, cached: _CachedKey, budget: int, lease: BudgetLease, amount: int, now: float
    ) -> None:
        """Reserve an amount for a request.

        Raises:
            ApiError: 429 if the day's budget does not pay for it, 503 if the store fails.
        """
        lease.used = True
        if lease.free < amount:
            async with cached.lock:
                if lease.free < amount:
                    await self._extend_lease(cached, budget, lease, amount, now)
        lease.free -= amount
        lease.reserved += amount

    async def open(self) -> None:
        """Begin to write what is spent."""
        self._writer.begin()

    async def close(self) -> None:
        """Write what is not yet written and hand back what is held."""
        await self._writer.end()
        await self.write(time.time())
        await self.write(time.time())  # the first one leaves what was in use
        await self._store.close()

    async def write(self, now: float) -> None:
        """Write what was spent since the last time."""
        async with self._write_lock:
            await self._write(now)

    async def _write(self, now: float) -> None:
        reports = {
            account: report
            for account, lease in self._leases.items()
            if (report := lease.report(now)) is not None
        }
        try:
            if reports:
                await self._store.write(self._worker, reports, now)
        except StoreError as error:
            log.warning("what keys spent could not be written and is kept: %s", error)
            for account, report in reports.items():
                self._leases[account].unwritten(report)
        self._forget_unused(now)

    async def _cached_key(self, secret: str | None, now: float) -> _CachedKey:
        if not secret:
            raise ApiError(
                401,
                "this gateway needs an API key; send it as Authorization: Bearer KEY",
                code="missing_api_key",
            )
        digest = digest_of(secret)
        cached = self._cached.get(digest)
        if cached is None or not 0 <= now - cached.checked < FRESH_S:
            cached = await self._checked_key(digest, cached, now)
        return cached

    async def _checked_key(
        self, digest: bytes, cached: _CachedKey | None, now: float
    ) -> _CachedKey:
        try:
            key = await self._store.find(digest)
        except StoreError as error:
            raise _store_error(error) from None
        if key is None or key.revoked is not None or not hmac.compare_digest(key.digest, digest):
            self._cached.pop(digest, None)
            raise ApiError(401, "this API key is not known or was revoked", code="invalid_api_key")
        if cached is None:
            cached = self._cached.setdefault(digest, _CachedKey(key, now))
        cached.key, cached.checked = key, now
        return cached

    async def _count_request(self, cached: _CachedKey, per_minute: int, now: float) -> None:
        if cached.requests < 1 or now > cached.until:
            async with cached.lock:
                if cached.requests < 1 or now > cached.until:
                    await self._take_requests(cached, per_minute, now)
        cached.requests -= 1

    async def _take_requests(self, cached: _CachedKey, per_minute: int, now: float) -> None:
        """Take a tenth of a second's requests; they are for the next second only."""
        wanted = max(1, int(per_minute / 60 * _REQUESTS_TAKEN_S))
        try:
            given, wait = await self._store.take_requests(cached.key.name, per_minute, wanted, now)
        except StoreError as error:
            raise _store_error(error) from None
        if not given:
            raise ApiError(
                429,
                f"key {cached.key.name!r} may ask {per_minute} times per minute; "
                f"try again in {wait:.1f} s",
                code="rate_limit_exceeded",
                retry_after=wait,
            )
        cached.requests, cached.until = given, now + _REQUESTS_KEPT_S

    async def _extend_lease(
        self, cached: _CachedKey, budget: int, lease: BudgetLease, least: int, now: float
    ) -> None:
        missing = least - lease.free
        wanted = max(missing, budget // _LEASES_PER_BUDGET)
        try:
            given = await self._store.take_money(
                lease.account, self._worker, budget, missing, wanted, now
            )
        except StoreError as error:
            raise _store_error(error) from None
        if not given:
            raise _budget_error(cached.key.name, budget, now)
        lease.free += given

    def _forget_unused(self, now: float) -> None:
        """Forget days that are over, and keys that nobody uses."""
        today = int(now // DAY_S)
        for account in [a for a, p in self._leases.items() if a[1] < today and p.over]:
            del self._leases[account]
        if now - self._forgotten_at > 60:
            self._forgotten_at = now
            for digest in [d for d, k in self._cached.items() if now - k.checked > DAY_S]:
                del self._cached[digest]


def _model_error(name: str, model: str) -> ApiError:
    return ApiError(
        403,
        f"key {name!r} may not ask {model[:100]!r}; GET /v1/models lists what it may ask",
        code="model_not_allowed",
        param="model",
    )


def _budget_error(name: str, budget: int, now: float) -> ApiError:
    return ApiError(
        429,
        f"what is left of the budget of key {name!r}, ${budget / NANO:g} a day, does not pay for "
        "this request; it is renewed at midnight UTC",
        code="insufficient_quota",
        kind="insufficient_quota",
        retry_after=DAY_S - now % DAY_S,
    )


def _store_error(error: Exception) -> ApiError:
    log.error("the store of keys cannot be reached: %s", error)
    return ApiError(
        503, "keys cannot be checked just now", code="keys_unavailable", retry_after=1.0
    )
