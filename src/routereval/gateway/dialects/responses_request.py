"""Requests of the Responses API: what is read of them, and the same as chat completions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from routereval.gateway.api_error import refuse
from routereval.gateway.dialects.request_parts import (
    AUDIO,
    FILES,
    VISION,
    Message,
    RequestParts,
    TranslatedRequest,
    UntranslatableError,
    check_absent,
    function_call,
    function_tool,
    image_part,
    joined,
    kept_fields,
    kind_of,
    left_out,
    media_needs,
    message_of,
    needs_of,
    objects,
    objects_in,
    string,
    tells_failure,
    text_part,
)

_MEDIA = {"input_image": VISION, "input_audio": AUDIO, "input_file": FILES}
_OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output"})
_KEPT = ("model", "temperature", "top_p", "stream", "parallel_tool_calls")
_READ = frozenset(
    {*_KEPT, "input", "instructions", "max_output_tokens", "reasoning", "text", "tools", "store"}
    | {"tool_choice", "background"}
)
# Without these the answer would be to another request.
_REFUSED = ("previous_response_id", "conversation", "prompt", "background", "top_logprobs")
_ECHOED = ("instructions", "max_output_tokens", "metadata", "parallel_tool_calls", "reasoning")
_ECHOED_TOO = ("temperature", "text", "tool_choice", "tools", "top_p", "truncation", "user")
_TEXTS = frozenset({"input_text", "output_text", "text"})
CUSTOM, NAMESPACE = "custom", "namespace"
CUSTOM_INPUT = "input"
_CUSTOM_SCHEMA = {
    "type": "object",
    "properties": {CUSTOM_INPUT: {"type": "string"}},
    "required": [CUSTOM_INPUT],
    "additionalProperties": False,
}


def parts_of_responses(held: Mapping[str, Any]) -> RequestParts:
    """What is read of a request.

    Raises:
        ApiError: 400 without an input.

    >>> parts_of_responses({"input": "hello"}).messages[0].text
    'hello'
    """
    given, follows = held.get("input"), held.get("previous_response_id")
    if isinstance(given, str):
        messages = [Message("user", given)]
    else:
        messages = [_message(item) for item in objects_in(given)]
    if not messages:
        refuse("the field 'input' must be a text, or a list of at least one item", "input")
    formed = kind_of(_format(held)) in ("json_object", "json_schema")
    return RequestParts(
        messages,
        needs_of(held, json=formed),
        str(held.get("prompt_cache_key") or ""),
        follows if isinstance(follows, str) else "",
        held.get("store") is not False,
    )


def chat_of_responses(held: Mapping[str, Any]) -> TranslatedRequest:
    """A request as chat completions.

    Raises:
        UntranslatableError: if it asks for what these do not have.

    >>> chat_of_responses({"model": "m", "input": "hi", "max_output_tokens": 9}).body
    {'model': 'm', 'messages': [{'role': 'user', 'content': 'hi'}], 'max_tokens': 9}
    """
    check_absent(held, _REFUSED)
    body = kept_fields(held, _KEPT)
    body["messages"] = _chat_messages(held)
    if held.get("max_output_tokens") is not None:
        body["max_tokens"] = held["max_output_tokens"]
    reasoning = held.get("reasoning")
    if isinstance(reasoning, dict) and reasoning.get("effort") is not None:
        body["reasoning_effort"] = reasoning["effort"]
    if held.get("tools"):
        tools = objects(held["tools"], "a list of tools")
        body["tools"] = [function for tool in tools for function in _tools(tool)]
        if held.get("tool_choice") is not None:
            body["tool_choice"] = _choice(held["tool_choice"])
    else:
        body.pop("parallel_tool_calls", None)
    body |= _response_format(_format(held))
    echo = kept_fields(held, (*_ECHOED, *_ECHOED_TOO))
    if not held.get("tools"):
        echo.pop("tools", None)
    return TranslatedRequest(body, left_out(held, {*_READ, *_REFUSED}), echo)


def _message(item: Mapping[str, Any]) -> Message:
    kind = kind_of(item, "message")
    if kind in _OUTPUTS:
        found = message_of("tool", *_content(item.get("output")))
        return found._replace(failed=int(tells_failure(found.text)))
    if kind != "message":
        return Message("assistant", "")
    return message_of(str(item.get("role")), *_content(item.get("content")))


def _content(content: object) -> tuple[list[str], frozenset[str]]:
    """The texts of a message, and what its other parts need."""
    if isinstance(content, str):
        return [content], frozenset()
    parts = objects_in(content)
    texts = [part["text"] for part in parts if isinstance(part.get("text"), str)]
    return texts, media_needs(parts, _MEDIA)


def _chat_messages(held: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The messages of a request; calls of tools go to the message of the model before them."""
    messages: list[dict[str, Any]] = []
    if held.get("instructions"):
        content = string(held, "instructions", "instructions")
        messages.append({"role": "system", "content": content})
    if isinstance(held.get("input"), str):
        return [*messages, {"role": "user", "content": held["input"]}]
    media: list[dict[str, Any]] = []  # of tools' results, which in chat completions are texts
    for item in objects(held.get("input"), "an input"):
        if media and kind_of(item) not in _OUTPUTS:
            messages.append({"role": "user", "content": media})
            media = []
        _add_item(messages, item, media)
    return [*messages, {"role": "user", "content": media}] if media else messages


def _add_item(
    messages: list[dict[str, Any]], item: Mapping[str, Any], media: list[dict[str, Any]]
) -> None:
    kind = kind_of(item, "message")
    if kind == "message":
        messages.append(_chat_message(item))
    elif kind in ("function_call", "custom_tool_call"):
        _add_call(messages, _call(item))
    elif kind in _OUTPUTS:
        messages.append(_result(item, media))
    elif kind == "item_reference":
        raise UntranslatableError("an item of type 'item_reference' (send the items: store false)")
    elif kind != "reasoning":  # which only its own model can read
        raise UntranslatableError(f"an item of type {kind!r}")


def _chat_message(item: Mapping[str, Any]) -> dict[str, Any]:
    role, content = string(item, "role", "a message"), item.get("content")
    role = "system" if role == "developer" else role
    if isinstance(content, str):
        return {"role": role, "content": content}
    parts = [_part(part) for part in objects(content, "a message")]
    if role == "assistant":
        return {"role": role, "content": "".join(part.get("text", "") for part in parts)}
    return {"role": role, "content": joined(parts)}


def _add_call(messages: list[dict[str, Any]], call: dict[str, Any]) -> None:
    last = messages[-1] if messages else {}
    if last.get("role") == "assistant":
        last.setdefault("tool_calls", []).append(call)
    else:
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})


def _call(item: Mapping[str, Any]) -> dict[str, Any]:
    where = "a call of a tool"
    identity = string(item, "call_id", where)
    name = in_namespace(item.get("namespace"), string(item, "name", where))
    if item.get("type") == "function_call":
        return function_call(identity, name, string(item, "arguments", where))
    given = {CUSTOM_INPUT: string(item, "input", where)}
    return function_call(identity, name, json.dumps(given, ensure_ascii=False))


def _result(item: Mapping[str, Any], media: list[dict[str, Any]]) -> dict[str, Any]:
    output = item.get("output")
    if not isinstance(output, str):
        parts = [_part(part) for part in objects(output, "the result of a tool")]
        pictures = [part for part in parts if part["type"] != "text"]
        media.extend(pictures)
        output = "\n".join(part["text"] for part in parts if part["type"] == "text")
        output = output or ("(its pictures and files follow)" if pictures else "")
    identity = string(item, "call_id", "the result of a tool")
    return {"role": "tool", "tool_call_id": identity, "content": output}


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    kind = kind_of(part)
    if kind in _TEXTS:
        return text_part(string(part, "text", "a part"))
    if kind == "refusal":
        return text_part(string(part, "refusal", "a part"))
    if kind == "input_image" and isinstance(part.get("image_url"), str):
        return image_part(part["image_url"], part.get("detail"))
    if kind == "input_audio" and isinstance(part.get("input_audio"), dict):
        return {"type": "input_audio", "input_audio": part["input_audio"]}
    if kind == "input_file" and isinstance(part.get("file_data"), str):
        name = part.get("filename") or "document.pdf"
        return {"type": "file", "file": {"filename": name, "file_data": part["file_data"]}}
    given = " that is given by its file_id or URL" if kind in _MEDIA else ""
    raise UntranslatableError(f"a part of type {kind!r}{given}")


def _tools(tool: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A tool, or those of a namespace, which have its name before theirs."""
    if kind_of(tool) != NAMESPACE:
        return [_tool(tool)]
    space = string(tool, "name", "a namespace")
    found = []
    for inner in objects(tool.get("tools"), "a namespace"):
        name = in_namespace(space, string(inner, "name", "a tool"))
        found.append(_tool({**inner, "name": name}))
    return found


def in_namespace(space: object, name: str) -> str:
    """The name of a function for one of a namespace.

    >>> in_namespace("crm", "find"), in_namespace(None, "find")
    ('crm__find', 'find')
    """
    return f"{space}__{name}" if isinstance(space, str) and space else name


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    kind, form = kind_of(tool), tool.get("format")
    grammar = isinstance(form, dict) and kind_of(form, "text") != "text"
    if kind == CUSTOM and not grammar:
        return function_tool(tool, _CUSTOM_SCHEMA)
    if kind != "function":
        raise UntranslatableError(f"a tool of type {kind!r}")
    return function_tool(tool, tool.get("parameters") or {"type": "object", "properties": {}})


def _choice(choice: object) -> object:
    if isinstance(choice, str):
        return choice
    kind = kind_of(choice) if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or kind not in ("function", CUSTOM):
        raise UntranslatableError(f"the choice of tools {kind!r}")
    return {"type": "function", "function": {"name": string(choice, "name", "a choice of a tool")}}


def _format(held: Mapping[str, Any]) -> Mapping[str, Any]:
    """The form that an answer is to have."""
    text = held.get("text")
    found = text.get("format") if isinstance(text, dict) else None
    return found if isinstance(found, dict) else {}


def _response_format(found: Mapping[str, Any]) -> dict[str, Any]:
    kind = kind_of(found, "text")
    if kind == "text":
        return {}
    if kind == "json_object":
        return {"response_format": {"type": kind}}
    if kind != "json_schema":
        raise UntranslatableError(f"the output format {kind!r}")
    schema = {
        key: found[key] for key in ("name", "description", "schema", "strict") if key in found
    }
    return {"response_format": {"type": kind, "json_schema": schema}}
