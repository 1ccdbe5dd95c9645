"""Agents' sessions of twenty streamed turns with tools, at services of either API."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.gateway.agents import (
    TURNS,
    Agent,
    ChatLoop,
    ClaudeCode,
    Codex,
    calls_of,
    chat_model,
    messages_events,
    messages_model,
    responses_events,
    responses_model,
)
from tests.gateway.loop import in_loop
from tests.gateway.stubs import Answer, rig

NATIVE: dict[type[Agent], tuple[Answer, Callable[[int], Iterator[bytes]], str]] = {
    ClaudeCode: (messages_model, messages_events, "messages"),
    Codex: (responses_model, responses_events, "responses"),
}
CALLS = [calls_of(turn) for turn in range(TURNS)]


@pytest.mark.parametrize("kind", NATIVE)
@in_loop
async def test_a_service_of_the_same_api_leads_the_agent_byte_for_byte(kind: type[Agent]) -> None:
    model, events, api = NATIVE[kind]
    async with rig(upstreams={"euclid": {"apis": [api]}}) as at:
        at.stubs["euclid"].answer = model
        agent = kind(at)
        await agent.run()
        assert agent.came == [b"".join(events(turn)) for turn in range(TURNS)]
        assert agent.calls == CALLS
        assert set(agent.models) == {"euclid"}
        usages = [entry.usage for entry in at.told]
        assert [usage.tokens_in for usage in usages] == [100 * (n + 1) for n in range(TURNS)]
        assert [usage.cached for usage in usages] == [100 * n for n in range(TURNS)]


OTHERS: list[tuple[type[Agent], str]] = [
    (ChatLoop, "messages"),
    (ChatLoop, "responses"),
    (ClaudeCode, "responses"),
    (Codex, "messages"),
]


@pytest.mark.parametrize(("kind", "api"), OTHERS)
@in_loop
async def test_a_service_of_another_api_leads_it_to_the_same_calls(
    kind: type[Agent], api: str
) -> None:
    """Also where neither side speaks chat completions."""
    model = {"messages": messages_model, "responses": responses_model}[api]
    async with rig(upstreams={"euclid": {"apis": [api]}}) as at:
        at.stubs["euclid"].answer = model
        agent = kind(at)
        await agent.run()
        assert agent.calls == CALLS
        assert set(agent.models) == {"euclid"}
        assert set(agent.reasons[1:]) == {"same conversation"}
        asked = at.stubs["euclid"].asked
        assert {one.path for one in asked} == {f"/v1/{api}"}
        versions = {one.headers.get("anthropic-version") for one in asked}
        assert versions == ({"2023-06-01"} if api == "messages" else {None})
        usages = [entry.usage for entry in at.told]
        assert [usage.tokens_in for usage in usages] == [100 * (n + 1) for n in range(TURNS)]
        assert [usage.cached for usage in usages] == [100 * n for n in range(TURNS)]
        assert not any(usage.estimated for usage in usages)
        last = asked[-1].body.decode()
        places = [last.index(call.identity) for turn in CALLS for call in turn]
        assert places == sorted(places)
        if isinstance(agent, ChatLoop):
            told = [usage["prompt_tokens"] for usage in agent.usages]
            assert told == [100 * (n + 1) for n in range(TURNS)]


@pytest.mark.parametrize("kind", NATIVE)
@in_loop
async def test_a_service_of_chat_completions_leads_it_to_the_same_calls(kind: type[Agent]) -> None:
    async with rig() as at:
        at.stubs["euclid"].answer = chat_model
        agent = kind(at)
        await agent.run()
        assert agent.calls == CALLS
        last = at.stubs["euclid"].asked[-1].json["messages"]
        calls = [message.get("tool_calls") or [] for message in last]
        assert [call["id"] for found in calls for call in found] == [
            call.identity for turn in CALLS for call in turn
        ]
        results = [message for message in last if message["role"] == "tool"]
        assert len(results) == sum(map(len, CALLS))
        usages = [entry.usage for entry in at.told]
        assert [usage.cached for usage in usages] == [100 * n for n in range(TURNS)]
        assert not any(usage.estimated for usage in usages)
