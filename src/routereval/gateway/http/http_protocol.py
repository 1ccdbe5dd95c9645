"""HTTP/1.1 on a client's connection, by uvicorn and within bounds.

uvicorn bounds neither the head of a request nor how long it may take, and loses the body of one
that offers to go on in HTTP/2 (``Upgrade: h2c``), as the default client of Java does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from routereval.gateway.api_error import ApiError
from routereval.gateway.http.answer_cycle import AnswerCycle
from routereval.gateway.http.client_connections import ClientConnections

MAX_HEADERS = 128
MAX_PIPELINED = 16
FRAMING_PER_BYTE = 16
"""Bytes of framing for which one byte of a body pays: a chunk of one byte has five."""
_OF_UPGRADES = frozenset({b"connection", b"upgrade", b"http2-settings"})


class HttpProtocol(HttpToolsProtocol):
    """A client's connection.

    Args:
        config, server_state, app_state, _loop: of uvicorn.
        connections: all of the server's; this one enters there.
        head_bytes: the longest head of a request, and the longest trailers.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        connections: ClientConnections,
        head_bytes: int,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.address = ""
        self._all = connections
        self._head_bytes = head_bytes
        self._framing = 0
        self._refusal: ApiError | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Enter, or close at once if there is no room."""
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        if not self._all.enter(self, self.loop.time()):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave."""
        self._all.leave(self)
        super().connection_lost(exc)

    def drop(self) -> None:
        """See `ClientConnection`."""
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head or what goes round the body becomes too large."""
        self._framing += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._read_without_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError:
            self._refuse(self._refusal or ApiError(400, "this is not HTTP", code="invalid_http"))
            return
        if self._framing > self._head_bytes:
            self._refuse(_head_error(self._head_bytes))

    def on_headers_complete(self) -> None:
        """Begin a request; one that offers an upgrade is read anew without that offer."""
        if self.parser.should_upgrade():
            return
        if len(self.headers) > MAX_HEADERS or self._is_head_too_long():
            self._reject(_head_error(self._head_bytes))
        if len(self.pipeline) >= MAX_PIPELINED:
            self._reject(ApiError(400, "too many requests in a row", code="invalid_http"))
        self._all.busy(self)
        self._complete_scope()
        before, self.cycle = self.cycle, self._new_cycle()
        if before is None or before.response_complete:
            self._start(self.cycle)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def _complete_scope(self) -> None:
        """Add to the scope what the head says of the request."""
        scope, url, version = (
            self.scope,
            httptools.parse_url(self.url),
            self.parser.get_http_version(),
        )
        if version != "1.1":
            scope["http_version"] = version
        path = url.path.decode("ascii")
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"], scope["query_string"] = url.path, url.query or b""

    def _new_cycle(self) -> AnswerCycle:
        return AnswerCycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=self.scope["http_version"] != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )

    def _start(self, cycle: RequestResponseCycle) -> None:
        task = self.loop.create_task(cycle.run_asgi(self.app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def on_body(self, body: bytes) -> None:
        """More of the body."""
        self._framing = max(0, self._framing - FRAMING_PER_BYTE * len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The end of the body."""
        if not self.parser.should_upgrade():
            self._framing = 0
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Begin the next request if it has come, else wait for it; `sweep` ends the waiting."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start(self.pipeline.pop()[0])
        else:
            self._all.waits(self, self.loop.time())

    def _is_head_too_long(self) -> bool:
        if self._framing <= self._head_bytes:
            return False
        return len(self.url) + sum(len(n) + len(v) + 4 for n, v in self.headers) > self._head_bytes

    def _reject(self, error: ApiError) -> None:
        """Stop the parser, of which this is called."""
        self._refusal = error
        raise ValueError(error.message)

    def _read_without_upgrade(self, rest: bytes) -> None:
        """Read a request anew that offers to go on in another protocol, as if it did not."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse(ApiError(400, "this is no proxy", code="invalid_http"))
            return
        version = self.parser.get_http_version().encode()
        kept = [(name, value) for name, value in self.headers if name not in _OF_UPGRADES]
        lines = [b"%b %b HTTP/%b" % (method, self.url, version)]
        lines += [b"%b: %b" % header for header in kept]
        self.parser = httptools.HttpRequestParser(self)
        self._framing = 0
        self.data_received(b"\r\n".join([*lines, b"", rest]))

    def _refuse(self, error: ApiError) -> None:
        """Say why, unless an answer is under way, and close."""
        if self.cycle is None or self.cycle.response_complete:
            head = [*error.headers, (b"connection", b"close")]
            head.append((b"content-length", b"%d" % len(error.body)))
            lines = [STATUS_LINE[error.status], *(b"%b: %b\r\n" % header for header in head)]
            self.transport.write(b"".join([*lines, b"\r\n", error.body]))
        self.transport.close()


def protocol_factory(
    connections: ClientConnections, head_bytes: int
) -> Callable[..., asyncio.Protocol]:
    """What uvicorn makes of each connection; see `HttpProtocol`."""

    def make(**of_uvicorn: Any) -> HttpProtocol:  # noqa: ANN401 - uvicorn's own
        return HttpProtocol(**of_uvicorn, connections=connections, head_bytes=head_bytes)

    return make


def _head_error(most: int) -> ApiError:
    sentence = f"a request's head holds at most {MAX_HEADERS} headers and {most} bytes"
    return ApiError(431, sentence, code="headers_too_large")
