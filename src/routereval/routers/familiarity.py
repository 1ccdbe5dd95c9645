"""Whether a prompt is like any that a router was trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.features.tfidf import Tfidf
from routereval.routers.inputs import Features

MOST = 10_000
RARE = 0.01
ALIKE = 0.5
AT_ONCE = 2**18  # numbers that are multiplied at once: more would wake threads, which costs more

Rows = NDArray[np.float32]


class Familiarity(NamedTuple):
    """What tells a prompt that is unlike all training prompts.

    A prompt is unfamiliar if its cosine with the most similar training prompt, both less the mean
    of the training prompts, is below `least`: what 99 % of the training prompts reach with the
    others among them (equal ones count as one), and never more than 0.5, since prompts of such a
    cosine are alike however alike training prompts are. Of features that `Tfidf` made, a text is
    unfamiliar too if more than `most_unknown` of its words are unknown: the share that 99 % of the
    training texts keep to, were each left out of what the words were learned of, and at least 0.5.

    Attributes:
        mean: (d,) of the training features.
        rows: (n, d) the training features less their mean, of length 1; 10,000 drawn at most.
        least: the least usual similarity.
        most_unknown: the greatest usual share of unknown words; 1 for other features.
    """

    mean: Rows
    rows: Rows
    least: float
    most_unknown: float = 1.0

    @classmethod
    def of(cls, X: Features, embedder: object = None, texts: Sequence[str] = ()) -> Familiarity:
        """Learn from the training prompts.

        Args:
            X: (n_prompts, n_features) their features, at least one.
            embedder: what made them; only of `Tfidf` its words are looked at.
            texts: the prompts' texts, for the share of unknown words.

        >>> known = Familiarity.of(np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]]))
        >>> known.unfamiliar(np.array([[1.0, 0.05], [-3.0, -3.0]])).tolist()
        [False, True]
        """
        kept = np.unique(np.asarray(X, np.float32), axis=0)
        if len(kept) > MOST:
            kept = kept[np.sort(np.random.default_rng(0).permutation(len(kept))[:MOST])]
        mean = np.asarray(np.mean(X, axis=0, dtype=np.float64), np.float32)
        rows = _directions(kept - mean)
        least = min(ALIKE, float(np.quantile(_among_others(rows), RARE)))
        unknown = 1.0
        if isinstance(embedder, Tfidf) and len(texts):
            unknown = max(0.5, float(np.quantile(_left_out(embedder, texts), 1 - RARE)))
        return cls(mean, rows, least, unknown)

    def _similarities(self, x: Features) -> Iterator[float]:
        """The greatest cosine in one block of the training prompts after the other."""
        direction = _directions(np.asarray(x, np.float32) - self.mean)
        size = max(1, AT_ONCE // len(direction))
        for at in range(0, len(self.rows), size):
            yield float((self.rows[at : at + size] @ direction).max())

    def unfamiliar(
        self, X: Features, embedder: object = None, texts: Sequence[str] = ()
    ) -> NDArray[np.bool_]:
        """Which prompts are unlike all training prompts.

        Args:
            X: (n_prompts, d) their features.
            embedder: as in `of`.
            texts: their texts.

        Returns:
            (n_prompts,)
        """
        # The first training prompt that is similar enough ends the search.
        near = [any(found >= self.least for found in self._similarities(x)) for x in X]
        found = ~np.array(near, dtype=np.bool_)
        if self.most_unknown < 1 and isinstance(embedder, Tfidf) and len(texts):
            found |= np.array([embedder.unknown_share(t) > self.most_unknown for t in texts])
        return found


def _directions(X: Any) -> Rows:  # noqa: ANN401 - one row or many
    length = np.linalg.norm(X, axis=-1, keepdims=True)
    return np.asarray(X / np.where(length > 0, length, 1.0), np.float32)


def _among_others(rows: Rows) -> NDArray[np.float64]:
    """The similarity of some rows, 2,000 at most, with the most similar of the others."""
    if len(rows) == 1:
        return np.zeros(1)
    asked = np.linspace(0, len(rows) - 1, min(len(rows), 2000)).astype(np.int64)
    found = []
    for start in range(0, len(asked), 256):
        mine = asked[start : start + 256]
        cosines = rows[mine] @ rows.T
        cosines[np.arange(len(mine)), mine] = -1.0
        found.append(cosines.max(axis=1))
    return np.concatenate(found).astype(np.float64)


def _left_out(embedder: Tfidf, texts: Sequence[str]) -> NDArray[np.float64]:
    """(n_texts,) the share of unknown words, had the words been learned of the other texts."""
    held = Counter(word for text in texts for word in embedder.words_of(text))
    known = embedder.least_texts(len(texts))
    alone = frozenset(word for word, count in held.items() if count - 1 < known)
    return np.array([embedder.unknown_share(text, alone) for text in texts])
