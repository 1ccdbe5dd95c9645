"""What goes wrong with an upstream, and what follows from it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from routereval.gateway.api_error import ApiError
from routereval.gateway.protocols import Headers
from routereval.gateway.upstreams.provider_error import (
    CONTEXT_CODES,
    CONTEXT_SENTENCES,
    QUOTA_CODES,
    QUOTA_SENTENCES,
    REFUSAL_CODES,
    REFUSAL_SENTENCES,
    read_error,
    says,
)

_WORDED = frozenset({400, 402, 403, 413, 422, 429})
"""Statuses of which only the words say what they mean."""


@dataclass(slots=True)
class Reply:
    """A whole answer of an upstream, as it is passed on."""

    status: int
    headers: Headers
    body: bytes


class UpstreamError(Exception):
    """An upstream that did not answer as it should.

    Attributes:
        kind: ``connect``, ``timeout``, ``cut``, ``garbage``, ``status``, ``busy``, ``key``,
            ``quota``, ``context``, ``refused`` or ``forbidden``.
        detail: half a sentence for the client; it holds nothing that the upstream wrote of keys.
        pause: for how long the upstream is to be left alone; None to let the breaker decide.
        blames: whether the breaker counts it against the upstream.
        billed: whether its provider may bill the answer that was lost.
        reply: what the upstream answered, if it may be passed on.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        pause: float | None = None,
        blames: bool = True,
        billed: bool = False,
        reply: Reply | None = None,
    ) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail
        self.pause = pause
        self.blames = blames
        self.billed = billed
        self.reply = reply


def error_of_reply(
    reply: Reply, quota_pause: float, request: bytes = b"", now: float | None = None
) -> UpstreamError | None:
    """What an upstream's status means; None where its answer is the client's own affair.

    Args:
        reply: the answer.
        quota_pause: how long an upstream is left alone whose quota or key does not serve.
        request: the body that was sent, whose words an error may repeat.
        now: seconds since the epoch.

    >>> error_of_reply(Reply(429, [(b"retry-after", b"7")], b"{}"), 300).pause
    7.0
    >>> error_of_reply(Reply(400, [], b'{"error": {"code": "insufficient_quota"}}'), 300).kind
    'quota'
    >>> error_of_reply(Reply(400, [], b'{"error": {"message": "bad temperature"}}'), 300) is None
    True
    """
    status, answered = reply.status, f"answered {reply.status}"
    if status == 401:
        return UpstreamError("key", "refused the gateway's key", pause=quota_pause)
    if status in _WORDED and (error := _worded_error(reply, quota_pause, request)) is not None:
        return error
    if status in {403, 404, 409}:
        kind = "forbidden" if status == 403 else "status"
        return UpstreamError(kind, answered, blames=False, reply=reply)
    if status in {408, 429} or status >= 500:
        pause = retry_after(reply.headers, now)
        return UpstreamError(
            "busy" if status == 429 else "status", answered, pause=pause, reply=reply
        )
    return None


def _worded_error(reply: Reply, quota_pause: float, request: bytes) -> UpstreamError | None:
    """What an upstream's words mean, beside its status."""
    answered, error = f"answered {reply.status}", read_error(reply.body)
    if reply.status == 402 or says(error, QUOTA_CODES, QUOTA_SENTENCES, request):
        return UpstreamError(
            "quota", f"{answered}: its quota is used up", pause=quota_pause, reply=reply
        )
    if reply.status not in {402, 429} and says(error, CONTEXT_CODES, CONTEXT_SENTENCES, b""):
        return UpstreamError(
            "context", f"{answered}: the prompt is too long", blames=False, reply=reply
        )
    if reply.status == 413 and "rate_limit_exceeded" in error.codes:  # Groq's, of tokens per minute
        return UpstreamError("busy", answered, blames=False, reply=reply)
    if reply.status in {400, 422} and says(error, REFUSAL_CODES, REFUSAL_SENTENCES, b""):
        return UpstreamError(
            "refused", f"{answered}: it does not take a parameter", blames=False, reply=reply
        )
    return None


def retry_after(headers: Iterable[tuple[bytes, bytes]], now: float | None = None) -> float | None:
    """Seconds that the upstream asks to wait, given as such, in milliseconds, or as a date.

    >>> retry_after([(b"retry-after-ms", b"1500"), (b"retry-after", b"2")])
    1.5
    >>> retry_after([(b"retry-after", b"Thu, 01 Jan 1970 00:00:30 GMT")], now=10)
    20.0
    """
    held = dict(headers)
    for name, scale in ((b"retry-after-ms", 1000.0), (b"retry-after", 1.0)):
        seconds = _seconds(
            held.get(name, b"").decode("latin-1"), time.time() if now is None else now
        )
        if seconds is not None:
            return max(0.0, seconds / scale)
    return None


def clients_own_reply(errors: Iterable[UpstreamError], *, named: bool) -> Reply | None:
    """What an upstream answered that is the client's to know, where none answered.

    Args:
        errors: of those that were asked, in order.
        named: whether the client named the model, and so means this upstream.
    """
    asked = list(errors)
    kinds = {error.kind for error in asked}
    for error in reversed(asked):
        own = error.kind in {"context", "refused"} or kinds == {"forbidden"}
        if error.reply is not None and (named or own):
            return error.reply
    return None


def final_error(
    errors: Iterable[tuple[str, UpstreamError]], rests: float, *, last_resort: bool = False
) -> ApiError:
    """The error for a request that no upstream answered.

    Args:
        errors: the models that were asked, and what went wrong.
        rests: seconds until one of those that were not asked may be.
        last_resort: whether one that rested was asked, since all did.
    """
    asked = list(errors)
    answered = "; ".join(f"{model} {error.detail}" for model, error in asked)
    if not asked or last_resort:
        tried = f"; asked before its time, {answered}" if asked else ""
        return ApiError(
            503,
            "all upstreams that could serve this are resting after errors or busy"
            f"{tried}; try again later",
            code="no_upstream",
            retry_after=rests or 1.0,
        )
    kinds = {error.kind for _, error in asked}
    pauses = [error.pause for _, error in asked if error.pause]
    wait = min(pauses, default=None)
    if kinds == {"busy"}:
        return ApiError(
            429,
            f"no upstream has room: {answered}",
            code="rate_limit_exceeded",
            retry_after=wait or 1.0,
        )
    if kinds == {"timeout"}:
        return ApiError(504, f"no upstream answered in time: {answered}", code="upstream_timeout")
    return ApiError(
        502, f"no upstream answered: {answered}", code="upstream_failed", retry_after=wait
    )


def _seconds(text: str, now: float) -> float | None:
    if not text:
        return None
    if text.replace(".", "", 1).isdigit() and text.isascii():
        return float(text)
    try:
        return parsedate_to_datetime(text).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return None
