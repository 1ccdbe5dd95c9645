"""One request and its answer on the wire: reading the body, noticing who leaves, sending."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from routereval.gateway.api_error import ApiError
from routereval.gateway.http.headers import Headers, bearer, plain_ascii
from routereval.gateway.http.sse import EventStream, usage_of_body
from routereval.gateway.protocols import LogEntry, Usage
from routereval.gateway.upstreams.client import Stream
from routereval.gateway.upstreams.errors import Reply, UpstreamError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LISTEN_AFTER_S = 0.05
GONE = 499  # the status that a log gives a request whose client has left


class ClientGoneError(Exception):
    """The client left before its request was whole."""


class Connection:
    """What passes between a client and the gateway for one request.

    Attributes:
        headers: the client's, names in small letters.
        key: what it presents itself with.
        entry: all that is noted of the request.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._start = time.perf_counter()
        self._began = False
        self._events: EventStream | None = None
        self.headers: Headers = scope["headers"]
        self.key = bearer(self.headers)
        self.entry = LogEntry(secrets.token_hex(12), time.time(), path=scope["path"])
        self.draining = False

    def passed(self) -> float:
        """Seconds since the request came."""
        return time.perf_counter() - self._start

    def header(self, name: bytes) -> str:
        """A header of the client's; empty without."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name), "")

    async def body(self, most: int, seconds: float) -> bytes:
        """The whole body.

        Raises:
            ApiError: 413 if it is too large, 408 if it is too slow.
            ClientGoneError: if the client leaves meanwhile.
        """
        length = self.header(b"content-length")
        if length.isdigit() and int(length) > most:
            raise _too_large(most)
        try:
            async with asyncio.timeout(seconds):
                return await self._all_parts(most)
        except TimeoutError:
            raise ApiError(408, "the body came too slowly", code="request_timeout") from None

    async def _all_parts(self, most: int) -> bytes:
        parts, size, more = [], 0, True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > most:
                raise _too_large(most)
            more = message.get("more_body", False)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def reply(self, reply: Reply) -> None:
        """Pass on a whole answer."""
        self._note_start(reply.status)
        await self._whole(reply.status, reply.headers, reply.body)

    async def stream(self, stream: Stream) -> None:
        """Pass on a stream as it comes.

        Raises:
            UpstreamError: if it is cut; what was passed on may be followed by an `error`.
        """
        self._note_start(200)
        events = EventStream()
        take = events.take if stream.events else bytes
        self._events = events if stream.events else None
        await self._head(200, stream.headers)
        part, cut = stream.first, False
        while part:
            if whole := take(part):
                await self._part(whole)
            try:
                part = await stream.next()
            except UpstreamError:
                if not events.done:
                    raise
                part, cut = b"", True  # it said that it is over, so the answer is whole
        if not stream.sized and not events.done:
            raise UpstreamError("cut", "broke off its answer")
        await self._send(
            {"type": "http.response.body", "body": events.rest(cut=cut or not stream.sized)}
        )

    def usage_of_stream(self, tokens_in: int) -> Usage:
        """What the stream said of its usage as far as it came."""
        return self._events.usage(tokens_in) if self._events else Usage(tokens_in, 0, True)

    async def error(self, error: ApiError) -> None:
        """Tell the client what went wrong, in its stream if that has begun.

        Nothing can be added to a stream that is compressed: there the server breaks the connection,
        since the answer is left incomplete.
        """
        self.entry.error = error.code or error.kind
        if not self._began:
            self._note_start(error.status)
            await self._whole(error.status, error.headers, error.body)
        elif self._events is not None:
            await self._send({"type": "http.response.body", "body": self._events.error(error)})

    def _note_start(self, status: int) -> None:
        self.entry.status = status
        self.entry.first_byte_s = self.passed()

    async def _whole(self, status: int, headers: Headers, body: bytes) -> None:
        await self._head(status, [*headers, (b"content-length", b"%d" % len(body))])
        await self._send({"type": "http.response.body", "body": body})

    async def _head(self, status: int, headers: Headers) -> None:
        self._began = True
        head = [*headers, *self._who()]
        await self._send({"type": "http.response.start", "status": status, "headers": head})

    async def _part(self, part: bytes) -> None:
        await self._send({"type": "http.response.body", "body": part, "more_body": True})

    def _who(self) -> Headers:
        """Who answered, and why."""
        entry = self.entry
        told = [(b"x-routereval-request-id", entry.request_id.encode())]
        if entry.model:
            told.append((b"x-routereval-model", plain_ascii(entry.model)))
            told.append((b"x-routereval-reason", plain_ascii(entry.reason)))
        decision = entry.decision
        if decision is not None and decision.model == entry.model:
            told.append((b"x-routereval-score", b"%.4f" % decision.scores[decision.column]))
        if decision is not None and decision.unfamiliar:
            told.append((b"x-routereval-unfamiliar", b"true"))
        if self.draining:
            told.append((b"connection", b"close"))
        return told


class DisconnectWatcher:
    """Cancels the task of a request when its client leaves, or takes in its answer too slowly.

    Most requests end before anybody leaves: listening begins only after a moment, and costs a quick
    request nothing.
    """

    def __init__(self, receive: Receive, longest_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._receive = receive
        self._longest_s = longest_s
        self._task = asyncio.current_task()
        self._timer = loop.call_later(LISTEN_AFTER_S, self._listen)
        self._listener: asyncio.Task[None] | None = None
        self.gone = False

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._listener = loop.create_task(self._wait())
        self._timer = loop.call_later(self._longest_s, self._leave)

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._leave()

    def _leave(self) -> None:
        self.gone = True
        if self._task is not None:
            self._task.cancel()

    def end(self) -> None:
        """Listen no longer."""
        self._timer.cancel()
        if self._listener is not None:
            self._listener.cancel()


def usage_of_reply(reply: Reply, tokens_in: int) -> Usage:
    """What a whole answer says of its usage; nothing is paid for an error."""
    return usage_of_body(reply.body, tokens_in) if reply.status < 400 else Usage()


def _too_large(most: int) -> ApiError:
    return ApiError(413, f"the body is larger than {most} bytes", code="request_too_large")
