"""TF-IDF of words and word pairs, reduced by a truncated SVD: the default embedder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from routereval.errors import SpecError


class Tfidf(BaseEstimator, TransformerMixin):  # type: ignore[misc]
    """Latent semantic analysis: the strongest directions of TF-IDF, each vector of length 1.

    Args:
        dims: number of directions kept; fewer where the training texts have fewer words.
        max_words: how many of the most frequent words and word pairs are looked at.
        random_state: of the randomised SVD.

    >>> texts = ["prove the theorem", "prove the lemma", "cite the statute", "cite the case"]
    >>> X = Tfidf(dims=2).fit(texts).transform(texts)
    >>> X.shape, bool(X[0] @ X[1] > X[0] @ X[2])
    ((4, 2), True)
    """

    def __init__(self, dims: int = 128, max_words: int = 50_000, random_state: int = 0) -> None:
        self.dims = dims
        self.max_words = max_words
        self.random_state = random_state

    def fit(self, texts: Sequence[str], y: object = None) -> Self:
        """Learn the words and the directions.

        Args:
            texts: the training texts.
            y: ignored; scikit-learn passes it.

        Raises:
            SpecError: if a parameter is not a whole number, or too small.
        """
        self._check()
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfVectorizer

        rare = 2 if len(texts) >= 100 else 1  # in a small corpus every word counts
        self.words_ = TfidfVectorizer(
            ngram_range=(1, 2),
            min_df=rare,
            max_features=self.max_words,
            sublinear_tf=True,
            token_pattern=r"(?u)\b\w+\b|[^\w\s]",  # noqa: S106 - no password
            dtype=np.float32,
        )
        try:
            self.words_.fit([*texts, "?"] if rare == 1 else texts)
        except ValueError:  # no word occurs twice: nothing that could be learned tells them apart
            self.words_.fit(["?"] * rare)
        counts = self.words_.transform(texts)
        dims = max(1, min(self.dims, counts.shape[1] - 1, len(texts) - 1))
        self.svd_ = TruncatedSVD(dims, n_iter=3, random_state=self.random_state)
        if counts.shape[1] > 1:
            # Texts that are all alike have no variance to explain: a share of 0 is no fault.
            with np.errstate(invalid="ignore", divide="ignore"):
                self.svd_.fit(counts)
        return self

    def transform(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n_texts, dims) vectors of length 1; zeros for a text without a known word."""
        counts = self.words_.transform(texts)
        if counts.shape[1] <= 1:
            return np.zeros((len(texts), 1), dtype=np.float32)
        vectors = np.asarray(self.svd_.transform(counts), dtype=np.float32)
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(length, 1e-12), dtype=np.float32)

    def _check(self) -> None:
        for name, least in (("dims", 1), ("max_words", 1), ("random_state", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise SpecError(
                    f"tfidf: {name} must be a whole number of at least {least}, not {value!r}"
                )
