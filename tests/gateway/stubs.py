"""Upstreams made up for tests, the gateway before them, and a client: all on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import aiohttp
import numpy as np
import uvicorn
from starlette.applications import Starlette

from routereval.features import make_embedder
from routereval.gateway import Authenticator, Config, Observer, RequestHook, create_app, make_config
from routereval.gateway.config import LimitsConfig
from routereval.gateway.http.client_connections import ClientConnections
from routereval.gateway.http.http_protocol import protocol_factory
from routereval.gateway.http.relay import Relay
from routereval.routers import make_router
from routereval.routers.familiarity import Familiarity
from routereval.routers.trained import TrainedRouter

USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
PATIENCE_S = 250.0  # of the gateway with its upstreams; below all of its other limits
TEXTS = ["prove the lemma", "prove the theorem", "cite the case", "cite the statute"]

NO_LIMITS = LimitsConfig()

Answer = Callable[["Asked"], Awaitable[None]]


def trained_router() -> TrainedRouter:
    """Proofs go to euclid, law to portia; both know a little of what the other knows."""
    embedder = make_embedder("tfidf(dims=2)").fit(TEXTS)
    scores = np.array([[0.9, 0.6, 0.1]] * 2 + [[0.2, 0.8, 0.1]] * 2)
    X = embedder.transform(TEXTS)
    router = make_router("knn(k=2)").fit(X, scores)
    models, costs = ("euclid", "portia", "parrot"), np.array([0.02, 0.01, 0.001])
    known = Familiarity.of(X, embedder, TEXTS)
    return TrainedRouter(router, models, embedder, costs, familiarity=known)


@dataclass
class Asked:
    """A request as an upstream got it, and the means to answer it with any bytes at all."""

    path: str
    headers: dict[str, str]
    body: bytes
    writer: asyncio.StreamWriter

    @property
    def json(self) -> dict[str, Any]:
        held: dict[str, Any] = json.loads(self.body)
        return held

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self, status: int, body: object, **headers: str) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        held = {"content-type": "application/json", "content-length": str(len(raw))}
        held |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in held.items())
        await self.send(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + raw)

    async def events(self, *parts: bytes, end: bool = True, pause: float = 0.0) -> None:
        """A chunked stream of the parts, each a chunk of its own."""
        await self.send(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
            b"transfer-encoding: chunked\r\nx-upstream: yes\r\n\r\n"
        )
        for part in parts:
            await self.send(b"%x\r\n%b\r\n" % (len(part), part))
            await asyncio.sleep(pause)
        if end:
            await self.send(b"0\r\n\r\n")


def completion(text: str = "done", **fields: object) -> dict[str, object]:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {
        "id": "c-1",
        "object": "chat.completion",
        "created": 1,
        "model": "stub",
        "choices": [choice],
        "usage": USAGE,
        **fields,
    }


def event(text: str, **fields: object) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    held = {
        "id": "c-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "stub",
        "choices": [choice],
        **fields,
    }
    return b"data: " + json.dumps(held).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


async def good(asked: Asked) -> None:
    """A well-behaved service."""
    if asked.json.get("stream"):
        await asked.events(event("do"), event("ne"), event("", usage=USAGE), DONE)
    else:
        await asked.reply(200, completion(f"by {asked.json['model']}"), x_upstream="yes")


class Stub:
    """A small HTTP server; `answer` may be changed while it runs."""

    def __init__(self, answer: Answer = good) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.gone = 0
        self.port = 0
        self._open: set[asyncio.StreamWriter] = set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode("latin-1").split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
                raw = [line.split(": ", 1) for line in lines[1:] if ": " in line]
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                kept = {name.lower(): value for name, value in raw}
                asked = Asked(lines[0].split()[1], kept, body, writer)
                self.asked.append(asked)
                answering = asyncio.ensure_future(self.answer(asked))
                if await self._left(reader, answering):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _left(self, reader: asyncio.StreamReader, answering: asyncio.Future[None]) -> bool:
        """Wait for the answer to be given, or for the asker to leave."""
        end = asyncio.ensure_future(reader.read(1))  # no asker sends more before it has its answer
        both: list[asyncio.Future[Any]] = [answering, end]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        end.cancel()
        await asyncio.wait([end])
        if not end.cancelled():
            end.exception()  # looked at, lest it is complained of: a reset is an end, too
        if not answering.done():
            self.gone += 1
            answering.cancel()
            return True
        if answering.exception() is not None:
            return True
        return answering.result() is not None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Stub]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in list(self._open):
                writer.close()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


async def hang_up(asked: Asked) -> None:
    """Close the connection at once, without a word."""
    asked.writer.transport.abort()
    raise ConnectionResetError


@dataclass
class Rig:
    """A gateway before three stubs: euclid and portia, who know things, and a parrot."""

    url: str
    relay: Relay
    stubs: dict[str, Stub]
    session: aiohttp.ClientSession
    told: list[Any] = field(default_factory=list)
    connections: ClientConnections = field(default_factory=lambda: ClientConnections(NO_LIMITS))

    async def ask(
        self, text: str = "prove it", model: str = "auto", **fields: object
    ) -> tuple[int, dict[str, str], Any]:
        """Status, headers and JSON of a chat completion."""
        messages = [{"role": "user", "content": text}]
        body = {"model": model, "messages": messages, **fields}
        return await self.post("/v1/chat/completions", body)

    async def post(
        self, path: str, body: object, **headers: str
    ) -> tuple[int, dict[str, str], Any]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        held = {"content-type": "application/json"}
        held |= {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.post(self.url + path, data=io.BytesIO(raw), headers=held) as answer:
            text = await answer.read()
            kept = {name.lower(): value for name, value in answer.headers.items()}
            try:
                return answer.status, kept, json.loads(text)
            except ValueError:
                return answer.status, kept, text

    async def stream(self, text: str = "prove it", model: str = "auto", **fields: object) -> bytes:
        """All bytes of a streamed completion."""
        async with self.streaming(text, model, **fields) as answer:
            return await answer.read()

    @contextlib.asynccontextmanager
    async def streaming(
        self, text: str = "prove it", model: str = "auto", **fields: object
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A streamed completion whose headers, and so the upstream's first bytes, have come."""
        messages = [{"role": "user", "content": text}]
        body = {"model": model, "messages": messages, "stream": True, **fields}
        async with self.session.post(self.url + "/v1/chat/completions", json=body) as answer:
            yield answer


class Notes:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.entries: list[Any] = []

    def record(self, entry: object) -> None:
        self.entries.append(entry)

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass


@contextlib.asynccontextmanager
async def served(app: Any, limits: LimitsConfig | None = None) -> AsyncIterator[str]:  # noqa: ANN401
    """An application on a port of its own, served as `routereval serve` does."""
    limits = limits or app.state.relay.config.limits
    connections = ClientConnections(limits)
    http = protocol_factory(connections, int(limits.head_kb * 1000))
    config = uvicorn.Config(
        app, port=0, http=cast("Any", http), ws="none", lifespan="on", log_level="error"
    )
    if isinstance(app, Starlette):
        app.state.connections = connections
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        # What the server does when it ends, without its waits of a tenth of a second.
        for listener in server.servers:
            listener.close()
        for connection in list(server.server_state.connections):
            connection.shutdown()
        while server.server_state.tasks:
            await asyncio.sleep(0.001)
        await server.lifespan.shutdown()


def config_for(stubs: dict[str, Stub], **tables: dict[str, Any]) -> Config:
    """Upstreams at the stubs, with more patience than any machine needs; `tables` change that."""
    per_model = tables.pop("upstreams", {})
    upstreams = [
        {
            "name": name,
            "base_url": stub.base_url,
            "model": f"{name}-1",
            "price_in": 1.0,
            "price_out": 2.0,
            "connect_s": PATIENCE_S,
            "first_byte_s": PATIENCE_S,
            "idle_s": PATIENCE_S,
            **per_model.get(name, {}),
        }
        for name, stub in stubs.items()
    ]
    return make_config({"upstream": upstreams, **tables})


@contextlib.asynccontextmanager
async def rig(
    authenticator: Authenticator | None = None,
    observers: tuple[Observer, ...] = (),
    hooks: tuple[RequestHook, ...] = (),
    **tables: dict[str, Any],
) -> AsyncIterator[Rig]:
    async with contextlib.AsyncExitStack() as stack:
        stubs = {name: Stub() for name in ("euclid", "portia", "parrot")}
        for stub in stubs.values():
            await stack.enter_async_context(stub.running())
        notes = Notes()
        app = create_app(
            trained_router(),
            config_for(stubs, **tables),
            authenticator=authenticator,
            hooks=hooks,
            observers=(notes, *observers),
        )
        url = await stack.enter_async_context(served(app))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Rig(url, app.state.relay, stubs, session, notes.entries, app.state.connections)
