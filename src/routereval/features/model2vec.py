"""Static word embeddings of model2vec: a table look-up and a mean."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from routereval.errors import MissingDependencyError
from routereval.features.base import Pretrained, Vectors
from routereval.features.encoder import checked
from routereval.features.pretrained import cannot_load, files_of
from routereval.parameters import WEIGHTS


class Model2Vec(Pretrained):
    """A sentence encoder distilled to one vector a token: model2vec, by the extra ``embed``.

    Source: Minish Lab's model2vec. It knows synonyms, which TF-IDF cannot, at about its speed.

    Args:
        model: a folder, or a name on the hub.
    """

    allowed = {"model": WEIGHTS}

    def __init__(self, model: str = "minishlab/potion-base-8M") -> None:
        self.model = model

    def transform(self, texts: Sequence[str]) -> Vectors:
        """(n_texts, d), as the model gives them.

        Raises:
            DataError: if the model cannot be loaded.
            MissingDependencyError: if model2vec is not installed.
        """
        self.check()
        loaded = _loaded(self.model, self.source())
        return checked(
            loaded.encode(list(texts), use_multiprocessing=False), len(texts), "model2vec"
        )

    def source(self) -> str:
        """What the model's files are."""
        return files_of(self.model)


@lru_cache(maxsize=2)
def _loaded(model: str, files: str) -> Any:  # noqa: ANN401 - a class of another package
    try:
        from model2vec import StaticModel
    except ImportError:
        raise MissingDependencyError.of("model2vec", "embed") from None
    try:
        return StaticModel.from_pretrained(model)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise cannot_load("model2vec", model, error) from None
