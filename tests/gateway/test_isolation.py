"""No client's request hurts another client: not by its words, its headers, or its failures."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from routereval.errors import DataError
from routereval.gateway.config import FailoverConfig, HeadersConfig
from routereval.gateway.protocols import Authorization, OpenAccess, OpenAuthorization
from routereval.gateway.upstreams.circuit_breaker import CircuitBreaker
from routereval.gateway.upstreams.errors import Reply, error_of_reply
from routereval.gateway.upstreams.headers import HeaderFilter
from tests.fuzzing import FUZZ
from tests.gateway.loop import Clock, in_loop
from tests.gateway.stubs import Answer, Asked, Rig, good, hang_up, rig

PATH = "/v1/chat/completions"


class Named(OpenAccess):
    """Every key is taken for the name of a client."""

    async def identify(self, key: str | None) -> Authorization:
        return await self.authorize(key, "", 0.0)

    async def authorize(self, key: str | None, model: str, now: float) -> Authorization:
        found = OpenAuthorization()
        found.key = key or ""
        return found


@asynccontextmanager
async def clients(**tables: Any) -> AsyncIterator[Rig]:  # noqa: ANN401 - of a configuration
    async with rig(authenticator=Named(), **tables) as at:
        yield at


async def ask(
    at: Rig, client: str, text: str = "prove it", **fields: object
) -> tuple[int, dict[str, str], Any]:
    messages = [{"role": "user", "content": text}]
    body = {"model": "auto", "messages": messages, **fields}
    return await at.post(PATH, body, authorization=f"Bearer {client}")


async def who(at: Rig, client: str, text: str = "prove it") -> str:
    """Who answers a client's honest request."""
    status, headers, _ = await ask(at, client, text)
    assert status == 200
    return headers["x-routereval-model"]


def poisoned(status: int, **error: object) -> Answer:
    """An upstream that fails requests with a field ``poison``, and serves others."""

    async def answer(asked: Asked) -> None:
        if "poison" not in asked.json:
            await good(asked)
        elif status:
            await asked.reply(status, {"error": error})
        else:
            await hang_up(asked)

    return answer


SCHEMA = "Invalid schema for function 'get_billing_info': schema must be an object"
FIELD = "Unknown parameter: 'insufficient_quota'."
ROLE = "'billing' is not one of ['system', 'assistant', 'user']"
SENTENCE = "Unknown parameter: 'Insufficient credits'."
ECHOES: dict[str, tuple[int, dict[str, Any]]] = {
    "a tool's name": (400, {"message": SCHEMA, "code": None, "type": "invalid_request_error"}),
    "a field's name": (400, {"message": FIELD, "code": "unknown_parameter"}),
    "a role": (400, {"message": ROLE, "type": "invalid_request_error"}),
    "a sentence": (400, {"message": SENTENCE, "code": "unknown_parameter"}),
    "a code that is the client's word": (400, {"message": "no", "code": "insufficient_quota"}),
}
WORDS = {"get_billing_info": 1, "insufficient_quota": 1, "billing": 1, "Insufficient credits": 1}


@pytest.mark.parametrize("name", ECHOES)
@in_loop
async def test_words_of_the_request_are_not_the_providers(name: str) -> None:
    status, error = ECHOES[name]
    async with clients() as at:
        for stub in at.stubs.values():
            stub.answer = poisoned(status, **error)
        for _ in range(5):
            got, headers, body = await ask(at, "eve", poison=WORDS)
            assert (got, body["error"]) == (status, error)  # its own error, unchanged
            assert headers["x-routereval-model"] == "euclid"
        assert len(at.stubs["portia"].asked) == 0
        assert at.relay.planner.resting(at.stubs) == []
        assert await who(at, "alice") == await who(at, "eve") == "euclid"


def test_words_that_are_escaped_stand_in_the_request_too() -> None:
    echo = Reply(400, [], b'{"error": {"message": "Unknown parameter: \'insufficient funds\'"}}')
    assert error_of_reply(echo, 300, b'{"\\u0069nsufficient \\u0046unds": 1}') is None
    quota = error_of_reply(echo, 300, b"{}")
    assert quota is not None
    assert quota.kind == "quota"


@pytest.mark.parametrize(
    "error",
    [
        {"code": "insufficient_quota", "message": "no"},
        {"type": "insufficient_quota", "message": "no"},
        {"code": "billing_hard_limit_reached", "message": "no"},
        {"type": "billing_error", "message": "no"},
        {"code": "Arrearage", "message": "no"},
        {"message": "Your credit balance is too low to access the Anthropic API."},
        {"message": "You exceeded your current quota, please check your plan and billing details"},
        {"message": "Insufficient Balance", "code": "invalid_request_error"},
    ],
)
@pytest.mark.parametrize("status", [400, 403, 429])
def test_a_quota_that_is_used_up_is_recognised(status: int, error: dict[str, Any]) -> None:
    reply = Reply(status, [], json.dumps({"error": error}).encode())
    found = error_of_reply(reply, 300, b'{"messages": [{"content": "hello"}]}')
    assert found is not None
    assert (found.kind, found.pause) == ("quota", 300)


def test_a_bare_word_is_no_verdict() -> None:
    for words in ("billing", "quota", "payment required", "insufficient", "my_insufficient_quota"):
        reply = Reply(400, [], json.dumps({"error": {"message": words, "code": words}}).encode())
        found = error_of_reply(reply, 300, b"{}")
        assert (found is None) == (words != "payment_required"), words


@in_loop
async def test_an_upstream_rests_for_one_client_until_another_sees_the_same() -> None:
    async with clients() as at:
        at.stubs["euclid"].answer = poisoned(429, code="insufficient_quota", message="no")
        for _ in range(4):
            assert (await ask(at, "eve", poison=1))[1]["x-routereval-model"] == "portia"
        assert len(at.stubs["euclid"].asked) == 1  # it rests for her
        assert await who(at, "alice") == "euclid"
        assert at.relay.planner.resting(at.stubs) == []
        assert at.relay.planner.resting(at.stubs, "eve") == ["euclid"]
        await ask(at, "mallory", poison=1)
        assert at.relay.planner.resting(at.stubs) == []  # an answer came since eve's
        at.stubs["euclid"].answer = poisoned(429, code="insufficient_quota", message="no")
        await ask(at, "bob", poison=1)
        assert at.relay.planner.resting(at.stubs) == ["euclid"]
        assert await who(at, "alice") == "portia"


@pytest.mark.parametrize("status", [500, 503, 401, 402, 429, 0])
@in_loop
async def test_requests_that_fail_everywhere_rest_nobody_elses_upstreams(status: int) -> None:
    async with clients() as at:
        for stub in at.stubs.values():
            stub.answer = poisoned(status, message="no")
        for _ in range(12):
            assert (await ask(at, "eve", poison=1))[0] >= 400
        assert at.relay.planner.resting(at.stubs) == []
        assert [await who(at, "alice"), await who(at, "alice", "cite it")] == ["euclid", "portia"]
        assert "retry" not in str(at.told[-1].attempts)


@in_loop
async def test_a_client_whose_requests_fail_takes_no_second_tries_from_others() -> None:
    async with clients(failover={"retry_burst": 4, "retry_ratio": 0.0}) as at:
        at.stubs["euclid"].answer = poisoned(409, message="no")
        for _ in range(6):
            await ask(at, "eve", poison=1)
        assert (await ask(at, "eve", poison=1))[0] == 502
        assert (await ask(at, "alice", poison=1))[1]["x-routereval-model"] == "portia"


@in_loop
async def test_a_last_resort_is_asked_when_all_rest() -> None:
    async with clients(failover={"failures": 1, "cooldown_s": 100}) as at:
        clock = Clock()
        for stub in at.stubs.values():
            stub.answer = poisoned(500, message="no")
        for client in ("eve", "mallory"):
            await ask(at, client, poison=1)
        assert at.relay.planner.resting(at.stubs) == ["euclid", "portia", "parrot"]
        for stub in at.stubs.values():
            stub.asked.clear()
        status, headers, _ = await ask(at, "alice")
        assert (status, headers["x-routereval-reason"]) == (
            200,
            "last resort: all rest after errors",
        )
        assert len(at.relay.planner.resting(at.stubs)) == 2  # the answer ended its rest
        for stub in at.stubs.values():
            stub.answer = poisoned(500, message="no")
        await ask(at, "bob", poison=1)
        await ask(at, "carol", poison=1)
        status, headers, body = await ask(at, "alice", poison=1)
        assert (status, body["error"]["code"]) == (503, "no_upstream")
        assert "asked before its time" in body["error"]["message"]
        assert 1 <= int(headers["retry-after"]) <= 100
        await clock.forward(101)
        assert await who(at, "alice")


def test_a_last_resort_is_asked_by_one_at_a_time() -> None:
    breaker = CircuitBreaker(FailoverConfig(failures=1, cooldown_s=5))
    breaker.failed(0.0, "a", evoked=False)
    assert breaker.allow(1.0, "b", early=True)
    assert not breaker.allow(1.0, "c", early=True)
    breaker.failed(1.0, "b")
    assert breaker.rest_s(1.0, "c") == 4.0  # b's failure alone prolongs nobody's rest but b's
    assert breaker.allow(1.0, "c", early=True)
    breaker.abandoned("c")
    assert breaker.allow(5.0, "c")


def test_probes_of_one_client_do_not_prolong_the_rest_of_all() -> None:
    breaker = CircuitBreaker(FailoverConfig(failures=1, cooldown_s=5))
    breaker.failed(0.0, "a")
    breaker.failed(0.0, "b")
    assert breaker.rest_s(0.0, "c") == 5.0
    assert breaker.allow(5.0, "a")
    breaker.failed(5.0, "a")
    assert breaker.rest_s(5.0, "c") == 0.0
    assert breaker.rest_s(5.0, "a") == 10.0
    assert breaker.allow(5.0, "b")
    breaker.failed(5.0, "b")
    assert breaker.rest_s(5.0, "c") == 10.0


def test_refused_connections_are_no_clients_doing() -> None:
    breaker = CircuitBreaker(FailoverConfig(failures=2, cooldown_s=5))
    for _ in range(2):
        breaker.failed(0.0, "a", evoked=False)
    assert breaker.rest_s(0.0) == breaker.rest_s(0.0, "b") == 5.0


@in_loop
async def test_a_4xx_that_all_upstreams_give_goes_back_to_its_client() -> None:
    async with clients() as at:
        for stub in at.stubs.values():
            stub.answer = poisoned(403, code="moderation", message="flagged")
        status, _, body = await ask(at, "eve", poison=1)
        assert (status, body["error"]["code"]) == (403, "moderation")
        at.stubs["portia"].answer = poisoned(500, message="no")
        status, _, body = await ask(at, "eve", poison=1)
        assert (status, body["error"]["code"]) == (502, "upstream_failed")


PRIVATE_UP = {
    "openai_organization": "org-clients-own",
    "openai_project": "proj-clients-own",
    "x_litellm_tags": "a",
    "x_goog_user_project": "p",
    "x_ms_client_principal": "me",
    "x_amz_security_token": "t",
    "cf_aig_authorization": "t",
    "helicone_auth": "t",
    "x_portkey_config": "c",
    "cookie": "a=b",
    "x_real_ip": "1.2.3.4",
    "x_unknown": "1",
}


@in_loop
async def test_headers_that_choose_who_pays_stay_here() -> None:
    async with clients() as at:
        body = {"model": "auto", "messages": [{"role": "user", "content": "prove it"}]}
        await at.post(PATH, body, openai_beta="x", x_stainless_lang="python", **PRIVATE_UP)
        up = at.stubs["euclid"].asked[0].headers
        assert up["openai-beta"] == "x"
        assert up["x-stainless-lang"] == "python"
        assert not {name.replace("_", "-") for name in PRIVATE_UP} & set(up)


PRIVATE_DOWN = {
    "openai_organization": "acme",
    "openai_project": "proj",
    "x_litellm_model_api_base": "http://127.0.0.1:1/v1",
    "llm_provider_server": "x",
    "set_cookie": "a=b",
    "refresh": "0; url=http://evil",
    "clear_site_data": "*",
    "access_control_allow_origin": "*",
    "location": "http://evil",
    "strict_transport_security": "max-age=1",
    "via": "1.1 x",
}


@in_loop
async def test_headers_of_providers_stay_there() -> None:
    async def tells(asked: Asked) -> None:
        await asked.reply(429, {}, retry_after="1", x_ratelimit_limit="9", **PRIVATE_DOWN)

    async with clients() as at:
        at.stubs["parrot"].answer = tells
        body = {"model": "parrot", "messages": [{"role": "user", "content": "prove it"}]}
        status, headers, _ = await at.post(PATH, body)
        assert (status, headers["retry-after"], headers["x-ratelimit-limit"]) == (429, "1", "9")
        assert not {name.replace("_", "-") for name in PRIVATE_DOWN} & set(headers)


@pytest.mark.parametrize("name", ["authorization", "X-RouterEval-Model", "Host", "a b", "é", ""])
def test_some_headers_pass_by_no_configuration(name: str) -> None:
    with pytest.raises(DataError, match=r"\[headers\] up"):
        HeaderFilter(HeadersConfig(up=(name,)))


POISONS: list[tuple[int, dict[str, Any]]] = [
    *ECHOES.values(),
    (400, {"message": "bad"}),
    (401, {"message": "mismatched_organization"}),
    (402, {"message": "can only afford 100 tokens", "code": 402}),
    (403, {"message": "flagged"}),
    (413, {"message": "Request too large, tokens per minute", "code": "rate_limit_exceeded"}),
    (429, {"message": "no", "code": "insufficient_quota"}),
    (429, {"message": "too many", "code": "rate_limit_exceeded"}),
    (500, {"message": "oops"}),
    (503, {"message": "oops"}),
    (0, {}),
]


@pytest.mark.slow
@in_loop
async def test_no_client_is_hurt_by_ten_thousand_hostile_requests() -> None:
    """One client's requests fail in all ways at once; all others get their router's choice."""
    rng = Random(3)  # noqa: S311 - no secret

    async def answer(asked: Asked) -> None:
        status, error = POISONS[asked.json.get("poison", {}).get("kind", 0)]
        await poisoned(status, **error)(asked)

    hostile = hurt = 0
    async with clients() as at:
        for stub in at.stubs.values():
            stub.answer = answer
        for _ in range(1_000 * FUZZ):
            for _ in range(10):
                kind = rng.randrange(len(POISONS))
                headers = dict(rng.sample(sorted(PRIVATE_UP.items()), 2))
                body = {
                    "model": rng.choice(["auto", "auto:cheap", "euclid", "parrot"]),
                    "messages": [{"role": "user", "content": rng.choice(["prove it", "cite it"])}],
                    "poison": {"kind": kind, **WORDS},
                }
                await at.post(PATH, body, authorization="Bearer eve", **headers)
                hostile += 1
            client = rng.choice(["alice", "bob", "carol"])
            hurt += await who(at, client, "prove it") != "euclid"
            hurt += await who(at, client, "cite it") != "portia"
    assert hostile >= 10_000
    assert hurt == 0
