"""Errors that come as answers: with status 200, plain or as the first event of a stream."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from routereval.gateway.dialects.apis import CHAT, Api
from routereval.gateway.protocols import Headers
from routereval.gateway.upstreams.errors import Reply, UpstreamError, error_of_reply
from routereval.gateway.upstreams.provider_error import QUOTA_CODES, QUOTA_SENTENCES, error_of, says

_SPACE = b" \t\r\n"
_STATUSES = range(400, 600)


class _Choice(msgspec.Struct):
    error: Any = None
    message: Any = None
    delta: Any = None
    text: Any = None


class _Answer(msgspec.Struct):
    """What is looked at of an answer; all else is passed over unread."""

    error: Any = None
    choices: msgspec.Raw = msgspec.Raw(b"")


class _OtherAnswer(msgspec.Struct):
    """The same of an answer that is none of chat completions."""

    error: Any = None
    type: Any = None
    code: Any = None
    message: Any = None
    status: Any = None
    content: msgspec.Raw = msgspec.Raw(b"")
    output: msgspec.Raw = msgspec.Raw(b"")
    data: msgspec.Raw = msgspec.Raw(b"")
    input_tokens: msgspec.Raw = msgspec.Raw(b"")


_ANSWER = msgspec.json.Decoder(_Answer)
_OTHER_ANSWER = msgspec.json.Decoder(_OtherAnswer)
_CHOICES = msgspec.json.Decoder(list[_Choice])


def error_of_answer(
    body: bytes, request: bytes, quota_pause: float, *, event: bool = False, api: Api = CHAT
) -> UpstreamError | None:
    """What is wrong with the body of an answer of status 200; None if it is one.

    Args:
        body: the answer, or the data of a stream's first event.
        request: the body that was sent, whose words an error may repeat.
        quota_pause: how long an upstream is left alone whose quota does not serve.
        event: whether it is an event, which may do without choices.
        api: that it is an answer of.

    >>> error_of_answer(b'{"choices": [{"message": {}}], "error": null}', b"", 300) is None
    True
    >>> error_of_answer(b'{"error": {"code": 429, "message": "no"}}', b"", 300).kind
    'busy'
    >>> error_of_answer(b'{"choices": null}', b"", 300).detail
    'answered without choices'
    """
    if api is not CHAT:
        return _error_of_other_answer(body, request, quota_pause, event=event, api=api)
    answer = _parsed(body)
    if answer is None:
        return UpstreamError("garbage", "answered 200 with what is no JSON")
    choices = bytes(answer.choices).strip(_SPACE)
    if answer.error and choices in {b"", b"null", b"[]"}:
        return _error_in_answer(answer.error, request, quota_pause)
    if choices == b"null" or (choices in {b"", b"[]"} and not event):
        return UpstreamError("garbage", "answered without choices")
    if b'"error"' in choices:
        return _error_of_choices(choices, request, quota_pause)
    return None


def _error_of_other_answer(
    body: bytes, request: bytes, quota_pause: float, *, event: bool, api: Api
) -> UpstreamError | None:
    """What is wrong with an answer of another API than chat completions; None if it is one."""
    try:
        answer = _OTHER_ANSWER.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return UpstreamError("garbage", "answered 200 with what is no JSON")
    if answer.error:
        return _error_in_answer(answer.error, request, quota_pause)
    if answer.type == "error" or answer.status == "failed":
        held = {"code": answer.code, "message": answer.message}
        return _error_in_answer(held, request, quota_pause)
    if not event and bytes(getattr(answer, api.holds)).strip(_SPACE) in {b"", b"null"}:
        return UpstreamError("garbage", f"answered without {api.holds}")
    return None


def first_data(held: bytes) -> bytes | None:
    r"""The data of the first whole event; None until it has come. Comments are no events.

    >>> first_data(b": PROCESSING\n\ndata: 1\n\ndata: 2"), first_data(b": x\n\ndata: 1\n")
    (b'1', None)
    """
    text = held.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for event in text.split(b"\n\n")[:-1]:
        lines = [line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:")]
        if lines:
            return b"\n".join(lines)
    return None


def _parsed(body: bytes) -> _Answer | None:
    """An answer; also with what Python writes and the standard does not have, such as NaN."""
    try:
        return _ANSWER.decode(body)
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        held = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(held, dict):
        return None
    choices = json.dumps(held["choices"]).encode() if "choices" in held else b""
    return _Answer(held.get("error"), msgspec.Raw(choices))


def _error_of_choices(choices: bytes, request: bytes, quota_pause: float) -> UpstreamError | None:
    """An error in place of a first answer, as OpenRouter gives it."""
    try:
        first = _CHOICES.decode(choices)[0]
    except msgspec.DecodeError:
        return None
    message = first.message or first.delta or {}
    text = first.text or (message.get("content") if isinstance(message, dict) else message)
    return _error_in_answer(first.error, request, quota_pause) if first.error and not text else None


def _error_in_answer(held: object, request: bytes, quota_pause: float) -> UpstreamError:
    """The error that an answer holds, as if it had come with the status that it names."""
    code = held.get("code") if isinstance(held, dict) else None
    status = code if isinstance(code, int) and code in _STATUSES else 0
    body, headers = json.dumps({"error": held}).encode(), _JSON_HEADERS
    if status:
        error = error_of_reply(Reply(status, headers, body), quota_pause, request)
        return error or UpstreamError("status", f"answered {status} in a 200", blames=False)
    if says(error_of({"error": held}), QUOTA_CODES, QUOTA_SENTENCES, request):
        return UpstreamError("quota", "answered that its quota is used up", pause=quota_pause)
    return UpstreamError("status", "answered 200 with an error")


_JSON_HEADERS: Headers = [(b"content-type", b"application/json")]
