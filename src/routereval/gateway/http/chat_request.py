"""What a request asks for, and its bytes with another model's name in them.

A body is parsed once, for the decision. What goes upstream is the client's own bytes with only the
value of the outermost ``"model"`` replaced: numbers, spaces and unknown fields stay as they were.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from routereval.gateway.api_error import refuse
from routereval.gateway.dialects.apis import CHAT, EMBEDDINGS, Api
from routereval.gateway.dialects.effort import at_effort
from routereval.gateway.dialects.encoding import encoded
from routereval.gateway.dialects.request_parts import Message, UntranslatableError
from routereval.gateway.dialects.translation import READ, translated_request
from routereval.gateway.http.json_shape import check_shape
from routereval.gateway.http.token_count import count_of, counted_sizes, prompt_size
from routereval.gateway.protocols import MAX_TOKENS, ChatRequest, RequestForm

_QUOTED = rb'"(?:[^"\\]|\\.)*+"'
_MODEL = re.compile(rb'"model"\s*:\s*(' + _QUOTED + rb")", re.DOTALL)
_VALUE = re.compile(rb"\s*(" + _QUOTED + rb")", re.DOTALL)
_TOKENS = re.compile(rb"(" + _QUOTED + rb")(\s*:)?|[{}\[\]]", re.DOTALL)
_ESCAPED_LETTERS = (rb"\u006", rb"\u007")  # as which m, o, d, e, l may be written
_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens")
# Keys on which what is paid depends: where one stands twice, readers of JSON could disagree.
_PAID = (*_LIMITS, "n", "best_of", "stream", "stream_options", "messages", "prompt", "tools")
_PAID_IN = {
    "chat": _PAID,
    "messages": (*_PAID, "system"),
    "responses": (*_PAID, "input", "instructions"),
    "embeddings": (*_PAID, "input"),
}
_QUOTED_PAID = {
    api: {key: b'"%b"' % key.encode() for key in keys} for api, keys in _PAID_IN.items()
}
NO_FORMS: Mapping[str, Any] = MappingProxyType({})
_ANSWERS = frozenset({"assistant", "tool", "function"})
_ASK_USAGE = b'"stream_options":{"include_usage":true}'


def parse_request(
    body: bytes,
    api: Api = CHAT,
    others: Sequence[Api] = (),
    counters: Mapping[str, Callable[[str], int]] = NO_FORMS,
) -> ChatRequest:
    """Read the body of a request.

    Args:
        body: JSON.
        api: that it is a request of.
        others: APIs in which it may go to an upstream that does not speak its own.
        counters: what counts the tokens of a text besides, by name.

    Raises:
        ApiError: 400 if it is no JSON object, or lacks what the decision needs; 413 if it holds
            too many values.

    >>> ask = parse_request(b'{"model": "auto", "messages": [{"role": "user", "content": "hi"}]}')
    >>> ask.model, ask.turns, ask.needs
    ('auto', ('hi',), frozenset())
    """
    check_shape(body)
    held = _parsed(body)
    model, streamed = _model(held), _streamed(held)
    parts = READ[api.name](held)
    conversation = _conversation(parts.messages, parts.needs)
    size, options = prompt_size(held, len(body)), held.get("stream_options")
    forms, echo = _forms(held, api, others) if others else (NO_FORMS, NO_FORMS)
    return ChatRequest(
        model,
        streamed,
        conversation.turns,
        _opening(parts.messages, parts.session),
        conversation.needs,
        size.usual,
        size.most,
        _answer_tokens(held),
        0 if api is EMBEDDINGS else _answers(held),
        isinstance(options, dict) and options.get("include_usage") is True,
        conversation.continued,
        json.dumps(held).encode() if _is_ambiguous(body, held, api) else b"",
        api,
        conversation.failures,
        parts.follows,
        parts.kept,
        forms,
        echo,
        counted_sizes(held, counters) if counters else NO_FORMS,
    )


def _model(held: Mapping[str, Any]) -> str:
    model = held.get("model")
    if not isinstance(model, str) or not model:
        refuse("the field 'model' must name a model, such as \"auto\"", "model")
    return model


def _streamed(held: Mapping[str, Any]) -> bool:
    streamed = held.get("stream")
    if streamed is not None and not isinstance(streamed, bool):
        refuse("the field 'stream' must be true or false", "stream")
    return bool(streamed)


class _Conversation(NamedTuple):
    """What the messages of a request say together; see `ChatRequest`."""

    turns: tuple[str, ...]
    needs: frozenset[str]
    failures: int
    continued: bool


def _conversation(messages: Sequence[Message], needs: frozenset[str]) -> _Conversation:
    turns, failures, answered = [], 0, False
    for message in messages:
        needs = needs | message.needs if message.needs else needs
        failures += message.failed
        if message.role == "user":
            turns.append(message.text)
        elif message.role in _ANSWERS:
            answered = True
    found = tuple(turns) or (messages[-1].text,)
    return _Conversation(found, needs, failures, len(turns) > 1 or answered)


def routed_text(turns: tuple[str, ...], context_chars: int, prompt_chars: int) -> str:
    r"""The text that is routed: the last turn, after as many earlier ones as fit whole.

    Args:
        turns: what the user wrote, oldest first.
        context_chars: how much of earlier turns goes before the last one.
        prompt_chars: how much of the last turn is looked at: its beginning and its end.

    >>> routed_text(("prove it", "and why?"), 100, 100)
    'prove it\n\nand why?'
    >>> routed_text(("a long story", "why?"), 5, 100)
    'why?'
    >>> routed_text(("abcdefgh",), 0, 4)
    'ab\ngh'
    """
    last = turns[-1]
    if len(last) > prompt_chars:
        half = prompt_chars // 2
        last = f"{last[:half]}\n{last[-half:]}"
    kept, room = [last], context_chars
    for turn in reversed(turns[:-1]):
        room -= len(turn)
        if room < 0:
            break
        kept.append(turn)
    return "\n\n".join(reversed(kept))


def with_model(body: bytes, model: str) -> bytes:
    """The body with another model's name, and else byte for byte the same.

    Where an object holds ``model`` twice the readers of JSON disagree about which counts. Such a
    body is written anew from what was read, so that the upstream sees what the decision saw.

    Args:
        body: one that `parse_request` has read.
        model: the new name.

    >>> with_model(b'{"tools": [{"model": 1.50}], "model" : "auto"}', "llama")
    b'{"tools": [{"model": 1.50}], "model" : "llama"}'
    """
    name = _quoted(model)
    found = _only_model(body)
    if found is None:
        return json.dumps({**_parsed(body), "model": model}).encode()
    start, end = found
    return b"".join((body[:start], name, body[end:]))


@lru_cache(maxsize=1024)
def _quoted(name: str) -> bytes:
    return json.dumps(name).encode()


def with_usage(body: bytes) -> bytes:
    """The body of a stream that is to end with its usage, and else byte for byte the same.

    Args:
        body: one that `parse_request` has read, with ``stream`` true.

    >>> with_usage(b'{"model": "llama", "stream": true }')
    b'{"model": "llama", "stream": true ,"stream_options":{"include_usage":true}}'
    >>> with_usage(b'{"stream_options": {"include_obfuscation": false}, "stream": true}')
    b'{"stream_options": {"include_obfuscation": false, "include_usage": true}, "stream": true}'
    """
    if b'"stream_options"' not in body and not _has_escaped_letters(body):
        return _with_field(body)
    ends = [end for key, end in _outermost_keys(body) if json.loads(key) == "stream_options"]
    if not ends:
        return _with_field(body)
    value = body[ends[-1] :].decode()
    text = value.lstrip()
    options, length = json.JSONDecoder().raw_decode(text)
    if not isinstance(options, dict | None):
        return body  # not what the API knows: the upstream's to refuse
    asked = json.dumps({**(options or {}), "include_usage": True})
    made = value[: len(value) - len(text)] + asked + text[length:]
    return body[: ends[-1]] + made.encode()


def with_fields(
    body: bytes, params: Mapping[str, Any], rename: Mapping[str, str], drop: Collection[str]
) -> bytes:
    """The body as a service takes it; written anew only if a field of it changes.

    Args:
        body: one that `parse_request` has read.
        params: fields that it gets if it does not have them.
        rename: fields by their new names; one that is there under both keeps the new one's value.
        drop: fields that are left out.

    >>> with_fields(b'{"max_tokens": 5, "top_k": 1}', {"n": 1}, {"max_tokens": "limit"}, ["top_k"])
    b'{"limit": 5, "n": 1}'
    """
    held = _parsed(body)
    made: dict[str, Any] = {}
    for name, value in held.items():
        if name not in drop and not (name in rename and rename[name] in held):
            made[rename.get(name, name)] = value
    made.update({name: value for name, value in params.items() if name not in made})
    return body if made == held else json.dumps(made).encode()


def with_effort(
    body: bytes, api: Api, effort: str, thinking: int | None, fields: Mapping[str, Any]
) -> bytes:
    """The body at the effort of an arm; written anew only if that changes it.

    Args:
        body: one that `parse_request` has read.
        api: that it is of.
        effort: the word for it; empty for none.
        thinking: tokens of it; None for the word.
        fields: that are set besides.

    >>> from routereval.gateway.dialects.apis import CHAT
    >>> with_effort(b'{"n": 1.0, "reasoning_effort":"low"}', CHAT, "low", None, {})
    b'{"n": 1.0, "reasoning_effort":"low"}'
    """
    held = _parsed(body)
    made = at_effort(held, api, effort=effort, thinking=thinking, fields=fields)
    return body if made == held else json.dumps(made).encode()


def _with_field(body: bytes) -> bytes:
    end = body.rindex(b"}")
    return b"".join((body[:end], b",", _ASK_USAGE, body[end:]))


def _has_escaped_letters(body: bytes) -> bool:
    return b"\\u00" in body and any(letters in body for letters in _ESCAPED_LETTERS)


def _is_ambiguous(body: bytes, held: Mapping[str, Any], api: Api) -> bool:
    """Whether a key on which the price depends stands twice in the outermost object."""
    quoted = _QUOTED_PAID[api.name]
    often = any(body.count(quoted[key]) > 1 for key in held if key in quoted)
    if not often and not _has_escaped_letters(body):
        return False
    keys = [json.loads(key) for key, _ in _outermost_keys(body)]
    return any(keys.count(key) > 1 for key in _PAID_IN[api.name])


def _only_model(body: bytes) -> tuple[int, int] | None:
    """Where the value of the outermost ``model`` stands, if that key is there exactly once."""
    if body.count(b'"model"') == 1 and not _has_escaped_letters(body):
        match = _MODEL.search(body)
        return None if match is None else match.span(1)
    after = [end for key, end in _outermost_keys(body) if json.loads(key) == "model"]
    value = _VALUE.match(body, after[0]) if len(after) == 1 else None
    return None if value is None else value.span(1)


def _outermost_keys(body: bytes) -> Iterator[tuple[bytes, int]]:
    """The keys of the outermost object, quoted as they stand, and where each one's colon ends."""
    depth = 0
    for token in _TOKENS.finditer(body):
        mark = body[token.start()]
        if mark in b"{[":
            depth += 1
        elif mark in b"}]":
            depth -= 1
        elif depth == 1 and token[2]:
            yield token[1], token.end()


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        held = json.loads(body.decode())  # as text: no reader would guess an encoding
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        refuse(f"the body is not JSON: {why}")
    if not isinstance(held, dict):
        refuse("the body must be a JSON object")
    return held


def _opening(messages: list[Message], session: str) -> str:
    """What stays the same in a conversation: its name, and all up to the user's first message."""
    first = next((at for at, found in enumerate(messages) if found.role == "user"), 0)
    opening = "\n".join(message.text for message in messages[: first + 1])
    return f"{session}\n{opening}" if session else opening


def _forms(
    held: Mapping[str, Any], api: Api, others: Sequence[Api]
) -> tuple[Mapping[str, RequestForm], Mapping[str, Any]]:
    """A request in other APIs, by their names, and what an answer repeats of it."""
    made = {other.name: _translated(held, api, other) for other in others}
    echo = next((echo for _, echo in made.values() if echo), {})
    return {name: form for name, (form, _) in made.items()}, echo


def _translated(
    held: Mapping[str, Any], api: Api, other: Api
) -> tuple[RequestForm, Mapping[str, Any]]:
    """A request in another API, or what it asks for that this does not have; and its echo."""
    try:
        made = translated_request(held, api, other)
    except UntranslatableError as error:
        return RequestForm(untranslatable=str(error)), {}
    return RequestForm(encoded(made.body), "", made.dropped), made.echo


def _answer_tokens(held: Mapping[str, Any]) -> int:
    """The longest of all limits that a body has, also of its thinking; 0 without."""
    thinking, reasoning = held.get("thinking"), held.get("reasoning")
    limits = [held[key] for key in _LIMITS if key in held]
    if isinstance(thinking, dict):
        limits.append(thinking.get("budget_tokens"))
    if isinstance(reasoning, dict):
        limits.append(reasoning.get("max_tokens"))
    return max(map(count_of, limits), default=0)


def _answers(held: Mapping[str, Any]) -> int:
    """How many answers are made: for each prompt of a list, as many as are asked for."""
    prompt = held.get("prompt")
    each = 1
    if "n" in held or "best_of" in held:
        each = max(count_of(held.get("n")), count_of(held.get("best_of")), 1)
    if not isinstance(prompt, list) or not prompt or isinstance(prompt[0], int):
        return each
    return min(each * len(prompt), MAX_TOKENS)
