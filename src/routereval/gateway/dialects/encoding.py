"""JSON and events as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


def encoded(held: Mapping[str, Any]) -> bytes:
    r"""A JSON object.

    What stands in it as `msgspec.Raw` stays as it is; half a character becomes "?", since not all
    readers of JSON take it, and what is no finite number becomes null.

    >>> encoded({"a": "\ud800", "b": msgspec.Raw(b'{"n": 1.50}')})
    b'{"a":"?","b":{"n": 1.50}}'
    """
    try:
        return msgspec.json.encode(held)
    except UnicodeEncodeError:
        return msgspec.json.encode(_whole_characters(held))


def encoded_event(kind: str, held: Mapping[str, Any]) -> bytes:
    r"""An event of an API whose events have names.

    >>> encoded_event("ping", {})
    b'event: ping\ndata: {"type":"ping"}\n\n'
    """
    data = encoded({"type": kind, **held})
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


def _whole_characters(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list | tuple):
        return [_whole_characters(one) for one in value]
    if isinstance(value, Mapping):
        return {_whole_characters(key): _whole_characters(one) for key, one in value.items()}
    return value
