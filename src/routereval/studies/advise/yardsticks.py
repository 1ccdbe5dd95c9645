"""The models alone, against which a router is held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from routereval.errors import unknown
from routereval.studies.advise.advice import Alone
from routereval.studies.advise.plan import AdvicePlan
from routereval.studies.advise.resampled import NAN, Resampled
from routereval.studies.advise.score_table import Floats, ScoreTable

PER = 1000  # prompts that costs are given for


class Floor(NamedTuple):
    """What must not be lost.

    Attributes:
        column: the model whose score it is; None for a score.
        score: the number.
    """

    column: int | None
    score: float


@dataclass(frozen=True, eq=False)
class Yardsticks:
    """The models alone, on all prompts of a score table.

    Attributes:
        table: the records.
        scores: (n_prompts, n_models) as they are trusted, of the candidates; else NaN.
        costs: (n_prompts, n_models) USD; NaN if unknown.
        latencies: (n_prompts, n_models) ms; NaN if unknown.
        every: the resamples of all prompts.
        weights: (n_prompts,) how much each prompt counts, or None.
        floor: what must not be lost.
        best: column of the best single model.
    """

    table: ScoreTable
    scores: Floats
    costs: Floats
    latencies: Floats
    every: Resampled
    weights: Floats | None
    floor: Floor
    best: int

    @classmethod
    def of(
        cls, table: ScoreTable, plan: AdvicePlan, weights: Floats | None, latencies: Floats | None
    ) -> Yardsticks:
        """The yardsticks of a table.

        Raises:
            DataError: if the floor is of a model that is not there.
        """
        shape = table.scores.shape
        scores, blank = np.full(shape, np.nan), np.full(shape, np.nan)
        rows = np.arange(table.n_prompts)
        scores[:, table.candidates] = table.trusted(rows, table.candidates)
        every = Resampled(table.subsets, table.groups, weights, plan.n_boot, plan.seed)
        means = np.nan_to_num((scores * every.weights[:, None]).mean(axis=0), nan=-1.0)
        costs = blank if table.costs is None else table.costs.astype(np.float64)
        best = _cheapest_of_best(means, costs.mean(axis=0))
        floor = _floor(table, plan.floor, best, means)
        return cls(
            table,
            scores,
            costs,
            blank if latencies is None else latencies,
            every,
            weights,
            floor,
            best,
        )

    def alone(self, column: int) -> Alone:
        """One model alone."""
        scores = self.scores[:, column]
        return Alone(
            self.table.models[column],
            self.every.mean(scores),
            self.every.difference(scores - self.floor_scores()),
            PER * self.every.value(self.costs[:, column]),
            percentile_95(self.latencies[:, column]),
        )

    def floor_scores(self) -> Floats:
        """(n_prompts,) the floor: a model's scores, or a score on every prompt."""
        if self.floor.column is None:
            return np.full(len(self.scores), self.floor.score)
        return self.scores[:, self.floor.column]

    def enough(self, margin: float) -> int | None:
        """The cheapest candidate whose mean is within the margin of the floor; None without."""
        if np.isnan(self.costs).any():
            return None
        columns = self.table.candidates
        fine = [c for c in columns if self._mean(self.scores, c) >= self.floor.score - margin]
        order = sorted(
            fine, key=lambda c: (self._mean(self.costs, c), -self._mean(self.scores, c), c)
        )
        return int(order[0]) if order else None

    def within(self, budget: float) -> int | None:
        """The best candidate within a budget of USD for 1,000 prompts; None without."""
        if np.isnan(self.costs).any():
            return None
        columns = self.table.candidates
        fine = [c for c in columns if PER * self._mean(self.costs, c) <= budget]
        order = sorted(
            fine, key=lambda c: (-self._mean(self.scores, c), self._mean(self.costs, c), c)
        )
        return int(order[0]) if order else None

    def _mean(self, values: Floats, column: int) -> float:
        return self.every.value(values[:, column])


def _floor(table: ScoreTable, named: str | float | None, best: int, means: Floats) -> Floor:
    if named is None:
        return Floor(best, float(means[best]))
    if isinstance(named, str):
        candidates = table.names(table.candidates)
        if named not in candidates:
            raise unknown("model for the floor", named, candidates)
        column = table.models.index(named)
        return Floor(column, float(means[column]))
    return Floor(None, float(named))


def _cheapest_of_best(means: Floats, usd: Floats) -> int:
    """The column of the highest mean; of equals the cheapest, then the first."""
    top = np.flatnonzero(means >= means.max() - 1e-12)
    return int(top[np.nan_to_num(usd[top], nan=0.0).argmin()])


def percentile_95(values: Floats) -> float:
    """The value that 95 % of the known ones keep; NaN where none is known."""
    known = values[~np.isnan(values)]
    return float(np.quantile(known, 0.95)) if len(known) else NAN
