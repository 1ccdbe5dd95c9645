"""When an upstream is left alone, and how many second tries the gateway allows itself."""

from __future__ import annotations

from routereval.gateway.config import FailoverConfig


class CircuitBreaker:
    """Rests an upstream after faults; afterwards one request tries it, and the rest follow.

    Every `enter` that says True is followed by exactly one of `succeeded`, `failed` and `left`.

    >>> breaker = CircuitBreaker(FailoverConfig(failures=2, cooldown_s=5))
    >>> for _ in range(2):
    ...     _ = breaker.allow(0), breaker.failed(0)
    >>> breaker.allow(4.0), breaker.rest_s(4.0)  # resting
    (False, 1.0)
    >>> breaker.allow(5), breaker.allow(5)  # the first may try, the second waits for how it goes
    (True, False)
    >>> breaker.succeeded()
    >>> breaker.allow(5)
    True
    """

    def __init__(self, faults: FailoverConfig) -> None:
        self._faults = faults
        self._failures = 0
        self._until = 0.0
        self._pause = 0.0
        self._probing = False

    def rest_s(self, now: float) -> float:
        """Seconds until it may be tried again; 0 if it may be asked now."""
        if self._probing:
            return max(self._until - now, 1.0)
        return max(self._until - now, 0.0)

    def allow(self, now: float) -> bool:
        """Whether a request may go there now."""
        if self._until == 0.0:
            return True
        if now < self._until or self._probing:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        """An answer came."""
        self._failures, self._until, self._pause, self._probing = 0, 0.0, 0.0, False

    def abandoned(self) -> None:
        """The request ended for a reason of its own, which says nothing about the upstream."""
        self._probing = False

    def failed(self, now: float, pause: float | None = None) -> None:
        """A fault; `pause` is for how long the upstream itself asks to be left alone."""
        faults = self._faults
        was_probe, self._probing = self._probing, False
        self._failures += 1
        if pause is not None:
            longest = max(faults.longest_cooldown_s, faults.quota_cooldown_s)
            self._until = max(self._until, now + min(pause, longest))
        elif was_probe or self._failures >= faults.failures:
            self._pause = min(self._pause * 2 or faults.cooldown_s, faults.longest_cooldown_s)
            self._until = max(self._until, now + self._pause)


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
