"""Attacks on the server itself: heads, connections, bodies and JSON that are too much."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from routereval.gateway import ApiError
from routereval.gateway.access.keys import new_key
from routereval.gateway.access.sqlite_store import SqliteStore
from routereval.gateway.http.json_shape import MAX_DEPTH, MAX_VALUES, check_shape
from tests.gateway.loop import Clock, in_loop, until
from tests.gateway.stubs import DONE, Asked, Rig, completion, event, rig

PROVE = {"model": "auto", "messages": [{"role": "user", "content": "prove it"}]}
RAW = json.dumps(PROVE).encode()
CHAT = "/v1/chat/completions"
POST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
JAVA = """
import java.net.URI; import java.net.http.*;
public class Ask { public static void main(String[] args) throws Exception {
  var body = HttpRequest.BodyPublishers.ofString(args[1]);
  var ask = HttpRequest.newBuilder(URI.create(args[0])).POST(body).build();
  var client = HttpClient.newHttpClient();
  for (int i = 0; i < 3; i++) {
    var answer = client.send(ask, HttpResponse.BodyHandlers.ofString());
    System.out.println(answer.statusCode() + " " + answer.body().contains("by euclid-1"));
  }
} }
"""


async def connection(at: Rig) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(*at.url.removeprefix("http://").split(":"))


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """One answer of a connection that may go on."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in head[1:] if line)
    body = await reader.readexactly(int(headers["content-length"]))
    return int(head[0].split()[1]), headers, body


async def sent(at: Rig, *parts: bytes) -> tuple[int, dict[str, str], bytes]:
    """The answer to bytes that come in parts."""
    reader, writer = await connection(at)
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0)
    found = await answer(reader)
    writer.close()
    return found


@pytest.mark.parametrize(
    "parts",
    [
        [POST + b"x: 1\r\n" * 200 + b"\r\n"],
        [POST, *[b"x: %b\r\n" % (b"y" * 500)] * 30],
        [POST + b"x: ", *[b"y" * 500] * 30],
        [b"GET /" + b"y" * 9000 + b" HTTP/1.1\r\n\r\n"],
        [b"GET /", *[b"y" * 500] * 30],
        [POST + b"transfer-encoding: chunked\r\n\r\n0\r\n", *[b"x: %b\r\n" % (b"y" * 500)] * 30],
        [POST + b"transfer-encoding: chunked\r\n\r\n1;", *[b"y" * 500] * 30],
    ],
    ids=["many", "long", "one header", "url", "half a url", "trailers", "chunk extensions"],
)
@in_loop
async def test_heads_without_end(parts: list[bytes]) -> None:
    async with rig(limits={"head_kb": 8}) as at:
        reader, writer = await connection(at)
        for part in parts:
            writer.write(part)
            await asyncio.sleep(0)
        got = b""
        with contextlib.suppress(ConnectionError):  # it closes while more comes
            got = await reader.read()
        assert got[9:12] in {b"431", b"400", b""}
        writer.close()
        assert (await at.ask())[0] == 200
        await until(lambda: not at.relay.in_flight)


@in_loop
async def test_what_is_usual_is_let_in() -> None:
    async with rig(limits={"head_kb": 8}) as at:
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in RAW)
        assert len(chunks) > 400
        head = POST + b"x: %b\r\n" % (b"y" * 6000) + b"transfer-encoding: chunked\r\n\r\n"
        assert (await sent(at, head, chunks, b"0\r\n", b"trailer: 1\r\n\r\n"))[0] == 200
        large = json.dumps({**PROVE, "x": "y" * 50_000}).encode()
        head = POST + b"content-length: %d\r\n\r\n" % len(large)
        assert (await sent(at, head + large))[0] == 200


@in_loop
async def test_half_requests_keep_nobody_out() -> None:
    async with rig(limits={"connections": 40, "address_share": 1.0}) as at:
        half = [await connection(at) for _ in range(60)]
        for _, writer in half:
            writer.write(POST)
        for _ in range(5):
            assert (await at.ask())[0] == 200
        await until(lambda: len(at.connections) <= 40)
        closed = [reader for reader, _ in half if reader.at_eof()]
        assert len(closed) >= 20
        for _, writer in half:
            writer.close()


@in_loop
async def test_one_address_has_its_share_of_the_connections() -> None:
    async with rig(limits={"connections": 40, "address_share": 0.1}) as at:
        held = [await connection(at) for _ in range(10)]
        await until(lambda: sum(reader.at_eof() for reader, _ in held) == 6)
        assert len(at.connections) == 4
        for _, writer in held:
            writer.close()


@in_loop
async def test_connections_with_requests_under_way_are_not_closed() -> None:
    release = asyncio.Event()

    async def slow(asked: Asked) -> None:
        await release.wait()
        await asked.reply(200, completion())

    async with rig(limits={"connections": 2, "address_share": 1.0}) as at:
        at.stubs["euclid"].answer = slow
        asks = [asyncio.ensure_future(sent(at, *_whole(RAW))) for _ in range(2)]
        await until(lambda: at.relay.in_flight == 2)
        reader, writer = await connection(at)
        assert await reader.read() == b""  # there is no room
        writer.close()
        release.set()
        assert [status for status, _, _ in await asyncio.gather(*asks)] == [200, 200]


def _whole(body: bytes, *headers: bytes) -> list[bytes]:
    lines = [POST.removesuffix(b"\r\n"), *headers, b"content-length: %d" % len(body)]
    return [b"\r\n".join(lines) + b"\r\n\r\n" + body]


@in_loop
async def test_a_head_must_come_in_time() -> None:
    async with rig(limits={"head_s": 10}) as at:
        (reader, writer), (kept, other) = await connection(at), await connection(at)
        writer.write(POST)
        other.write(*_whole(RAW))
        assert (await answer(kept))[0] == 200
        at.connections.sweep(asyncio.get_running_loop().time() + 9)
        assert len(at.connections) == 2
        at.connections.sweep(asyncio.get_running_loop().time() + 11)
        assert await reader.read() == await kept.read() == b""
        assert len(at.connections) == 0
        writer.close()
        other.close()


@in_loop
async def test_pipelined_requests_are_answered_in_turn_up_to_a_bound() -> None:
    async with rig() as at:
        reader, writer = await connection(at)
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n" * 5)
        assert [(await answer(reader))[0] for _ in range(5)] == [200] * 5
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n" * 500)
        await reader.read()
        assert (await at.ask())[0] == 200
        writer.close()


@in_loop
async def test_answers_without_a_body_and_bodies_that_wait_to_be_asked_for() -> None:
    async with rig() as at:
        reader, writer = await connection(at)
        for method, body in ((b"HEAD", b""), (b"GET", b"ok\n"), (b"HEAD", b"")):
            writer.write(method + b" /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"content-length: 3\r\n" in head
            assert await reader.readexactly(len(body)) == body
        (whole,) = _whole(RAW, b"expect: 100-continue")
        head, _, body = whole.partition(b"\r\n\r\n")
        writer.write(head + b"\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert (await answer(reader))[0] == 200
        writer.close()


H2C = (b"connection: Upgrade, HTTP2-Settings", b"upgrade: h2c", b"http2-settings: AAEAAEAAAAIAAAAB")


@in_loop
async def test_an_offer_of_another_protocol_is_declined_and_the_body_kept() -> None:
    async with rig() as at:
        (whole,) = _whole(RAW, *H2C)
        reader, writer = await connection(at)
        for parts in ([whole], [whole[:-20], whole[-20:]], [whole[:90], whole[90:]]):
            for part in parts:
                writer.write(part)
                await asyncio.sleep(0.001)
            status, headers, body = await answer(reader)
            assert (status, headers["x-routereval-model"]) == (200, "euclid")
            assert json.loads(body)["choices"][0]["message"]["content"] == "by euclid-1"
        writer.close()
        assert (await sent(at, b"CONNECT evil.example:443 HTTP/1.1\r\nhost: e\r\n\r\n"))[0] == 400
        websocket = b"connection: upgrade\r\nupgrade: websocket\r\n\r\n"
        assert (await sent(at, b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n" + websocket))[
            0
        ] == 200


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("javac") is None, reason="no Java compiler is installed")
@in_loop
async def test_the_default_client_of_java(tmp_path: Path) -> None:
    (tmp_path / "Ask.java").write_text(JAVA)
    async with rig() as at:
        command = ["java", str(tmp_path / "Ask.java"), at.url + CHAT, RAW.decode()]
        java = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        said, _ = await java.communicate()
        assert said.decode().split("\n")[:3] == ["200 true"] * 3


@in_loop
async def test_all_bodies_together_have_a_bound() -> None:
    async with rig(limits={"bodies_mb": 0.1, "body_mb": 0.08}) as at:
        _, writer = await connection(at)
        writer.write(POST + b"content-length: 70000\r\n\r\n" + b" " * 60_000)
        await until(lambda: at.relay.memory.held == 60_000)
        status, headers, body = await at.post(CHAT, {**PROVE, "x": "y" * 60_000})
        assert (status, body["error"]["code"]) == (503, "overloaded")
        assert headers["retry-after"] == "1"
        assert (await at.ask())[0] == 200
        writer.close()
        await until(lambda: at.relay.memory.held == 0)
        assert (await at.post(CHAT, {**PROVE, "x": "y" * 60_000}))[0] == 200
        assert at.relay.memory.held == 0


@pytest.mark.parametrize("path", [CHAT, "/v1/completions", "/v1/route", "/v1/feedback"])
@in_loop
async def test_each_body_must_come_in_time_and_be_plain(path: str) -> None:
    async with rig(limits={"body_s": 200}, log={"folder": ""}) as at:
        clock = Clock()
        reader, writer = await connection(at)
        writer.write(b"POST %b HTTP/1.1\r\nhost: localhost\r\n" % path.encode())
        writer.write(b"content-length: 10\r\n\r\n{")
        if path == "/v1/feedback":  # no log, no feedback
            assert (await answer(reader))[0] == 404
        else:
            await until(lambda: at.relay.in_flight)
            await clock.forward(201)
            assert (await answer(reader))[0] == 408
        writer.close()
        assert at.relay.in_flight == at.relay.memory.held == 0
        status, _, body = await at.post(path, b"\x1f\x8b", content_encoding="gzip")
        assert (status, body["error"]["code"]) in {(415, "unsupported_encoding"), (404, "no_log")}


@in_loop
async def test_every_endpoint_takes_a_place_but_those_that_watch() -> None:
    async with rig(limits={"in_flight": 1}) as at:
        with at.relay.occupied():
            for path, expected in [
                *(("/v1/models", 503), ("/v1/models/auto", 503), ("/", 503), ("/nothing", 503)),
                *(("/healthz", 200), ("/readyz", 200), ("/metrics", 200)),
            ]:
                async with at.session.get(at.url + path) as found:
                    assert found.status == expected, path
            for path in (CHAT, "/v1/route", "/v1/feedback"):
                status, _, body = await at.post(path, PROVE)
                assert (status, body["error"]["code"]) == (503, "overloaded"), path
        assert (await at.ask())[0] == 200


@in_loop
async def test_every_endpoint_counts_against_the_rate_of_a_key(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "keys", create=True)
    secrets = {}
    for name in ("chat", "route", "models", "feedback", "metrics"):
        secrets[name], key = new_key(name, per_minute=1)
        await store.add(key)
    await store.close()
    access = {"keys": str(tmp_path / "keys"), "metrics": ["metrics"]}
    paths = {"chat": CHAT, "route": "/v1/route", "feedback": "/v1/feedback"}
    async with rig(access=access, log={"folder": str(tmp_path / "log")}) as at:
        for name, secret in secrets.items():
            headers = {"authorization": f"Bearer {secret}"}
            seen = []
            for _ in range(3):
                if name in paths:
                    body: Any = {"request_id": "a", "score": 1} if name == "feedback" else PROVE
                    seen.append((await at.post(paths[name], body, **headers))[0])
                else:
                    path = {"models": "/v1/models", "metrics": "/metrics"}[name]
                    async with at.session.get(at.url + path, headers=headers) as found:
                        seen.append(found.status)
            assert seen == [200, 429, 429], name


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[" * (MAX_DEPTH + 1), 400),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, 400),
        (b"[" + b"[]," * MAX_VALUES + b"0]", 413),
        (b"[" + b"1," * (MAX_VALUES + 1) + b"1]", 413),
        (b"[" + b'"",' * (3 * MAX_VALUES) + b"0]", 413),
        (b'{"a": "' + b"[{," * MAX_VALUES + b'"}', 0),
        (b'{"a": "' + b'\\"[' * MAX_VALUES + b'"}', 0),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, 0),
        (b"[" + b"[]," * 1000 + b"0]", 0),
    ],
)
def test_the_shape_of_json(body: bytes, status: int) -> None:
    if not status:
        check_shape(body)
        return
    with pytest.raises(ApiError) as caught:
        check_shape(body)
    assert caught.value.status == status


@pytest.mark.parametrize("path", [CHAT, "/v1/route"])
@in_loop
async def test_json_that_is_slow_to_read_is_refused_unread(path: str) -> None:
    async with rig() as at:
        bomb = b'{"model":"auto","messages":[' + b"[]," * MAX_VALUES + b"0]}"
        status, _, body = await at.post(path, bomb)
        assert (status, body["error"]["code"]) == (413, "request_too_large")
        assert (await at.post(path, b'{"a":' * 5000))[0] == 400


KEY = "sk-operator/0123456789abcdef"


@pytest.mark.parametrize("form", [KEY, KEY.replace("/", "\\/"), KEY.replace("/", "\\u002f")])
@in_loop
async def test_an_upstreams_key_never_comes_down(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_KEY", KEY)
    raw = json.dumps(completion("X")).replace("X", "you sent " + form).encode()
    first = json.dumps({"choices": [{"delta": {"content": "so"}}]}).encode()
    last = b'data: {"error": {"message": "bad key ' + form.encode() + b'"}}\n\n'

    async def tells(asked: Asked) -> None:
        if asked.json.get("stream"):
            parts = [b"data: " + first + b"\n\n", last[:50], last[50:], DONE]
            await asked.events(*parts)
        else:
            status = 400 if asked.json.get("wrong") else 200
            await asked.reply(status, raw, x_request_id=f"for {KEY}")

    async with rig(upstreams={"euclid": {"key_env": "THE_KEY"}}) as at:
        at.stubs["euclid"].answer = tells
        each: list[dict[str, Any]] = [{}, {"wrong": True}]
        for fields in each:
            status, headers, body = await at.ask(**fields)
            assert status == (400 if fields else 200)
            assert "***" in json.dumps(body)
            assert headers["x-request-id"] == "for ***"
            assert "0123456789abcdef" not in json.dumps(body) + str(headers)
        text = await at.stream()
        assert b"bad key ***" in text
        assert b"0123456789abcdef" not in text


@in_loop
async def test_a_key_in_an_event_that_is_longer_than_the_gateway_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("THE_KEY", KEY)
    monkeypatch.setattr("routereval.gateway.http.sse.MAX_EVENT_BYTES", 100)

    async def tells(asked: Asked) -> None:
        long = event("x" * 90 + KEY + "y" * 90 + KEY)
        parts = [long[at : at + 7] for at in range(0, len(long), 7)]
        await asked.events(event("so"), *parts, DONE)

    async with rig(upstreams={"euclid": {"key_env": "THE_KEY"}}) as at:
        at.stubs["euclid"].answer = tells
        text = await at.stream()
        assert text.count(b"***") == 2
        assert text.endswith(b'***"}, "finish_reason": null}]}\n\n' + DONE)
        assert b"0123456789" not in text


@in_loop
async def test_no_answer_is_a_page() -> None:
    async def page(asked: Asked) -> None:
        await asked.reply(422, b"<script>alert(1)</script>", content_type="text/html")

    async def mislabelled(asked: Asked) -> None:
        await asked.reply(200, completion("<script>"), content_type="text/html")

    async with rig() as at:
        for stub, kind in ((page, "text/plain; charset=utf-8"), (mislabelled, "application/json")):
            at.stubs["euclid"].answer = stub
            _, headers, _ = await at.ask()
            assert headers["content-type"] == kind
            assert headers["x-content-type-options"] == "nosniff"
