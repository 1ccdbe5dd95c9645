"""When an upstream is left alone, and how many second tries the gateway allows itself."""

from __future__ import annotations

from cachetools import LRUCache

from routereval.gateway.config import FailoverConfig

MAX_CLIENTS = 10_000
"""Clients whose rests and second tries are remembered, by upstream and in all."""


class Rest:
    """A rest after errors; afterwards one request tries the upstream, and the others follow."""

    def __init__(self, config: FailoverConfig) -> None:
        self._config = config
        self._failures = 0
        self._until = 0.0
        self._pause = 0.0
        self._probing = False

    def left_s(self, now: float) -> float:
        """Seconds that are left of the rest."""
        return max(self._until - now, 0.0)

    def remaining_s(self, now: float) -> float:
        """Seconds until the upstream may be tried again; 0 if it may be asked now."""
        if self._probing:
            return max(self._until - now, 1.0)
        return max(self._until - now, 0.0)

    def rest_for(self, now: float, seconds: float) -> None:
        """Begin a rest of a given length."""
        self._until = now + seconds

    def allow(self, now: float, *, early: bool = False) -> bool:
        """Whether a request may go there now; with `early` before the rest is over."""
        if self._until == 0.0:
            return True
        if self._probing or (now < self._until and not early):
            return False
        self._probing = True
        return True

    def abandoned(self) -> None:
        """A probe says nothing, or there was none."""
        self._probing = False

    def failed(self, now: float, pause: float | None, *, confirmed: bool) -> bool:
        """Count an error; whether a rest begins, which it does only if the error is confirmed."""
        config, self._probing = self._config, False
        self._failures += 1
        over = 0.0 < self._until <= now
        if not confirmed:
            return False
        if pause is not None:
            longest = max(config.longest_cooldown_s, config.quota_cooldown_s)
            self._until = max(self._until, now + min(pause, longest))
            return True
        if not over and (self._until > now or self._failures < config.failures):
            return False
        self._pause = min(self._pause * 2 or config.cooldown_s, config.longest_cooldown_s)
        self._until = now + self._pause
        return True


class CircuitBreaker:
    """Rests an upstream after errors: for the client that evoked them, or for all.

    A request may be the cause of its own error. So an upstream rests for the client whose requests
    failed, and for all of them only once another client has seen the same and none was answered
    in between; or at once where no request can be the cause, as when connections are refused.

    Every `allow` that says True is followed by one of `succeeded`, `failed` and `abandoned`.

    Attributes:
        is_calm: whether nothing has failed since the last answer, for any client.

    >>> breaker = CircuitBreaker(FailoverConfig(failures=2, cooldown_s=5))
    >>> for _ in range(2):
    ...     _ = breaker.allow(0, "a"), breaker.failed(0, "a")
    >>> breaker.rest_s(4, "a"), breaker.rest_s(4, "b")
    (1, 0.0)
    >>> breaker.failed(4, "b")  # another client's error: a rest for all
    >>> breaker.rest_s(4, "c"), breaker.allow(4, "c")
    (5, False)
    >>> breaker.allow(9, "c"), breaker.allow(9, "d")  # the first may try, the second waits
    (True, False)
    >>> breaker.succeeded("c")
    >>> breaker.allow(9, "d")
    True
    """

    def __init__(self, config: FailoverConfig) -> None:
        self._config = config
        self._shared = Rest(config)
        self._own: LRUCache[str, Rest] = LRUCache(MAX_CLIENTS)
        self._seen_by: dict[bool, set[str]] = {True: set(), False: set()}
        self.is_calm = True

    def rest_s(self, now: float, client: str | None = None) -> float:
        """Seconds until a client may ask it again, or anybody; 0 if that is now."""
        if self.is_calm:
            return 0.0
        shared = self._shared.remaining_s(now)
        own = self._own.get(client) if self._own and client is not None else None
        return shared if own is None else max(shared, own.remaining_s(now))

    def shared_rest_s(self, now: float) -> float:
        """Seconds that it still rests for all; 0 also while it is tried."""
        return self._shared.left_s(now)

    def take_over(self, now: float, seconds: float) -> None:
        """Rest for all, since it does so elsewhere; or no longer, with 0 seconds."""
        if seconds:
            self.is_calm = False
            self._shared.rest_for(now, seconds)
            return
        self._shared = Rest(self._config)
        self._forget_witnesses()

    def rests(self, now: float) -> bool:
        """Whether it rests for all, or for any client."""
        return bool(
            self._shared.remaining_s(now) or any(own.remaining_s(now) for own in self._own.values())
        )

    def allow(self, now: float, client: str, *, early: bool = False) -> bool:
        """Whether a client's request may go there now.

        Args:
            now: seconds on a steady clock.
            client: who asks.
            early: whether there is nobody else to ask, so that it may be tried before its time;
                by one request at a time.
        """
        if self.is_calm:
            return True
        own = self._own.get(client) if self._own else None
        if own is not None and not own.allow(now, early=early):
            return False
        if self._shared.allow(now, early=early):
            return True
        if own is not None:
            own.abandoned()
        return False

    def succeeded(self, client: str) -> None:
        """An answer came."""
        if self.is_calm:
            return
        self._shared = Rest(self._config)
        self._forget_witnesses()
        if self._own:
            self._own.pop(client, None)
        self.is_calm = not self._own

    def abandoned(self, client: str) -> None:
        """The request ended for a reason of its own, which says nothing about the upstream."""
        self._shared.abandoned()
        if (own := self._own.get(client)) is not None:
            own.abandoned()

    def failed(
        self, now: float, client: str, pause: float | None = None, *, evoked: bool = True
    ) -> None:
        """Count an error.

        Args:
            now: seconds on a steady clock.
            client: whose request it was.
            pause: for how long the upstream itself asks to be left alone.
            evoked: whether the request may be the cause.
        """
        self.is_calm = False
        own = self._own.get(client)
        if own is None:
            own = self._own[client] = Rest(self._config)
        own.failed(now, pause, confirmed=True)
        witnesses = self._seen_by[pause is not None]
        if len(witnesses) < 2:
            witnesses.add(client)
        if self._shared.failed(now, pause, confirmed=not evoked or len(witnesses) > 1):
            self._forget_witnesses()

    def _forget_witnesses(self) -> None:
        for witnesses in self._seen_by.values():
            witnesses.clear()


class RetryBudget:
    """Second tries are a share of the requests, so that a failing pool is not asked ever more.

    >>> budget = RetryBudget(ratio=0.5, burst=1)
    >>> budget.take(), budget.take()
    (True, False)
    >>> budget.earn(), budget.earn(), budget.take()
    (None, None, True)
    """

    def __init__(self, ratio: float, burst: int) -> None:
        self._ratio = ratio
        self._burst = float(burst)
        self._tokens = float(burst)

    def earn(self) -> None:
        """A request came."""
        self._tokens = min(self._tokens + self._ratio, self._burst)

    def take(self) -> bool:
        """Whether one more try is allowed; if so it is counted."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class RetryBudgets:
    """A `RetryBudget` for each client, so that one whose requests fail takes none from others."""

    def __init__(self, ratio: float, burst: int) -> None:
        self._ratio = ratio
        self._burst = burst
        self._held: LRUCache[str, RetryBudget] = LRUCache(MAX_CLIENTS)

    def of(self, client: str) -> RetryBudget:
        """That of a client."""
        budget = self._held.get(client)
        if budget is None:
            budget = self._held[client] = RetryBudget(self._ratio, self._burst)
        return budget
