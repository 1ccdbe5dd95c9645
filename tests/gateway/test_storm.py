"""Many requests while upstreams fail in every way: each ends, once, and the report adds up."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from routereval.gateway.protocols import OpenAuthorization, Usage
from tests.fuzzing import FUZZ
from tests.gateway.loop import in_loop
from tests.gateway.stubs import DONE, Asked, event, good, hang_up, rig

REQUESTS, CONCURRENCY, FAULTY = 2000, 64, 0.3
DEADLINE_S = 200.0
PATIENCE_S = 5.0  # only those that hang or dribble take so long


class SpendCounter:
    """A door that adds up what requests cost."""

    def __init__(self) -> None:
        self.opened = 0
        self.reports: list[float] = []

    async def identify(self, key: str | None) -> OpenAuthorization:
        return OpenAuthorization()

    async def authorize(self, key: str | None, model: str, now: float) -> PaidAuthorization:
        self.opened += 1
        return PaidAuthorization(self)

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass


class PaidAuthorization(OpenAuthorization):
    """Notes its report with the authenticator."""

    def __init__(self, counter: SpendCounter) -> None:
        self._counter = counter

    def settle(self, usage: Usage, usd: float) -> None:
        self._counter.reports.append(usd)


class Failing:
    """An upstream that fails now and then, and notes whom it answered in full."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.answered: Counter[str] = Counter()

    async def __call__(self, asked: Asked) -> None:
        if self._rng.random() >= FAULTY:
            await good(asked)
            self.answered[asked.json["user"]] += 1
            return
        await self._rng.choice(FAULTS)(asked)


async def refuse(asked: Asked) -> None:
    await hang_up(asked)


async def hang(asked: Asked) -> None:
    await asyncio.sleep(DEADLINE_S)


async def busy(asked: Asked) -> None:
    await asked.reply(429, {"error": {"message": "slow down"}}, retry_after="0.01")


async def broken(asked: Asked) -> None:
    await asked.reply(500, b"oops")


async def garbage(asked: Asked) -> None:
    await asked.send(b"\x00\x01garbage\r\n\r\n")


async def cut(asked: Asked) -> None:
    """Break off anywhere in a stream, or in a plain answer."""
    whole = event("so") + event("it") + DONE
    part = whole[: random.randrange(len(whole))]  # noqa: S311 - no secret
    if asked.json.get("stream"):
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        await asked.send(head + b"transfer-encoding: chunked\r\n\r\n%x\r\n" % len(whole) + part)
    else:
        await asked.send(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n" + part)
    await hang_up(asked)


async def dribble(asked: Asked) -> None:
    await asked.events(*(bytes([letter]) for letter in event("so")), pause=1.0)


FAULTS = [refuse, hang, busy, broken, garbage, cut, dribble]


async def one(session: aiohttp.ClientSession, url: str, number: int, streamed: bool) -> str:
    """How a request ended: ``answer``, ``cut`` or the status of its error."""
    verb = ("prove", "cite")[number % 2]
    messages = [{"role": "user", "content": f"{verb} it {number}"}]
    body = {"model": "auto", "messages": messages, "stream": streamed, "user": str(number)}
    async with asyncio.timeout(DEADLINE_S):
        async with session.post(url + "/v1/chat/completions", json=body) as answer:
            raw = await answer.read()
    if answer.status != 200:
        assert json.loads(raw)["error"]["message"]
        return str(answer.status)
    if not streamed:
        assert json.loads(raw)["choices"]
        return "answer"
    events = [part for part in raw.split(b"\n\n") if part]
    held = [json.loads(part[6:]) for part in events if part != b"data: [DONE]"]
    if "error" in held[-1]:
        return "cut"
    assert events[-1] == b"data: [DONE]"
    return "answer"


@pytest.mark.slow
@in_loop
async def test_every_request_ends_once_and_the_bill_adds_up() -> None:
    counter, rng = SpendCounter(), random.Random(7)  # noqa: S311 - no secret
    patience = {"first_byte_s": PATIENCE_S, "answer_s": PATIENCE_S, "total_s": 2 * PATIENCE_S}
    upstream = {**patience, "concurrency": 64}
    tables: dict[str, Any] = {
        "upstreams": dict.fromkeys(("euclid", "portia", "parrot"), upstream),
        "failover": {"cooldown_s": 0.02, "failures": 5, "longest_cooldown_s": 0.1},
    }
    async with rig(authenticator=counter, **tables) as at:
        upstreams = {name: Failing(rng) for name in at.stubs}
        for name, stub in at.stubs.items():
            stub.answer = upstreams[name]
        ends: Counter[str] = Counter()
        numbers = iter(range(REQUESTS * FUZZ))

        async def client() -> None:
            for number in numbers:
                ends[await one(at.session, at.url, number, number % 3 == 0)] += 1

        await asyncio.gather(*(client() for _ in range(CONCURRENCY)))
        total = REQUESTS * FUZZ
        assert sum(ends.values()) == total
        assert ends["answer"] > 0.7 * total
        assert set(ends) <= {"answer", "cut", "429", "502", "503", "504"}
        answered = sum((one.answered for one in upstreams.values()), Counter[str]())
        late = {entry.text.split()[-1] for entry in at.told if "timeout" in str(entry.attempts)}
        assert all(times == 1 or number in late for number, times in answered.items())
        assert all(sum(not a.error for a in entry.attempts) <= 1 for entry in at.told)
        assert len(at.told) == len(counter.reports) == counter.opened == total
        told = sum(Decimal(str(entry.usd)) for entry in at.told)
        assert sum(Decimal(str(report)) for report in counter.reports) == told
        paid = sum(entry.usd > 0 for entry in at.told if entry.status == 200 and not entry.error)
        assert paid == ends["answer"]
        assert at.relay.in_flight == 0
        assert {place.in_flight for place in at.relay.upstreams.values()} == {0}
