"""The whole gateway of a configuration, over HTTP: keys, budgets, log, feedback, metrics, arms."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from routereval.errors import DataError
from routereval.features import make_embedder
from routereval.gateway.access.keys import NANO, new_key
from routereval.gateway.access.store import open_store
from routereval.gateway.build import create_app
from routereval.gateway.config import make_config
from routereval.importers.gateway_log import read_log
from routereval.routers import TrainedRouter, make_router, save_router
from routereval.sources import open_source
from routereval.studies.experiment import experiment_status
from routereval.studies.log_drift import log_drift
from routereval.studies.offpolicy import offpolicy
from routereval.studies.savings import TokenPrices, savings
from tests.gateway.loop import in_loop
from tests.gateway.stubs import (
    TEXTS,
    Asked,
    Rig,
    Stub,
    completion,
    config_for,
    served,
    trained_router,
)

SECRET_TEXT = "prove it, but tell nobody"  # noqa: S105 - no password
PRICE = (7 * 1.0 + 5 * 2.0) / 1e6


def other_router() -> TrainedRouter:
    """Sends everything to the parrot."""
    embedder = make_embedder("tfidf(dims=2)").fit(TEXTS)
    scores = np.array([[0.1, 0.1, 0.9]] * 4)
    router = make_router("knn(k=1)").fit(embedder.transform(TEXTS), scores)
    models = ("euclid", "portia", "parrot")
    return TrainedRouter(router, models, embedder, np.array([0.02, 0.01, 0.001]))


@contextlib.asynccontextmanager
async def gateway(**tables: dict[str, Any]) -> AsyncIterator[Rig]:
    async with contextlib.AsyncExitStack() as stack:
        stubs = {name: Stub() for name in ("euclid", "portia", "parrot")}
        for stub in stubs.values():
            await stack.enter_async_context(stub.running())
        app = create_app(trained_router(), config_for(stubs, **tables))
        url = await stack.enter_async_context(served(app))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Rig(url, app.state.relay, stubs, session)


async def key_in(path: Path, name: str, **limits: Any) -> str:  # noqa: ANN401
    secret, key = new_key(name, **limits)
    store = open_store(str(path), create=True)
    await store.add(key)
    await store.close()
    return secret


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def body(text: str = SECRET_TEXT, model: str = "auto", **fields: object) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


CHAT = "/v1/chat/completions"


@in_loop
async def test_keys_open_the_door_and_pay(tmp_path: Path) -> None:
    store = tmp_path / "keys.sqlite"
    alice = await key_in(store, "alice", usd_per_day=1.0)
    bob = await key_in(store, "bob", models=frozenset({"portia"}), per_minute=2)
    carol = await key_in(store, "carol", models=frozenset({"portia"}))
    async with gateway(access={"keys": str(store), "metrics": ["carol"]}) as at:
        assert (await at.post(CHAT, body()))[0] == 401
        for _ in range(10):
            status, headers, _ = await at.post(CHAT, body(), **bearer(alice))
            assert (status, headers["x-routereval-model"]) == (200, "euclid")
        async with at.session.post(
            at.url + CHAT, json=body(stream=True), headers=bearer(alice)
        ) as answer:
            assert b"[DONE]" in await answer.read()
        status, headers, _ = await at.post(CHAT, body(), **bearer(bob))
        assert (status, headers["x-routereval-model"]) == (200, "portia")
        status, _, said = await at.post(CHAT, body(model="euclid"), **bearer(bob))
        assert (status, said["error"]["code"]) == (403, "model_not_allowed")
        assert (await at.post(CHAT, body(), **bearer(bob)))[0] == 200
        status, headers, said = await at.post(CHAT, body(), **bearer(bob))
        assert (status, said["error"]["code"]) == (429, "rate_limit_exceeded")
        assert 1 <= int(headers["retry-after"]) <= 30
        for secret, expected in ((None, 401), (alice, 403), (bob, 429), (carol, 200)):
            sent = {} if secret is None else bearer(secret)
            async with at.session.get(at.url + "/metrics", headers=sent) as answer:
                assert answer.status == expected
        async with at.session.get(at.url + "/v1/models", headers=bearer(carol)) as answer:
            names = [card["id"] for card in (await answer.json())["data"]]
            assert [name for name in names if "auto" not in name] == ["portia"]
    reader = open_store(str(store))
    spent = {key.name: nano for day in days() for key, nano in await reader.listed(day) if nano}
    await reader.close()
    assert spent == {"alice": round(11 * PRICE * NANO), "bob": round(2 * PRICE * NANO)}


def days() -> range:
    import time

    today = int(time.time() // 86_400)
    return range(today - 1, today + 1)


@in_loop
async def test_a_budget_holds_under_concurrency(tmp_path: Path) -> None:
    store = tmp_path / "keys.sqlite"
    alice = await key_in(store, "alice", usd_per_day=40 * PRICE)
    async with gateway(access={"keys": str(store)}) as at:
        asked = [at.post(CHAT, body(max_tokens=5), **bearer(alice)) for _ in range(100)]
        answers = await asyncio.gather(*asked)
        good = sum(status == 200 for status, _, _ in answers)
        codes = {said["error"]["code"] for status, _, said in answers if status != 200}
        assert codes == {"insufficient_quota"}
        told = {headers.get("x-should-retry") for status, headers, _ in answers if status != 200}
        assert told == {"false"}  # before midnight there is no use in trying again
        served_up = sum(len(stub.asked) for stub in at.stubs.values())
        assert good == served_up
        assert 10 <= good <= 40
    reader = open_store(str(store))
    assert sum([(await reader.listed(day))[0][1] for day in days()]) == round(good * PRICE * NANO)
    await reader.close()


@in_loop
async def test_nothing_secret_is_written(
    tmp_path: Path,
) -> None:
    store, folder = tmp_path / "keys.sqlite", tmp_path / "log"
    alice = await key_in(store, "alice")
    root, seen = logging.getLogger(), Lines()
    level = root.level
    root.addHandler(seen)
    root.setLevel(logging.DEBUG)
    try:
        async with gateway(access={"keys": str(store)}, log={"folder": str(folder)}) as at:
            await at.post(CHAT, body(), **bearer(alice))
            await at.post(CHAT, body(model="euclid"), **bearer(alice))
            await at.post(CHAT, b"{" + SECRET_TEXT.encode(), **bearer(alice))
            await at.post(CHAT, body(), **bearer(alice + "x"))
            await at.post(CHAT, body(model=SECRET_TEXT), **bearer(alice))
            at.stubs["euclid"].answer = broken
            await at.post(CHAT, body(), **bearer(alice))
            async with at.session.get(at.url + "/metrics", headers=bearer(alice)) as answer:
                assert answer.status == 403
    finally:
        root.removeHandler(seen)
        root.setLevel(level)
    written = "".join(file.read_text() for file in folder.iterdir())
    assert written.count('"alice"') == 5
    for text in (alice, alice.removeprefix("sk-routereval-")):
        assert text not in written + "\n".join(seen.lines)
    assert SECRET_TEXT not in "\n".join(seen.lines)
    texts = [line for line in written.splitlines() if SECRET_TEXT in line]
    assert all(json.loads(line)["asked"] == SECRET_TEXT for line in texts)  # asked as a model


class Lines(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


async def broken(asked: Asked) -> None:
    await asked.reply(500, {"error": {"message": "out of order"}})


@in_loop
async def test_the_loop_closes(tmp_path: Path) -> None:
    """Explore, log, hear feedback, import, estimate: by a router, a shadow and the records."""
    save_router(other_router(), tmp_path / "parrots")
    log = {"folder": str(tmp_path / "log"), "texts": True}
    experiment = {"explore": 0.6, "shadows": [str(tmp_path / "parrots")]}
    async with gateway(log=log, experiment=experiment) as at:
        for number in range(120):
            _, headers, _ = await at.post(CHAT, body(f"prove it, case {number % 30}"))
            score = 1.0 if headers["x-routereval-model"] == "euclid" else 0.25
            said = {"request_id": headers["x-routereval-request-id"], "score": score}
            status, _, answer = await at.post("/v1/feedback", said)
            assert (status, answer) == (200, {"object": "feedback", **said})
        status, _, answer = await at.post("/v1/feedback", {"request_id": "x", "score": 2})
        assert (status, answer["error"]["param"]) == (400, "score")
        assert (await at.post("/v1/feedback", b"x" * 5000))[0] == 413
    rows = read_log(tmp_path / "log")
    assert len(rows) == 120
    assert {round(row.propensity, 9) for row in rows} == {0.2, 0.6}
    assert {tuple(row.shadows.values()) for row in rows} == {("parrot",)}
    (records,) = open_source(tmp_path / "log")
    assert set(records.models) == {"euclid", "portia", "parrot"}
    assert records.dense().shape == (30, 3)
    assert np.isnan(records.dense()).any()
    assert records.has_text
    found = {row.name: row for row in offpolicy(tmp_path / "log", {"mine": trained_router()}).rows}
    assert found["mine"].snips.value == 1.0
    assert found["always euclid"].snips.value == 1.0
    assert found[f"shadow {tmp_path / 'parrots'}"].snips.value == 0.25
    assert found["served"].dr.value < 1
    prices = dict.fromkeys(("euclid", "portia", "parrot"), TokenPrices(1.0, 2.0))
    saved = savings(tmp_path / "log", prices)
    assert saved.usd == pytest.approx(saved.logged_usd)
    assert (saved.n_requests, saved.n_conversations, saved.notes) == (120, 30, ())
    (shadow,) = experiment_status(tmp_path / "log").rows
    assert (shadow.n, shadow.unknown) == (30, 0)
    assert shadow.difference < 0
    assert shadow.verdict != "better"
    (week,) = log_drift(tmp_path / "log").weeks[:1]
    assert week.predicted <= 0.9


@in_loop
async def test_two_routers_share_the_conversations(tmp_path: Path) -> None:
    save_router(other_router(), tmp_path / "parrots")
    experiment = {"router": str(tmp_path / "parrots"), "share": 0.5}
    log = {"folder": str(tmp_path / "log")}
    async with gateway(log=log, experiment=experiment) as at:
        for number in range(40):
            models = {
                (await at.post(CHAT, body(f"prove it {number}")))[1]["x-routereval-model"]
                for _ in range(2)
            }
            assert len(models) == 1
    rows = read_log(tmp_path / "log")
    assert {(row.share, row.against) for row in rows} == {(0.5, "Knn")}
    arms = {(row.router.rpartition("/")[2], row.choice) for row in rows}
    assert arms == {("Knn", "euclid"), ("parrots", "parrot")}


@in_loop
async def test_metrics_of_a_gateway_without_keys() -> None:
    async with gateway(failover={"failures": 1}) as at:
        at.stubs["euclid"].answer = broken
        for _ in range(3):
            await at.post(CHAT, body())
        status, _, said = await at.post("/v1/feedback", {"request_id": "x", "score": 1})
        assert (status, said["error"]["code"]) == (404, "no_log")
        async with at.session.get(at.url + "/metrics") as answer:
            lines = (await answer.text()).splitlines()
            assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert 'routereval_requests_total{model="portia",status="200"} 3.0' in lines
        assert 'routereval_fallbacks_total{chosen="euclid",model="portia"} 1.0' in lines
        assert 'routereval_cooldown{model="euclid"} 1.0' in lines
        assert "routereval_in_flight 0.0" in lines


@in_loop
async def test_numbers_that_no_float_holds(tmp_path: Path) -> None:
    """Neither a client's limit nor an upstream's count breaks the sums."""
    store = tmp_path / "keys.sqlite"
    alice = await key_in(store, "alice", usd_per_day=1000.0)

    async def boast(asked: Asked) -> None:
        usage = {"prompt_tokens": 10**400, "completion_tokens": 1}
        await asked.reply(200, completion(usage=usage))

    async with gateway(access={"keys": str(store)}) as at:
        status, _, said = await at.post(CHAT, body(max_tokens=10**400), **bearer(alice))
        assert (status, said["error"]["code"]) == (429, "insufficient_quota")
        at.stubs["euclid"].answer = boast
        assert (await at.post(CHAT, body(), **bearer(alice)))[0] == 200


@in_loop
async def test_a_client_that_leaves_pays_for_what_it_asked_for(tmp_path: Path) -> None:
    store = tmp_path / "keys.sqlite"
    alice = await key_in(store, "alice", usd_per_day=1.0)
    begun = asyncio.Event()

    async def slow(asked: Asked) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with gateway(access={"keys": str(store)}) as at:
        at.stubs["euclid"].answer = slow
        task = asyncio.ensure_future(at.post(CHAT, body(), **bearer(alice)))
        await begun.wait()
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        while at.relay.in_flight:
            await asyncio.sleep(0.01)
        at.stubs["euclid"].answer = Stub().answer
        assert (await at.post(CHAT, body(), **bearer(alice)))[0] == 200
    reader = open_store(str(store))
    lost = (12 * 1.0 + 1000 * 2.0) / 1e6  # the prompt as estimated, an answer without a limit
    booked = sum([(await reader.listed(day))[0][1] for day in days()])
    assert booked == round((lost + PRICE) * NANO)
    await reader.close()


@pytest.mark.parametrize(
    ("tables", "part"),
    [
        ({"access": {"keys": "none.sqlite"}}, "none.sqlite holds no keys"),
        ({"experiment": {"shadows": ["x"]}}, "shadows are only logged; give [log] a folder"),
        ({"experiment": {"router": "nowhere"}}, "nowhere"),
        ({"experiment": {"share": 1.0}}, "share lies between 0 and 1, not 1"),
        ({"experiment": {"explore": 2}}, "explore is a share from 0 to 1, not 2"),
    ],
)
def test_what_is_wrong_is_a_sentence(
    tables: dict[str, dict[str, Any]],
    part: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    upstream = {"name": "euclid", "base_url": "http://127.0.0.1:9/v1"}
    config = make_config({"upstream": [upstream], **tables})
    with pytest.raises(DataError) as caught:
        create_app(trained_router(), config)
    assert part in str(caught.value)
