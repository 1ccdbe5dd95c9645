"""What embedders share: they are scikit-learn transformers of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from routereval.errors import SpecError

Vectors = NDArray[np.float32]
"""(n_prompts, d) features."""


class TextEmbedder(BaseEstimator, TransformerMixin):  # type: ignore[misc]
    """Turns texts into vectors.

    A subclass stores its keyword arguments in the constructor and does nothing else there; what it
    learns are numbers, texts and arrays in attributes that end in ``_``, so that it can be saved.

    Class attributes:
        learns: whether the vectors depend on the training texts.
    """

    learns: ClassVar[bool] = True

    def fit(self, texts: Sequence[str], y: object = None) -> Self:
        """Learn from the training texts.

        Args:
            texts: the training texts.
            y: ignored; scikit-learn passes it.

        Raises:
            SpecError: if a parameter is out of its range.
        """
        raise NotImplementedError

    def transform(self, texts: Sequence[str]) -> Vectors:
        """One vector a text, (n_texts, d)."""
        raise NotImplementedError

    def source(self) -> str:
        """What decides the vectors beside the parameters and the texts, such as a model's files."""
        return ""

    def nested(self) -> Sequence[TextEmbedder]:
        """The embedders that this one puts together, not fitted; none, of most."""
        return ()


class Frozen(TextEmbedder):
    """An embedder that learns nothing from the training texts."""

    learns: ClassVar[bool] = False

    def fit(self, texts: Sequence[str], y: object = None) -> Self:
        """Check the parameters; nothing is learned.

        Args:
            texts: ignored.
            y: ignored.

        Raises:
            SpecError: if a parameter is out of its range.
        """
        self.check()
        return self

    def check(self) -> None:
        """Raise SpecError for a parameter that is out of its range."""


class Pretrained(Frozen):
    """An embedder whose work is done by a model that is not ours."""


def whole(owner: str, name: str, value: object, least: int = 1) -> int:
    """The value, once it is seen to be a whole number that is large enough.

    >>> whole("tfidf", "dims", 0)
    Traceback (most recent call last):
    ...
    routereval.errors.SpecError: tfidf: dims must be a whole number of at least 1, not 0
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise SpecError(
            f"{owner}: {name} must be a whole number of at least {least}, not {value!r}"
        )
    return int(value)


def unit(vectors: Vectors) -> Vectors:
    """Rows scaled to length 1; a row of zeros stays one."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), dtype=np.float32)
