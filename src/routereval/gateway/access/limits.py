"""The arithmetic of limits: a bucket of requests, and a day's money that workers hold in part.

Asking the store for every request would be slow, and asking it rarely would let several workers
spend the same dollar twice. So a worker *holds* a part of what is left: it spends from that part on
its own, writes behind what it spent, and hands back what it does not need. What is spent and held
never exceeds the budget. What a worker held when it died is free again `LOST_S` seconds later.

All amounts are whole numbers, as `keys.NANO` counts them.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import NamedTuple

LOST_S = 15.0
SHARE_OF_REST = 64
"""A worker takes at most one part in so many of what is left, or what it needs now."""


class RequestBucket(NamedTuple):
    """Requests that are left at a time; it fills evenly, up to a minute's worth."""

    level: float
    stamp: float

    def taken(self, per_minute: int, wanted: int, now: float) -> tuple[int, RequestBucket]:
        """Take whole requests.

        Args:
            per_minute: how fast it fills, and how much it holds.
            wanted: how many, at most.
            now: seconds since the epoch.

        Returns:
            How many were there, and what is left.

        >>> RequestBucket(3.5, 0).taken(60, 10, now=0)
        (3, RequestBucket(level=0.5, stamp=0))
        """
        passed = max(now - self.stamp, 0.0)
        level = min(self.level + passed * per_minute / 60, float(per_minute))
        given = min(wanted, int(level))
        return given, RequestBucket(level - given, max(now, self.stamp))

    def wait(self, per_minute: int) -> float:
        """Seconds until there is one.

        >>> RequestBucket(0.5, 0).wait(60)
        0.5
        """
        return max(1 - self.level, 0.0) * 60 / per_minute


@dataclass
class DailyBudget:
    """One key's money of one day.

    Attributes:
        spent: for good.
        held: by worker, what it holds and when it was last heard of.

    >>> ledger = DailyBudget(spent=10)
    >>> ledger.take("a", budget=100, least=60, wanted=60, now=0)
    60
    >>> ledger.take("b", budget=100, least=5, wanted=60, now=0)  # a share of what is left
    5
    >>> ledger.take("c", budget=100, least=30, wanted=60, now=0)
    0
    >>> ledger.write("a", spent=40, back=10, now=1)
    >>> ledger.spent, ledger.held["a"]
    (50, (10, 1))
    """

    spent: int = 0
    held: MutableMapping[str, tuple[int, float]] = field(default_factory=dict)

    def take(self, worker: str, budget: int, least: int, wanted: int, now: float) -> int:
        """Let a worker hold more.

        Args:
            worker: its name.
            budget: of the day.
            least: what is of use to it.
            wanted: what it would like.
            now: seconds since the epoch.

        Returns:
            How much more it holds: what it wanted, or less where little is left, so that any number
            of workers get something; and 0 where not even `least` is left.
        """
        self._forget_lost(worker, now)
        left = budget - self.spent - sum(amount for amount, _ in self.held.values())
        given = min(wanted, max(least, left // SHARE_OF_REST))
        if given > left or given < least or given <= 0:
            return 0
        mine, _ = self.held.get(worker, (0, now))
        self.held[worker] = (mine + given, now)
        return given

    def write(self, worker: str, spent: int, back: int, now: float) -> None:
        """Book what a worker spent, and take back what it no longer holds.

        Args:
            worker: its name.
            spent: since it last wrote.
            back: of what it held, beside what it spent. Less than 0 where it spent more than it
                held, because a request was dearer than expected.
            now: seconds since the epoch.
        """
        self.spent += spent
        mine, _ = self.held.get(worker, (0, now))
        self.held[worker] = (mine - spent - back, now)
        if self.held[worker][0] <= 0:
            del self.held[worker]

    def _forget_lost(self, worker: str, now: float) -> None:
        lost = [
            name for name, (_, seen) in self.held.items() if name != worker and now - seen > LOST_S
        ]
        for name in lost:
            del self.held[name]
