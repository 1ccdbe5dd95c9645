"""Errors as a client of the OpenAI API knows them: a status, and one JSON object that says why."""

from __future__ import annotations

import json
import math
from typing import NoReturn

LONG_S = 60.0


class ApiError(Exception):
    """A request that is answered by the gateway itself, with an error.

    Args:
        status: of HTTP.
        message: a sentence for the person who reads the client's traceback.
        code: a word for programs, such as ``rate_limit_exceeded``.
        kind: OpenAI's ``type``; by the status unless given.
        param: the field of the request that is at fault.
        retry_after: seconds after which to try again.

    >>> ApiError(404, "no such model", code="model_not_found").body
    b'{"error": {"message": "no such model", "type": "invalid_request_error", "param": null, \
"code": "model_not_found"}}'
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        kind: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.kind = kind or kind_of(status)
        self.param = param
        self.retry_after = retry_after

    @property
    def body(self) -> bytes:
        """The JSON object."""
        error = {
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.code,
        }
        return json.dumps({"error": error}).encode()

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """What goes before it: ``Retry-After`` in whole seconds, where there is one.

        The official clients would try again at once if the wait is long, unless asked not to.
        """
        fixed = [(b"content-type", b"application/json")]
        if self.retry_after is None:
            return fixed
        headers = [*fixed, (b"retry-after", str(max(1, math.ceil(self.retry_after))).encode())]
        return [*headers, (b"x-should-retry", b"false")] if self.retry_after > LONG_S else headers


def kind_of(status: int) -> str:
    """OpenAI's ``type`` for a status.

    >>> kind_of(400), kind_of(401), kind_of(429), kind_of(503)
    ('invalid_request_error', 'authentication_error', 'rate_limit_error', 'server_error')
    """
    known = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
    return known.get(status, "server_error" if status >= 500 else "invalid_request_error")


def refuse(sentence: str, param: str | None = None) -> NoReturn:
    """Refuse a request.

    Raises:
        ApiError: 400, always.
    """
    raise ApiError(400, sentence, code="invalid_request", param=param) from None
