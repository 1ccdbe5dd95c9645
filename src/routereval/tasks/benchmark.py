"""A benchmark prepared for tasks: what all its pools share."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.features import Embedder, embed, make_embedder
from routereval.records import Records, cache_folder
from routereval.spec import Spec, parse_spec
from routereval.tasks.columns import one_hot
from routereval.tasks.embedder import AUTO, resolve_embedder
from routereval.tasks.mix import benchmarks_of
from routereval.tasks.pool import Pool, chosen_models
from routereval.tasks.split import Rows, Split, labelled, split_note, split_rows
from routereval.tasks.unseen import probes


class Matrices(NamedTuple):
    """Feature matrices of the three parts."""

    train: NDArray[np.float32]
    val: NDArray[np.float32]
    test: NDArray[np.float32]


class PreparedBenchmark:
    """What all pools of a benchmark share: the split and the features.

    The feature matrices are read-only, so that routers may keep what they computed of them. Pools
    are chosen, and embedders fitted, on all training prompts, however few of them are labelled.

    Args:
        records: the benchmark.
        split: the protocol and seed, or its text.
        embedder: a spec; ``stored(name=…)`` takes vectors that came with the records, ``columns``
            the categories of the prompt table; ``auto`` is the first that there is of stored,
            ``tfidf`` of the texts, ``columns``. Or an embedder, or any object with ``encode``.
        rows: the prompts of the three parts, where they are not those of the split.

    Attributes:
        rows: the prompts of the three parts.
        embedder: its text, as results name it.
        embeds: what makes the vectors of texts, as `make_embedder` takes it.
    """

    def __init__(
        self,
        records: Records,
        split: Split | str = "clean",
        embedder: object = AUTO,
        *,
        rows: Rows | None = None,
    ) -> None:
        self.records = records
        self.split = Split.parse(split)
        self.embedder = resolve_embedder(records, embedder)
        self.embeds = self.embedder if isinstance(embedder, (str, Spec)) else embedder
        self._whole, self._stream = split_rows(records, self.split)
        self._whole = self._whole if rows is None else rows
        self.rows = labelled(records, self.split, self._whole)

    @cached_property
    def note(self) -> str | None:
        """A note on equal prompts on both sides of the split, or None."""
        return split_note(self.records, self.split, self._whole)

    def pools(self, pools: Sequence[Pool]) -> dict[Pool, tuple[str, ...] | DataError]:
        """The models of each pool, or why there are not enough for it."""
        state = self._stream.get_state()
        found = chosen_models(self.records, pools, self.split, self._whole, self._stream)
        self._stream.set_state(state)  # asking twice gives the same pools
        return found

    @cached_property
    def X(self) -> Matrices:
        """Feature matrices of the three parts, read-only."""
        vectors = self._vectors()
        return Matrices(*(_frozen(vectors[rows]) for rows in self.rows))

    @cached_property
    def probes(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The prompts, and their features, on which models kept out of training are known."""
        places = probes(self.split, len(self.rows.train))
        return self.rows.train[places], _frozen(self.X.train[places])

    @cached_property
    def folds(self) -> list[PreparedBenchmark]:
        """Under ``cv``, the same benchmark prepared for each fold; else itself alone."""
        if not self.split.crossed:
            return [self]
        return [PreparedBenchmark(self.records, fold, self.embeds) for fold in self.split.folds()]

    def _vectors(self) -> NDArray[np.floating]:
        spec = parse_spec(self.embedder)
        if spec.name == "stored":
            return self.records.features[str(spec.kwargs["name"])]
        if spec.name == "columns":
            return one_hot(self.records.prompts, self._whole.train)
        texts = self.records.prompts["text"].to_list()
        return embed(self.embeds, texts, self._whole.train, cache_folder() / "embeddings")

    def text_embedder(self) -> Embedder:
        """The embedder that made the features, fitted once more, for texts to come.

        Raises:
            DataError: if the features were not made of texts.
        """
        if parse_spec(self.embedder).name in ("stored", "columns"):
            raise DataError(f"{self.embedder} makes no vectors of a new text; choose tfidf")
        texts = self.records.prompts["text"].to_list()
        return make_embedder(self.embeds).fit([texts[row] for row in self._whole.train])

    @cached_property
    def benchmarks(self) -> NDArray[np.int64]:
        """(n_prompts,) codes of the benchmarks that a mixed stream is made of; else 0."""
        return benchmarks_of(self.records)

    @cached_property
    def texts(self) -> list[str] | None:
        """All texts, or None."""
        return self.records.prompts["text"].to_list() if self.records.has_text else None


def _frozen(X: NDArray[np.floating]) -> NDArray[Any]:
    X = np.ascontiguousarray(X)
    X.flags.writeable = False
    return X
