"""Names for requests, which nobody can guess."""

from __future__ import annotations

import os
from collections.abc import Iterator

ID_BYTES = 12
_AT_A_TIME = 256  # to ask the system seldom


def _drawn() -> Iterator[str]:
    while True:
        drawn = os.urandom(ID_BYTES * _AT_A_TIME)
        for start in range(0, len(drawn), ID_BYTES):
            yield drawn[start : start + ID_BYTES].hex()


_ids = _drawn()
os.register_at_fork(after_in_child=lambda: globals().update(_ids=_drawn()))


def new_request_id() -> str:
    """A name that no other request has, 24 hexadecimal digits.

    >>> len(new_request_id()), new_request_id() == new_request_id()
    (24, False)
    """
    return next(_ids)
