"""Requests for chat completions as the Responses API has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from routereval.gateway.dialects.chat_fields import (
    check_fields,
    function_of,
    left_out_within,
    named_function,
    pieces,
    text_of_content,
)
from routereval.gateway.dialects.request_parts import (
    TranslatedRequest,
    UntranslatableError,
    kept_fields,
    kind_of,
    left_out,
    objects,
    string,
)

_KEPT = (
    *("model", "temperature", "top_p", "stream", "parallel_tool_calls", "metadata", "user"),
    *("service_tier", "prompt_cache_key", "safety_identifier"),
)
_READ = frozenset(
    {*_KEPT, "messages", "max_tokens", "max_completion_tokens", "tools", "tool_choice", "store"}
    | {"response_format", "reasoning_effort", "verbosity", "stream_options"}
)


def responses_of_chat(held: Mapping[str, Any]) -> TranslatedRequest:
    """A request as the Responses API has it.

    Raises:
        UntranslatableError: if it asks for what that API does not have.

    >>> held = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 99}
    >>> responses_of_chat(held).body
    {'model': 'm', 'input': [{'role': 'user', 'content': 'hi'}], 'store': False, \
'max_output_tokens': 99}
    """
    check_fields(held, ["logit_bias", "stop"])
    body = kept_fields(held, _KEPT)
    body["input"] = [
        item
        for message in objects(held["messages"], "a list of messages")
        for item in _items(message)
    ]
    body["store"] = held.get("store") is True
    limit = held.get("max_completion_tokens") or held.get("max_tokens")
    if limit is not None:
        body["max_output_tokens"] = limit
    if held.get("reasoning_effort") is not None:
        body["reasoning"] = {"effort": held["reasoning_effort"]}
    if held.get("tools"):
        body["tools"] = [_tool(tool) for tool in objects(held["tools"], "a list of tools")]
        choice = held.get("tool_choice")
        if isinstance(choice, str):
            body["tool_choice"] = choice
        elif choice is not None:
            body["tool_choice"] = {"type": "function", "name": named_function(choice)}
    else:
        body.pop("parallel_tool_calls", None)
    text = _format(held.get("response_format"))
    if held.get("verbosity") is not None:
        text["verbosity"] = held["verbosity"]
    made = body | ({"text": text} if text else {})
    return TranslatedRequest(made, (*left_out(held, _READ), *left_out_within(held)))


def _items(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A message of the model is one item for what it says, and one for each call."""
    role = string(message, "role", "a message")
    if role == "tool":
        identity = string(message, "tool_call_id", "a tool's result")
        output = _content(message.get("content"), "the result of a tool")
        yield {"type": "function_call_output", "call_id": identity, "output": output}
    elif role == "assistant":
        if text := text_of_content(message):
            yield {"role": role, "content": text}
        for call in objects(message.get("tool_calls") or [], "calls of tools"):
            yield _call(call)
    elif role in ("user", "system", "developer"):
        yield {"role": role, "content": _content(message.get("content"), "a message")}
    else:
        raise UntranslatableError(f"a message of the role {role!r}")


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    function, where = function_of(call), "a call of a tool"
    return {
        "type": "function_call",
        "call_id": string(call, "id", where),
        "name": string(function, "name", where),
        "arguments": string(function, "arguments", where) or "{}",
    }


def _content(content: object, where: str) -> object:
    if isinstance(content, str):
        return content
    return [_part(part) for part in pieces(content, where)]


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    kind = kind_of(part)
    if kind == "text":
        return {"type": "input_text", "text": string(part, "text", "a part")}
    image, file = part.get("image_url"), part.get("file")
    if kind == "image_url":
        held = image if isinstance(image, dict) else {"url": image}
        made = {"type": "input_image", "image_url": string(held, "url", "a picture")}
        return made | {"detail": held.get("detail") or "auto"}
    if kind == "file" and isinstance(file, dict):
        names = ("filename", "file_data", "file_id")
        return {"type": "input_file"} | {name: file[name] for name in names if file.get(name)}
    if kind == "input_audio" and isinstance(part.get("input_audio"), dict):
        return {"type": kind, "input_audio": part["input_audio"]}
    raise UntranslatableError(f"a part of type {kind!r}")


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = function_of(tool)
    parameters = function.get("parameters") or {"type": "object", "properties": {}}
    made: dict[str, Any] = {"type": "function", "name": string(function, "name", "a tool")}
    made |= {"parameters": parameters, "strict": function.get("strict") is True}
    if isinstance(function.get("description"), str):
        made["description"] = function["description"]
    return made


def _format(form: object) -> dict[str, Any]:
    """The form that an answer is to have, as a part of ``text``."""
    if not isinstance(form, dict) or kind_of(form, "text") == "text":
        return {}
    kind, schema = kind_of(form), form.get("json_schema")
    if kind == "json_object":
        return {"format": {"type": kind}}
    if kind != "json_schema" or not isinstance(schema, dict):
        raise UntranslatableError(f"the response format {kind!r}")
    return {"format": {"type": kind, **schema}}
