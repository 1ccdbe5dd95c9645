"""Several embedders side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from routereval.errors import SpecError
from routereval.features.base import TextEmbedder, Vectors
from routereval.features.embedder import make_embedder
from routereval.features.numerics import FLAT, significant


class Concat(TextEmbedder):
    """The vectors of several embedders side by side, each block weighing the same.

    Each block is divided by the root of its mean squared length on the training texts, so that no
    embedder drowns another in cosines and distances because its numbers are larger.

    Args:
        parts: specs, or embedders.

    Attributes:
        parts_: the embedders, fitted.
        lengths_: (n_parts,) what each block is divided by.

    >>> both = Concat(parts=("tfidf(dims=2)", "stats")).fit(["prove it", "cite it", "dose it"])
    >>> X = both.transform(["prove this"])
    >>> X.shape == (1, 2 + len(both.parts_[1].names))
    True
    """

    def __init__(self, parts: tuple[Any, ...] | str = ("tfidf", "stats")) -> None:
        self.parts = parts

    def fit(self, texts: Sequence[str], y: object = None) -> Self:
        """Fit each embedder, and learn how to scale its block.

        Args:
            texts: the training texts.
            y: ignored; scikit-learn passes it.

        Raises:
            SpecError: if there are no parts, or one is no embedder.
        """
        self.parts_ = [part.fit(texts) for part in self.nested()]
        return self.scale([part.transform(texts) for part in self.parts_])

    def transform(self, texts: Sequence[str]) -> Vectors:
        """(n_texts, d) with d the sum over the parts."""
        self._check_fitted()
        return self.join([part.transform(texts) for part in self.parts_])

    def nested(self) -> list[TextEmbedder]:
        """The embedders of the parts, not fitted.

        Raises:
            SpecError: if there are no parts, or one is no embedder.
        """
        if isinstance(self.parts, str) or not self.parts:
            raise SpecError(
                f"concat: parts must list embedders, as in concat(parts=[tfidf, stats]), "
                f"not {self.parts!r}"
            )
        return [make_embedder(part) for part in self.parts]

    def scale(self, blocks: Sequence[Vectors]) -> Self:
        """Learn what each block of vectors is divided by from those of the training texts."""
        squares = [float(np.square(block, dtype=np.float64).sum(axis=1).mean()) for block in blocks]
        lengths = np.sqrt(squares)
        self.lengths_ = np.where(significant(lengths, FLAT), lengths, np.inf)
        return self

    def join(self, blocks: Sequence[Vectors]) -> Vectors:
        """Scaled blocks side by side."""
        scaled = [block / length for block, length in zip(blocks, self.lengths_, strict=True)]
        return np.ascontiguousarray(np.hstack(scaled), dtype=np.float32)
