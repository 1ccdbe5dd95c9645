"""Groups of equal prompts: what a split, a fold or a resample must not take apart."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

GROUP = "group"
"""The column of a prompt table in which records name their own groups."""

_MOST_TEXTS = 20  # what stands in more texts than that is a template
_LEAST_OWN = 10  # pairs of words beside it, so that a text has something to be recognised by
_ALIKE = 0.85
_BLOCK = 4096  # texts that are set beside all others at a time

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

    Prompts are in one group if their normalised texts are equal, if they are near-duplicates by
    `near_duplicates`, if they are named as one, and if a chain of such pairs joins them. A prompt
    without text and name is a group of its own.

    Args:
        texts: of the prompts; None where unknown.
        named: the group that each prompt is said to belong to; None where not said.

    Returns:
        (n_prompts,) codes, numbered by first appearance.

    >>> groups_of(["Why?", "why", "When?", None, None], [None, None, "a", "a", None])
    array([0, 0, 1, 1, 2])
    """
    alike = _alike(texts)
    pairs = np.reshape([*alike.equal, *_repeats(named or ())], (-1, 2))
    return _components(len(texts), np.vstack([pairs, alike.near]).astype(np.int64))


class Shares(NamedTuple):
    """How many of some prompts are not asked once only.

    Attributes:
        repeated: share of prompts whose normalised text another prompt has.
        near: share of prompts that are a near-duplicate of one with another text.
    """

    repeated: float
    near: float


def shares(texts: Sequence[str | None]) -> Shares:
    """The shares of repeated texts and of near-duplicates.

    >>> shares(["Why?", "why", "When?", None])
    Shares(repeated=0.5, near=0.0)
    """
    equal, near = _alike(texts)
    codes = _components(len(texts), np.array(equal, dtype=np.int64).reshape(-1, 2))
    repeated = np.bincount(codes)[codes] > 1
    return Shares(float(repeated.mean()), float(np.isin(codes, codes[near.ravel()]).mean()))


class _Alike(NamedTuple):
    """Pairs of rows: with the same normalised text, and with near-duplicates of each other."""

    equal: list[tuple[int, int]]
    near: NDArray[np.int64]


def _alike(texts: Sequence[str | None]) -> _Alike:
    keys = [None if text is None else normalised(text) or None for text in texts]
    first = {key: row for row, key in reversed(list(enumerate(keys))) if key is not None}
    rows = np.array(list(first.values()), dtype=np.int64)
    return _Alike(_repeats(keys), rows[near_duplicates(list(first))])


def first_equal(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n_prompts,) the place of the first prompt of each prompt's group.

    >>> first_equal(np.array([7, 3, 7, 3]))
    array([0, 1, 0, 1])
    """
    _, first, codes = np.unique(groups, return_index=True, return_inverse=True)
    return np.asarray(first[codes], dtype=np.int64)


def numbered_by_first(codes: NDArray[np.integer]) -> NDArray[np.int64]:
    """The same groups, numbered by first appearance.

    >>> numbered_by_first(np.array([7, 3, 7, 5]))
    array([0, 1, 0, 2])
    """
    _, first, numbers = np.unique(codes, return_index=True, return_inverse=True)
    ranks = np.empty(len(first), dtype=np.int64)
    ranks[np.argsort(first, kind="stable")] = np.arange(len(first))
    return np.asarray(ranks[numbers])


def near_duplicates(texts: Sequence[str]) -> NDArray[np.int64]:
    """Pairs of different texts that are almost the same one.

    A text is the set of its pairs of neighbouring words, without those that stand in more than 20
    of the texts: they belong to a template, such as instructions, examples or the frame of a
    multiple choice. Two texts are near-duplicates if each has at least 10 such pairs, and the
    Jaccard similarity of the two sets is at least 0.85. Short texts, and the same words in another
    frame, so stay apart; passages with a few questions each do not, where the passage is long.

    Args:
        texts: normalised, all different: words are parted by one space.

    Returns:
        (n_pairs, 2) places in the texts, the lower one first.

    >>> words = "a b c d e f g h i j k l m n o p q r s t u v w x y z"
    >>> near_duplicates([words, f"well {words}", "a b c"])
    array([[0, 1]])
    """
    own = _own_pairs(texts)
    sizes = np.diff(own.indptr)
    found = [np.empty((0, 2), dtype=np.int64)]
    for start in range(0, len(texts), _BLOCK):
        shared = (own[start : start + _BLOCK] @ own.T).tocoo()
        one, other, both = shared.row + start, shared.col, shared.data
        union = sizes[one] + sizes[other] - both
        enough = (one < other) & (np.minimum(sizes[one], sizes[other]) >= _LEAST_OWN)
        near = enough & (both >= _ALIKE * union)
        found.append(np.stack([one[near], other[near]], axis=1))
    return np.concatenate(found)


def _own_pairs(texts: Sequence[str]) -> csr_array:
    """(n_texts, n_pairs) 1 where a text has a pair of words that few texts have."""
    from scipy.sparse import csr_array

    words = _numbered_words(texts)
    n_words = 1 + max((int(line.max()) for line in words if len(line)), default=0)
    pairs = [np.unique(_coded(line, n_words)) for line in words]
    ends = np.concatenate([[0], np.cumsum([len(line) for line in pairs])]).astype(np.int64)
    _, codes, counts = np.unique(
        np.concatenate([np.empty(0, np.int64), *pairs]), return_inverse=True, return_counts=True
    )
    own = counts[codes] <= _MOST_TEXTS
    kept = np.concatenate([[0], np.cumsum(own)])[ends]
    ones = np.ones(int(own.sum()), dtype=np.int32)
    return csr_array((ones, codes[own], kept), shape=(len(texts), len(counts)))


def _numbered_words(texts: Sequence[str]) -> list[NDArray[np.int64]]:
    """The words of each text, each by a number."""
    import polars as pl

    words = pl.Series("word", texts, dtype=pl.String).str.split(" ")
    every = words.explode()
    different = every.unique(maintain_order=True).to_frame().with_row_index("number")
    numbers = every.to_frame().join(different, on="word", how="left", maintain_order="left")[
        "number"
    ]
    ends = np.cumsum(words.list.len().to_numpy().astype(np.int64))
    return np.split(numbers.to_numpy().astype(np.int64), ends)[:-1]


def _coded(words: NDArray[np.int64], n_words: int) -> NDArray[np.int64]:
    return words[:-1] * n_words + words[1:]


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
    return numbered_by_first(labels)
