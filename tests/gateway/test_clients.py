"""Clients that people use, with nothing changed but the base URL."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.gateway.loop import in_loop
from tests.gateway.stubs import DONE, Asked, Rig, completion, event, rig
from tests.optional import skip_without

if TYPE_CHECKING:
    import openai

skip_without("openai")

PROVE: Any = [{"role": "user", "content": "prove it"}]
TOOL: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}


@asynccontextmanager
async def asked() -> AsyncIterator[tuple[Rig, openai.AsyncOpenAI]]:
    import openai

    async with (
        rig() as at,
        openai.AsyncOpenAI(base_url=at.url + "/v1", api_key="any", max_retries=0) as client,
    ):
        yield at, client


@in_loop
async def test_plain() -> None:
    async with asked() as (_, client):
        raw = await client.chat.completions.with_raw_response.create(model="auto", messages=PROVE)
        assert raw.headers["x-routereval-model"] == "euclid"
        answer = raw.parse()
        assert answer.choices[0].message.content == "by euclid-1"
        assert answer.usage is not None
        assert answer.usage.completion_tokens == 5


@in_loop
async def test_streamed() -> None:
    async with asked() as (_, client):
        stream = await client.chat.completions.create(model="auto", messages=PROVE, stream=True)
        text = "".join([part.choices[0].delta.content or "" async for part in stream])
        assert text == "done"


@in_loop
async def test_synchronous() -> None:
    import openai

    async with rig() as at:

        def talk() -> tuple[str | None, str]:
            with openai.OpenAI(base_url=at.url + "/v1", api_key="any", max_retries=0) as client:
                plain = client.chat.completions.create(model="auto", messages=PROVE)
                stream = client.chat.completions.create(model="auto", messages=PROVE, stream=True)
                parts = [part.choices[0].delta.content or "" for part in stream]
                return plain.choices[0].message.content, "".join(parts)

        assert await asyncio.to_thread(talk) == ("by euclid-1", "done")


@in_loop
async def test_tools() -> None:
    async def calls(asked: Asked) -> None:
        assert asked.json["tools"] == [TOOL]
        message = {"role": "assistant", "content": None, "tool_calls": [CALL]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        await asked.reply(200, completion(choices=[choice]))

    async with asked() as (at, client):
        at.stubs["euclid"].answer = calls
        answer = await client.chat.completions.create(model="auto", messages=PROVE, tools=[TOOL])
        (call,) = answer.choices[0].message.tool_calls or []
        assert call.type == "function"
        assert call.function.name == "weather"


@in_loop
async def test_json_mode() -> None:
    async def in_json(asked: Asked) -> None:
        assert asked.json["response_format"] == {"type": "json_object"}
        await asked.reply(200, completion('{"proved": true}'))

    async with asked() as (at, client):
        at.stubs["euclid"].answer = in_json
        answer = await client.chat.completions.create(
            model="auto", messages=PROVE, response_format={"type": "json_object"}
        )
        assert json.loads(answer.choices[0].message.content or "") == {"proved": True}


@in_loop
async def test_models_and_completions() -> None:
    async def words(asked: Asked) -> None:
        choice = {"index": 0, "text": "so it is", "finish_reason": "stop", "logprobs": None}
        held = {"id": "1", "object": "text_completion", "created": 1, "model": "x"}
        await asked.reply(200, {**held, "choices": [choice]})

    async with asked() as (at, client):
        names = [model.id async for model in client.models.list()]
        assert names[0] == "auto"
        assert (await client.models.retrieve("portia")).owned_by == "upstream"
        at.stubs["portia"].answer = words
        answer = await client.completions.create(model="auto", prompt="cite the case")
        assert answer.choices[0].text == "so it is"


@in_loop
async def test_errors_are_those_of_the_library() -> None:
    import openai

    async def cut(asked: Asked) -> None:
        await asked.events(event("so"), end=False)
        asked.writer.close()
        raise ConnectionResetError

    async with asked() as (at, client):
        with pytest.raises(openai.NotFoundError, match="there is no model 'autos'; did you mean"):
            await client.chat.completions.create(model="autos", messages=PROVE)
        with pytest.raises(openai.BadRequestError, match="at least one message"):
            await client.chat.completions.create(model="auto", messages=[])
        at.stubs["euclid"].answer = cut
        stream = await client.chat.completions.create(model="auto", messages=PROVE, stream=True)
        assert (await anext(stream)).choices[0].delta.content == "so"
        with pytest.raises(openai.APIError, match="broke off its answer in mid-stream"):
            await anext(stream)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@in_loop
async def test_curl_shows_a_stream_as_it_comes() -> None:
    async def slow(asked: Asked) -> None:
        await asked.events(event("so"), event("it"), DONE, pause=0.1)

    async with rig() as at:
        at.stubs["euclid"].answer = slow
        body = json.dumps({"model": "auto", "messages": PROVE, "stream": True})
        url = at.url + "/v1/chat/completions"
        curl = await asyncio.create_subprocess_exec(
            "curl", "-sN", url, "-d", body, stdout=subprocess.PIPE
        )
        assert curl.stdout is not None
        first = await curl.stdout.readuntil(b"\n\n")
        assert first == event("so")
        assert curl.returncode is None
        assert await curl.stdout.read() == event("it") + DONE
        assert await curl.wait() == 0
