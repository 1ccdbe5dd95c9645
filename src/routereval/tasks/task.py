"""A task: what a router is trained and tested on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.observed import column_means
from routereval.records import Records
from routereval.tasks.benchmark import PreparedBenchmark
from routereval.tasks.embedder import AUTO
from routereval.tasks.mix import reference_of
from routereval.tasks.part import Part
from routereval.tasks.pool import Pool
from routereval.tasks.split import Split
from routereval.tasks.unseen import known_first

_NO_CATEGORY = ("prompt_id", "text", "answer", "group")
_LABEL_SHARE = 0.95  # of the pool's best score: RouterEval's training label of real-valued scores


class Task:
    """A pool of models on the prompts of a split, features attached.

    Test and validation prompts are those on which every model of the pool was observed; training
    prompts those on which at least one was. Where the protocol keeps models out of training, the
    training and validation parts have the columns of the others, `probes` those that are new.

    Args:
        records: the benchmark, or its `PreparedBenchmark`.
        pool: a `Pool`, its text, or the names of models.
        split: the protocol and seed, or its text; ignored where a `PreparedBenchmark` is given.
        embedder: what makes the features; see `PreparedBenchmark`.

    Raises:
        DataError: if there are not enough models or prompts.

    >>> records = Records.from_arrays("toy", np.eye(20)[:, :4], list("abcd"))
    >>> task = Task(records, Pool("all-strong", 2))
    >>> task.train.scores.shape, task.test.scores.shape
    ((16, 2), (2, 2))

    Attributes:
        models: the models of the pool; those kept out of training stand behind the others.
        n_known: how many were not kept out.
    """

    def __init__(
        self,
        records: Records | PreparedBenchmark,
        pool: Pool | str | Sequence[str] = "all-strong(size=5)",
        split: Split | str = "clean",
        embedder: object = AUTO,
    ) -> None:
        self.prepared = (
            records
            if isinstance(records, PreparedBenchmark)
            else PreparedBenchmark(records, split, embedder)
        )
        self.pool = Pool.parse(pool) if isinstance(pool, Pool | str) else Pool.of(pool)
        models = self.pool.models or self.prepared.pools([self.pool])[self.pool]
        if isinstance(models, DataError):
            raise models
        self.models, self.n_known = known_first(self.records, self.split, models)
        columns = self.records.columns(self.models)
        self._columns, self._known = columns, columns[: self.n_known]

    @property
    def records(self) -> Records:
        """The benchmark."""
        return self.prepared.records

    @property
    def split(self) -> Split:
        """The protocol and seed."""
        return self.prepared.split

    @cached_property
    def folds(self) -> list[Task]:
        """Under ``cv``, a task per fold, of the same pool; else the task itself alone.

        >>> records = Records.from_arrays("toy", np.eye(20)[:, :4], list("abcd"))
        >>> [len(fold.test.rows) for fold in Task(records, list("abcd"), "cv(k=5)").folds]
        [4, 4, 4, 4, 4]
        """
        if not self.split.crossed:
            return [self]
        return [Task(fold, Pool.of(self.models)) for fold in self.prepared.folds]

    @cached_property
    def train(self) -> Part:
        """The prompts to learn from."""
        part = self._observed
        if not len(part.rows):
            raise DataError(
                f"{self.records.name}: no training prompt was put to any model of {self.pool}"
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
        rows, X = self.prepared.probes
        part = self._part(rows, X, self._columns[self.n_known :], complete=False)
        if not len(part.rows):
            raise DataError(f"{self.records.name}: no probe prompt was put to a new model")
        return part

    @cached_property
    def val(self) -> Part:
        """The prompts to choose hyper-parameters on."""
        return self._part(self.prepared.rows.val, self.prepared.X.val, self._known)

    @cached_property
    def test(self) -> Part:
        """The prompts that results are computed on."""
        part = self._part(self.prepared.rows.test, self.prepared.X.test, self._columns)
        if not len(part.rows):
            raise DataError(
                f"{self.records.name}: no test prompt was put to every model of {self.pool}"
            )
        return part

    @property
    def complete_test_rows(self) -> NDArray[np.int64]:
        """The test prompts on which every model of the pool was observed."""
        rows = self.prepared.rows.test
        return rows[~np.isnan(self.records.scores.dense(rows, self._columns)).any(axis=1)]

    @cached_property
    def best_single(self) -> int:
        """The column of the model with the highest mean on the prompts that it is known by."""
        means = np.concatenate([column_means(part.scores) for part in self._learned_from])
        return int(np.argmax(np.nan_to_num(means)))

    @cached_property
    def expected_costs(self) -> NDArray[np.float64] | None:
        """(n_models,) mean USD per call on the training prompts; None if unknown, or faithful."""
        costs = [part.costs for part in self._learned_from]
        known = [usd for usd in costs if usd is not None]
        if not known or self.split.faithful:
            return None
        return np.concatenate([column_means(usd) for usd in known])

    @property
    def reference(self) -> float | None:
        """What V_R divides by on the test prompts; None where it is not known."""
        return reference_of(self.records, self.test.rows)

    @cached_property
    def _observed(self) -> Part:
        """The training part with the scores as they were observed."""
        rows, X = self.prepared.rows.train, self.prepared.X.train
        return self._part(rows, X, self._known, complete=False)

    @property
    def _learned_from(self) -> list[Part]:
        """The parts whose columns together are those of all models."""
        return [part for part in (self._observed, self.probes) if part is not None]

    @cached_property
    def _categories(self) -> list[tuple[str, list[str | None]]]:
        """The categories of the prompt table: what of it is text, but the prompts' own."""
        prompts = self.records.prompts
        return [
            (name, prompts[name].to_list())
            for name, kind in prompts.schema.items()
            if str(kind) == "String" and name not in _NO_CATEGORY
        ]

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
        texts = self.prepared.texts
        return Part(
            rows=rows,
            X=X,
            scores=scores,
            costs=None if costs is None else costs[columns][:, rows].T.astype(np.float64),
            subsets=self.records.subsets[rows],
            texts=None if texts is None else [texts[row] for row in rows],
            benchmarks=self.prepared.benchmarks[rows],
            groups=self.records.groups[rows],
            known={name: [values[row] for row in rows] for name, values in self._categories},
            signals={
                name: values[columns][:, rows].T.astype(np.float64)
                for name, values in self.records.signals.items()
            },
        )

    def __repr__(self) -> str:
        return f"Task({self.records.name!r}, {self.pool}, {self.split}, {self.prepared.embedder})"
