"""Attacks on a gateway that is up, as one client can make them, while another asks it on and on.

    python benchmarks/gateway_attacks.py

For each attack the table says how it was answered, how many of the other client's requests were
answered and how long the slowest of its looks at `/healthz` took, and the peak of the gateway's
memory. It exits with 1 unless the other client was always answered and the memory stayed bounded.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import gateway as bench

MOST_MB = 1_200  # the gateway itself, and `bodies_mb` of 256 some four times
LASTS_S = 3.0
HOST = b"host: localhost\r\n"
POST = b"POST %b HTTP/1.1\r\n" + HOST
CHAT = b"/v1/chat/completions"
PROVE = {"model": "auto", "messages": [{"role": "user", "content": "prove it"}]}


async def exchange(port: int, *parts: bytes, patience: float = LASTS_S) -> str:
    """The status of the answer to some bytes, or what became of them."""
    writer = None
    try:
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for part in parts:
                writer.write(part)
                await writer.drain()
            head = await reader.read(4096)
        return head[9:12].decode() if head else "closed"
    except TimeoutError:
        return "held"
    except OSError:
        return "closed"
    finally:
        if writer is not None:
            writer.close()


def posted(path: bytes, body: bytes, *headers: bytes) -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return POST % path + lines + b"content-length: %d\r\n\r\n" % len(body) + body


async def many(count: int, ask: Callable[[], Awaitable[str]]) -> str:
    """How several at a time were answered."""
    found = Counter(await asyncio.gather(*(ask() for _ in range(count))))
    return ", ".join(f"{number} x {status}" for status, number in sorted(found.items()))


RAW = json.dumps(PROVE).encode()
BOMB = b'{"model":"auto","messages":[' + b"[]," * 5_600_000 + b"0]}"
LARGE = json.dumps({**PROVE, "x": "y" * 19_000_000}).encode()
H2C = (b"connection: Upgrade, HTTP2-Settings", b"upgrade: h2c", b"http2-settings: AAEAAEAAAAIA")


async def headers_without_end(port: int) -> str:
    return await exchange(port, POST % CHAT, *[b"x: a\r\n" * 10_000] * 600, patience=20)


async def one_header_without_end(port: int) -> str:
    return await exchange(port, POST % CHAT + b"x: ", *[b"a" * 65_536] * 600, patience=20)


async def half_heads(port: int) -> str:
    return await many(1_100, lambda: exchange(port, POST % CHAT))


async def half_bodies(port: int) -> str:
    paths = (CHAT, b"/v1/completions", b"/v1/route")
    asks = iter([posted(paths[n % 3], RAW)[:-5] for n in range(300)])
    return await many(300, lambda: exchange(port, next(asks)))


async def slow_json(port: int) -> str:
    paths = iter((CHAT, b"/v1/route", CHAT))
    return await many(3, lambda: exchange(port, posted(next(paths), BOMB), patience=30))


async def deep_json(port: int) -> str:
    return await many(20, lambda: exchange(port, posted(CHAT, b'{"a":' * 200_000)))


async def large_bodies(port: int) -> str:
    return await many(60, lambda: exchange(port, posted(CHAT, LARGE), patience=60))


async def foreign_page(port: int) -> str:
    sent = posted(CHAT, RAW, b"origin: https://evil.example", b"content-type: text/plain")
    return await exchange(port, sent)


async def rebound_name(port: int) -> str:
    return await exchange(port, b"GET /metrics HTTP/1.1\r\nhost: evil.example\r\n\r\n")


async def upgrade(port: int) -> str:
    return await exchange(port, posted(CHAT, RAW, *H2C))


ATTACKS = (
    headers_without_end,
    one_header_without_end,
    half_heads,
    half_bodies,
    slow_json,
    deep_json,
    large_bodies,
    foreign_page,
    rebound_name,
    upgrade,
)


class Bystander:
    """Another client, that asks and looks at the gateway's health while an attack runs."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked = self.answered = 0
        self.slowest_s = 0.0

    async def run(self) -> None:
        while True:
            start = time.perf_counter()
            healthy = await exchange(
                self.port, b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n", patience=60
            )
            self.slowest_s = max(self.slowest_s, time.perf_counter() - start)
            status = await exchange(self.port, posted(CHAT, RAW), patience=60)
            self.asked += 1
            self.answered += (healthy, status) == ("200", "200")
            await asyncio.sleep(0.02)


async def made_elsewhere(attack: str, port: int) -> str:
    """How an attack went, made by a process of its own, which does not slow the other client."""
    command = [sys.executable, __file__, "--make", attack, "--port", str(port)]
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    text, _ = await child.communicate()
    return text.decode().strip()


async def trial(port: int, pid: int) -> bool:
    print(f"{'':24s}{'answered':26s}{'others':>12s}{'healthz ms':>12s}{'peak MB':>9s}")
    good = True
    for attack in ATTACKS:
        other = Bystander(port)
        beside = asyncio.ensure_future(other.run())
        how = await made_elsewhere(attack.__name__, port)
        while not other.asked:
            await asyncio.sleep(0.01)
        beside.cancel()
        await asyncio.gather(beside, return_exceptions=True)
        peak = bench.memory_mb(pid, "VmHWM")
        served = f"{other.answered} of {other.asked}"
        row = f"{served:>12s}{other.slowest_s * 1000:12.0f}{peak:9.0f}"
        print(f"{attack.__name__.replace('_', ' '):24s}{how:26s}{row}", flush=True)
        good = good and other.answered == other.asked and peak < MOST_MB
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--make", choices=[attack.__name__ for attack in ATTACKS])
    parser.add_argument("--port", type=int, help="of the gateway, for one attack alone")
    given = parser.parse_args()
    open_many_files()
    if given.make:
        attack = next(attack for attack in ATTACKS if attack.__name__ == given.make)
        print(asyncio.run(attack(given.port)))
        return
    serve_and_attack()


def open_many_files() -> None:
    with contextlib.suppress(ImportError):
        import resource

        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def serve_and_attack() -> None:
    cores = sorted(os.sched_getaffinity(0))
    ours, rest = (cores[0], cores[1]) if len(cores) > 1 else (None, None)
    models = [f"model-{number}" for number in range(5)]
    upstream_port, port = bench.free_port(), bench.free_port()
    with tempfile.TemporaryDirectory() as scratch:
        router = bench.train(Path(scratch), models)
        config = bench.write_config(Path(scratch), port, upstream_port, models)
        stub = [sys.executable, bench.__file__, "--upstream-only", str(upstream_port)]
        command = str(Path(sys.executable).parent / "routereval")
        serve = [command, "serve", str(router), "-c", str(config)]
        with (
            bench.process(stub, upstream_port, rest),
            bench.process(serve, port, ours) as pid,
        ):
            good = asyncio.run(trial(port, pid))
    print("all of it holds" if good else "NOT all of it holds")
    sys.exit(not good)


if __name__ == "__main__":
    main()
