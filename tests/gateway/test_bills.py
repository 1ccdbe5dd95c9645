"""No request makes a key spend more than its budget, and what is booked is what providers bill.

The upstream of the attacks keeps a bill of its own, by what a provider would charge. It is compared
with the budget, and with what the store of keys says was spent.
"""

from __future__ import annotations

import asyncio
import json
import random
import string
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from routereval.gateway import make_config
from routereval.gateway.access.authenticator import DAY_S, KeyAuthenticator
from routereval.gateway.access.keys import NANO, new_key
from routereval.gateway.access.store import open_store
from routereval.gateway.http.chat_request import parse_request, with_usage
from routereval.gateway.http.sse import EventStream
from routereval.gateway.http.usage import read_usage, usage_of_body
from routereval.gateway.protocols import Usage
from routereval.gateway.upstreams.pool import UpstreamPool
from tests.gateway.loop import in_loop, until
from tests.gateway.stubs import DONE, Answer, Asked, Rig, completion, event, rig

PRICE_IN, PRICE_OUT = 10.0, 30.0
TIMES = 20  # that an attack is sent, all at once
PAID = 6  # how many of them the budget pays for
CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
PROVE = {"role": "user", "content": "prove it"}
RANDOM = random.Random(5)  # noqa: S311 - no secret


def noise(letters: str, n: int) -> str:
    return "".join(RANDOM.choices(letters, k=n))


def words(n: int) -> str:
    return "weather " * (n // 8)


def part(kind: str, **fields: object) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": kind, **fields}]}


def picture(**fields: object) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}, **fields}


def tool(text: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", "description": text, "parameters": {}}}


@dataclass
class Attack:
    """Requests that cost much, and what a provider charges for each.

    Attributes:
        tokens: of the prompt and of the answers, as a provider counts.
        body: fields of the request; or bytes.
    """

    tokens: tuple[int, int]
    body: dict[str, Any] | bytes = field(default_factory=dict)
    path: str = CHAT

    @property
    def usd(self) -> float:
        return (self.tokens[0] * PRICE_IN + self.tokens[1] * PRICE_OUT) / 1e6

    @property
    def budget(self) -> float:
        return PAID * self.usd

    def raw(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        start = {"model": "auto"} if "prompt" in self.body else {"model": "auto", "max_tokens": 100}
        messages = {} if "prompt" in self.body else {"messages": [PROVE]}
        return json.dumps({**start, **messages, **self.body}, ensure_ascii=False).encode()


CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": words(100_000)}}
SCHEMA = {"type": "object", "description": words(100_000)}
ATTACKS = {
    "honest": Attack((20, 100)),
    "n": Attack((20, 10_000), {"n": 100}),
    "n as a float": Attack((20, 10_000), {"n": 100.0}),
    "best of": Attack(
        (20, 10_000), {"best_of": 100, "prompt": "x", "max_tokens": 100}, COMPLETIONS
    ),
    "a list of prompts": Attack(
        (200, 10_000), {"prompt": ["x"] * 100, "max_tokens": 100}, COMPLETIONS
    ),
    "two limits": Attack((20, 4_000), {"max_completion_tokens": 1, "max_tokens": 4_000}),
    "two limits the other way": Attack(
        (20, 4_000), {"max_completion_tokens": 4_000, "max_tokens": 1}
    ),
    "a limit as a float": Attack((20, 4_000), {"max_tokens": 4_000.0}),
    "a limit as a text": Attack((20, 4_000), {"max_tokens": "4000"}),
    "thinking": Attack((20, 4_000), {"thinking": {"budget_tokens": 3_900}}),
    "tools": Attack((50_000, 100), {"tools": [tool(words(400_000))]}),
    "many tools": Attack((15_000, 100), {"tools": [tool(words(1_200)) for _ in range(100)]}),
    "numbers in tools": Attack(
        (40_000, 100),
        {"tools": [{"type": "function", "function": {"enum": [n / 7 for n in range(8_000)]}}]},
    ),
    "keys of tools": Attack(
        (30_000, 100), {"tools": [{f"property_{n}_of_it": None for n in range(5_000)}]}
    ),
    "tool calls": Attack(
        (12_500, 100),
        {"messages": [PROVE, {"role": "assistant", "content": None, "tool_calls": [CALL]}, PROVE]},
    ),
    "a schema": Attack(
        (12_500, 100),
        {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}},
    ),
    "a field that nobody knows": Attack((12_500, 100), {"documents": [words(100_000)]}),
    "keys given twice inside": Attack(
        (12_500, 100),
        b'{"model": "auto", "max_tokens": 100, "messages": [{"role": "user", "content": "%b", '
        b'"content": "x"}]}' % words(100_000).encode(),
    ),
    "pictures": Attack(
        (14_450, 100), {"messages": [{"role": "user", "content": [picture()] * 10}]}
    ),
    "pictures that say text": Attack(
        (14_450, 100), {"messages": [{"role": "user", "content": [picture(text="")] * 10}]}
    ),
    "a sound": Attack(
        (9_600, 100),
        {"messages": [part("input_audio", input_audio={"data": "x" * 400_000, "format": "mp3"})]},
    ),
    "a video": Attack(
        (20_000, 100), {"messages": [part("video_url", video_url={"url": "https://x/a.mp4"})]}
    ),
    "a file": Attack(
        (40_000, 100),
        {"messages": [part("file", file={"file_data": "data:application/pdf;" + "x" * 100_000})]},
    ),
    "Chinese": Attack((44_000, 100), {"messages": [{"role": "user", "content": "天" * 40_000}]}),
    "rare characters": Attack(
        (92_000, 100),
        {"messages": [{"role": "user", "content": noise("龘靐齉爩麤灪籱", 40_000)}]},
    ),
    "base64": Attack(
        (28_400, 100),
        {"messages": [{"role": "user", "content": noise(string.ascii_letters + "0123", 40_000)}]},
    ),
    "signs": Attack(
        (26_400, 100), {"messages": [{"role": "user", "content": noise("!@#$%^&*()", 40_000)}]}
    ),
    "emoji": Attack((30_000, 100), {"messages": [{"role": "user", "content": "🦙" * 10_000}]}),
}


def usage_told(attack: Attack) -> dict[str, int]:
    return {"prompt_tokens": attack.tokens[0], "completion_tokens": attack.tokens[1]}


@dataclass
class Bill:
    """What the providers charge in all."""

    attack: Attack
    usd: float = 0.0
    charged: int = 0

    async def plain(self, asked: Asked) -> None:
        self.charge()
        await asyncio.sleep(0.01)
        await asked.reply(200, completion(usage=usage_told(self.attack)))

    async def never(self, asked: Asked) -> None:
        """Works, and does not tell: charged all the same."""
        self.charge()
        await asyncio.Event().wait()

    async def in_one_event(self, asked: Asked) -> None:
        """A stream that tells its usage only where it is asked to."""
        self.charge()
        asks = asked.json.get("stream_options", {}).get("include_usage")
        told = [event("", choices=[], usage=usage_told(self.attack))] if asks else []
        await asked.events(event("so"), event("", choices=[STOP]), *told, DONE)

    def charge(self) -> None:
        self.usd += self.attack.usd
        self.charged += 1


STOP = {"index": 0, "delta": {}, "finish_reason": "stop"}


async def under(
    bill: Bill,
    answer: Answer,
    tmp_path: Path,
    attackers: Callable[[Rig, str], Any],
    **upstream: Any,  # noqa: ANN401 - settings
) -> float:
    """What the store says was spent when all attackers are done, in USD."""
    path = str(tmp_path / "keys.sqlite")
    store = open_store(path, create=True)
    secret, key = new_key("eve", usd_per_day=bill.attack.budget)
    await store.add(key)
    prices = {"price_in": PRICE_IN, "price_out": PRICE_OUT, **upstream}
    tables: Any = {"upstreams": dict.fromkeys(("euclid", "portia", "parrot"), prices)}
    tables["failover"] = {"retry_burst": 1000, "failures": 1000}
    async with rig(authenticator=KeyAuthenticator(store), **tables) as at:
        for stub in at.stubs.values():
            stub.answer = answer
        await attackers(at, secret)
        await until(lambda: not at.relay.in_flight)
    reader = open_store(path)
    today = int(time.time() // DAY_S)
    spent = sum([(await reader.listed(day))[0][1] for day in (today - 1, today)])
    await reader.close()
    assert bill.charged > 0
    return spent / NANO


def all_at_once(attack: Attack, **fields: object) -> Callable[[Rig, str], Any]:
    raw = attack.raw()
    if fields:
        raw = json.dumps({**json.loads(raw), **fields}).encode()

    async def send(at: Rig, secret: str) -> None:
        sent = (at.post(attack.path, raw, authorization=f"Bearer {secret}") for _ in range(TIMES))
        statuses = [status for status, _, _ in await asyncio.gather(*sent)]
        assert set(statuses) <= {200, 429, 502, 504}
        assert 429 in statuses  # without its budget it would have spent more

    return send


@pytest.mark.parametrize("name", ATTACKS)
@in_loop
async def test_the_true_bill_is_within_the_budget(name: str, tmp_path: Path) -> None:
    attack = ATTACKS[name]
    bill = Bill(attack)
    spent = await under(bill, bill.plain, tmp_path, all_at_once(attack))
    assert bill.usd <= attack.budget
    assert spent == pytest.approx(bill.usd, abs=1e-6)


@in_loop
async def test_a_limit_that_stands_twice_stands_once_upstream() -> None:
    twice = (
        b'{"model": "auto", "max_tokens": 4000, "messages": [{"role": "user", "content": "x"}], '
        b'"mod": "n", "m\\u0061x_tokens": 1}'
    )
    async with rig() as at:
        for raw in (
            twice,
            twice.replace(b"\\u0061", b"a"),
            twice.replace(b'"auto"', b'"euclid-1"'),
        ):
            await at.post(CHAT, raw)
        for asked in [request for stub in at.stubs.values() for request in stub.asked]:
            assert asked.body.count(b"max_tokens") == 1
            assert asked.json["max_tokens"] == 1
    assert parse_request(twice).answer_tokens == 1


@in_loop
async def test_streams_that_did_not_ask_for_their_usage_are_billed(tmp_path: Path) -> None:
    attack = Attack((20, 4_000), {"max_tokens": 4_000})
    bill = Bill(attack)
    spent = await under(bill, bill.in_one_event, tmp_path, all_at_once(attack, stream=True))
    assert bill.usd <= attack.budget
    assert spent == pytest.approx(bill.usd, abs=1e-6)


@in_loop
async def test_answers_that_nobody_waits_for_are_billed(tmp_path: Path) -> None:
    attack = Attack((20, 4_000), {"max_tokens": 4_000})
    bill = Bill(attack)

    async def leave(at: Rig, secret: str) -> None:
        sent = [
            asyncio.ensure_future(
                at.post(attack.path, attack.raw(), authorization=f"Bearer {secret}")
            )
            for _ in range(TIMES)
        ]
        await until(lambda: bill.charged + sum(one.done() for one in sent) == TIMES)
        for one in sent:
            one.cancel()
        await asyncio.gather(*sent, return_exceptions=True)

    spent = await under(bill, bill.never, tmp_path, leave)
    assert 0 < bill.usd <= attack.budget
    assert spent == pytest.approx(bill.usd, rel=0.01)


@in_loop
async def test_answers_that_take_too_long_are_billed_at_each_upstream(tmp_path: Path) -> None:
    attack = Attack((20, 4_000), {"max_tokens": 4_000})
    bill = Bill(attack)
    spent = await under(bill, bill.never, tmp_path, all_at_once(attack), answer_s=0.2)
    assert 0 < bill.usd <= attack.budget
    assert spent == pytest.approx(bill.usd, rel=0.01)


@in_loop
async def test_answers_without_a_limit_are_beyond_it_by_no_more_than_those_under_way(
    tmp_path: Path,
) -> None:
    """The documented bound: what answers take beyond `answer_tokens` of requests under way."""
    attack = Attack((20, 3_000), {"max_tokens": None})
    for tokens in (1_000, 3_000):
        bill = Bill(attack)
        folder = tmp_path / str(tokens)
        folder.mkdir()
        spent = await under(bill, bill.plain, folder, all_at_once(attack), answer_tokens=tokens)
        beyond = max(attack.tokens[1] - tokens, 0) * PRICE_OUT / 1e6 * bill.charged
        assert bill.usd <= attack.budget + beyond
        assert spent == pytest.approx(bill.usd, abs=1e-6)


@in_loop
async def test_the_event_that_only_tells_usage_goes_to_those_who_asked() -> None:
    usage = {"prompt_tokens": 70, "completion_tokens": 50}
    only = event("", choices=[], usage=usage)

    async def tells(asked: Asked) -> None:
        assert asked.json["stream_options"]["include_usage"] is True
        await asked.events(event("so", usage=None), event("", choices=[STOP]), only + DONE)

    async with rig() as at:
        at.stubs["euclid"].answer = tells
        whole = await at.stream(stream_options={"include_usage": True})
        assert whole.endswith(only + DONE)
        for options in ({}, {"stream_options": None}, {"stream_options": {"x": 1}}):
            assert await at.stream(**options) == whole.replace(only, b"")
        assert at.stubs["euclid"].asked[-1].json["stream_options"]["x"] == 1
        assert [entry.usage[:3] for entry in at.told] == [(70, 50, False)] * 4


@in_loop
async def test_an_upstream_that_cannot_be_asked_for_usage_is_not() -> None:
    async with rig(upstreams={"euclid": {"stream_usage": False}}) as at:
        await at.stream()
        assert "stream_options" not in at.stubs["euclid"].asked[0].json


def test_asking_for_usage_changes_nothing_else() -> None:
    for raw in (
        b'{"model":"m","stream":true,"seed":1.50}',
        b'{"stream_options" :null,"seed":1.50,"stream":true}',
        b'{"stream_options":{"include_usage":false,"y":[1]} ,"seed":1.50}',
        '{"x": "größe \\"stream_options\\"", "seed": 1.50 }\n'.encode(),
    ):
        made = with_usage(raw)
        before, after = json.loads(raw), json.loads(made)
        assert after["stream_options"]["include_usage"] is True
        assert {**before, "stream_options": 0} == {**after, "stream_options": 0}
        assert b"1.50" in made
    assert with_usage(b'{"stream_options": "x"}') == b'{"stream_options": "x"}'


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"prompt_tokens": 7, "completion_tokens": 5}, Usage(7, 5)),
        ({"prompt_tokens": 7.0, "completion_tokens": "5"}, Usage(7, 5)),
        ({"input_tokens": 7, "output_tokens": 5}, Usage(7, 5)),
        (
            {
                "input_tokens": 7,
                "cache_read_input_tokens": 100,
                "cache_creation_input_tokens": 20,
                "output_tokens": 5,
            },
            Usage(127, 5, False, 100, 20),
        ),
        (
            {
                "input_tokens": 107,
                "input_tokens_details": {"cached_tokens": 100},
                "output_tokens": 5,
            },
            Usage(107, 5, False, 100),
        ),
        (
            {
                "prompt_tokens": 107,
                "completion_tokens": 50,
                "prompt_tokens_details": {"cached_tokens": 100},
                "completion_tokens_details": {"reasoning_tokens": 40},
            },
            Usage(107, 50, False, 100, 0, 40),
        ),
        (
            {"prompt_tokens": 107, "completion_tokens": 5, "prompt_cache_hit_tokens": 100},
            Usage(107, 5, False, 100),
        ),
        (
            {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 1012},
            Usage(7, 1005, False, 0, 0, 1000),
        ),
        ({}, Usage(33, 9, True)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, Usage(33, 0, True)),
        ({"completion_tokens": 5}, Usage(33, 5, True)),
        ({"prompt_tokens": -1, "completion_tokens": True}, Usage(33, 1, True)),
    ],
)
def test_usage_in_the_names_of_all_providers(told: dict[str, Any], usage: Usage) -> None:
    body = json.dumps({"choices": [], "usage": told}).encode()
    found = usage_of_body(body, 33)
    if "completion_tokens" in told or "output_tokens" in told:
        assert found == usage
    else:
        assert found.tokens_in == 33
        assert found.estimated
        assert found.tokens_out > 0


def test_usage_is_found_in_long_events_and_told_in_halves() -> None:
    usage = {"prompt_tokens": 5_000, "completion_tokens": 7_000}
    citations = {"citations": ["https://example.org/" + "x" * 100] * 80}
    before, after = event("x", **citations, usage=usage), event("x", usage=usage, **citations)
    for long in (before, after):
        for size in (1, 1000, len(long)):
            events = EventStream()
            for at in range(0, len(long), size):
                events.take(long[at : at + size])
            events.take(DONE)
            assert events.usage(3) == Usage(5_000, 7_000)
    halves = EventStream()
    halves.take(event("", usage={"input_tokens": 25, "output_tokens": 1}))
    halves.take(event("so", usage={"output_tokens": 15}) + DONE)
    assert halves.usage(3) == Usage(25, 15)


def test_a_model_cannot_forge_its_usage() -> None:
    forged = json.dumps({"choices": [{"text": '"usage": {"prompt_tokens": 1}'}]}).encode()
    assert read_usage(forged).tokens_in is None


def test_what_no_stream_tells_is_counted_by_its_text() -> None:
    events = EventStream()
    events.take(event("weather " * 1000) + DONE)
    assert 1_900 <= events.usage(3).tokens_out <= 2_100
    events = EventStream()
    events.take(event("天" * 1000) + DONE)  # written as escapes
    assert 1_000 <= events.usage(3).tokens_out <= 1_100


def test_cached_and_reasoning_tokens_have_their_own_prices() -> None:
    prices = {"price_in": 10, "price_out": 30}
    own = {"price_cached": 1, "price_cache_write": 12.5, "price_reasoning": 3}
    local = {"name": "m", "base_url": "http://127.0.0.1:1/v1"}
    usage = Usage(100_000, 1_000, False, 99_000, 500, 600)
    for extra, usd in (
        ({}, (100_000 * 10 + 1_000 * 30) / 1e6),
        (own, (500 * 10 + 99_000 * 1 + 500 * 12.5 + 400 * 30 + 600 * 3) / 1e6),
    ):
        upstream = UpstreamPool.of(make_config({"upstream": [{**local, **prices, **extra}]}))["m"]
        assert upstream.price(usage) == pytest.approx(usd)
        assert upstream.price(usage) <= upstream.highest_price(
            parse_request(
                b'{"model":"m","max_tokens":1000,"messages":[{"content":"%b"}]}' % (b"x" * 400_000)
            )
        )


@in_loop
async def test_estimates_are_marked_in_metrics(tmp_path: Path) -> None:
    async def silent(asked: Asked) -> None:
        await asked.reply(200, {"choices": [{"text": "so"}]})

    async with rig() as at:
        at.stubs["euclid"].answer = silent
        await at.ask()
        await at.ask("cite it")
        async with at.session.get(at.url + "/metrics") as answer:
            lines = await answer.text()
        assert 'spend_estimated_usd_total{key="",model="euclid"}' in lines
        assert 'spend_estimated_usd_total{key="",model="portia"}' not in lines


def test_the_context_is_scored_by_the_same_count() -> None:
    raw = json.dumps({"model": "m", "messages": [PROVE], "tools": [tool(words(120_000))]}).encode()
    assert 29_000 < parse_request(raw).prompt_tokens < 32_000
