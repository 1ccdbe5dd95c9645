"""Arms: one model at several efforts, each an upstream of its own."""

from __future__ import annotations

from typing import Any

import pytest

from routereval.errors import DataError
from routereval.gateway import make_config
from routereval.gateway.dialects.apis import MESSAGES
from routereval.gateway.dialects.effort import at_effort
from tests.gateway.loop import in_loop
from tests.gateway.stubs import rig
from tests.gateway.test_dialects import HELLO, NATIVE, native

O3 = {"name": "o3", "base_url": "http://127.0.0.1:1/v1"}


def arms(**fields: object) -> list[tuple[object, ...]]:
    made = make_config({"upstream": [{**O3, **fields}]}).upstreams
    return [(arm.name, arm.model, arm.effort, arm.thinking, dict(arm.set)) for arm in made]


def test_an_upstream_at_several_efforts_is_several() -> None:
    assert arms(efforts=["low", "high"]) == [
        ("o3 [effort=low]", "o3", "low", None, {}),
        ("o3 [effort=high]", "o3", "high", None, {}),
    ]
    assert arms(efforts={"off": 0, "deep": {"thinking_budget": 9}}, model="o3-x") == [
        ("o3 [effort=off]", "o3-x", "off", 0, {}),
        ("o3 [effort=deep]", "o3-x", "", None, {"thinking_budget": 9}),
    ]
    assert arms(effort="low", thinking=2048) == [("o3", "", "low", 2048, {})]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"efforts": ["low", "low"]}, r"the name 'o3 \[effort=low\]' is taken"),
        ({"efforts": ["low"], "effort": "low"}, "efforts has them all"),
        ({"efforts": 5}, "efforts must be a list of texts or a table, not 5"),
        ({"efforts": {"low": -1}}, "efforts must be"),
        ({"set": {"model": "x"}}, "the field 'model' is the gateway's own"),
    ],
)
def test_efforts_that_are_none(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        arms(**fields)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"max_tokens": 5000}, {"type": "enabled", "budget_tokens": 4000}),
        ({"max_tokens": 3000}, {"type": "enabled", "budget_tokens": 2999}),
        ({"max_tokens": 1000}, {"type": "disabled"}),
        ({"max_tokens": 5000, "tool_choice": {"type": "any"}}, {"type": "disabled"}),
    ],
)
def test_thinking_fits_into_the_answer(asked: dict[str, Any], expected: dict[str, Any]) -> None:
    made = at_effort({**asked, "thinking": {"type": "adaptive"}}, MESSAGES, thinking=4000)
    assert made == {**asked, "thinking": expected}


@pytest.mark.parametrize("upstream", [{}, NATIVE["euclid"]], ids=["chat", "native"])
@in_loop
async def test_an_arm_is_asked_at_its_effort_in_each_api(upstream: dict[str, Any]) -> None:
    """Whether the client said another one, or none."""
    arm = {**upstream, "effort": "high", "set": {"verbosity": "low"}}
    async with rig(upstreams={"euclid": arm}) as at:
        at.stubs["euclid"].answer = native
        for effort in ({}, {"reasoning_effort": "low"}):
            await at.ask("prove it", **effort)
        await at.post("/v1/responses", {"model": "auto", **HELLO["responses"]})
        hello = {**HELLO["messages"], "output_config": {"effort": "low"}}
        await at.post("/v1/messages", {"model": "auto", **hello})
        sent = [asked.json for asked in at.stubs["euclid"].asked]
        assert [body["verbosity"] for body in sent] == ["low"] * 4
        if upstream:
            assert [body.get("reasoning_effort") for body in sent] == ["high", "high", None, None]
            assert sent[2]["reasoning"] == {"effort": "high"}
            assert sent[3]["output_config"] == {"effort": "high"}
        else:
            assert [body["reasoning_effort"] for body in sent] == ["high"] * 4


@in_loop
async def test_arms_are_listed_and_asked_by_name() -> None:
    async with rig(upstreams={"parrot": {"efforts": {"low": 0, "high": 2048}}}) as at:
        async with at.session.get(at.url + "/v1/models") as answer:
            names = [model["id"] for model in (await answer.json())["data"]]
        assert names[-2:] == ["parrot [effort=low]", "parrot [effort=high]"]
        status, headers, _ = await at.ask("hello", names[-1])
        assert (status, headers["x-routereval-model"]) == (200, "parrot [effort=high]")
        assert at.stubs["parrot"].asked[0].json["model"] == "parrot-1"
        assert at.stubs["parrot"].asked[0].json["reasoning_effort"] == "high"
