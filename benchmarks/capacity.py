"""From what a request costs to machines: the figures of docs/capacity.md.

It measures, on this machine and one core, what the gateway takes per request and per connection,
and, where `redis-server` is installed, what each operation of the shared store takes of a Redis
server and how many changes of one hash per second several workers get through. Then it lets as many
workers as a load needs meet as many keys, with the gateway's own authenticator on a clock that is
set by hand, and counts what they ask of the store.

    python benchmarks/capacity.py                   # all of it, about two minutes
    python benchmarks/capacity.py --seconds 1       # provisional
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import gateway as bench
from routereval.gateway import ApiError
from routereval.gateway.access.accounts import Account, SpendReport
from routereval.gateway.access.authenticator import KeyAuthenticator
from routereval.gateway.access.keys import Key, new_key
from routereval.gateway.access.limits import DailyBudget, RequestBucket
from routereval.gateway.heartbeat import BEAT_S
from routereval.gateway.protocols import NOTHING

RUNS = 3
ACCOUNTS = 50  # that a worker writes at once
RATES = (1_000, 10_000, 100_000)
BUSY = 0.6  # share of a core that is planned for; the rest is for peaks and a machine that fails
CORES = 16
KEYS = 1_000
SIMULATED_S = 2.0
WRITE_S = 0.25
STICKY_SHARE = 0.5  # of requests go on with a conversation; all of them note their model
ANSWER_S = 10.0  # how long an answer takes of a model, which is how long its connections last


class Costs(NamedTuple):
    """What was measured of one worker."""

    plain_s: float
    stream_s: float
    idle_bytes: float
    busy_bytes: float
    base_bytes: float


# -- the gateway ----------------------------------------------------------------------------------


def measured_gateway(seconds: float) -> Costs:
    """Processor time per request, and memory per connection."""
    cores = sorted(os.sched_getaffinity(0))
    ours, rest = (cores[0], cores[1]) if len(cores) > 1 else (None, None)
    models = [f"model-{number}" for number in range(5)]
    upstream_port, port = bench.free_port(), bench.free_port()
    with tempfile.TemporaryDirectory() as scratch:
        router = bench.train(Path(scratch), models)
        config = bench.write_config(Path(scratch), port, upstream_port, models)
        key = bench.add_keys(Path(scratch), config)
        stub = [sys.executable, bench.__file__, "--upstream-only", str(upstream_port)]
        command = str(Path(sys.executable).parent / "routereval")
        serve = [command, "serve", str(router), "-c", str(config)]
        with (
            bench.process(stub, upstream_port, rest),
            bench.process(serve, port, ours) as pid,
        ):
            target = bench.Load(f"http://127.0.0.1:{port}/v1", "auto:lam=0.1", key)
            base = bench.memory_mb(pid) * 2**20
            idle = memory_of_idle(port, pid, 1_000)
            plain = time_per_request(target, pid, seconds, streamed=False, connections=16)
            before = bench.memory_mb(pid)
            stream = time_per_request(target, pid, seconds, streamed=True, connections=400)
            busy = (bench.memory_mb(pid) - before) * 2**20 / 400
    return Costs(plain, stream, idle, max(busy, idle), base)


def time_per_request(
    target: bench.Load, pid: int, seconds: float, *, streamed: bool, connections: int
) -> float:
    """The least of some runs: what else runs on a machine makes each request dearer."""
    found = []
    for _ in range(RUNS):
        load = bench.Load(target.base_url, target.model, target.key, streamed)
        before = bench.cpu_s(pid)
        bench.run(bench.closed(load, connections, seconds / RUNS))
        if load.failures:
            print(f"{load.failures} of {load.asked} requests failed", file=sys.stderr)
        found.append((bench.cpu_s(pid) - before) / load.asked)
    return min(found)


def memory_of_idle(port: int, pid: int, n_connections: int) -> float:
    """Bytes for each kept connection, after a first request on it."""

    async def hold() -> float:
        before = bench.memory_mb(pid)
        held = []
        for _ in range(n_connections):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
            await reader.readuntil(b"ok\n")
            held.append(writer)
        grown = bench.memory_mb(pid) - before
        for writer in held:
            writer.close()
        return grown * 2**20 / n_connections

    return bench.run(hold())


# -- what workers ask of the store ----------------------------------------------------------------


class CountingStore:
    """A store in memory, that counts what it is asked."""

    def __init__(self, keys: list[Key]) -> None:
        self.calls: Counter[str] = Counter()
        self.changes: Counter[str] = Counter()
        self._keys = {key.digest: key for key in keys}
        self._buckets: dict[str, RequestBucket] = {}
        self._budgets: dict[Account, DailyBudget] = {}

    async def find(self, digest: bytes) -> Key | None:
        self.calls["find"] += 1
        return self._keys.get(digest)

    async def take_requests(
        self, name: str, per_minute: int, wanted: int, now: float
    ) -> tuple[int, float]:
        self.calls["take_requests"] += 1
        self.changes[f"rate of {name}"] += 1
        bucket = self._buckets.get(name, RequestBucket(per_minute, now))
        given, bucket = bucket.taken(per_minute, wanted, now)
        self._buckets[name] = bucket
        return given, bucket.wait(per_minute)

    async def take_money(
        self, account: Account, worker: str, budget: int, least: int, wanted: int, now: float
    ) -> int:
        self.calls["take_money"] += 1
        self.changes[f"money of {account[0]}"] += 1
        held = self._budgets.setdefault(account, DailyBudget())
        return held.take(worker, budget, least, wanted, now)

    async def write(self, worker: str, reports: Mapping[Account, SpendReport], now: float) -> None:
        for account, report in reports.items():
            self.calls["write"] += 1
            self.changes[f"money of {account[0]}"] += 1
            held = self._budgets.setdefault(account, DailyBudget())
            held.write(worker, report.spent, report.back, now)

    async def close(self) -> None:
        pass


class StoreLoad(NamedTuple):
    """What a load asks of the store, per second."""

    calls: dict[str, float]
    hottest: float
    refused: int

    @property
    def total(self) -> float:
        return sum(self.calls.values())


async def simulated(rate: float, workers: int, n_keys: int) -> StoreLoad:
    """Requests at random times, workers and keys; the store's calls in the last second."""
    rng = random.Random(0)
    secrets, keys = zip(
        *(
            new_key(f"k{number}", usd_per_day=1e6, per_minute=math.ceil(120 * rate / n_keys))
            for number in range(n_keys)
        ),
        strict=True,
    )
    store = CountingStore(list(keys))
    gates = [KeyAuthenticator(store, f"w{number}") for number in range(workers)]
    now = time.time() // 86_400 * 86_400 + 1000.0
    refused = 0
    for step in range(round(SIMULATED_S / WRITE_S)):
        if step == round((SIMULATED_S - 1) / WRITE_S):
            store.calls.clear()
            store.changes.clear()
        times = sorted(rng.random() for _ in range(round(rate * WRITE_S)))
        for at in times:
            gate, secret = rng.choice(gates), rng.choice(secrets)
            try:
                held = await gate.authorize(secret, "auto", now + at * WRITE_S)
                await held.reserve(0.002)
                held.settle(NOTHING, 0.001)
            except ApiError:
                refused += 1
        now += WRITE_S
        for gate in gates:
            await gate.write(now)
    calls = dict(store.calls)
    calls["rests"] = workers / BEAT_S
    calls["model_of"] = rate * STICKY_SHARE
    calls["note_model"] = rate
    return StoreLoad(calls, max(store.changes.values(), default=0), refused)


# -- Redis ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def redis_server() -> Iterator[str]:
    port = bench.free_port()
    command = ["redis-server", "--port", str(port), "--save", "", "--appendonly", "no"]
    with bench.process(command, port, None):
        yield f"redis://127.0.0.1:{port}/0"


class RedisCosts(NamedTuple):
    """What a Redis server spends on each operation, and what workers get through of one hash."""

    cpu_s: dict[str, float]
    latency_s: float
    changes: dict[tuple[str, int], float]


async def measured_redis(url: str, seconds: float) -> RedisCosts:
    from redis.asyncio import Redis

    from routereval.gateway.access.redis_store import RedisStore
    from routereval.gateway.shared_state import RedisState

    store, state = RedisStore.at(url), RedisState.at(url)
    server: Any = Redis.from_url(url, decode_responses=True)
    _, key = new_key("k", usd_per_day=1e6, per_minute=10**6)
    await store.add(key)
    now, account = time.time(), ("k", 1)
    for number in range(20):  # as many workers hold a part of the key's money
        await store.take_money(account, f"w{number}", 10**18, 1, 10, now)
    reports = {(f"k{number}", 1): SpendReport(1, 0) for number in range(ACCOUNTS)}
    operations: dict[str, Any] = {
        "find": lambda: store.find(key.digest),
        "take_requests": lambda: store.take_requests("k", 10**6, 1, time.time()),
        "take_money": lambda: store.take_money(account, "w1", 10**18, 1, 10, time.time()),
        "write": lambda: store.write("w1", reports, time.time()),
        "rests": state.rests,
        "model_of": lambda: state.model_of("c"),
        "note_model": lambda: state.note_model("c", "m", 60),
    }
    cpu, latencies = {}, []
    for name, ask in operations.items():
        found = []
        for _ in range(RUNS):
            before, count = await cpu_of(server), 0
            until = time.perf_counter() + seconds / 2 / RUNS
            while time.perf_counter() < until:
                start = time.perf_counter()
                await ask()
                latencies.append(time.perf_counter() - start)
                count += ACCOUNTS if name == "write" else 1
            found.append((await cpu_of(server) - before) / count)
        cpu[name] = min(found)
    changes = {}
    for workers in (1, 4, 16, 64):
        for kind in ("write", "take"):
            changes[kind, workers] = await changes_per_second(url, kind, workers, seconds / 2)
    await store.close()
    await state.close()
    await server.aclose()
    return RedisCosts(cpu, statistics.median(latencies), changes)


async def cpu_of(server: Any) -> float:  # noqa: ANN401
    told = await server.info("cpu")
    return float(told["used_cpu_user"]) + float(told["used_cpu_sys"])


async def changes_per_second(url: str, kind: str, workers: int, seconds: float) -> float:
    """Changes of one key's money that so many workers get through together."""
    from routereval.gateway.access.accounts import StoreError
    from routereval.gateway.access.redis_store import RedisStore

    stores = [RedisStore.at(url) for _ in range(workers)]
    until, done, account = time.perf_counter() + seconds, 0, ("hot", 1)

    async def work(number: int) -> None:
        nonlocal done
        while time.perf_counter() < until:
            with contextlib.suppress(StoreError):
                if kind == "write":
                    report = {account: SpendReport(1, 0)}
                    await stores[number].write(f"w{number}", report, time.time())
                else:
                    await stores[number].take_money(
                        account, f"w{number}", 10**18, 1, 10, time.time()
                    )
                done += 1

    await asyncio.gather(*(work(number) for number in range(workers)))
    for store in stores:
        await store.close()
    return done / seconds


# -- the report -----------------------------------------------------------------------------------


def report(costs: Costs, redis: RedisCosts | None) -> None:
    print("one worker, on one core")
    print(f"  processor time per plain request      {costs.plain_s * 1e6:10.0f} µs")
    print(f"  processor time per stream of 20       {costs.stream_s * 1e6:10.0f} µs")
    print(f"  memory without connections            {costs.base_bytes / 2**20:10.0f} MB")
    print(f"  memory per idle connection            {costs.idle_bytes / 1024:10.1f} kB")
    print(f"  memory per stream under way           {costs.busy_bytes / 1024:10.1f} kB")
    if redis is not None:
        print("Redis, one server")
        for name, seconds in redis.cpu_s.items():
            print(f"  processor time per {name:19s}{seconds * 1e6:10.0f} µs")
        print(f"  time of an operation, median          {redis.latency_s * 1e3:10.2f} ms")
        for (kind, workers), changes in redis.changes.items():
            print(f"  {kind + 's':6s} of one key by {workers:3d} workers     {changes:10.0f} per s")
    columns = (
        "workers",
        "machines",
        "conns",
        "GB/mach.",
        "store/s",
        "hottest/s",
        "refused",
        "Redis",
    )
    for n_keys in (KEYS, 1):
        print(f"\n{n_keys} keys" if n_keys > 1 else "\none key for everybody")
        print(f"{'requests/s':>10s}" + "".join(f"{column:>10s}" for column in columns))
        for rate in RATES:
            print(planned(rate, n_keys, costs, redis), flush=True)


def planned(rate: int, n_keys: int, costs: Costs, redis: RedisCosts | None) -> str:
    """A row: half of the requests are streams."""
    mean_s = (costs.plain_s + costs.stream_s) / 2
    workers = max(2, math.ceil(rate * mean_s / BUSY))
    machines = max(2, math.ceil(workers / (CORES - 1)))  # a core for the system
    connections = rate * ANSWER_S
    held = connections * costs.busy_bytes + workers * costs.base_bytes
    load = asyncio.run(simulated(rate, workers, n_keys))
    share = ""
    if redis is not None:
        share = f"{sum(n * redis.cpu_s[name] for name, n in load.calls.items()):10.2f}"
    cells = (
        workers,
        machines,
        connections,
        held / machines / 2**30,
        load.total,
        load.hottest,
        load.refused,
    )
    formats = ("10.0f", "10.0f", "10.0f", "10.2f", "10.0f", "10.0f", "10d")
    return f"{rate:10d}" + "".join(map(format, cells, formats)) + share


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="for each measurement")
    given = parser.parse_args()
    redis = None
    if shutil.which("redis-server"):
        with redis_server() as url:
            redis = asyncio.run(measured_redis(url, given.seconds))
    report(measured_gateway(given.seconds), redis)


if __name__ == "__main__":
    main()
