"""What an answer says of the tokens that it took."""

from __future__ import annotations

import json
import re

from routereval.gateway.protocols import MAX_TOKENS, Usage
from routereval.gateway.upstreams.errors import Reply

USAGE_BYTES = 4096
"""The longest ``usage`` object that is read, and how much of a stream is kept to find it in."""

_USAGE = re.compile(rb'"usage"\s*:\s*(?=\{)')
_DECODER = json.JSONDecoder()
_CHARS_PER_TOKEN = 4


def usage_of_reply(reply: Reply, tokens_in: int) -> Usage:
    """What a whole answer says of its usage; nothing is paid for an error."""
    return usage_of_body(reply.body, tokens_in) if reply.status < 400 else Usage()


def usage_of_body(body: bytes, tokens_in: int) -> Usage:
    """What a whole answer says of its usage; else a token for four characters."""
    return read_usage(body) or Usage(tokens_in, len(body) // _CHARS_PER_TOKEN, estimated=True)


def read_usage(text: bytes) -> Usage | None:
    """The last ``usage`` object in a JSON text or a part of one, found without parsing the rest.

    Inside a JSON string the word's quotes would be escaped, so a model cannot forge it.

    >>> read_usage(b'{"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 5}}')
    Usage(tokens_in=3, tokens_out=5, estimated=False)
    >>> read_usage(b'{"usage": null}') is None
    True
    """
    end = len(text)
    while (found := text.rfind(b'"usage"', 0, end)) >= 0:
        match = _USAGE.match(text, found)
        if match is not None:
            return _parsed_usage(text[match.end() : match.end() + USAGE_BYTES])
        end = found
    return None


def _parsed_usage(text: bytes) -> Usage | None:
    try:
        held, _ = _DECODER.raw_decode(text.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    tokens_in, tokens_out = (_count(held, key) for key in ("prompt_tokens", "completion_tokens"))
    return Usage(tokens_in, tokens_out)


def _count(held: dict[str, object], key: str) -> int:
    value = held.get(key)
    return min(value, MAX_TOKENS) if isinstance(value, int) and value > 0 else 0
