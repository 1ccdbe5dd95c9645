"""Choices among the upstreams that are quick enough."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from routereval.gateway.upstreams.latency import AGE_S, LEAST, WINDOW, Latency
from tests.gateway.loop import Clock, in_loop
from tests.gateway.stubs import Rig, rig


def slow(at: Rig, name: str, seconds: float, *, streamed: bool = False) -> None:
    """Give an upstream answers that took so long."""
    (upstream,) = at.relay.upstreams.models[name]
    for _ in range(LEAST):
        upstream.latency.note(seconds, asyncio.get_running_loop().time(), streamed=streamed)


def test_the_percentile_is_that_of_the_last_answers() -> None:
    latency = Latency()
    for number in range(LEAST - 1):
        latency.note(9.0, number, streamed=True)
    assert latency.p95(20.0, streamed=True) is None
    for number in range(WINDOW):
        latency.note(number / WINDOW, 100.0, streamed=True)
    assert latency.p95(100.0, streamed=True) == pytest.approx(0.945)
    assert latency.p95(100.0 + AGE_S, streamed=True) is not None
    assert latency.p95(100.1 + AGE_S, streamed=True) is None


@in_loop
async def test_a_model_that_is_too_slow_is_left_out_and_asked_again_later() -> None:
    clock = Clock()
    async with rig(virtual={"soon": {"p95_s": 2.0}}) as at:
        slow(at, "euclid", 3.0)
        status, headers, _ = await at.ask("prove it", "auto:soon")
        assert (status, headers["x-routereval-model"]) == (200, "portia")
        assert headers["x-routereval-reason"].endswith("; euclid not within 2 s (p95)")
        assert at.told[-1].allowed == ("portia", "parrot")
        assert (await at.ask("prove it"))[1]["x-routereval-model"] == "euclid"  # without a limit
        assert (await at.ask("prove it", "euclid"))[1]["x-routereval-model"] == "euclid"
        await clock.forward(AGE_S + 1)
        assert (await at.ask("prove it", "auto:soon"))[1]["x-routereval-model"] == "euclid"


@in_loop
async def test_a_request_says_its_own_limit_and_streams_have_theirs() -> None:
    sent: Any = {"model": "auto", "messages": [{"role": "user", "content": "prove it"}]}
    async with rig(routing={"p95_s": 100.0}) as at:
        for name, seconds in (("euclid", 9.0), ("portia", 5.0), ("parrot", 7.0)):
            slow(at, name, seconds)

        async def model(limit: str, path: str = "/v1/chat/completions", **more: object) -> str:
            body = {**sent, **more}
            _, headers, found = await at.post(path, body, x_routereval_p95_s=limit)
            return found["model"] if path == "/v1/route" else headers["x-routereval-model"]

        assert await model("20") == "euclid"
        assert await model("8") == await model("8", "/v1/route") == "portia"
        assert await model("1") == "portia"  # none is: the quickest
        assert await model("1", stream=True) == "euclid"  # whose streams are not known to be slow
        assert (await at.ask("prove it"))[1]["x-routereval-model"] == "euclid"
        for wrong in ("0", "-1", "nan", "inf", "soon"):
            status, _, body = await at.post("/v1/chat/completions", sent, x_routereval_p95_s=wrong)
            assert (status, body["error"]["code"]) == (400, "invalid_request")


@in_loop
async def test_answers_are_noted() -> None:
    async with rig() as at:
        for _ in range(LEAST):
            await at.ask("prove it")
        now = asyncio.get_running_loop().time()
        (upstream,) = at.relay.upstreams.models["euclid"]
        assert upstream.latency.p95(now, streamed=False) is not None
        assert upstream.latency.p95(now, streamed=True) is None
