"""Rules that must never be broken, while upstreams fail, requests fall back and files are reloaded.

Two of five upstreams stand in the EU. Of all requests three in five must stay there or with one
model: because of a number in one of their texts, a header, a key, their metadata or a tag. They
are asked in three APIs of which each upstream speaks one, so that most of them are translated. A
quarter of what upstreams are asked ends in a fault; for a fifth of the time all upstreams of the EU
fail, so that only a last resort is left; conversations mix both kinds of requests and stick; a
fifth of the choices is drawn at random; clients name models, too; and every 200 requests the
configuration is read anew, with upstreams in another order. It runs in this process, over loopback:

    python benchmarks/gateway_rules.py                      # 10,000 requests, a minute or two
    python benchmarks/gateway_rules.py --requests 1000

Each upstream looks at what it is sent. The script exits with 1 unless no upstream ever got a
request that a rule keeps from it, every line of the log names the rules of its request, and the
same traffic without rules does reach the wrong upstreams, so that the trial could fail.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn

from gateway_faults import FAULTS, Asked, log_in, trained

SLOW = ("hangs", "dribbles", "dribbles at the end")
UPSTREAMS = [  # name, deployment, tag, the API that it speaks
    ("euclid", "eu", "eu", "chat"),
    ("euclid", "us", "us", "chat"),
    ("portia", "", "eu", "messages"),
    ("galen", "", "us", "responses"),
    ("nobody", "", "us", "chat"),
]
SPOKEN = {name: api for name, _, _, api in UPSTREAMS}
PATHS = {"chat": "/chat/completions", "messages": "/messages", "responses": "/responses"}
RULES: list[dict[str, Any]] = [
    {"name": "number", "regex": [r"\b\d{3}-\d{2}-\d{4}\b"], "require": ["eu"]},
    {"name": "header", "headers": {"x-data": "personal*"}, "require": ["eu"]},
    {"name": "key", "keys": ["hr-*"], "forbid": ["us"]},
    {"name": "metadata", "metadata": {"class": "secret"}, "models": ["portia"]},
    {"name": "tag", "tags": ["pii"], "require": ["eu"]},
]
KINDS = ["free", "free", "number", "header", "key", "metadata", "tag", "number", "free", "free"]
NUMBER = "123-45-6789"


def body_of(kind: str, api: str, nonce: str, rng: random.Random) -> bytes:
    """A body that says of which kind it is; a number stands in any of its texts."""
    names = ["auto"] * 6 + ["auto:cheap", "euclid", "galen", "portia"]
    held: dict[str, Any] = {"model": rng.choice(names), "stream": rng.random() < 0.5}
    messages = [{"role": "user", "content": f"prove it {nonce}"}]
    held |= {"input": messages} if api == "responses" else {"messages": messages}
    if api == "messages":
        held["max_tokens"] = 99
    if kind == "metadata":
        held["metadata"] = {"class": "secret"}
    if kind == "tag":
        held["metadata"] = {"tags": ["x", "pii"]}
    if kind != "number":
        return json.dumps(held).encode()
    return with_number(held, messages, api, rng.randrange(6))


def with_number(
    held: dict[str, Any], messages: list[dict[str, Any]], api: str, place: int
) -> bytes:
    """The body with the number in one of six places."""
    content = messages[0]["content"]
    if place == 0:
        messages[0]["content"] = f"{content}, my number is {NUMBER}."
    elif place == 1:
        part = "input_text" if api == "responses" else "text"
        messages[0]["content"] = [{"type": part, "text": text} for text in (content, NUMBER)]
    elif place == 2:
        system = f"The user is {NUMBER}."
        if api == "chat":
            messages.insert(0, {"role": "system", "content": system})
        else:
            held["system" if api == "messages" else "instructions"] = system
    elif place == 3:
        messages[:0] = CALLS[api]
    elif place == 4:
        held["tools"] = [TOOLS[api]]
    raw = json.dumps(held).encode()
    if place == 5:  # once escaped, and under a name that comes again
        hidden = b'"content": "\\u0031' + NUMBER[1:].encode() + b'", "content": '
        raw = raw.replace(b'"content": ', hidden, 1)
    return raw


GIVEN = {"number": NUMBER}
CALL = {"name": "f", "arguments": json.dumps(GIVEN)}
USE = {"type": "tool_use", "id": "1", "name": "f", "input": GIVEN}
CALLS: dict[str, list[dict[str, Any]]] = {
    "chat": [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "1", "type": "function", "function": CALL}],
        },
        {"role": "tool", "tool_call_id": "1", "content": "done"},
    ],
    "messages": [
        {"role": "assistant", "content": [USE]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1"}]},
    ],
    "responses": [
        {"type": "function_call", "call_id": "1", **CALL},
        {"type": "function_call_output", "call_id": "1", "output": "done"},
    ],
}
TOOL: dict[str, Any] = {"name": "f", "description": NUMBER}
TOOLS = {
    "chat": {"type": "function", "function": TOOL},
    "messages": {**TOOL, "input_schema": {"type": "object"}},
    "responses": {"type": "function", "parameters": {"type": "object"}, **TOOL},
}


@dataclass
class AskedInApi(Asked):
    """A request as an upstream got it that speaks one of the APIs."""

    api: str = "chat"

    def answer(self) -> bytes:
        if self.api == "chat":
            return super().answer()
        text = f"<{self.nonce}>"
        if self.api == "messages":
            content = [{"type": "text", "text": text}]
            held: dict[str, Any] = {"id": "m", "content": content, "stop_reason": "end_turn"}
        else:
            part = {"type": "output_text", "text": text}
            held = {"id": "resp_m", "output": [{"type": "message", "content": [part]}]}
        return json.dumps({**held, "usage": self.tokens}).encode()

    @property
    def tokens(self) -> dict[str, int]:
        usage = self.usage
        names = {"input_tokens": "prompt_tokens", "output_tokens": "completion_tokens"}
        return {name: usage[other] for name, other in names.items()}

    def events(self) -> list[bytes]:
        if self.api == "chat":
            return super().events()
        if self.api == "messages":
            delta = {"type": "text_delta", "text": self.nonce}
            stop = {"stop_reason": "end_turn"}
            held: list[dict[str, Any]] = [
                {"type": "message_start", "message": {"id": "m", "usage": self.tokens}},
                {"type": "content_block_delta", "index": 0, "delta": delta},
                {"type": "message_delta", "delta": stop, "usage": self.tokens},
                {"type": "message_stop"},
            ]
        else:
            response = {"id": "resp_m", "status": "completed", "usage": self.tokens}
            held = [
                {"type": "response.created", "response": {"id": "resp_m"}},
                {"type": "response.output_text.delta", "output_index": 0, "delta": self.nonce},
                {"type": "response.completed", "response": response},
            ]
        return [b"data: %b\n\n" % json.dumps(one).encode() for one in held]


@dataclass
class Watching:
    """An upstream that fails at times and notes what it should never have been sent."""

    name: str
    tag: str
    api: str
    share: float
    rng: random.Random
    seen: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                at = head.index(b"content-length:") + 15
                body = await reader.readexactly(int(head[at:].split(b"\r\n", 1)[0]))
                await self.answer(body, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    async def answer(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        at = body.index(b"prove it ") + 9
        nonce = body[at : at + 40].split(b";")[0].decode()
        kind = nonce.split("-")[0]
        self.seen[kind] += 1
        if kind != "free" and self.tag != "eu":
            self.wrong.append(f"{self.name} ({self.tag}) was sent {nonce}")
        if kind == "metadata" and self.name != "portia":
            self.wrong.append(f"{self.name} was sent {nonce}")
        streamed = b'"stream":true' in body.replace(b" ", b"")
        asked = AskedInApi(self.name, "n-1", streamed, writer, self.api)
        if self.rng.random() < self.share:
            await FAULTS[self.rng.choice([name for name in FAULTS if name not in SLOW])](asked)
        else:
            await asked.send(asked.whole())


def configuration(ports: list[int], folder: Path, rules: list[dict[str, Any]]) -> dict[str, Any]:
    upstreams = [
        {
            "name": name,
            "deployment": deployment,
            "tags": [tag],
            "apis": [api],
            "base_url": f"http://127.0.0.1:{port}/v1",
            **dict.fromkeys(("price_in", "price_out", "first_byte_s", "connect_s"), 1.0),
        }
        for (name, deployment, tag, api), port in zip(UPSTREAMS, ports, strict=True)
    ]
    return {
        "upstream": upstreams,
        "rule": rules,
        "routing": {"sticky_s": 60},
        "experiment": {"explore": 0.2},
        "access": {"keys": str(folder / "keys.sqlite")},
        "log": {"folder": str(folder / "log"), "texts": True},
        "failover": {
            "cooldown_s": 0.05,
            "longest_cooldown_s": 0.2,
            "quota_cooldown_s": 0.2,
            "retry_ratio": 2.0,
            "retry_burst": 1000,
        },
    }


class Files:
    """What is read anew: the upstreams stand in another order each time."""

    def __init__(self, held: dict[str, Any]) -> None:
        self.held = held
        self.reads = 0

    def __call__(self) -> tuple[Any, Any]:
        from routereval.gateway import make_config

        self.reads += 1
        upstreams = random.Random(self.reads).sample(self.held["upstream"], len(UPSTREAMS))
        return trained(), make_config({**self.held, "upstream": upstreams})


@contextlib.asynccontextmanager
async def serving(files: Files) -> AsyncIterator[tuple[str, Any]]:
    from routereval.gateway.reloading import ReloadingGateway

    gateway = ReloadingGateway(files, *files())
    settings = uvicorn.Config(
        gateway,  # type: ignore[arg-type]
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
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/v1", gateway
    finally:
        await server.shutdown()


@dataclass
class Run:
    """What is to be done, and what came of it."""

    requests: int
    rules: list[dict[str, Any]]
    outcomes: Counter[str] = field(default_factory=Counter)
    translated: Counter[str] = field(default_factory=Counter)
    reloads: int = 0
    wrong: list[str] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)

    def note(self, kind: str, api: str, answer: aiohttp.ClientResponse) -> None:
        self.outcomes[f"{'free' if kind == 'free' else 'ruled'} {answer.status}"] += 1
        spoken = SPOKEN.get(answer.headers.get("x-routereval-model", ""), api)
        if answer.status == 200 and spoken != api:
            self.translated[f"{api} to {spoken}"] += 1


async def make_keys(path: Path) -> dict[str, str]:
    from routereval.gateway.access.keys import new_key
    from routereval.gateway.access.store import open_store

    store, secrets = open_store(str(path), create=True), {}
    for name in ("hr-anna", "lab"):
        secrets[name], key = new_key(name)
        await store.add(key)
    await store.close()
    return secrets


async def whole(run: Run, folder: Path) -> None:
    rng = random.Random(7)
    watching = [
        Watching(name, tag, api, 0.25, random.Random(n))
        for n, (name, _, tag, api) in enumerate(UPSTREAMS[:4])
    ]
    servers = [await asyncio.start_server(one.serve, "127.0.0.1", 0) for one in watching]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    secrets = await make_keys(folder / "keys.sqlite")
    files = Files(configuration([*ports, 9], folder, run.rules))
    numbers = iter(range(run.requests))
    async with serving(files) as (url, gateway), aiohttp.ClientSession() as session:

        async def client() -> None:
            for number in numbers:
                share = 1.0 if 2 <= number * 10 // run.requests < 4 else 0.25
                for one in watching:
                    one.share = share if one.tag == "eu" else 0.25
                if number % 200 == 199:
                    run.reloads += await gateway.reload()
                kind = KINDS[number % 10]
                nonce = f"{kind}-{number};"
                headers = {"x-data": "personal, of staff"} if kind == "header" else {}
                headers["x-routereval-conversation"] = str(rng.randrange(50))
                key = secrets["hr-anna" if kind == "key" else "lab"]
                headers["authorization"] = f"Bearer {key}"
                with contextlib.suppress(aiohttp.ClientError):
                    api = rng.choice(list(PATHS))
                    body = body_of(kind, api, nonce, rng)
                    at = url + PATHS[api]
                    async with session.post(at, data=body, headers=headers) as answer:
                        await answer.read()
                        run.note(kind, api, answer)

        await asyncio.gather(*(client() for _ in range(32)))
    for server in servers:
        server.close()
    run.wrong = [sentence for one in watching for sentence in one.wrong]
    run.log = log_in(folder / "log")


def check(run: Run) -> list[str]:
    """What does not hold."""
    wrong = list(run.wrong)
    for line in run.log:
        kind = line["text"].split("prove it ")[-1].split("-")[0] if line.get("text") else ""
        if kind in {rule["name"] for rule in run.rules} and kind not in line.get("rules", []):
            wrong.append(f"the log does not name the rule {kind} for {line['id']}")
    named = Counter(rule for line in run.log for rule in line.get("rules", []))
    print("rules in the log: " + ", ".join(f"{name} {n}" for name, n in sorted(named.items())))
    if sum(named.values()) != run.requests * 6 // 10:
        wrong.append(
            f"{sum(named.values())} rules in the log for {run.requests * 6 // 10} requests"
        )
    print("translated: " + ", ".join(f"{way} {n}" for way, n in sorted(run.translated.items())))
    if len(run.translated) != len(PATHS) * (len(PATHS) - 1):
        wrong.append("not every pair of APIs was translated")
    fell = sum(len(line["attempts"]) > 1 for line in run.log)
    print(f"{fell} requests fell back, {run.reloads} reloads")
    if not (fell and run.reloads and run.outcomes["ruled 200"] and run.outcomes["free 200"]):
        wrong.append("the trial was too quiet to show anything")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    requests = parser.parse_args().requests // 10 * 10
    with tempfile.TemporaryDirectory() as scratch:
        without = Run(min(requests, 500), [])
        asyncio.run(whole(without, Path(scratch)))
        print(f"without rules: {len(without.wrong)} of {without.requests} requests went wrong")
    run, start = Run(requests, RULES), time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(whole(run, Path(scratch)))
    print(f"{requests} requests in {time.perf_counter() - start:.1f} s")
    for outcome, n in run.outcomes.most_common():
        print(f"{n:8d}  {outcome}")
    wrong = check(run)
    if not without.wrong:
        wrong.append("without rules nothing went wrong either: the trial shows nothing")
    for one in wrong[:20]:
        print("WRONG:", one)
    print("all of it holds" if not wrong else f"{len(wrong)} things do not hold")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
