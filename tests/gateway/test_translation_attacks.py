"""Streams as hostile or odd services send them: what is whole arrives whole, or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routereval.gateway.dialects.apis import CHAT, MESSAGES, RESPONSES, Api
from routereval.gateway.dialects.chat_answer import AnswerError
from routereval.gateway.dialects.translation import Frame, translated_answer, translated_stream
from routereval.gateway.http.sse import TRANSLATED_EVENT_BYTES, EventStream
from tests.gateway.dialects import chunk, chunks, events_of, parts
from tests.gateway.loop import in_loop
from tests.gateway.stubs import DONE, Asked, event, rig
from tests.gateway.test_chat_translation import called, function
from tests.gateway.test_dialects import event as named
from tests.gateway.test_kept_turns import respond

Calls = list[tuple[str, str, str]]
"""Ids, names and arguments."""
APIS = (CHAT, MESSAGES, RESPONSES)
PAIRS = [
    pytest.param(api, spoken, id=f"{spoken.name} to {api.name}")
    for api in APIS
    for spoken in APIS
    if api is not spoken
]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
GIVEN = st.dictionaries(TEXTS, TEXTS | st.integers() | st.lists(TEXTS, max_size=2), max_size=3)
ARGUMENTS = st.builds(
    lambda held, ascii_, spaces: json.dumps(held, ensure_ascii=ascii_, indent=spaces),
    GIVEN,
    st.booleans(),
    st.sampled_from([None, 1]),
)
NAMES = st.sampled_from(["Bash", "größe", "a.b"])
CALLS = st.lists(st.tuples(NAMES, ARGUMENTS), max_size=3).map(
    lambda held: [(f"call-{n}", name, given) for n, (name, given) in enumerate(held)]
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


def chat_stream(text: str, calls: Calls, size: int) -> Iterator[bytes]:
    tools = [{"id": i, **function(name, arguments=given)} for i, name, given in calls]
    message = {"content": text, "tool_calls": tools}
    choice = {"message": message, "finish_reason": "tool_calls" if calls else "stop"}
    usage = {"prompt_tokens": 41, "completion_tokens": 7}
    yield from chunks({"choices": [choice], "usage": usage}, size)


def messages_stream(text: str, calls: Calls, size: int) -> Iterator[bytes]:
    yield named("message_start", message={"usage": {"input_tokens": 41, "output_tokens": 1}})
    yield named("content_block_start", index=0, content_block={"type": "text", "text": ""})
    for one in parts(text, size):
        delta = {"type": "text_delta", "text": one}
        yield named("content_block_delta", index=0, delta=delta)
    for index, (identity, name, arguments) in enumerate(calls, 1):
        block = {"type": "tool_use", "id": identity, "name": name, "input": {}}
        yield named("content_block_start", index=index, content_block=block)
        for one in parts(arguments, size):
            delta = {"type": "input_json_delta", "partial_json": one}
            yield named("content_block_delta", index=index, delta=delta)
        yield named("content_block_stop", index=index)
    stop = {"stop_reason": "tool_use" if calls else "end_turn"}
    yield named("message_delta", delta=stop, usage={"output_tokens": 7})
    yield named("message_stop")


def responses_stream(text: str, calls: Calls, size: int) -> Iterator[bytes]:
    yield named("response.created", response={"id": "resp_1"})
    for one in parts(text, size):
        yield named("response.output_text.delta", output_index=0, delta=one)
    for place, (identity, name, arguments) in enumerate(calls, 1):
        item = {"type": "function_call", "call_id": identity, "name": name, "arguments": ""}
        yield named("response.output_item.added", output_index=place, item=item)
        for one in parts(arguments, size):
            kind = "response.function_call_arguments.delta"
            yield named(kind, output_index=place, delta=one)
        yield named(
            "response.output_item.done", output_index=place, item={**item, "arguments": arguments}
        )
    usage = {"input_tokens": 41, "output_tokens": 7}
    yield named("response.completed", response={"status": "completed", "usage": usage})


STREAMS = {"chat": chat_stream, "messages": messages_stream, "responses": responses_stream}


def text_and_calls(api: Api, stream: bytes) -> tuple[str, Calls]:
    """What a client makes of a stream, and that its events come in a possible order."""
    if api is CHAT:
        lines = [line[6:] for line in stream.split(b"\n") if line.startswith(b"data: {")]
        deltas = [one["delta"] for line in lines for one in json.loads(line)["choices"]]
        text = "".join(delta.get("content") or "" for delta in deltas)
        begun = [call for delta in deltas for call in delta.get("tool_calls", ()) if "id" in call]
        names = [call["function"]["name"] for call in begun]
        return text, [(i, n, g) for (i, g), n in zip(called(stream), names, strict=True)]
    events = events_of(stream)
    if api is RESPONSES:
        output = events[-1][1]["response"]["output"]
        assert [held["sequence_number"] for _, held in events] == list(range(len(events)))
        texts = [item["content"][0]["text"] for item in output if item["type"] == "message"]
        items = [item for item in output if item["type"] == "function_call"]
        return "".join(texts), [(i["call_id"], i["name"], i["arguments"]) for i in items]
    text, calls = "", []
    for kind, held in events:
        delta = held.get("delta", {})
        if kind == "content_block_start" and held["content_block"]["type"] == "tool_use":
            calls.append([held["content_block"]["id"], held["content_block"]["name"], ""])
        elif kind == "content_block_delta":
            text += delta.get("text", "")
            if "partial_json" in delta:
                calls[-1][2] += delta["partial_json"]
    return text, [(identity, name, given or "{}") for identity, name, given in calls]


@pytest.mark.parametrize(("api", "spoken"), PAIRS)
@given(turn=st.tuples(TEXTS, CALLS), size=st.integers(1, 9), step=st.integers(1, 60), end=ENDS)
@settings(max_examples=20, deadline=None)
def test_whatever_the_pieces_ids_order_and_arguments_stay(
    api: Api, spoken: Api, turn: tuple[str, Calls], size: int, step: int, end: bytes
) -> None:
    """In pieces of so many bytes, with each of the ways of ending lines, and comments between."""
    sent = b": comment\n\n".join(STREAMS[spoken.name](*turn, size))
    sent = sent.replace(b"\n", end)
    source = EventStream(api=spoken, longest=TRANSLATED_EVENT_BYTES)
    stream = translated_stream(Frame(api, spoken, "9", usage=True))
    made = b""
    for at in range(0, len(sent), step):
        made += stream.take(source.take(sent[at : at + step]))
    made += stream.take(source.rest()) + stream.end()
    assert text_and_calls(api, made) == turn
    assert source.usage(0)[:3] == (41, 7, False)
    assert b"41" in made


@pytest.mark.parametrize("api", [MESSAGES, RESPONSES], ids=["messages", "responses"])
def test_halves_of_a_character_in_two_events_are_joined(api: Api) -> None:
    """Some services cut texts by units of UTF-16."""
    call = {"index": 0, "id": "c", **function("f", arguments='{"a": "\ud83d')}
    more = {"index": 0, "function": {"arguments": '\ude00"}'}}
    stream = translated_stream(Frame(api, CHAT, "9"))
    made = b"".join(
        map(
            stream.take,
            [
                chunk(content="a\ud83d"),
                chunk(content="\ude00"),
                chunk(tool_calls=[call]),
                chunk(tool_calls=[more]),
                chunk("tool_calls"),
            ],
        )
    )
    assert text_and_calls(api, made + stream.end()) == ("a😀", [("c", "f", '{"a": "😀"}')])
    stream = translated_stream(Frame(api, CHAT, "9"))
    made = stream.take(chunk(content="a\ud83d")) + stream.end()
    assert text_and_calls(api, made) == ("a\ufffd", [])


def test_a_call_of_megabytes_in_one_event_is_translated() -> None:
    given = json.dumps({"content": "x" * 1_200_000})
    call = {"index": 0, "id": "c", **function("Write", arguments=given)}
    sent = chunk(tool_calls=[call]) + chunk("tool_calls") + DONE
    source = EventStream(longest=TRANSLATED_EVENT_BYTES)
    stream = translated_stream(Frame(MESSAGES, CHAT, "9"))
    pieces = [sent[at : at + 65_536] for at in range(0, len(sent), 65_536)]
    made = b"".join(stream.take(source.take(piece)) for piece in pieces) + stream.end()
    assert text_and_calls(MESSAGES, made)[1] == [("c", "Write", given)]


@pytest.mark.parametrize("index", [1, 7])
def test_a_second_answer_that_nobody_asked_for_is_left_out(index: int) -> None:
    other = json.dumps({"choices": [{"index": index, "delta": {"content": "no"}}]}).encode()
    stream = translated_stream(Frame(MESSAGES, CHAT, "9"))
    made = stream.take(chunk(content="yes")) + stream.take(b"data: " + other + b"\n\n")
    assert text_and_calls(MESSAGES, made + stream.end())[0] == "yes"


def test_an_answer_that_comes_in_its_last_event_only_is_whole() -> None:
    item = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    said = {"type": "message", "content": [{"type": "output_text", "text": "so"}]}
    done = {"status": "completed", "output": [said, item]}
    stream = translated_stream(Frame(CHAT, RESPONSES, "9"))
    made = stream.take(named("response.completed", response=done)) + stream.end()
    assert text_and_calls(CHAT, made) == ("so", [("c", "f", "{}")])


def test_arguments_of_a_call_that_never_began_are_no_answer() -> None:
    stream = translated_stream(Frame(CHAT, MESSAGES, "9"))
    delta = {"type": "input_json_delta", "partial_json": "{}"}
    with pytest.raises(AnswerError, match="the arguments of no call"):
        stream.take(named("content_block_delta", index=3, delta=delta))


@pytest.mark.parametrize("depth", [90, 500, 990, 100_000])
def test_what_nests_deeply_is_passed_or_no_answer(depth: int) -> None:
    deep = '{"a":' * depth + "1" + "}" * depth
    call = json.dumps({"id": "c", **function("f", arguments=deep)})
    for body in (
        f'{{"choices": [{{"message": {{"tool_calls": [{call}]}}}}]}}',
        f'{{"content": [{{"type": "tool_use", "id": "c", "name": "f", "input": {deep}}}]}}',
    ):
        spoken = MESSAGES if "content" in body else CHAT
        try:
            made = translated_answer(body.encode(), Frame(RESPONSES, spoken, "9"))
        except AnswerError:
            assert depth > 500
        else:
            assert json.loads(made)["output"][0]["arguments"] == deep


@in_loop
async def test_usage_is_booked_though_the_stream_breaks_in_the_middle_of_a_call() -> None:
    async def cut(asked: Asked) -> None:
        call = {"index": 0, "id": "c", **function("f", arguments='{"a"')}
        usage = {"prompt_tokens": 41, "completion_tokens": 7}
        told = {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}], "usage": usage}
        first = b"data: " + json.dumps(told).encode() + b"\n\n"
        await asked.events(first, b"data: {nonsense\n\n", event("x"), DONE)

    async with rig() as at:
        at.stubs["euclid"].answer = cut
        for path, held in (
            ("/v1/messages", {"messages": [{"role": "user", "content": "prove it"}]}),
            ("/v1/responses", {"input": "prove it"}),
        ):
            body = {"model": "euclid", "stream": True, "max_tokens": 9, **held}
            async with at.session.post(at.url + path, json=body) as answer:
                kind, error = events_of(await answer.read())[-1]
            assert (kind, at.told[-1].error) == ("error", "stream_cut")
            assert "no JSON object" in error["error"]["message"]
            assert at.told[-1].usage[:3] == (41, 7, False)


@in_loop
async def test_a_thousand_unknown_fields_do_not_fill_the_headers() -> None:
    async with rig() as at:
        fields: dict[str, Any] = {f"field\x01{n}": n for n in range(1000)}
        body = {"model": "auto", "input": "prove it", **fields}
        status, headers, _ = await at.post("/v1/responses", body)
        assert status == 200
        assert len(headers["x-routereval-dropped"]) == 1000
        assert headers["x-routereval-dropped"].startswith("field?0, field?1")
        assert (await respond(at, previous_response_id="resp_" + "x" * 100_000))[0] == 400
