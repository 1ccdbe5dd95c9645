"""One part of a task: training, validation or test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.features.prompts import Prompts


@dataclass(frozen=True)
class Part:
    """One part of a task; axes are (prompts, models).

    Attributes:
        rows: which prompts of the records.
        X: (n_prompts, d) features.
        scores: (n_prompts, n_models) in [0, 1]; NaN = not observed (only in the training part).
        costs: as scores, USD per call, NaN where unknown; None if unknown throughout.
        subsets: (n_prompts,) subset codes.
        texts: the prompts' texts, or None.
        benchmarks: (n_prompts,) codes of the benchmarks that a mixed stream is made of; else 0.
        groups: (n_prompts,) codes of the groups of equal prompts, as `Records.groups`.
        signals: what calls reveal besides their score, by name, each as scores.
        known: by name, a category per prompt that is known before any model is asked, such as
            ``subset``; None where it is not known.
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
    known: Mapping[str, Sequence[str | None]] = field(default_factory=dict)

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
        if reads == "prompts":
            return Prompts(self.X, self.texts, self.known)
        if reads == "texts":
            if self.texts is None:
                raise DataError("this router reads texts, and these records hold none")
            return self.texts
        return self.X

    def _subset_means(self) -> NDArray[np.float64]:
        codes, where = np.unique(self.subsets, return_inverse=True)
        means = np.stack([self.scores[where == c].mean(axis=0) for c in range(len(codes))])
        return np.asarray(means[where])
