"""Errors as the clients of each API know them: a body, or an event of a stream that has begun."""

from __future__ import annotations

import json
from typing import Any

from routereval.gateway.api_error import ApiError
from routereval.gateway.dialects.apis import MESSAGES, RESPONSES, Api
from routereval.gateway.dialects.encoding import encoded

_MESSAGES_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def error_body(error: ApiError, api: Api) -> bytes:
    """The body of an answer that is an error.

    >>> from routereval.gateway.dialects.apis import MESSAGES
    >>> error_body(ApiError(404, "no such model", code="model_not_found"), MESSAGES)
    b'{"type":"error","error":{"type":"not_found_error","message":"no such model"}}'
    """
    if api is not MESSAGES:
        return error.body
    return encoded(_messages_error(error.status, error.message))


def error_event(error: ApiError, api: Api) -> bytes:
    r"""An event that clients of the API raise as an error.

    >>> from routereval.gateway.dialects.apis import MESSAGES
    >>> print(error_event(ApiError(502, "cut off"), MESSAGES).decode().rstrip())
    event: error
    data: {"type":"error","error":{"type":"api_error","message":"cut off"}}
    """
    if api is MESSAGES:
        data = error_body(error, api)
        return b"event: error\ndata: " + data + b"\n\n"
    if api is not RESPONSES:
        return b"data: " + error.body + b"\n\n"
    inner = {"type": error.kind, "code": error.code, "message": error.message, "param": error.param}
    held = {"type": "error", "sequence_number": 0, **inner, "error": inner}
    return b"event: error\ndata: " + encoded({**held, "type": "error"}) + b"\n\n"


def translated_error(status: int, body: bytes, api: Api) -> bytes:
    """An error of an upstream that speaks another API, as the client's has it.

    >>> from routereval.gateway.dialects.apis import MESSAGES
    >>> translated_error(400, b'{"error": {"message": "bad temperature", "code": null}}', MESSAGES)
    b'{"type":"error","error":{"type":"invalid_request_error","message":"bad temperature"}}'
    """
    if api is MESSAGES:
        return encoded(_messages_error(status, error_message(body)))
    kind = _messages_type(body)
    return ApiError(status, error_message(body), code=kind).body if kind else body


def _messages_type(body: bytes) -> str:
    """The type of an error of the Messages API; empty for an error of another shape."""
    try:
        held = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    error = held.get("error") if isinstance(held, dict) and held.get("type") == "error" else None
    kind = error.get("type") if isinstance(error, dict) else None
    return kind if isinstance(kind, str) else ""


def error_message(body: bytes) -> str:
    """The sentence of an error in whichever of the usual shapes; all of it where it is in none."""
    try:
        held = json.loads(body)
    except (ValueError, RecursionError):
        held = None
    error = held.get("error", held) if isinstance(held, dict) else None
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) else body[:2000].decode("utf-8", "replace")


def _messages_error(status: int, message: str) -> dict[str, Any]:
    usual = "api_error" if status >= 500 else "invalid_request_error"
    inner = {"type": _MESSAGES_TYPES.get(status, usual), "message": message}
    return {"type": "error", "error": inner}
