"""A task: what a router is trained and tested on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.features import embed, embedder_name, make_embedder
from routereval.records import Records, cache_folder
from routereval.spec import Spec, parse_spec
from routereval.tasks.columns import one_hot
from routereval.tasks.pool import Pool, chosen_models
from routereval.tasks.split import Rows, Split, split_rows

AUTO = "auto"
_EMBEDDERS = {AUTO: (), "stored": ("name",), "columns": ()}  # their parameters
_LABEL_SHARE = 0.95  # of the pool's best score: RouterEval's training label of real-valued scores


@dataclass(frozen=True)
class Part:
    """One part of a task; axes are (prompts, models).

    Attributes:
        rows: which prompts of the records.
        X: (n_prompts, d) features.
        scores: (n_prompts, n_models) in [0, 1]; NaN = not observed (only in the training part).
        costs: as scores, USD a call, NaN where unknown; None if unknown throughout.
        subsets: (n_prompts,) subset codes.
        texts: the prompts' texts, or None.
    """

    rows: NDArray[np.int64]
    X: NDArray[np.float32]
    scores: NDArray[np.float64]
    costs: NDArray[np.float64] | None
    subsets: NDArray[np.int64]
    texts: Sequence[str] | None

    def inputs(self, reads: str) -> Any:  # noqa: ANN401 - as many kinds as routers read
        """What a router of that kind is given as ``X``.

        Raises:
            DataError: if it reads texts and there are none.
        """
        if reads == "truth":
            return self.scores
        if reads == "subset_means":
            return self._subset_means()
        if reads == "texts":
            if self.texts is None:
                raise DataError("this router reads texts, and these records hold none")
            return self.texts
        return self.X

    def _subset_means(self) -> NDArray[np.float64]:
        codes, where = np.unique(self.subsets, return_inverse=True)
        means = np.stack([self.scores[where == c].mean(axis=0) for c in range(len(codes))])
        return np.asarray(means[where])


class Setting:
    """What all pools of a benchmark share: the split and the features.

    The feature matrices are read-only, so that routers may keep what they computed of them.

    Args:
        records: the benchmark.
        split: the protocol and seed, or its text.
        embedder: a spec; ``stored(name=…)`` takes vectors that came with the records, ``columns``
            the categories of the prompt table; ``auto`` is the first that there is of stored,
            ``tfidf`` of the texts, ``columns``. Or an embedder, or any object with ``encode``.

    Attributes:
        embedder: its text, as results name it.
        embeds: what makes the vectors of texts, as `make_embedder` takes it.
    """

    def __init__(
        self, records: Records, split: Split | str = "clean", embedder: object = AUTO
    ) -> None:
        self.records = records
        self.split = Split.parse(split)
        self.embedder = resolve_embedder(records, embedder)
        self.embeds = self.embedder if isinstance(embedder, (str, Spec)) else embedder
        self.rows, self._stream = split_rows(records, self.split)

    def pools(self, pools: Sequence[Pool]) -> dict[Pool, tuple[str, ...] | DataError]:
        """The models of each pool, or why there are not enough for it."""
        state = self._stream.get_state()
        found = chosen_models(self.records, pools, self.split, self.rows, self._stream)
        self._stream.set_state(state)  # asking twice gives the same pools
        return found

    @cached_property
    def X(self) -> Rows:
        """Feature matrices of the three parts, read-only."""
        vectors = self._vectors()
        parts = [np.ascontiguousarray(vectors[rows]) for rows in self.rows]
        for part in parts:
            part.flags.writeable = False
        return Rows(*parts)

    def _vectors(self) -> NDArray[np.floating]:
        spec = parse_spec(self.embedder)
        if spec.name == "stored":
            return self.records.features[str(spec.kwargs["name"])]
        if spec.name == "columns":
            return one_hot(self.records.prompts, self.rows.train)
        texts = self.records.prompts["text"].to_list()
        return embed(self.embeds, texts, self.rows.train, cache_folder() / "embeddings")

    @cached_property
    def texts(self) -> list[str] | None:
        """All texts, or None."""
        return self.records.prompts["text"].to_list() if self.records.has_text else None


class Task:
    """A pool of models on the prompts of a split, features attached.

    Test and validation prompts are those on which every model of the pool was observed; training
    prompts those on which at least one was.

    Args:
        records: the benchmark, or its `Setting`.
        pool: a `Pool`, its text, or the names of models.
        split: the protocol and seed, or its text; ignored where a `Setting` is given.
        embedder: what makes the features; see `Setting`.

    Raises:
        DataError: if there are not enough models or prompts.

    >>> records = Records.from_arrays("toy", np.eye(20)[:, :4], list("abcd"), ["text"] * 20)
    >>> task = Task(records, Pool("all-strong", 2))
    >>> task.train.scores.shape, task.test.scores.shape
    ((16, 2), (2, 2))
    """

    def __init__(
        self,
        records: Records | Setting,
        pool: Pool | str | Sequence[str] = "all-strong(size=5)",
        split: Split | str = "clean",
        embedder: object = AUTO,
    ) -> None:
        self.setting = (
            records if isinstance(records, Setting) else Setting(records, split, embedder)
        )
        self.pool = Pool.parse(pool) if isinstance(pool, Pool | str) else Pool.of(pool)
        models = self.pool.models or self.setting.pools([self.pool])[self.pool]
        if isinstance(models, DataError):
            raise models
        self.models: tuple[str, ...] = models
        self._columns = self.records.columns(models)

    @property
    def records(self) -> Records:
        """The benchmark."""
        return self.setting.records

    @property
    def split(self) -> Split:
        """The protocol and seed."""
        return self.setting.split

    @cached_property
    def train(self) -> Part:
        """The prompts to learn from."""
        part = self._part("train", complete=False)
        if not len(part.rows):
            raise DataError(
                f"{self.records.name}: no training prompt was put to any LLM of {self.pool}"
            )
        if self.split.protocol == "faithful" and self.records.kind == "real":
            best = np.nanmax(part.scores, axis=1, keepdims=True)
            labels = np.where(np.isnan(part.scores), np.nan, part.scores >= _LABEL_SHARE * best)
            return Part(part.rows, part.X, labels, part.costs, part.subsets, part.texts)
        return part

    @cached_property
    def val(self) -> Part:
        """The prompts to choose hyper-parameters on."""
        return self._part("val")

    @cached_property
    def test(self) -> Part:
        """The prompts that results are computed on."""
        part = self._part("test")
        if not len(part.rows):
            raise DataError(
                f"{self.records.name}: no test prompt was put to every LLM of {self.pool}"
            )
        return part

    @cached_property
    def best_single(self) -> int:
        """The column of the model with the highest mean on the training prompts."""
        scores = self._part("train", complete=False).scores
        seen = ~np.isnan(scores)
        means = np.where(seen, scores, 0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
        return int(np.argmax(means))

    @cached_property
    def expected_costs(self) -> NDArray[np.float64] | None:
        """(n_models,) mean USD a call on the training prompts; None if unknown, or faithful."""
        costs = self.train.costs
        if costs is None or self.split.protocol == "faithful":
            return None
        seen = ~np.isnan(costs)
        total = np.where(seen, costs, 0).sum(axis=0)
        return np.where(seen.any(axis=0), total / np.maximum(seen.sum(axis=0), 1), np.nan)

    def _part(self, name: str, *, complete: bool = True) -> Part:
        rows, X = getattr(self.setting.rows, name), getattr(self.setting.X, name)
        scores = self.records.scores.dense(rows, self._columns)
        seen = ~np.isnan(scores)
        keep = seen.all(axis=1) if complete else seen.any(axis=1)
        if not keep.all():
            rows, X, scores = rows[keep], X[keep], scores[keep]
        costs = self.records.costs
        texts = self.setting.texts
        return Part(
            rows=rows,
            X=X,
            scores=scores,
            costs=None if costs is None else costs[self._columns][:, rows].T.astype(np.float64),
            subsets=self.records.subsets[rows],
            texts=None if texts is None else [texts[row] for row in rows],
        )

    def __repr__(self) -> str:
        return f"Task({self.records.name!r}, {self.pool}, {self.split}, {self.setting.embedder})"


def resolve_embedder(records: Records, embedder: object) -> str:
    """The embedder that a spec means for these records, spelled out; an object is given a name.

    Raises:
        DataError: if it asks for what the records do not hold.
        SpecError: if there is no such embedder, or it has no such parameter.
    """
    spec = parse_spec(embedder_name(embedder))
    _refuse_parameters(spec)
    if spec.name == AUTO:
        if records.features:
            return _stored(next(iter(records.features)))
        return "tfidf" if records.has_text else "columns"
    if spec.name == "stored":
        name = str(spec.kwargs.get("name", next(iter(records.features), "")))
        if name not in records.features:
            held = ", ".join(records.features) or "none"
            raise DataError(
                f"{records.name}: no stored features {name!r}; the records hold: {held}"
            )
        return _stored(name)
    if spec.name != "columns":
        make_embedder(spec)  # a name or a parameter that is not known is told now
        if not records.has_text:
            raise DataError(f"{records.name}: {spec} reads texts, and these records hold none")
    return str(spec)


def _refuse_parameters(spec: Spec) -> None:
    """Raise for a parameter of one of the embedders that stand here."""
    known = _EMBEDDERS.get(spec.name)
    for name in spec.kwargs:
        if known is not None and name not in known:
            raise SpecError(f"embedder {spec.name!r} has no parameter {name!r}; leave it out")


def _stored(name: str) -> str:
    return str(Spec("stored", (("name", name),)))
