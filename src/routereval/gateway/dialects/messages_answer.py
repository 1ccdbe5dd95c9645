"""Answers of chat completions as the Messages API has them, whole and in events."""

from __future__ import annotations

import json
from typing import Any

from routereval.gateway.api_error import ApiError
from routereval.gateway.dialects.apis import MESSAGES
from routereval.gateway.dialects.call_parts import CallPart, CallParts
from routereval.gateway.dialects.chat_answer import (
    AnswerError,
    ChatAnswer,
    ChatUsage,
    first_choice,
    model_in,
    parsed,
    read_chunks,
    read_usage_of,
    stop_of,
    text_of,
)
from routereval.gateway.dialects.errors import error_event, error_message

_STOP_REASONS = {
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
_PING = b'event: ping\ndata: {"type": "ping"}\n\n'


def message_of_answer(answer: ChatAnswer, identity: str) -> bytes:
    """A whole answer.

    Args:
        answer: of chat completions.
        identity: of the request; what ids are made of.

    Raises:
        AnswerError: if the arguments of a call are no JSON object.

    >>> from routereval.gateway.dialects.chat_answer import read_answer
    >>> body = b'{"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}'
    >>> json.loads(message_of_answer(read_answer(body), "1"))["content"]
    [{'type': 'text', 'text': 'yes'}]
    """
    content: list[dict[str, Any]] = []
    if answer.text or not answer.calls:
        content.append({"type": "text", "text": answer.text})
    for number, call in enumerate(answer.calls):
        given = parsed(call.arguments)
        name = {"id": call.identity or _call_id(identity, number), "name": call.name}
        content.append({"type": "tool_use", **name, "input": given})
    message = _message(identity, answer.model)
    stop = _stop(answer.finish, answer.stop, calls=len(answer.calls))
    return _encoded({**message, "content": content, **stop, "usage": _usage(answer.usage)})


class MessagesStream:
    r"""Makes events of the Messages API of the events of chat completions.

    Args:
        identity: of the request; what ids are made of.
        model: that is named where the upstream names none.

    >>> chunk = b'data: {"choices": [{"delta": {"content": "yes"}}]}\n\n'
    >>> events = MessagesStream("1", "llama").take(chunk).split(b"\n\n")
    >>> [event.split(b"\n")[0].decode() for event in events if event]
    ['event: message_start', 'event: content_block_start', 'event: content_block_delta']
    """

    def __init__(self, identity: str, model: str) -> None:
        self._identity = identity
        self._model = model
        self._calls = CallParts()
        self._begun = False
        self._over = False
        self._block = -1  # the last one that was begun
        self._open = ""  # its kind, while it goes on
        self._finish = ""
        self._stop: str | None = None
        self._usage = ChatUsage()

    def take(self, events: bytes) -> bytes:
        """The events that some whole events of the upstream become.

        Raises:
            AnswerError: if they are none of chat completions.
        """
        return b"".join(self._taken(chunk) for chunk in read_chunks(events))

    def end(self) -> bytes:
        """The events with which the answer ends."""
        if self._over:
            return b""
        self._over = True
        stop = _stop(self._finish, self._stop, calls=self._calls.count)
        delta = {"delta": stop, "usage": _usage(self._usage)}
        last = _event("message_delta", delta) + _event("message_stop", {})
        return self._start() + self._close() + last

    def error(self, error: ApiError) -> bytes:
        """An event for an error."""
        self._over = True
        return error_event(error, MESSAGES)

    def _taken(self, chunk: dict[str, Any]) -> bytes:
        if chunk.get("error"):
            return self.error(ApiError(502, error_message(_encoded(chunk))))
        self._model = model_in(chunk, self._model)
        if isinstance(chunk.get("usage"), dict):
            self._usage = read_usage_of(chunk)
        choice = first_choice(chunk)
        delta = choice.get("delta")
        events = [self._start()]
        if isinstance(delta, dict):
            text = text_of(delta)
            if text:
                events.append(self._text(text))
            events += [self._call(part) for part in self._calls.read(delta)]
            if len(events) == 1 and (delta.get("reasoning_content") or delta.get("reasoning")):
                events.append(_PING)  # it thinks: the client is to know that somebody is there
        if choice.get("finish_reason"):
            self._finish, self._stop = str(choice["finish_reason"]), stop_of(choice)
        return b"".join(events)

    def _start(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        stop = {"stop_reason": None, "stop_sequence": None}
        message = {**_message(self._identity, self._model), "content": [], **stop}
        return _event("message_start", {"message": {**message, "usage": _usage(ChatUsage())}})

    def _text(self, text: str) -> bytes:
        begin = b""
        if self._open != "text":
            begin = self._begin("text", {"type": "text", "text": ""})
        return begin + self._delta({"type": "text_delta", "text": text})

    def _call(self, part: CallPart) -> bytes:
        begin = b""
        if part.begins:
            identity = part.identity or _call_id(self._identity, self._calls.count)
            block = {"type": "tool_use", "id": identity, "name": part.name, "input": {}}
            begin = self._begin("tool_use", block)
        elif self._open != "tool_use":
            raise AnswerError("mixed its text with the calls of its tools")
        if not part.arguments:
            return begin
        return begin + self._delta({"type": "input_json_delta", "partial_json": part.arguments})

    def _begin(self, kind: str, block: dict[str, Any]) -> bytes:
        closed = self._close()
        self._block += 1
        self._open = kind
        return closed + _event(
            "content_block_start", {"index": self._block, "content_block": block}
        )

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return _event("content_block_delta", {"index": self._block, "delta": delta})

    def _close(self) -> bytes:
        if not self._open:
            return b""
        self._open = ""
        return _event("content_block_stop", {"index": self._block})


def _message(identity: str, model: str) -> dict[str, Any]:
    return {"id": f"msg_{identity}", "type": "message", "role": "assistant", "model": model}


def _call_id(identity: str, number: int) -> str:
    return f"toolu_{identity}_{number}"


def _stop(finish: str, stop: str | None, *, calls: int) -> dict[str, Any]:
    """Why an answer ends; some services say ``stop`` after calls of tools, too."""
    reason = _STOP_REASONS.get(finish, "end_turn")
    if reason == "end_turn" and (calls or stop):
        reason = "tool_use" if calls else "stop_sequence"
    return {"stop_reason": reason, "stop_sequence": stop if reason == "stop_sequence" else None}


def _usage(usage: ChatUsage) -> dict[str, int]:
    """Tokens; those from and to a cache are counted apart from the others."""
    return {
        "input_tokens": max(usage.tokens_in - usage.cached - usage.written, 0),
        "cache_creation_input_tokens": usage.written,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.tokens_out,
    }


def _event(kind: str, held: dict[str, Any]) -> bytes:
    data = _encoded({"type": kind, **held})
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


def _encoded(held: dict[str, Any]) -> bytes:
    return json.dumps(held, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
