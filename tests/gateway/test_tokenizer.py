"""Prompts are counted by the tokenizer that an upstream names, and by script without one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from routereval.errors import DataError
from routereval.gateway import server
from routereval.gateway.http import token_count
from routereval.gateway.http.chat_request import parse_request
from routereval.gateway.http.token_count import COUNTED_FRAME, MESSAGE_TOKENS
from routereval.gateway.tokenizer import PIECE_CHARS, Tokenizer
from tests.gateway.loop import in_loop
from tests.gateway.stubs import Stub, config_for, rig, trained_router

tokenizers = pytest.importorskip("tokenizers")

WORDS = ("prove", "the", "lemma", "user", "by", "induction")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tokenizer of whole words, that would also cut, pad, and frame what it counts."""
    vocabulary = {word: at for at, word in enumerate(("?", "[B]", *WORDS))}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="?"))  # noqa: S106
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[B] $A", special_tokens=[("[B]", 1)]
    )
    made.enable_truncation(4)
    made.enable_padding(length=16)
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    made.save(str(path))
    return str(path)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("prove the lemma", 3), ("the " * 1000, 1000), ("the \ud800", 2), ("今天", 1)],
)
def test_the_tokens_of_a_text(file: str, text: str, tokens: int) -> None:
    assert Tokenizer(file).count(text) == tokens


def test_a_long_text_is_counted_in_pieces(file: str) -> None:
    assert Tokenizer(file).count("the " * PIECE_CHARS) == PIECE_CHARS


def test_what_is_no_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no tokenizer"):
        Tokenizer(tmp_path / "none.json")
    for text in ("", "{}", "no JSON"):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(DataError, match="holds no tokenizer"):
            Tokenizer(tmp_path / "bad.json")


def test_a_request_is_counted_by_each(file: str) -> None:
    text = "prove the lemma by induction " * 10
    raw = json.dumps({"model": "auto", "messages": [{"role": "user", "content": text}]}).encode()
    request = parse_request(raw, counters={"words": Tokenizer(file).count})
    size = request.size_by("words")
    assert size.usual == 50 + 1 + MESSAGE_TOKENS  # and the role
    assert size.usual < size.most <= 1.1 * size.usual + 1 + COUNTED_FRAME
    estimate = (request.prompt_tokens, request.most_prompt_tokens)
    assert request.size_by("") == request.size_by("another") == estimate


def test_what_is_too_long_is_estimated(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_count, "MAX_COUNTED_CHARS", 20)
    raw = json.dumps({"model": "auto", "prompt": "prove the lemma by induction"}).encode()
    assert not parse_request(raw, counters={"words": Tokenizer(file).count}).sizes


@in_loop
async def test_context_and_reservation_go_by_it(file: str) -> None:
    """Thirty words of ten letters are 30 tokens by the file, and more by script."""
    text = "incredible " * 30
    limits = {"context": 50, "tokenizer": file}
    only = {"only": {"models": ["euclid"]}}
    async with rig(upstreams={"euclid": limits}, virtual=only) as at:
        assert (await at.ask(text, "auto:only"))[0] == 200
        request = await at.relay.planner.parsed(_body(text))
        euclid, portia = at.relay.upstreams["euclid"], at.relay.upstreams["portia"]
        assert euclid.prompt_size(request).usual < 50 < portia.prompt_size(request).usual
        most = euclid.prompt_size(request).most
        assert euclid.highest_price(request) == pytest.approx((most + 16 + 2 * 1000) / 1e6)
    async with rig(upstreams={"euclid": {"context": 50}}, virtual=only) as at:
        assert (await at.ask(text, "auto:only"))[0] == 400


@in_loop
async def test_a_large_body_is_counted_too(file: str) -> None:
    async with rig(upstreams={"euclid": {"tokenizer": file}}) as at:
        request = await at.relay.planner.parsed(_body("prove " * 5000))
        assert request.size_by(file).usual == 5000 + 1 + MESSAGE_TOKENS


def test_what_is_served_says_which(file: str) -> None:
    stubs = {"euclid": Stub(), "portia": Stub()}
    for stub in stubs.values():
        stub.port = 1
    config = config_for(stubs, upstreams={"euclid": {"tokenizer": file}})
    lines = server.overview(trained_router(), config)
    assert f"prompts of euclid are counted by {file}" in lines
    assert "prompts of portia are estimated by script" in lines


def test_a_missing_file_ends_the_start(tmp_path: Path) -> None:
    async def begin() -> None:
        async with rig(upstreams={"euclid": {"tokenizer": str(tmp_path / "none.json")}}):
            pytest.fail("it serves")

    with pytest.raises(DataError, match="there is no tokenizer"):
        asyncio.run(begin())


def _body(text: str) -> bytes:
    return json.dumps({"model": "auto", "messages": [{"role": "user", "content": text}]}).encode()
