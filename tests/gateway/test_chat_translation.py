"""Chat completions as requests of the agents' APIs, and answers of these as chat completions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routereval.gateway.dialects.apis import CHAT, MESSAGES, RESPONSES, Api
from routereval.gateway.dialects.chat_answer import AnswerError
from routereval.gateway.dialects.encoding import encoded
from routereval.gateway.dialects.errors import translated_error
from routereval.gateway.dialects.messages_of_chat import messages_of_chat
from routereval.gateway.dialects.request_parts import UntranslatableError
from routereval.gateway.dialects.responses_of_chat import responses_of_chat
from routereval.gateway.dialects.translation import Frame, translated_answer, translated_stream
from routereval.gateway.http.chat_request import parse_request
from tests.gateway.agents import TASK, calls_of, messages_model, responses_model
from tests.gateway.loop import in_loop
from tests.gateway.stubs import Asked, rig
from tests.gateway.test_dialects import ANSWERS, event, native

PNG = "data:image/png;base64,iVBORw0KGgo="
PDF = "data:application/pdf;base64,JVBERi0="
ARGUMENTS = '{"command": "größe", "n": 1.50}'


def function(name: str, **fields: object) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **fields}}


SDK_LOOP: dict[str, Any] = {
    "model": "auto",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "Use tools."}]},
        {
            "role": "user",
            "name": "ann",
            "content": [
                {"type": "text", "text": "fix the test"},
                {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": PDF}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "call_1", **function("Bash", arguments=ARGUMENTS)},
                {"id": "functions.Bash:1", **function("Bash", arguments="")},
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "a.py"},
        {
            "role": "tool",
            "tool_call_id": "functions.Bash:1",
            "content": [{"type": "text", "text": "no"}],
        },
        {"role": "user", "content": "go on"},
        {"role": "assistant", "content": "so"},
        {"role": "system", "content": "Be quick."},
        {"role": "user", "content": "and now?"},
    ],
    "tools": [function("Bash", description="Runs.", parameters={"type": "object"}, strict=True)],
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "max_completion_tokens": 99,
    "temperature": 0.5,
    "user": "u-1",
    "seed": 7,
    "stream": True,
}
SCHEMA = {"name": "a", "schema": {"type": "object"}, "strict": True}


def test_an_agents_turn_as_the_messages_api_has_it() -> None:
    made = messages_of_chat({**SDK_LOOP, "stop": "END"})
    body = json.loads(encoded(made.body))
    assert body.pop("system") == [
        {"type": "text", "text": text} for text in ("Be brief.", "Use tools.", "Be quick.")
    ]
    (first, calls, results, *rest) = body.pop("messages")
    assert [block["type"] for block in first["content"]] == ["text", "image", "image", "document"]
    png = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    assert first["content"][1]["source"] == png
    assert first["content"][2]["source"] == {"type": "url", "url": "https://x/y.png"}
    assert first["content"][3]["title"] == "a.pdf"
    use = {"type": "tool_use", "name": "Bash"}
    other = "functions_Bash_1_" + calls["content"][1]["id"].rpartition("_")[2]
    assert calls == {
        "role": "assistant",
        "content": [
            {**use, "id": "call_1", "input": {"command": "größe", "n": 1.5}},
            {**use, "id": other, "input": {}},
        ],
    }
    text = [{"type": "text", "text": "a.py"}], [{"type": "text", "text": "no"}]
    assert results == {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "call_1", "content": text[0]},
            {"type": "tool_result", "tool_use_id": other, "content": text[1]},
            {"type": "text", "text": "go on"},
        ],
    }
    assert rest == [
        {"role": "assistant", "content": "so"},
        {"role": "user", "content": "and now?"},
    ]
    assert body == {
        "model": "auto",
        "temperature": 0.5,
        "stream": True,
        "max_tokens": 99,
        "stop_sequences": ["END"],
        "tools": [{"name": "Bash", "description": "Runs.", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
        "metadata": {"user_id": "u-1"},
    }
    assert made.dropped == ("seed", "messages.name", "tools.strict")
    assert f'"input":{ARGUMENTS}'.encode() in encoded(made.body)


def test_an_agents_turn_as_the_responses_api_has_it() -> None:
    made = responses_of_chat(SDK_LOOP)
    items = made.body.pop("input")
    assert [item.get("role", item.get("type")) for item in items] == [
        *("system", "developer", "user", "function_call", "function_call"),
        *("function_call_output", "function_call_output", "user", "assistant", "system", "user"),
    ]
    assert items[2]["content"] == [
        {"type": "input_text", "text": "fix the test"},
        {"type": "input_image", "image_url": PNG, "detail": "low"},
        {"type": "input_image", "image_url": "https://x/y.png", "detail": "auto"},
        {"type": "input_file", "filename": "a.pdf", "file_data": PDF},
    ]
    call = {"type": "function_call", "call_id": "call_1", "name": "Bash", "arguments": ARGUMENTS}
    assert items[3] == call
    assert items[4]["arguments"] == "{}"
    output = [{"type": "input_text", "text": "no"}]
    assert items[6]["output"] == output
    parameters = {"type": "object"}
    tool = {"type": "function", "name": "Bash", "description": "Runs.", "parameters": parameters}
    assert made.body == {
        "model": "auto",
        "temperature": 0.5,
        "stream": True,
        "parallel_tool_calls": False,
        "user": "u-1",
        "store": False,
        "max_output_tokens": 99,
        "tools": [{**tool, "strict": True}],
        "tool_choice": "required",
    }
    assert made.dropped == ("seed", "messages.name")


@pytest.mark.parametrize(
    ("fields", "messages", "responses"),
    [
        ({"tool_choice": "none"}, {"type": "none"}, "none"),
        ({"tool_choice": "auto"}, {"type": "auto"}, "auto"),
        (
            {"tool_choice": function("Bash")},
            {"type": "tool", "name": "Bash"},
            {"type": "function", "name": "Bash"},
        ),
    ],
)
def test_choices_of_tools(fields: dict[str, Any], messages: object, responses: object) -> None:
    asked = {**SDK_LOOP, "parallel_tool_calls": True, **fields}
    assert messages_of_chat(asked).body["tool_choice"] == messages
    assert responses_of_chat(asked).body["tool_choice"] == responses


def test_forms_efforts_and_limits() -> None:
    plain = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    form = {"response_format": {"type": "json_schema", "json_schema": SCHEMA}}
    assert messages_of_chat({**plain, **form}).body["output_config"] == {
        "format": {"type": "json_schema", "schema": {"type": "object"}}
    }
    body = responses_of_chat({**plain, **form, "reasoning_effort": "low", "verbosity": "low"}).body
    assert body["text"] == {"format": {"type": "json_schema", **SCHEMA}, "verbosity": "low"}
    assert body["reasoning"] == {"effort": "low"}
    assert messages_of_chat({**plain, "reasoning_effort": "low"}).dropped == ("reasoning_effort",)
    for same in ({"response_format": {"type": "text"}}, {"n": 1, "logprobs": False}):
        assert "text" not in responses_of_chat({**plain, **same}).body
        assert "output_config" not in messages_of_chat({**plain, **same}).body


HI = {"messages": [{"role": "user", "content": "hi"}]}


def user(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(parts)}]}


BAD_CALL = {"id": "c", **function("f", arguments="{")}
BOTH_REFUSE: list[tuple[dict[str, Any], str]] = [
    ({"n": 2}, "more than one answer"),
    ({"logprobs": True}, "'logprobs'"),
    ({"logit_bias": {"5": 1}}, "'logit_bias'"),
    ({"functions": [{}]}, "'functions'"),
    ({"modalities": ["text", "audio"]}, "no text"),
    ({"tools": [{"type": "custom", "custom": {}}]}, "a tool of type 'custom'"),
    ({"tools": [function("f")], "tool_choice": {"type": "allowed_tools"}}, "'allowed_tools'"),
    ({"response_format": {"type": "grammar"}}, "the response format 'grammar'"),
    ({"messages": [{"role": "function", "content": "x"}]}, "of the role 'function'"),
    (user({"type": "video_url"}), "a part of type 'video_url'"),
    ({"messages": [{"content": "x"}]}, "without 'role'"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "without 'tool_call_id'"),
]


@pytest.mark.parametrize(("fields", "words"), BOTH_REFUSE)
def test_what_neither_has_is_named(fields: dict[str, Any], words: str) -> None:
    plain = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    for translate in (messages_of_chat, responses_of_chat):
        with pytest.raises(UntranslatableError, match=words):
            translate({**plain, **fields})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {**HI, "response_format": {"type": "json_object"}},
            "the response format 'json_object'",
        ),
        ({"messages": [{"role": "assistant", "tool_calls": [BAD_CALL]}]}, "no JSON object"),
        ({"messages": [{"role": "user", "content": ""}]}, "nobody says anything"),
        (user({"type": "input_audio", "input_audio": {}}), "a part of type 'input_audio'"),
        (user({"type": "file", "file": {"file_id": "f"}}), "given by its file_id"),
        (user({"type": "image_url", "image_url": {"url": "ftp://x"}}), "of an unusual kind"),
    ],
)
def test_what_the_messages_api_does_not_have_is_named(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(UntranslatableError, match=words):
        messages_of_chat({"model": "m", **fields})


def test_what_the_responses_api_does_not_have_is_named() -> None:
    with pytest.raises(UntranslatableError, match="the field 'stop'"):
        responses_of_chat({"model": "m", "messages": [], "stop": ["END"]})


USE = (
    '{"type": "message", "id": "msg_1", "model": "claude", "content": ['
    '{"type": "thinking", "thinking": "hm", "signature": "x"}, {"type": "text", "text": "so"}, '
    f'{{"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {ARGUMENTS}}}], '
    '"stop_reason": "tool_use", "usage": {"input_tokens": 3, "cache_read_input_tokens": 4, '
    '"cache_creation_input_tokens": 2, "output_tokens": 5}}'
)
CALL_ITEM = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "toolu_1",
    "name": "Bash",
    "arguments": ARGUMENTS,
}
RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "created_at": 5,
    "model": "claude",
    "status": "completed",
    "output": [
        {"type": "reasoning", "summary": []},
        {"type": "message", "content": [{"type": "output_text", "text": "so"}]},
        CALL_ITEM,
    ],
    "usage": {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
    },
}


@pytest.mark.parametrize(
    ("spoken", "body"), [(MESSAGES, USE), (RESPONSES, json.dumps(RESPONSE))], ids=["m", "r"]
)
def test_whole_answers(spoken: Api, body: str) -> None:
    held = json.loads(translated_answer(body.encode(), Frame(CHAT, spoken, "9", created=7)))
    (choice,) = held["choices"]
    call = {"id": "toolu_1", **function("Bash", arguments=ARGUMENTS)}
    message = {"role": "assistant", "content": "so", "refusal": None, "tool_calls": [call]}
    assert (choice["message"], choice["finish_reason"]) == (message, "tool_calls")
    assert (held["id"], held["object"], held["model"]) == (
        "chatcmpl-9",
        "chat.completion",
        "claude",
    )
    assert held["created"] == (7 if spoken is MESSAGES else 5)
    usage = held["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (9, 5, 14)
    assert usage["prompt_tokens_details"] == {"cached_tokens": 4}
    assert usage.get("cache_creation_input_tokens") == (2 if spoken is MESSAGES else None)


@pytest.mark.parametrize(
    ("spoken", "fields", "finish"),
    [
        (MESSAGES, {"stop_reason": "end_turn"}, "stop"),
        (MESSAGES, {"stop_reason": "stop_sequence", "stop_sequence": "END"}, "stop"),
        (MESSAGES, {"stop_reason": "max_tokens"}, "length"),
        (MESSAGES, {"stop_reason": "model_context_window_exceeded"}, "length"),
        (MESSAGES, {"stop_reason": "refusal"}, "content_filter"),
        (RESPONSES, {"status": "completed"}, "stop"),
        (
            RESPONSES,
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            "length",
        ),
        (
            RESPONSES,
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            "content_filter",
        ),
    ],
)
def test_why_answers_end(spoken: Api, fields: dict[str, Any], finish: str) -> None:
    body = json.dumps({**json.loads(ANSWERS[spoken.name]), **fields}).encode()
    held = json.loads(translated_answer(body, Frame(CHAT, spoken, "9")))
    assert held["choices"][0]["finish_reason"] == finish
    kinds = ["message_delta", "message_stop"]
    delta = {name: value for name, value in fields.items() if name.startswith("stop")}
    last = event(kinds[0], delta=delta) + event(kinds[1])
    if spoken is RESPONSES:
        last = event(f"response.{fields['status']}", response=fields)
    stream = translated_stream(Frame(CHAT, spoken, "9"))
    made = stream.take(last) + stream.end()
    chunks = [json.loads(part) for part in made.split(b"data: ") if part[:1] == b"{"]
    assert [one["choices"][0]["finish_reason"] for one in chunks][-1] == finish


@pytest.mark.parametrize(
    ("spoken", "body"),
    [
        (MESSAGES, b'{"content": 5}'),
        (MESSAGES, b"{"),
        (MESSAGES, b'{"content": [{"type": "tool_use", "name": "f", "input": [1]}]}'),
        (MESSAGES, b'{"content": [{"type": "tool_use", "id": "c", "input": {}}]}'),
        (RESPONSES, b'{"output": null}'),
        (RESPONSES, b'{"output": [{"type": "function_call", "name": "f", "arguments": "{"}]}'),
        (RESPONSES, b'{"output": [{"type": "function_call", "arguments": "{}"}]}'),
    ],
)
def test_what_is_no_answer(spoken: Api, body: bytes) -> None:
    with pytest.raises(AnswerError):
        translated_answer(body, Frame(CHAT, spoken, "9"))


def start(index: int, **block: object) -> bytes:
    return event("content_block_start", index=index, content_block=block)


def part(index: int, text: str) -> bytes:
    delta = {"type": "input_json_delta", "partial_json": text}
    return event("content_block_delta", index=index, delta=delta)


def called(stream: bytes) -> list[tuple[str, str]]:
    """Ids and arguments of the calls in a stream of chat completions."""
    found: list[list[str]] = []
    for line in stream.split(b"\n"):
        held = json.loads(line[6:]) if line.startswith(b"data: {") else {}
        for choice in held.get("choices", ()):
            for call in choice["delta"].get("tool_calls", ()):
                if "id" in call:
                    found.append([call["id"], ""])
                found[call["index"]][1] += call["function"]["arguments"]
    return [(identity, arguments) for identity, arguments in found]


def test_calls_in_streams_of_the_messages_api() -> None:
    """Arguments in parts, at once in the block, none at all; thoughts and other tools between."""
    use = {"type": "tool_use", "name": "Bash"}
    stream = translated_stream(Frame(CHAT, MESSAGES, "9"))
    made = b"".join(
        stream.take(one)
        for one in (
            event("message_start", message={"model": "claude"}),
            start(0, type="thinking", thinking=""),
            event("content_block_delta", index=0, delta={"type": "thinking_delta"}),
            event("content_block_stop", index=0),
            start(1, **use, id="a", input={}),
            part(1, ARGUMENTS[:9]),
            part(1, ARGUMENTS[9:]),
            event("content_block_stop", index=1),
            start(2, **use, id="b", input={"n": 1}),
            event("content_block_stop", index=2),
            start(3, type="server_tool_use", id="s", name="web_search"),
            part(3, '{"query": "x"}'),
            event("content_block_stop", index=3),
            start(4, **use, id="c", input={}),
            event("content_block_stop", index=4),
        )
    )
    assert called(made) == [("a", ARGUMENTS), ("b", '{"n":1}'), ("c", "{}")]
    assert b": the model thinks\n\n" in made
    assert b"thinking" not in made.replace(b": the model thinks", b"")
    with pytest.raises(AnswerError, match="mixed the calls"):
        stream.take(part(1, "{}"))


def test_calls_in_streams_of_the_responses_api() -> None:
    """Arguments in parts, or only in the item that is done."""
    kind = "response.function_call_arguments.delta"
    added, done = "response.output_item.added", "response.output_item.done"
    empty = {**CALL_ITEM, "arguments": ""}
    stream = translated_stream(Frame(CHAT, RESPONSES, "9"))
    made = b"".join(
        stream.take(one)
        for one in (
            event(added, output_index=0, item=empty),
            event(kind, output_index=0, delta=ARGUMENTS[:9]),
            event(kind, output_index=0, delta=ARGUMENTS[9:]),
            event(done, output_index=0, item=CALL_ITEM),
            event(done, output_index=1, item={**CALL_ITEM, "call_id": "b"}),
            event(
                done,
                output_index=2,
                item={"type": "message", "content": [{"type": "output_text", "text": "so"}]},
            ),
        )
    )
    assert called(made) == [("toolu_1", ARGUMENTS), ("b", ARGUMENTS)]
    assert b'"content":"so"' in made
    with pytest.raises(AnswerError, match="the arguments of no call"):
        stream.take(event(kind, output_index=7, delta="{}"))


def test_an_error_in_a_stream_is_the_last_event() -> None:
    error = {"type": "overloaded_error", "message": "busy"}
    for spoken, failed in (
        (MESSAGES, event("error", error=error)),
        (RESPONSES, event("response.failed", response={"error": error})),
        (RESPONSES, event("error", message="busy")),
    ):
        stream = translated_stream(Frame(CHAT, spoken, "9"))
        made = stream.take(failed)
        assert json.loads(made.split(b"data: ")[-1])["error"]["message"] == "busy"
        assert stream.take(failed) + stream.end() == b""


def test_errors_of_the_messages_api_for_other_clients() -> None:
    body = b'{"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}'
    for api in (CHAT, RESPONSES):
        error = json.loads(translated_error(529, body, api))["error"]
        assert error == {
            "message": "busy",
            "type": "server_error",
            "param": None,
            "code": "overloaded_error",
        }
        assert translated_error(400, b'{"error": "no"}', api) == b'{"error": "no"}'


@pytest.mark.parametrize("api", ["messages", "responses"])
@in_loop
async def test_openais_library_at_a_service_that_speaks_no_chat_completions(api: str) -> None:
    import openai

    async def both(asked: Asked) -> None:
        led = messages_model if api == "messages" else responses_model
        await (led if asked.json.get("stream") else native)(asked)

    async def refuses(asked: Asked) -> None:
        error = {"type": "invalid_request_error", "message": "bad temperature"}
        await asked.reply(400, {"type": "error", "error": error})

    messages: Any = [{"role": "user", "content": TASK}]
    tools: Any = [function("Bash", parameters={"type": "object", "properties": {}})]
    async with (
        rig(upstreams={"euclid": {"apis": [api]}}) as at,
        openai.AsyncOpenAI(base_url=at.url + "/v1", api_key="any", max_retries=0) as client,
    ):
        at.stubs["euclid"].answer = both
        create = client.chat.completions.create
        plain = await create(model="euclid", messages=messages, seed=1)
        assert plain.choices[0].message.content == ("so" if api == "messages" else "")
        assert plain.usage is not None
        assert (plain.usage.prompt_tokens, plain.usage.completion_tokens) == (7, 5)
        assert (at.told[0].usage[:2], at.told[0].usage.cached) == ((7, 5), 4)
        limit = at.stubs["euclid"].asked[0].json.get("max_tokens")
        assert limit == (4096 if api == "messages" else None)
        stream = await create(
            model="euclid", messages=messages, tools=tools, max_tokens=9, stream=True
        )
        deltas = [part.choices[0].delta async for part in stream if part.choices]
        calls = [call for delta in deltas for call in delta.tool_calls or []]
        arguments = "".join(call.function.arguments or "" for call in calls if call.function)
        (expected,) = calls_of(0)
        assert arguments == json.dumps(expected.given)
        assert "".join(delta.content or "" for delta in deltas) == "Turn 0 …"
        with pytest.raises(openai.BadRequestError, match=r"which does not have .*'n'"):
            await create(model="euclid", messages=messages, n=3)
        at.stubs["euclid"].answer = refuses
        with pytest.raises(openai.BadRequestError, match="bad temperature"):
            await create(model="euclid", messages=messages)


@in_loop
async def test_an_answer_without_a_limit_has_the_one_of_its_upstream() -> None:
    thinks = {"apis": ["messages"], "effort": "high", "thinking": 2000}
    chosen = {"apis": ["messages"], "params": {"max_tokens": 64_000}}
    async with rig(upstreams={"euclid": thinks, "portia": chosen}) as at:
        for stub in at.stubs.values():
            stub.answer = native
        await at.ask(model="euclid")
        sent = at.stubs["euclid"].asked[0].json
        assert (sent["max_tokens"], sent["thinking"]["budget_tokens"]) == (6096, 2000)
        asked = parse_request(at.stubs["euclid"].asked[0].body, others=[MESSAGES])
        limited = asked._replace(answer_tokens=6096)
        free = asked._replace(answer_tokens=0)
        price = at.relay.upstreams["euclid"].highest_price
        assert price(free) == price(limited) > 6096 * 2.0 / 1e6
        await at.ask(model="portia")
        assert at.stubs["portia"].asked[0].json["max_tokens"] == 64_000
