"""Answers of other APIs as chat completions, whole and in events."""

from __future__ import annotations

from typing import Any

from routereval.gateway.dialects.answer_stream import AnswerStream, ReadChunks
from routereval.gateway.dialects.apis import CHAT
from routereval.gateway.dialects.call_parts import CallPart
from routereval.gateway.dialects.chat_answer import ChatAnswer, ChatUsage, raw_object
from routereval.gateway.dialects.encoding import encoded
from routereval.gateway.dialects.request_parts import function_call

_DONE = b"data: [DONE]\n\n"


def completion_of_answer(answer: ChatAnswer, identity: str, created: int = 0) -> bytes:
    """A whole answer.

    Args:
        answer: of whichever API.
        identity: of the request; what ids are made of.
        created: seconds since the epoch, where the answer does not say.

    Raises:
        AnswerError: if the arguments of a call are no JSON object.

    >>> import json
    >>> held = ChatAnswer("yes", (), "stop", "claude", ChatUsage(3, 1))
    >>> json.loads(completion_of_answer(held, "1"))["choices"][0]["message"]
    {'role': 'assistant', 'content': 'yes', 'refusal': None}
    """
    content = answer.text if answer.text or not answer.calls else None
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
    calls = []
    for number, call in enumerate(answer.calls, 1):
        raw_object(call.arguments)
        name = call.identity or _call_id(identity, number)
        calls.append(function_call(name, call.name, call.arguments))
    if calls:
        message["tool_calls"] = calls
    finish = _finish(answer.finish, calls=len(calls))
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    held = _completion("chat.completion", identity, answer.model, answer.created or created)
    return encoded({**held, "choices": [choice], "usage": usage_of(answer.usage)})


class CompletionStream(AnswerStream):
    r"""Makes events of chat completions.

    Args:
        identity: of the request; what ids are made of.
        model: that is named where the upstream names none.
        created: seconds since the epoch, where the upstream does not say.
        read: see `AnswerStream`.
        usage: whether the stream is to end with its usage.

    >>> stream = CompletionStream("1", "claude", 0, lambda events: [{"choices": []}])
    >>> stream.take(b"event: ping\n\n").decode().count("assistant"), stream.end()[-14:]
    (1, b'data: [DONE]\n\n')
    """

    api = CHAT
    keep_alive = b": the model thinks\n\n"

    def __init__(
        self, identity: str, model: str, created: int, read: ReadChunks, *, usage: bool = False
    ) -> None:
        super().__init__(identity, model, read)
        self._now = created
        self._tells_usage = usage

    def _start(self) -> bytes:
        return self._chunk({"role": "assistant", "content": ""})

    def _text(self, text: str) -> bytes:
        return self._chunk({"content": text})

    def _part(self, part: CallPart) -> bytes:
        index = self._calls.count - 1
        if not part.begins:
            call: dict[str, Any] = {"function": {"arguments": part.arguments}}
            return (
                self._chunk({"tool_calls": [{"index": index, **call}]}) if part.arguments else b""
            )
        identity = part.identity or _call_id(self._identity, self._calls.count)
        call = function_call(identity, part.name, part.arguments)
        return self._chunk({"tool_calls": [{"index": index, **call}]})

    def _ended(self) -> bytes:
        last = self._chunk({}, _finish(self._finish, calls=self._calls.count))
        if not self._tells_usage:
            return last + _DONE
        held = {**self._head(), "choices": [], "usage": usage_of(self._usage)}
        return last + _data(held) + _DONE

    def _head(self) -> dict[str, Any]:
        created = self._created or self._now
        return _completion("chat.completion.chunk", self._identity, self._model, created)

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _data({**self._head(), "choices": [choice]})


def usage_of(usage: ChatUsage) -> dict[str, Any]:
    """Tokens as chat completions count them: the prompt's with those from and to a cache.

    >>> usage_of(ChatUsage(9, 2, cached=4))["prompt_tokens_details"]
    {'cached_tokens': 4}
    """
    held = {
        "prompt_tokens": usage.tokens_in,
        "completion_tokens": usage.tokens_out,
        "total_tokens": usage.tokens_in + usage.tokens_out,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }
    return held | ({"cache_creation_input_tokens": usage.written} if usage.written else {})


def _completion(kind: str, identity: str, model: str, created: int) -> dict[str, Any]:
    return {"id": f"chatcmpl-{identity}", "object": kind, "created": created, "model": model}


def _call_id(identity: str, number: int) -> str:
    return f"call_{identity}_{number}"


def _finish(finish: str, *, calls: int) -> str:
    """Why an answer ends."""
    return "tool_calls" if calls and finish in ("", "stop") else finish or "stop"


def _data(held: dict[str, Any]) -> bytes:
    return b"data: " + encoded(held) + b"\n\n"
