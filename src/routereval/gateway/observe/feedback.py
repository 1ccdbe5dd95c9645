"""The body of ``POST /v1/feedback``: how good an answer was."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from routereval.gateway.api_error import refuse

MAX_BYTES = 4096
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Feedback(NamedTuple):
    """A request, and the score of its answer in [0, 1]."""

    request_id: str
    score: float


def read_feedback(body: bytes) -> Feedback:
    """Read the body of a feedback.

    Raises:
        ApiError: 400 if it is none.

    >>> read_feedback(b'{"request_id": "a1", "score": 1}')
    Feedback(request_id='a1', score=1.0)
    """
    try:
        fields = json.loads(body[:MAX_BYTES].decode())
    except (ValueError, RecursionError):
        refuse('the body must be like {"request_id": "…", "score": 0.8}')
    if not isinstance(fields, dict):
        refuse("the body must be a JSON object")
    request_id, score = fields.get("request_id"), fields.get("score")
    if not isinstance(request_id, str) or not _ID.fullmatch(request_id):
        refuse("request_id must be that of an answer's x-routereval-request-id", "request_id")
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
        refuse("score must be a number from 0 to 1", "score")
    return Feedback(request_id, float(score))
