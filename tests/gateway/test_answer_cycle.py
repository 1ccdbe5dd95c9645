"""An answer as it is written to a client's connection."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
import uvicorn
from uvicorn.server import ServerState

from routereval.gateway.config import LimitsConfig
from routereval.gateway.http.client_connections import ClientConnections
from routereval.gateway.http.http_protocol import HttpProtocol
from tests.gateway.loop import in_loop

GET = b"GET /a%20b?c=d HTTP/1.1\r\nhost: x\r\n\r\n"
JSON = (b"content-type", b"application/json")


class Wire:
    """A transport that keeps each write."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str, default: object = None) -> object:
        return default

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class App:
    """Answers each request by the same messages."""

    def __init__(self, status: int, headers: Any, *parts: bytes) -> None:  # noqa: ANN401
        self.start = {"type": "http.response.start", "status": status, "headers": headers}
        self.parts = parts
        self.scopes: list[Any] = []
        self.error: Exception | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401
        self.scopes.append(scope)
        try:
            await send(self.start)
            for number, part in enumerate(self.parts, 1):
                more = number < len(self.parts)
                await send({"type": "http.response.body", "body": part, "more_body": more})
        except RuntimeError as error:
            self.error = error
            raise


async def written(app: App, *requests: bytes) -> Wire:
    """What is written to a client that sends these requests at once."""
    config = uvicorn.Config(cast("Any", app), log_level="critical", lifespan="off")
    config.load()
    connections = ClientConnections(LimitsConfig())
    protocol = HttpProtocol(config, ServerState(), {}, connections=connections, head_bytes=10_000)
    protocol.app = cast("Any", app)
    wire = Wire()
    protocol.connection_made(cast("Any", wire))
    protocol.data_received(b"".join(requests))
    while protocol.tasks:
        await asyncio.sleep(0)
    return wire


@in_loop
async def test_a_head_is_written_with_the_beginning_of_its_body() -> None:
    app = App(200, [JSON, (b"Content-Length", b"4"), (b"X-Note", b"a\tb")], b"a", b"bcd")
    wire = await written(app, GET)
    head = b"content-type: application/json\r\ncontent-length: 4\r\nx-note: a\tb\r\n\r\n"
    assert wire.writes == [b"HTTP/1.1 200 OK\r\n" + head + b"a", b"bcd"]
    (scope,) = app.scopes
    assert (scope["method"], scope["path"], scope["http_version"]) == ("GET", "/a b", "1.1")
    assert (scope["raw_path"], scope["query_string"]) == (b"/a%20b", b"c=d")


@in_loop
async def test_an_answer_without_a_length_comes_in_chunks() -> None:
    wire = await written(App(200, [JSON], b"a", b"", b"bc"), GET)
    head, *rest = wire.writes
    assert head.endswith(b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n")
    assert b"".join(rest) == b"2\r\nbc\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("request_head", "status", "headers", "closes"),
    [
        (GET, 204, [], False),
        (GET.replace(b"GET", b"HEAD"), 200, [(b"content-length", b"9")], False),
        (GET.replace(b"1.1", b"1.0"), 204, [], True),
        (GET.replace(b"host", b"connection: close\r\nhost"), 304, [], True),
        (GET, 204, [(b"Connection", b"close")], True),
        (GET.replace(b"1.1", b"1.0"), 204, [(b"connection", b"close")], True),
    ],
)
@in_loop
async def test_answers_without_a_body(
    request_head: bytes, status: int, headers: list[tuple[bytes, bytes]], closes: bool
) -> None:
    wire = await written(App(status, headers, b""), request_head)
    (all_of_it,) = wire.writes
    assert all_of_it.endswith(b"\r\n\r\n")
    assert all_of_it.count(b"\r\n\r\n") == 1
    assert wire.closed == closes
    assert all_of_it.count(b"connection: close\r\n") == closes


@pytest.mark.parametrize(
    "headers",
    [
        [(b"x-note", b"a\r\nset-cookie: b")],
        [(b"x-note", b"a\n")],
        [(b"x-note", b"a\0")],
        [(b"x note", b"a")],
        [(b"x:", b"a")],
        [(b"", b"a")],
    ],
)
@in_loop
async def test_what_no_header_may_hold_is_not_sent(headers: list[tuple[bytes, bytes]]) -> None:
    app = App(200, headers, b"{}")
    wire = await written(app, GET)
    assert app.error is not None
    assert b"set-cookie" not in b"".join(wire.writes)


@pytest.mark.parametrize("parts", [(b"abc",), (b"a", b"b")])
@in_loop
async def test_a_body_is_as_long_as_its_answer_says(parts: tuple[bytes, ...]) -> None:
    length = 2 if len(parts) == 1 else 3
    app = App(200, [(b"content-length", b"%d" % length)], *parts)
    wire = await written(app, GET)
    assert "long" in str(app.error)
    assert wire.closed or b" 500 " in wire.writes[0]


@in_loop
async def test_requests_in_a_row_are_answered_in_a_row() -> None:
    app = App(200, [(b"content-length", b"1")], b"x")
    wire = await written(app, GET, GET.replace(b"c=d", b"c=e"), GET.replace(b"c=d", b"c=f"))
    assert [scope["query_string"] for scope in app.scopes] == [b"c=d", b"c=e", b"c=f"]
    assert len(wire.writes) == 3
