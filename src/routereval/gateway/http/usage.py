"""What an answer says of the tokens that it took, in the names of whichever provider."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from routereval.gateway.http.token_count import count_of, utf8_quarters
from routereval.gateway.protocols import ChatRequest, Usage
from routereval.gateway.upstreams.errors import Reply

LONGEST_USAGE = 1 << 16
_USAGE = re.compile(rb'"usage"\s*:\s*(?=\{)')
_CACHED = ("cache_read_input_tokens", "prompt_cache_hit_tokens")
_DETAILS_IN = ("prompt_tokens_details", "input_tokens_details")
_DETAILS_OUT = ("completion_tokens_details", "output_tokens_details")
_DECODER = json.JSONDecoder()


class ReportedUsage(NamedTuple):
    """The counts that an answer tells; None for those that it does not.

    Attributes:
        tokens_in: of the prompt, with those from and to a cache.
        tokens_out: of the answer, with its reasoning.
        cached, cache_written, reasoning: as in `Usage`.
    """

    tokens_in: int | None = None
    tokens_out: int | None = None
    cached: int = 0
    cache_written: int = 0
    reasoning: int = 0

    def merged(self, other: ReportedUsage) -> ReportedUsage:
        """Both of them: a stream may tell one half first, and counts only grow."""
        return ReportedUsage(
            _larger(self.tokens_in, other.tokens_in),
            _larger(self.tokens_out, other.tokens_out),
            *(max(mine, theirs) for mine, theirs in zip(self[2:], other[2:], strict=True)),
        )

    def usage(self, tokens_in: int, tokens_out: int) -> Usage:
        """What is booked, with estimates for what was not reported."""
        estimated = self.tokens_in is None or self.tokens_out is None
        return Usage(
            tokens_in if self.tokens_in is None else self.tokens_in,
            tokens_out if self.tokens_out is None else self.tokens_out,
            estimated,
            *self[2:],
        )


NOTHING_REPORTED = ReportedUsage()


def usage_of_reply(reply: Reply, request: ChatRequest, expected: int) -> Usage:
    """What a whole answer says of its usage; nothing is paid for an error.

    Args:
        reply: the answer.
        request: that it answers.
        expected: tokens of the prompt, where the answer does not say them.
    """
    if reply.status >= 400:
        return Usage()
    if not request.answers:  # embeddings, of which only the prompt is paid
        tokens_in = read_usage(reply.body).tokens_in
        return Usage(expected if tokens_in is None else tokens_in, 0, not tokens_in)
    return usage_of_body(reply.body, expected)


def usage_of_body(body: bytes, tokens_in: int) -> Usage:
    """What a whole answer says of its usage; what it does not say is counted by its text."""
    reported = read_usage(body)
    if reported.tokens_out is None:
        return reported.usage(tokens_in, utf8_quarters(body) // 4)
    return reported.usage(tokens_in, 0)


def read_usage(text: bytes) -> ReportedUsage:
    """What the ``usage`` objects in a JSON text say, found without parsing the rest.

    Inside a JSON string the word's quotes would be escaped, so a model cannot forge it.

    >>> read_usage(b'{"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 5}}')
    ReportedUsage(tokens_in=3, tokens_out=5, cached=0, cache_written=0, reasoning=0)
    >>> read_usage(b'{"usage": null}') == ReportedUsage()
    True
    """
    reported = NOTHING_REPORTED
    for match in _USAGE.finditer(text):
        found = _reported_usage(_decoded(text[match.end() : match.end() + LONGEST_USAGE]))
        reported = found if reported is NOTHING_REPORTED else reported.merged(found)
    return reported


def _decoded(text: bytes) -> Mapping[str, Any]:
    try:
        held, _ = _DECODER.raw_decode(text.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return {}
    return held if isinstance(held, dict) else {}


def _reported_usage(held: Mapping[str, Any]) -> ReportedUsage:
    """The counts of a ``usage`` object, of OpenAI's shape, Anthropic's, or in between.

    >>> _reported_usage({"input_tokens": 3, "cache_read_input_tokens": 90, "output_tokens": 5})
    ReportedUsage(tokens_in=93, tokens_out=5, cached=90, cache_written=0, reasoning=0)
    >>> _reported_usage({"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 30}).tokens_out
    21
    """
    inward, outward = _details(held, *_DETAILS_IN), _details(held, *_DETAILS_OUT)
    cached = count_of(inward.get("cached_tokens"))
    for key in _CACHED:
        if key in held:
            cached = max(cached, count_of(held[key]))
    written = count_of(held.get("cache_creation_input_tokens"))
    reasoning = count_of(outward.get("reasoning_tokens"))
    tokens_in = _first(held, "prompt_tokens", "input_tokens")
    tokens_out = _first(held, "completion_tokens", "output_tokens")
    if tokens_in and held.get("prompt_tokens") is None and not inward:
        tokens_in += cached + written  # Anthropic counts them apart
    if tokens_in is not None:
        tokens_in = max(tokens_in, cached + written)
    total = count_of(held.get("total_tokens"))
    if tokens_in and tokens_out is not None and total > tokens_in + tokens_out:
        hidden = total - tokens_in - tokens_out  # Gemini and xAI count reasoning in the total only
        tokens_out, reasoning = tokens_out + hidden, max(reasoning, hidden)
    return ReportedUsage(tokens_in or None, tokens_out, cached, written, reasoning)


def _details(held: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        found = held.get(name)
        if isinstance(found, dict):
            return found
    return {}


def _first(held: Mapping[str, Any], *names: str) -> int | None:
    """The first of the counts that is there; None without."""
    for name in names:
        if (value := held.get(name)) is not None:
            return count_of(value)
    return None


def _larger(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)
