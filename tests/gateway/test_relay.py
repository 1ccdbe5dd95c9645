from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from routereval.errors import DataError
from routereval.gateway import create_app, make_config
from routereval.gateway.protocols import Attempt
from tests.gateway.loop import in_loop
from tests.gateway.stubs import DONE, USAGE, Asked, Notes, completion, event, rig, trained_router


@in_loop
async def test_the_router_decides_and_the_answer_says_who_gave_it() -> None:
    async with rig() as at:
        status, headers, body = await at.ask("prove it")
        assert status == 200
        assert body["choices"][0]["message"]["content"] == "by euclid-1"
        assert headers["x-routereval-model"] == "euclid"
        assert headers["x-routereval-score"] == "0.9000"
        assert headers["x-routereval-reason"] == "predicted score 0.900, next 0.600"
        assert len(headers["x-routereval-request-id"]) == 24
        assert (await at.ask("cite it"))[1]["x-routereval-model"] == "portia"


@in_loop
async def test_virtual_models_trade_score_for_price() -> None:
    async with rig(virtual={"frugal": 5, "lawyers": {"models": ["portia", "parrot"]}}) as at:
        for model, answered in [
            ("auto", "euclid"),
            ("auto:best", "euclid"),
            ("auto:lam=0.7", "portia"),
            ("auto:frugal", "parrot"),
            ("auto:lawyers", "portia"),
        ]:
            status, headers, _ = await at.ask("prove it", model)
            assert (status, headers["x-routereval-model"]) == (200, answered), model


@in_loop
async def test_a_named_model_is_asked_without_a_decision() -> None:
    async with rig() as at:
        status, headers, _ = await at.ask("prove it", "parrot")
        assert (status, headers["x-routereval-model"]) == (200, "parrot")
        assert headers["x-routereval-reason"] == "asked for"
        assert "x-routereval-score" not in headers
        assert at.told[0].decision is None


@in_loop
async def test_nothing_but_the_name_changes_on_the_way_up() -> None:
    async with rig() as at:
        raw = (
            b'{ "model":"auto" ,"messages":[{"role":"user","content":"prove it \\u00e9"}],'
            b'"temperature":1.50,"logprobs":true,"strange":{"model":"auto","n":[1e400,null]},'
            b'"seed":123456789012345678901234567890}'
        )
        status, _, _ = await at.post(
            "/v1/chat/completions",
            raw,
            authorization="Bearer mine",
            openai_beta="x=1",
            cookie="a=b",
            accept_encoding="gzip, br",
            x_routereval_conversation="7",
        )
        assert status == 200
        asked = at.stubs["euclid"].asked[0]
        assert asked.body == raw.replace(b'"model":"auto" ', b'"model":"euclid-1" ', 1)
        assert asked.path == "/v1/chat/completions"
        assert asked.headers["openai-beta"] == "x=1"
        assert asked.headers["accept-encoding"] == "identity"
        assert not {"authorization", "cookie", "x-routereval-conversation"} & set(asked.headers)
        assert "mine" not in str(asked.headers)


@in_loop
async def test_the_answer_comes_as_it_was_given() -> None:
    body = b'{"choices": [{"text": "so"}], "logprobs": 1.50, "x_unknown": "\\u00e9" }\n'

    async def answer(asked: Asked) -> None:
        await asked.reply(
            200, body, x_ratelimit_remaining="9", set_cookie="s=1", openai_processing_ms="3"
        )

    async with rig() as at:
        at.stubs["euclid"].answer = answer
        raw = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "prove it"}]})
        url = at.url + "/v1/chat/completions"
        async with at.session.post(url, data=raw) as got:
            assert await got.read() == body
            assert got.headers["x-ratelimit-remaining"] == "9"
            assert got.headers["openai-processing-ms"] == "3"
            assert "set-cookie" not in got.headers


@in_loop
async def test_upstream_keys_go_up_and_never_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EUCLID_KEY", "sk-very-secret")

    async def tells(asked: Asked) -> None:
        said = f"no such parameter, you sent {asked.headers['authorization']}"
        await asked.reply(400, {"error": {"message": said, "type": "invalid_request_error"}})

    async with rig(upstreams={"euclid": {"key_env": "EUCLID_KEY"}}) as at:
        assert (await at.ask("prove it"))[0] == 200
        assert at.stubs["euclid"].asked[0].headers["authorization"] == "Bearer sk-very-secret"
        at.stubs["euclid"].answer = tells
        status, headers, body = await at.ask("prove it")
        assert status == 400
        assert body["error"]["message"] == "no such parameter, you sent Bearer ***"
        assert "sk-very-secret" not in str(headers) + str(body)


@in_loop
async def test_a_stream_comes_byte_for_byte_and_as_it_comes() -> None:
    sent = [
        b": ping\n\n" + event("1"),
        b": ping\n\n",
        b"event: x\ndata: 2\r\n\r\n",
        event("2"),
        DONE,
    ]

    came = asyncio.Semaphore(0)

    async def waits_for_each_part_to_come(asked: Asked) -> None:
        await asked.events(end=False)
        for part in sent:
            await asked.send(b"%x\r\n%b\r\n" % (len(part), part))
            await came.acquire()
        await asked.send(b"0\r\n\r\n")

    async with rig(headers={"down": ["X-Upstream"]}) as at:
        at.stubs["euclid"].answer = waits_for_each_part_to_come
        async with at.streaming("prove") as answer:
            assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert answer.headers["x-upstream"] == "yes"
            for part in sent:
                assert await answer.content.readexactly(len(part)) == part
                came.release()
            assert await answer.read() == b""


@in_loop
async def test_usage_and_price_are_read_from_answers_and_streams() -> None:
    async with rig() as at:
        await at.ask("prove it")
        await at.stream("prove it")
        for entry in at.told:
            assert (entry.usage.tokens_in, entry.usage.tokens_out) == (7, 5)
            assert not entry.usage.estimated
            assert entry.usd == pytest.approx((7 * 1.0 + 5 * 2.0) / 1e6)
        assert at.told[1].streamed


@in_loop
async def test_usage_that_is_not_told_is_estimated() -> None:
    async def silent(asked: Asked) -> None:
        await asked.events(event("a"), event("b"), event("c"), DONE)

    async with rig() as at:
        at.stubs["euclid"].answer = silent
        await at.stream("prove it " * 40)
        usage = at.told[0].usage
        assert usage.estimated
        assert (usage.tokens_in, usage.tokens_out) == (94, 4)


@in_loop
async def test_a_request_goes_only_where_it_can_be_served() -> None:
    picture = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]
    able = {
        "euclid": {"capabilities": ["json"], "context": 100},
        "portia": {"capabilities": ["vision", "json"]},
        "parrot": {"capabilities": ["tools"]},
    }
    async with rig(upstreams=able) as at:

        async def who(**fields: Any) -> str:  # noqa: ANN401
            return (await at.ask("prove it", **fields))[1]["x-routereval-model"]

        assert await who() == "euclid"
        assert await who(response_format={"type": "json_object"}) == "euclid"
        assert await who(tools=[{"type": "function"}]) == "parrot"
        assert await who(messages=picture) == "portia"
        assert await who(max_tokens=200) == "portia"
        status, _, body = await at.ask(tools=[{}], messages=picture)
        assert status == 400
        assert "euclid lacks tools, vision; portia lacks tools" in body["error"]["message"]


@in_loop
async def test_completions() -> None:
    async with rig() as at:
        body = {"model": "auto", "prompt": "cite the case"}
        status, headers, _ = await at.post("/v1/completions", body)
        assert (status, headers["x-routereval-model"]) == (200, "portia")
        assert at.stubs["portia"].asked[0].path == "/v1/completions"


@in_loop
async def test_the_decision_alone() -> None:
    async with rig() as at:
        messages = [{"role": "user", "content": "prove it"}]
        _, _, body = await at.post("/v1/route", {"model": "auto:lam=0.7", "messages": messages})
        assert body["model"] == "portia"
        assert body["scores"] == pytest.approx({"euclid": 0.9, "portia": 0.6, "parrot": 0.1})
        assert body["costs"] == {"euclid": 0.02, "portia": 0.01, "parrot": 0.001}
        assert (body["lam"], body["resting"]) == (0.7, [])
        assert not any(stub.asked for stub in at.stubs.values())
        _, _, named = await at.post("/v1/route", {"model": "parrot", "messages": messages})
        assert named == {"model": "parrot", "reason": "asked for", "rules": []}


@in_loop
async def test_a_prompt_unlike_all_training_prompts_is_marked() -> None:
    async with rig() as at:
        for text, strange in (("prove the lemma", False), ("xyzzy plugh", True)):
            _, headers, _ = await at.ask(text)
            assert headers.get("x-routereval-unfamiliar") == ("true" if strange else None)
            decision = at.told[-1].decision
            assert decision is not None
            assert decision.unfamiliar is strange
            messages = [{"role": "user", "content": text}]
            _, _, body = await at.post("/v1/route", {"model": "auto", "messages": messages})
            assert body["unfamiliar"] is strange


@in_loop
async def test_models_health_and_unknown_paths() -> None:
    async with rig() as at:
        async with at.session.get(at.url + "/v1/models") as answer:
            names = [model["id"] for model in (await answer.json())["data"]]
        assert names[:2] == ["auto", "auto:cheap"]
        assert names[-3:] == ["euclid", "portia", "parrot"]
        for path, status in [
            ("/healthz", 200),
            ("/readyz", 200),
            ("/v1/models/auto:lam=0.2", 200),
            ("/v1/models/nobody", 404),
            ("/v1/nothing", 404),
            ("/v1/chat/completions", 405),
        ]:
            async with at.session.get(at.url + path) as answer:
                assert answer.status == status, path
                if status >= 400:
                    assert (await answer.json())["error"]["message"]


@in_loop
async def test_conversations_stay_where_they_are() -> None:
    def turns(*said: str) -> list[dict[str, str]]:
        return [{"role": "user", "content": text} for text in said]

    async with rig(routing={"sticky_s": 60, "context_chars": 0}) as at:
        first = await at.ask(messages=turns("prove the lemma"))
        then = await at.ask(messages=turns("prove the lemma", "cite the case"))
        other = await at.ask(messages=turns("prove it again", "cite the case"))
        assert first[1]["x-routereval-model"] == "euclid"
        assert then[1]["x-routereval-model"] == "euclid"
        assert then[1]["x-routereval-reason"] == "same conversation"
        assert other[1]["x-routereval-model"] == "portia"
        for text, model in [("cite the case", "portia"), ("prove the lemma", "portia")]:
            _, headers, _ = await at.post(
                "/v1/chat/completions",
                {"model": "auto", "messages": turns(text)},
                x_routereval_conversation="mine",
            )
            assert headers["x-routereval-model"] == model


@in_loop
async def test_what_is_noted_of_a_request() -> None:
    async with rig() as at:
        await at.ask("cite it", "auto:lam=0.01")
        (entry,) = at.told
        assert (entry.asked, entry.lam, entry.text) == ("auto:lam=0.01", 0.01, "cite it")
        assert (entry.model, entry.decision.model, entry.status) == ("portia", "portia", 200)
        assert entry.attempts == [Attempt("portia")]
        assert entry.propensity == 1.0
        assert len(entry.conversation) == 32
        assert entry.router == "Knn"
        assert 0 < entry.first_byte_s <= entry.total_s


class Broken:
    """An observer that raises."""

    def __init__(self) -> None:
        self.shown = 0

    def record(self, entry: object) -> None:
        self.shown += 1
        raise RuntimeError("the disk is full of holes")

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass


@in_loop
async def test_an_observer_that_raises_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    broken, behind = Broken(), Notes()
    async with rig(observers=(broken, behind)) as at:
        for _ in range(5):
            assert (await at.ask())[0] == 200
        assert broken.shown == len(behind.entries) == len(at.told) == 5
        assert at.relay.in_flight == 0
    logged = [record for record in caplog.records if "observer Broken failed" in record.message]
    assert [record.args for record in logged] == [("Broken", 1), ("Broken", 2), ("Broken", 4)]


def test_an_observer_that_lacks_a_method_is_refused() -> None:
    upstream = {"name": "euclid", "base_url": "http://127.0.0.1:9/v1"}
    lacking = SimpleNamespace(write=print)
    with pytest.raises(
        DataError, match=r"observer SimpleNamespace lacks the method record\(entry\)"
    ):
        create_app(trained_router(), make_config({"upstream": [upstream]}), observers=[lacking])


@in_loop
async def test_many_at_once_are_decided_together() -> None:
    trained = trained_router()
    async with rig() as at:
        texts = [f"{verb} case {n}" for n in range(60) for verb in ("prove", "cite")]
        answers = await asyncio.gather(*(at.ask(text) for text in texts))
        assert {status for status, _, _ in answers} == {200}
        for text, (_, headers, _) in zip(texts, answers, strict=True):
            expected = trained.decide([text])[0].model
            assert headers["x-routereval-model"] == expected
        assert at.relay.in_flight == 0
        assert USAGE["total_tokens"] == completion()["usage"]["total_tokens"]  # type: ignore[index]
