"""The gateway beside the LiteLLM proxy, in one run: the same upstream, load, core and clients.

LiteLLM comes from PyPI, in an environment of its own, with its simplest strategy, one worker and
its logging off; ours computes a routing decision for every request, checks a key and writes its
decision log. Both are asked in turn, several times; the ratio is that of the medians, of answers
per second and of processor time per request, which tells more on a machine with other work to do.

    python -m venv /tmp/litellm && /tmp/litellm/bin/pip install 'litellm[proxy]'
    python benchmarks/gateway_litellm.py /tmp/litellm/bin/litellm
    python benchmarks/gateway_litellm.py --soak 100000      # ours alone: memory over many requests
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import gateway as ours

LOADS = (("plain, 16", False, 16), ("plain, 64", False, 64), ("streams of 20, 64", True, 64))
MASTER = "sk-of-this-benchmark"


class Peer(NamedTuple):
    """A gateway that is up: how it is asked, and which processes it is."""

    name: str
    load: ours.Load
    pid: int


def litellm(folder: Path, binary: str, port: int, upstream: int) -> tuple[list[str], ours.Load]:
    """The command that starts LiteLLM's proxy before the upstream, and how it is asked."""
    model = f'{{model: openai/stub, api_base: "http://127.0.0.1:{upstream}/v1", api_key: sk-x}}'
    config = folder / "litellm.yaml"
    config.write_text(
        "model_list:\n"
        + f"  - {{model_name: auto, litellm_params: {model}}}\n" * 2
        + "router_settings: {routing_strategy: simple-shuffle, num_retries: 0}\n"
        + "litellm_settings: {set_verbose: false, turn_off_message_logging: true}\n"
        + f"general_settings: {{master_key: {MASTER}, disable_spend_logs: true}}\n"
    )
    command = [binary, "--config", str(config), "--port", str(port), "--num_workers", "1"]
    return command, ours.Load(f"http://127.0.0.1:{port}/v1", "auto", MASTER)


def routereval(folder: Path, port: int, upstream: int) -> tuple[list[str], ours.Load]:
    """The command that starts our gateway with a key and a log, and how it is asked."""
    models = [f"model-{number}" for number in range(5)]
    router = ours.train(folder, models)
    config = ours.write_config(folder, port, upstream, models)
    command = str(Path(sys.executable).parent / "routereval")
    key = ours.add_keys(folder, config)
    serve = [command, "serve", str(router), "-c", str(config)]
    return serve, ours.Load(f"http://127.0.0.1:{port}/v1", "auto:lam=0.1", key)


class Measured(NamedTuple):
    """Answers per second, and microseconds of processor time for each."""

    rate: float
    cpu_us: float


def measured(peer: Peer, streamed: bool, connections: int, seconds: float) -> Measured:
    load = ours.Load(peer.load.base_url, peer.load.model, peer.load.key, streamed)
    before = ours.cpu_s(peer.pid)
    answered = ours.run(ours.closed(load, connections, seconds))
    cpu_us = (ours.cpu_s(peer.pid) - before) / max(load.asked, 1) * 1e6
    if load.failures:
        print(f"{peer.name}: {load.failures} of {load.asked} requests failed", file=sys.stderr)
    return Measured(answered, cpu_us)


def compare(peers: list[Peer], seconds: float, rounds: int) -> None:
    print(f"{'':28s}" + "".join(f"{p.name:>12s}" for p in peers) + "   ratio")
    for label, streamed, connections in LOADS:
        found: dict[str, list[Measured]] = {peer.name: [] for peer in peers}
        for _ in range(rounds):
            for peer in peers:
                found[peer.name].append(measured(peer, streamed, connections, seconds))
        rates = [statistics.median(one.rate for one in found[p.name]) for p in peers]
        cpus = [statistics.median(one.cpu_us for one in found[p.name]) for p in peers]
        line(f"{label}, per s", rates, rates[0] / rates[-1])
        line(f"{label}, CPU µs", cpus, cpus[-1] / cpus[0])
    peaks = [ours.memory_mb(peer.pid, "VmHWM") for peer in peers]
    print(f"{'peak memory, MB':28s}" + "".join(f"{peak:12.0f}" for peak in peaks))


def line(label: str, medians: list[float], ratio: float) -> None:
    shown = "".join(f"{median:12.0f}" for median in medians)
    print(f"{label:28s}{shown}{ratio:8.1f}", flush=True)


def soak(peer: Peer, requests: int) -> None:
    """Memory over many requests."""
    load = ours.Load(peer.load.base_url, peer.load.model, peer.load.key)
    while load.asked < requests:
        ours.run(ours.closed(load, 16, 3.0))
        print(f"{load.asked:9,d} requests  {ours.memory_mb(peer.pid):7.1f} MB", flush=True)
    print(f"{load.failures} failed")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("litellm", nargs="?", help="the command of LiteLLM's proxy")
    parser.add_argument("--seconds", type=float, default=6.0, help="for each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--soak", type=int, metavar="REQUESTS")
    given = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    core, rest = (cores[0], cores[1]) if len(cores) > 1 else (None, None)
    if rest is not None:
        os.sched_setaffinity(0, {rest})
    os.environ |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    upstream = ours.free_port()
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        stub = [sys.executable, ours.__file__, "--upstream-only", str(upstream)]
        stack.enter_context(ours.process(stub, upstream, rest))
        port = ours.free_port()
        started = {"routereval": (port, *routereval(Path(scratch), port, upstream))}
        if given.litellm:
            port = ours.free_port()
            started["LiteLLM"] = (port, *litellm(Path(scratch), given.litellm, port, upstream))
        peers = [
            Peer(name, load, stack.enter_context(ours.process(command, port, core)))
            for name, (port, command, load) in started.items()
        ]
        if given.litellm:
            compare(peers, given.seconds, given.rounds)
        if given.soak:
            soak(peers[0], given.soak)


if __name__ == "__main__":
    main()
