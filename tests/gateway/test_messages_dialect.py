"""The Messages API made chat completions and back, on bodies as its clients send them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routereval.gateway.api_error import ApiError
from routereval.gateway.dialects.apis import MESSAGES, api_of
from routereval.gateway.dialects.chat_answer import AnswerError, read_answer
from routereval.gateway.dialects.errors import error_body, error_event, translated_error
from routereval.gateway.dialects.messages_answer import MessagesStream, message_of_answer
from routereval.gateway.dialects.messages_request import chat_of_messages, parts_of_messages
from routereval.gateway.dialects.request_parts import UntranslatableError
from tests.gateway.dialects import chunk, chunks, events_of

PNG = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
PNG_URL = "data:image/png;base64,iVBORw0KGgo="
BASH = {
    "name": "Bash",
    "description": "Runs a command.",
    "input_schema": {"type": "object", "properties": {"command": {"type": "string"}}},
    "cache_control": {"type": "ephemeral"},
}


def asked(*messages: dict[str, Any], **fields: object) -> dict[str, Any]:
    return {"model": "auto", "max_tokens": 32_000, "messages": list(messages), **fields}


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def text(words: str, **fields: object) -> dict[str, Any]:
    return {"type": "text", "text": words, **fields}


CLAUDE_CODE = asked(
    user(text("<system-reminder>It is Monday.</system-reminder>"), text("fix the test")),
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "Let me look.", "signature": "EqoB"},
            text("I look."),
            {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "ls"}},
            {"type": "tool_use", "id": "toolu_2", "name": "Bash", "input": {"command": "größe"}},
        ],
    },
    user(
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "a.py"},
        {
            "type": "tool_result",
            "tool_use_id": "toolu_2",
            "content": [text("no such command"), {"type": "image", "source": PNG}],
            "is_error": True,
            "cache_control": {"type": "ephemeral"},
        },
        text("go on"),
    ),
    system=[text("You are Claude Code."), text("Be brief.", cache_control={"type": "ephemeral"})],
    tools=[BASH],
    tool_choice={"type": "auto", "disable_parallel_tool_use": True},
    metadata={"user_id": "user_1_session_2"},
    thinking={"type": "enabled", "budget_tokens": 31_999},
    stop_sequences=["END"],
    temperature=1,
    stream=True,
)


def test_a_turn_of_an_agent_becomes_chat_completions() -> None:
    body, dropped, _ = chat_of_messages(CLAUDE_CODE)
    calls = body["messages"][2].pop("tool_calls")
    assert body.pop("messages") == [
        {"role": "system", "content": "You are Claude Code.\nBe brief."},
        {
            "role": "user",
            "content": "<system-reminder>It is Monday.</system-reminder>\nfix the test",
        },
        {"role": "assistant", "content": "I look."},
        {"role": "tool", "tool_call_id": "toolu_1", "content": "a.py"},
        {"role": "tool", "tool_call_id": "toolu_2", "content": "Error: no such command"},
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": PNG_URL}},
                {"type": "text", "text": "go on"},
            ],
        },
    ]
    assert [call["id"] for call in calls] == ["toolu_1", "toolu_2"]
    assert calls[1]["function"] == {"name": "Bash", "arguments": '{"command": "größe"}'}
    function = {"name": "Bash", "parameters": BASH["input_schema"]}
    function["description"] = "Runs a command."
    assert body == {
        "model": "auto",
        "max_tokens": 32_000,
        "temperature": 1,
        "stream": True,
        "stop": ["END"],
        "tools": [{"type": "function", "function": function}],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
    }
    assert dropped == ("metadata", "thinking")


def test_what_is_read_of_a_turn() -> None:
    parts = parts_of_messages(CLAUDE_CODE)
    assert [message.role for message in parts.messages] == ["user", "assistant", "user"]
    assert parts.messages[0].text == "fix the test"
    assert parts.messages[2].failed == 1
    assert parts.messages[2].needs == {"vision"}
    assert parts.needs == {"tools"}
    assert parts.session == "user_1_session_2"
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "a.py"}
    assert parts_of_messages(asked(user(result))).messages[0].role == "tool"


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "Bash"}, {"type": "function", "function": {"name": "Bash"}}),
    ],
)
def test_choices_of_tools(choice: dict[str, str], expected: object) -> None:
    body = chat_of_messages(asked(user(text("x")), tools=[BASH], tool_choice=choice)).body
    assert body["tool_choice"] == expected


def test_documents_pictures_and_forms() -> None:
    schema = {"type": "object", "properties": {}}
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
    source = {"type": "text", "media_type": "text/plain", "data": "the text"}
    body = chat_of_messages(
        asked(
            user(
                {"type": "document", "source": pdf, "title": "a.pdf"},
                {"type": "document", "source": source},
                {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
            ),
            output_config={"format": {"type": "json_schema", "schema": schema}},
        )
    ).body
    file = {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}
    assert body["messages"][0]["content"] == [
        {"type": "file", "file": file},
        {"type": "text", "text": "the text"},
        {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
    ]
    assert body["response_format"]["json_schema"]["schema"] == schema


@pytest.mark.parametrize(
    ("field", "thing"),
    [
        ({"mcp_servers": [{"url": "https://x"}]}, "the field 'mcp_servers'"),
        ({"tools": [{"type": "web_search_20250305", "name": "w"}]}, "web_search_20250305"),
        ({"tools": "all"}, "a list of tools that is no list"),
        ({"tools": [BASH], "tool_choice": {"type": "maybe"}}, "choice of tools 'maybe'"),
        ({"system": [{"type": "text"}]}, "a block without 'text'"),
        ({"messages": [user({"type": "server_tool_use"})]}, "a block of type 'server_tool_use'"),
        (
            {"messages": [user({"type": "image", "source": {"type": "file", "file_id": "f"}})]},
            "given by 'file'",
        ),
        ({"messages": [{"role": "assistant", "content": [{"type": "mcp_tool_use"}]}]}, "mcp_tool"),
        ({"messages": [{"role": "user", "content": 5}]}, "a message that is no list"),
        ({"output_format": {"type": "yaml"}}, "the output format 'yaml'"),
    ],
)
def test_what_cannot_be_translated_is_named(field: dict[str, Any], thing: str) -> None:
    with pytest.raises(UntranslatableError, match=thing):
        chat_of_messages({**asked(user(text("x"))), **field})


@pytest.mark.parametrize("messages", [None, [], ["hi"]])
def test_requests_without_messages_are_refused(messages: object) -> None:
    with pytest.raises(ApiError, match="messages"):
        parts_of_messages({"messages": messages})


def answer(**message: object) -> bytes:
    choice = {"message": {"role": "assistant", **message}, "finish_reason": "stop"}
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 90},
    }
    return json.dumps({"model": "llama", "choices": [choice], "usage": usage}).encode()


def call(identity: str, arguments: str) -> dict[str, Any]:
    function = {"name": "Bash", "arguments": arguments}
    return {"id": identity, "type": "function", "function": function}


def test_an_answer_with_calls() -> None:
    body = answer(content="I look.", tool_calls=[call("c1", '{"command": "ls"}'), call("", "")])
    assert json.loads(message_of_answer(read_answer(body), "9")) == {
        "id": "msg_9",
        "type": "message",
        "role": "assistant",
        "model": "llama",
        "content": [
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "c1", "name": "Bash", "input": {"command": "ls"}},
            {"type": "tool_use", "id": "toolu_9_1", "name": "Bash", "input": {}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 10,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 90,
            "output_tokens": 7,
        },
    }


@pytest.mark.parametrize(
    ("finish", "stop", "expected"),
    [
        ("stop", None, ("end_turn", None)),
        ("stop", "END", ("stop_sequence", "END")),
        ("length", None, ("max_tokens", None)),
        ("content_filter", None, ("refusal", None)),
        ("", None, ("end_turn", None)),
    ],
)
def test_reasons_to_stop(finish: str, stop: str | None, expected: tuple[str, str | None]) -> None:
    choice = {"message": {"content": "x"}, "finish_reason": finish, "stop_reason": stop}
    held = json.loads(
        message_of_answer(read_answer(json.dumps({"choices": [choice]}).encode()), "9")
    )
    assert (held["stop_reason"], held["stop_sequence"]) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"no JSON",
        b'{"choices": []}',
        b'{"choices": [{"message": null}]}',
        answer(tool_calls=True),
        answer(tool_calls=[{"id": "c"}]),
        answer(tool_calls=[call("c", "{")]),
        answer(tool_calls=[call("c", "[]")]),
    ],
)
def test_what_is_no_answer(body: bytes) -> None:
    with pytest.raises(AnswerError):
        message_of_answer(read_answer(body), "9")


def assembled(events: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """The message that a client makes of a stream, as the official library does it."""
    message: dict[str, Any] = {}
    for kind, held in events:
        assert held["type"] == kind
        if kind == "message_start":
            message = held["message"]
        elif kind == "content_block_start":
            assert held["index"] == len(message["content"])
            message["content"].append({**held["content_block"], "partial": ""})
        elif kind == "content_block_delta":
            block, delta = message["content"][held["index"]], held["delta"]
            block["text" if "text" in delta else "partial"] += delta.get("text", "")
            block["partial"] += delta.get("partial_json", "")
        elif kind == "content_block_stop" and (
            part := message["content"][held["index"]]["partial"]
        ):
            message["content"][held["index"]]["input"] = json.loads(part)
        elif kind == "message_delta":
            message |= {**held["delta"], "usage": held["usage"]}
    assert events[-1][0] == "message_stop"
    for block in message["content"]:
        del block["partial"]
    return message


@pytest.mark.parametrize(
    "message",
    [
        {"content": "yes"},
        {"content": "I look.", "tool_calls": [call("c1", '{"command": "ls"}')]},
        {"content": None, "tool_calls": [call("c1", '{"a": [1]}'), call("c2", '{"b": "ü"}')]},
        {"content": "no", "refusal": ", I will not"},
    ],
)
def test_a_stream_says_what_the_whole_answer_says(message: dict[str, Any]) -> None:
    body = answer(**message)
    stream = MessagesStream("9", "llama")
    made = b"".join(stream.take(part) for part in chunks(json.loads(body))) + stream.end()
    assert assembled(events_of(made)) == json.loads(message_of_answer(read_answer(body), "9"))
    assert stream.end() == b""


def test_a_stream_of_thoughts_shows_that_somebody_is_there() -> None:
    stream = MessagesStream("9", "llama")
    made = stream.take(chunk(reasoning_content="hm")) + stream.take(chunk(content="yes"))
    kinds = [kind for kind, _ in events_of(made + stream.end())]
    assert kinds[:3] == ["message_start", "ping", "content_block_start"]


def test_calls_that_all_have_the_number_0_are_told_apart_by_id() -> None:
    stream = MessagesStream("9", "gemini")
    part = {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}
    made = stream.take(chunk(tool_calls=[part]) + chunk(tool_calls=[{**part, "id": "b"}]))
    message = assembled(events_of(made + stream.end()))
    assert [block["id"] for block in message["content"]] == ["a", "b"]


def test_calls_that_are_mixed_are_no_answer() -> None:
    def part(index: int, **fields: object) -> dict[str, Any]:
        return {"index": index, "function": {"arguments": "{", **fields}}

    stream = MessagesStream("9", "llama")
    stream.take(chunk(tool_calls=[part(0, name="f")]) + chunk(tool_calls=[part(1, name="g")]))
    with pytest.raises(AnswerError, match="mixed"):
        stream.take(chunk(tool_calls=[part(0)]))
    with pytest.raises(AnswerError, match="a call of no tool"):
        stream.take(chunk(tool_calls=True))


def test_an_error_in_a_stream_is_one_to_the_client() -> None:
    stream = MessagesStream("9", "llama")
    made = stream.take(chunk(content="so") + b'data: {"error": {"message": "overheated"}}\n\n')
    kind, held = events_of(made + stream.end())[-1]
    assert (kind, held["error"]["message"]) == ("error", "overheated")


def test_errors_in_the_form_of_the_api() -> None:
    assert api_of("/v1/messages/count_tokens") is MESSAGES
    for status, kind in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
    ]:
        held = json.loads(error_body(ApiError(status, "why"), MESSAGES))
        assert held == {"type": "error", "error": {"type": kind, "message": "why"}}
    ((kind, held),) = events_of(error_event(ApiError(502, "why"), MESSAGES))
    assert (kind, held["error"]["type"]) == ("error", "api_error")
    for body in (b'{"error": "why"}', b'{"message": "why"}', b"why"):
        assert json.loads(translated_error(400, body, MESSAGES))["error"]["message"] == "why"
