"""The gateway as its users start it: a process of its own, ended by a signal."""

from __future__ import annotations

import asyncio
import contextlib
import json
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
    folder: Path, stub: Stub, *options: str, log: str = ""
) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    port = free_port()
    upstreams = "".join(
        f'[[upstream]]\nname = "{name}"\nbase_url = "{stub.base_url}"\n'
        for name in ("euclid", "portia", "parrot")
    )
    config = folder / "gateway.toml"
    config.write_text(f"[server]\nport = {port}\ndrain_s = 100\n[log]\n{log}\n{upstreams}")
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


async def status_of(url: str) -> int:
    """The status of a GET on a new connection; 0 where none is taken any more."""
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status
    except aiohttp.ClientConnectionError:
        return 0


@pytest.mark.parametrize("workers", ["1", "2"])
@in_loop
async def test_it_says_that_it_is_up_and_logs_who_came(
    workers: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stub = Stub()
    options = ("--workers", workers)
    async with stub.running(), process(tmp_path, stub, *options, log="access = true") as (url, _):
        post = "/v1/chat/completions"
        async with (
            aiohttp.ClientSession() as session,
            session.post(url + post, json=PROVE) as answer,
        ):
            request_id = answer.headers["x-routereval-request-id"]
        shown = [capfd.readouterr()]
        while "Up: " not in "".join(part.err for part in shown):
            await asyncio.sleep(0.02)
            shown.append(capfd.readouterr())
    shown.append(capfd.readouterr())
    said = "".join(part.err for part in shown)
    assert f"Up: clients ask {url}/v1; the chat page is {url}/\n" in said
    (line,) = [json.loads(line) for part in shown for line in part.out.splitlines()]
    assert (line["id"], line["model"], line["status"]) == (request_id, "euclid", 200)


@pytest.mark.parametrize("workers", ["1", "2"])
@in_loop
async def test_an_end_under_load_loses_no_request(workers: str, tmp_path: Path) -> None:
    async def slow(asked: Asked) -> None:
        await asyncio.sleep(0.05)
        await good(asked)

    stub = Stub(slow)
    async with stub.running(), process(tmp_path, stub, "--workers", workers) as (url, child):
        results: list[int] = []
        lost: list[Exception] = []

        async def client() -> None:
            async with aiohttp.ClientSession() as session:
                while True:
                    try:
                        async with session.post(url + "/v1/chat/completions", json=PROVE) as answer:
                            await answer.read()
                            results.append(answer.status)
                    except aiohttp.ClientConnectorError:
                        return  # it takes no new connections any more
                    except aiohttp.ClientError as error:
                        lost.append(error)
                        return

        clients = [asyncio.ensure_future(client()) for _ in range(30)]
        await until(lambda: len(results) > 100)
        child.send_signal(signal.SIGTERM)
        while await status_of(url + "/readyz") == 200:  # true of all workers, soon
            await asyncio.sleep(0.02)
        assert {await status_of(url + "/readyz") for _ in range(4)} <= {0, 503}
        await child.wait()
        await asyncio.gather(*clients)
        assert not lost
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
                while await status_of(url + "/readyz") == 200:
                    await asyncio.sleep(0.02)
                assert await status_of(url + "/readyz") in {0, 503}
                rest = await answer.read()
        assert rest.endswith(event("19") + DONE)
        await child.wait()


@in_loop
async def test_several_workers_are_one_gateway(tmp_path: Path) -> None:
    stub = Stub()

    async def asked(url: str, times: int) -> list[str]:
        models = []
        for _ in range(times):
            async with (
                aiohttp.ClientSession() as session,
                session.post(url + "/v1/chat/completions", json=PROVE) as answer,
            ):
                assert answer.status == 200
                models.append(answer.headers["x-routereval-model"])
        return models

    async def counted(url: str) -> float:
        async with aiohttp.ClientSession() as session, session.get(url + "/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(REQUESTS))

    async with stub.running(), process(tmp_path, stub, "--workers", "2") as (url, child):
        assert await asked(url, 20) == ["euclid"] * 20
        while await counted(url) < 20:  # an answer is counted once it has gone out
            await asyncio.sleep(0.01)
        assert {await counted(url) for _ in range(6)} == {20.0}
        config = tmp_path / "gateway.toml"
        text = config.read_text().replace('name = "euclid"', 'name = "elsewhere"')
        config.write_text(text)
        child.send_signal(signal.SIGHUP)
        seen: list[str] = []
        while set(seen[-8:]) != {"portia"}:
            seen += await asked(url, 1)
            await asyncio.sleep(0.02)
        while await counted(url) < 20 + len(seen):
            await asyncio.sleep(0.01)
        assert {await counted(url) for _ in range(6)} == {20.0 + len(seen)}


REQUESTS = "routereval_requests_total"


@in_loop
async def test_one_worker_reads_its_configuration_anew(tmp_path: Path) -> None:
    stub = Stub()
    async with stub.running(), process(tmp_path, stub) as (url, child):
        config = tmp_path / "gateway.toml"
        config.write_text(config.read_text() + "\n[virtual]\nfrugal = 5\n")
        child.send_signal(signal.SIGHUP)
        async with aiohttp.ClientSession() as session:
            while True:
                async with session.get(url + "/v1/models/auto:frugal") as answer:
                    if answer.status == 200:
                        break
        assert child.returncode is None


@in_loop
async def test_workers_that_cannot_serve_end_with_a_sentence(tmp_path: Path) -> None:
    stub = Stub()
    async with stub.running(), process(tmp_path, stub, "--workers", "2") as (url, child):
        router, config = str(tmp_path / "router"), str(tmp_path / "gateway.toml")
        command = [sys.executable, "-m", "routereval", "serve", router, "-c", config]
        second = await asyncio.create_subprocess_exec(
            *command, "--workers", "2", stderr=asyncio.subprocess.PIPE
        )
        _, text = await second.communicate()
        assert second.returncode == 2
        assert b"nobody can listen at 127.0.0.1" in text
        assert b"Traceback" not in text
        child.kill()  # its workers end, too
        while await status_of(url + "/healthz"):
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("workers", ["1", "2"])
@in_loop
async def test_a_second_signal_does_not_wait_for_answers(workers: str, tmp_path: Path) -> None:
    async def for_ever(asked: Asked) -> None:
        await asyncio.Event().wait()

    stub = Stub(for_ever)
    async with stub.running(), process(tmp_path, stub, "--workers", workers) as (url, child):
        async with aiohttp.ClientSession() as session:
            ask = asyncio.ensure_future(session.post(url + "/v1/chat/completions", json=PROVE))
            await until(lambda: stub.asked)
            child.send_signal(signal.SIGTERM)
            while await status_of(url + "/readyz") == 200:
                await asyncio.sleep(0.02)
            assert child.returncode is None
            child.send_signal(signal.SIGTERM)
            await child.wait()  # in less than `drain_s`, which is longer than a test may take
            with contextlib.suppress(aiohttp.ClientError):
                (await ask).close()
        await until(lambda: stub.gone)
