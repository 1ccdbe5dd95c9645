"""What a store of keys, limits and spending does, and what is written to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from routereval.errors import DataError, RouterEvalError
from routereval.gateway.access.keys import Key


class StoreError(RouterEvalError):
    """A store that cannot be reached, or does not answer in time."""


class SpendReport(NamedTuple):
    """What a worker books for a key: see `DailyBudget.write`."""

    spent: int
    back: int


Account = tuple[str, int]
"""A key's name and a day, counted from the epoch."""


class Store(Protocol):
    """What an authenticator needs of a store; each call is a transaction and raises `StoreError`.

    Names are those of keys, days count from the epoch, money is in billionths of a USD.
    """

    async def find(self, digest: bytes) -> Key | None:
        """The key with that hash; revoked ones too."""

    async def take_requests(
        self, name: str, per_minute: int, wanted: int, now: float
    ) -> tuple[int, float]:
        """Take requests out of the key's bucket: how many, and the seconds until the next one."""

    async def take_money(
        self, account: Account, worker: str, budget: int, least: int, wanted: int, now: float
    ) -> int:
        """Hold a part of the day's budget; see `DailyBudget.take`."""

    async def write(self, worker: str, reports: Mapping[Account, SpendReport], now: float) -> None:
        """Book what was spent; see `DailyBudget.write`. An empty report keeps the lease alive."""

    async def close(self) -> None:
        """Let go of files and connections."""


class KeyAdmin(Protocol):
    """What the command line asks of a store."""

    async def add(self, key: Key) -> None:
        """Keep a key.

        Raises:
            DataError: if the name is taken.
        """

    async def revoke(self, name: str, now: float) -> None:
        """Let a key open nothing from now on.

        Raises:
            DataError: if there is no such key, or it is revoked already.
        """

    async def listed(self, day: int) -> Sequence[tuple[Key, int]]:
        """All keys by name, and what each has spent on a day."""

    async def close(self) -> None:
        """Let go of files and connections."""


class FullStore(Store, KeyAdmin, Protocol):
    """Both."""


def name_taken(name: str) -> DataError:
    """The error for a name that a key has already, also a revoked one: logs must stay clear."""
    return DataError(f"there is a key {name!r} already; choose another name")


def not_revocable(name: str) -> DataError:
    """The error for a key that is not there, or is revoked already."""
    return DataError(f"there is no key {name!r} that works; see: routereval keys list")
