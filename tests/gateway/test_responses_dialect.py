"""The Responses API made chat completions and back, on bodies as its clients send them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routereval.gateway.api_error import ApiError
from routereval.gateway.dialects.apis import RESPONSES
from routereval.gateway.dialects.chat_answer import AnswerError, read_answer
from routereval.gateway.dialects.errors import error_body, error_event
from routereval.gateway.dialects.request_parts import UntranslatableError
from routereval.gateway.dialects.responses_answer import ResponsesStream, response_of_answer
from routereval.gateway.dialects.responses_request import chat_of_responses, parts_of_responses
from tests.gateway.dialects import chunk, chunks, events_of

SHELL = {
    "type": "function",
    "name": "shell",
    "description": "Runs a command.",
    "parameters": {"type": "object", "properties": {"command": {"type": "string"}}},
    "strict": False,
}
CLOSE = {"type": "function", "name": "close", "parameters": {"type": "object"}}
SPACE = {"type": "namespace", "name": "agents", "description": "Helpers.", "tools": [CLOSE]}
PATCH = {"type": "custom", "name": "apply_patch", "description": "Changes files."}


def message(role: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": list(parts)}


def said(words: str, kind: str = "input_text") -> dict[str, Any]:
    return {"type": kind, "text": words}


CODEX: dict[str, Any] = {
    "model": "auto",
    "instructions": "You are a coding agent.",
    "input": [
        message("developer", said("Be brief.")),
        message("user", said("<environment_context>\n  <cwd>/x</cwd>\n</environment_context>")),
        message("user", said("fix the test")),
        {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"},
        message("assistant", said("I look.", "output_text")),
        {"type": "function_call", "name": "shell", "arguments": "{}", "call_id": "c1"},
        {"type": "custom_tool_call", "name": "apply_patch", "input": "*** Begin", "call_id": "c2"},
        {
            "type": "function_call_output",
            "call_id": "c1",
            "output": '{"output": "", "metadata": {"exit_code": 1, "duration_seconds": 0.2}}',
        },
        {
            "type": "custom_tool_call_output",
            "call_id": "c2",
            "output": [said("Done"), {"type": "input_image", "image_url": "https://x/y.png"}],
        },
    ],
    "tools": [SHELL, PATCH],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "reasoning": {"effort": "high", "summary": "auto"},
    "store": False,
    "stream": True,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "s-1",
    "text": {"verbosity": "low"},
}


def test_a_turn_of_an_agent_becomes_chat_completions() -> None:
    body, dropped, echo = chat_of_responses(CODEX)
    calls = body["messages"][4].pop("tool_calls")
    failed = CODEX["input"][7]["output"]
    assert body.pop("messages") == [
        {"role": "system", "content": "You are a coding agent."},
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": "<environment_context>\n  <cwd>/x</cwd>\n</environment_context>",
        },
        {"role": "user", "content": "fix the test"},
        {"role": "assistant", "content": "I look."},
        {"role": "tool", "tool_call_id": "c1", "content": failed},
        {"role": "tool", "tool_call_id": "c2", "content": "Done"},
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}],
        },
    ]
    assert [call["function"]["name"] for call in calls] == ["shell", "apply_patch"]
    assert json.loads(calls[1]["function"]["arguments"]) == {"input": "*** Begin"}
    functions = [tool["function"] for tool in body.pop("tools")]
    assert functions[0] == {key: SHELL[key] for key in SHELL if key != "type"}
    assert functions[1]["parameters"]["required"] == ["input"]
    assert body == {
        "model": "auto",
        "stream": True,
        "parallel_tool_calls": False,
        "reasoning_effort": "high",
        "tool_choice": "auto",
    }
    assert dropped == ("include", "prompt_cache_key")
    assert echo["tools"] == [SHELL, PATCH]
    assert echo["parallel_tool_calls"] is False
    assert chat_of_responses({"model": "m", "input": "hi", "tools": []}).echo == {}


def test_what_is_read_of_a_turn() -> None:
    parts = parts_of_responses(CODEX)
    roles = [found.role for found in parts.messages if found.text]
    assert roles == ["developer", "agent", "user", "assistant", "tool", "tool"]
    assert [found.failed for found in parts.messages if found.role == "tool"] == [1, 0]
    assert parts.messages[-1].needs == {"vision"}
    assert (parts.session, parts.follows, parts.kept) == ("s-1", "", False)
    later = parts_of_responses({"input": "go on", "previous_response_id": "resp_1"})
    assert (later.follows, later.kept) == ("resp_1", True)


def test_pictures_files_sounds_and_forms() -> None:
    form = {"type": "json_schema", "name": "a", "schema": {"type": "object"}, "strict": True}
    sound = {"data": "UklGRg==", "format": "wav"}
    file = {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,J"}
    body = chat_of_responses(
        {
            "model": "m",
            "input": [
                {
                    "role": "user",
                    "content": [
                        {"type": "input_image", "image_url": "https://x", "detail": "low"},
                        {"type": "input_audio", "input_audio": sound},
                        file,
                    ],
                }
            ],
            "text": {"format": form},
            "max_output_tokens": 9,
        }
    ).body
    assert body["messages"][0]["content"] == [
        {"type": "image_url", "image_url": {"url": "https://x", "detail": "low"}},
        {"type": "input_audio", "input_audio": sound},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": file["file_data"]}},
    ]
    schema = {key: form[key] for key in ("name", "schema", "strict")}
    assert body["response_format"] == {"type": "json_schema", "json_schema": schema}
    assert body["max_tokens"] == 9
    plain = {"model": "m", "input": "x", "text": {"format": {"type": "json_object"}}}
    assert chat_of_responses(plain).body["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize(
    ("field", "thing"),
    [
        ({"previous_response_id": "resp_1"}, "the field 'previous_response_id'"),
        ({"conversation": "conv_1"}, "the field 'conversation'"),
        ({"background": True}, "the field 'background'"),
        ({"tools": [{"type": "web_search"}]}, "a tool of type 'web_search'"),
        ({"tools": [{**PATCH, "format": {"type": "grammar"}}]}, "a tool of type 'custom'"),
        ({"tools": [SHELL], "tool_choice": {"type": "mcp"}}, "the choice of tools 'mcp'"),
        ({"input": [{"type": "item_reference", "id": "rs_1"}]}, "an item of type 'item_reference'"),
        ({"input": [message("user", {"type": "input_image", "file_id": "f"})]}, "file_id"),
        ({"input": [message("user", {"type": "input_video"})]}, "a part of type 'input_video'"),
        ({"input": [{"type": "function_call", "name": "x"}]}, "a call of a tool without 'call_id'"),
        ({"text": {"format": {"type": "grammar"}}}, "the output format 'grammar'"),
    ],
)
def test_what_cannot_be_translated_is_named(field: dict[str, Any], thing: str) -> None:
    with pytest.raises(UntranslatableError, match=thing):
        chat_of_responses({"model": "m", "input": "hi", **field})


@pytest.mark.parametrize("given", [None, "", [], ["hi"], 5])
def test_requests_without_an_input_are_refused(given: object) -> None:
    if given == "":
        assert parts_of_responses({"input": given}).messages[0].text == ""
        return
    with pytest.raises(ApiError, match="input"):
        parts_of_responses({"input": given})


def test_tools_of_a_namespace_have_its_name_before_theirs() -> None:
    """As Codex has its helpers."""
    made = {"type": "function_call", "call_id": "c0", "namespace": "agents", "name": "close"}
    given = [
        message("user", said("hi")),
        {**made, "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c0", "output": "closed"},
    ]
    body, _, echo = chat_of_responses({"model": "m", "input": given, "tools": [SPACE, SHELL]})
    names = [tool["function"]["name"] for tool in body["tools"]]
    assert names == ["agents__close", "shell"]
    assert body["messages"][1]["tool_calls"][0]["function"]["name"] == "agents__close"
    calls = [call("c1", "agents__close", "{}"), call("c2", "shell", "{}")]
    whole = answer("tool_calls", content=None, tool_calls=calls)
    held = json.loads(response_of_answer(read_answer(whole), "9", echo))
    first, second = held["output"]
    assert (first["namespace"], first["name"]) == ("agents", "close")
    assert (second.get("namespace"), second["name"]) == (None, "shell")
    stream = ResponsesStream("9", "llama", echo)
    made_events = b"".join(stream.take(part) for part in chunks(json.loads(whole))) + stream.end()
    assert assembled(events_of(made_events)) == held["output"]


def test_choices_of_one_tool() -> None:
    asked = {"model": "m", "input": "hi", "tools": [SHELL]}
    choice = {"type": "function", "name": "shell"}
    body = chat_of_responses({**asked, "tool_choice": choice}).body
    assert body["tool_choice"] == {"type": "function", "function": {"name": "shell"}}


def call(identity: str, name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": identity, "type": "function", "function": function}


def answer(finish: str = "stop", **fields: object) -> bytes:
    choice = {"message": {"role": "assistant", **fields}, "finish_reason": finish}
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 90},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }
    held = {"model": "llama", "created": 1, "choices": [choice], "usage": usage}
    return json.dumps(held).encode()


ECHO: dict[str, Any] = {"tools": [SHELL, PATCH], "instructions": "Be brief."}


def test_an_answer_with_calls() -> None:
    calls = [
        call("c1", "shell", '{"command": "ls"}'),
        call("", "apply_patch", '{"input": "*** B"}'),
    ]
    body = answer("tool_calls", content="I look.", tool_calls=calls)
    held = json.loads(response_of_answer(read_answer(body), "9", ECHO))
    text = {"type": "output_text", "text": "I look.", "annotations": [], "logprobs": []}
    done = {"status": "completed"}
    assert held["output"] == [
        {"id": "msg_9", "type": "message", "role": "assistant", "content": [text], **done},
        {
            "id": "fc_9_1",
            "type": "function_call",
            "call_id": "c1",
            "name": "shell",
            "arguments": '{"command": "ls"}',
            **done,
        },
        {
            "id": "fc_9_2",
            "type": "custom_tool_call",
            "call_id": "call_9_2",
            "name": "apply_patch",
            "input": "*** B",
            **done,
        },
    ]
    assert held["usage"] == {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 90},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 4},
        "total_tokens": 107,
    }
    assert (held["status"], held["store"], held["instructions"]) == (
        "completed",
        False,
        "Be brief.",
    )


def test_an_answer_that_was_too_long_is_incomplete() -> None:
    held = json.loads(response_of_answer(read_answer(answer("length", content="x")), "9", {}))
    assert held["status"] == "incomplete"
    assert held["incomplete_details"] == {"reason": "max_output_tokens"}


def test_arguments_that_are_no_json_are_no_answer() -> None:
    body = answer(tool_calls=[call("c", "shell", "{")])
    with pytest.raises(AnswerError):
        response_of_answer(read_answer(body), "9", {})


def assembled(events: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """The items that a client makes of the parts of a stream."""
    items: list[dict[str, Any]] = []
    for number, (kind, held) in enumerate(events):
        assert (held["type"], held["sequence_number"]) == (kind, number)
        if kind == "response.output_item.added":
            assert held["output_index"] == len(items)
            items.append(dict(held["item"]))
        elif kind == "response.content_part.added":
            items[-1]["content"] = [dict(held["part"])]
        elif kind == "response.output_text.delta":
            assert held["item_id"] == items[-1]["id"]
            items[-1]["content"][0]["text"] += held["delta"]
        elif kind == "response.function_call_arguments.delta":
            assert held["item_id"] == items[-1]["id"]
            items[-1]["arguments"] += held["delta"]
        elif kind == "response.custom_tool_call_input.delta":
            items[-1]["input"] += held["delta"]
        elif kind == "response.output_item.done":
            items[-1]["status"] = "completed"
            assert held["item"] == items[-1]
    return items


@pytest.mark.parametrize(
    "fields",
    [
        {"content": "yes"},
        {"content": "I look.", "tool_calls": [call("c1", "shell", '{"command": "ls"}')]},
        {
            "content": None,
            "tool_calls": [
                call("c1", "shell", '{"a": "ü"}'),
                call("c2", "apply_patch", '{"input": "*** Begin"}'),
            ],
        },
        {"content": ""},
    ],
)
def test_a_stream_says_what_the_whole_answer_says(fields: dict[str, Any]) -> None:
    body = answer("tool_calls" if "tool_calls" in fields else "stop", **fields)
    stream = ResponsesStream("9", "llama", ECHO)
    made = b"".join(stream.take(part) for part in chunks(json.loads(body))) + stream.end()
    events = events_of(made)
    whole = json.loads(response_of_answer(read_answer(body), "9", ECHO))
    last, held = events[-1]
    assert last == "response.completed"
    if fields["content"] == "":
        whole["output"] = []
    assert held["response"] == whole
    assert assembled(events) == whole["output"]
    assert stream.end() == b""


def test_thoughts_keep_the_connection_alive_and_errors_end_it() -> None:
    stream = ResponsesStream("9", "llama", {})
    assert b": the model thinks" in stream.take(chunk(reasoning="hm"))
    made = stream.take(b'data: {"error": {"message": "overheated"}}\n\n') + stream.end()
    ((kind, held),) = events_of(made)
    assert (kind, held["message"], held["error"]["message"]) == ("error", *["overheated"] * 2)


def test_errors_in_the_form_of_the_api() -> None:
    error = ApiError(400, "why", code="no_able_model")
    assert json.loads(error_body(error, RESPONSES))["error"]["code"] == "no_able_model"
    ((kind, held),) = events_of(error_event(error, RESPONSES))
    assert (kind, held["type"], held["code"]) == ("error", "error", "no_able_model")
