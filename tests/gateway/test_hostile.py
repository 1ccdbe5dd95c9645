"""Requests that nobody sends by mistake: each is answered, none with a 500."""

from __future__ import annotations

import asyncio
import json
import random
from copy import deepcopy
from typing import Any

import pytest

from tests.fuzzing import FUZZ
from tests.gateway.loop import Clock, in_loop, until
from tests.gateway.stubs import Rig, rig

SEED = json.dumps(
    {
        "model": "auto",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "prove it"}]},
        ],
        "stream": False,
        "max_tokens": 5,
        "tools": [],
        "response_format": {"type": "text"},
    }
).encode()
ODD: list[Any] = [
    None,
    True,
    -1,
    1e308,
    "",
    "auto",
    [],
    {},
    [[]],
    {"a": None},
    "\ud800",
    "é" * 50,
    [1, "x"],
]


def mutated(rng: random.Random) -> bytes:
    """The seed with a few bytes or values changed."""
    if rng.random() < 0.5:
        held = json.loads(SEED)
        for _ in range(rng.randint(1, 3)):
            _mutate(held, rng)
        return json.dumps(held).encode()
    raw = bytearray(SEED)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(raw))
        raw[at : at + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3))
    return bytes(raw)


def _mutate(held: Any, rng: random.Random) -> None:  # noqa: ANN401
    keys = list(held) if isinstance(held, dict) else list(range(len(held)))
    if not keys:
        return
    key = rng.choice(keys)
    if isinstance(held[key], (dict, list)) and rng.random() < 0.6:
        _mutate(held[key], rng)
    elif isinstance(held, dict) and rng.random() < 0.2:
        del held[key]
    else:
        held[key] = deepcopy(rng.choice(ODD))


async def answered(at: Rig, raw: bytes) -> tuple[int, bytes]:
    """Send bytes on a connection of their own; status and body of what comes back."""
    host, _, port = at.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(raw)
    writer.write_eof()
    try:
        got = await reader.read()
    except ConnectionResetError:
        got = b""
    writer.close()
    head, _, body = got.partition(b"\r\n\r\n")
    return int(head.split()[1]) if head else 0, body


@in_loop
async def test_damaged_bodies() -> None:
    async with rig() as at:
        rng = random.Random(0 if FUZZ == 1 else None)  # noqa: S311 - no secret
        seen = set()
        for _ in range(400 * FUZZ):
            raw = mutated(rng)
            path = rng.choice(["/v1/chat/completions", "/v1/completions", "/v1/route"])
            status, _, body = await at.post(path, raw)
            seen.add(status)
            assert status in {200, 400, 404}, (raw, status, body)
            if status != 200:
                assert body["error"]["message"], raw
        assert seen == {200, 400, 404}
        assert at.relay.in_flight == 0


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", 400),
        (b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n{}", 0),
        (b"BREW /v1/chat/completions HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        (b"DELETE /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", 405),
        (b"GET /%00%ff/../etc/passwd HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", 404),
        (
            b"GET /v1/models/%F0%9F%A6%99%0d%0a HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
            404,
        ),
    ],
)
@in_loop
async def test_damaged_http(raw: bytes, status: int) -> None:
    async with rig() as at:
        assert (await answered(at, raw))[0] == status
        assert (await at.ask())[0] == 200


@in_loop
async def test_bodies_that_are_too_large_or_too_slow() -> None:
    async with rig(limits={"body_mb": 0.01, "body_s": 200}) as at:
        clock = Clock()
        status, _, body = await at.post("/v1/chat/completions", b" " * 10_001)
        assert (status, body["error"]["code"]) == (413, "request_too_large")
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
        chunks = b"transfer-encoding: chunked\r\n\r\n" + (b"1000\r\n" + b" " * 4096 + b"\r\n") * 4
        assert (await answered(at, head + chunks))[0] == 413
        slow = head + b"content-length: 10\r\n\r\n{"
        reader, writer = await asyncio.open_connection(*at.url.removeprefix("http://").split(":"))
        writer.write(slow)
        await until(lambda: at.relay.in_flight)
        await clock.forward(201)
        got = await reader.read()
        assert got.startswith(b"HTTP/1.1 408")
        assert b"too slowly" in got
        writer.close()


@in_loop
async def test_a_model_name_cannot_break_out_of_a_header() -> None:
    async with rig() as at:
        status, headers, body = await at.ask(model="x\r\nset-cookie: a=b")
        assert status == 404
        assert "set-cookie" not in headers
        assert body["error"]["code"] == "model_not_found"


@in_loop
async def test_headers_that_clients_may_not_set() -> None:
    async with rig() as at:
        body = {"model": "auto", "messages": [{"role": "user", "content": "prove it"}]}
        forged = {"x_routereval_model": "mine", "te": "trailers"}
        status, headers, _ = await at.post("/v1/chat/completions", body, **forged)
        assert (status, headers["x-routereval-model"]) == (200, "euclid")
        assert not {"te", "x-routereval-model"} & set(at.stubs["euclid"].asked[0].headers)


@in_loop
async def test_a_large_body_is_read_beside_the_loop() -> None:
    async with rig() as at:
        picture = "x" * 2_000_000
        part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}
        text = {"type": "text", "text": "prove it"}
        body = {"model": "auto", "messages": [{"role": "user", "content": [part, text]}]}
        status, headers, _ = await at.post("/v1/chat/completions", body)
        assert (status, headers["x-routereval-model"]) == (200, "euclid")
        assert len(at.stubs["euclid"].asked[0].body) > 2_000_000
