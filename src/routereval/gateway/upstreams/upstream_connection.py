"""One connection to an upstream: HTTP/1.1, a request at a time.

Of all that a request costs the gateway, aiohttp's client was the dearest single part. So this is
our own, and does no more than a gateway needs: it follows no redirections, keeps no cookies and
knows no proxies. The parsing is llhttp's, by httptools, as on the side of the clients.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import cast

import httptools

from routereval.gateway.protocols import Headers
from routereval.gateway.upstreams.errors import UpstreamError

HEAD_BYTES = 1 << 16
"""The longest head of an answer, and the most that goes round one part of its body."""
HELD_BYTES = 1 << 17
"""Bytes that nobody has taken yet beyond which no more is read."""
STALE_S = 0.5
"""A kept connection that breaks within this time was closed already when the request was sent."""


class UpstreamConnection(asyncio.Protocol):
    """A connection, and the answer that comes on it.

    Args:
        lost: called with it once it is closed.

    Attributes:
        status: of the answer.
        headers: of the answer, names in small letters.
        first_values: the first value of each header by its name.
        sized: whether the protocol itself tells a whole answer from one that was cut.
        is_open: whether it is there, and not closed yet.
        whole: whether all of the answer has come.
        kept: whether a request was answered on it before.
    """

    def __init__(self, lost: Callable[[UpstreamConnection], None]) -> None:
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = self._due = math.inf
        self._asked_at = 0.0
        self._error: UpstreamError | None = None
        self.is_open = False
        self._keeps = True
        self.kept = False
        self.whole = True
        self._begin()

    def _begin(self) -> None:
        """Nothing of an answer has come."""
        self.status = 0
        self.headers: Headers = []
        self.first_values: dict[bytes, bytes] = {}
        self.sized = False
        self._came = self._has_head = self._paused = False
        self._around = 0
        self._parts: list[bytes] = []
        self._held = 0

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self._transport = cast("asyncio.Transport", transport)
        self.is_open = True
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(  # what services get wrong, and cannot harm
            lenient_headers=True,
            lenient_optional_cr_before_lf=True,
            lenient_spaces_after_chunk_size=True,
        )

    def data_received(self, data: bytes) -> None:
        """More of the answer."""
        if self.whole or self._parser is None:  # nobody asked for this
            self.close()
            return
        self._came = True
        self._around += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse()
        if self._around > HEAD_BYTES and not self.whole:
            self._refuse()
        if self._held > HELD_BYTES and not (self._paused or self.whole):
            self._paused = True
            self._transport.pause_reading()
        if self._has_head:
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed, by whichever side."""
        self.is_open = False
        self._parser = None  # which refers to this
        if self._timer is not None:
            self._timer.cancel()
        if self._has_head and not self.sized and exc is None:
            self.whole = True
        if not self.whole:
            self._fail(self._cut_error(exc))
        self._lost(self)
        self._wake()

    # what the parser calls

    def on_message_begin(self) -> None:
        """The first byte of an answer; behind the whole of one there must be none."""
        if self.whole:
            raise ValueError("an answer that nobody asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; what comes behind the body is passed over."""
        if not self._has_head:
            self.headers.append((name.lower(), value.strip()))

    def on_headers_complete(self) -> None:
        """The end of a head, which may be that of an interim answer."""
        parser = self._parser
        if parser is None:
            return
        self.status = parser.get_status_code()
        if self.status < 200:
            if self.status == 101:
                raise ValueError("an upgrade that nobody asked for")
            self.headers.clear()
            return
        self._has_head = True
        self._keeps = parser.should_keep_alive()
        self.first_values = dict(reversed(self.headers))
        self.sized = not _SIZES.isdisjoint(self.first_values)

    def on_body(self, body: bytes) -> None:
        """More of the body."""
        self._parts.append(body)
        self._held += len(body)
        self._around = 0

    def on_message_complete(self) -> None:
        """The end of an answer, or of an interim one."""
        if self._has_head:
            self.whole = True

    # what the client calls

    async def ask(self, head: bytes, body: bytes, until: float) -> None:
        """Send a request, and wait for the head of its answer.

        Args:
            head: with the empty line at its end.
            body: as long as the head says.
            until: on the loop's clock, when to give up.

        Raises:
            UpstreamError: if there is none.
        """
        self._begin()
        self.whole, self._error = False, None
        self._asked_at = self._loop.time()
        if not self.is_open:  # it was closed as soon as it was made
            self._error = self._cut_error(None)
            raise self._error
        if len(body) < HEAD_BYTES:
            self._transport.write(head + body)  # one call of the system
        else:
            self._transport.write(head)
            self._transport.write(body)
        while not self._has_head:
            if self._error is not None:
                raise self._error
            try:
                await self._wait(until)
            except TimeoutError:
                raise UpstreamError("timeout", "did not answer in time", billed=True) from None

    async def read(self, until: float) -> bytes:
        """More of the body, all that has come; none at the end.

        Raises:
            UpstreamError: if the answer is cut, or nothing comes in time.
        """
        while not self._parts:
            if self.whole:
                return b""
            if self._error is not None:
                raise self._error
            try:
                await self._wait(until)
            except TimeoutError:
                raise UpstreamError("timeout", "fell silent", billed=True) from None
        parts, self._parts, self._held = self._parts, [], 0
        if self._paused:
            self._paused = False
            if self.is_open and not self._transport.is_closing():
                self._transport.resume_reading()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    @property
    def is_stale(self) -> bool:
        """Whether it was kept, and closed already when the last request was sent."""
        return self.kept and self._error is not None and not (self._came or self._worked())

    @property
    def is_free(self) -> bool:
        """Whether another request may be sent on it."""
        idle = self.whole and not self._parts and self._keeps and self.is_open
        sent = self._transport.get_write_buffer_size() == 0
        return idle and sent and not self._transport.is_closing()

    def close(self) -> None:
        """End it, whatever is under way."""
        self._keeps = False
        if self.is_open:
            self._transport.abort()

    # how it waits

    async def _wait(self, until: float) -> None:
        """Wait for more to come, or for an error.

        Raises:
            TimeoutError: if neither comes in time.
        """
        if until <= self._loop.time():
            raise TimeoutError
        self._due = until
        if until < self._timer_at:
            self._set_timer(until)
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter, self._due = None, math.inf

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _set_timer(self, at: float) -> None:
        """Look at a time; one timer serves many requests, which nearly all end before theirs."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = self._loop.call_at(at, self._look), at

    def _look(self) -> None:
        self._timer, self._timer_at = None, math.inf
        if self._due > self._loop.time():
            if self._due < math.inf:
                self._set_timer(self._due)
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(TimeoutError())

    # how it ends

    def _refuse(self) -> None:
        """What came is no HTTP, or too much of it."""
        if not self.whole:
            kind, detail = ("cut", "broke off its answer"), "answered what is not HTTP"
            error = UpstreamError(*kind, billed=True)
            self._fail(error if self._has_head else UpstreamError("garbage", detail))
        self.close()

    def _fail(self, error: UpstreamError) -> None:
        self._error = self._error or error
        self._wake()

    def _cut_error(self, exc: Exception | None) -> UpstreamError:
        if self._has_head:
            return UpstreamError("cut", "broke off its answer", billed=True)
        detail = "broke the connection" if exc else "closed the connection without an answer"
        return UpstreamError("cut", detail, billed=self._came or self._worked())

    def _worked(self) -> bool:
        """Whether the upstream had the request for long enough to have worked on it."""
        return self._loop.time() - self._asked_at > STALE_S


_SIZES = frozenset({b"content-length", b"transfer-encoding"})
