"""How answers end: errors inside a 200, streams that stop short, deadlines, broken connections."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from routereval.gateway.http.sse import EventStream
from routereval.gateway.upstreams.answers import error_of_answer
from tests.gateway.loop import Clock, in_loop, until
from tests.gateway.stubs import DONE, Asked, completion, event, good, hang_up, rig

ERROR = {"message": "Provider returned error", "code": 502}
STOP = {"index": 0, "delta": {}, "finish_reason": "stop"}


def data(held: object) -> bytes:
    return b"data: " + json.dumps(held).encode() + b"\n\n"


BODIES: dict[str, Any] = {
    "an error": {"error": ERROR},
    "an error as a text": {"error": "overloaded"},
    "an error beside no choices": {"error": ERROR, "choices": []},
    "choices that are null": {"choices": None},
    "no choices": {"choices": []},
    "no choices at all": {"id": "x"},
    "an error for a choice": {"choices": [{"index": 0, "finish_reason": "error", "error": ERROR}]},
    "a used up quota": {"error": {"code": "insufficient_quota", "message": "no"}},
    "no object": [],
}


@pytest.mark.parametrize("name", BODIES)
@in_loop
async def test_an_error_inside_a_200_falls_back(name: str) -> None:
    async def answer(asked: Asked) -> None:
        await asked.reply(200, BODIES[name])

    async with rig() as at:
        at.stubs["euclid"].answer = answer
        status, headers, _ = await at.ask()
        assert (status, headers["x-routereval-model"]) == (200, "portia")
        (entry,) = at.told
        assert [attempt.model for attempt in entry.attempts] == ["euclid", "portia"]
        assert entry.usd == pytest.approx((7 + 2 * 5) / 1e6)  # of the answer alone


def test_answers_that_are_none_of_these() -> None:
    for held in (
        completion(),
        completion(error=None),
        {"choices": [{"text": ""}]},
        {"choices": [{"message": {"content": 'the "error" is mine'}}]},
        {"choices": [{"message": {"content": "half", "refusal": None}, "error": ERROR}]},
        {"choices": [{"logprobs": {"tokens": ["error"], "top": float("nan")}, "message": {}}]},
    ):
        assert error_of_answer(json.dumps(held).encode(), b"", 300) is None, held


EVENTS: dict[str, bytes] = {
    "an error": data({"error": ERROR}),
    "an error after comments": b": OPENROUTER PROCESSING\n\n" * 3 + data({"error": ERROR}),
    "an error event": b"event: error\n" + data({"error": {"message": "overloaded_error"}}),
    "an error with an id": data({"id": "1", "choices": [], "error": ERROR}),
    "choices that are null": data({"choices": None}),
    "an error for a choice": data(
        {"choices": [{"delta": {"content": ""}, "finish_reason": "error", "error": ERROR}]}
    ),
    "nothing but its end": DONE,
    "nothing but comments": b": OPENROUTER PROCESSING\n\n",
}


@pytest.mark.parametrize("name", EVENTS)
@in_loop
async def test_a_first_event_that_is_an_error_falls_back(name: str) -> None:
    async def answer(asked: Asked) -> None:
        await asked.events(EVENTS[name])

    async with rig() as at:
        at.stubs["euclid"].answer = answer
        raw = await at.stream()
        assert raw.endswith(DONE)
        assert b"error" not in raw
        assert [attempt.model for attempt in at.told[0].attempts] == ["euclid", "portia"]


@in_loop
async def test_comments_neither_commit_nor_end_the_patience() -> None:
    begun = asyncio.Event()

    async def comments(asked: Asked) -> None:
        await asked.events(b": OPENROUTER PROCESSING\n\n", end=False)
        begun.set()
        await asyncio.Event().wait()

    async with rig(upstreams={"euclid": {"first_byte_s": 90}}) as at:
        clock = Clock()
        at.stubs["euclid"].answer = comments
        asking = asyncio.ensure_future(at.stream())
        await begun.wait()
        await until(lambda: at.relay.upstreams["euclid"].in_flight)
        await clock.forward(91)
        assert (await asking).endswith(DONE)
        assert [attempt.model for attempt in at.told[0].attempts] == ["euclid", "portia"]


@in_loop
async def test_comments_before_the_answer_are_passed_on_with_it() -> None:
    sent = b": OPENROUTER PROCESSING\n\n" + event("so") + DONE

    async def comments(asked: Asked) -> None:
        await asked.events(*[sent[at : at + 9] for at in range(0, len(sent), 9)])

    async with rig() as at:
        at.stubs["euclid"].answer = comments
        assert await at.stream() == sent


@pytest.mark.parametrize("how", ["chunked", "sized", "unsized"])
@pytest.mark.parametrize(
    ("tail", "whole"),
    [
        (b"", False),
        (event("data: [DONE]"), False),
        (event("[DONE]"), False),
        (
            event("x", choices=[{"index": 0, "delta": {"content": '"finish_reason": "stop"'}}]),
            False,
        ),
        (b"data: [DONE", False),
        (event("", choices=[STOP]), True),
        (DONE, True),
        (event("", choices=[STOP]) + DONE, True),
        (data({"error": ERROR}), True),
    ],
)
@in_loop
async def test_a_stream_that_ends_before_its_answer_ends_in_an_error(
    how: str, tail: bytes, whole: bool
) -> None:
    sent = event("a") + event("b") + tail

    async def ends(asked: Asked) -> None:
        if how == "chunked":
            await asked.events(sent)
            return
        size = b"content-length: %d" % len(sent) if how == "sized" else b"connection: close"
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        await asked.send(head + size + b"\r\n\r\n" + sent)
        if how == "unsized":
            asked.writer.close()
            raise ConnectionResetError

    async with rig() as at:
        at.stubs["euclid"].answer = ends
        raw = await at.stream()
        cut = json.dumps("stream_cut").encode()
        assert (cut in raw) == (not whole)
        assert raw.endswith(b"\n\n")
        if whole:
            assert raw == sent
        if tail == data({"error": ERROR}):
            assert at.told[0].error == "upstream_stream_error"
        else:
            assert at.told[0].error == ("" if whole else "stream_cut")


def test_a_stream_knows_its_end() -> None:
    for last, whole in ((None, False), ("stop", True), ("length", True)):
        events = EventStream()
        events.take(event("so", choices=[{"index": 0, "delta": {}, "finish_reason": last}]))
        assert (events.whole, events.done) == (whole, False)


@in_loop
async def test_a_plain_answer_has_a_deadline_of_its_own() -> None:
    """It is silent until it is whole, and may be so for longer than a stream."""
    begun, end = asyncio.Event(), asyncio.Event()

    async def slow(asked: Asked) -> None:
        begun.set()
        await end.wait()
        await good(asked)

    patience = {"first_byte_s": 60, "idle_s": 60, "answer_s": 100}
    async with rig(upstreams={"euclid": patience}) as at:
        clock = Clock()
        at.stubs["euclid"].answer = slow
        asking = asyncio.ensure_future(at.ask())
        await begun.wait()
        await clock.forward(90)
        end.set()
        assert (await asking)[1]["x-routereval-model"] == "euclid"
        begun.clear()
        end.clear()
        asking = asyncio.ensure_future(at.ask())
        await begun.wait()
        await clock.forward(101)
        assert (await asking)[1]["x-routereval-model"] == "portia"
        assert at.told[1].attempts[0].error == "timeout: did not answer in time"
        end.set()


@pytest.mark.parametrize("worked", [False, True])
@in_loop
async def test_a_kept_connection_that_breaks_after_work_is_not_asked_twice(worked: bool) -> None:
    begun, end = asyncio.Event(), asyncio.Event()

    async def breaks(asked: Asked) -> None:
        begun.set()
        await end.wait()
        await hang_up(asked)

    async with rig() as at:
        euclid = at.stubs["euclid"]
        await at.ask()  # leaves a connection that is kept
        euclid.answer, euclid.asked = breaks, []
        asking = asyncio.ensure_future(at.ask())
        await begun.wait()
        if worked:
            await Clock().forward(1)
        else:
            euclid.answer = good
        end.set()
        _, headers, _ = await asking
        assert headers["x-routereval-model"] == ("portia" if worked else "euclid")
        assert len(euclid.asked) == (1 if worked else 2)
        lost = at.told[1].attempts[0].lost_usd
        assert (lost > 0) == worked  # its provider may bill it


@in_loop
async def test_a_new_connection_that_breaks_is_not_asked_twice() -> None:
    async with rig() as at:
        at.stubs["euclid"].answer = hang_up
        assert (await at.ask())[1]["x-routereval-model"] == "portia"
        assert len(at.stubs["euclid"].asked) == 1
