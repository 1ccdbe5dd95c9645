"""What embedders share: they are scikit-learn transformers of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from routereval.estimator import Estimator

Vectors = NDArray[np.float32]
"""(n_prompts, d) features."""


class TextEmbedder(Estimator):
    """Turns texts into vectors.

    A subclass stores its keyword arguments in the constructor and does nothing else there; what it
    learns are numbers, texts and arrays in attributes that end in ``_``, so that it can be saved.

    Class attributes:
        learns: whether the vectors depend on the training texts.
        network: whether texts are sent to a service, at ``url`` with the key in ``key_env``.
    """

    learns: ClassVar[bool] = True
    network: ClassVar[bool] = False

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
        """One vector per text, (n_texts, d)."""
        raise NotImplementedError

    def fit_transform(self, texts: Sequence[str], y: object = None) -> Vectors:
        """Learn from texts, and turn them into vectors."""
        return self.fit(texts, y).transform(texts)

    def check(self) -> None:
        """Raise SpecError for a parameter that is out of its range."""
        self._check_parameters()

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


class Pretrained(Frozen):
    """An embedder whose work is done by a model that is not ours."""


def unit(vectors: Vectors) -> Vectors:
    """Rows scaled to length 1; a row of zeros stays one."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), dtype=np.float32)
