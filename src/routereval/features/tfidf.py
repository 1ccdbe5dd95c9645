"""TF-IDF of words and word pairs, reduced by a truncated SVD: the default embedder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from routereval.features.base import TextEmbedder, Vectors, unit
from routereval.features.numerics import NULL, significant
from routereval.features.tokens import words_and_pairs, words_of
from routereval.parameters import COUNT, SEED


class Tfidf(TextEmbedder):
    """Latent semantic analysis: the strongest directions of TF-IDF, each vector of length 1.

    scikit-learn learns; a text is then transformed by one small product of its own words alone, so
    that a single prompt costs about as much as its share of a batch, and has the very same vector.

    Args:
        dims: number of directions kept at most. There are fewer where the training texts have fewer
            words, or vary in fewer directions, as texts made from templates do: a direction with a
            singular value below 1e-4 of the largest is only rounding.
        max_words: how many of the most frequent words and word pairs are looked at.
        random_state: of the randomised SVD.

    Attributes:
        words_: the known words and pairs, one per line.
        directions_: (n_words, n_kept) what one occurrence of each adds to a text's vector.

    >>> texts = ["prove the theorem", "prove the lemma", "cite the statute", "cite the case"]
    >>> X = Tfidf(dims=2).fit(texts).transform(texts)
    >>> X.shape, bool(X[0] @ X[1] > X[0] @ X[2])
    ((4, 2), True)
    """

    allowed = {"dims": COUNT, "max_words": COUNT, "random_state": SEED}

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
        self.check()
        known, weights = self._weighed(texts)
        self.words_ = "\n".join(known.get_feature_names_out())
        self.directions_ = self._directions(weights.astype(np.float32))
        self.directions_ *= known.idf_.astype(np.float32)[:, None]
        return self

    def transform(self, texts: Sequence[str]) -> Vectors:
        """(n_texts, dims) vectors of length 1; zeros for a text without a known word."""
        self._check_fitted()
        places = _places(self.words_)
        vectors = np.zeros((len(texts), self.directions_.shape[1]), dtype=np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            counts: dict[int | None, int] = Counter(map(places.get, words_and_pairs(text)))
            counts.pop(None, None)
            if counts:
                rows = np.fromiter(counts, np.intp, len(counts))  # in the order of the words
                often = np.fromiter(counts.values(), np.float64, len(counts))
                weights = (1 + np.log(often)).astype(np.float32)
                np.matmul(weights, self.directions_.take(rows, axis=0), out=vector)
        return unit(vectors)

    def unknown_share(self, text: str, besides: Collection[str] = ()) -> float:
        """The share of a text's different words that are not known; 1 for a text without words.

        Args:
            text: the text.
            besides: words that count as unknown too.
        """
        self._check_fitted()
        places, words = _places(self.words_), self.words_of(text)
        known = sum(word in places and word not in besides for word in words)
        return 1 - known / len(words) if words else 1.0

    @staticmethod
    def words_of(text: str) -> set[str]:
        """The different words and symbols of a text, without the pairs."""
        return set(words_of(text))

    @staticmethod
    def least_texts(n_texts: int) -> int:
        """In how many texts a word must occur to be known: in few texts, every word counts."""
        return 2 if n_texts >= 100 else 1

    def _weighed(self, texts: Sequence[str]) -> tuple[Any, Any]:
        """A vectoriser of scikit-learn, and (n_texts, n_words) what it makes of the texts."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        rare = self.least_texts(len(texts))
        known = TfidfVectorizer(
            analyzer=words_and_pairs,
            min_df=rare,
            max_features=self.max_words,
            sublinear_tf=True,
            dtype=np.float64,  # numpy's logarithms differ by processor in the last bit: cast away
        )
        try:
            weights = known.fit_transform([*texts, "?"] if rare == 1 else texts)
        except ValueError:  # no word occurs twice: nothing that could be learned tells them apart
            return known.fit(["?"] * rare), known.transform(texts)
        return known, weights[: len(texts)]

    def _directions(self, counts: Any) -> NDArray[np.float32]:  # noqa: ANN401 - a sparse matrix
        from sklearn.decomposition import TruncatedSVD

        n_texts, n_words = counts.shape
        if n_words == 1:
            return np.zeros((1, 1), dtype=np.float32)
        dims = max(1, min(self.dims, n_words - 1, n_texts - 1))
        svd = TruncatedSVD(dims, n_iter=3, random_state=self.random_state)
        # Texts that are all alike have no variance to explain: a share of 0 is no fault.
        with np.errstate(invalid="ignore", divide="ignore"):
            svd.fit(counts)
        kept = svd.components_[significant(svd.singular_values_, NULL)]
        found = kept if len(kept) else np.zeros((1, n_words))  # no text has a known word
        return np.ascontiguousarray(found.T, dtype=np.float32)


@lru_cache(maxsize=8)
def _places(words: str) -> dict[str, int]:
    """Where each word stands. Not kept in the embedder: saved, a long text loads faster."""
    return {word: place for place, word in enumerate(words.split("\n"))}
