"""Answers of upstreams that speak the Responses API, as chat completions have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from routereval.gateway.dialects.chat_answer import (
    AnswerError,
    Call,
    ChatAnswer,
    ChatUsage,
    chunk_of,
    count_in,
    created_of,
    model_in,
    object_in,
    parsed,
    read_chunks,
)
from routereval.gateway.dialects.completion_answer import usage_of

_INCOMPLETE = {"max_output_tokens": "length", "content_filter": "content_filter"}
_TEXTS = ("response.output_text.delta", "response.refusal.delta")
_LAST = ("response.completed", "response.incomplete")
_ARGUMENTS = "response.function_call_arguments.delta"


def answer_of_response(body: bytes) -> ChatAnswer:
    """The answer in a body.

    Raises:
        AnswerError: if there is none.

    >>> part = b'{"type": "output_text", "text": "yes"}'
    >>> body = b'{"output": [{"type": "message", "content": [%b]}]}' % part
    >>> answer_of_response(body)[:3]
    ('yes', (), 'stop')
    """
    held = parsed(body)
    items = _items(held)
    calls = tuple(_call(item) for item in items if item.get("type") == "function_call")
    return ChatAnswer(
        "".join(_text(item) for item in items),
        calls,
        _finish(held, calls=len(calls)),
        model_in(held),
        _usage(held.get("usage")),
        None,
        created_of({"created": held.get("created_at")}),
    )


class ResponsesChunks:
    r"""Makes chunks of chat completions of the events of a stream.

    >>> delta = b'{"type": "response.output_text.delta", "delta": "yes"}'
    >>> [chunk["choices"][0]["delta"] for chunk in ResponsesChunks()(b"data: " + delta + b"\n\n")]
    [{'content': 'yes'}]
    """

    def __init__(self) -> None:
        self._calls: list[int] = []  # the places in the output that are calls of tools
        self._in_parts: set[int] = set()  # the places of which something came in parts

    def __call__(self, events: bytes) -> Iterator[dict[str, Any]]:
        """The chunks of some whole events.

        Raises:
            AnswerError: if they are none of the Responses API.
        """
        for event in read_chunks(events):
            yield from self._chunks(event)

    def _chunks(self, event: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        kind = event.get("type")
        if kind in ("error", "response.failed"):
            response = object_in(event, "response")
            yield {"error": response.get("error") or event.get("error") or dict(event)}
        elif kind == "response.created":
            response = object_in(event, "response")
            created = response.get("created_at")
            yield {"model": response.get("model"), "created": created, "choices": []}
        elif kind == "response.output_item.added":
            yield from self._added(event, object_in(event, "item"))
        elif kind == "response.output_item.done":
            yield from self._done(event, object_in(event, "item"))
        elif kind in _LAST:
            yield from self._last(object_in(event, "response"))
        elif isinstance(kind, str) and isinstance(event.get("delta"), str):
            yield from self._delta(event, kind, event["delta"])

    def _delta(self, event: Mapping[str, Any], kind: str, delta: str) -> Iterator[dict[str, Any]]:
        if kind in _TEXTS:
            self._in_parts.add(_place(event))
            yield chunk_of({"content": delta})
        elif kind == _ARGUMENTS and delta:
            yield self._arguments(_place(event), delta)
        elif kind.startswith("response.reasoning"):
            yield chunk_of({"reasoning": "…"})  # its own: only that there is some

    def _added(self, event: Mapping[str, Any], item: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        if item.get("type") == "function_call":
            call = _call(item)
            self._calls.append(_place(event))
            function = {"name": call.name, "arguments": ""}
            held = {"id": call.identity, "type": "function", "function": function}
            yield chunk_of({"tool_calls": [{"index": len(self._calls) - 1, **held}]})

    def _done(self, event: Mapping[str, Any], item: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """What an item holds of which nothing came in parts."""
        place = _place(event)
        if place in self._in_parts:
            return
        if item.get("type") == "function_call":
            if place not in self._calls:
                yield from self._added(event, item)
            yield self._arguments(place, _call(item).arguments)
        elif text := _text(item):
            self._in_parts.add(place)
            yield chunk_of({"content": text})

    def _arguments(self, place: int, text: str) -> dict[str, Any]:
        if place not in self._calls:
            raise AnswerError("sent the arguments of no call")
        self._in_parts.add(place)
        function = {"arguments": text}
        return chunk_of({"tool_calls": [{"index": self._calls.index(place), "function": function}]})

    def _last(self, response: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """How the answer ends; and all of it, where nothing of it came before."""
        if not self._in_parts and not self._calls and isinstance(response.get("output"), list):
            for place, item in enumerate(_items(response)):
                yield from self._done({"output_index": place}, item)
        finish = _finish(response, calls=len(self._calls))
        choice = {"index": 0, "delta": {}, "finish_reason": finish}
        yield {"choices": [choice], "usage": usage_of(_usage(response.get("usage")))}


def _items(held: Mapping[str, Any]) -> list[dict[str, Any]]:
    output = held.get("output")
    if not isinstance(output, list):
        raise AnswerError("answered without output")
    return [item for item in output if isinstance(item, dict)]


def _text(item: Mapping[str, Any]) -> str:
    """What an item of the output says, or why it refuses."""
    content = item.get("content")
    if item.get("type") != "message" or not isinstance(content, list):
        return ""
    parts = [part for part in content if isinstance(part, dict)]
    texts = [part.get("text") or part.get("refusal") for part in parts]
    return "".join(text for text in texts if isinstance(text, str))


def _call(item: Mapping[str, Any]) -> Call:
    name, arguments = item.get("name"), item.get("arguments")
    if not isinstance(name, str) or not name:
        raise AnswerError("answered with a call of no tool")
    text = arguments if isinstance(arguments, str) and arguments else "{}"
    return Call(str(item.get("call_id") or ""), name, text)


def _finish(held: Mapping[str, Any], *, calls: int) -> str:
    reason = object_in(held, "incomplete_details").get("reason")
    if held.get("status") == "incomplete":
        return _INCOMPLETE.get(str(reason), "length")
    return "tool_calls" if calls else "stop"


def _usage(held: object) -> ChatUsage:
    inward = held.get("input_tokens_details") if isinstance(held, dict) else None
    outward = held.get("output_tokens_details") if isinstance(held, dict) else None
    return ChatUsage(
        count_in(held, "input_tokens"),
        count_in(held, "output_tokens"),
        count_in(inward, "cached_tokens"),
        0,
        count_in(outward, "reasoning_tokens"),
    )


def _place(event: Mapping[str, Any]) -> int:
    index = event.get("output_index")
    return index if isinstance(index, int) else 0
