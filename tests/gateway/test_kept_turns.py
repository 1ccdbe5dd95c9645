"""Turns of the Responses API whose answers were translated, and what goes on from them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from routereval.gateway.api_error import ApiError
from routereval.gateway.http.kept_turns import LONGEST, TURN_BYTES, KeptTurns, Turn
from routereval.gateway.shared_state import MemoryState, SqliteState
from tests.gateway.agents import SCHEMA, TASK, Agent, ToolCall, calls_of, chat_model
from tests.gateway.loop import in_loop
from tests.gateway.stubs import Asked, Rig, rig
from tests.gateway.test_conversations import ByName
from tests.gateway.test_dialects import native

TURNS_KEPT = 6


class ShortCodex(Agent):
    """Sends only what is new, and the id of the answer before."""

    path = "/v1/responses"

    def __init__(self, at: Rig) -> None:
        super().__init__(at)
        self.new: list[dict[str, Any]] = [{"role": "user", "content": TASK}]
        self.before: str | None = None

    def request(self) -> dict[str, Any]:
        tool = {"type": "function", "name": "Bash", "parameters": SCHEMA}
        return {"input": self.new, "tools": [tool], "previous_response_id": self.before}

    def read(self, events: list[tuple[str, dict[str, Any]]]) -> list[ToolCall]:
        last = events[-1][1]["response"]
        self.before, self.new = last["id"], []
        found = [item for item in last["output"] if item["type"] == "function_call"]
        calls = [ToolCall(i["call_id"], i["name"], json.loads(i["arguments"])) for i in found]
        for call in calls:
            output = self.result_of(call)
            item = {"type": "function_call_output", "call_id": call.identity, "output": output}
            self.new.append(item)
        return calls


class ReferringCodex(ShortCodex):
    """Names the items of answers instead of sending them, as the AI SDK does."""

    def __init__(self, at: Rig) -> None:
        super().__init__(at)
        self.all: list[dict[str, Any]] = []

    def request(self) -> dict[str, Any]:
        self.all += self.new
        return {**super().request(), "input": self.all, "previous_response_id": None}

    def read(self, events: list[tuple[str, dict[str, Any]]]) -> list[ToolCall]:
        for item in events[-1][1]["response"]["output"]:
            self.all.append({"type": "item_reference", "id": item["id"]})
        return super().read(events)


@pytest.mark.parametrize("kind", [ShortCodex, ReferringCodex])
@in_loop
async def test_an_agent_that_sends_what_is_new_is_led_as_one_that_sends_all(
    kind: type[Agent],
) -> None:
    async with rig() as at:
        at.stubs["euclid"].answer = chat_model
        agent = kind(at)
        for _ in range(TURNS_KEPT):
            await agent.turn()
        assert agent.calls == [calls_of(turn) for turn in range(TURNS_KEPT)]
        assert set(agent.reasons[1:]) == {"same conversation"}
        assert len({entry.conversation for entry in at.told}) == 1
        last = at.stubs["euclid"].asked[-1].json["messages"]
        called = [call["id"] for one in last for call in one.get("tool_calls") or ()]
        before = [call for turn in range(TURNS_KEPT - 1) for call in calls_of(turn)]
        assert called == [call.identity for call in before]
        given = [
            call["function"]["arguments"] for one in last for call in one.get("tool_calls", ())
        ]
        assert given == [json.dumps(call.given) for call in before]


async def respond(at: Rig, key: str = "ann", **fields: object) -> tuple[int, Any]:
    body = {"model": "auto", "input": "prove it", **fields}
    status, _, held = await at.post("/v1/responses", body, authorization=f"Bearer {key}")
    return status, held


@in_loop
async def test_keys_keep_apart_and_store_false_keeps_nothing() -> None:
    async with rig(authenticator=ByName()) as at:
        _, first = await respond(at)
        assert first["store"] is True
        assert (await respond(at, previous_response_id=first["id"]))[0] == 200
        status, held = await respond(at, "bob", previous_response_id=first["id"])
        assert (status, held["error"]["code"]) == (400, "previous_response_not_found")
        _, other = await respond(at, store=False)
        assert other["store"] is False
        assert (await respond(at, previous_response_id=other["id"]))[0] == 400
    async with rig(routing={"keep_s": 0}) as at:
        _, first = await respond(at)
        assert first["store"] is False
        assert (await respond(at, previous_response_id=first["id"]))[0] == 400


@in_loop
async def test_a_rule_looks_at_earlier_turns_too() -> None:
    rule = {"name": "pii", "regex": ["secret"], "require": ["eu"]}
    async with rig(upstreams={"portia": {"tags": ["eu"]}}, rule=[rule]) as at:  # type: ignore[arg-type]
        _, first = await respond(at, input="my secret")
        await respond(at, input="go on", previous_response_id=first["id"])
        assert [entry.rules for entry in at.told] == [("pii",)] * 2
        assert {entry.model for entry in at.told} == {"portia"}


@in_loop
async def test_it_goes_on_at_a_service_of_the_api_and_back() -> None:
    """The service gets the whole conversation, and keeps it from then on."""
    async with rig(upstreams={"portia": {"apis": ["responses"]}}) as at:
        at.stubs["portia"].answer = native
        _, first = await respond(at)
        await respond(at, model="portia", input="so?", previous_response_id=first["id"])
        sent = at.stubs["portia"].asked[0].json
        assert "previous_response_id" not in sent
        assert [item.get("content") for item in sent["input"]][::2] == ["prove it", "so?"]
        assert sent["input"][1]["content"][0]["text"] == "by euclid-1"
        assert "id" not in sent["input"][1]
        await respond(at, previous_response_id="resp_1")
        assert at.stubs["portia"].asked[1].json["previous_response_id"] == "resp_1"


@in_loop
async def test_an_answer_that_was_cut_is_not_kept() -> None:
    async def cut(asked: Asked) -> None:
        await asked.events(b'data: {"choices": [{"delta": {"content": "so"}}]}\n\n', end=False)
        asked.writer.close()
        raise ConnectionResetError

    async with rig() as at:
        at.stubs["euclid"].answer = cut
        agent = ShortCodex(at)
        with pytest.raises(KeyError):
            await agent.turn()
        identity = f"resp_{at.told[-1].request_id}"
        assert (await respond(at, "", previous_response_id=identity))[0] == 400


@in_loop
async def test_what_is_kept_is_bounded_in_time_and_size() -> None:
    now = [0.0]
    state = MemoryState(clock=lambda: now[0])
    turns = KeptTurns(state, 60.0, clock=lambda: now[0], most=100_000)
    text = "x" * 40_000

    async def note(name: str) -> None:
        await turns.note("ann", name, Turn("", [{"role": "user", "content": text}]), [])

    async def known(name: str) -> bool:
        body = json.dumps({"input": "so?", "previous_response_id": name}).encode()
        return await turns.whole("ann", body, 10**7) is not None

    for name in ("a", "b", "c"):
        await note(name)
    assert [await known(name) for name in "abc"] == [False, True, True]
    now[0] = 61.0
    assert not await known("c")
    await note("d")
    assert len(turns._written["ann"]) == 1
    assert turns.turn_of(b'{"input": "' + b"x" * TURN_BYTES + b'"}') is None
    await turns.note("ann", "e", Turn("", [text * 40]), [])
    assert not await known("e")


@in_loop
async def test_what_is_put_together_is_bounded() -> None:
    """A small request must not stand for a large one: by a long chain, or by a name many times."""
    turns, text, identity = KeptTurns(MemoryState(), 60.0), "x" * 100_000, "0" * 24
    for number in range(LONGEST + 1):
        before = f"resp_{number - 1}" if number else ""
        await turns.note("ann", f"resp_{number}", Turn(before, [{"content": "x"}]), [])
    await turns.note(
        "ann", f"resp_{identity}", Turn("", []), [{"id": f"msg_{identity}", "t": text}]
    )

    async def whole(items: list[Any], before: str | None = None, most: int = 10**6) -> Any:  # noqa: ANN401
        held = json.dumps({"input": items, "previous_response_id": before}).encode()
        made = await turns.whole("ann", held, most)
        return None if made is None else json.loads(made)["input"]

    assert await whole([], f"resp_{LONGEST}") is None
    assert len(await whole([], f"resp_{LONGEST - 1}")) == LONGEST
    reference = {"type": "item_reference", "id": f"msg_{identity}"}
    assert await whole([reference] * 3) == [{"t": text}] * 3
    with pytest.raises(ApiError, match="larger than the gateway takes"):
        await whole([reference] * 20)
    with pytest.raises(ApiError, match="larger than the gateway takes"):
        await whole([], "resp_99", most=3000)
    unknown = [{"type": "item_reference", "id": f"msg_{n:024x}"} for n in range(1, 2000)]
    assert await whole(unknown) is None


def test_workers_share_what_is_kept(tmp_path: Path) -> None:
    async def go_on() -> dict[str, Any]:
        one, other = (SqliteState(tmp_path / "state") for _ in range(2))
        await KeptTurns(one, 60.0).note("ann", "resp_1", Turn("", ["a"]), [{"id": "x", "b": 1}])
        one.write()
        body = b'{"model": "m", "input": "c", "previous_response_id": "resp_1"}'
        whole = await KeptTurns(other, 60.0).whole("ann", body, 1000)
        await one.close()
        await other.close()
        assert whole is not None
        found: dict[str, Any] = json.loads(whole)
        return found

    user = {"role": "user", "content": "c"}
    assert asyncio.run(go_on()) == {"model": "m", "input": ["a", {"b": 1}, user]}
