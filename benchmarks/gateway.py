"""What the gateway adds to a request, and how many requests it serves, on one machine.

An upstream that answers at once (or streams a chunk every 5 ms) runs in a process of its own, the
gateway in another, and the load comes from this one; where there are two cores, the gateway has one
to itself. It asks for a key with a budget, and logs its decisions. Prompts differ, so that most
decisions are computed. The same load goes to the upstream directly: the difference is what the
gateway adds. And it goes through a bare relay, which is a route of starlette that sends the body on
by aiohttp and does nothing else: what a gateway in Python usually costs before it does anything.

    python benchmarks/gateway.py                            # all of it, about a minute
    python benchmarks/gateway.py --seconds 2                # provisional
    python benchmarks/gateway.py --upstream-only 9001       # only the upstream, to put another
                                                            # gateway before it, and then:
    python benchmarks/gateway.py --base-url http://127.0.0.1:4000/v1 --model m --key k --pid 123
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import uvloop

RATE = 200
CHUNKS, PACE_S = 20, 0.005
N_PROMPTS = 20_000
JSON = "application/json"
VERBS = ("prove", "cite", "translate", "debug", "diagnose", "summarise", "plan", "rhyme")
NOUNS = ("lemma", "statute", "poem", "kernel", "fracture", "treaty", "menu", "orbit", "ledger")

# -- the upstream ---------------------------------------------------------------------------------

MESSAGE = {"role": "assistant", "content": "It is so, as one sees by induction. " * 8}
BODY = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "stub",
        "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 30, "completion_tokens": 80, "total_tokens": 110},
    }
).encode()
PLAIN = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
    len(BODY),
    BODY,
)
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)


def event(number: int) -> bytes:
    choice = {"index": 0, "delta": {"content": f"word{number} "}, "finish_reason": None}
    held = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "stub",
        "choices": [choice],
    }
    return b"data: " + json.dumps(held).encode() + b"\n\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


EVENTS = [chunk(event(number)) for number in range(CHUNKS - 1)] + [chunk(b"data: [DONE]\n\n")]


class UpstreamConfig(asyncio.Protocol):
    """Answers each request with the same answer; it reads no more of it than it must."""

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - asyncio's
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            length = content_length(self.buffer[:end])
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            if b'"stream": true' in body or b'"stream":true' in body:
                self.transport.write(STREAM_HEAD)
                asyncio.get_running_loop().call_later(PACE_S, self.step, 0)
            else:
                self.transport.write(PLAIN)

    def step(self, at: int) -> None:
        """Send an event, and the next one a moment later."""
        if self.transport.is_closing():
            return
        last = at == CHUNKS - 1
        self.transport.write(EVENTS[at] + (b"0\r\n\r\n" if last else b""))
        if not last:
            asyncio.get_running_loop().call_later(PACE_S, self.step, at + 1)


def content_length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.find(b"content-length:")
    return int(lowered[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


async def upstream(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(UpstreamConfig, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


# -- the bare relay -------------------------------------------------------------------------------


def bare_relay(port: int, upstream_port: int) -> None:
    """Serve a relay that looks at nothing."""
    import aiohttp
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response, StreamingResponse
    from starlette.routing import Route

    url = f"http://127.0.0.1:{upstream_port}/v1/chat/completions"
    sessions: list[aiohttp.ClientSession] = []

    async def relay(request: Request) -> Response:
        if not sessions:
            sessions.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
        body = await request.body()
        answer = await sessions[0].post(url, data=body, headers={"content-type": JSON})
        kind = answer.headers["content-type"]
        if kind == JSON:
            return Response(await answer.read(), answer.status, media_type=kind)
        return StreamingResponse(answer.content.iter_any(), answer.status, media_type=kind)

    app = Starlette(routes=[Route("/v1/chat/completions", relay, methods=["POST"])])
    uvicorn.run(
        app, port=port, loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )


# -- the load -------------------------------------------------------------------------------------


@dataclass
class Load:
    """What is asked, and of whom."""

    base_url: str
    model: str
    key: str = ""
    streamed: bool = False
    latencies: list[float] = field(default_factory=list)
    failures: int = 0
    asked: int = 0

    def request(self, number: int) -> bytes:
        """The bytes that ask a prompt."""
        body = {"model": self.model, "messages": [{"role": "user", "content": prompt(number)}]}
        raw = json.dumps({**body, "stream": self.streamed}).encode()
        url = urlsplit(self.base_url)
        key = f"authorization: Bearer {self.key}\r\n" if self.key else ""
        head = (
            f"POST {url.path}/chat/completions HTTP/1.1\r\nhost: {url.netloc}\r\n{key}"
            f"content-type: application/json\r\ncontent-length: {len(raw)}\r\n\r\n"
        )
        return head.encode() + raw


def prompt(number: int) -> str:
    draw = random.Random(number)
    words = [draw.choice(VERBS), "the", draw.choice(NOUNS)] * 8
    return f"{' '.join(words)} and explain step by step, case {number}"


class Connection(asyncio.Protocol):
    """One connection of a client: sends a request, and waits for the end of the answer."""

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - asyncio's
        self.transport = transport
        self.waiting: asyncio.Future[bool] | None = None
        self.buffer = b""

    def ask(self, request: bytes) -> asyncio.Future[bool]:
        """Send a request; the future says whether the answer was good, once it is whole."""
        self.buffer = b""
        self.waiting = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.waiting

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0 or self.waiting is None or self.waiting.done():
            return
        head = self.buffer[:end].lower()
        if b"transfer-encoding: chunked" in head:
            whole = self.buffer.endswith(b"0\r\n\r\n")
        else:
            whole = len(self.buffer) >= end + 4 + content_length(head)
        if whole:
            good = self.buffer.startswith(b"HTTP/1.1 200") and b'"error"' not in self.buffer
            self.waiting.set_result(good)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_result(False)


async def connect(load: Load) -> Connection:
    url = urlsplit(load.base_url)
    _, made = await asyncio.get_running_loop().create_connection(
        Connection, url.hostname, url.port or 80
    )
    return made


async def one(load: Load, connection: Connection, request: bytes) -> None:
    start = time.perf_counter()
    good = await connection.ask(request)
    load.latencies.append(time.perf_counter() - start)
    load.failures += not good
    load.asked += 1


async def closed(load: Load, connections: int, seconds: float) -> float:
    """Each connection asks again as soon as it has its answer; answers a second."""
    requests = [load.request(number) for number in random.sample(range(N_PROMPTS), 4000)]
    numbers = iter(range(10**9))
    held = [await connect(load) for _ in range(connections)]

    async def work(connection: Connection, until: float) -> None:
        while time.perf_counter() < until:
            if connection.transport.is_closing():
                connection = await connect(load)
            await one(load, connection, requests[next(numbers) % len(requests)])

    await asyncio.gather(*(work(c, time.perf_counter() + min(1.0, seconds / 4)) for c in held))
    load.latencies.clear()
    start = time.perf_counter()
    await asyncio.gather(*(work(c, start + seconds) for c in held))
    taken = time.perf_counter() - start
    for connection in held:
        connection.transport.close()
    return len(load.latencies) / taken


async def paced(load: Load, rate: float, seconds: float) -> float:
    """Requests come at a steady rate, whether or not earlier ones are answered."""
    requests = [load.request(number) for number in random.sample(range(N_PROMPTS), 4000)]
    free = [await connect(load) for _ in range(32)]
    tasks = set()

    async def work(request: bytes) -> None:
        connection = free.pop() if free else await connect(load)
        await one(load, connection, request)
        free.append(connection)

    loop = asyncio.get_running_loop()
    start = loop.time()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, start + number / rate - loop.time()))
        tasks.add(asyncio.ensure_future(work(requests[number % len(requests)])))
    await asyncio.gather(*tasks)
    for connection in free:
        connection.transport.close()
    return rate


# -- the gateway ----------------------------------------------------------------------------------


def train(folder: Path, models: list[str]) -> Path:
    """A router of the usual kind, on prompts like those that will come."""
    from routereval.features import make_embedder
    from routereval.routers import make_router, save_router
    from routereval.routers.trained import TrainedRouter

    texts = [prompt(number) for number in range(3000)]
    rng = np.random.default_rng(0)
    skill = rng.random((len(VERBS), len(models)))
    chance = np.array([skill[VERBS.index(text.split()[0])] for text in texts])
    scores = (rng.random(chance.shape) < chance).astype(float)
    embedder = make_embedder("tfidf").fit(texts)
    X = embedder.transform(texts)
    router = make_router("linear").fit(
        X[:2500], scores[:2500], validation=(X[2500:], scores[2500:])
    )
    costs = np.linspace(0.001, 0.01, len(models))
    trained = TrainedRouter(router, tuple(models), embedder, costs, {"router": "linear"})
    return save_router(trained, folder / "router")


def add_keys(folder: Path, config: Path) -> str:
    """Let the gateway ask for a key and keep a log, as one that others can reach does; the key."""
    store, command = folder / "keys.sqlite", str(Path(sys.executable).parent / "routereval")
    add = [command, "keys", "add", str(store), "benchmark", "--usd-per-day", "100000"]
    key = subprocess.run(add, check=True, capture_output=True, text=True).stdout.split()[-1]
    with config.open("a") as file:
        file.write(f'[access]\nkeys = "{store}"\n[log]\nfolder = "{folder / "log"}"\n')
    return key


def write_config(folder: Path, port: int, upstream_port: int, models: list[str]) -> Path:
    lines = [f"[server]\nport = {port}\n[limits]\nin_flight = 4096\n"]
    url = f"http://127.0.0.1:{upstream_port}/v1"
    lines += [
        f'[[upstream]]\nname = "{name}"\nbase_url = "{url}"\nconcurrency = 4096\n'
        "price_in = 1.0\nprice_out = 2.0\n"
        for name in models
    ]
    file = folder / "gateway.toml"
    file.write_text("\n".join(lines))
    return file


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


@contextlib.contextmanager
def process(command: list[str], port: int, core: int | None) -> Iterator[int]:
    """A process that listens on a port, on a core of its own if there are two."""
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    child = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
    if core is not None:
        os.sched_setaffinity(child.pid, {core})
    try:
        for _ in range(2400):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.1):
                break
            time.sleep(0.05)
        yield child.pid
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait()


def cpu_s(pid: int | None) -> float:
    """Seconds of processor time that a process has had."""
    if pid is None:
        return 0.0
    words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int, field_name: str = "VmRSS") -> float:
    rows = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(row for row in rows if row.startswith(field_name)).split()[1]) / 1024


# -- the measurement ------------------------------------------------------------------------------


def run(work: Coroutine[Any, Any, float]) -> float:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


Asked = tuple[str, Load, int | None]
"""What is asked, as the table calls it, the load, and the process whose time is measured."""


def measure(asked: list[Asked], seconds: float) -> None:
    """Print a table, a row for each kind of load and each that is asked."""
    columns = ("per s", "p50 ms", "p99 ms", "failed", "CPU µs", "RSS MB")
    print(f"{'':34s}" + "".join(f"{column:>9s}" for column in columns))
    for kind, streamed, work in LOADS:
        for label, load, pid in asked:
            made = Load(load.base_url, load.model, load.key, streamed)
            row(f"{label}, {kind}", made, work, seconds, pid)


LOADS: list[tuple[str, bool, Callable[[Load, float], Coroutine[Any, Any, float]]]] = [
    (f"{RATE} requests/s", False, lambda load, seconds: paced(load, RATE, seconds)),
    ("plain, 16", False, lambda load, seconds: closed(load, 16, seconds)),
    ("plain, 64", False, lambda load, seconds: closed(load, 64, seconds)),
    (f"streams of {CHUNKS}, 64", True, lambda load, seconds: closed(load, 64, seconds)),
]


def row(
    label: str,
    load: Load,
    work: Callable[[Load, float], Coroutine[Any, Any, float]],
    seconds: float,
    pid: int | None,
) -> None:
    before = cpu_s(pid)
    rate = run(work(load, seconds))
    cpu = (cpu_s(pid) - before) / load.asked * 1e6
    p50, p99 = np.quantile(load.latencies, [0.5, 0.99]) * 1000
    line = f"{label:34s}{rate:9.0f}{p50:9.2f}{p99:9.2f}{load.failures:9d}"
    print(line + (f"{cpu:9.0f}{memory_mb(pid):9.0f}" if pid else ""), flush=True)


def measure_ours(seconds: float) -> None:
    cores = sorted(os.sched_getaffinity(0))
    ours, rest = (cores[0], cores[1]) if len(cores) > 1 else (None, None)
    models = [f"model-{number}" for number in range(5)]
    upstream_port, port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as scratch:
        router = train(Path(scratch), models)
        config = write_config(Path(scratch), port, upstream_port, models)
        key = add_keys(Path(scratch), config)
        command = str(Path(sys.executable).parent / "routereval")
        if rest is not None:
            os.sched_setaffinity(0, {rest})
        stub = [sys.executable, __file__, "--upstream-only", str(upstream_port)]
        serve = [command, "serve", str(router), "-c", str(config)]
        bare_port = free_port()
        bare = [sys.executable, __file__, "--bare-only", str(bare_port), str(upstream_port)]
        with (
            process(stub, upstream_port, rest),
            process(bare, bare_port, ours) as bare_pid,
            process(serve, port, ours) as pid,
        ):
            asked: list[Asked] = [
                ("upstream alone", Load(f"http://127.0.0.1:{upstream_port}/v1", models[0]), None),
                ("bare relay", Load(f"http://127.0.0.1:{bare_port}/v1", models[0]), bare_pid),
                ("gateway", Load(f"http://127.0.0.1:{port}/v1", "auto:lam=0.1", key), pid),
            ]
            measure(asked, seconds)
            print(f"\npeak of the gateway's memory: {memory_mb(pid, 'VmHWM'):.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="for each row")
    parser.add_argument("--upstream-only", type=int, metavar="PORT")
    parser.add_argument("--bare-only", type=int, nargs=2, metavar=("PORT", "UPSTREAM_PORT"))
    parser.add_argument("--base-url", help="measure this one instead of our own")
    parser.add_argument("--model", default="auto")
    parser.add_argument("--key", default="")
    parser.add_argument("--pid", type=int, help="whose memory is shown")
    options = parser.parse_args()
    if options.upstream_only:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(upstream(options.upstream_only))
    elif options.bare_only:
        bare_relay(*options.bare_only)
    elif options.base_url:
        target = Load(options.base_url, options.model, options.key)
        measure([("gateway", target, options.pid)], options.seconds)
    else:
        measure_ours(options.seconds)


if __name__ == "__main__":
    main()
