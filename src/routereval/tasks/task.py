"""A task: what a router is trained and tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.features import Embedder, embed, embedder_name, make_embedder
from routereval.records import Records, cache_folder
from routereval.spec import Spec, parse_spec
from routereval.tasks.columns import one_hot
from routereval.tasks.mix import benchmarks_of, reference_of
from routereval.tasks.pool import Pool, chosen_models
from routereval.tasks.split import Split, labelled, split_note, split_rows
from routereval.tasks.unseen import known_first, probes

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
        benchmarks: (n_prompts,) codes of the benchmarks that a mixed stream is made of; else 0.
        groups: (n_prompts,) codes of the groups of equal prompts, as `Records.groups`.
        signals: what calls reveal besides their score, by name, each as scores.
    """

    rows: NDArray[np.int64]
    X: NDArray[np.float32]
    scores: NDArray[np.float64]
    costs: NDArray[np.float64] | None
    subsets: NDArray[np.int64]
    texts: Sequence[str] | None
    benchmarks: NDArray[np.int64]
    groups: NDArray[np.int64]
    signals: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def inputs(self, reads: str) -> Any:  # noqa: ANN401 - as many kinds as routers read
        """What a router of that kind is given as ``X``.

        Raises:
            DataError: if it reads texts and there are none.
        """
        if reads == "truth":
            return self.scores
        if reads == "subset_means":
            return self._subset_means()
        if reads == "origins":
            return np.stack([self.benchmarks, self.subsets], axis=1)
        if reads == "texts":
            if self.texts is None:
                raise DataError("this router reads texts, and these records hold none")
            return self.texts
        return self.X

    def _subset_means(self) -> NDArray[np.float64]:
        codes, where = np.unique(self.subsets, return_inverse=True)
        means = np.stack([self.scores[where == c].mean(axis=0) for c in range(len(codes))])
        return np.asarray(means[where])


class Matrices(NamedTuple):
    """Feature matrices of the three parts."""

    train: NDArray[np.float32]
    val: NDArray[np.float32]
    test: NDArray[np.float32]


class Setting:
    """What all pools of a benchmark share: the split and the features.

    The feature matrices are read-only, so that routers may keep what they computed of them. Pools
    are chosen, and embedders fitted, on all training prompts, however few of them are labelled.

    Args:
        records: the benchmark.
        split: the protocol and seed, or its text.
        embedder: a spec; ``stored(name=…)`` takes vectors that came with the records, ``columns``
            the categories of the prompt table; ``auto`` is the first that there is of stored,
            ``tfidf`` of the texts, ``columns``. Or an embedder, or any object with ``encode``.

    Attributes:
        rows: the prompts of the three parts.
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
        self._whole, self._stream = split_rows(records, self.split)
        self.rows = labelled(records, self.split, self._whole)

    @cached_property
    def note(self) -> str | None:
        """What is to be said of equal prompts on both sides of the split, or None."""
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


class Task:
    """A pool of models on the prompts of a split, features attached.

    Test and validation prompts are those on which every model of the pool was observed; training
    prompts those on which at least one was. Where the protocol keeps models out of training, the
    training and validation parts have the columns of the others, `probes` those that are new.

    Args:
        records: the benchmark, or its `Setting`.
        pool: a `Pool`, its text, or the names of models.
        split: the protocol and seed, or its text; ignored where a `Setting` is given.
        embedder: what makes the features; see `Setting`.

    Raises:
        DataError: if there are not enough models or prompts.

    >>> records = Records.from_arrays("toy", np.eye(20)[:, :4], list("abcd"))
    >>> task = Task(records, Pool("all-strong", 2))
    >>> task.train.scores.shape, task.test.scores.shape
    ((16, 2), (2, 2))

    Attributes:
        models: the LLMs of the pool; those kept out of training stand behind the others.
        n_known: how many were not kept out.
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
        self.models, self.n_known = known_first(self.records, self.split, models)
        columns = self.records.columns(self.models)
        self._columns, self._known = columns, columns[: self.n_known]

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
        part = self._observed
        if not len(part.rows):
            raise DataError(
                f"{self.records.name}: no training prompt was put to any LLM of {self.pool}"
            )
        if self.split.faithful and self.records.kind == "real":
            best = np.nanmax(part.scores, axis=1, keepdims=True)
            labels = np.where(np.isnan(part.scores), np.nan, part.scores >= _LABEL_SHARE * best)
            return replace(part, scores=labels)
        return part

    @cached_property
    def probes(self) -> Part | None:
        """The training prompts that models kept out of training are known by; None without such.

        Raises:
            DataError: if none of them was put to such a model.
        """
        if self.n_known == len(self.models):
            return None
        rows, X = self.setting.probes
        part = self._part(rows, X, self._columns[self.n_known :], complete=False)
        if not len(part.rows):
            raise DataError(f"{self.records.name}: no probe prompt was put to a new LLM")
        return part

    @cached_property
    def val(self) -> Part:
        """The prompts to choose hyper-parameters on."""
        return self._part(self.setting.rows.val, self.setting.X.val, self._known)

    @cached_property
    def test(self) -> Part:
        """The prompts that results are computed on."""
        part = self._part(self.setting.rows.test, self.setting.X.test, self._columns)
        if not len(part.rows):
            raise DataError(
                f"{self.records.name}: no test prompt was put to every LLM of {self.pool}"
            )
        return part

    @cached_property
    def best_single(self) -> int:
        """The column of the model with the highest mean on the prompts that it is known by."""
        means = np.concatenate([_means(part.scores) for part in self._learned_from])
        return int(np.argmax(np.nan_to_num(means)))

    @cached_property
    def expected_costs(self) -> NDArray[np.float64] | None:
        """(n_models,) mean USD a call on the training prompts; None if unknown, or faithful."""
        costs = [part.costs for part in self._learned_from]
        known = [usd for usd in costs if usd is not None]
        if not known or self.split.faithful:
            return None
        return np.concatenate([_means(usd) for usd in known])

    @property
    def reference(self) -> float | None:
        """What V_R divides by on the test prompts; None where it is not known."""
        return reference_of(self.records, self.test.rows)

    @cached_property
    def _observed(self) -> Part:
        """The training part with the scores as they were observed."""
        rows, X = self.setting.rows.train, self.setting.X.train
        return self._part(rows, X, self._known, complete=False)

    @property
    def _learned_from(self) -> list[Part]:
        """The parts whose columns together are those of all models."""
        return [part for part in (self._observed, self.probes) if part is not None]

    def _part(
        self,
        rows: NDArray[np.int64],
        X: NDArray[np.float32],
        columns: NDArray[np.int64],
        *,
        complete: bool = True,
    ) -> Part:
        scores = self.records.scores.dense(rows, columns)
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
            costs=None if costs is None else costs[columns][:, rows].T.astype(np.float64),
            subsets=self.records.subsets[rows],
            texts=None if texts is None else [texts[row] for row in rows],
            benchmarks=self.setting.benchmarks[rows],
            groups=self.records.groups[rows],
            signals={
                name: values[columns][:, rows].T.astype(np.float64)
                for name, values in self.records.signals.items()
            },
        )

    def __repr__(self) -> str:
        return f"Task({self.records.name!r}, {self.pool}, {self.split}, {self.setting.embedder})"


def _frozen(X: NDArray[np.floating]) -> NDArray[Any]:
    X = np.ascontiguousarray(X)
    X.flags.writeable = False
    return X


def _means(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each column's mean over what was observed; NaN where nothing was."""
    seen = ~np.isnan(matrix)
    total = np.where(seen, matrix, 0).sum(axis=0)
    return np.where(seen.any(axis=0), total / np.maximum(seen.sum(axis=0), 1), np.nan)


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
