"""Requests for chat completions as the Messages API has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from routereval.gateway.dialects.chat_answer import is_object
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

_KEPT = ("model", "temperature", "top_p", "stream")
_READ = frozenset(
    {*_KEPT, "messages", "max_tokens", "max_completion_tokens", "stop", "tools", "tool_choice"}
    | {"parallel_tool_calls", "response_format", "user", "stream_options"}
)
_CHOICES = {"auto": "auto", "required": "any", "none": "none"}
_DATA_URL = re.compile(r"data:([^;,]+)(?:;[^;,]+)*;base64,(.*)", re.DOTALL)
_NO_ID = re.compile(r"[^a-zA-Z0-9_-]")


def messages_of_chat(held: Mapping[str, Any]) -> TranslatedRequest:
    """A request as the Messages API has it, but for ``max_tokens`` where it has no limit.

    Raises:
        UntranslatableError: if it asks for what that API does not have.

    >>> system, user = {"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"}
    >>> messages_of_chat({"model": "m", "messages": [system, user], "seed": 1})[:2]
    ({'model': 'm', 'system': 'Be kind.', 'messages': [{'role': 'user', 'content': 'hi'}]}, \
('seed',))
    """
    check_fields(held, ["logit_bias"])
    body = kept_fields(held, _KEPT)
    limit = held.get("max_completion_tokens") or held.get("max_tokens")
    if limit is not None:
        body["max_tokens"] = limit
    messages = list(objects(held["messages"], "a list of messages"))
    roles = [string(message, "role", "a message") for message in messages]
    each = list(zip(roles, messages, strict=True))
    body |= _system([message for role, message in each if role in _SYSTEM])
    body["messages"] = _messages([(role, one) for role, one in each if role not in _SYSTEM])
    if not body["messages"]:
        raise UntranslatableError("a request in which nobody says anything")
    stop = held.get("stop")
    if stop:
        body["stop_sequences"] = [stop] if isinstance(stop, str) else stop
    if held.get("tools"):
        body["tools"] = [_tool(tool) for tool in objects(held["tools"], "a list of tools")]
        body |= _choice(held)
    body |= _format(held.get("response_format"))
    if isinstance(held.get("user"), str):
        body["metadata"] = {"user_id": held["user"]}
    return TranslatedRequest(body, (*left_out(held, _READ), *left_out_within(held, "strict")))


_SYSTEM = frozenset({"system", "developer"})


def _system(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """What all system messages say, wherever they stand: the API has one place for them."""
    blocks = [
        block for message in messages for block in _blocks(message.get("content"), "a message")
    ]
    if not blocks:
        return {}
    if len(blocks) == 1 and blocks[0].keys() == {"type", "text"}:
        return {"system": blocks[0]["text"]}
    return {"system": blocks}


def _messages(messages: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """The messages; what a user says and what tools answer in a row is one, as the API has it."""
    found: list[dict[str, Any]] = []
    for speaker, message in messages:
        role, blocks = _message(speaker, message)
        if not blocks:
            continue  # the API takes no empty ones
        if found and role == "user" == found[-1]["role"]:
            found[-1]["content"] += blocks
        else:
            found.append({"role": role, "content": blocks})
    return [{**one, "content": _only_text(one["content"])} for one in found]


def _only_text(blocks: list[dict[str, Any]]) -> object:
    """Blocks, or the text of the only one."""
    only = blocks[0] if len(blocks) == 1 else {}
    return only["text"] if only.keys() == {"type", "text"} else blocks


def _message(role: str, message: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    if role == "tool":
        result = {"tool_use_id": _tool_id(string(message, "tool_call_id", "a tool's result"))}
        content = _blocks(message.get("content"), "the result of a tool")
        return "user", [{"type": "tool_result", **result, "content": content}]
    if role == "user":
        return role, _blocks(message.get("content"), "a message")
    if role != "assistant":
        raise UntranslatableError(f"a message of the role {role!r}")
    text = text_of_content(message)
    blocks: list[dict[str, Any]] = [{"type": "text", "text": text}] if text.strip() else []
    calls = objects(message.get("tool_calls") or [], "calls of tools")
    return role, [*blocks, *map(_tool_use, calls)]


def _tool_use(call: Mapping[str, Any]) -> dict[str, Any]:
    function = function_of(call)
    arguments = string(function, "arguments", "a call of a tool") or "{}"
    if not is_object(arguments):
        raise UntranslatableError("a call of a tool whose arguments are no JSON object")
    return {
        "type": "tool_use",
        "id": _tool_id(string(call, "id", "a call of a tool")),
        "name": string(function, "name", "a call of a tool"),
        "input": msgspec.Raw(arguments.encode("utf-8", "replace")),
    }


def _tool_id(identity: str) -> str:
    """An id that the API takes; one that it does not becomes another, always the same.

    >>> _tool_id("call_1"), _tool_id("functions.ls:0")
    ('call_1', 'functions_ls_0_46396ac0')
    """
    made = _NO_ID.sub("_", identity)
    if made == identity:
        return identity
    digest = blake2b(identity.encode("utf-8", "replace"), digest_size=4).hexdigest()
    return f"{made}_{digest}"


def _blocks(content: object, where: str) -> list[dict[str, Any]]:
    """The parts of a message as blocks, without empty texts, which the API does not take."""
    found = [_block(part) for part in pieces(content, where)]
    return [block for block in found if block["type"] != "text" or block["text"].strip()]


def _block(part: Mapping[str, Any]) -> dict[str, Any]:
    kind = kind_of(part)
    cache = {"cache_control": part["cache_control"]} if part.get("cache_control") else {}
    if kind == "text":
        return {"type": "text", "text": string(part, "text", "a part"), **cache}
    if kind == "image_url":
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, dict) else image
        return {"type": "image", "source": _source(url, kind), **cache}
    file = part.get("file")
    if kind == "file" and isinstance(file, dict) and isinstance(file.get("file_data"), str):
        source = _source(file["file_data"], kind)
        title = {"title": file["filename"]} if isinstance(file.get("filename"), str) else {}
        return {"type": "document", "source": source, **title, **cache}
    given = " that is given by its file_id" if kind == "file" else ""
    raise UntranslatableError(f"a part of type {kind!r}{given}")


def _source(url: object, kind: str) -> dict[str, Any]:
    if not isinstance(url, str):
        raise UntranslatableError(f"a part of type {kind!r} without a URL")
    data = _DATA_URL.fullmatch(url)
    if data is not None:
        return {"type": "base64", "media_type": data[1], "data": data[2]}
    if not url.startswith(("http://", "https://")):
        raise UntranslatableError(f"a part of type {kind!r} whose URL is of an unusual kind")
    return {"type": "url", "url": url}


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = function_of(tool)
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    made = {"name": string(function, "name", "a tool"), "input_schema": schema}
    if isinstance(function.get("description"), str):
        made["description"] = function["description"]
    return made


def _choice(held: Mapping[str, Any]) -> dict[str, Any]:
    choice = held.get("tool_choice")
    made: dict[str, Any] = {}
    if isinstance(choice, str) and choice in _CHOICES:
        made = {"type": _CHOICES[choice]}
    elif choice is not None:
        made = {"type": "tool", "name": named_function(choice)}
    if held.get("parallel_tool_calls") is False and made.get("type") != "none":
        made = {"type": "auto", **made, "disable_parallel_tool_use": True}
    return {"tool_choice": made} if made else {}


def _format(form: object) -> dict[str, Any]:
    if not isinstance(form, dict) or kind_of(form, "text") == "text":
        return {}
    schema = form.get("json_schema")
    if kind_of(form) != "json_schema" or not isinstance(schema, dict):
        raise UntranslatableError(f"the response format {kind_of(form)!r}")
    return {"output_config": {"format": {"type": "json_schema", "schema": schema.get("schema")}}}
