"""How many connections clients may have, and how long one may wait for the head of a request."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from routereval.gateway.config import LimitsConfig


class ClientConnection(Protocol):
    """A connection, as far as its bounds go."""

    address: str

    def drop(self) -> None:
        """Close it: it has no request under way."""


class ClientConnections:
    """All connections of a server, and those of them that wait for the head of a request.

    Waiting are new connections, those with half a head, and kept ones without a request. Where
    there is no room for a new connection, the one that waits for longest makes room, so that
    whoever sends half a request keeps nobody out.

    Args:
        limits: ``connections``, ``address_share`` and ``head_s`` of them count here.

    >>> class Connection:
    ...     def __init__(self, address):
    ...         self.address = address
    ...     def drop(self):
    ...         print("dropped", self.address)
    >>> held = ClientConnections(LimitsConfig(connections=3, address_share=0.7, head_s=10))
    >>> [held.enter(Connection(address), now) for now, address in enumerate("aba")]
    [True, True, True]
    >>> held.enter(Connection("a"), 2)  # the third of this address
    dropped a
    True
    >>> held.sweep(11)
    dropped b
    """

    def __init__(self, limits: LimitsConfig) -> None:
        self._most = limits.connections
        self._most_per_address = max(1, int(limits.connections * limits.address_share))
        self._longest_s = limits.head_s
        self._open: set[ClientConnection] = set()
        self._by_address: Counter[str] = Counter()
        self._waiting: dict[ClientConnection, float] = {}  # in the order of their times

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    def enter(self, connection: ClientConnection, now: float) -> bool:
        """Take on a new connection; False if there is no room for it.

        Args:
            connection: that was made.
            now: seconds on a steady clock.
        """
        address = connection.address
        if self._by_address[address] >= self._most_per_address and not self._make_room(address):
            return False
        if len(self._open) >= self._most and not self._make_room(None):
            return False
        self._open.add(connection)
        self._by_address[address] += 1
        self._waiting[connection] = now
        return True

    def busy(self, connection: ClientConnection) -> None:
        """The head of a request is whole."""
        self._waiting.pop(connection, None)

    def waits(self, connection: ClientConnection, now: float) -> None:
        """A request is answered, and the next one may come."""
        if connection in self._open:
            self._waiting[connection] = now

    def leave(self, connection: ClientConnection) -> None:
        """A connection has ended."""
        if connection not in self._open:
            return
        self._open.discard(connection)
        self._waiting.pop(connection, None)
        self._by_address[connection.address] -= 1
        if not self._by_address[connection.address]:
            del self._by_address[connection.address]

    def sweep(self, now: float) -> None:
        """Close those that waited for too long."""
        late = []
        for connection, since in self._waiting.items():
            if now - since < self._longest_s:
                break
            late.append(connection)
        for connection in late:
            self._drop(connection)

    def _make_room(self, address: str | None) -> bool:
        """Close the connection that waits for longest, of an address or of all; False if none."""
        for connection in self._waiting:
            if address is None or connection.address == address:
                self._drop(connection)
                return True
        return False

    def _drop(self, connection: ClientConnection) -> None:
        self.leave(connection)
        connection.drop()
