"""What clients of the gateway see while its upstreams fail in every way that they can.

Four upstreams, one of which refuses connections, answer 30 % of what they are asked with a fault:
they hang, hang up, answer 402, 429, 500, 503 or garbage, cut a plain answer, cut a stream in the
middle of its head, of an event, of a chunk, between events and before its end, compress what nobody
asked them to, and dribble a byte a second. A few clients leave. Keys have budgets, and one of them
runs out. All of it runs in this process, over loopback:

    python benchmarks/gateway_faults.py                      # 20,000 requests, about two minutes
    python benchmarks/gateway_faults.py --requests 1000

It checks, and exits with 1 unless all of it holds: every client that stays gets one answer, its
own, or an error as the API has them, within the deadline; no request is answered twice; what the
keys have spent is what the log says to the billionth of a USD, and for whole answers what the
upstreams said; no budget is overspent; no task, request, place or connection is left behind.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import random
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn

MODELS = ("euclid", "portia", "galen", "nobody")
PRICE_IN, PRICE_OUT = 1.0, 2.0
REQUEST_S = 4.0
DEADLINE_S = REQUEST_S + 1.0
SMALL_BUDGET = 0.01
NANO = 1_000_000_000

# -- the upstreams --------------------------------------------------------------------------------


@dataclass
class Asked:
    """A request that an upstream got."""

    name: str
    nonce: str
    streamed: bool
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    @property
    def usage(self) -> dict[str, int]:
        """Tokens that only this request has."""
        number = int(self.nonce.partition("-")[2])
        return {"prompt_tokens": 10 + number % 37, "completion_tokens": 5 + number % 53}

    def whole(self) -> bytes:
        """A good answer, plain or streamed, in full."""
        return self.stream() if self.streamed else plain(200, self.answer())

    def answer(self) -> bytes:
        message = {"role": "assistant", "content": f"<{self.nonce}>"}
        held = {"id": "c", "object": "chat.completion", "model": self.name}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return json.dumps({**held, "choices": [choice], "usage": self.usage}).encode()

    def events(self) -> list[bytes]:
        parts = ["<", *self.nonce.split("-"), ">"]
        deltas = [{"choices": [{"index": 0, "delta": {"content": part}}]} for part in parts]
        held = [*deltas, {"choices": [], "usage": self.usage}]
        return [b"data: %b\n\n" % json.dumps(one).encode() for one in held] + [b"data: [DONE]\n\n"]

    def stream(self) -> bytes:
        return STREAM + b"".join(map(chunk, self.events())) + b"0\r\n\r\n"


STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def plain(status: int, body: bytes, *headers: bytes) -> bytes:
    lines = b"".join(b"%b\r\n" % line for line in headers)
    return b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%b\r\n%b" % (
        status,
        len(body),
        lines,
        body,
    )


async def hang(asked: Asked) -> None:
    await asyncio.sleep(3600)


async def hang_up(asked: Asked) -> None:
    asked.writer.transport.abort()


async def garbage(asked: Asked) -> None:
    await asked.send(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
    asked.writer.close()


async def page(asked: Asked) -> None:
    body = b"<html>Welcome to the hotel's network</html>"
    await asked.send(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: %d\r\n\r\n%b"
        % (len(body), body)
    )


async def dribble(asked: Asked) -> None:
    for byte in asked.whole():
        await asked.send(bytes([byte]))
        await asyncio.sleep(1)


async def dribble_late(asked: Asked) -> None:
    data = asked.whole()
    await asked.send(data[:-20])
    for byte in data[-20:]:
        await asked.send(bytes([byte]))
        await asyncio.sleep(1)


def says(status: int, code: str, *headers: bytes) -> Callable[[Asked], Awaitable[None]]:
    body = json.dumps({"error": {"message": code, "type": code, "code": code}}).encode()

    async def fault(asked: Asked) -> None:
        await asked.send(plain(status, body, *headers))

    return fault


def cut(where: Callable[[Asked, bytes], int]) -> Callable[[Asked], Awaitable[None]]:
    """Close the connection after a part of a good answer."""

    async def fault(asked: Asked) -> None:
        data = asked.whole()
        await asked.send(data[: where(asked, data)])
        asked.writer.close()

    return fault


def compressed(asked: Asked) -> bytes:
    """A good answer in gzip, which nobody asked for, in full."""
    state = zlib.compressobj(wbits=31)
    if not asked.streamed:
        body = state.compress(asked.answer()) + state.flush()
        return plain(200, body, b"content-encoding: gzip")
    parts = [state.compress(one) + state.flush(zlib.Z_SYNC_FLUSH) for one in asked.events()]
    head = STREAM.removesuffix(b"\r\n") + b"content-encoding: gzip\r\n\r\n"
    return head + b"".join(map(chunk, [*parts, state.flush()])) + b"0\r\n\r\n"


async def compress(asked: Asked) -> None:
    await asked.send(compressed(asked))


async def compress_half(asked: Asked) -> None:
    data = compressed(asked)
    await asked.send(data[: (end_of_head(data) + len(data)) // 2])
    asked.writer.close()


async def compress_otherwise(asked: Asked) -> None:
    await asked.send(compressed(asked).replace(b"gzip", b"zstd", 1))


def end_of_head(data: bytes) -> int:
    return data.index(b"\r\n\r\n") + 4


def after_first_event(data: bytes) -> int:
    return end_of_head(data) + data[end_of_head(data) :].find(b"\n\n") + 4


FAULTS: dict[str, Callable[[Asked], Awaitable[None]]] = {
    "hangs": hang,
    "hangs up": hang_up,
    "402": says(402, "insufficient_quota"),
    "429": says(429, "rate_limit_exceeded", b"retry-after: 1"),
    "500": says(500, "server_error"),
    "503": says(503, "overloaded"),
    "not HTTP": garbage,
    "a web page": page,
    "cut in the head": cut(lambda asked, data: 20),
    "cut after the head": cut(lambda asked, data: end_of_head(data)),
    "cut after a byte": cut(lambda asked, data: end_of_head(data) + 1),
    "cut in the middle": cut(lambda asked, data: (end_of_head(data) + len(data)) // 2),
    "cut at the last byte": cut(lambda asked, data: len(data) - 1),
    "cut before the end chunk": cut(lambda asked, data: max(len(data) - 5, end_of_head(data))),
    "cut after an event": cut(lambda asked, data: after_first_event(data)),
    "cut before [DONE]": cut(
        lambda asked, data: data.find(b"[DONE]") if asked.streamed else len(data) - 2
    ),
    "compressed": compress,
    "compressed and cut": compress_half,
    "compressed as nobody can read": compress_otherwise,
    "dribbles": dribble,
    "dribbles at the end": dribble_late,
}


@dataclass
class UpstreamConfig:
    """A service that answers some requests with a fault."""

    name: str
    share: float
    rng: random.Random
    faults: Counter[str] = field(default_factory=Counter)
    good: Counter[str] = field(default_factory=Counter)
    open: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.open.add(task)
        try:
            await self.converse(reader, writer)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass
        finally:
            self.open.discard(task)
            writer.close()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            body = json.loads(await request_body(reader))
            text = body["messages"][-1]["content"]
            asked = Asked(self.name, text.rpartition(" ")[2], bool(body.get("stream")), writer)
            if self.rng.random() < self.share:
                name = self.rng.choice(list(FAULTS))
                self.faults[name] += 1
                await self.until_left(reader, FAULTS[name](asked))
            else:
                await asyncio.sleep(self.rng.random() * 0.02)
                await asked.send(asked.whole())
                self.good[asked.nonce] += 1

    async def until_left(self, reader: asyncio.StreamReader, work: Awaitable[None]) -> None:
        """Do what takes long only until the asker leaves."""
        working = asyncio.ensure_future(work)
        leaving = asyncio.ensure_future(eof(reader))
        try:
            await asyncio.wait([working, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (working, leaving):
                task.cancel()
            await asyncio.gather(working, leaving, return_exceptions=True)


async def eof(reader: asyncio.StreamReader) -> None:
    while not reader.at_eof():
        await asyncio.sleep(0.02)


async def request_body(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    at = head.index(b"content-length:") + 15
    return await reader.readexactly(int(head[at:].split(b"\r\n", 1)[0]))


# -- the clients ----------------------------------------------------------------------------------


@dataclass
class Tally:
    """What clients saw."""

    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    usd: float = 0.0
    answered: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)


class Client:
    """One connection at a time; it reads exactly one answer a request, and notices more."""

    def __init__(self, port: int, tally: Tally) -> None:
        self.port, self.tally = port, tally
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def ask(self, nonce: str, key: str, *, streamed: bool, leaves: float | None) -> None:
        if self.writer is None or self.writer.is_closing():
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        start = time.perf_counter()
        self.writer.write(request(nonce, key, streamed))
        if leaves is not None:
            await asyncio.sleep(leaves)
            self.close()
            self.tally.outcomes["left"] += 1
            return
        try:
            async with asyncio.timeout(DEADLINE_S):
                status, body, ends = await self.answer()
        except (TimeoutError, asyncio.IncompleteReadError, OSError, ValueError) as error:
            self.tally.wrong.append(f"{nonce}: {type(error).__name__}")
            self.close()
            return
        self.tally.slowest = max(self.tally.slowest, time.perf_counter() - start)
        self.judge(nonce, status, body, streamed)
        if ends:
            self.close()

    async def answer(self) -> tuple[int, bytes, bool]:
        """Status and body of one answer, and whether the connection ends with it."""
        reader = self.reader
        assert reader is not None
        head = await reader.readuntil(b"\r\n\r\n")
        status, lowered = int(head.split()[1]), head.lower()
        if b"transfer-encoding: chunked" in lowered:
            parts = []
            while size := int(await reader.readuntil(b"\r\n"), 16):
                parts.append(await reader.readexactly(size))
                await reader.readexactly(2)
            await reader.readexactly(2)
            body = b"".join(parts)
        else:
            at = lowered.index(b"content-length:") + 15
            body = await reader.readexactly(int(lowered[at:].split(b"\r\n", 1)[0]))
        return status, body, b"connection: close" in lowered

    def judge(self, nonce: str, status: int, body: bytes, streamed: bool) -> None:
        tally = self.tally
        if nonce in tally.answered:
            tally.wrong.append(f"{nonce}: answered twice")
        tally.answered.add(nonce)
        try:
            if streamed and status == 200:
                outcome, usage = read_stream(nonce, body)
            else:
                outcome, usage = read_plain(nonce, status, json.loads(body))
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            tally.wrong.append(f"{nonce}: {status} {type(error).__name__} {body[-260:]!r}")
            return
        tally.outcomes[outcome] += 1
        if usage:
            cost = usage["prompt_tokens"] * PRICE_IN + usage["completion_tokens"] * PRICE_OUT
            tally.usd += cost / 1e6

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
            self.writer = None


def request(nonce: str, key: str, streamed: bool) -> bytes:
    messages = [{"role": "user", "content": f"prove it {nonce}"}]
    held: dict[str, Any] = {"model": "auto", "messages": messages, "max_tokens": 100}
    if streamed:
        held |= {"stream": True, "stream_options": {"include_usage": True}}
    body = json.dumps(held).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def read_plain(nonce: str, status: int, held: dict[str, Any]) -> tuple[str, dict[str, int] | None]:
    if status == 200:
        assert held["choices"][0]["message"]["content"] == f"<{nonce}>"
        return "answered", held["usage"]
    return f"{status} {error_in(held)}", None


def read_stream(nonce: str, body: bytes) -> tuple[str, dict[str, int] | None]:
    """Whole events only; either all of the answer and its end, or an error as the last event."""
    assert body.endswith(b"\n\n")
    events = [part.removeprefix(b"data: ") for part in body.split(b"\n\n")[:-1]]
    text, usage = "", None
    for number, event in enumerate(events):
        last = number == len(events) - 1
        if event == b"[DONE]":
            assert last
            assert text == f"<{nonce.replace('-', '')}>"
            return "streamed", usage
        held = json.loads(event)
        if "error" in held:
            assert last
            return f"stream, then {error_in(held)}", None
        text += "".join(choice["delta"]["content"] for choice in held["choices"])
        usage = held.get("usage", usage)
    raise AssertionError


def error_in(held: dict[str, Any]) -> str:
    error = held["error"]
    assert {"message", "type", "param", "code"} <= error.keys()
    assert isinstance(error["message"], str)
    return str(error["code"])


# -- the gateway ----------------------------------------------------------------------------------


def trained() -> Any:  # noqa: ANN401
    from routereval.features import make_embedder
    from routereval.routers import make_router
    from routereval.routers.trained import TrainedRouter

    texts = [f"prove it {n}" for n in range(40)]
    embedder = make_embedder("tfidf(dims=4)").fit(texts)
    scores = np.random.default_rng(0).random((40, len(MODELS)))
    router = make_router("knn(k=3)").fit(embedder.transform(texts), scores)
    return TrainedRouter(router, MODELS, embedder, np.full(len(MODELS), 0.001))


def configuration(ports: dict[str, int], folder: Path) -> dict[str, Any]:
    upstreams = [
        {
            "name": name,
            "base_url": f"http://127.0.0.1:{port}/v1",
            "price_in": PRICE_IN,
            "price_out": PRICE_OUT,
            "connect_s": 0.5,
            "first_byte_s": 0.5,
            "idle_s": 0.5,
            "total_s": 2.0,
            "answer_s": 1.0,
        }
        for name, port in ports.items()
    ]
    return {
        "upstream": upstreams,
        "limits": {"request_s": REQUEST_S},
        "failover": {
            "cooldown_s": 0.05,
            "longest_cooldown_s": 0.2,
            "quota_cooldown_s": 0.2,
            "retry_ratio": 2.0,
            "retry_burst": 1000,
        },
        "access": {"keys": str(folder / "keys.sqlite")},
        "log": {"folder": str(folder / "log")},
    }


async def make_keys(path: Path) -> dict[str, str]:
    from routereval.gateway.access.keys import new_key
    from routereval.gateway.access.store import open_store

    store, secrets = open_store(str(path), create=True), {}
    for name, usd in (("alice", 1000.0), ("bob", 1000.0), ("poor", SMALL_BUDGET)):
        secrets[name], key = new_key(name, usd_per_day=usd)
        await store.add(key)
    await store.close()
    return secrets


async def spent(path: Path) -> dict[str, int]:
    """Billionths of a USD by key, of all days that the run may have touched."""
    from routereval.gateway.access.store import open_store

    store, found = open_store(str(path)), Counter[str]()
    today = int(time.time() // 86_400)
    for day in (today - 1, today):
        for key, nano in await store.listed(day):
            found[key.name] += nano
    await store.close()
    return dict(found)


@contextlib.asynccontextmanager
async def serving(config: dict[str, Any]) -> AsyncIterator[tuple[int, Any]]:
    from routereval.gateway.build import create_app
    from routereval.gateway.config import make_config
    from routereval.gateway.reloading import tune_memory

    app = create_app(trained(), make_config(config))
    tune_memory()
    settings = uvicorn.Config(
        app,
        port=0,
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="error",
    )
    settings.load()
    server = uvicorn.Server(settings)
    server.lifespan = settings.lifespan_class(settings)
    await server.startup()
    try:
        yield server.servers[0].sockets[0].getsockname()[1], app.state.relay
    finally:
        await server.shutdown()


# -- the storm ------------------------------------------------------------------------------------


@dataclass
class Run:
    """What is to be done, and what came of it."""

    requests: int
    concurrency: int
    share: float
    tally: Tally = field(default_factory=Tally)
    left_over: list[str] = field(default_factory=list)
    seconds: float = 0.0


async def storm(run: Run, port: int, secrets: dict[str, str], rng: random.Random) -> None:
    numbers = iter(range(run.requests))
    names = ["alice"] * 6 + ["bob"] * 3 + ["poor"]

    async def work() -> None:
        client = Client(port, run.tally)
        for number in numbers:
            leaves = rng.random() * 0.1 if rng.random() < 0.02 else None
            key = secrets[names[number % len(names)]]
            await client.ask(f"n-{number}", key, streamed=number % 2 == 0, leaves=leaves)
        client.close()

    await asyncio.gather(*(work() for _ in range(run.concurrency)))


async def settled(relay: Any) -> list[str]:  # noqa: ANN401
    """What is still held when everybody has gone."""
    for _ in range(int(20 * (REQUEST_S + 1))):
        busy = {name: one.in_flight for name, one in relay.upstreams.items() if one.in_flight}
        if not (relay.in_flight or busy):
            break
        await asyncio.sleep(0.05)
    held = []
    if relay.in_flight:
        held.append(f"{relay.in_flight} requests in flight")
    held += [f"{n} requests at {name}" for name, n in busy.items()]
    return held


def n_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def whole(run: Run, folder: Path) -> tuple[dict[str, int], list[UpstreamConfig]]:
    rng = random.Random(7)
    before = asyncio.all_tasks()
    upstreams = [
        UpstreamConfig(name, run.share, random.Random(n)) for n, name in enumerate(MODELS[:3])
    ]
    servers = [await asyncio.start_server(one.serve, "127.0.0.1", 0) for one in upstreams]
    ports = {
        one.name: server.sockets[0].getsockname()[1]
        for one, server in zip(upstreams, servers, strict=True)
    }
    secrets = await make_keys(folder / "keys.sqlite")
    files = n_files()
    async with serving(configuration({**ports, "nobody": 9}, folder)) as (port, relay):
        start = time.perf_counter()
        await storm(run, port, secrets, rng)
        run.seconds = time.perf_counter() - start
        run.left_over += await settled(relay)
    for server in servers:
        server.close()
    for one in upstreams:
        await asyncio.wait([*one.open], timeout=5) if one.open else None
    for _ in range(40):
        gc.collect()
        tasks, still = asyncio.all_tasks() - before, n_files() - files
        if not tasks and still <= 0:
            break
        await asyncio.sleep(0.05)
    run.left_over += [f"task {task!r}" for task in tasks]
    run.left_over += [f"{still} files and connections"] if still > 0 else []
    return await spent(folder / "keys.sqlite"), upstreams


def check(run: Run, books: dict[str, int], folder: Path) -> list[str]:
    """What does not hold."""
    tally, lines = run.tally, log_in(folder / "log")
    wrong = [*tally.wrong, *run.left_over, *check_books(books, lines)]
    stayed = run.requests - tally.outcomes["left"]
    if len(tally.answered) != stayed:
        wrong.append(f"{stayed - len(tally.answered)} clients got no answer")
    if len({line["id"] for line in lines}) != len(lines) or len(lines) > run.requests:
        wrong.append(f"{len(lines)} lines in the log for {run.requests} requests")
    told = sum(
        round((line["usd"] - line.get("lost_usd", 0.0)) * NANO) for line in lines if is_whole(line)
    )
    print(f"whole answers: ${tally.usd:.6f} by those who got them, ${told / NANO:.6f} by the log")
    if tally.usd * NANO > told + 0.5:
        wrong.append("clients were given answers that nobody paid for")
    return wrong


def check_books(books: dict[str, int], lines: list[dict[str, Any]]) -> list[str]:
    logged = Counter[str]()
    for line in lines:
        logged[line["key"]] += round(line["usd"] * NANO)
    wrong = [
        f"{name} spent {nano} by the books, {logged[name]} by the log"
        for name, nano in books.items()
        if logged[name] != nano
    ]
    if books["poor"] > SMALL_BUDGET * NANO:
        wrong.append(f"poor spent {books['poor'] / NANO} of {SMALL_BUDGET}")
    return wrong


def is_whole(line: dict[str, Any]) -> bool:
    """Whether an upstream gave this answer to its end, and said what it took."""
    return line["status"] in {200, 499} and not (line["error"] or line["estimated"])


def log_in(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in folder.iterdir() for line in file.read_text().splitlines()]


def report(run: Run, books: dict[str, int], upstreams: list[UpstreamConfig]) -> None:
    print(f"{run.requests} requests, {run.concurrency} at a time, in {run.seconds:.1f} s")
    for outcome, n in run.tally.outcomes.most_common():
        print(f"{n:8d}  {outcome}")
    faults = sum((one.faults for one in upstreams), Counter[str]())
    print(f"{faults.total()} faults of {len(faults)} kinds: {dict(faults.most_common())}")
    print(f"slowest {run.tally.slowest:.2f} s of {DEADLINE_S:g} s")
    print("spent: " + ", ".join(f"{n} ${nano / NANO:.6f}" for n, nano in books.items()))
    good = sum((one.good for one in upstreams), Counter[str]())
    twice = sum(times > 1 for times in good.values())
    print(f"{twice} whole answers came too late, when another upstream had been asked")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--share", type=float, default=0.3, help="of faults")
    options = parser.parse_args()
    run = Run(options.requests, options.concurrency, options.share)
    with tempfile.TemporaryDirectory() as scratch:
        books, upstreams = asyncio.run(whole(run, Path(scratch)))
        report(run, books, upstreams)
        wrong = check(run, books, Path(scratch))
    for one in wrong[:20]:
        print("WRONG:", one)
    print("all of it holds" if not wrong else f"{len(wrong)} things do not hold")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
