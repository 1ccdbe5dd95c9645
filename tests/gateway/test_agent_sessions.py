"""Agents' sessions of twenty streamed turns with tools, at services of either API."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.gateway.agents import (
    TURNS,
    Agent,
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
