"""`Trials`: repeated runs of one prompt by one model, kept run by run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.records import bits
from routereval.records.matrix import BinaryMatrix, Index, RealMatrix, score_matrix


class Counts(NamedTuple):
    """How often each model was right on each prompt, of how many runs.

    Attributes:
        right: (n_prompts, n_models) how many runs were right; of real-valued scores, their sum.
        runs: (n_prompts, n_models) how many runs there were; 0 where the score stands alone, or
            where nothing was observed.
    """

    right: NDArray[np.int64] | NDArray[np.float64]
    runs: NDArray[np.int64]


@dataclass(frozen=True)
class Trials:
    """The runs of each cell: run after run a matrix of scores, packed where they are 0 and 1.

    Attributes:
        matrix: (n_prompts, n_trials · n_models) the scores, run after run; not observed where a
            cell has fewer runs.
        n_trials: r, the most runs that a cell has.
        numbered: False if only the number of right runs was known, so that which of them were
            right is made up (the first ones), and nothing may be concluded from a single run.

    >>> trials = Trials.of(np.array([[[1.0, 0.0]], [[0.0, np.nan]]]))
    >>> trials.counts().right, trials.counts().runs
    (array([[1, 0]]), array([[2, 1]]))
    >>> trials.means()
    array([[0.5, 0. ]])
    """

    matrix: BinaryMatrix | RealMatrix
    n_trials: int
    numbered: bool = True

    @classmethod
    def of(cls, scores: NDArray[np.floating], *, numbered: bool = True) -> Trials:
        """The trials of (n_trials, n_prompts, n_models) scores, NaN where there was no run."""
        runs, n_prompts, n_models = scores.shape
        beside = np.moveaxis(scores, 0, 1).reshape(n_prompts, runs * n_models)
        return cls(score_matrix(beside), runs, numbered)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_trials, n_prompts, n_models)."""
        n_prompts, rows = self.matrix.shape
        return self.n_trials, n_prompts, rows // self.n_trials

    @property
    def kind(self) -> str:
        """``binary`` or ``real``."""
        return "binary" if isinstance(self.matrix, BinaryMatrix) else "real"

    def scores(
        self, prompts: Index | None = None, models: Index | None = None
    ) -> NDArray[np.float64]:
        """(n_trials, prompts, models) the score of each run, NaN where there was none."""
        return np.stack([self.run(n, prompts, models) for n in range(self.n_trials)])

    def run(
        self, number: int, prompts: Index | None = None, models: Index | None = None
    ) -> NDArray[np.float64]:
        """(prompts, models) the scores of one run, the first being 0; NaN where there was none."""
        return self.matrix.dense(prompts, self._rows(models)[number])

    def counts(self, prompts: Index | None = None, models: Index | None = None) -> Counts:
        """How often each model was right on each prompt, of how many runs; run by run in memory."""
        parts = [self.matrix.select(prompts, rows) for rows in self._rows(models)]
        binary = [part for part in parts if isinstance(part, BinaryMatrix)]
        if binary:
            return _counted(binary)
        right, runs = np.zeros(parts[0].shape), np.zeros(parts[0].shape, dtype=np.int64)
        for part in parts:
            scores = part.dense()
            seen = ~np.isnan(scores)
            right += np.where(seen, scores, 0.0)
            runs += seen
        return Counts(right, runs)

    @property
    def right(self) -> NDArray[np.int64] | NDArray[np.float64]:
        """(n_prompts, n_models) how many runs were right; see `Counts`."""
        return self.counts().right

    @property
    def runs(self) -> NDArray[np.int64]:
        """(n_prompts, n_models) how many runs there were; see `Counts`."""
        return self.counts().runs

    def n_runs(self) -> int:
        """How many runs there were of all cells that have any."""
        seen = self.matrix.observed()
        return int(np.prod(self.shape)) if seen is None else int(bits.count(seen).sum())

    def means(self) -> NDArray[np.float64]:
        """(n_prompts, n_models) the mean over the runs; NaN where there was none."""
        right, runs = self.counts()
        with np.errstate(invalid="ignore"):
            return np.asarray(right / runs)

    def select(self, prompts: Index | None = None, models: Index | None = None) -> Trials:
        """The trials of some prompts and models, in that order."""
        rows = None if models is None else self._rows(models).reshape(-1)
        return Trials(self.matrix.select(prompts, rows), self.n_trials, self.numbered)

    def _rows(self, models: Index | None) -> Index:
        """(n_trials, models) the columns of `matrix`."""
        n_models = self.shape[2]
        chosen = np.arange(n_models) if models is None else np.asarray(models, dtype=np.int64)
        return np.arange(self.n_trials)[:, None] * n_models + chosen


def _counted(runs: Sequence[BinaryMatrix]) -> Counts:
    """Counts of packed runs, which are unpacked to bits only."""
    shape = runs[0].shape
    right, n_runs = np.zeros((2, *shape), dtype=np.int64)
    for run in runs:
        right += bits.unpack(run.words, shape[0]).T
        n_runs += 1 if run.seen is None else bits.unpack(run.seen, shape[0]).T
    return Counts(right, n_runs)


def trials_of_counts(right: NDArray[np.floating], runs: NDArray[np.integer]) -> NDArray[np.float64]:
    """Runs of which only the number of right ones is known: these first, then the wrong ones.

    Args:
        right: (n_prompts, n_models) how many were right.
        runs: (n_prompts, n_models) how many there were.

    Returns:
        (n_trials, n_prompts, n_models) 0, 1, and NaN beyond a cell's runs.

    >>> trials_of_counts(np.array([[1.0]]), np.array([[2]])).ravel()
    array([1., 0.])
    """
    number = np.arange(int(runs.max(initial=0)))[:, None, None]
    return np.where(number < runs, (number < right).astype(np.float64), np.nan)
