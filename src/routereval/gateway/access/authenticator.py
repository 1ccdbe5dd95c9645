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

from routereval.gateway.access.keys import NANO, Key, digest_of, nano
from routereval.gateway.access.limits import LOST_S
from routereval.gateway.access.store import Account, SpendReport, Store, StoreError
from routereval.gateway.api_error import ApiError
from routereval.gateway.config import AUTO
from routereval.gateway.protocols import Usage

FRESH_S = 2.0
WRITE_S = 0.25
DAY_S = 86_400
_PART_S = 0.1
_PART_OF_BUDGET = 100
_REQUESTS_STAY_S = 1.0

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
class _Known:
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
        "_known",
        "_lease",
        "_now",
        "_reserved",
        "_settled",
        "key",
        "models",
    )

    def __init__(self, authenticator: KeyAuthenticator, known: _Known, now: float) -> None:
        self.key = known.key.name
        self.models = known.key.models
        self._authenticator = authenticator
        self._known = known
        self._now = now
        self._lease: BudgetLease | None = None
        self._reserved = 0
        self._settled = False

    async def reserve(self, usd: float) -> None:
        """Put money aside; see `protocols.Authorization`."""
        budget, amount = self._known.key.budget, nano(usd)
        if budget is None or not amount or self._reserved:
            return
        self._lease = self._authenticator.lease(self.key, self._now)
        await self._authenticator.put_aside(self._known, budget, self._lease, amount, self._now)
        self._reserved = amount

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
        self._known: dict[bytes, _Known] = {}
        self._leases: dict[Account, BudgetLease] = {}
        self._one_at_a_time = asyncio.Lock()
        self._writing: asyncio.Task[None] | None = None
        self._tidied = 0.0

    async def identify(self, key: str | None) -> KeyAuthorization:
        """Who this is; see `protocols.Authenticator`."""
        now = time.time()
        return KeyAuthorization(self, await self._find(key, now), now)

    async def authorize(self, key: str | None, model: str, now: float) -> KeyAuthorization:
        """Let a request in, and count it; see `protocols.Authenticator`."""
        known = await self._find(key, now)
        held = known.key
        if held.models is not None and model not in held.models and not _is_virtual(model):
            raise _not_allowed(held.name, model)
        if held.per_minute is not None:
            await self._count(known, held.per_minute, now)
        return KeyAuthorization(self, known, now)

    def lease(self, name: str, now: float) -> BudgetLease:
        """This worker's part of a key's money, of the day of a request."""
        account = (name, int(now // DAY_S))
        lease = self._leases.get(account)
        if lease is None:
            lease = self._leases[account] = BudgetLease(account)
        return lease

    async def put_aside(
        self, known: _Known, budget: int, lease: BudgetLease, amount: int, now: float
    ) -> None:
        """Reserve an amount for a request.

        Raises:
            ApiError: 429 if the day's budget does not pay for it, 503 if the store fails.
        """
        lease.used = True
        if lease.free < amount:
            async with known.lock:
                if lease.free < amount:
                    await self._hold(known, budget, lease, amount, now)
        lease.free -= amount
        lease.reserved += amount

    async def open(self) -> None:
        """Begin to write what is spent."""
        self._writing = asyncio.get_running_loop().create_task(self._write_for_ever())

    async def close(self) -> None:
        """Write what is not yet written and hand back what is held."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        await self.write(time.time())
        await self.write(time.time())  # the first one leaves what was in use
        await self._store.close()

    async def write(self, now: float) -> None:
        """Write what was spent since the last time."""
        async with self._one_at_a_time:
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
        self._tidy(now)

    async def _write_for_ever(self) -> None:
        while True:
            await asyncio.sleep(WRITE_S)
            await asyncio.shield(self.write(time.time()))

    async def _find(self, secret: str | None, now: float) -> _Known:
        if not secret:
            raise ApiError(
                401,
                "this gateway needs an API key; send it as Authorization: Bearer KEY",
                code="missing_api_key",
            )
        digest = digest_of(secret)
        known = self._known.get(digest)
        if known is None or not 0 <= now - known.checked < FRESH_S:
            known = await self._look_up(digest, known, now)
        return known

    async def _look_up(self, digest: bytes, known: _Known | None, now: float) -> _Known:
        try:
            key = await self._store.find(digest)
        except StoreError as error:
            raise _unreachable(error) from None
        if key is None or key.revoked is not None or not hmac.compare_digest(key.digest, digest):
            self._known.pop(digest, None)
            raise ApiError(401, "this API key is not known or was revoked", code="invalid_api_key")
        if known is None:
            known = self._known.setdefault(digest, _Known(key, now))
        known.key, known.checked = key, now
        return known

    async def _count(self, known: _Known, per_minute: int, now: float) -> None:
        if known.requests < 1 or now > known.until:
            async with known.lock:
                if known.requests < 1 or now > known.until:
                    await self._fill(known, per_minute, now)
        known.requests -= 1

    async def _fill(self, known: _Known, per_minute: int, now: float) -> None:
        """Take a tenth of a second's requests; they are for the next second only."""
        wanted = max(1, int(per_minute / 60 * _PART_S))
        try:
            given, wait = await self._store.take_requests(known.key.name, per_minute, wanted, now)
        except StoreError as error:
            raise _unreachable(error) from None
        if not given:
            raise ApiError(
                429,
                f"key {known.key.name!r} may ask {per_minute} times a minute; "
                f"try again in {wait:.1f} s",
                code="rate_limit_exceeded",
                retry_after=wait,
            )
        known.requests, known.until = given, now + _REQUESTS_STAY_S

    async def _hold(
        self, known: _Known, budget: int, lease: BudgetLease, least: int, now: float
    ) -> None:
        missing = least - lease.free
        wanted = max(missing, budget // _PART_OF_BUDGET)
        try:
            given = await self._store.take_money(
                lease.account, self._worker, budget, missing, wanted, now
            )
        except StoreError as error:
            raise _unreachable(error) from None
        if not given:
            raise _spent(known.key.name, budget, now)
        lease.free += given

    def _tidy(self, now: float) -> None:
        """Forget days that are over, and keys that nobody uses."""
        today = int(now // DAY_S)
        for account in [a for a, p in self._leases.items() if a[1] < today and p.over]:
            del self._leases[account]
        if now - self._tidied > 60:
            self._tidied = now
            for digest in [d for d, k in self._known.items() if now - k.checked > DAY_S]:
                del self._known[digest]


def _is_virtual(model: str) -> bool:
    """Whether the name leaves the choice to the router, which then keeps to the key's models."""
    return model.partition(":")[0] == AUTO


def _not_allowed(name: str, model: str) -> ApiError:
    return ApiError(
        403,
        f"key {name!r} may not ask {model[:100]!r}; GET /v1/models lists what it may ask",
        code="model_not_allowed",
        param="model",
    )


def _spent(name: str, budget: int, now: float) -> ApiError:
    return ApiError(
        429,
        f"what is left of the budget of key {name!r}, ${budget / NANO:g} a day, does not pay for "
        "this request; it is renewed at midnight UTC",
        code="insufficient_quota",
        kind="insufficient_quota",
        retry_after=DAY_S - now % DAY_S,
    )


def _unreachable(error: Exception) -> ApiError:
    log.error("the store of keys cannot be reached: %s", error)
    return ApiError(
        503, "keys cannot be checked just now", code="keys_unavailable", retry_after=1.0
    )
