"""What an embedder is, and the ones that can be named."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from routereval.errors import unknown
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
    embedder = EMBEDDERS[parsed.name]
    known = list(inspect.signature(embedder).parameters)
    for name in parsed.kwargs:
        if name not in known:
            raise unknown(f"parameter of {parsed.name}", name, known)
    made: Embedder = embedder(**parsed.kwargs)
    return made
