"""Upstreams as they are: their URLs, headers, parameters, and the words of their errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routereval.errors import DataError
from routereval.gateway import make_config
from routereval.gateway.upstreams.errors import Reply, error_of_reply
from routereval.gateway.upstreams.pool import UpstreamPool
from tests.gateway.loop import in_loop
from tests.gateway.stubs import DONE, Asked, event, good, rig

CONTEXT: dict[str, tuple[int, Any]] = {
    "OpenAI": (400, {"error": {"code": "context_length_exceeded", "message": "x"}}),
    "vLLM": (
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 8 tokens.",
            "code": 400,
        },
    ),
    "Anthropic": (400, {"type": "error", "error": {"message": "prompt is too long: 9 tokens"}}),
    "SGLang": (
        400,
        {
            "object": "error",
            "message": "The input (9 tokens) is longer than the model's context length",
        },
    ),
    "llama.cpp": (
        400,
        {"error": {"code": 400, "type": "exceed_context_size_error", "message": "x"}},
    ),
    "Gemini": (
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": "The input token count (9) exceeds the maximum number",
                }
            }
        ],
    ),
    "Bedrock": (400, {"message": "Input is too long for requested model."}),
    "Copilot": (400, {"error": {"code": "model_max_prompt_tokens_exceeded", "message": "x"}}),
    "TGI": (
        422,
        {
            "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 9",
            "error_type": "validation",
        },
    ),
    "OpenRouter": (
        400,
        {"error": {"message": "x", "metadata": {"raw": '{"m": "maximum context length is 9"}'}}},
    ),
}
REFUSALS: dict[str, tuple[int, Any]] = {
    "max_tokens": (
        400,
        {"error": {"code": "unsupported_parameter", "param": "max_tokens", "message": "x"}},
    ),
    "temperature": (400, {"error": {"code": "unsupported_value", "message": "x"}}),
    "Ollama": (400, {"error": {"message": "registry.ollama.ai/x does not support tools"}}),
    "vLLM": (
        400,
        {"message": '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser'},
    ),
    "too large": (400, {"error": {"message": "max_tokens is too large: 9. It supports 8"}}),
    "Mistral": (422, {"message": "Expected last role User or Tool for serving but got assistant"}),
}


@pytest.mark.parametrize("name", [*CONTEXT, *REFUSALS])
@in_loop
async def test_what_one_model_does_not_take_another_may(name: str) -> None:
    status, body = {**CONTEXT, **REFUSALS}[name]

    async def refuses(asked: Asked) -> None:
        await asked.reply(status, body)

    async with rig() as at:
        at.stubs["euclid"].answer = refuses
        assert (await at.ask())[1]["x-routereval-model"] == "portia"
        assert at.relay.upstreams.resting(0.0)["euclid"] is False
        for stub in at.stubs.values():
            stub.answer = refuses
        assert (await at.ask())[::2] == (status, body)  # all refuse: the client is told


def test_a_limit_of_tokens_a_minute_is_no_context() -> None:
    groq = {
        "error": {"code": "rate_limit_exceeded", "type": "tokens", "message": "Request too large"}
    }
    found = error_of_reply(Reply(413, [], json.dumps(groq).encode()), 300)
    assert found is not None
    assert (found.kind, found.blames) == ("busy", False)


@in_loop
async def test_a_service_with_its_own_parameters_and_headers() -> None:
    own = {
        "headers": {"HTTP-Referer": "https://us", "user-agent": "gateway"},
        "params": {"seed": 7, "top_p": 0.5},
        "rename": {"max_tokens": "max_completion_tokens"},
        "drop": ["temperature"],
    }
    async with rig(upstreams={"euclid": own}) as at:
        await at.ask(max_tokens=5, temperature=0.1, top_p=0.9)
        asked = at.stubs["euclid"].asked[0]
        assert asked.headers["http-referer"] == "https://us"
        assert asked.headers["user-agent"] == "gateway"
        fields = {
            key: value for key, value in asked.json.items() if key not in {"messages", "model"}
        }
        assert fields == {"max_completion_tokens": 5, "top_p": 0.9, "seed": 7}
        await at.stream(max_tokens=5, max_completion_tokens=6)
        asked = at.stubs["euclid"].asked[1]
        assert asked.json["max_completion_tokens"] == 6
        assert "max_tokens" not in asked.json
        assert asked.json["stream_options"] == {"include_usage": True}
        assert asked.json["model"] == "euclid-1"


@in_loop
async def test_azure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_KEY", "sk-azure")
    async with rig(upstreams={"euclid": {"key_env": "AZURE_KEY", "key_header": "api-key"}}) as at:
        target = at.relay.upstreams["euclid"].target
        assert dict(target.headers) == {"api-key": "sk-azure"}
        await at.ask()
        up = at.stubs["euclid"].asked[0].headers
        assert up["api-key"] == "sk-azure"
        assert "authorization" not in up
    url = "https://x.openai.azure.com/openai/deployments/m?api-version=2024-06-01"
    config = make_config({"upstream": [{"name": "m", "base_url": url}]})
    assert UpstreamPool.of(config)["m"].target.url("/chat/completions") == (
        "https://x.openai.azure.com/openai/deployments/m/chat/completions?api-version=2024-06-01"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"drop": ["model"]},
        {"rename": {"messages": "input"}},
        {"rename": {"input": "messages"}},
        {"params": {"stream": True}},
        {"headers": {"host": "x"}},
        {"headers": {"authorization": "Bearer x"}, "key_header": "x-key"},
        {"headers": {"a b": "x"}},
        {"headers": {"x": "a\r\nb"}},
        {"headers": {"x": 1}},
    ],
)
@in_loop
async def test_what_no_service_may_be_sent(wrong: dict[str, Any]) -> None:
    local = {"name": "m", "base_url": "http://127.0.0.1:1/v1"}
    with pytest.raises(DataError):
        UpstreamPool.of(make_config({"upstream": [{**local, **wrong}]}))


@in_loop
async def test_a_service_that_cannot_tell_the_usage_of_streams_is_asked_without() -> None:
    async def strict(asked: Asked) -> None:
        if "stream_options" in asked.json:
            await asked.reply(
                422, {"detail": [{"loc": ["body", "stream_options"], "msg": "extra"}]}
            )
        else:
            await asked.events(event("so"), DONE)

    async with rig() as at:
        at.stubs["euclid"].answer = strict
        for _ in range(2):
            assert (await at.stream()).endswith(DONE)
        assert len(at.stubs["euclid"].asked) == 3  # it is asked for it once
        assert [attempt.model for attempt in at.told[0].attempts] == ["euclid"]


@pytest.mark.parametrize("field", ["my_stream_options", "my_str\\u0065am_options"])
@in_loop
async def test_no_client_makes_a_service_keep_its_usage_to_itself(field: str) -> None:
    async def repeats(asked: Asked) -> None:
        if "my_stream_options" in asked.json:
            await asked.reply(400, {"error": {"message": "Unknown field: my_stream_options"}})
        else:
            await good(asked)

    async with rig() as at:
        at.stubs["euclid"].answer = repeats
        raw = b'{"model": "auto", "stream": true, "%b": 1, "messages": [{"role": "user"}]}'
        for _ in range(2):
            status, _, _ = await at.post("/v1/chat/completions", raw % field.encode())
            assert status == 400
        assert at.relay.upstreams["euclid"].tells_usage
        assert len(at.stubs["euclid"].asked) == 2
