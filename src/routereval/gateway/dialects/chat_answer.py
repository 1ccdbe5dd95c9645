"""An answer of chat completions, whole or in events, as values that other APIs are made of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, NoReturn

import msgspec

MOST_TOKENS = 10**9
LAST_SECOND = 10**11
"""What is beyond these in an answer is no count of tokens, and no time."""


class AnswerError(Exception):
    """An upstream's answer is none; the message is half a sentence."""


class Call(NamedTuple):
    """A call of a tool; its arguments are JSON."""

    identity: str
    name: str
    arguments: str


class ChatUsage(NamedTuple):
    """Tokens of an answer; `tokens_in` with the cached ones, `tokens_out` with the reasoning."""

    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0
    written: int = 0
    reasoning: int = 0


class ChatAnswer(NamedTuple):
    """An answer.

    Attributes:
        text: of the first choice; what refuses is text, too.
        calls: of tools.
        finish: the ``finish_reason``.
        model: as the upstream calls it.
        usage: its tokens.
        stop: the sequence that stopped it, where the upstream says so.
        created: seconds since the epoch; 0 where it does not say.
    """

    text: str
    calls: tuple[Call, ...]
    finish: str
    model: str
    usage: ChatUsage
    stop: str | None = None
    created: int = 0


def read_answer(body: bytes) -> ChatAnswer:
    """The answer in a body.

    Raises:
        AnswerError: if there is none.

    >>> body = b'{"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}'
    >>> read_answer(body)[:3]
    ('yes', (), 'stop')
    """
    held = parsed(body)
    choices = held.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise AnswerError("answered without choices")
    calls = [_call(call) for call in calls_in(message)]
    return ChatAnswer(
        text_of(message),
        tuple(calls),
        str(choice.get("finish_reason") or ""),
        model_in(held),
        read_usage_of(held),
        stop_of(choice),
        created_of(held),
    )


def read_chunks(events: bytes) -> Iterator[dict[str, Any]]:
    r"""What the events of a stream hold, without comments and ``[DONE]``.

    Args:
        events: whole ones.

    Raises:
        AnswerError: if one is no JSON object.

    >>> list(read_chunks(b': ping\n\ndata: {"choices": []}\n\ndata: [DONE]\n\n'))
    [{'choices': []}]
    """
    text = events.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for event in text.split(b"\n\n"):
        lines = [line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:")]
        data = b"\n".join(lines)
        if data and data != b"[DONE]":
            yield parsed(data)


def parsed(data: bytes | str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        AnswerError: if it is none.
    """
    try:
        held = json.loads(data)
    except (ValueError, RecursionError):
        held = None
    if not isinstance(held, dict):
        raise AnswerError("answered with what is no JSON object")
    return held


def raw_object(text: str) -> msgspec.Raw:
    """A JSON object in a text, to stand somewhere else byte for byte.

    Raises:
        AnswerError: if it is none.

    >>> bytes(raw_object('{"n": 1.50}'))
    b'{"n": 1.50}'
    """
    if not is_object(text):
        raise AnswerError("answered with what is no JSON object")
    return msgspec.Raw(text.encode("utf-8", "replace"))


def is_object(text: str) -> bool:
    """Whether a text is a JSON object, by the letter of the standard: without NaN.

    >>> is_object('{"n": 1.50}'), is_object('{"n": NaN}'), is_object("[]"), is_object("{")
    (True, False, False, False)
    """
    try:
        return isinstance(json.loads(text, parse_constant=_refused), dict)
    except (ValueError, RecursionError):
        return False


def _refused(constant: str) -> NoReturn:
    raise ValueError(constant)


def first_choice(chunk: Mapping[str, Any]) -> dict[str, Any]:
    """The first choice of a chunk; empty where it has none, or one that nobody asked for."""
    choices = chunk.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) and not first.get("index") else {}


def calls_in(message: Mapping[str, Any]) -> list[Any]:
    """The calls of tools in a message or a delta.

    Raises:
        AnswerError: if they are no list.
    """
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise AnswerError("sent a call of no tool")
    return calls


def model_in(held: Mapping[str, Any], usual: str = "") -> str:
    """The model that an answer or a chunk names."""
    model = held.get("model")
    return model if isinstance(model, str) and model else usual


def text_of(message: Mapping[str, Any]) -> str:
    """What a message or a delta says, or why it refuses."""
    content = message.get("content")
    if isinstance(content, list):  # as Mistral gives it
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "".join(text for text in texts if isinstance(text, str))
    refusal = message.get("refusal")
    text = content if isinstance(content, str) else ""
    return text + refusal if isinstance(refusal, str) else text


def stop_of(choice: Mapping[str, Any]) -> str | None:
    """The sequence that stopped an answer, as vLLM says it."""
    stop = choice.get("stop_reason")
    return stop if isinstance(stop, str) and choice.get("finish_reason") == "stop" else None


def created_of(held: Mapping[str, Any]) -> int:
    """When an answer was made, in seconds since the epoch; 0 where it does not say."""
    created = held.get("created")
    return int(created) if isinstance(created, int | float) and 0 < created < LAST_SECOND else 0


def read_usage_of(held: Mapping[str, Any]) -> ChatUsage:
    """The usage that an answer or a chunk tells.

    >>> details = {"cached_tokens": 2}
    >>> usage = {"prompt_tokens": 3, "completion_tokens": 5, "prompt_tokens_details": details}
    >>> read_usage_of({"usage": usage})
    ChatUsage(tokens_in=3, tokens_out=5, cached=2, written=0, reasoning=0)
    """
    usage = held.get("usage")
    if not isinstance(usage, dict):
        return ChatUsage()
    inward, outward = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    cached = count_in(inward, "cached_tokens") or count_in(usage, "prompt_cache_hit_tokens")
    return ChatUsage(
        count_in(usage, "prompt_tokens"),
        count_in(usage, "completion_tokens"),
        cached or count_in(usage, "cache_read_input_tokens"),
        count_in(usage, "cache_creation_input_tokens"),
        count_in(outward, "reasoning_tokens"),
    )


def count_in(held: object, name: str) -> int:
    """A count of tokens that stands in an object; 0 where none does."""
    value = held.get(name) if isinstance(held, dict) else None
    return int(value) if isinstance(value, int | float) and 0 < value < MOST_TOKENS else 0


def object_in(held: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An object that stands in another one; empty where none does."""
    found = held.get(key)
    return found if isinstance(found, dict) else {}


def chunk_of(delta: dict[str, Any]) -> dict[str, Any]:
    """A chunk of a stream."""
    return {"choices": [{"index": 0, "delta": delta}]}


def _call(call: object) -> Call:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict):
        raise AnswerError("answered with a call of no tool")
    name, arguments = function.get("name"), function.get("arguments")
    if not isinstance(name, str):
        raise AnswerError("answered with a call of no tool")
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments or {})
    return Call(str(call.get("id") or ""), name, arguments or "{}")
