"""JSON and events as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

_FIRST_HALVES = frozenset(map(chr, range(0xD800, 0xDC00)))


def encoded(held: Mapping[str, Any]) -> bytes:
    r"""A JSON object.

    What stands in it as `msgspec.Raw` stays as it is; half a character becomes U+FFFD, since not
    all readers of JSON take it, and what is no finite number becomes null.

    >>> encoded({"a": "\ud800", "b": msgspec.Raw(b'{"n": 1.50}')}).decode()
    '{"a":"�","b":{"n": 1.50}}'
    """
    try:
        return msgspec.json.encode(held)
    except UnicodeEncodeError:
        return msgspec.json.encode(_whole_characters(held))


class Halves:
    r"""Joins characters of which a stream's two events have a half each.

    >>> halves = Halves()
    >>> halves.joined("a\ud83d"), halves.joined("\ude00b"), halves.rest()
    ('a', '😀b', '')
    """

    def __init__(self) -> None:
        self._half = ""

    def joined(self, text: str) -> str:
        """The text after the half that was held; a half at its end is held."""
        text, self._half = self._half + text, ""
        if text[-1:] in _FIRST_HALVES:
            text, self._half = text[:-1], text[-1:]
        return text if text.isascii() else str(_whole_characters(text))

    def rest(self) -> str:
        """What is held although nothing comes after it."""
        held, self._half = self._half, ""
        return str(_whole_characters(held))


def encoded_event(kind: str, held: Mapping[str, Any]) -> bytes:
    r"""An event of an API whose events have names.

    >>> encoded_event("ping", {})
    b'event: ping\ndata: {"type":"ping"}\n\n'
    """
    data = encoded({"type": kind, **held})
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


def _whole_characters(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list | tuple):
        return [_whole_characters(one) for one in value]
    if isinstance(value, Mapping):
        return {_whole_characters(key): _whole_characters(one) for key, one in value.items()}
    return value
