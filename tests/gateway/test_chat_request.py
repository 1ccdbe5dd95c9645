from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routereval.gateway.api_error import ApiError
from routereval.gateway.http.chat_request import parse_request, routed_text, with_model

USER = {"role": "user", "content": "hi"}


def body(**fields: object) -> bytes:
    return json.dumps({"model": "auto", "messages": [USER], **fields}).encode()


def test_turns_and_opening() -> None:
    ask = parse_request(
        body(
            messages=[
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": "prove it"},
                {"role": "assistant", "content": "done"},
                {"role": "user", "content": [{"type": "text", "text": "and why?"}]},
            ],
            stream=True,
        )
    )
    assert ask.turns == ("prove it", "and why?")
    assert ask.opening == "be brief\nprove it"
    assert ask.streamed


@pytest.mark.parametrize(
    ("fields", "needs"),
    [
        ({}, set()),
        ({"tools": [{"type": "function"}]}, {"tools"}),
        ({"tools": []}, set()),
        ({"functions": [{}]}, {"tools"}),
        ({"response_format": {"type": "json_object"}}, {"json"}),
        ({"response_format": {"type": "text"}}, set()),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            {"vision"},
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]},
            {"audio"},
        ),
        ({"messages": [{"role": "user", "content": [{"type": "file"}]}]}, {"files"}),
        ({"messages": [{"role": "user", "content": [{"type": "video_url"}]}]}, {"video"}),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "text": ""}]}]},
            {"vision"},
        ),
    ],
)
def test_needs(fields: dict[str, Any], needs: set[str]) -> None:
    assert parse_request(body(**fields)).needs == needs


def test_tokens_count_the_longest_answer() -> None:
    assert (
        parse_request(body(messages=[{"role": "user", "content": "x" * 400}])).prompt_tokens == 104
    )
    for limits, longest in (
        ({"max_tokens": 1000}, 1000),
        ({"max_tokens": 1, "max_completion_tokens": 900.0}, 900),
        ({"max_tokens": True}, 1),
        ({"max_tokens": "x"}, 0),
    ):
        asked = parse_request(body(**limits))
        assert asked.answer_tokens == longest


def test_a_completion() -> None:
    ask = parse_request(b'{"model": "auto", "prompt": ["one", "two"]}')
    assert ask.turns == ("one", "two")
    assert parse_request(b'{"model": "auto", "prompt": [1, 2]}').turns == ("",)


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"model": 3, "messages": []}',
        b'{"model": ""}',
        b'{"model": "auto"}',
        '{"model": "auto", "messages": [{}]}'.encode("utf-16"),
        '{"model": "auto", "messages": [{}]}'.encode("utf-16-le"),
        '{"model": "auto", "messages": [{}]}'.encode("utf-8-sig"),
        b'{"model": "auto", "messages": []}',
        b'{"model": "auto", "messages": ["x"]}',
        b'{"model": "auto", "messages": {"role": "user"}}',
        b'{"model": "auto", "prompt": null}',
        b'{"model": "auto", "messages": [{}], "stream": "yes"}',
        b'{"model": "auto", "messages": [{}], "n": ' + b"9" * 5000 + b"}",
    ],
)
def test_hostile_bodies_are_refused(hostile: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        parse_request(hostile)
    assert caught.value.status == 400
    assert json.loads(caught.value.body)["error"]["message"]


@pytest.mark.parametrize(
    "odd",
    [
        b'{"model": "auto", "messages": [{"role": "user", "content": "a \\"model\\": \\"x\\" b"}]}',
        b'{"messages": [{"model": "inner"}], "model":"auto"}',
        b'{"messages": [{"content": {"model": "inner"}}], "x": "model", "model" :\n "auto"}',
        b'{"mod\\u0065l": "auto", "messages": [{}]}',
        b'{"x": "model", "mod\\u0065l": "auto", "messages": [{}]}',
        b'{"model": "a\\"u\\\\to", "messages": [{"content": "\\u0065"}]}',
        b'{"model": "auto", "messages": [{}], "temperature": 1.50e0, "n": 123456789012345678901}',
        b'{"metadata": {"model": "x"}, "model": "auto", "messages": [{}],  "t": ["model", {}]}',
        '{"model": "auto", "messages": [{"content": "größe 模型 🦙"}]}'.encode(),
        b'{"model": "auto"  ' + b" " * 100 + b', "x": "model", "messages": [{}]}',
        b'{"x": "model", "model"' + b" " * 100 + b': "auto", "messages": [{}]}',
    ],
)
def test_only_the_name_changes(odd: bytes) -> None:
    parse_request(odd)
    made = with_model(odd, "llama")
    before, after = json.loads(odd), json.loads(made)
    assert after == {**before, "model": "llama"}
    name = json.dumps(before["model"]).encode()
    assert odd.count(name) >= 1
    assert len(made) == len(odd) + len(b'"llama"') - len(name)


@pytest.mark.parametrize(
    "twice",
    [
        b'{"model": "x", "model": "auto", "messages": [{}]}',
        b'{"model": "x", "mod\\u0065l": "auto", "messages": [{}]}',
        b'{"model": {"a": 1}, "model": "auto", "messages": [{}]}',
        b'{"model": "auto", "messages": [{}], "model": "auto"}',
    ],
)
def test_a_name_given_twice_is_given_once(twice: bytes) -> None:
    def no_twin(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    assert parse_request(twice).model == "auto"
    made = json.loads(with_model(twice, "llama"), object_pairs_hook=no_twin)
    assert made["model"] == "llama"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("model"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["model", "a", 'mo"del', "\\model"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(st.text(max_size=6) | st.just("models"), values, max_size=4),
    st.text(min_size=1, max_size=8),
    st.text(min_size=1, max_size=8),
    st.booleans(),
    st.sampled_from([None, 1]),
    st.randoms(),
)
def test_any_body(
    fields: dict[str, Any], old: str, new: str, ascii_only: bool, indent: int | None, rng: Random
) -> None:
    pairs = [*{**fields, "messages": [{"x": 1}]}.items(), ("model", old)]
    rng.shuffle(pairs)
    held = {**dict(pairs), "model": old, "stream": None}
    text = json.dumps(held, ensure_ascii=ascii_only, indent=indent)
    try:
        raw = text.encode()
    except UnicodeEncodeError:  # half a character can only be sent as an escape
        return
    assert parse_request(raw).model == old
    made = with_model(raw, new)
    assert json.loads(made) == {**held, "model": new}
    assert len(made) - len(raw) == len(json.dumps(new)) - len(
        json.dumps(old, ensure_ascii=ascii_only).encode()
    )


@given(st.lists(st.text(max_size=30), min_size=1, max_size=6), st.integers(0, 50))
def test_context_is_bounded_and_ends_with_the_last_turn(turns: list[str], room: int) -> None:
    text = routed_text(tuple(turns), room, 100)
    assert text.endswith(turns[-1])
    assert len(text) <= len(turns[-1]) + room + 2 * (len(turns) - 1)
