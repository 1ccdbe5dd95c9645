"""What a router learns from, as one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.routers.inputs import Groups, Scores
from routereval.routers.validation import HELD_OUT, Fold, Folds, Rows, held_out

Signals = Mapping[str, NDArray[np.float64]]


class Training(NamedTuple):
    """Checked records, as `Router.fit` hands them to a family's ``_fit``.

    Attributes:
        X: what the router reads, one row per prompt; features in double precision.
        scores: (n_prompts, n_models), NaN where not observed.
        costs: of the same shape, in USD per call, NaN where unknown; None if unknown throughout.
        validation: prompts to choose hyper-parameters on, or None.
        groups: (n_prompts,) codes of equal prompts, or None.
        models: the names of the models, or None.
        signals: what calls reveal, by name, each (n_prompts, n_models).
    """

    X: Any
    scores: Scores
    costs: Scores | None = None
    validation: Fold | None = None
    groups: Groups | None = None
    models: tuple[str, ...] | None = None
    signals: Signals = {}

    @property
    def fold(self) -> Fold:
        """All the training prompts."""
        return Fold(self.X, self.scores)

    def held_out(self, seed: int = 0, share: float = HELD_OUT) -> Rows:
        """Draw prompts to hold out; equal ones stay together (see `validation.held_out`)."""
        return held_out(len(self.scores), seed, self.groups, share)

    def folds(self, seed: int = 0) -> Folds:
        """The prompts to learn from, and those to choose hyper-parameters on.

        Given validation prompts serve as they are. Without them a tenth of the training prompts is
        drawn and held out; with fewer than 10 different ones they serve as both. Nothing is fitted
        again on all prompts afterwards, so what was chosen is what predicts.

        >>> [len(fold.X) for fold in Training(np.eye(20), np.ones((20, 2))).folds()]
        [18, 2]
        """
        if self.validation is not None:
            return Folds(self.fold, self.validation)
        kept, held = self.held_out(seed)
        if len(held) == len(self.scores):
            return Folds(self.fold, self.fold)
        return Folds(self.rows(kept).fold, self.rows(held).fold)

    def rows(self, rows: NDArray[np.int64]) -> Training:
        """Some of the training prompts, with all that is known of them."""
        return self._replace(
            X=taken(self.X, rows),
            scores=self.scores[rows],
            costs=None if self.costs is None else self.costs[rows],
            groups=None if self.groups is None else self.groups[rows],
            signals={name: values[rows] for name, values in self.signals.items()},
        )


def taken(X: Any, rows: Sequence[int] | NDArray[np.int64]) -> Any:  # noqa: ANN401
    """Some rows of what a router reads: a matrix, or a list of texts."""
    return [X[row] for row in rows] if isinstance(X, list) else X[rows]
