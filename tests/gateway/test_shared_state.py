"""What workers share, and how each takes it over."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import fakeredis
import pytest

from routereval.gateway.build import Kept, create_app
from routereval.gateway.heartbeat import Heartbeat
from routereval.gateway.http.chat_request import parse_request
from routereval.gateway.http.relay import Relay
from routereval.gateway.observe.metrics import Metrics
from routereval.gateway.shared_state import (
    MemoryState,
    RedisState,
    SharedState,
    SqliteState,
    open_state,
)
from tests.gateway.loop import in_loop
from tests.gateway.stubs import Rig, Stub, config_for, served, trained_router


class Now:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 1e9

    def __call__(self) -> float:
        return self.seconds


def states(kind: str, folder: Path, now: Now) -> tuple[SharedState, SharedState]:
    """One state, as two workers see it."""
    if kind == "memory":
        made = MemoryState(now)
        return made, made
    if kind == "sqlite":
        return SqliteState(folder / "state", now), SqliteState(folder / "state", now)
    server = fakeredis.FakeServer()
    first, second = (
        fakeredis.FakeAsyncRedis(server=server, decode_responses=True) for _ in range(2)
    )
    return RedisState(first, now), RedisState(second, now)


def write(state: SharedState) -> None:
    """Do at once what a state does after a while."""
    if isinstance(state, SqliteState):
        state.write()


@pytest.mark.parametrize("kind", ["memory", "sqlite", "redis"])
@in_loop
async def test_what_one_worker_notes_all_know(kind: str, tmp_path: Path) -> None:
    now = Now()
    mine, theirs = states(kind, tmp_path, now)
    assert await theirs.model_of("a") is None
    await mine.note_model("a", "euclid", 60)
    await mine.note_model("a", "portia", 60)
    assert await mine.model_of("a") == "portia"
    write(mine)
    assert await theirs.model_of("a") == "portia"
    await mine.note_rest("euclid", now() + 5)
    await theirs.note_rest("portia", now() + 7)
    assert await theirs.rests() == {"euclid": now() + 5, "portia": now() + 7}
    await theirs.note_rest("portia", 0.0)
    assert await mine.rests() == {"euclid": now() + 5}
    await mine.close()
    if kind != "memory":
        await theirs.close()


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@in_loop
async def test_what_is_over_is_forgotten(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routereval.gateway.shared_state.FORGET_EVERY", 2)
    now = Now()
    mine, theirs = states(kind, tmp_path, now)
    await mine.note_model("a", "euclid", 10)
    write(mine)
    now.seconds += 11
    assert await theirs.model_of("a") is None
    await mine.note_model("b", "euclid", 10)
    await mine.note_model("c", "euclid", 10)
    write(mine)
    assert await theirs.model_of("b") == "euclid"
    await mine.close()
    await theirs.close()


@in_loop
async def test_what_is_noted_is_written_before_long_and_at_the_end(tmp_path: Path) -> None:
    mine, theirs = states("sqlite", tmp_path, Now())
    assert isinstance(mine, SqliteState)
    await mine.note_model("a", "euclid", 60)
    while mine._writing is not None:  # the timer's own time
        await asyncio.sleep(0.001)
    assert await theirs.model_of("a") == "euclid"
    await mine.note_model("b", "portia", 60)
    await mine.close()
    assert await theirs.model_of("b") == "portia"


@in_loop
async def test_memory_is_bounded() -> None:
    state = MemoryState(most=2)
    for name in "abc":
        await state.note_model(name, "euclid", 10)
    assert [await state.model_of(name) for name in "abc"] == [None, "euclid", "euclid"]


@in_loop
async def test_memory_lets_go_of_what_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routereval.gateway.shared_state.FORGET_EVERY", 2)
    now = Now()
    state = MemoryState(now)
    await state.note_model("a", "euclid", 10)
    now.seconds += 11
    await state.note_model("b", "euclid", 10)
    assert list(state._models) == ["b"]


@in_loop
async def test_a_state_that_cannot_be_reached_harms_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = fakeredis.FakeServer()
    server.connected = False
    away = RedisState(fakeredis.FakeAsyncRedis(server=server, decode_responses=True))
    closed = SqliteState(tmp_path / "state")
    await closed.close()
    with caplog.at_level(logging.WARNING):
        for state in (away, closed):
            await state.note_model("a", "euclid", 10)
            await state.note_rest("euclid", 1e10)
            write(state)
            assert await state.model_of("a") is None
            assert await state.rests() == {}
    assert "cannot be reached" in caplog.text
    assert "cannot be used" in caplog.text


def test_where_the_state_is(tmp_path: Path) -> None:
    fallback = MemoryState()
    assert open_state("", fallback) is fallback
    assert isinstance(open_state(str(tmp_path / "keys"), fallback), SqliteState)
    assert (tmp_path / "keys.state").exists()
    assert isinstance(open_state("redis://localhost:1/0", fallback), RedisState)


@contextlib.asynccontextmanager
async def workers(**tables: dict[str, object]) -> AsyncIterator[tuple[Rig, Rig]]:
    """Two workers of one gateway."""
    async with contextlib.AsyncExitStack() as stack:
        stubs = {name: Stub() for name in ("euclid", "portia", "parrot")}
        for stub in stubs.values():
            await stack.enter_async_context(stub.running())
        session = await stack.enter_async_context(aiohttp.ClientSession())
        state, rigs = MemoryState(), []
        for _ in range(2):
            app = create_app(trained_router(), config_for(stubs, **tables), kept=Kept(state=state))
            url = await stack.enter_async_context(served(app))
            rigs.append(Rig(url, app.state.relay, stubs, session))
        yield rigs[0], rigs[1]


def beat_of(relay: Relay) -> Heartbeat:
    (found,) = [part for part in relay.parts if isinstance(part, Heartbeat)]
    return found


@in_loop
async def test_a_conversation_stays_with_its_model_whichever_worker_it_meets() -> None:
    loop_of_tools = [
        {"role": "user", "content": "cite the case"},
        {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f"}}]},
        {"role": "tool", "tool_call_id": "1", "content": "found"},
    ]
    async with workers(routing={"sticky_s": 60}) as (one, other):
        first = await one.ask(messages=loop_of_tools[:1], model="auto:lam=5")
        assert first[1]["x-routereval-model"] == "parrot"
        then = await other.ask(messages=loop_of_tools, model="auto:lam=5")
        assert then[1]["x-routereval-model"] == "parrot"
        assert then[1]["x-routereval-reason"] == "same conversation"


@in_loop
async def test_a_conversation_id_belongs_to_its_key() -> None:
    async with workers(routing={"sticky_s": 60}) as (one, other):
        plans = []
        for rig, key in ((one, "alice"), (other, "bob"), (other, "alice")):
            authorization = await rig.relay.authenticator.identify(None)
            authorization.key = key  # type: ignore[misc]
            chat = parse_request(b'{"model":"auto","messages":[{"role":"user","content":"x"}]}')
            plans.append(rig.relay.planner.plan(chat, authorization, "7").conversation)
        assert plans[0] == plans[2] != plans[1]


@in_loop
async def test_a_rest_is_a_rest_in_all_workers() -> None:
    async with workers(failover={"failures": 1, "cooldown_s": 50}) as (one, other):
        now = asyncio.get_running_loop().time()
        beats = [beat_of(rig.relay) for rig in (one, other)]
        breakers = [rig.relay.upstreams["euclid"].breaker for rig in (one, other)]
        breakers[0].allow(now, "eve")
        breakers[0].failed(now, "eve")  # its own affair, so far
        await beats[0].beat()
        await beats[1].beat()
        assert breakers[1].rest_s(now) == 0
        breakers[0].allow(now, "bob", early=True)
        breakers[0].failed(now, "bob", evoked=False)
        for _ in range(3):
            await beats[0].beat()
            await beats[1].beat()
        assert 49 < breakers[1].rest_s(now) < 51
        assert (await other.ask())[1]["x-routereval-model"] == "portia"
        breakers[1].succeeded("bob")
        await beats[1].beat()
        await beats[0].beat()
        assert breakers[0].rest_s(now, "carol") == breakers[1].rest_s(now) == 0


@in_loop
async def test_a_worker_that_starts_knows_who_rests() -> None:
    async with workers(failover={"failures": 1, "cooldown_s": 50}) as (one, other):
        now = asyncio.get_running_loop().time()
        one.relay.upstreams["euclid"].breaker.failed(now, "a", evoked=False)
        await beat_of(one.relay).beat()
        late = Heartbeat(other.relay, Metrics())
        await late.open()
        assert other.relay.upstreams["euclid"].breaker.rest_s(now) > 40
        await late.close()
