"""Requests of the Messages API: what is read of them, and the same as chat completions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from routereval.gateway.api_error import refuse
from routereval.gateway.dialects.request_parts import (
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
    text_part,
)

_MEDIA = {"image": VISION, "document": FILES}
_THOUGHTS = frozenset({"thinking", "redacted_thinking"})
_KEPT = ("model", "max_tokens", "temperature", "top_p", "stream")
_READ = frozenset({*_KEPT, "system", "messages", "tools", "tool_choice", "stop_sequences"})
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def parts_of_messages(held: Mapping[str, Any]) -> RequestParts:
    """What is read of a request.

    Raises:
        ApiError: 400 without messages.

    >>> hello = {"messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]}
    >>> parts_of_messages(hello).messages[0].text
    'hello'
    """
    found = held.get("messages")
    if not isinstance(found, list) or not found:
        refuse("messages: at least one message is required", "messages")
    messages = []
    for message in found:
        if not isinstance(message, dict):
            refuse("messages: each must be an object with role and content", "messages")
        messages.append(_message(message))
    metadata = held.get("metadata")
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    needs = needs_of(held, json=_format(held) is not None)
    return RequestParts(messages, needs, str(user or ""))


def chat_of_messages(held: Mapping[str, Any]) -> TranslatedRequest:
    """A request as chat completions.

    Raises:
        UntranslatableError: if it asks for what these do not have.

    >>> asked = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    >>> chat_of_messages({**asked, "system": "Be kind.", "top_k": 5})[:2]
    ({'model': 'm', 'max_tokens': 9, 'messages': [{'role': 'system', 'content': 'Be kind.'}, \
{'role': 'user', 'content': 'hi'}]}, ('top_k',))
    """
    check_absent(held, ("mcp_servers", "container"))
    body = kept_fields(held, _KEPT)
    body["messages"] = [*_system(held.get("system"))]
    for message in objects(held.get("messages"), "a list of messages"):
        body["messages"] += _chat_messages(message)
    if held.get("stop_sequences"):
        body["stop"] = held["stop_sequences"]
    if held.get("tools"):
        body["tools"] = [_tool(tool) for tool in objects(held["tools"], "a list of tools")]
        body |= _choice(held.get("tool_choice"))
    known, schema = _READ, _format(held)
    if schema is not None:
        body["response_format"] = _response_format(schema)
        known = _READ | {"output_format"}
    return TranslatedRequest(body, left_out(held, known))


def _message(message: Mapping[str, Any]) -> Message:
    role, content = str(message.get("role")), message.get("content")
    if isinstance(content, str):
        return message_of(role, [content])
    blocks = objects_in(content)
    texts = [block["text"] for block in blocks if isinstance(block.get("text"), str)]
    results = [block for block in blocks if block.get("type") == "tool_result"]
    failed = sum(result.get("is_error") is True for result in results)
    inner = [part for result in results for part in objects_in(result.get("content"))]
    needs = media_needs([*blocks, *inner], _MEDIA)
    if role == "user" and results and not texts:
        role = "tool"
    return message_of(role, texts, needs, failed)


def _system(system: object) -> Iterator[dict[str, Any]]:
    if isinstance(system, str) and system:
        yield {"role": "system", "content": system}
    elif system:
        blocks = objects(system, "a system prompt")
        yield {"role": "system", "content": "\n".join(string(b, "text", "a block") for b in blocks)}


def _chat_messages(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    role, content = string(message, "role", "a message"), message.get("content")
    if isinstance(content, str):
        yield {"role": role, "content": content}
    elif role == "assistant":
        yield _assistant_message(content)
    else:
        yield from _user_messages(role, content)


def _assistant_message(content: object) -> dict[str, Any]:
    """What the model said and which tools it called; thoughts are its own and stay behind."""
    texts, calls = [], []
    for block in objects(content, "a message"):
        kind = kind_of(block)
        if kind == "text":
            texts.append(string(block, "text", "a block"))
        elif kind == "tool_use":
            arguments = json.dumps(block.get("input", {}), ensure_ascii=False)
            name = string(block, "name", "a call of a tool")
            calls.append(function_call(string(block, "id", "a call of a tool"), name, arguments))
        elif kind not in _THOUGHTS:
            raise UntranslatableError(f"a block of type {kind!r}")
    text = "".join(texts)
    message: dict[str, Any] = {"role": "assistant", "content": text or (None if calls else "")}
    return {**message, "tool_calls": calls} if calls else message


def _user_messages(role: str, content: object) -> Iterator[dict[str, Any]]:
    """Results of tools each in a message of its own, then the rest; so are their pictures."""
    parts: list[dict[str, Any]] = []
    media: list[dict[str, Any]] = []
    for block in objects(content, "a message"):
        if block.get("type") != "tool_result":
            parts.append(_part(block))
            continue
        inner = _result_parts(block.get("content"))
        text = "\n".join(part["text"] for part in inner if part["type"] == "text")
        pictures = [part for part in inner if part["type"] != "text"]
        media += pictures
        if block.get("is_error") is True and "error" not in text[:200].lower():
            text = f"Error: {text}"
        identity = string(block, "tool_use_id", "the result of a tool")
        text = text or ("(its pictures and files follow)" if pictures else "")
        yield {"role": "tool", "tool_call_id": identity, "content": text}
    if media or parts:
        yield {"role": role, "content": joined([*media, *parts])}


def _result_parts(content: object) -> list[dict[str, Any]]:
    if content is None or isinstance(content, str):
        return [text_part(content or "")]
    return [_part(block) for block in objects(content, "the result of a tool")]


def _part(block: Mapping[str, Any]) -> dict[str, Any]:
    kind, source = kind_of(block), block.get("source")
    if kind == "text":
        return text_part(string(block, "text", "a block"))
    if kind not in _MEDIA or not isinstance(source, dict):
        raise UntranslatableError(f"a block of type {kind!r}")
    way = kind_of(source)
    if kind == "document" and way == "text":
        return text_part(string(source, "data", "a document"))
    if kind == "image" and way == "url":
        return image_part(string(source, "url", "a picture"))
    if way != "base64":
        raise UntranslatableError(f"a block of type {kind!r} that is given by {way!r}")
    media_type = string(source, "media_type", "a source")
    url = f"data:{media_type};base64,{string(source, 'data', 'a source')}"
    if kind == "image":
        return image_part(url)
    name = block.get("title") or "document.pdf"
    return {"type": "file", "file": {"filename": name, "file_data": url}}


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    if kind_of(tool, "custom") != "custom":
        raise UntranslatableError(f"the tool {tool['type']!r}, which its provider runs")
    return function_tool(tool, tool.get("input_schema") or {"type": "object", "properties": {}})


def _choice(choice: object) -> dict[str, Any]:
    if not isinstance(choice, dict):
        return {}
    kind = kind_of(choice)
    found: dict[str, Any] = {}
    if kind == "tool":
        name = string(choice, "name", "a choice of a tool")
        found["tool_choice"] = {"type": "function", "function": {"name": name}}
    elif kind in _CHOICES:
        found["tool_choice"] = _CHOICES[kind]
    else:
        raise UntranslatableError(f"the choice of tools {kind!r}")
    if choice.get("disable_parallel_tool_use") is True:
        found["parallel_tool_calls"] = False
    return found


def _format(held: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The form that an answer is to have; None for any."""
    config = held.get("output_config")
    found = held.get("output_format") or (
        config.get("format") if isinstance(config, dict) else None
    )
    return found if isinstance(found, dict) else None


def _response_format(found: Mapping[str, Any]) -> dict[str, Any]:
    if found.get("type") != "json_schema":
        raise UntranslatableError(f"the output format {found.get('type')!r}")
    schema = {"name": "answer", "schema": found.get("schema"), "strict": True}
    return {"type": "json_schema", "json_schema": schema}
