"""Rules before the router: what they are for, and that nothing leads around them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routereval.errors import DataError, SpecError
from routereval.gateway import make_config
from routereval.gateway.decisions.rules import Rules
from routereval.gateway.observe.decision_log import line_of
from routereval.gateway.rule_config import RuleConfig
from routereval.gateway.upstream_config import UpstreamConfig
from tests.gateway.loop import in_loop
from tests.gateway.stubs import Asked, rig

SSN = r"\b\d{3}-\d{2}-\d{4}\b"
TAGS = {"euclid": {"tags": ["us"]}, "portia": {"tags": ["eu"]}, "parrot": {"tags": ["eu", "old"]}}
STAYS: Any = [{"name": "stays", "regex": [SSN], "require": ["eu"]}]
UPSTREAMS = [
    UpstreamConfig("a", "http://x/v1", deployment="eu", tags=("eu",)),
    UpstreamConfig("a", "http://x/v1", deployment="us", tags=("us",)),
    UpstreamConfig("b", "http://x/v1", tags=("eu", "old")),
]


def matches(
    rule: dict[str, Any],
    body: object = None,
    key: str = "",
    headers: Any = None,  # noqa: ANN401
) -> bool:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    rules = Rules([RuleConfig("r", require=("eu",), **rule)], UPSTREAMS)
    sent = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    return bool(rules.matching(key, sent, raw))


@pytest.mark.parametrize(
    ("rule", "request_", "other"),
    [
        ({"keys": ("hr-*", "x")}, {"key": "hr-anna"}, {"key": "lab-hr-1"}),
        ({"headers": {"X-Data": "pers*"}}, {"headers": {"x-data": "personal"}}, {"headers": {}}),
        ({"metadata": {"n": "1"}}, {"body": {"metadata": {"n": 1}}}, {"body": {"metadata": 1}}),
        (
            {"tags": ("pii",)},
            {"headers": {"x-routereval-tags": "a, pii"}},
            {"headers": {"x": "pii"}},
        ),
        (
            {"tags": ("pii",)},
            {"body": {"metadata": {"tags": ["pii"]}}},
            {"body": {"tags": ["pii"]}},
        ),
        ({"tags": ("pii",)}, {"body": {"metadata": {"tags": "b,pii"}}}, {"body": []}),
        ({"regex": ("(?i)secret",)}, {"body": {"a": ["a Secret"]}}, {"body": {"a": "sec ret"}}),
        ({"regex": (SSN, "z{9}")}, {"body": {"a": {"b": "so 123-45-6789"}}}, {"body": {"a": 1}}),
        ({"keys": ("k",), "regex": ("x",)}, {"key": "k", "body": "x"}, {"key": "k", "body": "y"}),
        ({}, {}, None),
    ],
)
def test_a_rule_is_for_requests_that_all_its_conditions_hold_for(
    rule: dict[str, Any], request_: dict[str, Any], other: dict[str, Any] | None
) -> None:
    assert matches(rule, **request_)
    assert other is None or not matches(rule, **other)


@pytest.mark.parametrize(
    "body",
    [
        b'{"content": "\\u0031' + b'23-45-6789"}',
        b'{"content": "123-45-6789", "content": "hi"}',
        json.dumps({"arguments": json.dumps({"n": "123-45-6789", "é": "\ud83d\ude00"})}).encode(),
        json.dumps({"arguments": '"\\u0031' + '23-45-6789"'}).encode(),
        b'{"123-45-6789": 1}',
        b'{"a": "\\ud800 123-45-6789"}',
    ],
)
def test_a_text_is_found_wherever_it_stands(body: bytes) -> None:
    assert matches({"regex": (SSN,)}, body)


def test_no_text_makes_a_pattern_run_for_ever() -> None:
    """Each of these takes `re` longer than the age of the world."""
    for pattern in (r"(a+)+$", r"(a|aa)+$", r"(a*)*b", r"(.*a){12}$"):
        body = json.dumps({"n": "a" * 20_000 + "!"}).encode()
        assert not matches({"regex": (pattern,)}, body)


def test_of_several_rules_all_hold() -> None:
    rules = Rules(
        [
            RuleConfig("eu", require=("eu",)),
            RuleConfig("new", forbid=("old",)),
            RuleConfig("b", models=("b",)),
        ],
        UPSTREAMS,
    )
    assert rules.permitted(()) is None
    assert rules.permitted(["eu"]) == frozenset({"a/eu", "b"})
    assert rules.permitted(["eu", "new"]) == frozenset({"a/eu"})
    assert rules.permitted(["eu", "new", "b"]) == frozenset()


def test_a_model_at_several_efforts_is_named_once_or_each() -> None:
    arms = {**UP, "name": "o3", "efforts": ["low", "high"]}
    rules: list[dict[str, Any]] = [
        {"name": "all", "models": ["o3"]},
        {"name": "one", "models": ["o3 [effort=low]"]},
        {"name": "tag", "require": ["eu"]},
    ]
    config = make_config({"upstream": [arms, {**UP, "tags": []}], "rule": rules})
    made = Rules(config.rules, config.upstreams)
    both = frozenset({"o3 [effort=low]", "o3 [effort=high]"})
    assert made.permitted(["all"]) == made.permitted(["tag"]) == both
    assert made.permitted(["one"]) == frozenset({"o3 [effort=low]"})


UP = {"name": "llama", "base_url": "http://127.0.0.1:1/v1", "tags": ["eu"]}


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        ({"require": ["eu"]}, "[[rule]] 1: name is missing"),
        ({"name": "", "require": ["eu"]}, "name must be printable text"),
        ({"name": "x", "keys": ["a"]}, "does nothing; give it one of models, require, forbid"),
        ({"name": "x", "require": ["uk"]}, "unknown tag of an upstream in g.toml: [[rule]] 1 'uk'"),
        ({"name": "x", "models": ["lama"]}, "did you mean 'llama'?"),
        ({"name": "x", "require": ["eu"], "keys": []}, "keys is empty; fill it, or leave it out"),
        ({"name": "x", "forbid": ["eu"], "regex": ["(a"]}, "'(a' cannot be used: regex error"),
        ({"name": "x", "forbid": ["eu"], "regex": [r"(a)\1"]}, "backreferences are not supported"),
        ({"name": "x", "forbid": ["eu"], "regex": ["(?=a)"]}, "look-around"),
        ({"name": "x", "forbid": ["eu"], "regex": ["a*"]}, "matches every text"),
        ({"name": "x", "forbid": ["eu"], "regex": ["a" * 1001]}, "at most 1000 characters"),
        ({"name": "x", "forbid": ["eu"], "regx": ["a"]}, "did you mean 'regex'?"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_served(rule: dict[str, Any], error: str) -> None:
    with pytest.raises((DataError, SpecError)) as raised:
        make_config({"upstream": [UP], "rule": [rule]}, "g.toml")
    assert error in " ".join(str(raised.value).split())


@in_loop
async def test_a_rule_comes_before_router_fallback_stickiness_and_last_resort() -> None:
    tables: dict[str, Any] = {"upstreams": TAGS, "rule": STAYS, "routing": {"sticky_s": 60}}
    tables["failover"] = {"failures": 1, "cooldown_s": 1000, "quota_cooldown_s": 1000}
    async with rig(**tables) as at:
        talk = {"x-routereval-conversation": "1"}
        messages = [{"role": "user", "content": "prove it"}]
        sent = {"model": "auto", "messages": messages}
        _, headers, _ = await at.post("/v1/chat/completions", sent, **talk)
        assert headers["x-routereval-model"] == "euclid"
        messages[0]["content"] += ", I am 123-45-6789"
        for name in ("portia", "parrot"):
            _, headers, _ = await at.post("/v1/chat/completions", sent, **talk)
            assert headers["x-routereval-model"] == name
            at.stubs[name].answer = broken
        status, _, _ = await at.post("/v1/chat/completions", sent, **talk)
        assert status == 502
        for _ in range(3):  # all that may serve it rest
            status, _, body = await at.post("/v1/chat/completions", sent, **talk)
            assert status in {502, 503}, body
        assert len(at.stubs["euclid"].asked) == 1
        assert [entry.rules for entry in at.told] == [(), *[("stays",)] * 6]
        line = line_of(at.told[-1], ())
        assert line["rules"] == ["stays"]
        assert line["conversation"] == at.told[0].conversation != ""
        async with at.session.get(at.url + "/metrics") as answer:
            assert 'routereval_rules_total{rule="stays"} 6.0' in await answer.text()


async def broken(asked: Asked) -> None:
    await asked.reply(500, {"error": {"message": "oops"}})


@in_loop
async def test_what_no_upstream_may_serve_is_refused_and_says_by_which_rule() -> None:
    rule = [*STAYS, {"name": "fresh", "headers": {"x-new": "*"}, "forbid": ["old"]}]
    both: Any = [{"name": "lost", "keys": [""], "require": ["eu"], "forbid": ["eu"]}]
    async with rig(upstreams=TAGS, rule=rule) as at:  # type: ignore[arg-type]
        status, _, body = await at.ask("123-45-6789", "euclid")
        assert (status, body["error"]["code"]) == (403, "rule_forbids")
        assert body["error"]["message"] == (
            "no upstream of 'euclid' is permitted by the gateway's rules for this: 'stays'"
        )
        messages = [{"role": "user", "content": "prove it, 123-45-6789"}]
        sent = {"model": "auto", "messages": messages}
        _, _, found = await at.post("/v1/route", sent, x_new="1")
        assert (found["allowed"], found["rules"]) == (["portia"], ["stays", "fresh"])
        assert not any(stub.asked for stub in at.stubs.values())
    async with rig(upstreams=TAGS, rule=both) as at:
        status, _, body = await at.ask("prove it")
        assert (status, body["error"]["code"]) == (403, "rule_forbids")


@pytest.mark.parametrize("model", ["auto", "euclid"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages", {"max_tokens": 9, "system": "123-45-6789", "messages": "prove it"}),
        ("/v1/messages/count_tokens", {"messages": "prove it, 123-45-6789"}),
        ("/v1/responses", {"input": "prove it", "instructions": "for 123-45-6789"}),
        ("/v1/completions", {"prompt": ["prove it", "123-45-6789"]}),
        ("/v1/embeddings", {"input": ["prove it", "123-45-6789"]}),
        ("/v1/route", {"messages": "prove it, 123-45-6789"}),
    ],
)
@in_loop
async def test_a_rule_holds_in_every_api(path: str, body: dict[str, Any], model: str) -> None:
    if "messages" in body:
        body = {**body, "messages": [{"role": "user", "content": body["messages"]}]}
    async with rig(upstreams=TAGS, rule=STAYS) as at:
        status, _, found = await at.post(path, {"model": model, **body})
        assert not at.stubs["euclid"].asked
        if model == "euclid":
            assert (status, "permitted by the gateway's rules" in str(found)) == (403, True)
        elif path != "/v1/embeddings":
            assert status == 200, found
