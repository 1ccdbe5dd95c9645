"""Asking an upstream: one request, and its answer or an error."""

from __future__ import annotations

import asyncio
import io
import time
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from routereval.errors import MissingDependencyError
from routereval.gateway.config import HeadersConfig
from routereval.gateway.deadline import Deadline, PartDeadline
from routereval.gateway.dialects.apis import CHAT, Api
from routereval.gateway.protocols import Headers
from routereval.gateway.upstream_config import UpstreamConfig
from routereval.gateway.upstreams.answers import error_of_answer, first_data
from routereval.gateway.upstreams.content_coding import Decoder, decoder_of
from routereval.gateway.upstreams.errors import Reply, UpstreamError, error_of_reply
from routereval.gateway.upstreams.headers import HeaderFilter, own_headers, with_safe_type
from routereval.gateway.upstreams.upstream_key import UpstreamKey

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession, TCPConnector
    from yarl import URL

MAX_ANSWER_BYTES = 64 << 20
MAX_ERROR_BYTES = 1 << 20
MAX_HELD_BYTES = 1 << 20
LARGE_BODY_BYTES = 1 << 19
STALE_S = 0.5
"""A kept connection that breaks within this time was closed already when the request was sent."""

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
        self._limit = PartDeadline(target.config.idle_s, until)
        self.key = target.key
        self.headers = headers
        self.first = first
        self.sized = answer.sized

    async def next(self) -> bytes:
        """More bytes; none at the end.

        Raises:
            UpstreamError: if the stream is cut, or nothing comes for too long.
        """
        return await self._answer.read(self._limit)

    def close(self) -> None:
        """Give the connection back, or end it if the answer has not been read to its end."""
        self._limit.end()
        self._answer.release()


class Client:
    """A session with all upstreams; enter it in the event loop that it is used in.

    Args:
        quota_pause: seconds that an upstream is left alone whose quota or key does not serve.
        headers: what passes beside the usual ones.
    """

    def __init__(self, quota_pause: float, headers: HeadersConfig) -> None:
        self._quota_pause = quota_pause
        self._headers = HeaderFilter(headers)
        self._session: ClientSession | None = None

    async def __aenter__(self) -> Self:
        try:
            import aiohttp
        except ImportError:
            raise MissingDependencyError.of("aiohttp", "serve") from None
        self._session = aiohttp.ClientSession(
            connector=_connector(),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

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
        response = await self._response(target, path, body, headers, limit)
        answer, kept = Answer(response), False
        try:
            if response.status < 400 and response.content_type == "text/event-stream":
                if not streamed:
                    raise UpstreamError("garbage", "answered with a stream that nobody asked for")
                first = await self._first_event(answer, body, limit, api)
                kept = True
                passed = self._headers.down(response.raw_headers, target.key)
                return Stream(answer, passed, first, target, until)
            return await self._whole_reply(answer, target, body, until, api)
        finally:
            if not kept:
                answer.release()

    async def _response(
        self, target: Target, path: str, body: bytes, headers: Headers, limit: float
    ) -> ClientResponse:
        """The response once its headers are there.

        A kept connection that had been closed when the request was sent is replaced, once; one that
        breaks later may have done its work, and is not asked a second time.
        """
        import aiohttp

        loop = asyncio.get_running_loop()
        for first_try in (True, False):
            sent = loop.time()
            _connected.set(False)
            try:
                with Deadline(limit):
                    return await self._post(target, path, body, headers)
            except (aiohttp.ClientError, OSError, ValueError) as error:
                worked = loop.time() - sent > STALE_S
                stale = not _connected.get() and not worked and _is_broken_connection(error)
                if not (first_try and stale):
                    raise _error_of_exception(error, worked=worked) from None
        raise AssertionError  # the second try has returned or raised

    async def _first_event(self, answer: Answer, request: bytes, until: float, api: Api) -> bytes:
        """The bytes of a stream up to its first event with data; until then another may be asked.

        Raises:
            UpstreamError: if the stream ends before, or that event is an error.
        """
        held = b""
        while True:
            part = await answer.read(Deadline(until))
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

    async def _post(
        self, target: Target, path: str, body: bytes, headers: Headers
    ) -> ClientResponse:
        if self._session is None:
            raise RuntimeError("the client is not open")
        return await self._session.post(
            target.url(path),
            data=body if len(body) < LARGE_BODY_BYTES else io.BytesIO(body),
            headers=self._headers.up(headers, target.headers),
            timeout=target.timeout,
            allow_redirects=False,
        )

    async def _whole_reply(
        self, answer: Answer, target: Target, request: bytes, until: float, api: Api
    ) -> Reply:
        """The whole answer, which has not yet been passed on: if it is cut, another is asked."""
        response = answer.response
        good = response.status < 400
        body = target.key.removed_from(await answer.read_all(until))
        passed = self._headers.down(response.raw_headers, target.key)
        reply = Reply(response.status, with_safe_type(passed, body), body)
        if good:
            if response.status >= 300 or not _looks_like_json(body):
                raise UpstreamError("garbage", f"answered {response.status} with what is no JSON")
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

    Attributes:
        response: its head, and where it comes from.
        sized: whether the protocol itself tells a whole answer from one that was cut.

    Raises:
        UpstreamError: if it cannot be decompressed, and is no error whose status says enough.
    """

    def __init__(self, response: ClientResponse) -> None:
        self.response = response
        headers = response.headers
        self.sized = "transfer-encoding" in headers or "content-length" in headers
        self._decoder: Decoder | None = None
        self._unreadable = False
        if "content-encoding" in headers:
            try:
                self._decoder = decoder_of(headers.getall("content-encoding"))
            except UpstreamError:
                if response.status < 400:
                    response.close()
                    raise
                self._unreadable = True

    async def read(self, limit: Deadline | PartDeadline) -> bytes:
        """More bytes; none at the end.

        Raises:
            UpstreamError: if the answer is cut or damaged, or nothing comes within the limit.
        """
        if self._decoder is None:
            return await _read_any(self.response, limit)
        while not (part := self._decoder.part()):
            came = await _read_any(self.response, limit)
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
        longest = MAX_ANSWER_BYTES if self.response.status < 400 else MAX_ERROR_BYTES
        parts, size = [], 0
        while not self._unreadable and (part := await self.read(Deadline(until))):
            parts.append(part)
            size += len(part)
            if size > longest:
                raise UpstreamError("garbage", "answered more than the gateway takes")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def release(self) -> None:
        """Give the connection back, or end it if the answer has not been read to its end."""
        if self.response.content.at_eof():
            self.response.release()
        else:
            self.response.close()


class Target:
    """An upstream as the client asks it: its URLs, its key, its timeouts."""

    def __init__(self, config: UpstreamConfig, key: str) -> None:
        from aiohttp import ClientTimeout

        self.config = config
        self.key = UpstreamKey(key)
        self.headers = own_headers(config, key)
        self.timeout = ClientTimeout(total=None, sock_connect=config.connect_s)
        self._urls: dict[str, URL] = {}

    def url(self, path: str) -> URL:
        """The URL of a path, parsed once."""
        found = self._urls.get(path)
        if found is None:
            from yarl import URL

            base, mark, query = self.config.base_url.partition("?")  # Azure's has its api-version
            found = self._urls[path] = URL(base.rstrip("/") + path + mark + query)
        return found


_connected: ContextVar[bool] = ContextVar("connected", default=False)
"""Whether a connection was made for the request of this task, instead of one that was kept."""


def _connector() -> TCPConnector:
    """Connections without a limit, which note in `_connected` that they are new.

    aiohttp's own traces would tell the same, at some cost for every request.
    """
    from aiohttp import TCPConnector

    class NotingConnector(TCPConnector):
        async def _create_connection(self, *args: Any, **named: Any) -> Any:  # noqa: ANN401
            _connected.set(True)
            return await super()._create_connection(*args, **named)

    return NotingConnector(limit=0, ttl_dns_cache=300)


def _is_broken_connection(error: Exception) -> bool:
    """Whether a connection that was there has gone."""
    import aiohttp

    broken = isinstance(error, (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError))
    return broken and not isinstance(error, aiohttp.ClientConnectorError)


def _error_of_exception(error: Exception, *, worked: bool) -> UpstreamError:
    """What an error before the headers of an answer means; `worked` if they were waited for."""
    import aiohttp

    meanings: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str, str], ...] = (
        (aiohttp.ConnectionTimeoutError, "timeout", "could not be connected to in time"),
        (TimeoutError, "timeout", "did not answer in time"),
        (aiohttp.ServerDisconnectedError, "cut", "closed the connection without an answer"),
        (aiohttp.ClientConnectorError, "connect", "cannot be reached"),
        (aiohttp.ClientPayloadError, "cut", "broke off its answer"),
        ((aiohttp.ClientResponseError, ValueError), "garbage", "answered what is not HTTP"),
    )
    for kinds, kind, detail in meanings:
        if isinstance(error, kinds):
            connected = not isinstance(error, aiohttp.ConnectionTimeoutError)
            billed = connected and (kind == "timeout" or (kind == "cut" and worked))
            return UpstreamError(kind, detail, billed=billed)
    return UpstreamError("cut", "broke the connection", billed=worked)


async def _read_any(response: ClientResponse, limit: Deadline | PartDeadline) -> bytes:
    import aiohttp

    if response.content.is_eof():  # all of it has come: nothing to wait for
        return response.content.read_nowait()
    try:
        with limit:
            return await response.content.readany()
    except TimeoutError:
        raise UpstreamError("timeout", "fell silent", billed=True) from None
    except (aiohttp.ClientError, OSError, ValueError):
        raise UpstreamError("cut", "broke off its answer", billed=True) from None


def _looks_like_json(body: bytes) -> bool:
    """Whether the answer begins and ends as an object does; more is the client's to judge."""
    return body.lstrip(_SPACE)[:1] == b"{" and body.rstrip(_SPACE)[-1:] == b"}"
