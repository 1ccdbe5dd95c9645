"""A router that looks at nothing but how long a prompt is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from routereval.parameters import COUNT
from routereval.routers.base import Reads, Router, Scores, Training, mean_scores


class ByLength(Router):
    """Predicts each model's mean score on training prompts of like length.

    Args:
        bins: how many classes of length there are, of about as many training prompts each.

    Attributes:
        edges_: (bins - 1,) the lengths, in characters, at which the next class begins.
        means_: (bins, n_models) mean scores, with one prompt of the overall mean in each class.
    """

    allowed: ClassVar = {"bins": COUNT}
    reads: ClassVar[Reads] = "texts"

    def __init__(self, *, bins: int = 4) -> None:
        self.bins = bins

    def _fit(self, data: Training) -> None:
        shares = np.arange(1, self.bins) / self.bins
        self.edges_ = np.quantile([len(text) for text in data.X], shares)
        overall, classes = mean_scores(data.scores), self._classes(data.X)
        self.means_ = np.stack(
            [
                mean_scores(np.vstack([data.scores[classes == each], overall]))
                for each in range(self.bins)
            ]
        )

    def _predict(self, X: Sequence[str]) -> Scores:
        return np.asarray(self.means_[self._classes(X)])

    def _classes(self, texts: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        return np.searchsorted(self.edges_, [len(text) for text in texts], side="right")
