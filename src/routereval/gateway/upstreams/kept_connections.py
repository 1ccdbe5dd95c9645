"""Connections to upstreams, kept for the next request."""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
from collections import deque
from functools import lru_cache

import aiohappyeyeballs

from routereval.gateway.upstreams.errors import UpstreamError
from routereval.gateway.upstreams.upstream_connection import UpstreamConnection

KEPT_S = 15.0
"""How long a connection is kept without a request: services close theirs after longer."""
RESOLVED_S = 300.0
"""How long the addresses of a host are remembered."""
_NEXT_ADDRESS_S = 0.25  # after which the next address is tried as well (RFC 8305)


class KeptConnections:
    """The connections to one origin.

    Args:
        host, port: where it is.
        encrypted: whether by TLS.
    """

    def __init__(self, host: str, port: int, *, encrypted: bool) -> None:
        self._host = host
        self._port = port
        self._encrypted = encrypted
        self._free: deque[tuple[UpstreamConnection, float]] = deque()  # in the order of their times
        self._open: set[UpstreamConnection] = set()
        self._sweeping: asyncio.TimerHandle | None = None
        self._addresses: deque[aiohappyeyeballs.AddrInfoType] = deque()
        self._resolved_at = -math.inf
        self._resolving = asyncio.Lock()

    def kept(self) -> UpstreamConnection | None:
        """One that is free: the one that was used last. None if there is none."""
        while self._free:
            connection, _ = self._free.pop()
            if connection.is_free:
                connection.kept = True
                return connection
            connection.close()
        return None

    def give_back(self, connection: UpstreamConnection) -> None:
        """Keep a connection if its answer was read to its end; else close it."""
        if not connection.is_free:
            connection.close()
            return
        loop = asyncio.get_running_loop()
        self._free.append((connection, loop.time()))
        if self._sweeping is None:
            self._sweeping = loop.call_later(KEPT_S, self._sweep)

    async def connect(self, until: float) -> UpstreamConnection:
        """A new one.

        Args:
            until: on the loop's clock, when to give up.

        Raises:
            UpstreamError: if it cannot be made, or not in time.
        """
        try:
            async with asyncio.timeout_at(until) as limit:
                return await self._connected()
        except OSError:  # which a TimeoutError is, too
            self._resolved_at = -math.inf
            if limit.expired():
                detail = "could not be connected to in time"
                raise UpstreamError("timeout", detail) from None
            raise UpstreamError("connect", "cannot be reached") from None

    def close(self) -> None:
        """Close all of them."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._free.clear()
        for connection in list(self._open):  # ties: all of them
            connection.close()

    async def _connected(self) -> UpstreamConnection:
        loop = asyncio.get_running_loop()
        tls = await asyncio.to_thread(tls_context) if self._encrypted else None
        found = await aiohappyeyeballs.start_connection(
            await self._next_addresses(), happy_eyeballs_delay=_NEXT_ADDRESS_S, loop=loop
        )
        try:
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _, connection = await loop.create_connection(
                lambda: UpstreamConnection(self._open.discard),
                sock=found,
                ssl=tls,
                server_hostname=self._host if tls else None,
            )
        except BaseException:
            found.close()
            raise
        if connection.is_open:
            self._open.add(connection)
        return connection

    async def _next_addresses(self) -> list[aiohappyeyeballs.AddrInfoType]:
        """The origin's addresses, a different one first each time."""
        loop = asyncio.get_running_loop()
        async with self._resolving:
            if loop.time() - self._resolved_at > RESOLVED_S:
                found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
                self._addresses, self._resolved_at = deque(found), loop.time()
        addresses = list(self._addresses)
        self._addresses.rotate(-1)
        return addresses

    def _sweep(self) -> None:
        """Close those that nobody has used for a while."""
        loop, self._sweeping = asyncio.get_running_loop(), None
        while self._free and self._free[0][1] <= loop.time() - KEPT_S:
            self._free.popleft()[0].close()
        if self._free:
            self._sweeping = loop.call_at(self._free[0][1] + KEPT_S, self._sweep)


@lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """How encrypted connections are made: by the system's certificates, which are read once."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
