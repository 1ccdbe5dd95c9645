"""Sentence encoders of the package sentence-transformers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from routereval.errors import MissingDependencyError
from routereval.features.base import Pretrained, Vectors
from routereval.features.encoder import checked
from routereval.features.pretrained import cannot_load, files_of, silent
from routereval.parameters import COUNT, WEIGHTS


class SentenceTransformers(Pretrained):
    """A sentence encoder of the package sentence-transformers, which is to be installed beside.

    Args:
        model: a folder, or a name on the hub.
        batch: texts per step.
    """

    label = "sentence_transformers"
    allowed = {"model": WEIGHTS, "batch": COUNT}

    def __init__(
        self, model: str = "sentence-transformers/all-MiniLM-L6-v2", batch: int = 32
    ) -> None:
        self.model = model
        self.batch = batch

    def transform(self, texts: Sequence[str]) -> Vectors:
        """(n_texts, d), as the model gives them.

        Raises:
            DataError: if the model cannot be loaded.
            MissingDependencyError: if sentence-transformers is not installed.
        """
        self.check()
        loaded = _loaded(self.model, self.source())
        vectors = loaded.encode(list(texts), batch_size=self.batch, show_progress_bar=False)
        return checked(vectors, len(texts), "sentence_transformers")

    def source(self) -> str:
        """What the model's files are."""
        return files_of(self.model)


@lru_cache(maxsize=2)
def _loaded(model: str, files: str) -> Any:  # noqa: ANN401 - a class of another package
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise MissingDependencyError(
            "sentence-transformers is not installed; install it with: "
            "pip install sentence-transformers"
        ) from None
    try:
        with silent():
            return SentenceTransformer(model)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise cannot_load("sentence_transformers", model, error) from None
