"""Bounds on the shape of a JSON text, checked before it is parsed.

A parser of JSON holds all other threads up until it is done, and its time goes by the number of
values, not of bytes: 20 MB of picture are read at once, 20 MB of empty lists in seconds.
"""

from __future__ import annotations

import re
from itertools import accumulate

from routereval.gateway.api_error import ApiError

MAX_VALUES = 100_000
MAX_DEPTH = 100

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{},]', re.DOTALL)
_STEPS = dict(zip(b"[{]}", (1, 1, -1, -1), strict=True))
_BEGINNING = b",[{"
_NO_BRACKETS = bytes(code for code in range(256) if code not in _STEPS)


def check_shape(body: bytes) -> None:
    """Refuse a JSON text that nests too deeply or holds too many values.

    Args:
        body: any bytes; whether they are JSON is not looked at.

    Raises:
        ApiError: 400 beyond `MAX_DEPTH` lists and objects in one another, 413 beyond `MAX_VALUES`.

    >>> check_shape(b'{"text": "[[[[' + b"[" * 200 + b'"}')
    >>> check_shape(b"[" * 101 + b"]" * 101)
    Traceback (most recent call last):
    routereval.gateway.api_error.ApiError: the body nests lists and objects deeper than 100
    """
    opened = body.count(b"[") + body.count(b"{")
    if opened <= MAX_DEPTH and len(body) <= MAX_VALUES:
        return
    if opened + body.count(b",") > MAX_VALUES or (
        opened > MAX_DEPTH and _highest_depth(body) > MAX_DEPTH
    ):
        _check_tokens(body)


def _check_tokens(body: bytes) -> None:
    """Count without what stands in strings, and no further than to what is refused."""
    depth = values = 0
    for number, token in enumerate(_TOKEN.finditer(body)):
        mark = body[token.start()]
        values += mark in _BEGINNING
        depth += _STEPS.get(mark, 0)
        if depth > MAX_DEPTH:
            sentence = f"the body nests lists and objects deeper than {MAX_DEPTH}"
            raise ApiError(400, sentence, code="invalid_request")
        if values > MAX_VALUES or number > 4 * MAX_VALUES:
            sentence = f"the body holds more than {MAX_VALUES} values; send fewer, or longer texts"
            raise ApiError(413, sentence, code="request_too_large")


def _highest_depth(text: bytes) -> int:
    """The most brackets that are open at once, those in strings too."""
    steps = map(_STEPS.__getitem__, text.translate(None, _NO_BRACKETS))
    return max(accumulate(steps), default=0)
