"""Any object with a method ``encode`` as an embedder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from routereval.errors import DataError, SpecError
from routereval.features.base import Pretrained, Vectors
from routereval.spec import Spec

_PROBES = ("What is the capital of France?", "def f(x): return x + 1", "Жизнь хороша.")


class Encoder(Pretrained):
    """Any Python object with ``encode(list of texts)``; it is handed over, not named.

    An object has no name that would tell it from another of its class. So it is known by what it
    does: the class, and a hash of its vectors of three fixed texts (to four digits, since the last
    ones vary between machines). That name stands in results and in the key of kept vectors.

    Args:
        model: the object.
        of: its class; known only of an object that is not at hand.
        probe: the hash; likewise.

    >>> class Lengths:
    ...     def encode(self, texts):
    ...         return [[len(text)] for text in texts]
    >>> Encoder(Lengths()).transform(["four", "seventy"]).tolist()
    [[4.0], [7.0]]
    """

    def __init__(self, model: Any = None, of: str = "", probe: str = "") -> None:  # noqa: ANN401
        self.model = model
        self.of = of
        self.probe = probe

    def transform(self, texts: Sequence[str]) -> Vectors:
        """(n_texts, d), as the object gives them.

        Raises:
            DataError: if the object gives no such matrix of finite numbers.
            SpecError: if there is no object.
        """
        if self.model is None:
            raise SpecError(
                "encoder: an object with a method encode cannot be made from text; hand the object "
                "over in Python, as in Task(records, embedder=model)"
            )
        return checked(self.model.encode(list(texts)), len(texts), self._class())

    def name(self) -> str:
        """What the object is called in results: its class and what it does."""
        of, probe = self.of, self.probe
        if self.model is not None:
            shown = [[f"{value:.3e}" for value in row] for row in self.transform(_PROBES)]
            of, probe = self._class(), f"x{hashlib.sha256(repr(shown).encode()).hexdigest()[:12]}"
        return str(Spec("encoder", (("of", of), ("probe", probe))))

    def _class(self) -> str:
        return type(self.model).__name__


def checked(vectors: Any, n_texts: int, owner: str) -> Vectors:  # noqa: ANN401
    """What an outside model gave, once it is seen to be one vector of finite numbers a text.

    Raises:
        DataError: if it is not.
    """
    try:
        given = np.asarray(vectors)
        if np.iscomplexobj(given):
            raise DataError(f"{owner} gave complex numbers; a vector is of real ones")
        matrix = given.astype(np.float32)
    except (TypeError, ValueError):
        raise DataError(f"{owner} gave no matrix of numbers for {n_texts} texts") from None
    if matrix.ndim != 2 or len(matrix) != n_texts or matrix.shape[1] == 0:
        raise DataError(
            f"{owner} gave vectors of shape {matrix.shape} for {n_texts} texts; "
            "one vector per text is needed"
        )
    if not np.isfinite(matrix).all():
        raise DataError(f"{owner} gave numbers that are not finite")
    return matrix
