"""The gateway as its users start it: a process of its own, ended by a signal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from routereval.routers import save_router
from tests.gateway.loop import in_loop, until
from tests.gateway.stubs import DONE, Asked, Stub, event, good, trained_router

PROVE = {"model": "auto", "messages": [{"role": "user", "content": "prove it"}]}

pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def process(
    folder: Path, stub: Stub, *options: str
) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    port = free_port()
    upstreams = "".join(
        f'[[upstream]]\nname = "{name}"\nbase_url = "{stub.base_url}"\n'
        for name in ("euclid", "portia", "parrot")
    )
    config = folder / "gateway.toml"
    config.write_text(f"[server]\nport = {port}\ndrain_s = 100\n{upstreams}")
    router = save_router(trained_router(), folder / "router")
    command = [sys.executable, "-m", "routereval", "serve", str(router), "-c", str(config)]
    child = await asyncio.create_subprocess_exec(*command, *options, env={**os.environ})
    url = f"http://127.0.0.1:{port}"
    try:
        async with aiohttp.ClientSession() as session:
            while child.returncode is None:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(url + "/readyz"):
                        break
                await asyncio.sleep(0.1)
        yield url, child
    finally:
        if child.returncode is None:
            child.terminate()
        await child.wait()


async def status_of(session: aiohttp.ClientSession, url: str) -> int:
    """The status of a GET; 0 where no connection is taken any more."""
    try:
        async with session.get(url) as answer:
            return answer.status
    except aiohttp.ClientConnectionError:
        return 0


@in_loop
async def test_an_end_under_load_loses_no_request(tmp_path: Path) -> None:
    async def slow(asked: Asked) -> None:
        await asyncio.sleep(0.05)
        await good(asked)

    stub = Stub(slow)
    async with stub.running(), process(tmp_path, stub) as (url, child):
        results: list[int] = []
        ended = asyncio.Event()

        async def client() -> None:
            async with aiohttp.ClientSession() as session:
                while not ended.is_set():
                    try:
                        async with session.post(url + "/v1/chat/completions", json=PROVE) as answer:
                            await answer.read()
                            results.append(answer.status)
                    except aiohttp.ClientConnectorError:
                        return  # it takes no new connections any more
                    except aiohttp.ClientOSError:
                        return  # it had not taken this one yet

        clients = [asyncio.ensure_future(client()) for _ in range(32)]
        await until(lambda: len(results) > 100)
        child.send_signal(signal.SIGTERM)
        await child.wait()
        ended.set()
        await asyncio.gather(*clients)
        assert len(results) > 100
        assert set(results) == {200}
        assert len(results) == len(stub.asked)  # whatever was taken was answered


@in_loop
async def test_a_stream_that_runs_is_finished(tmp_path: Path) -> None:
    async def slow(asked: Asked) -> None:
        await asked.events(*[event(str(number)) for number in range(20)], DONE, pause=0.1)

    stub = Stub(slow)
    async with stub.running(), process(tmp_path, stub) as (url, child):
        async with aiohttp.ClientSession() as session:
            body = {**PROVE, "stream": True}
            async with session.post(url + "/v1/chat/completions", json=body) as answer:
                await answer.content.readany()
                child.send_signal(signal.SIGTERM)
                while await status_of(session, url + "/readyz") == 200:
                    await asyncio.sleep(0.02)
                assert await status_of(session, url + "/readyz") in {0, 503}
                rest = await answer.read()
        assert rest.endswith(event("19") + DONE)
        await child.wait()


@in_loop
async def test_several_workers(tmp_path: Path) -> None:
    stub = Stub()
    async with stub.running(), process(tmp_path, stub, "--workers", "2") as (url, _):
        for _ in range(10):
            async with (
                aiohttp.ClientSession() as session,
                session.post(url + "/v1/chat/completions", json=PROVE) as answer,
            ):
                assert answer.status == 200
                assert answer.headers["x-routereval-model"] == "euclid"
