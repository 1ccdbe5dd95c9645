"""How long an upstream took lately."""

from __future__ import annotations

import math
from collections import deque

WINDOW = 200
"""Answers that are remembered."""
AGE_S = 600.0
"""How long each is: an upstream that was too slow is tried again after that."""
LEAST = 20
"""Answers below which nothing is known: one of them says little of a 95th percentile."""
_SHARE = 0.95


class Latency:
    """Seconds until an upstream's answers began: of streams, and of whole answers, apart.

    >>> latency = Latency()
    >>> for number in range(20):
    ...     latency.note(number / 10, now=0.0, streamed=False)
    >>> latency.p95(now=1.0, streamed=False), latency.p95(now=1.0, streamed=True)
    (1.8, None)
    >>> latency.p95(now=601.0, streamed=False) is None
    True
    """

    def __init__(self) -> None:
        self._taken: dict[bool, deque[tuple[float, float]]] = {
            streamed: deque(maxlen=WINDOW) for streamed in (False, True)
        }

    def note(self, seconds: float, now: float, *, streamed: bool) -> None:
        """Take note of an answer.

        Args:
            seconds: until its first event, or until it was whole; until it was given up.
            now: seconds on a steady clock.
            streamed: whether it is a stream.
        """
        self._taken[streamed].append((now, seconds))

    def p95(self, now: float, *, streamed: bool) -> float | None:
        """The seconds within which 95 % of the last answers began; None where too few are known."""
        taken = self._taken[streamed]
        while taken and taken[0][0] < now - AGE_S:
            taken.popleft()
        if len(taken) < LEAST:
            return None
        ordered = sorted(seconds for _, seconds in taken)
        return ordered[math.ceil(_SHARE * len(ordered)) - 1]
