"""Answers that come compressed although they were asked for as they are."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routereval.gateway.upstreams import client
from routereval.gateway.upstreams.content_coding import PART_BYTES, Decoder
from routereval.gateway.upstreams.errors import UpstreamError
from tests.gateway.loop import in_loop
from tests.gateway.stubs import DONE, USAGE, Asked, completion, event, hang_up, rig

KEY = "sk-of-the-operator"
WITH_KEY = {"euclid": {"key_env": "EUCLID_KEY"}}


def raw_deflate(data: bytes) -> bytes:
    state = zlib.compressobj(wbits=-15)
    return state.compress(data) + state.flush()


WAYS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "two gzips": ("x-gzip", lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])),
    "zlib": ("deflate", zlib.compress),
    "raw": ("deflate", raw_deflate),
    "as it is": ("identity", bytes),
}


def answering(coding: str, body: bytes, status: int = 200) -> Callable[[Asked], object]:
    async def answer(asked: Asked) -> None:
        await asked.reply(status, body, content_encoding=coding)

    return answer


@pytest.mark.parametrize("way", WAYS)
@in_loop
async def test_an_answer_is_read_and_has_no_key(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EUCLID_KEY", KEY)
    coding, compressed = WAYS[way]
    body = json.dumps(completion(f"you sent {KEY}")).encode()
    async with rig(upstreams=WITH_KEY) as at:
        at.stubs["euclid"].answer = answering(coding, compressed(body))  # type: ignore[assignment]
        status, headers, answer = await at.ask()
        assert status == 200
        assert answer["choices"][0]["message"]["content"] == "you sent ***"
        assert "content-encoding" not in headers
        assert headers["x-routereval-model"] == "euclid"
        assert at.told[0].usage[:3] == (*list(USAGE.values())[:2], False)


@in_loop
async def test_a_stream_is_read_and_has_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EUCLID_KEY", KEY)

    async def answer(asked: Asked) -> None:
        state = zlib.compressobj(wbits=31)
        await asked.send(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        for part in (event(KEY), event("", usage=USAGE), DONE):
            data = state.compress(part) + state.flush(zlib.Z_SYNC_FLUSH)
            await asked.send(b"%x\r\n%b\r\n" % (len(data), data))
        data = state.flush()
        await asked.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data))

    async with rig(upstreams=WITH_KEY) as at:
        at.stubs["euclid"].answer = answer
        assert await at.stream() == event("***") + event("", usage=USAGE) + DONE
        assert at.told[0].usage[:3] == (*list(USAGE.values())[:2], False)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("br", b"\x8b\x00\x80{}\x03"),
        ("zstd", b"\x28\xb5\x2f\xfd"),
        ("gzip, gzip", gzip.compress(gzip.compress(b"{}", mtime=0), mtime=0)),
        ("gzip", b"\x1f\x8b not gzip at all"),
        ("gzip", gzip.compress(json.dumps(completion()).encode(), mtime=0)[:-9]),
        ("gzip", gzip.compress(b'{"error": {"message": "overloaded", "code": 503}}', mtime=0)),
    ],
    ids=["br", "zstd", "twice", "no gzip", "cut", "an error"],
)
@in_loop
async def test_what_cannot_be_read_is_no_answer(coding: str, body: bytes) -> None:
    async with rig() as at:
        at.stubs["euclid"].answer = answering(coding, body)  # type: ignore[assignment]
        status, headers, _ = await at.ask()
        assert status == 200
        assert headers["x-routereval-model"] == "portia"


@in_loop
async def test_an_error_that_cannot_be_read_keeps_its_status() -> None:
    async with rig() as at:
        at.stubs["euclid"].answer = answering("br", b"\x8b\x00", 400)  # type: ignore[assignment]
        status, headers, body = await at.ask(model="euclid")
        assert (status, body) == (400, b"")
        assert "content-encoding" not in headers


@in_loop
async def test_a_small_answer_that_becomes_a_large_one_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "MAX_ANSWER_BYTES", 2 * PART_BYTES)
    body = gzip.compress(b'{"choices": [' + b" " * (5 * PART_BYTES) + b"{}]}")
    async with rig() as at:
        at.stubs["euclid"].answer = answering("gzip", body)  # type: ignore[assignment]
        _, headers, _ = await at.ask()
        assert headers["x-routereval-model"] == "portia"
        assert at.told[0].attempts[0].error.endswith("answered more than the gateway takes")


@in_loop
async def test_a_stream_that_breaks_ends_in_an_error_event() -> None:
    begun = asyncio.Event()

    async def cut(asked: Asked) -> None:
        state = zlib.compressobj(wbits=31)
        data = state.compress(event("do")) + state.flush(zlib.Z_SYNC_FLUSH)
        await asked.send(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n"
            b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(data), data)
        )
        await begun.wait()
        await hang_up(asked)

    async with rig() as at:
        at.stubs["euclid"].answer = cut
        async with at.streaming() as answer:
            begun.set()
            text = await answer.read()
        assert text.startswith(event("do"))
        assert b"stream_cut" in text
        assert at.told[0].error == "stream_cut"


@settings(max_examples=15)
@given(
    data=st.binary(max_size=500),
    way=st.sampled_from(["gzip", "two gzips", "zlib", "raw"]),
    step=st.integers(1, 300),
)
def test_any_bytes_in_any_parts(data: bytes, way: str, step: int) -> None:
    coding, compressed = WAYS[way]
    raw, decoder, found = compressed(data), Decoder(coding), b""
    for start in range(0, len(raw), step):
        decoder.feed(raw[start : start + step])
        while part := decoder.part():
            found += part
    assert found == data
    assert decoder.finished


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate"]))
def test_noise_is_an_error_or_ends(data: bytes, coding: str) -> None:
    decoder = Decoder(coding)
    decoder.feed(data)
    with contextlib.suppress(UpstreamError):
        while decoder.part():
            pass
