"""Conversations stay with their model, leave it for cause, and what that costs is booked."""

from __future__ import annotations

from typing import Any

import pytest

from routereval.gateway.decisions.conversation import Conversation, Conversations, WarmCache
from routereval.gateway.observe.decision_log import line_of
from routereval.gateway.protocols import Authorization, OpenAccess, OpenAuthorization
from routereval.gateway.shared_state import MemoryState
from tests.gateway.agents import (
    TURNS,
    Agent,
    ClaudeCode,
    Codex,
    calls_of,
    chat_model,
    messages_model,
    responses_model,
)
from tests.gateway.loop import Clock, in_loop
from tests.gateway.stubs import Answer, Asked, completion, rig

CALLS = [calls_of(turn) for turn in range(TURNS)]
NATIVE: dict[type[Agent], tuple[str, Answer]] = {
    ClaudeCode: ("messages", messages_model),
    Codex: ("responses", responses_model),
}
CHEAP = {"cached": {"price_cached": 0.1}}


async def fails(asked: Asked) -> None:
    await asked.reply(500, {"error": {"message": "sorry"}})


@pytest.mark.parametrize("kind", NATIVE)
@in_loop
async def test_a_loop_of_twenty_turns_comes_back_after_a_fallback(kind: type[Agent]) -> None:
    """The one that stands in speaks another API, which the agent does not notice."""
    api, model = NATIVE[kind]
    failover = {"failures": 1, "cooldown_s": 5}
    async with rig(upstreams={"euclid": {"apis": [api]}}, failover=failover) as at:
        clock = Clock()
        at.stubs["euclid"].answer = model
        at.stubs["portia"].answer = chat_model
        agent = kind(at)
        for turn in range(TURNS):
            if turn == 7:
                at.stubs["euclid"].answer = fails
            if turn == 12:
                at.stubs["euclid"].answer = model
                await clock.forward(6)
            await agent.turn()
        assert agent.calls == CALLS
        assert agent.models == ["euclid"] * 7 + ["portia"] * 5 + ["euclid"] * 8
        assert set(agent.reasons[1:7] + agent.reasons[12:]) == {"same conversation"}
        assert agent.reasons[7].startswith("stands in for euclid: ")
        assert set(agent.reasons[8:12]) == {"same conversation; stands in for euclid"}
        assert len({entry.conversation for entry in at.told}) == 1


@in_loop
async def test_exploration_does_not_part_a_loop() -> None:
    async with rig(experiment={"explore": 1.0}) as at:
        for stub in at.stubs.values():
            stub.answer = chat_model
        agent = ClaudeCode(at)
        for _ in range(8):
            await agent.turn()
        assert len(set(agent.models)) == 1


class ByName(OpenAccess):
    """Lets everybody in by the name that he gives as his key."""

    async def identify(self, key: str | None) -> Authorization:
        authorization = OpenAuthorization()
        authorization.key = key or ""
        return authorization

    async def authorize(self, key: str | None, model: str, now: float) -> Authorization:
        return await self.identify(key)


def turns(*texts: str, **last: object) -> list[dict[str, Any]]:
    """A chat whose user wrote these texts; the last message may have more."""
    found: list[dict[str, Any]] = []
    for text in texts:
        found += [{"role": "user", "content": text}, {"role": "assistant", "content": "so"}]
    return [*found[:-2], {"role": "user", "content": texts[-1], **last}]


@in_loop
async def test_another_virtual_model_is_decided_on_anew() -> None:
    async with rig() as at:
        asked = [("auto:best", "euclid"), ("auto:lam=5", "parrot"), ("auto:lam=5", "parrot")]
        for number, (model, answered) in enumerate([*asked, ("auto:best", "euclid")], 1):
            _, headers, _ = await at.ask(messages=turns(*["prove it"] * number), model=model)
            assert headers["x-routereval-model"] == answered
        assert at.told[1].reason.startswith("auto:lam=5 instead of auto:best: ")
        assert at.told[2].reason == "same conversation"


@in_loop
async def test_cheap_after_best_is_not_held_and_best_after_cheap_neither() -> None:
    """By the names that everybody uses, in an agent's loop and in a chat."""
    async with rig() as at:
        for stub in at.stubs.values():
            stub.answer = chat_model
        for kind in NATIVE:
            agent, best = kind(at), {"auto:best": "euclid", "auto:cheap": "portia"}
            for model in ("auto:best", "auto:best", "auto:cheap", "auto:cheap", "auto:best"):
                agent.model = model
                await agent.turn()
                assert agent.models[-1] == best[model]
            assert agent.reasons[1] == agent.reasons[3] == "same conversation"
            assert agent.reasons[2].startswith("auto:cheap instead of auto:best: ")
            assert agent.reasons[4].startswith("auto:best instead of auto:cheap: ")


@in_loop
async def test_a_cheap_model_whose_cold_cache_costs_more_than_it_saves_is_not_chosen() -> None:
    """What the router counts as cost is USD per call; here 12 cents for a cold cache."""
    prices = {"price_in": 10_000.0, "price_cached": 1.0}
    async with rig(upstreams={"parrot": prices, "portia": prices}) as at:
        await at.ask(messages=turns("prove it"), model="auto:best")
        _, headers, _ = await at.ask(messages=turns("prove it", "go on"), model="auto:lam=5")
        assert headers["x-routereval-model"] == "euclid"


@in_loop
async def test_keys_do_not_share_conversations() -> None:
    async with rig(authenticator=ByName()) as at:
        headers = {"x_routereval_conversation": "7"}
        answered: dict[str, str] = {}
        for key, text in [("alice", "prove it"), ("bob", "cite it")] * 2:
            body = {"model": "auto", "messages": turns(*[text] * (1 + (key in answered)))}
            path = "/v1/chat/completions"
            _, held, _ = await at.post(path, body, authorization=f"Bearer {key}", **headers)
            assert held["x-routereval-model"] == answered.setdefault(
                key, held["x-routereval-model"]
            )
        assert answered == {"alice": "euclid", "bob": "portia"}
        assert [entry.reason for entry in at.told[2:]] == ["same conversation"] * 2
        assert len({entry.conversation for entry in at.told}) == 2


@pytest.mark.parametrize("kind", NATIVE)
@in_loop
async def test_unseen_failures_of_tools_escalate_once(kind: type[Agent]) -> None:
    failed = tuple(call.identity for turn in (1, 2, 3, 5, 6, 7, 8) for call in CALLS[turn])
    async with rig(routing={"escalate_after": 3}, virtual={"frugal": 5}) as at:
        for stub in at.stubs.values():
            stub.answer = chat_model
        agent = kind(at, failed)
        agent.model = "auto:frugal"
        for _ in range(12):
            await agent.turn()
        assert agent.models == ["parrot"] * 4 + ["euclid"] * 8
        assert agent.reasons[4].startswith("escalated after 3 failures of tools: ")
        assert set(agent.reasons[5:]) == {"same conversation"}


@in_loop
async def test_failures_do_not_move_a_conversation_that_has_the_best_model() -> None:
    failed = tuple(call.identity for turn in range(TURNS) for call in CALLS[turn])
    async with rig() as at:
        for stub in at.stubs.values():
            stub.answer = chat_model
        agent = ClaudeCode(at, failed)
        for _ in range(6):
            await agent.turn()
        assert set(agent.models) == {"euclid"}
        assert agent.reasons[3] == "same conversation; no model is better"
        assert agent.reasons[4] == "same conversation"


@in_loop
async def test_a_conversation_leaves_for_good_what_it_no_longer_fits() -> None:
    picture = [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]
    text = [{"type": "text", "text": "prove it"}]
    for upstream, later in [
        ({"capabilities": ["tools"]}, [*text, *picture]),
        ({"context": 500}, [{"type": "text", "text": "prove it " * 400}]),
    ]:
        async with rig(upstreams={"euclid": upstream}) as at:
            assert (await at.ask("prove it"))[1]["x-routereval-model"] == "euclid"
            for content in (later, "prove it"):
                messages = [*turns("prove it", "so"), {"role": "user", "content": content}]
                _, headers, _ = await at.ask(messages=messages)
                assert headers["x-routereval-model"] == "portia"
            assert at.told[1].reason.startswith("euclid ")
            assert at.told[2].reason == "same conversation"


@in_loop
async def test_a_prompt_that_proves_too_long_moves_it_for_good() -> None:
    async def too_long(asked: Asked) -> None:
        error = {"message": "too long", "code": "context_length_exceeded"}
        await asked.reply(400, {"error": error})

    async with rig() as at:
        await at.ask("prove it")
        good, at.stubs["euclid"].answer = at.stubs["euclid"].answer, too_long
        await at.ask(messages=turns("prove it", "so"))
        at.stubs["euclid"].answer = good
        _, headers, _ = await at.ask(messages=turns("prove it", "so", "and?"))
        assert headers["x-routereval-model"] == "portia"


@in_loop
async def test_a_switch_books_what_its_cold_cache_costs() -> None:
    """250,000 tokens: $0.625 to read them anew, to save $0.05."""
    usage = {"prompt_tokens": 250_000, "completion_tokens": 0}

    async def long(asked: Asked) -> None:
        await asked.reply(200, completion(usage=usage))

    prices = {
        "euclid": {"price_in": 5.0, "price_cached": 0.45},
        "portia": {"price_in": 2.75, "price_cached": 0.25},
    }
    async with rig(upstreams=prices) as at:
        at.stubs["euclid"].answer = at.stubs["portia"].answer = long
        await at.ask("prove it")
        at.stubs["euclid"].answer = fails
        await at.ask(messages=turns("prove it", "so"))
        assert at.told[0].switch is None
        switch = at.told[1].switch
        assert (switch.origin, switch.tokens) == ("euclid", 250_000)
        line = line_of(at.told[1], ())["switch"]
        amounts = {"saved_usd": 0.05, "cold_usd": 0.625, "net_usd": -0.575}
        assert line == {"from": "euclid", "tokens": 250_000, **amounts}


@in_loop
async def test_what_is_remembered_of_a_conversation() -> None:
    now = [0.0]
    talks = Conversations(MemoryState(lambda: now[0]), 60)
    talk = Conversation("a", "auto").answered("a", WarmCache(50, 0.0), 60)
    await talks.note("x", talk)
    assert await talks.find("x") == talk
    assert await talks.find("y") is None
    later = talk.answered("b", WarmCache(10**12, 70.0), 60)
    assert (later.last, later.warm) == ("b", {"b": WarmCache(10**9, 70.0)})
    now[0] = 61.0
    assert await talks.find("x") is None
    state = MemoryState()
    await state.note_model("x", "euclid", 60)  # as an older version wrote it
    assert await Conversations(state, 60).find("x") is None
