"""Requests that nobody sends by mistake, at a gateway with keys, a budget and a log.

Bodies with bytes or values changed, on every path that takes one; headers, methods and paths that
are odd; bytes that are hardly HTTP. The gateway runs in this process before a stub, over loopback:

    python benchmarks/gateway_fuzz.py                      # 20,000 requests
    python benchmarks/gateway_fuzz.py --requests 1000 --seed 1

It exits with 1 unless all of it holds: no answer is a 500 or worse, every error of a request that
was HTTP is JSON with a message, nothing with a traceback is logged, and nothing is left in flight.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import json
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from gateway_faults import (
    MODELS,
    STREAM,
    chunk,
    configuration,
    make_keys,
    n_files,
    plain,
    request_body,
    serving,
)

PATHS = (
    *("/v1/chat/completions", "/v1/completions", "/v1/route", "/v1/feedback", "/v1/embeddings"),
    *("/v1/messages", "/v1/messages/count_tokens", "/v1/responses"),
)
SEEDS: list[dict[str, Any]] = [
    {
        "model": "auto",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "prove it n-1"}]},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
            {"role": "user", "content": "prove it n-2"},
        ],
        "stream": False,
        "max_tokens": 5,
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "response_format": {"type": "text"},
    },
    {"model": "auto:lam=0.3", "prompt": ["prove it n-3", "and n-4"], "n": 2},
    {"request_id": "a1b2c3", "score": 0.5},
    {
        "model": "auto",
        "max_tokens": 5,
        "system": [{"type": "text", "text": "be brief"}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "prove it n-5"}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f"}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1"}]},
        ],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "auto"},
    },
    {
        "model": "auto",
        "instructions": "be brief",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "prove it n-6"}]},
            {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "1", "output": "so"},
        ],
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
        "reasoning": {"effort": "low"},
        "text": {"format": {"type": "text"}},
    },
]
ODD: list[Any] = [
    *(None, True, False, 0, -1, 2**63, 10**400, 1e308, -0.0, "", "auto", "auto:", "auto:lam=nan"),
    *([], {}, [[]], {"a": None}, "\ud800", "\x00", "é" * 50, "x" * 5000, [1, "x"], [{}] * 50),
    *("auto:lam=-1", "auto:lam=1e999", "../../etc/passwd", "euclid\r\nx: y", {"type": "image_url"}),
]
ODD_HEADERS = [
    *("authorization: Bearer", "authorization: Basic eDp5", "authorization: Bearer \x80\xff"),
    *("content-type: text/html", "content-encoding: gzip", "expect: 100-continue", "x: \x01"),
    *("x-routereval-conversation: " + "z" * 3000, "accept-encoding: \x7f", "cookie: a=b; c"),
    *("connection: upgrade\r\nupgrade: websocket", "range: bytes=0-1", "x-forwarded-for: ::1"),
]


def changed_values(rng: random.Random) -> bytes:
    """A body with a few of its values replaced, removed or repeated."""
    held = json.loads(json.dumps(rng.choice(SEEDS)))
    for _ in range(rng.randint(0, 4)):
        change(held, rng)
    return json.dumps(held).encode()


def change(held: Any, rng: random.Random) -> None:  # noqa: ANN401
    keys = list(held) if isinstance(held, dict) else list(range(len(held)))
    if not keys:
        return
    key = rng.choice(keys)
    if isinstance(held[key], dict | list) and rng.random() < 0.6:
        change(held[key], rng)
    elif isinstance(held, dict) and rng.random() < 0.2:
        del held[key]
    else:
        held[key] = copy.deepcopy(rng.choice(ODD))


def changed_bytes(raw: bytes, rng: random.Random) -> bytes:
    """A few bytes replaced, added, removed or repeated."""
    for _ in range(rng.randint(1, 6)):
        at, length = rng.randrange(len(raw) + 1), rng.choice([0, 1, 1, 2, 8, 40])
        put = rng.choice(
            [b"", rng.randbytes(rng.randint(1, 3)), raw[at : at + 20], b'"', b"}", b"\\u"]
        )
        raw = raw[:at] + put + raw[at + length :]
    return raw


def nested(rng: random.Random) -> bytes:
    """Deep or wide bodies."""
    depth = rng.choice([10, 1_000, 100_000])
    kind = rng.choice([b"[", b'{"a":', b'{"messages":[{"content":['])
    return kind * depth + rng.choice([b"", b"1" + b"]" * depth])


def body(rng: random.Random) -> bytes:
    draw = rng.random()
    if draw < 0.55:
        return changed_values(rng)
    if draw < 0.95:
        return changed_bytes(changed_values(rng), rng)
    return nested(rng)


def message(rng: random.Random, secret: str) -> tuple[bytes, bool]:
    """A request as bytes, and whether its frame is HTTP."""
    raw = body(rng)
    path, method = rng.choice(PATHS), "POST"
    headers = ["host: x", "connection: close", f"content-length: {len(raw)}"]
    if rng.random() < 0.9:
        headers.append(f"authorization: Bearer {secret}")
    framed = True
    draw = rng.random()
    if draw < 0.1:
        headers.insert(rng.randrange(len(headers)), rng.choice(ODD_HEADERS))
        framed = False  # an odd header may or may not be HTTP
    elif draw < 0.2:
        method = rng.choice(["GET", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"])
        path = rng.choice([*PATHS, "/", "/metrics", "/v1/models", "/v1/models/%00%ff", "/%2e%2e/x"])
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{line}\r\n" for line in headers) + "\r\n"
    sent = head.encode("latin-1") + raw
    if draw > 0.95:
        return changed_bytes(sent, rng), False
    # who refuses a body before all of it has come may close before its refusal is read
    return sent, framed and method != "HEAD" and len(raw) < 1 << 16


async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An upstream that finds nothing odd."""
    events = (
        STREAM
        + chunk(b'data: {"choices": [{"index": 0}]}\n\n')
        + chunk(b"data: [DONE]\n\n")
        + b"0\r\n\r\n"
    )
    try:
        while True:
            streamed = b'"stream": true' in await request_body(reader)
            whole = plain(200, b'{"choices": [{"index": 0, "message": {"content": "so"}}]}')
            writer.write(events if streamed else whole)
    except (asyncio.IncompleteReadError, OSError):
        writer.close()


async def connection(port: int, sent: bytes) -> bytes:
    """All that comes back on a connection of its own; a request that ends early has its answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        if not sent.startswith(b"POST"):
            writer.write_eof()
        async with asyncio.timeout(3):
            return await reader.read()
    except (TimeoutError, OSError):
        return b""
    finally:
        writer.close()


def judge(sent: bytes, framed: bool, got: bytes, statuses: Counter[str]) -> str:
    """What is wrong with an answer; empty if nothing is."""
    head, _, content = got.partition(b"\r\n\r\n")
    status = int(head.split()[1]) if head.startswith(b"HTTP/1.1 ") else 0
    statuses[str(status or "no answer")] += 1
    if status >= 500:
        return f"{status} for {sent[:2000]!r}"
    if framed and status >= 400:
        try:
            error = json.loads(content)["error"]
        except (ValueError, KeyError, TypeError):
            return f"{status} without an error in JSON for {sent[:2000]!r}: {content[:200]!r}"
        if not isinstance(error["message"], str) or "Traceback" in error["message"]:
            return f"{status} with an odd message for {sent[:2000]!r}"
    if framed and not status:
        return f"no answer for {sent[:2000]!r}"
    return ""


class Tracebacks(logging.Handler):
    """Keeps what is logged with a traceback, or as an error."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or record.levelno >= logging.ERROR:
            self.found.append(logging.Formatter().format(record))


async def fuzz(n: int, seed: int, folder: Path) -> tuple[list[str], Counter[str]]:
    rng, wrong, statuses = random.Random(seed), [], Counter[str]()
    server = await asyncio.start_server(answer_all, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    secrets = await make_keys(folder / "keys.sqlite")
    files = n_files()
    ports = dict.fromkeys(MODELS[:3], port)
    async with serving(configuration(ports, folder)) as (gateway, relay):
        numbers = iter(range(n))

        async def work() -> None:
            for _ in numbers:
                sent, framed = message(rng, secrets["alice"])
                if said := judge(sent, framed, await connection(gateway, sent), statuses):
                    wrong.append(said)

        await asyncio.gather(*(work() for _ in range(32)))
        for _ in range(100):
            if not relay.in_flight:
                break
            await asyncio.sleep(0.05)
        wrong += [f"{relay.in_flight} requests in flight"] if relay.in_flight else []
    server.close()
    await asyncio.sleep(0.2)
    left = n_files() - files
    return wrong + ([f"{left} files and connections"] if left > 0 else []), statuses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    seen = Tracebacks()
    logging.getLogger().addHandler(seen)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        wrong, statuses = asyncio.run(fuzz(options.requests, options.seed, Path(scratch)))
    wrong += [f"logged: {text}" for text in seen.found]
    print(f"{options.requests} requests in {time.perf_counter() - start:.1f} s")
    for status, times in statuses.most_common():
        print(f"{times:8d}  {status}")
    for one in wrong[:10]:
        print("WRONG:", one)
    print("all of it holds" if not wrong else f"{len(wrong)} things do not hold")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
