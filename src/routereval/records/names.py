"""Which texts may name a benchmark, a subset or a model: what a terminal shows as it stands."""

from __future__ import annotations

import re
from collections.abc import Iterable

from routereval.errors import DataError

LONGEST = 1000
"""Characters of a name."""

# C0 and C1 with delete, line and paragraph ends, marks of direction.
_CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def is_name(text: str) -> bool:
    r"""Whether a text may be a name.

    >>> is_name("org/model-7b"), is_name("x\x1b[31m")
    (True, False)
    """
    return len(text) <= LONGEST and _CONTROL.search(text) is None


def refuse_odd_names(what: str, names: Iterable[str]) -> None:
    r"""Refuse names that are too long or hold control characters.

    Args:
        what: what the names are, for the error.
        names: the names.

    Raises:
        DataError: naming the first that is refused.

    >>> refuse_odd_names("the name of a model", ["a", "b\x1b[2J"])
    Traceback (most recent call last):
        ...
    routereval.errors.DataError: the name of a model 'b\x1b[2J' holds a control character, ...
    """
    for name in names:
        if len(name) > LONGEST:
            raise DataError(
                f"{what} {name[:40]!a}… has {len(name):,} characters, and may have {LONGEST:,}"
            )
        if _CONTROL.search(name):
            raise DataError(
                f"{what} {ascii(name)[:80]} holds a control character, which a terminal would obey;"
                " rename it"
            )
