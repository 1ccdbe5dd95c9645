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

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_STEPS = dict(zip(b"[{]}", (1, 1, -1, -1), strict=True))
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
    if opened + body.count(b",") > MAX_VALUES:
        _check_values(body)
    if opened > MAX_DEPTH and _depth(body) > MAX_DEPTH:
        bare, _ = _STRING.subn(b"", body, MAX_VALUES + 1)
        if _depth(bare) > MAX_DEPTH:
            sentence = f"the body nests lists and objects deeper than {MAX_DEPTH}"
            raise ApiError(400, sentence, code="invalid_request")


def _check_values(body: bytes) -> None:
    """Count without what stands in strings; not further than is needed."""
    bare, n_strings = _STRING.subn(b"", body, 2 * MAX_VALUES + 1)
    count = bare.count(b",") + bare.count(b"[") + bare.count(b"{")
    if count > MAX_VALUES or n_strings > 2 * MAX_VALUES:
        sentence = f"the body holds more than {MAX_VALUES} values; send fewer, or longer texts"
        raise ApiError(413, sentence, code="request_too_large")


def _depth(text: bytes) -> int:
    """The most brackets that are open at once."""
    steps = map(_STEPS.__getitem__, text.translate(None, _NO_BRACKETS))
    return max(accumulate(steps), default=0)
