"""How a text falls into words."""

from __future__ import annotations

import re
from itertools import pairwise

_WORD = re.compile(r"\w+|[^\w\s]")


def words_of(text: str) -> list[str]:
    """Words and symbols, in lower case.

    >>> words_of("Is 2 + 2?")
    ['is', '2', '+', '2', '?']
    """
    return _WORD.findall(text.lower())


def words_and_pairs(text: str) -> list[str]:
    """Words, symbols and pairs of neighbours, in lower case; no word holds white space.

    >>> words_and_pairs("Is 2 + 2?")
    ['is', '2', '+', '2', '?', 'is 2', '2 +', '+ 2', '2 ?']
    """
    words = words_of(text)
    return words + [f"{one} {other}" for one, other in pairwise(words)]
