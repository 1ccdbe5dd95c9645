"""Asking an upstream: one request, and its answer or an error."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from routereval.errors import MissingDependencyError
from routereval.gateway.config import HeadersConfig
from routereval.gateway.dialects.apis import CHAT, Api
from routereval.gateway.protocols import Headers
from routereval.gateway.upstreams.answers import error_of_answer, first_data
from routereval.gateway.upstreams.content_coding import Decoder, decoder_of
from routereval.gateway.upstreams.errors import Reply, UpstreamError, error_of_reply
from routereval.gateway.upstreams.headers import HeaderFilter, with_safe_type
from routereval.gateway.upstreams.target import Target

if TYPE_CHECKING:
    from routereval.gateway.upstreams.kept_connections import KeptConnections
    from routereval.gateway.upstreams.upstream_connection import UpstreamConnection

MAX_ANSWER_BYTES = 64 << 20
MAX_ERROR_BYTES = 1 << 20
MAX_HELD_BYTES = 1 << 20

_SPACE = b" \t\r\n"


class Stream:
    """An answer that comes in parts. Close it, or read it to its end.

    Attributes:
        headers: as they are passed on.
        first: the first bytes, which have come already.
        sized: whether the protocol itself tells a whole answer from one that was cut.
        key: of the upstream, which no event may tell.
    """

    def __init__(
        self, answer: Answer, headers: Headers, first: bytes, target: Target, until: float
    ) -> None:
        self._answer = answer
        self._idle_s = target.config.idle_s
        self._until = until
        self.key = target.key
        self.headers = headers
        self.first = first
        self.sized = answer.sized

    async def next(self) -> bytes:
        """More bytes; none at the end.

        Raises:
            UpstreamError: if the stream is cut, or nothing comes for too long.
        """
        idle = asyncio.get_running_loop().time() + self._idle_s
        return await self._answer.read(min(idle, self._until))

    def close(self) -> None:
        """Give the connection back, or end it if the answer has not been read to its end."""
        self._answer.release()


class Client:
    """The connections to all upstreams; enter it in the event loop that it is used in.

    Args:
        quota_pause: seconds that an upstream is left alone whose quota or key does not serve.
        headers: what passes beside the usual ones.
    """

    def __init__(self, quota_pause: float, headers: HeadersConfig) -> None:
        self._quota_pause = quota_pause
        self._headers = HeaderFilter(headers)
        self._is_open = False
        self._connections: dict[tuple[str, int, bool], KeptConnections] = {}

    async def __aenter__(self) -> Self:
        try:
            import routereval.gateway.upstreams.kept_connections  # noqa: F401 - is it there?
        except ImportError as error:
            raise MissingDependencyError.of(str(error.name), "serve") from None
        self._is_open = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_open = False
        for connections in self._connections.values():
            connections.close()
        self._connections.clear()

    async def send(
        self,
        target: Target,
        path: str,
        body: bytes,
        headers: Headers,
        until: float,
        *,
        streamed: bool,
        api: Api = CHAT,
    ) -> Reply | Stream:
        """Send a request and wait for the answer, or for the first bytes of a stream.

        Args:
            target: whom to ask.
            path: behind the base URL, such as ``/chat/completions``.
            body: as it is sent.
            headers: the client's.
            until: on the loop's clock, when to give up.
            streamed: whether the body asks for a stream.
            api: that the body is of.

        Raises:
            UpstreamError: if there is no answer that could be passed on as one.
        """
        config, now = target.config, asyncio.get_running_loop().time()
        until = min(until, now + (config.total_s if streamed else config.answer_s))
        limit = min(until, now + config.first_byte_s) if streamed else until
        answer = await self._answer(target, path, body, headers, limit)
        kept = False
        try:
            if answer.status < 400 and answer.is_stream:
                if not streamed:
                    raise UpstreamError("garbage", "answered with a stream that nobody asked for")
                first = await self._first_event(answer, body, limit, api)
                kept = True
                passed = self._headers.down(answer.headers, target.key)
                return Stream(answer, passed, first, target, until)
            return await self._whole_reply(answer, target, body, until, api)
        finally:
            if not kept:
                answer.release()

    async def _answer(
        self, target: Target, path: str, body: bytes, headers: Headers, limit: float
    ) -> Answer:
        """The answer once its head is there.

        A kept connection that had been closed when the request was sent is replaced, once; one that
        breaks later may have done its work, and is not asked a second time.
        """
        connections = self._connections_to(target)
        head = target.head(path, self._headers.up(headers, target.names), len(body))
        connection = connections.kept()
        if connection is not None:
            try:
                return await _asked(connections, connection, head, body, limit)
            except UpstreamError:
                if not connection.is_stale:
                    raise
        now = asyncio.get_running_loop().time()
        connection = await connections.connect(min(limit, now + target.config.connect_s))
        return await _asked(connections, connection, head, body, limit)

    def _connections_to(self, target: Target) -> KeptConnections:
        found = self._connections.get(target.origin)
        if found is None:
            from routereval.gateway.upstreams.kept_connections import KeptConnections

            if not self._is_open:
                raise RuntimeError("the client is not open")
            host, port, encrypted = target.origin
            found = KeptConnections(host, port, encrypted=encrypted)
            self._connections[target.origin] = found
        return found

    async def _first_event(self, answer: Answer, request: bytes, until: float, api: Api) -> bytes:
        """The bytes of a stream up to its first event with data; until then another may be asked.

        Raises:
            UpstreamError: if the stream ends before, or that event is an error.
        """
        held = b""
        while True:
            part = await answer.read(until)
            held += part
            data = first_data(held)
            if data is not None:
                break
            if not part:
                raise UpstreamError("cut", "ended its stream before it began", billed=bool(held))
            if len(held) > MAX_HELD_BYTES:
                return held
        if data == b"[DONE]":
            raise UpstreamError("cut", "ended its stream before it began")
        if b'"error"' in data or b"null" in data:
            error = error_of_answer(data, request, self._quota_pause, event=True, api=api)
            if error is not None and data[:1] == b"{":
                raise error
        return held

    async def _whole_reply(
        self, answer: Answer, target: Target, request: bytes, until: float, api: Api
    ) -> Reply:
        """The whole answer, which has not yet been passed on: if it is cut, another is asked."""
        status = answer.status
        good = status < 400
        body = target.key.removed_from(await answer.read_all(until))
        passed = self._headers.down(answer.headers, target.key)
        reply = Reply(status, with_safe_type(passed, body), body)
        if good:
            if status >= 300 or not _looks_like_json(body):
                raise UpstreamError("garbage", f"answered {status} with what is no JSON")
            wrong = error_of_answer(body, request, self._quota_pause, api=api)
            if wrong is not None:
                raise wrong
            return reply
        error = error_of_reply(reply, self._quota_pause, request, time.time())
        if error is not None:
            raise error
        return reply


class Answer:
    """The body of an upstream's answer, decompressed where it has to be.

    Args:
        connections: that get the connection back.
        connection: on which the head has come.

    Attributes:
        status: of the answer.
        headers: of the answer, names in small letters.
        sized: whether the protocol itself tells a whole answer from one that was cut.

    Raises:
        UpstreamError: if it cannot be decompressed, and is no error whose status says enough.
    """

    __slots__ = (
        "_connection",
        "_connections",
        "_decoder",
        "_unreadable",
        "headers",
        "sized",
        "status",
    )

    def __init__(self, connections: KeptConnections, connection: UpstreamConnection) -> None:
        self._connections = connections
        self._connection = connection
        self.status = connection.status
        self.headers = connection.headers
        self.sized = connection.sized
        self._decoder: Decoder | None = None
        self._unreadable = False
        if b"content-encoding" in connection.first_values:
            codings = [value for name, value in self.headers if name == b"content-encoding"]
            try:
                self._decoder = decoder_of(value.decode("latin-1") for value in codings)
            except UpstreamError:
                if self.status < 400:
                    raise
                self._unreadable = True

    @property
    def is_stream(self) -> bool:
        """Whether it says that it comes in events."""
        kind = self._connection.first_values.get(b"content-type", b"")
        return kind.partition(b";")[0].strip().lower() == b"text/event-stream"

    async def read(self, until: float) -> bytes:
        """More bytes; none at the end.

        Args:
            until: on the loop's clock, when to give up.

        Raises:
            UpstreamError: if the answer is cut or damaged, or nothing comes in time.
        """
        if self._decoder is None:
            return await self._connection.read(until)
        while not (part := self._decoder.part()):
            came = await self._connection.read(until)
            if not came and not self._decoder.finished:
                raise UpstreamError("cut", "broke off its answer", billed=True)
            if not came:
                return b""
            self._decoder.feed(came)
        await asyncio.sleep(0)  # a few bytes may become many parts: others are served in between
        return part

    async def read_all(self, until: float) -> bytes:
        """All of it; nothing of an error that cannot be read.

        Raises:
            UpstreamError: as in `read`, or if it is too large.
        """
        longest = MAX_ANSWER_BYTES if self.status < 400 else MAX_ERROR_BYTES
        parts, size = [], 0
        while not self._unreadable and (part := await self.read(until)):
            parts.append(part)
            size += len(part)
            if size > longest:
                raise UpstreamError("garbage", "answered more than the gateway takes")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def release(self) -> None:
        """Give the connection back, or end it if the answer has not been read to its end."""
        self._connections.give_back(self._connection)


async def _asked(
    connections: KeptConnections,
    connection: UpstreamConnection,
    head: bytes,
    body: bytes,
    limit: float,
) -> Answer:
    """The answer on a connection, once its head is there."""
    try:
        await connection.ask(head, body, limit)
        return Answer(connections, connection)
    except BaseException:
        connection.close()
        raise


def _looks_like_json(body: bytes) -> bool:
    """Whether the answer begins and ends as an object does; more is the client's to judge."""
    return body.lstrip(_SPACE)[:1] == b"{" and body.rstrip(_SPACE)[-1:] == b"}"
