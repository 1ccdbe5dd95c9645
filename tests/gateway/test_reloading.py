"""A configuration that is read anew while requests are under way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import aiohttp
import pytest

from routereval.errors import DataError
from routereval.gateway import Config
from routereval.gateway.reloading import ReloadingGateway
from routereval.routers.trained import TrainedRouter
from tests.gateway.loop import in_loop, until
from tests.gateway.stubs import Asked, Rig, Stub, config_for, good, served, trained_router


class Files:
    """What stands on disk; it can be changed, or broken."""

    def __init__(self, stubs: dict[str, Stub]) -> None:
        self.config = config_for(stubs)
        self.broken = False

    def __call__(self) -> tuple[TrainedRouter, Config]:
        if self.broken:
            raise DataError("gateway.toml is not TOML")
        return trained_router(), self.config


@contextlib.asynccontextmanager
async def reloadable() -> AsyncIterator[tuple[Rig, ReloadingGateway, Files]]:
    async with contextlib.AsyncExitStack() as stack:
        stubs = {name: Stub() for name in ("euclid", "portia", "parrot")}
        for stub in stubs.values():
            await stack.enter_async_context(stub.running())
        files = Files(stubs)
        app = ReloadingGateway(files, *files())
        url = await stack.enter_async_context(served(app, app.relay.config.limits))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Rig(url, app.relay, stubs, session), app, files


@in_loop
async def test_a_new_configuration_serves_the_next_request_on_the_same_connection() -> None:
    release = asyncio.Event()

    async def slow(asked: Asked) -> None:
        await release.wait()
        await good(asked)

    async with reloadable() as (at, app, files):
        at.stubs["euclid"].answer = slow
        under_way = asyncio.ensure_future(at.ask("prove it"))
        await until(lambda: app.relay.in_flight)
        old = app.relay
        files.config = config_for(
            {name: stub for name, stub in at.stubs.items() if name != "euclid"},
            virtual={"frugal": 5},
        )
        assert await app.reload()
        assert app.relay is not old
        status, headers, _ = await at.ask("prove it")
        assert (status, headers["x-routereval-model"]) == (200, "portia")
        assert (await at.ask("prove it", "auto:frugal"))[1]["x-routereval-model"] == "parrot"
        release.set()
        status, headers, _ = await under_way
        assert (status, headers["x-routereval-model"]) == (200, "euclid")
        async with at.session.get(at.url + "/metrics") as answer:
            text = await answer.text()
        assert 'routereval_requests_total{model="euclid",status="200"} 1.0' in text


@in_loop
async def test_what_cannot_be_read_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with reloadable() as (at, app, files):
        files.broken = True
        old = app.relay
        with caplog.at_level(logging.ERROR):
            assert not await app.reload()
        assert "gateway.toml is not TOML" in caplog.text
        assert app.relay is old
        assert (await at.ask())[0] == 200
        files.broken = False
        app.drain()
        assert await app.reload()
        assert (await at.ask())[1]["connection"] == "close"


@in_loop
async def test_many_reloads_under_load_lose_no_request() -> None:
    async with reloadable() as (at, app, _):
        asks = [asyncio.ensure_future(at.ask("prove it")) for _ in range(20)]
        for _ in range(2):
            assert await app.reload()
            asks += [asyncio.ensure_future(at.ask("cite it")) for _ in range(10)]
        assert {status for status, _, _ in await asyncio.gather(*asks)} == {200}
