"""Hashed words and word pairs: nothing to learn, the same vectors everywhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from routereval.features.base import Frozen, Vectors, unit
from routereval.features.tokens import words_and_pairs
from routereval.parameters import COUNT


class Hashing(Frozen):
    """Words and word pairs hashed to signed buckets, each vector of length 1.

    Source: feature hashing, Weinberger et al. 2009, arXiv 0902.2206. A bucket counts sublinearly,
    as sign(c) log(1 + |c|).

    Args:
        dims: number of buckets.

    >>> Hashing(dims=16).transform(["prove the lemma", "prove the lemma"]).shape
    (2, 16)
    """

    allowed = {"dims": COUNT}

    def __init__(self, dims: int = 512) -> None:
        self.dims = dims

    def transform(self, texts: Sequence[str]) -> Vectors:
        """(n_texts, dims) vectors of length 1; zeros for a text without words."""
        from sklearn.feature_extraction.text import HashingVectorizer

        hasher = HashingVectorizer(
            analyzer=words_and_pairs, n_features=self.dims, norm=None, dtype=np.float32
        )
        texts = [text.encode("utf-8", "replace").decode() for text in texts]
        counts = hasher.transform(texts).toarray()
        return unit(np.sign(counts) * np.log1p(np.abs(counts)))
