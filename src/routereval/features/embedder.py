"""What an embedder is, and the ones that can be named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from routereval.errors import SpecError, unknown
from routereval.features.tfidf import Tfidf
from routereval.spec import Spec, parse_spec

Vectors = NDArray[np.float32]
"""(n_prompts, d) features."""


class Embedder(Protocol):
    """Turns texts into vectors; it may learn from the training texts first."""

    def fit(self, texts: Sequence[str]) -> Self:
        """Learn from the training texts."""

    def transform(self, texts: Sequence[str]) -> Vectors:
        """One vector a text."""


EMBEDDERS: dict[str, type[Any]] = {"tfidf": Tfidf}


def make_embedder(spec: str | Spec) -> Embedder:
    """The embedder of a spec such as ``tfidf(dims=64)``.

    Raises:
        SpecError: if no embedder has that name, or it has no such parameter.

    >>> make_embedder("tfidf(dims=2)").fit(["one", "two", "three"]).transform(["two one"]).shape
    (1, 2)
    """
    parsed = parse_spec(spec)
    if parsed.name not in EMBEDDERS:
        raise unknown("embedder", parsed.name, EMBEDDERS)
    try:
        made: Embedder = EMBEDDERS[parsed.name](**parsed.kwargs)
    except TypeError as error:
        raise SpecError(f"embedder {str(parsed)!r}: {error}") from None
    return made
