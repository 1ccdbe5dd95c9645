"""Groups of equal prompts: what a split, a fold or a resample must not take apart."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

GROUP = "group"
"""The column of a prompt table in which records name their own groups."""

_QUOTES = dict.fromkeys(map(ord, "\"'`´‘’‚‛“”„‟«»‹›"))
_ENDS = re.compile(r"[.,;:!?…]+(?=\s|$)")


def normalised(text: str) -> str:
    """A text as equal ones have it in common.

    Unicode NFKC, case folded, quotation marks left out, ``. , ; : ! ?`` left out at the end of a
    word, and one space for any white space. Brackets, operators and points within a number stay:
    they tell formulas and code apart.

    >>> normalised("What is  “2.5”?") == normalised("what is 2.5")
    True
    >>> normalised("not (a or b)") == normalised("(not a) or b")
    False
    """
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_QUOTES)
    return " ".join(_ENDS.sub("", folded).split())


def groups_of(
    texts: Sequence[str | None], named: Sequence[Hashable | None] | None = None
) -> NDArray[np.int64]:
    """Which prompts are the same one, or belong together.

    Prompts are in one group if their normalised texts are equal, if they are named as one, and if
    a chain of such pairs joins them. A prompt without text and name is a group of its own.

    Args:
        texts: of the prompts; None where unknown.
        named: the group that each prompt is said to belong to; None where not said.

    Returns:
        (n_prompts,) codes, numbered by first appearance.

    >>> groups_of(["Why?", "why", "When?", None, None], [None, None, "a", "a", None])
    array([0, 0, 1, 1, 2])
    """
    keys = [None if text is None else normalised(text) or None for text in texts]
    pairs = [*_repeats(keys), *_repeats(named or ())]
    return _components(len(keys), np.array(pairs, dtype=np.int64).reshape(-1, 2))


def _repeats(keys: Iterable[Hashable | None]) -> list[tuple[int, int]]:
    """Each row with a key that stands in an earlier one, after the first of these."""
    first: dict[Hashable, int] = {}
    pairs = ((first.setdefault(key, row), row) for row, key in enumerate(keys) if key is not None)
    return [(one, other) for one, other in pairs if one != other]


def _components(n: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) the code of each row's component, numbered by first appearance."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not len(pairs):
        return np.arange(n, dtype=np.int64)
    joins = coo_array((np.ones(len(pairs), dtype=np.int8), (pairs[:, 0], pairs[:, 1])), (n, n))
    _, labels = connected_components(joins, directed=False)
    _, first, codes = np.unique(labels, return_index=True, return_inverse=True)
    ranks = np.empty(len(first), dtype=np.int64)
    ranks[np.argsort(first)] = np.arange(len(first))  # first rows are distinct: no ties
    return np.asarray(ranks[codes])
