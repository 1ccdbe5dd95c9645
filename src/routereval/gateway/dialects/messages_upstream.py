"""Answers of upstreams that speak the Messages API, as chat completions have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from routereval.gateway.dialects.chat_answer import (
    AnswerError,
    Call,
    ChatAnswer,
    ChatUsage,
    chunk_of,
    count_in,
    model_in,
    object_in,
    read_chunks,
)
from routereval.gateway.dialects.completion_answer import usage_of

_FINISHES = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


class _Block(msgspec.Struct):
    type: Any = None
    text: Any = None
    id: Any = None
    name: Any = None
    input: msgspec.Raw = msgspec.Raw(b"{}")


class _Message(msgspec.Struct):
    """A whole answer; the arguments of calls stay as they were written."""

    content: list[_Block]
    model: Any = None
    stop_reason: Any = None
    stop_sequence: Any = None
    usage: Any = None


_MESSAGE = msgspec.json.Decoder(_Message)


def answer_of_message(body: bytes) -> ChatAnswer:
    """The answer in a body.

    Raises:
        AnswerError: if there is none.

    >>> body = b'{"content": [{"type": "text", "text": "yes"}], "stop_reason": "end_turn"}'
    >>> answer_of_message(body)[:3]
    ('yes', (), 'stop')
    """
    try:
        held = _MESSAGE.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise AnswerError("answered without content") from None
    texts = [block.text for block in held.content if block.type == "text"]
    calls = [_call(block) for block in held.content if block.type == "tool_use"]
    return ChatAnswer(
        "".join(text for text in texts if isinstance(text, str)),
        tuple(calls),
        _finish(held.stop_reason),
        model_in({"model": held.model}),
        _usage(held.usage),
        held.stop_sequence if isinstance(held.stop_sequence, str) else None,
    )


class MessagesChunks:
    r"""Makes chunks of chat completions of the events of a stream.

    >>> chunks = MessagesChunks()
    >>> delta = b'{"type": "content_block_delta", "delta": {"type": "text_delta", "text": "yes"}}'
    >>> [chunk["choices"][0]["delta"] for chunk in chunks(b"data: " + delta + b"\n\n")]
    [{'content': 'yes'}]
    """

    def __init__(self) -> None:
        self._usage = ChatUsage()
        self._calls: list[int] = []  # the blocks that are calls of tools
        self._others: set[int] = set()  # and those that are not
        self._input = ""  # of the last one, while none of it came in parts

    def __call__(self, events: bytes) -> Iterator[dict[str, Any]]:
        """The chunks of some whole events.

        Raises:
            AnswerError: if they are none of the Messages API.
        """
        for event in read_chunks(events):
            yield from self._chunks(event)

    def _chunks(self, event: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        kind = event.get("type")
        if kind == "error":
            yield {"error": event.get("error") or "an error"}
        elif kind == "message_start":
            message = object_in(event, "message")
            self._usage = _usage(message.get("usage"))
            yield {"model": message.get("model"), "choices": []}
        elif kind == "content_block_start":
            yield from self._block(event, object_in(event, "content_block"))
        elif kind == "content_block_delta":
            yield from self._delta(event, object_in(event, "delta"))
        elif kind == "content_block_stop" and self._is_call(event) and self._input:
            yield self._arguments(self._input)
        elif kind == "ping":
            yield chunk_of({"reasoning": "…"})  # somebody is there
        elif kind == "message_delta":
            yield self._last(event, object_in(event, "delta"))

    def _block(
        self, event: Mapping[str, Any], block: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        if block.get("type") == "text" and isinstance(block.get("text"), str):
            yield chunk_of({"content": block["text"]})
        elif block.get("type") == "tool_use":
            name, identity = block.get("name"), block.get("id")
            if not isinstance(name, str) or not name:
                raise AnswerError("sent a call of no tool")
            self._calls.append(_index(event))
            self._input = _text_of_input(block.get("input"))
            function = {"name": name, "arguments": ""}
            call = {"id": str(identity or ""), "type": "function", "function": function}
            yield chunk_of({"tool_calls": [{"index": len(self._calls) - 1, **call}]})
            return
        self._others.add(_index(event))

    def _delta(
        self, event: Mapping[str, Any], delta: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        kind = delta.get("type")
        if kind == "text_delta" and isinstance(delta.get("text"), str):
            yield chunk_of({"content": delta["text"]})
        elif kind == "thinking_delta":
            yield chunk_of({"reasoning": "…"})  # its own: only that there is some
        elif kind == "input_json_delta" and _index(event) not in self._others:
            partial = delta.get("partial_json")
            if not self._is_call(event):
                raise AnswerError("sent the arguments of no call")
            if isinstance(partial, str) and partial:
                self._input = ""
                yield self._arguments(partial)

    def _is_call(self, event: Mapping[str, Any]) -> bool:
        """Whether an event is of the last call, and not of another block.

        Raises:
            AnswerError: if it is of a call that another one came after.
        """
        index = _index(event)
        if index in self._calls[:-1]:
            raise AnswerError("mixed the calls of its tools")
        return bool(self._calls) and index == self._calls[-1]

    def _arguments(self, text: str) -> dict[str, Any]:
        function = {"arguments": text}
        return chunk_of({"tool_calls": [{"index": len(self._calls) - 1, "function": function}]})

    def _last(self, event: Mapping[str, Any], delta: Mapping[str, Any]) -> dict[str, Any]:
        self._usage = _larger(self._usage, _usage(event.get("usage")))
        stop = delta.get("stop_reason")
        choice: dict[str, Any] = {"index": 0, "delta": {}}
        if stop:
            choice |= {"finish_reason": _finish(stop), "stop_reason": delta.get("stop_sequence")}
        return {"choices": [choice], "usage": usage_of(self._usage)}


def _call(block: _Block) -> Call:
    if not isinstance(block.name, str) or not block.name:
        raise AnswerError("answered with a call of no tool")
    return Call(str(block.id or ""), block.name, bytes(block.input).decode())


def _finish(stop: object) -> str:
    return _FINISHES.get(str(stop), "stop") if stop else ""


def _usage(held: object) -> ChatUsage:
    """Tokens; those from and to a cache are counted with the others here."""
    cached = count_in(held, "cache_read_input_tokens")
    written = count_in(held, "cache_creation_input_tokens")
    tokens_in = count_in(held, "input_tokens") + cached + written
    return ChatUsage(tokens_in, count_in(held, "output_tokens"), cached, written)


def _larger(one: ChatUsage, other: ChatUsage) -> ChatUsage:
    """Both of them: a stream may tell one half first, and counts only grow."""
    return ChatUsage(*map(max, one, other))


def _text_of_input(given: object) -> str:
    """The arguments of a call whose block has them already; ``{}`` where parts are to come."""
    if not isinstance(given, dict) or not given:
        return "{}"
    return msgspec.json.encode(given).decode()


def _index(event: Mapping[str, Any]) -> int:
    index = event.get("index")
    return index if isinstance(index, int) else 0
