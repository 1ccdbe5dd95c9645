from __future__ import annotations

import asyncio
import json

import pytest

from routereval.gateway.api_error import ApiError
from routereval.gateway.config import FailoverConfig
from routereval.gateway.http.sse import EventStream
from routereval.gateway.upstreams.circuit_breaker import CircuitBreaker, RetryBudget
from tests.gateway.loop import Clock, in_loop, settled, until
from tests.gateway.stubs import DONE, Answer, Asked, Stub, event, good, hang_up, rig


def says(status: int, code: str = "x", message: str = "no", **headers: str) -> Answer:
    async def answer(asked: Asked) -> None:
        await asked.reply(status, {"error": {"code": code, "message": message}}, **headers)

    return answer


async def hang(asked: Asked) -> None:
    await asyncio.Event().wait()


async def not_http(asked: Asked) -> None:
    await asked.send(b"SSH-2.0-nonsense\r\n\r\n" * 10)


async def not_json(asked: Asked) -> None:
    await asked.reply(200, b"<html>It works!</html>", content_type="text/html")


async def half_an_answer(asked: Asked) -> None:
    await asked.send(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n" + b'{"choices": [')
    await hang_up(asked)


async def stops_in_its_answer(asked: Asked) -> None:
    await asked.send(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n" + b'{"choices": [')
    await hang(asked)


async def redirects(asked: Asked) -> None:
    await asked.reply(302, b"{}", location="http://127.0.0.1:1/")


async def no_events(asked: Asked) -> None:
    await asked.events()


async def unasked_events(asked: Asked) -> None:
    await asked.events(event("1"), DONE)


ELSEWHERE = {
    "unasked events": unasked_events,
    "closes": hang_up,
    "hangs": hang,
    "no HTTP": not_http,
    "no JSON": not_json,
    "cut": half_an_answer,
    "stops": stops_in_its_answer,
    "redirect": redirects,
    "no events": no_events,
    "401": says(401, "invalid_api_key", "Incorrect API key provided: sk-12***89"),
    "402": says(402),
    "404": says(404, "model_not_found"),
    "408": says(408),
    "409": says(409),
    "429": says(429, retry_after="3"),
    "500": says(500),
    "503": says(503),
    "529": says(529),
    "quota by 429": says(429, "insufficient_quota"),
    "quota by 400": says(400, "x", "Your credit balance is too low to access the API"),
    "quota by 403": says(403, "x", "Insufficient credits"),
    "context": says(400, "context_length_exceeded"),
}


@pytest.mark.parametrize("name", ELSEWHERE)
@in_loop
async def test_the_next_best_is_asked(name: str) -> None:
    hangs = {"answer_s": 0.2} if name in {"hangs", "stops"} else {}
    async with rig(upstreams={"euclid": hangs}) as at:
        at.stubs["euclid"].answer = ELSEWHERE[name]
        streamed = name == "no events"
        messages = [{"role": "user", "content": "prove it"}]
        body = {"model": "auto", "messages": messages, "stream": streamed}
        status, headers, _ = await at.post("/v1/chat/completions", body)
        assert status == 200
        assert headers["x-routereval-model"] == "portia"
        assert "; after euclid" in headers["x-routereval-reason"]
        (entry,) = at.told
        assert [a.model for a in entry.attempts] == ["euclid", "portia"]
        assert entry.attempts[0].error
        assert entry.decision.model == "euclid"
        assert not at.stubs["parrot"].asked


@in_loop
async def test_an_upstream_that_refuses_connections() -> None:
    async with rig() as at:
        gone = at.relay.upstreams["euclid"].target
        gone.origin = ("127.0.0.1", 1, False)
        assert (await at.ask())[1]["x-routereval-model"] == "portia"


@in_loop
async def test_what_is_the_clients_own_affair_is_passed_on() -> None:
    async with rig() as at:
        at.stubs["euclid"].answer = says(422, "bad", "temperature is not a colour")
        status, headers, body = await at.ask()
        assert (status, body["error"]["code"]) == (422, "bad")
        assert headers["x-routereval-model"] == "euclid"
        assert not at.stubs["portia"].asked


@in_loop
async def test_a_named_models_fault_is_passed_on() -> None:
    async with rig() as at:
        at.stubs["parrot"].answer = says(429, "slow_down", retry_after="7")
        status, headers, body = await at.ask(model="parrot")
        assert (status, headers["retry-after"], body["error"]["code"]) == (429, "7", "slow_down")
        at.stubs["parrot"].answer = says(401, "x", "bad key sk-12***89")
        status, _, body = await at.ask(model="parrot")
        assert status == 502
        assert body["error"]["message"] == "no upstream answered: parrot refused the gateway's key"
        assert len(at.stubs["euclid"].asked) == 0


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (says(500), 502, "upstream_failed"),
        (says(429, retry_after="9"), 429, "rate_limit_exceeded"),
        (hang, 504, "upstream_timeout"),
        (hang_up, 502, "upstream_failed"),
    ],
)
@in_loop
async def test_when_nobody_answers(answer: Answer, status: int, code: str) -> None:
    patience = {"answer_s": 0.1} if answer is hang else {}
    async with rig(upstreams=dict.fromkeys(("euclid", "portia", "parrot"), patience)) as at:
        for stub in at.stubs.values():
            stub.answer = answer
        got, headers, body = await at.ask()
        assert (got, body["error"]["code"]) == (status, code)
        assert all(name in body["error"]["message"] for name in at.stubs)
        if status == 429:
            assert headers["retry-after"] == "9"
        assert at.told[0].error == code
        assert at.told[0].model == ""


@in_loop
async def test_attempts_and_retries_are_limited() -> None:
    async with rig(failover={"attempts": 2, "retry_burst": 3, "retry_ratio": 0.0}) as at:
        for stub in at.stubs.values():
            stub.answer = says(409)  # no fault of the upstream's: it is not left alone
        for _ in range(5):
            await at.ask()
        assert [len(entry.attempts) for entry in at.told] == [2, 2, 2, 1, 1]


@in_loop
async def test_cooldown_and_the_way_back() -> None:
    async with rig(failover={"failures": 2, "cooldown_s": 50}) as at:
        clock = Clock()
        euclid = at.stubs["euclid"]
        euclid.answer = says(500)
        who = [(await at.ask())[1]["x-routereval-model"] for _ in range(4)]
        assert who == ["portia"] * 4
        assert len(euclid.asked) == 2
        _, _, decision = await at.post(
            "/v1/route", {"model": "auto", "messages": [{"role": "user", "content": "prove it"}]}
        )
        assert decision["resting"] == ["euclid"]
        await clock.forward(51)
        await at.ask()  # a probe, which fails: twice as long a rest
        assert len(euclid.asked) == 3
        euclid.answer = good
        await clock.forward(51)
        assert (await at.ask())[1]["x-routereval-model"] == "portia"
        await clock.forward(51)
        assert (await at.ask())[1]["x-routereval-model"] == "euclid"
        assert (await at.ask())[1]["x-routereval-model"] == "euclid"


@in_loop
async def test_only_one_request_probes() -> None:
    async with rig(failover={"failures": 1, "cooldown_s": 50}) as at:
        clock, others_are_answered = Clock(), asyncio.Event()
        euclid = at.stubs["euclid"]
        euclid.answer = says(500)
        await at.ask()
        await clock.forward(51)

        async def slowly(asked: Asked) -> None:
            await others_are_answered.wait()
            await good(asked)

        euclid.answer = slowly
        asking = [asyncio.ensure_future(at.ask()) for _ in range(8)]
        await until(lambda: sum(one.done() for one in asking) == 7)
        others_are_answered.set()
        answers = await asyncio.gather(*asking)
        who = [headers["x-routereval-model"] for _, headers, _ in answers]
        assert sorted(who) == ["euclid"] + ["portia"] * 7


@in_loop
async def test_retry_after_is_honoured_at_once() -> None:
    async with rig() as at:
        at.stubs["euclid"].answer = says(429, retry_after="200")
        for _ in range(3):
            await at.ask()
        assert len(at.stubs["euclid"].asked) == 1
        now = asyncio.get_running_loop().time()
        assert 0 < at.relay.upstreams["euclid"].breaker.rest_s(now, "127.0.0.1") <= 200


@in_loop
async def test_all_resting_says_when_to_come_back() -> None:
    async with rig() as at:
        for stub in at.stubs.values():
            stub.answer = says(503, retry_after="200")
        await at.ask()
        status, headers, body = await at.ask()
        assert (status, body["error"]["code"]) == (503, "no_upstream")
        assert 1 < int(headers["retry-after"]) <= 200
        async with at.session.get(at.url + "/readyz") as answer:
            assert answer.status == 200  # others may be served
        for upstream in at.relay.upstreams.values():
            upstream.breaker.failed(asyncio.get_running_loop().time(), "another", 200)
        async with at.session.get(at.url + "/readyz") as answer:
            assert answer.status == 503


def cut_points() -> list[int]:
    """Places of every kind in two events: between, after the name, in a word, before the end."""
    whole = event("1") + event("é2")
    first = len(event("1"))
    inner = whole.index(b"\\u00e9")
    return [1, 6, first - 1, first, first + 3, inner + 2, len(whole) - 1]


@pytest.mark.parametrize("at_byte", cut_points())
@pytest.mark.parametrize("how", ["chunked", "unsized"])
@in_loop
async def test_a_break_in_mid_stream_is_told(at_byte: int, how: str) -> None:
    whole = event("1") + event("é2")
    begun = asyncio.Event()

    async def cut(asked: Asked) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        if how == "chunked":
            head += b"transfer-encoding: chunked\r\n\r\n"
            await asked.send(head + b"%x\r\n%b" % (len(whole), whole[:at_byte]))
        else:
            await asked.send(head + b"connection: close\r\n\r\n" + whole[:at_byte])
        await begun.wait()
        asked.writer.close()
        raise ConnectionResetError

    async with rig() as at:
        at.stubs["euclid"].answer = cut
        if at_byte < len(event("1")):  # nothing has come that could be passed on
            begun.set()
            assert (await at.stream()).endswith(DONE)
            assert [attempt.model for attempt in at.told[0].attempts] == ["euclid", "portia"]
            return
        async with at.streaming() as answer:
            begun.set()
            raw = await answer.read()
        events = [json.loads(part[6:]) for part in raw.split(b"\n\n") if part]
        assert raw.endswith(b"\n\n")
        assert events[-1]["error"]["code"] == "stream_cut"
        assert "euclid broke off its answer in mid-stream" in events[-1]["error"]["message"]
        whole_events = whole[:at_byte].count(b"\n\n")
        assert len(events) == whole_events + 1
        assert at.told[0].error == "stream_cut"
        assert not at.stubs["portia"].asked  # nobody is answered twice


@in_loop
async def test_a_stream_that_falls_silent_is_told() -> None:
    async def silent(asked: Asked) -> None:
        await asked.events(event("1"), end=False)
        await hang(asked)

    async with rig(upstreams={"euclid": {"idle_s": 20}}) as at:
        clock = Clock()
        at.stubs["euclid"].answer = silent
        async with at.streaming() as answer:
            assert await answer.content.readuntil(b"\n\n") == event("1")
            await clock.forward(21)
            assert b"euclid fell silent in mid-stream" in await answer.read()
        await until(lambda: at.stubs["euclid"].gone == 1)


@in_loop
async def test_a_dribble_comes_to_an_end() -> None:
    async def dribble(asked: Asked) -> None:
        await asked.events(*[event("d")] * 10_000, pause=0.01)

    async with rig(upstreams={"euclid": {"total_s": 90, "idle_s": 40}}) as at:
        clock = Clock()
        at.stubs["euclid"].answer = dribble
        async with at.streaming() as answer:
            for _ in range(3):  # 30 s, never silent for as long as 40 s
                assert await answer.content.readuntil(b"\n\n") == event("d")
                await clock.forward(30)
            last = (await answer.read()).split(b"\n\n")[-2]
        assert json.loads(last[6:])["error"]["code"] == "stream_cut"
        assert "fell silent" in str(at.told[0].attempts)


@pytest.mark.parametrize("streamed", [True, False])
@in_loop
async def test_a_client_that_leaves_stops_its_upstream(streamed: bool) -> None:
    async def endless(asked: Asked) -> None:
        if streamed:
            await asked.events(*[event("x")] * 5, end=False)
        await hang(asked)

    async with rig() as at:
        at.stubs["euclid"].answer = endless
        if streamed:
            async with at.streaming() as answer:
                for _ in range(5):
                    await answer.content.readuntil(b"\n\n")
        else:
            asking = asyncio.ensure_future(at.ask())
            await until(lambda: at.stubs["euclid"].asked)
            asking.cancel()
        await until(lambda: at.stubs["euclid"].gone and at.told)
        assert at.stubs["euclid"].gone == 1
        assert at.told[0].status == 499
        assert at.relay.in_flight == 0
        assert at.relay.upstreams["euclid"].in_flight == 0
        if streamed:
            assert at.told[0].usage.tokens_out > 3


@in_loop
async def test_a_client_that_does_not_take_its_answer_is_left() -> None:
    sent = []

    async def flood(asked: Asked) -> None:
        await asked.events(end=False)
        for _ in range(10_000):
            await asked.send(b"186a0\r\n" + b"x" * 100_000 + b"\r\n")
            sent.append(1)

    async with rig(limits={"request_s": 1000}) as at:
        clock = Clock()
        at.stubs["euclid"].answer = flood
        body = json.dumps({"model": "auto", "stream": True, "messages": [{"role": "user"}]})
        host, port = at.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1)
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        writer.write((head + body).encode())
        await until(lambda: sent)
        await settled(lambda: len(sent))  # everybody waits for this client
        await clock.forward(1200)
        await until(lambda: at.told)
        assert at.told[0].status == 499
        assert at.relay.in_flight == 0
        writer.close()
        assert reader is not None


@in_loop
async def test_more_than_the_limit_is_refused_at_once() -> None:
    refused = asyncio.Event()

    async def slow(asked: Asked) -> None:
        await refused.wait()
        await good(asked)

    async with rig(limits={"in_flight": 4}) as at:
        for stub in at.stubs.values():
            stub.answer = slow
        waiting = [asyncio.ensure_future(at.ask()) for _ in range(12)]
        await until(lambda: sum(one.done() for one in waiting) == 8)
        for answer in filter(asyncio.Future.done, waiting):
            status, headers, body = answer.result()
            assert (status, body["error"]["code"]) == (503, "overloaded")
            assert headers["retry-after"] == "1"
        refused.set()
        assert {status for status, _, _ in await asyncio.gather(*waiting)} == {200, 503}


@in_loop
async def test_an_upstream_that_is_full_is_passed_over() -> None:
    refused = asyncio.Event()

    async def slow(asked: Asked) -> None:
        await refused.wait()
        await good(asked)

    full = {name: {"concurrency": 2} for name in ("euclid", "portia", "parrot")}
    async with rig(upstreams=full) as at:
        for stub in at.stubs.values():
            stub.answer = slow
        asking = [asyncio.ensure_future(at.ask()) for _ in range(8)]
        await until(lambda: sum(one.done() for one in asking) == 2)
        refused.set()
        answers = await asyncio.gather(*asking)
        who = [headers.get("x-routereval-model") for _, headers, _ in answers]
        assert {name: who.count(name) for name in at.stubs} == dict.fromkeys(at.stubs, 2)
        assert sum(status == 503 for status, _, _ in answers) == 2


@in_loop
async def test_a_kept_connection_that_has_died_is_replaced() -> None:
    async def once(asked: Asked) -> None:
        await good(asked)
        asked.writer.close()
        raise ConnectionResetError

    async with rig() as at:
        at.stubs["euclid"].answer = once
        for _ in range(3):
            assert (await at.ask())[1]["x-routereval-model"] == "euclid"
            await asyncio.sleep(0.03)


def test_a_pause_is_bounded_and_a_probe_that_leaves_is_no_verdict() -> None:
    breaker = CircuitBreaker(FailoverConfig(longest_cooldown_s=100, quota_cooldown_s=10))
    breaker.failed(0.0, "a", 1e9, evoked=False)
    assert breaker.rest_s(0.0) == 100
    assert breaker.allow(101, "b")
    breaker.abandoned("b")
    assert breaker.allow(101, "b")
    assert not breaker.allow(101, "b")
    breaker.succeeded("b")
    assert breaker.allow(101, "b")


def test_the_retry_budget_is_a_share() -> None:
    budget = RetryBudget(0.5, 10)
    taken = 0
    for _ in range(1000):
        budget.earn()
        taken += budget.take()
    assert 500 <= taken <= 511


LAST = b"data: [DONE]\n\n"


@pytest.mark.parametrize("at_byte", range(len(event("1")), len(event("1") + LAST) + 1))
@pytest.mark.parametrize("how", ["chunked", "unsized"])
@in_loop
async def test_a_last_event_that_is_cut_is_completed_or_replaced(at_byte: int, how: str) -> None:
    whole = event("1") + LAST
    begun = asyncio.Event()

    async def cut(asked: Asked) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        if how == "chunked":
            head += b"transfer-encoding: chunked\r\n\r\n%x\r\n" % (len(whole) + 9)
        else:
            head += b"connection: close\r\n\r\n"
        await asked.send(head + whole[:at_byte])
        await begun.wait()
        asked.writer.close()
        raise ConnectionResetError

    async with rig() as at:
        at.stubs["euclid"].answer = cut
        async with at.streaming() as answer:
            begun.set()
            raw = await answer.read()
        last = raw.removeprefix(event("1"))
        if at_byte >= len(whole) - 2:  # [DONE] is there: the answer is whole
            assert last == LAST
            assert at.told[0].error == ""
        else:
            assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == "stream_cut"
            assert last.endswith(b"\n\n")


@pytest.mark.parametrize("said", ["[DONE]", "data: [DONE]", "x\ndata: [DONE]\n\n"])
def test_a_model_that_says_done_ends_no_stream(said: str) -> None:
    events = EventStream()
    events.take(event(said))
    assert not events.done
    events.take(event(said)[:-2])
    assert not events.done
    assert events.rest(cut=True) == b""
    assert not events.take(DONE[:-1])
    assert events.done


def test_an_error_begins_an_event_of_its_own() -> None:
    events = EventStream()
    assert events.take(b"data: " + b"x" * 2_000_000)  # too long to be held until its end
    assert events.error(ApiError(502, "no")).startswith(b"\n\ndata: {")
    events.take(b"x\n\n")
    assert events.error(ApiError(502, "no")).startswith(b"data: {")


def test_an_event_that_never_ends_does_not_fill_the_memory() -> None:
    events = EventStream()
    passed = sum(len(events.take(b"x" * 100_000)) for _ in range(30))
    assert passed > 2_000_000


def test_stub_says_what_it_did() -> None:
    assert Stub().answer is good
    assert DONE.endswith(b"\n\n")
