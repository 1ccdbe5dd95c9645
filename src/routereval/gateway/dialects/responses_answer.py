"""Answers of chat completions as the Responses API has them, whole and in events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from routereval.gateway.dialects.answer_stream import AnswerStream, ReadChunks
from routereval.gateway.dialects.apis import RESPONSES
from routereval.gateway.dialects.call_parts import CallPart
from routereval.gateway.dialects.chat_answer import (
    AnswerError,
    Call,
    ChatAnswer,
    ChatUsage,
    parsed,
    read_chunks,
)
from routereval.gateway.dialects.encoding import encoded, encoded_event
from routereval.gateway.dialects.responses_request import (
    CUSTOM,
    CUSTOM_INPUT,
    NAMESPACE,
    in_namespace,
)

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class Tool(NamedTuple):
    """A tool of a request.

    Attributes:
        name: as the client knows it.
        namespace: that it is in; empty for none.
        custom: whether it takes a text instead of JSON.
    """

    name: str
    namespace: str = ""
    custom: bool = False


def response_of_answer(answer: ChatAnswer, identity: str, echo: Mapping[str, Any]) -> bytes:
    """A whole answer.

    Args:
        answer: of chat completions.
        identity: of the request; what ids are made of.
        echo: what is repeated of the request.

    Raises:
        AnswerError: if the arguments of a call are no JSON object.

    >>> from routereval.gateway.dialects.chat_answer import read_answer
    >>> body = b'{"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}'
    >>> json.loads(response_of_answer(read_answer(body), "1", {}))["output"][0]["content"]
    [{'type': 'output_text', 'text': 'yes', 'annotations': [], 'logprobs': []}]
    """
    output = []
    if answer.text or not answer.calls:
        output.append(_message_item(f"msg_{identity}", answer.text))
    tools = _tools_by_name(echo)
    for number, call in enumerate(answer.calls, 1):
        parsed(call.arguments)
        output.append(_call_item(call, identity, number, tools))
    held = _response(identity, answer.model, echo, answer.created)
    return encoded({**held, "output": output, **_ending(answer.finish, answer.usage)})


class ResponsesStream(AnswerStream):
    r"""Makes events of the Responses API.

    Args:
        identity: of the request; what ids are made of.
        model: that is named where the upstream names none.
        echo: what is repeated of the request.
        read: see `AnswerStream`.

    >>> stream = ResponsesStream("1", "llama", {})
    >>> events = stream.take(b'data: {"choices": [{"delta": {"content": "yes"}}]}\n\n')
    >>> [line.decode() for line in events.split(b"\n") if line.startswith(b"event: response.out")]
    ['event: response.output_item.added', 'event: response.output_text.delta']
    """

    api = RESPONSES
    keep_alive = b": the model thinks\n\n"

    def __init__(
        self, identity: str, model: str, echo: Mapping[str, Any], read: ReadChunks = read_chunks
    ) -> None:
        super().__init__(identity, model, read)
        self._echo = echo
        self._tools = _tools_by_name(echo)
        self._number = 0
        self._output: list[dict[str, Any]] = []  # the items that are whole
        self._texts: list[str] | None = None  # of a message that goes on
        self._call: list[CallPart] = []  # the parts of a call that goes on

    @property
    def output(self) -> list[dict[str, Any]]:
        """The items that are whole."""
        return self._output

    def _start(self) -> bytes:
        response = _response(self._identity, self._model, self._echo, self._created)
        held = {"response": {**response, "status": "in_progress", "output": [], "usage": None}}
        first = self._event("response.created", held)
        return first + self._event("response.in_progress", held)

    def _ended(self) -> bytes:
        ending = _ending(self._finish, self._usage)
        held = _response(self._identity, self._model, self._echo, self._created)
        response = {**held, "output": self._output, **ending}
        return self._event(f"response.{ending['status']}", {"response": response})

    def _text(self, text: str) -> bytes:
        begin = b""
        if self._texts is None:
            begin = self._closed()
            self._texts = []
            item = {**_message_item(self._message_id(), ""), "status": "in_progress"}
            part = self._place(content_index=0) | {"part": _text_part("")}
            begin += self._added({**item, "content": []})
            begin += self._event("response.content_part.added", part)
        self._texts.append(text)
        held = self._place(content_index=0) | {"delta": text, "logprobs": []}
        return begin + self._event("response.output_text.delta", held)

    def _part(self, part: CallPart) -> bytes:
        if not part.begins:
            if not self._call:
                raise AnswerError("mixed its text with the calls of its tools")
            self._call.append(part)
            return self._arguments(part)
        closed = self._closed()
        self._call = [part]
        empty = Call(part.identity, part.name, "")
        item = _call_item(empty, self._identity, self._calls.count, self._tools)
        added = self._added({**item, "status": "in_progress"})
        return closed + added + self._arguments(part)

    def _arguments(self, part: CallPart) -> bytes:
        """More of a call's arguments; those of a custom tool are no JSON, and come when whole."""
        if not part.arguments or self._is_custom(part.name):
            return b""
        held = self._place() | {"delta": part.arguments}
        return self._event("response.function_call_arguments.delta", held)

    def _closed(self) -> bytes:
        """The events with which an item ends that goes on."""
        if self._texts is not None:
            return self._closed_message("".join(self._texts))
        return self._closed_call() if self._call else b""

    def _closed_message(self, text: str) -> bytes:
        place, item = self._place(content_index=0), _message_item(self._message_id(), text)
        done = self._event("response.output_text.done", place | {"text": text, "logprobs": []})
        done += self._event("response.content_part.done", place | {"part": _text_part(text)})
        self._texts = None
        return done + self._done(item)

    def _closed_call(self) -> bytes:
        first, arguments = self._call[0], "".join(part.arguments for part in self._call)
        call = Call(first.identity, first.name, arguments or "{}")
        item = _call_item(call, self._identity, self._calls_before(), self._tools)
        if self._is_custom(first.name):
            kind, held = "response.custom_tool_call_input", {"input": item["input"]}
            done = self._event(f"{kind}.delta", self._place() | {"delta": item["input"]})
        else:
            kind, done = "response.function_call_arguments", b""
            held = {"name": item["name"], "arguments": item["arguments"]}
        done += self._event(f"{kind}.done", self._place() | held)
        self._call = []
        return done + self._done(item)

    def _is_custom(self, name: str) -> bool:
        return name in self._tools and self._tools[name].custom

    def _calls_before(self) -> int:
        """The number of the call that is just closed, from 1."""
        return 1 + len([item for item in self._output if item["type"] != "message"])

    def _place(self, **more: int) -> dict[str, Any]:
        """Where an event belongs: to the item that comes after those that are whole."""
        identity = self._message_id() if self._texts is not None else ""
        identity = identity or f"fc_{self._identity}_{self._calls_before()}"
        return {"item_id": identity, "output_index": len(self._output), **more}

    def _message_id(self) -> str:
        number = len(self._output)
        return f"msg_{self._identity}_{number}" if number else f"msg_{self._identity}"

    def _added(self, item: dict[str, Any]) -> bytes:
        held = {"output_index": len(self._output), "item": item}
        return self._event("response.output_item.added", held)

    def _done(self, item: dict[str, Any]) -> bytes:
        held = {"output_index": len(self._output), "item": item}
        self._output.append(item)
        return self._event("response.output_item.done", held)

    def _event(self, kind: str, held: dict[str, Any]) -> bytes:
        event = encoded_event(kind, {"sequence_number": self._number, **held})
        self._number += 1
        return event


def _response(identity: str, model: str, echo: Mapping[str, Any], created: int) -> dict[str, Any]:
    """A response without its output, with all that clients look for."""
    return {
        "id": f"resp_{identity}",
        "object": "response",
        "created_at": created,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "model": model,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "truncation": "disabled",
        "user": None,
        **echo,
        "store": echo.get("store") is True,
    }


def _ending(finish: str, usage: ChatUsage) -> dict[str, Any]:
    reason = _INCOMPLETE.get(finish)
    tokens = {
        "input_tokens": usage.tokens_in,
        "input_tokens_details": {"cached_tokens": usage.cached},
        "output_tokens": usage.tokens_out,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.tokens_in + usage.tokens_out,
    }
    if reason is None:
        return {"status": "completed", "usage": tokens}
    return {"status": "incomplete", "incomplete_details": {"reason": reason}, "usage": tokens}


def _message_item(identity: str, text: str) -> dict[str, Any]:
    content = [_text_part(text)]
    item = {"id": identity, "type": "message", "status": "completed", "role": "assistant"}
    return {**item, "content": content}


def _text_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _call_item(call: Call, identity: str, number: int, tools: Mapping[str, Tool]) -> dict[str, Any]:
    call_id = call.identity or f"call_{identity}_{number}"
    item: dict[str, Any] = {"id": f"fc_{identity}_{number}", "status": "completed"}
    tool = tools.get(call.name, Tool(call.name))
    item |= {"call_id": call_id, "name": tool.name}
    if tool.namespace:
        item["namespace"] = tool.namespace
    if tool.custom:
        return {**item, "type": "custom_tool_call", "input": _custom_input(call.arguments)}
    return {**item, "type": "function_call", "arguments": call.arguments}


def _custom_input(arguments: str) -> str:
    """The input of a custom tool, which was asked for as the only argument of a function."""
    try:
        given = json.loads(arguments or "{}")
    except ValueError:
        return arguments
    found = given.get(CUSTOM_INPUT, "") if isinstance(given, dict) else None
    return found if isinstance(found, str) else arguments


def _tools_by_name(echo: Mapping[str, Any]) -> dict[str, Tool]:
    """The tools of a request by the names that they have as functions."""
    found = {}
    for tool in echo.get("tools", ()):
        space = tool["name"] if tool.get("type") == NAMESPACE else ""
        for inner in tool["tools"] if space else (tool,):
            custom = inner.get("type") == CUSTOM
            name = in_namespace(space, inner["name"])
            found[name] = Tool(inner["name"], space, custom=custom)
    return found
