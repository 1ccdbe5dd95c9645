"""Whatever stands in a request or an answer, it is translated or refused, and nothing breaks."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routereval.gateway.api_error import ApiError
from routereval.gateway.dialects.apis import CHAT, MESSAGES, RESPONSES, Api
from routereval.gateway.dialects.chat_answer import AnswerError
from routereval.gateway.dialects.translation import Frame, translated_answer, translated_stream
from routereval.gateway.http.chat_request import parse_request
from tests.gateway.agents import completion_of, messages_events, responses_events
from tests.gateway.dialects import chunks
from tests.gateway.test_chat_translation import RESPONSE, SDK_LOOP, USE
from tests.gateway.test_messages_dialect import CLAUDE_CODE
from tests.gateway.test_responses_dialect import CODEX

ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, True, -1, 0.5, 10**400, float("inf"), "", "x", "\ud800", [], [5], [[]], {}),
        *({"type": []}, {"type": {}}, {"type": "text"}, [{"type": "function"}]),
        [{"type": ["text"], "text": 5}],
    ]
)
REQUESTS: dict[Api, dict[str, Any]] = {CHAT: SDK_LOOP, MESSAGES: CLAUDE_CODE, RESPONSES: CODEX}
ANSWERS: dict[Api, dict[str, Any]] = {
    CHAT: completion_of(4),
    MESSAGES: json.loads(USE),
    RESPONSES: RESPONSE,
}
STREAMS: dict[Api, list[bytes]] = {
    CHAT: list(chunks(completion_of(4), size=30))[:-1],
    MESSAGES: list(messages_events(4)),
    RESPONSES: list(responses_events(4)),
}
PAIRS = [
    pytest.param(api, other, id=f"{api.name} to {other.name}")
    for api in REQUESTS
    for other in REQUESTS
    if api is not other
]


def changed(held: Any, draw: st.DataObject, value: object) -> Any:  # noqa: ANN401
    """A copy of a JSON value with another one somewhere in it."""
    made = copy.deepcopy(held)
    at = made
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = draw.draw(st.sampled_from(keys))
        inner = at[key]
        deeper = isinstance(inner, dict | list) and inner and draw.draw(st.booleans())
        if not deeper:
            at[key] = value
            return made
        at = inner


@pytest.mark.parametrize(("api", "other"), PAIRS)
@given(data=st.data(), value=ODD)
@settings(max_examples=25, deadline=None)
def test_requests(api: Api, other: Api, data: st.DataObject, value: object) -> None:
    body = json.dumps(changed(REQUESTS[api], data, value)).encode()
    try:
        request = parse_request(body, api, [other])
    except ApiError:
        return
    form = request.forms[other.name]
    assert bool(form.body) != bool(form.untranslatable)
    if form.body:
        parse_request(form.body, other)  # which can be read, and so can its answer
        answer = json.dumps(ANSWERS[other]).encode()
        assert json.loads(translated_answer(answer, Frame(api, other, "9", request.echo)))


@pytest.mark.parametrize(("api", "spoken"), PAIRS)
@given(data=st.data(), value=ODD)
@settings(max_examples=25, deadline=None)
def test_answers(api: Api, spoken: Api, data: st.DataObject, value: object) -> None:
    body = json.dumps(changed(ANSWERS[spoken], data, value)).encode()
    with contextlib.suppress(AnswerError):
        assert isinstance(json.loads(translated_answer(body, Frame(api, spoken, "9"))), dict)


@pytest.mark.parametrize(("api", "spoken"), PAIRS)
@given(data=st.data(), value=ODD)
@settings(max_examples=25, deadline=None)
def test_streams(api: Api, spoken: Api, data: st.DataObject, value: object) -> None:
    stream = translated_stream(Frame(api, spoken, "9"))
    parts = list(STREAMS[spoken])
    number = data.draw(st.integers(0, len(parts) - 1))
    held = json.loads(parts[number].split(b"data: ")[1])
    parts[number] = b"data: " + json.dumps(changed(held, data, value)).encode() + b"\n\n"
    try:
        made = b"".join(map(stream.take, parts)) + stream.end()
    except AnswerError:
        return
    assert made.endswith(b"\n\n")
