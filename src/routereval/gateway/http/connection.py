"""One request and its answer as they pass between a client and the gateway."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from routereval.gateway.api_error import ApiError
from routereval.gateway.dialects.apis import Api, api_of
from routereval.gateway.dialects.chat_answer import AnswerError
from routereval.gateway.dialects.errors import error_body
from routereval.gateway.dialects.translation import TranslatedStream
from routereval.gateway.http.asgi import Receive, Scope, Send
from routereval.gateway.http.body import BodyMemory, read_body
from routereval.gateway.http.headers import bearer, plain_ascii
from routereval.gateway.http.kept_turns import Turn
from routereval.gateway.http.request_ids import new_request_id
from routereval.gateway.http.sse import MAX_EVENT_BYTES, TRANSLATED_EVENT_BYTES, EventStream
from routereval.gateway.protocols import Headers, LogEntry, Usage
from routereval.gateway.upstreams.client import Stream
from routereval.gateway.upstreams.errors import Reply, UpstreamError

LONGEST_LIST = 1000
GONE = 499  # the status that a log gives a request whose client has left
_NO_SNIFFING = (b"x-content-type-options", b"nosniff")


async def _nothing() -> None:
    """Do nothing."""


class Connection:
    """What passes between a client and the gateway for one request.

    Attributes:
        key: what it presents itself with.
        address: where it comes from; empty where that is not known.
        entry: all that is noted of the request.
        api: that its path belongs to.
        turn: what is kept of the request if its answer is translated; None for nothing.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._start = time.perf_counter()
        self._began = False
        self._events: EventStream | None = None
        self._translated: TranslatedStream | None = None
        self.api = api_of(scope["path"])
        self.dropped: tuple[str, ...] = ()
        self.turn: Turn | None = None
        self.headers = scope["headers"]
        self.key = bearer(self.headers)
        self.address: str = (scope.get("client") or ("",))[0]
        self.entry = LogEntry(new_request_id(), time.time(), path=scope["path"])
        self.entry.traceparent = self.header(b"traceparent")
        self.draining = False

    def elapsed_s(self) -> float:
        """Seconds since the request came."""
        return time.perf_counter() - self._start

    @property
    def headers(self) -> Headers:
        """The client's, names in small letters."""
        return self._headers

    @headers.setter
    def headers(self, headers: Headers) -> None:
        self._headers = headers
        self._first_values = dict(reversed(headers))

    def header(self, name: bytes) -> str:
        """A header of the client's, the first of that name; empty without."""
        return self._first_values.get(name, b"").decode("latin-1")

    async def body(self, most: int, seconds: float, memory: BodyMemory) -> bytes:
        """The whole body; see `read_body`."""
        return await read_body(self._receive, self.headers, most, seconds, memory)

    async def reply(self, reply: Reply) -> None:
        """Pass on a whole answer."""
        self._note_status(reply.status)
        await self._send_whole(reply.status, reply.headers, reply.body)

    async def stream(
        self,
        stream: Stream,
        api: Api,
        *,
        strip_usage: bool,
        translated: TranslatedStream | None = None,
        before_end: Callable[[], Awaitable[None]] = _nothing,
    ) -> None:
        """Pass on a stream as it comes.

        Args:
            stream: of an upstream.
            api: that it is of.
            strip_usage: whether to leave out what it says of its usage alone.
            translated: what makes the client's events of it; None where they are the same.
            before_end: what is to be done once all has come, before the client sees the end.

        Raises:
            UpstreamError: if it is cut, or ends before its answer does; what was passed on may be
                followed by an `error`.
        """
        events = EventStream(
            strip_usage=strip_usage and not translated,
            key=stream.key,
            api=api,
            longest=TRANSLATED_EVENT_BYTES if translated else MAX_EVENT_BYTES,
        )
        self._events = events
        self._translated = translated
        self._note_status(200)
        await self._send_head(200, stream.headers)
        cut = await self._passed_on(stream, events)
        rest = self._in_clients_api(events.rest(cut=cut or not stream.sized))
        if not events.whole:
            if rest:
                await self._send_part(rest)
            raise UpstreamError("cut", "broke off its answer")
        if events.failed:
            self.entry.error = "upstream_stream_error"  # the client has it from the upstream
        if translated is not None:
            rest += translated.end()
        await before_end()
        await self._send({"type": "http.response.body", "body": rest})

    async def _passed_on(self, stream: Stream, events: EventStream) -> bool:
        """Pass on all whole events; whether the stream is cut after it said that it is over."""
        part, translates = stream.first, self._translated is not None
        while part:
            whole = events.take(part)
            if translates:
                whole = self._in_clients_api(whole)
            if whole:
                await self._send({"type": "http.response.body", "body": whole, "more_body": True})
            try:
                part = await stream.next()
            except UpstreamError:
                if not events.whole:
                    raise
                return True
        return False

    def _in_clients_api(self, events: bytes) -> bytes:
        """Whole events as the client knows them.

        Raises:
            UpstreamError: if they cannot be translated.
        """
        if self._translated is None or not events:
            return events
        try:
            return self._translated.take(events)
        except AnswerError as error:
            raise UpstreamError("garbage", str(error)) from None

    def usage_of_stream(self, tokens_in: int) -> Usage:
        """What the stream said of its usage as far as it came."""
        return self._events.usage(tokens_in) if self._events else Usage(tokens_in, 0, True)

    async def error(self, error: ApiError) -> None:
        """Tell the client what went wrong, in its stream if that has begun."""
        self.entry.error = error.code or error.kind
        if not self._began:
            self._note_status(error.status)
            body = error_body(error, self.api)
            await self._send_whole(error.status, error.headers, body)
        elif self._events is not None:
            events = self._translated or self._events
            await self._send({"type": "http.response.body", "body": events.error(error)})

    def _note_status(self, status: int) -> None:
        self.entry.status = status
        self.entry.first_byte_s = self.elapsed_s()

    async def _send_whole(self, status: int, headers: Headers, body: bytes) -> None:
        await self._send_head(status, [*headers, (b"content-length", b"%d" % len(body))])
        await self._send({"type": "http.response.body", "body": body})

    async def _send_head(self, status: int, headers: Headers) -> None:
        self._began = True
        head = [*headers, *self._routing_headers()]
        await self._send({"type": "http.response.start", "status": status, "headers": head})

    async def _send_part(self, part: bytes) -> None:
        await self._send({"type": "http.response.body", "body": part, "more_body": True})

    def _routing_headers(self) -> Headers:
        """Who answered, and why."""
        entry = self.entry
        headers = [(b"x-routereval-request-id", entry.request_id.encode()), _NO_SNIFFING]
        if entry.model:
            headers.append((b"x-routereval-model", plain_ascii(entry.model)))
            headers.append((b"x-routereval-reason", plain_ascii(entry.reason)))
        if entry.deployment:
            headers.append((b"x-routereval-deployment", plain_ascii(entry.deployment)))
        decision = entry.decision
        if decision is not None and decision.model == entry.model:
            headers.append((b"x-routereval-score", b"%.4f" % decision.scores[decision.column]))
        if decision is not None and decision.unfamiliar:
            headers.append((b"x-routereval-unfamiliar", b"true"))
        if self.dropped:
            names = ", ".join(self.dropped)[:LONGEST_LIST]
            printed = "".join(sign if sign.isprintable() else "?" for sign in names)
            headers.append((b"x-routereval-dropped", plain_ascii(printed)))
        if self.draining:
            headers.append((b"connection", b"close"))
        return headers
