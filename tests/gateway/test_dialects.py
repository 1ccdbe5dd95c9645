"""The Messages API, the Responses API and embeddings at the gateway, native and translated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from routereval.gateway.api_error import ApiError
from routereval.gateway.dialects.apis import MESSAGES
from routereval.gateway.http.chat_request import parse_request
from routereval.gateway.protocols import OpenAuthorization
from tests.gateway.dialects import chunk, events_of
from tests.gateway.loop import in_loop
from tests.gateway.stubs import DONE, Asked, Rig, completion, good, rig

NATIVE = {"euclid": {"apis": ["chat", "messages", "responses"]}}
HELLO: dict[str, Any] = {
    "messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "prove it"}]},
    "responses": {"input": "prove it"},
}
FORBIDDEN: Mapping[str, Any] = {
    "messages": {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
    "responses": {"tools": [{"type": "web_search"}]},
}
APIS = sorted(HELLO)


def body(api: str, model: str = "auto", **fields: object) -> dict[str, Any]:
    return {"model": model, **HELLO[api], **fields}


async def ask(at: Rig, api: str, model: str = "auto", **fields: object) -> tuple[int, Any, Any]:
    return await at.post(f"/v1/{api}", body(api, model, **fields))


def text_of(held: dict[str, Any]) -> str:
    """The text of an answer in either API."""
    block = held["content"][0] if "content" in held else held["output"][0]["content"][0]
    text: str = block["text"]
    return text


def message_of(error: dict[str, Any]) -> str:
    message: str = error["error"]["message"]
    return message


def event(kind: str, **fields: object) -> bytes:
    held = json.dumps({"type": kind, **fields})
    return f"event: {kind}\ndata: {held}\n\n".encode()


MESSAGES_USAGE = {
    "input_tokens": 3,
    "cache_read_input_tokens": 4,
    "cache_creation_input_tokens": 2,
    "output_tokens": 1,
}
ANSWERS = {
    "messages": b'{"id": "msg_1", "type": "message", "content": [{"type": "text", "text": "so"}],'
    b' "x": 1.50, "usage": {"input_tokens": 3, "cache_read_input_tokens": 4, '
    b'"output_tokens": 5}}\n',
    "responses": b'{"id": "resp_1", "object": "response", "output": [], "x": 1.50, "usage": '
    b'{"input_tokens": 7, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 5}}\n',
}
STREAMS = {
    "messages": [
        event("message_start", message={"id": "msg_1", "usage": MESSAGES_USAGE}),
        event("ping"),
        event("content_block_delta", index=0, delta={"type": "text_delta", "text": "so"}),
        event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 5}),
        event("message_stop"),
    ],
    "responses": [
        event("response.created", response={"id": "resp_1", "usage": None}),
        event("response.output_text.delta", delta="so"),
        event(
            "response.completed",
            response={
                "id": "resp_1",
                "usage": {
                    "input_tokens": 9,
                    "input_tokens_details": {"cached_tokens": 4},
                    "output_tokens": 5,
                },
            },
        ),
    ],
}


async def native(asked: Asked) -> None:
    """A service that speaks all APIs."""
    api = asked.path.removeprefix("/v1/")
    if api not in STREAMS:
        await good(asked)
    elif asked.json.get("stream"):
        await asked.events(*STREAMS[api])
    else:
        await asked.reply(200, ANSWERS[api], request_id="r-1")


@pytest.mark.parametrize("api", APIS)
@in_loop
async def test_a_service_of_the_same_api_gets_and_gives_the_very_bytes(api: str) -> None:
    raw = json.dumps(body(api, seed=1.50)).replace("1.5", "1.500").encode()
    async with rig(upstreams=NATIVE) as at:
        at.stubs["euclid"].answer = native
        answer = await at.session.post(
            f"{at.url}/v1/{api}", data=raw, headers={"anthropic-version": "2023-06-01"}
        )
        assert await answer.read() == ANSWERS[api]
        assert answer.headers["x-routereval-model"] == "euclid"
        assert answer.headers["request-id"] == "r-1"
        asked = at.stubs["euclid"].asked[0]
        assert asked.body == raw.replace(b'"auto"', b'"euclid-1"')
        assert asked.path == f"/v1/{api}"
        assert asked.headers["anthropic-version"] == "2023-06-01"
        (entry,) = at.told
        assert (entry.usage[:2], entry.usage.cached, entry.usage.estimated) == ((7, 5), 4, False)
        assert entry.usd == pytest.approx((7 * 1.0 + 5 * 2.0) / 1e6)


@pytest.mark.parametrize("api", APIS)
@in_loop
async def test_a_stream_of_the_same_api_comes_byte_for_byte(api: str) -> None:
    async with rig(upstreams=NATIVE) as at:
        at.stubs["euclid"].answer = native
        answer = await at.session.post(f"{at.url}/v1/{api}", json=body(api, stream=True))
        assert await answer.read() == b"".join(STREAMS[api])
        assert "stream_options" not in at.stubs["euclid"].asked[0].json
        (entry,) = at.told
        assert (entry.usage[:2], entry.usage.cached, entry.usage.estimated) == ((9, 5), 4, False)
        assert (entry.status, entry.error) == (200, "")


@pytest.mark.parametrize("api", APIS)
@in_loop
async def test_a_service_of_chat_completions_is_asked_for_the_same(api: str) -> None:
    async with rig() as at:
        status, headers, held = await ask(at, api)
        assert (status, headers["x-routereval-model"]) == (200, "euclid")
        assert text_of(held) == "by euclid-1"
        asked = at.stubs["euclid"].asked[0]
        assert asked.path == "/v1/chat/completions"
        assert asked.json["messages"] == [{"role": "user", "content": "prove it"}]
        assert held["usage"]["output_tokens"] == 5
        (entry,) = at.told
        assert (entry.path, entry.text) == (f"/v1/{api}", "prove it")
        assert entry.usage[:2] == (7, 5)


@pytest.mark.parametrize("api", APIS)
@in_loop
async def test_a_stream_is_translated_event_by_event(api: str) -> None:
    async with rig() as at:
        answer = await at.session.post(
            f"{at.url}/v1/{api}", json=body(api, stream=True, metadata={"user_id": "u"})
        )
        events = events_of(await answer.read())
        deltas = [held.get("delta") for kind, held in events if kind.endswith("delta")]
        texts = [delta.get("text") if isinstance(delta, dict) else delta for delta in deltas]
        assert texts[:2] == ["do", "ne"]
        assert events[-1][0] == {"messages": "message_stop", "responses": "response.completed"}[api]
        assert at.stubs["euclid"].asked[0].json["stream_options"] == {"include_usage": True}
        assert at.told[0].usage[:2] == (7, 5)
        dropped = {"messages": "metadata", "responses": "metadata"}[api]
        assert answer.headers["x-routereval-dropped"] == dropped


@pytest.mark.parametrize("api", APIS)
@in_loop
async def test_what_cannot_be_translated_goes_only_where_it_is_understood(api: str) -> None:
    async with rig(upstreams={"portia": {"apis": ["messages", "responses"]}}) as at:
        at.stubs["portia"].answer = native
        status, headers, _ = await ask(at, api, **FORBIDDEN[api])
        assert (status, headers["x-routereval-model"]) == (200, "portia")
        status, _, held = await ask(at, api, "euclid", **FORBIDDEN[api])
        assert status == 400
        assert "euclid speaks chat completions, which do not have" in message_of(held)
        status, _, held = await at.ask("prove it", "portia", logprobs=True)
        assert (status, held["error"]["code"]) == (400, "no_able_model")
        assert message_of(held).endswith(
            "portia speaks the Messages API, which does not have the field 'logprobs'"
        )


@pytest.mark.parametrize("api", APIS)
@in_loop
async def test_another_is_asked_when_one_fails_in_whichever_api(api: str) -> None:
    async def fails(asked: Asked) -> None:
        await asked.reply(529, {"type": "error", "error": {"type": "overloaded_error"}})

    async def fails_in_its_stream(asked: Asked) -> None:
        await asked.events(event("error", error={"type": "overloaded_error", "message": "busy"}))

    async with rig(upstreams=NATIVE) as at:
        for failure in (fails, fails_in_its_stream):
            at.stubs["euclid"].answer = failure
            answer = await at.session.post(f"{at.url}/v1/{api}", json=body(api, stream=True))
            assert answer.headers["x-routereval-model"] == "portia"
            events = events_of(await answer.read())
            assert events[-1][0] in ("message_stop", "response.completed")


@pytest.mark.parametrize("api", APIS)
@in_loop
async def test_a_failure_in_a_plain_200_is_one(api: str) -> None:
    async def fails(asked: Asked) -> None:
        error = {"code": "server_error", "message": "sorry"}
        await asked.reply(200, {"status": "failed", "error": error, "output": []})

    async with rig(upstreams=NATIVE) as at:
        at.stubs["euclid"].answer = fails
        assert (await ask(at, api))[1]["x-routereval-model"] == "portia"


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("upstreams", [{}, NATIVE], ids=["translated", "native"])
@in_loop
async def test_a_cut_stream_ends_with_an_error_of_the_api(
    api: str, upstreams: dict[str, Any]
) -> None:
    async def cut(asked: Asked) -> None:
        first = STREAMS[api][0] if upstreams else chunk(content="so")
        await asked.events(first, end=False)
        asked.writer.close()
        raise ConnectionResetError

    async with rig(upstreams=upstreams) as at:
        at.stubs["euclid"].answer = cut
        answer = await at.session.post(f"{at.url}/v1/{api}", json=body(api, stream=True))
        kind, held = events_of(await answer.read())[-1]
        assert kind == "error"
        assert message_of(held) == "euclid broke off its answer in mid-stream"
        assert at.told[0].error == "stream_cut"


@pytest.mark.parametrize("api", APIS)
@in_loop
async def test_a_bad_answer_to_translate_is_no_answer(api: str) -> None:
    async def bad_call(asked: Asked) -> None:
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{"}}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        await asked.reply(200, completion(choices=[{"index": 0, "message": message}]))

    async def bad_event(asked: Asked) -> None:
        await asked.events(chunk(content="so"), b"data: what?\n\n", DONE)

    async with rig() as at:
        at.stubs["euclid"].answer = bad_call
        assert (await ask(at, api))[1]["x-routereval-model"] == "portia"
        at.stubs["euclid"].answer = bad_event
        answer = await at.session.post(f"{at.url}/v1/{api}", json=body(api, stream=True))
        kind, held = events_of(await answer.read())[-1]
        assert (kind, "no JSON object" in message_of(held)) == ("error", True)


@pytest.mark.parametrize("api", APIS)
@in_loop
async def test_errors_come_in_the_clients_api(api: str) -> None:
    async def refuses(asked: Asked) -> None:
        await asked.reply(400, {"error": {"message": "bad temperature", "code": "x"}})

    async with rig() as at:
        cases: list[tuple[str, dict[str, Any], int, str]] = [
            ("autos", {}, 404, "there is no model 'autos'"),
            ("auto", {"messages": [], "input": []}, 400, "at least one"),
            ("auto", {"stream": "yes"}, 400, "true or false"),
        ]
        for model, fields, status, words in cases:
            got, _, held = await ask(at, api, model, **fields)
            assert got == status
            assert words in message_of(held)
            assert (held.get("type") == "error") is (api == "messages")
        at.stubs["euclid"].answer = refuses
        got, _, held = await ask(at, api)
        assert (got, message_of(held)) == (400, "bad temperature")
        assert (held.get("type") == "error") is (api == "messages")


@in_loop
async def test_keys_come_in_the_header_of_the_messages_api() -> None:
    async with rig() as at:
        at.relay.authenticator = Keys()
        _, _, held = await at.post("/v1/messages", body("messages"), x_api_key="wrong")
        assert held["error"]["type"] == "authentication_error"
        status, _, _ = await at.post("/v1/messages", body("messages"), x_api_key="right")
        assert status == 200
        assert "x-api-key" not in at.stubs["euclid"].asked[0].headers


class Keys:
    """Lets in who has the key."""

    async def identify(self, key: str | None) -> OpenAuthorization:
        if key != "right":
            raise ApiError(401, "this API key is not known")
        return OpenAuthorization()

    async def authorize(self, key: str | None, model: str, now: float) -> OpenAuthorization:
        return await self.identify(key)

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass


@in_loop
async def test_an_answer_is_gone_on_from_where_it_is_kept() -> None:
    both = {"apis": ["chat", "responses"]}
    async with rig(upstreams={"euclid": both, "portia": both}) as at:
        at.stubs["euclid"].answer = at.stubs["portia"].answer = native
        await ask(at, "responses", stream=True)
        status, headers, _ = await ask(
            at, "responses", input="cite the case", previous_response_id="resp_1"
        )
        assert (status, headers["x-routereval-model"]) == (200, "euclid")
        assert headers["x-routereval-reason"] == "it keeps the response that this goes on from"
        assert len({entry.conversation for entry in at.told}) == 1
        sent = at.stubs["euclid"].asked[1].json
        assert sent["previous_response_id"] == "resp_1"
        status, _, held = await ask(at, "responses", "portia", previous_response_id="resp_1")
        assert (status, held["error"]["code"]) == (400, "previous_response_not_found")
        status, _, held = await ask(at, "responses", previous_response_id="resp_2")
        assert (status, held["error"]["param"]) == (400, "previous_response_id")


@in_loop
async def test_embeddings_pass_to_the_model_that_is_named() -> None:
    async def embeds(asked: Asked) -> None:
        usage = {"prompt_tokens": 4, "total_tokens": 4}
        await asked.reply(200, {"object": "list", "data": [{"embedding": [0.5]}], "usage": usage})

    async with rig(upstreams={"portia": {"apis": ["chat"]}}) as at:
        at.stubs["parrot"].answer = embeds
        raw = b'{"model": "parrot", "input": ["prove it", "cite it"], "dimensions": 2.50}'
        status, headers, held = await at.post("/v1/embeddings", raw)
        assert (status, headers["x-routereval-model"]) == (200, "parrot")
        assert held["data"][0]["embedding"] == [0.5]
        asked = at.stubs["parrot"].asked[0]
        assert asked.body == raw.replace(b'"parrot"', b'"parrot-1"')
        assert asked.path == "/v1/embeddings"
        (entry,) = at.told
        assert (entry.usage.tokens_in, entry.usage.tokens_out) == (4, 0)
        assert (entry.usd, entry.usage.estimated) == (pytest.approx(4e-6), False)
        for model, words in [("auto", "name the model"), ("portia", "does not speak embeddings")]:
            status, _, held = await at.post("/v1/embeddings", {"model": model, "input": "x"})
            assert status == 400
            assert words in message_of(held)


@in_loop
async def test_tokens_are_counted_by_who_can_and_else_estimated() -> None:
    async def counts(asked: Asked) -> None:
        assert asked.path == "/v1/messages/count_tokens"
        await asked.reply(200, {"input_tokens": 42})

    async def fails(asked: Asked) -> None:
        await asked.reply(500, {})

    async with rig(upstreams=NATIVE) as at:
        at.stubs["euclid"].answer = counts
        path = "/v1/messages/count_tokens"
        assert (await at.post(path, body("messages", "euclid")))[2] == {"input_tokens": 42}
        guess = (await at.post(path, body("messages")))[2]["input_tokens"]
        assert guess == parse_request(json.dumps(body("messages")).encode(), MESSAGES).prompt_tokens
        assert (await at.post(path, body("messages", "portia")))[2] == {"input_tokens": guess}
        at.stubs["euclid"].answer = fails
        assert (await at.post(path, body("messages", "euclid")))[2]["input_tokens"] > 0
        status, _, held = await at.post(path, b"{")
        assert (status, held["type"]) == (400, "error")
        assert at.told == []


def test_pictures_in_results_of_tools_are_no_text() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "A" * 400_000}
    picture = {"type": "image", "source": source}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [picture]}
    held = {"model": "m", "messages": [{"role": "user", "content": [result]}]}
    assert parse_request(json.dumps(held).encode(), MESSAGES).prompt_tokens < 2_000
