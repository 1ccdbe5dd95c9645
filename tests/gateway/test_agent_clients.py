"""The official libraries of both agents' APIs, with nothing changed but the base URL."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway.agents import TASK, calls_of, chat_model, messages_model, responses_model
from tests.gateway.loop import in_loop
from tests.gateway.stubs import Answer, Asked, Rig, rig
from tests.optional import skip_without

if TYPE_CHECKING:
    import openai

skip_without("anthropic", "openai")

NATIVE = {"apis": ["messages", "responses"]}
BOTH = pytest.mark.parametrize("upstreams", [{}, {"euclid": NATIVE}], ids=["chat", "native"])
PROVE: Any = [{"role": "user", "content": TASK}]
TOOL: Any = {"name": "Bash", "input_schema": {"type": "object", "properties": {}}}
FUNCTION: Any = {"type": "function", "name": "Bash", "parameters": TOOL["input_schema"]}
(FIRST,) = calls_of(0)


def model(upstreams: dict[str, Any], native: Answer) -> Answer:
    return native if upstreams else chat_model


def of_anthropic(at: Rig) -> Any:  # noqa: ANN401 - the library may be absent
    import anthropic

    return anthropic.AsyncAnthropic(base_url=at.url, api_key="any", max_retries=0)


def of_openai(at: Rig) -> openai.AsyncOpenAI:
    import openai

    return openai.AsyncOpenAI(base_url=at.url + "/v1", api_key="any", max_retries=0)


@BOTH
@in_loop
async def test_anthropic_streams_and_calls_tools(upstreams: dict[str, Any]) -> None:
    async with rig(upstreams=upstreams) as at, of_anthropic(at) as client:
        at.stubs["euclid"].answer = model(upstreams, messages_model)
        asked = {"model": "auto", "max_tokens": 99, "messages": PROVE, "tools": [TOOL]}
        async with client.messages.stream(**asked) as stream:
            text = "".join([part async for part in stream.text_stream])
            message = await stream.get_final_message()
        assert text == "Turn 0 …"
        assert message.stop_reason == "tool_use"
        assert (message.content[1].id, message.content[1].input) == (FIRST.identity, FIRST.given)
        assert (message.usage.input_tokens, message.usage.output_tokens) == (100, 10)


@in_loop
async def test_anthropic_plain_and_its_count() -> None:
    async with rig() as at, of_anthropic(at) as client:
        message = await client.messages.create(model="auto", max_tokens=9, messages=PROVE)
        assert message.content[0].text == "by euclid-1"
        assert message.usage.output_tokens == 5
        count = await client.messages.count_tokens(model="auto", messages=PROVE)
        assert count.input_tokens > 0
        models = [found.id async for found in client.models.list()]
        assert models[0] == "auto"


@in_loop
async def test_errors_are_those_of_anthropics_library() -> None:
    import anthropic

    async def cut(asked: Asked) -> None:
        first = b'data: {"choices": [{"delta": {"content": "so"}}]}\n\n'
        await asked.events(first, end=False)
        asked.writer.close()
        raise ConnectionResetError

    async with rig() as at, of_anthropic(at) as client:
        with pytest.raises(anthropic.NotFoundError, match="there is no model 'autos'"):
            await client.messages.create(model="autos", max_tokens=9, messages=PROVE)
        search: Any = {"type": "web_search_20250305", "name": "web_search"}
        with pytest.raises(anthropic.BadRequestError, match="chat completions, which do not have"):
            await client.messages.create(model="auto", max_tokens=9, messages=PROVE, tools=[search])
        at.stubs["euclid"].answer = cut
        with pytest.raises(anthropic.APIStatusError, match="broke off its answer"):
            async with client.messages.stream(model="auto", max_tokens=9, messages=PROVE) as stream:
                [part async for part in stream.text_stream]


@BOTH
@in_loop
async def test_openai_streams_responses_and_calls_tools(upstreams: dict[str, Any]) -> None:
    async with rig(upstreams=upstreams) as at, of_openai(at) as client:
        at.stubs["euclid"].answer = model(upstreams, responses_model)
        stream = await client.responses.create(
            model="auto", input=PROVE, tools=[FUNCTION], stream=True, store=False
        )
        events = [event async for event in stream]
        assert events[0].type == "response.created"
        last = events[-1]
        assert last.type == "response.completed"
        assert last.response.output_text == "Turn 0 …"
        call = last.response.output[1]
        assert call.type == "function_call"
        assert (call.call_id, json.loads(call.arguments)) == (FIRST.identity, FIRST.given)
        assert last.response.usage is not None
        assert last.response.usage.input_tokens == 100


@in_loop
async def test_openai_plain_responses_embeddings_and_errors() -> None:
    import openai

    async def embeds(asked: Asked) -> None:
        usage = {"prompt_tokens": 4, "total_tokens": 4}
        item = {"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}
        await asked.reply(200, {"object": "list", "data": [item], "model": "x", "usage": usage})

    async with rig() as at, of_openai(at) as client:
        response = await client.responses.create(model="auto", input="prove it")
        assert response.output_text == "by euclid-1"
        after = await client.responses.create(
            model="auto", input="so?", previous_response_id=response.id
        )
        assert after.output_text == "by euclid-1"
        texts = [one["content"] for one in at.stubs["euclid"].asked[-1].json["messages"]]
        assert texts == ["prove it", "by euclid-1", "so?"]
        with pytest.raises(openai.BadRequestError, match="send the whole conversation"):
            await client.responses.create(model="auto", input="x", previous_response_id="resp_0")
        at.stubs["parrot"].answer = embeds
        found = await client.embeddings.create(
            model="parrot", input="prove it", encoding_format="float"
        )
        assert found.data[0].embedding == [0.5, 0.25]


@in_loop
async def test_openai_raises_what_breaks_in_a_stream() -> None:
    import openai

    async def cut(asked: Asked) -> None:
        await asked.events(b'data: {"choices": [{"delta": {"content": "so"}}]}\n\n', end=False)
        asked.writer.close()
        raise ConnectionResetError

    async with rig() as at, of_openai(at) as client:
        at.stubs["euclid"].answer = cut
        stream = await client.responses.create(model="auto", input="prove it", stream=True)
        with pytest.raises(openai.APIError, match="broke off its answer"):
            [event async for event in stream]
