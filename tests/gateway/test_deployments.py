"""Several upstreams of one model: shares by weight, the least busy, failover among them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from routereval.errors import DataError
from routereval.gateway import create_app, make_config
from routereval.gateway.upstreams.pool import UpstreamPool
from tests.gateway.loop import in_loop, until
from tests.gateway.stubs import Asked, Notes, Rig, Stub, good, hang_up, served, trained_router

URL = "http://127.0.0.1:9/v1"


def pool(**weights: float) -> UpstreamPool:
    """A model with a deployment for each weight."""
    upstreams = [
        {"name": "m", "base_url": URL, "deployment": name, "weight": weight}
        for name, weight in weights.items()
    ]
    return UpstreamPool.of(make_config({"upstream": upstreams}))


def test_idle_deployments_take_turns_by_weight() -> None:
    model = pool(eu=3, us=2, asia=1).models["m"]
    order = [model.best(model.free(0.0)).label for _ in range(600)]
    assert Counter(order) == {"m/eu": 300, "m/us": 200, "m/asia": 100}
    assert order[:6] == ["m/eu", "m/us", "m/eu", "m/asia", "m/us", "m/eu"]


def test_the_least_busy_for_its_weight_goes_first() -> None:
    found = pool(eu=2, us=1)
    model, eu, us = found.models["m"], found["m/eu"], found["m/us"]
    eu.in_flight, us.in_flight = 3, 1
    assert model.best(model.free(0.0)) is us
    eu.in_flight = 1
    assert model.best(model.free(0.0)) is eu
    us.in_flight = 0
    assert model.best(model.free(0.0), preferred="m/eu") is eu
    eu.in_flight = eu.config.concurrency
    assert model.best(model.free(0.0), preferred="m/eu") is us
    us.breaker.failed(0.0, "a", pause=5.0, evoked=False)
    assert model.free(0.0) == []
    assert model.rest_s(0.0) == 0.0  # eu is only full


@pytest.mark.parametrize(
    "deployments",
    [("", ""), ("eu", ""), ("", "eu"), ("eu", "eu")],
)
def test_deployments_of_one_model_have_names(deployments: tuple[str, str]) -> None:
    upstreams = [{"name": "m", "base_url": URL, "deployment": d} for d in deployments]
    with pytest.raises(DataError, match="a deployment each"):
        make_config({"upstream": upstreams})


def test_labels_are_unique() -> None:
    upstreams = [
        {"name": "m", "base_url": URL, "deployment": "eu"},
        {"name": "m/eu", "base_url": URL},
    ]
    with pytest.raises(DataError, match="is taken"):
        make_config({"upstream": upstreams})
    with pytest.raises(DataError, match="deployment must be printable"):
        make_config({"upstream": [{"name": "m", "base_url": URL, "deployment": "\n"}]})


@contextlib.asynccontextmanager
async def two_regions(**tables: dict[str, Any]) -> AsyncIterator[Rig]:
    """euclid in two regions, and portia."""
    async with contextlib.AsyncExitStack() as stack:
        stubs = {name: Stub() for name in ("eu", "us", "portia")}
        for stub in stubs.values():
            await stack.enter_async_context(stub.running())
        upstreams: list[dict[str, Any]] = [
            {"name": "euclid", "base_url": stubs[name].base_url, "deployment": name}
            for name in ("eu", "us")
        ]
        upstreams[1] |= {"price_in": 5.0, "price_out": 5.0}
        upstreams.append({"name": "portia", "base_url": stubs["portia"].base_url})
        notes = Notes()
        config = make_config({"upstream": upstreams, **tables})
        app = create_app(trained_router(), config, observers=[notes])
        url = await stack.enter_async_context(served(app))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Rig(url, app.state.relay, stubs, session, notes.entries)


async def fails(asked: Asked) -> None:
    await asked.reply(500, {"error": {"message": "no"}})


@pytest.mark.parametrize("model", ["auto", "euclid"])
@in_loop
async def test_another_deployment_is_asked_before_another_model(model: str) -> None:
    async with two_regions() as at:
        at.stubs["eu"].answer = fails
        for _ in range(2):
            status, headers, _ = await at.ask("prove it", model)
            assert (status, headers["x-routereval-model"]) == (200, "euclid")
            assert headers["x-routereval-deployment"] == "us"
        assert at.told[0].usd == pytest.approx(12 * 5e-6)
        assert [a.error for a in at.told[0].attempts] == ["status: answered 500", ""]
        at.stubs["us"].answer = fails
        status, headers, body = await at.ask("prove it", model)
        if model == "auto":
            assert (status, headers["x-routereval-model"]) == (200, "portia")
            assert "x-routereval-deployment" not in headers
        else:
            assert (status, body["error"]["message"]) == (500, "no")  # of the one asked last
            assert len(at.told[-1].attempts) == 2


@in_loop
async def test_a_deployment_that_cannot_be_reached_rests_alone() -> None:
    async with two_regions(failover={"failures": 1}) as at:
        at.stubs["eu"].answer = hang_up
        for client in ("alice", "bob", "carol", "dora"):
            assert (await at.ask(f"prove {client}"))[1]["x-routereval-model"] == "euclid"
        assert len(at.stubs["eu"].asked) <= 2
        async with at.session.get(at.url + "/metrics") as answer:
            text = await answer.text()
        assert 'routereval_cooldown{model="euclid/eu"} 1.0' in text
        assert 'routereval_cooldown{model="euclid/us"} 0.0' in text
        async with at.session.get(at.url + "/v1/models") as answer:
            names = [card["id"] for card in (await answer.json())["data"]]
        assert names[-2:] == ["euclid", "portia"]


@in_loop
async def test_requests_at_a_time_spread_over_deployments() -> None:
    release = asyncio.Event()

    async def slow(asked: Asked) -> None:
        await release.wait()
        await good(asked)

    async with two_regions() as at:
        for name in ("eu", "us"):
            at.stubs[name].answer = slow
        asks = [asyncio.ensure_future(at.ask("prove it")) for _ in range(10)]
        await until(lambda: len(at.stubs["eu"].asked) + len(at.stubs["us"].asked) == 10)
        assert len(at.stubs["eu"].asked) == len(at.stubs["us"].asked) == 5
        release.set()
        assert {status for status, _, _ in await asyncio.gather(*asks)} == {200}


@in_loop
async def test_a_conversation_stays_with_its_deployment() -> None:
    async with two_regions(routing={"sticky_s": 60}) as at:
        turns = [{"role": "user", "content": "prove it"}]
        first = (await at.ask(messages=turns))[1]["x-routereval-deployment"]
        for _ in range(5):
            turns += [{"role": "assistant", "content": "done"}, {"role": "user", "content": "on"}]
            status, headers, _ = await at.ask(messages=turns)
            assert (status, headers["x-routereval-deployment"]) == (200, first)
