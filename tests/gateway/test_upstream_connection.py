"""The gateway's side of a connection to an upstream, whatever comes on it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from pathlib import Path
from shutil import which
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routereval.gateway.config import HeadersConfig
from routereval.gateway.upstream_config import UpstreamConfig
from routereval.gateway.upstreams.client import Client
from routereval.gateway.upstreams.errors import Reply, UpstreamError
from routereval.gateway.upstreams.kept_connections import KEPT_S, KeptConnections, tls_context
from routereval.gateway.upstreams.target import Target
from routereval.gateway.upstreams.upstream_connection import (
    HEAD_BYTES,
    HELD_BYTES,
    STALE_S,
    UpstreamConnection,
)
from tests.gateway.loop import Clock, in_loop, until

ASK = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
SIZED = OK + b"content-length: 5\r\n\r\nhello"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;ext=1\r\nlo\r\n0\r\nx: y\r\n\r\n"
UNTIL_EOF = OK + b"x: y\r\n\r\nhello"
LONG_S = 60.0


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.unsent = 0
        self.closed = self.paused = False

    def write(self, data: bytes) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return self.unsent


def now() -> float:
    return asyncio.get_running_loop().time()


def connected() -> tuple[UpstreamConnection, Wire]:
    wire, connection = Wire(), UpstreamConnection(lambda _: None)
    connection.connection_made(cast("Any", wire))
    return connection, wire


async def asked(connection: UpstreamConnection) -> asyncio.Task[None]:
    task = asyncio.ensure_future(connection.ask(ASK, b"{}", now() + LONG_S))
    await asyncio.sleep(0)
    return task


async def body_of(connection: UpstreamConnection) -> bytes:
    parts = []
    while part := await connection.read(now() + LONG_S):
        parts.append(part)
    return b"".join(parts)


async def answer(*parts: bytes, eof: bool = False) -> tuple[UpstreamConnection, Wire, bytes]:
    """What is read when these bytes come, each part on its own."""
    connection, wire = connected()
    task = await asked(connection)
    for part in parts:
        if not wire.closed:
            connection.data_received(part)
    if eof or wire.closed:
        connection.connection_lost(None)
    await task
    return connection, wire, await body_of(connection)


def error_of(*parts: bytes, eof: bool = False) -> UpstreamError:
    async def main() -> UpstreamError:
        with pytest.raises(UpstreamError) as caught:
            await answer(*parts, eof=eof)
        return caught.value

    return asyncio.run(main())


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([SIZED, CHUNKED, UNTIL_EOF]), st.sets(st.integers(1, 120), max_size=8))
def test_an_answer_may_be_split_anywhere(whole: bytes, cuts: set[int]) -> None:
    async def main() -> None:
        edges = [0, *sorted(cut for cut in cuts if cut < len(whole)), len(whole)]
        parts = [whole[a:b] for a, b in pairwise(edges)]
        connection, _, body = await answer(*parts, eof=whole is UNTIL_EOF)
        assert (connection.status, body) == (200, b"hello")
        assert connection.sized == (whole is not UNTIL_EOF)
        assert connection.is_free == connection.sized

    asyncio.run(main())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([SIZED, CHUNKED, OK, b"\r\n", b"0", b"\0"]) | st.binary()))
def test_whatever_comes_is_an_answer_or_an_error(parts: list[bytes]) -> None:
    async def main() -> None:
        with contextlib.suppress(UpstreamError):
            await answer(*parts, eof=True)

    asyncio.run(main())


@in_loop
async def test_a_connection_serves_one_request_after_the_other() -> None:
    connection, wire = connected()
    for whole in (SIZED, CHUNKED, SIZED):
        task = await asked(connection)
        connection.data_received(whole)
        await task
        assert await body_of(connection) == b"hello"
        assert connection.is_free
    assert wire.written == 3 * (ASK + b"{}")


@in_loop
async def test_interim_answers_are_passed_over() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    connection, _, body = await answer(b"HTTP/1.1 100 Continue\r\n\r\n" + early, SIZED)
    assert (connection.status, body) == (200, b"hello")
    assert connection.headers == [(b"content-length", b"5")]


@in_loop
async def test_an_answer_without_a_body() -> None:
    connection, _, body = await answer(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert (connection.status, body, connection.is_free) == (204, b"", True)


@in_loop
async def test_headers_are_read_as_services_write_them() -> None:
    """Lines ended by LF alone, values folded over two lines, spaces around them."""
    head = b"HTTP/1.1 200 OK\nX-One:  a \r\nX-Two: b\r\n c\r\nContent-Length: 0\r\n\r\n"
    connection, _, _ = await answer(head)
    found = {name: b" ".join(value.split()) for name, value in connection.headers}
    assert found == {b"x-one": b"a", b"x-two": b"b c", b"content-length": b"0"}


@pytest.mark.parametrize(
    "whole",
    [
        OK + b"connection: close\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        SIZED + b"HTTP/1.1 200 OK\r\n",  # more than was asked for
        SIZED + b"surplus",
    ],
)
@in_loop
async def test_some_connections_are_not_kept(whole: bytes) -> None:
    connection, _, body = await answer(whole)
    assert (body, connection.is_free) == (b"hello", False)


@in_loop
async def test_what_nobody_asked_for_ends_a_connection() -> None:
    connection, wire, _ = await answer(SIZED)
    connection.data_received(SIZED)
    assert wire.closed
    assert not connection.is_free


@in_loop
async def test_an_answer_that_comes_before_the_request_was_sent() -> None:
    connection, wire = connected()
    task = await asked(connection)
    wire.unsent = 1000
    connection.data_received(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno")
    await task
    assert (connection.status, await body_of(connection)) == (413, b"no")
    assert not connection.is_free


@pytest.mark.parametrize(
    "parts",
    [
        (b"SSH-2.0-x\r\n",),
        (b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",),
        (b"HTTP/9.1 200 OK\r\n\r\n",),
        (OK + b"content-length: 5\r\ncontent-length: 6\r\n\r\n",),
        (OK + b"content-length: -5\r\n\r\n",),
        (OK, *[b"x: %b\r\n" % (b"y" * 1000)] * (HEAD_BYTES // 900)),
        (OK, *[b"y" * 1000] * (HEAD_BYTES // 500)),  # one name, without an end
        (b"HTTP/1.1 100 Continue\r\n\r\n",) * (HEAD_BYTES // 25 + 1),
    ],
)
def test_what_is_no_http_is_garbage(parts: tuple[bytes, ...]) -> None:
    error = error_of(*parts)
    assert (error.kind, error.detail) == ("garbage", "answered what is not HTTP")


@pytest.mark.parametrize(
    "parts",
    [
        (OK + b"transfer-encoding: chunked\r\n\r\n", b"xyz\r\n"),
        (OK + b"transfer-encoding: chunked\r\n\r\n", b"-3\r\nabc"),
        (OK + b"transfer-encoding: chunked\r\n\r\n", b"f" * 17 + b"\r\n"),
        (OK + b"transfer-encoding: chunked\r\n\r\n", b"2\r\nabc\r\n"),
        (OK + b"transfer-encoding: chunked\r\n\r\n", b"2;", *[b"e" * 1000] * 70),
        (OK + b"transfer-encoding: chunked\r\n\r\n0\r\n", *[b"x: " + b"e" * 997] * 70),
    ],
)
def test_a_body_that_is_none_is_cut(parts: tuple[bytes, ...]) -> None:
    error = error_of(*parts)
    assert (error.kind, error.billed) == ("cut", True)


def test_a_length_and_chunks_together_are_refused() -> None:
    both = OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    assert error_of(both).kind == "garbage"


@pytest.mark.parametrize("came", [SIZED[:-1], CHUNKED[:-2], CHUNKED[: len(OK) + 40]])
def test_an_answer_that_breaks_off_is_cut(came: bytes) -> None:
    error = error_of(came, eof=True)
    assert (error.kind, error.detail, error.billed) == ("cut", "broke off its answer", True)


@in_loop
async def test_what_came_before_the_cut_is_read() -> None:
    connection, _ = connected()
    task = await asked(connection)
    connection.data_received(SIZED[:-1])
    connection.connection_lost(ConnectionResetError())
    await task
    assert await connection.read(now() + LONG_S) == b"hell"
    with pytest.raises(UpstreamError, match="broke off"):
        await connection.read(now() + LONG_S)


@in_loop
async def test_no_more_is_read_than_is_taken() -> None:
    connection, wire = connected()
    task = await asked(connection)
    connection.data_received(OK + b"content-length: %d\r\n\r\n" % (2 * HELD_BYTES + 2))
    connection.data_received(b"x" * (HELD_BYTES + 1))
    await task
    assert wire.paused
    assert len(await connection.read(now() + LONG_S)) == HELD_BYTES + 1
    assert not wire.paused


@in_loop
async def test_a_silent_upstream_is_given_up_in_time() -> None:
    clock, (connection, _) = Clock(), connected()
    for seconds in (LONG_S, 1.0):  # also where the one before had more time
        task = asyncio.ensure_future(connection.ask(ASK, b"{}", now() + seconds))
        await asyncio.sleep(0)
        await clock.forward(seconds / 2)
        assert not task.done()
        await clock.forward(seconds)
        with pytest.raises(UpstreamError, match="did not answer in time") as caught:
            await task
        assert caught.value.billed


@in_loop
async def test_a_slow_drip_is_given_up_in_time() -> None:
    clock, (connection, _) = Clock(), connected()
    task = await asked(connection)
    connection.data_received(OK + b"content-length: 100\r\n\r\n")
    await task
    end = now() + LONG_S
    reading = asyncio.ensure_future(connection.read(end))
    await asyncio.sleep(0)
    connection.data_received(b"x")
    assert await reading == b"x"
    reading = asyncio.ensure_future(connection.read(end))
    await clock.forward(LONG_S + 1)
    with pytest.raises(UpstreamError, match="fell silent"):
        await reading
    with pytest.raises(UpstreamError, match="fell silent"):
        await connection.read(end)


@in_loop
async def test_a_kept_connection_that_had_been_closed_is_told_from_one_that_worked() -> None:
    clock = Clock()
    for before, came, waited, stale in (
        (True, b"", 0.0, True),
        (False, b"", 0.0, False),
        (True, OK, 0.0, False),
        (True, b"", 2 * STALE_S, False),
    ):
        connection, _ = connected()
        connection.kept = before
        task = await asked(connection)
        if came:
            connection.data_received(came)
        await clock.forward(waited)
        connection.connection_lost(None)
        with pytest.raises(UpstreamError) as caught:
            await task
        assert connection.is_stale == stale
        assert caught.value.billed == bool(came or waited)


@in_loop
async def test_a_connection_that_is_closed_as_soon_as_it_is_made_is_not_waited_for() -> None:
    connection, wire = connected()
    connection.connection_lost(None)
    with pytest.raises(UpstreamError, match="closed the connection") as caught:
        await connection.ask(ASK, b"{}", now() + LONG_S)
    assert not caught.value.billed
    assert not wire.written


# connections that are made and kept


@contextlib.asynccontextmanager
async def serving(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any],
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


class Service:
    """Answers each request; counts its connections."""

    def __init__(self) -> None:
        self.made = 0
        self.heads: list[bytes] = []
        self.writer: asyncio.StreamWriter | None = None

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.made += 1
        self.writer = writer
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                await reader.readexactly(2)
                writer.write(OK + b"content-type: application/json\r\ncontent-length: 17\r\n\r\n")
                writer.write(b'{"choices": [{}]}')
        writer.close()


async def sent(client: Client, target: Target, headers: Any = ()) -> Reply:  # noqa: ANN401
    reply = await client.send(target, "/chat", b"{}", list(headers), now() + LONG_S, streamed=False)
    assert isinstance(reply, Reply)
    return reply


@in_loop
async def test_connections_are_kept_for_a_while() -> None:
    service, clock = Service(), Clock()
    async with serving(service) as port, Client(1.0, HeadersConfig()) as client:
        target = Target(UpstreamConfig("m", f"http://127.0.0.1:{port}/v1", connect_s=LONG_S), "")
        for _ in range(3):
            assert (await sent(client, target)).status == 200
        assert service.made == 1
        await clock.forward(KEPT_S + 1)
        await asyncio.sleep(0)
        (pool,) = client._connections.values()
        await until(lambda: not pool._open)
        await sent(client, target)
        assert service.made == 2


@in_loop
async def test_a_connection_that_was_closed_meanwhile_is_replaced() -> None:
    service = Service()
    async with serving(service) as port, Client(1.0, HeadersConfig()) as client:
        target = Target(UpstreamConfig("m", f"http://127.0.0.1:{port}/v1", connect_s=LONG_S), "")
        await sent(client, target)
        assert service.writer is not None
        service.writer.transport.abort()
        assert (await sent(client, target)).status == 200
        assert service.made == 2


@in_loop
async def test_one_who_leaves_ends_the_connection() -> None:
    left = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        left.set()
        writer.close()

    async with serving(silent) as port, Client(1.0, HeadersConfig()) as client:
        target = Target(UpstreamConfig("m", f"http://127.0.0.1:{port}/v1", connect_s=LONG_S), "")
        task = asyncio.ensure_future(sent(client, target))
        await until(lambda: any(pool._open for pool in client._connections.values()))
        await asyncio.sleep(0)
        task.cancel()
        await left.wait()
        with pytest.raises(asyncio.CancelledError):
            await task


@in_loop
async def test_the_bytes_of_a_request() -> None:
    service = Service()
    own = {"X-Title": "us", "user-agent": "ours"}
    async with serving(service) as port, Client(1.0, HeadersConfig()) as client:
        base = f"http://127.0.0.1:{port}/a b/v1/?version=1"
        target = Target(UpstreamConfig("m", base, headers=own, connect_s=LONG_S), "sk-1")
        passed = [(b"content-type", b"application/json"), (b"user-agent", b"theirs"), (b"x", b"y")]
        await sent(client, target, passed)
        with pytest.raises(UpstreamError, match="line break"):
            await sent(client, target, [(b"user-agent", b"x"), (b"accept", b"a\r\nhost: b")])
    assert service.heads == [
        b"POST /a%%20b/v1/chat?version=1 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
        b"content-type: application/json\r\naccept-encoding: identity\r\n"
        b"x-title: us\r\nuser-agent: ours\r\nauthorization: Bearer sk-1\r\n"
        b"Content-Length: 2\r\n\r\n" % port
    ]


@pytest.mark.parametrize(
    ("base_url", "origin", "host", "authorization"),
    [
        ("https://x.example/v1", ("x.example", 443, True), "x.example", None),
        ("http://x.example:80", ("x.example", 80, False), "x.example", None),
        ("http://[::1]:81/v1", ("::1", 81, False), "[::1]:81", None),
        ("https://a:b%40@bücher.example", ("xn--bcher-kva.example", 443, True), None, "YTpiQA=="),
    ],
)
def test_where_a_request_goes(
    base_url: str, origin: object, host: str | None, authorization: str | None
) -> None:
    target = Target(UpstreamConfig("m", base_url), "")
    assert target.origin == origin
    if host is not None:
        assert b"\r\nHost: %b\r\n" % host.encode() in target.head("/x", [], 0)
    assert target.headers.get("authorization") == (authorization and f"Basic {authorization}")


@in_loop
async def test_who_cannot_be_reached() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and listens not
        pool = KeptConnections("127.0.0.1", held.getsockname()[1], encrypted=False)
        with pytest.raises(UpstreamError) as caught:
            await pool.connect(now() + LONG_S)
        assert (caught.value.kind, caught.value.billed) == ("connect", False)
        with pytest.raises(UpstreamError) as caught:
            await pool.connect(now() - 1)
        assert (caught.value.kind, caught.value.billed) == ("timeout", False)


@in_loop
async def test_who_speaks_no_tls_is_not_reached() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(SIZED)
        await reader.read()
        writer.close()

    async with serving(plain) as port:
        assert tls_context().verify_mode is ssl.CERT_REQUIRED
        pool = KeptConnections("127.0.0.1", port, encrypted=True)
        with pytest.raises(UpstreamError, match="cannot be reached"):
            await pool.connect(now() + LONG_S)


@pytest.mark.skipif(which("openssl") is None, reason="no certificate can be made")
@in_loop
async def test_whose_certificate_is_for_another_host_is_not_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, key = tmp_path / "known.pem", tmp_path / "key.pem"
    made = "req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 2"
    names = f"-subj /CN=x -addext subjectAltName=DNS:localhost -out {known} -keyout {key}"
    command = ["openssl", *made.split(), *names.split()]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own words
    monkeypatch.setenv("SSL_CERT_FILE", str(known))
    tls_context.cache_clear()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(known, key)
    service = Service()
    async with serving(service, context) as port, Client(1.0, HeadersConfig()) as client:
        for host, kind in (("localhost", ""), ("127.0.0.1", "connect")):
            target = Target(UpstreamConfig("m", f"https://{host}:{port}/v1", connect_s=LONG_S), "")
            if kind:
                with pytest.raises(UpstreamError) as caught:
                    await sent(client, target)
                assert caught.value.kind == kind
            else:
                assert (await sent(client, target)).status == 200
    tls_context.cache_clear()
    assert len(service.heads) == 1


@in_loop
async def test_addresses_are_used_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, asked_for = asyncio.get_running_loop(), []
    two = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{n}", 1)) for n in (1, 2)]

    async def getaddrinfo(host: str, port: int, **named: object) -> object:
        asked_for.append((host, port))
        await asyncio.sleep(0)
        return two

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    pool = KeptConnections("x.example", 1, encrypted=False)
    found = await asyncio.gather(*(pool._next_addresses() for _ in range(3)))
    assert asked_for == [("x.example", 1)]
    assert found == [two, two[::-1], two]
