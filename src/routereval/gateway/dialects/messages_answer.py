"""Answers of chat completions as the Messages API has them, whole and in events."""

from __future__ import annotations

from typing import Any

from routereval.gateway.dialects.answer_stream import AnswerStream, ReadChunks
from routereval.gateway.dialects.apis import MESSAGES
from routereval.gateway.dialects.call_parts import CallPart
from routereval.gateway.dialects.chat_answer import (
    AnswerError,
    ChatAnswer,
    ChatUsage,
    raw_object,
    read_chunks,
)
from routereval.gateway.dialects.encoding import encoded, encoded_event

_STOP_REASONS = {
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


def message_of_answer(answer: ChatAnswer, identity: str) -> bytes:
    """A whole answer.

    Args:
        answer: of chat completions.
        identity: of the request; what ids are made of.

    Raises:
        AnswerError: if the arguments of a call are no JSON object.

    >>> import json
    >>> from routereval.gateway.dialects.chat_answer import read_answer
    >>> body = b'{"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}'
    >>> json.loads(message_of_answer(read_answer(body), "1"))["content"]
    [{'type': 'text', 'text': 'yes'}]
    """
    content: list[dict[str, Any]] = []
    if answer.text or not answer.calls:
        content.append({"type": "text", "text": answer.text})
    for number, call in enumerate(answer.calls):
        name = {"id": call.identity or _call_id(identity, number), "name": call.name}
        content.append({"type": "tool_use", **name, "input": raw_object(call.arguments)})
    message = _message(identity, answer.model)
    stop = _stop(answer.finish, answer.stop, calls=len(answer.calls))
    return encoded({**message, "content": content, **stop, "usage": _usage(answer.usage)})


class MessagesStream(AnswerStream):
    r"""Makes events of the Messages API.

    >>> chunk = b'data: {"choices": [{"delta": {"content": "yes"}}]}\n\n'
    >>> events = MessagesStream("1", "llama").take(chunk).split(b"\n\n")
    >>> [event.split(b"\n")[0].decode() for event in events if event]
    ['event: message_start', 'event: content_block_start', 'event: content_block_delta']
    """

    api = MESSAGES
    keep_alive = encoded_event("ping", {})

    def __init__(self, identity: str, model: str, read: ReadChunks = read_chunks) -> None:
        super().__init__(identity, model, read)
        self._block = -1  # the last one that was begun
        self._open = ""  # its kind, while it goes on

    def _start(self) -> bytes:
        stop = {"stop_reason": None, "stop_sequence": None}
        message = {**_message(self._identity, self._model), "content": [], **stop}
        return encoded_event(
            "message_start", {"message": {**message, "usage": _usage(ChatUsage())}}
        )

    def _text(self, text: str) -> bytes:
        begin = b""
        if self._open != "text":
            begin = self._begin("text", {"type": "text", "text": ""})
        return begin + self._delta({"type": "text_delta", "text": text})

    def _part(self, part: CallPart) -> bytes:
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
        closed = self._closed()
        self._block += 1
        self._open = kind
        return closed + encoded_event(
            "content_block_start", {"index": self._block, "content_block": block}
        )

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return encoded_event("content_block_delta", {"index": self._block, "delta": delta})

    def _closed(self) -> bytes:
        if not self._open:
            return b""
        self._open = ""
        return encoded_event("content_block_stop", {"index": self._block})

    def _ended(self) -> bytes:
        stop = _stop(self._finish, self._stop, calls=self._calls.count)
        delta = {"delta": stop, "usage": _usage(self._usage)}
        return encoded_event("message_delta", delta) + encoded_event("message_stop", {})


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
