"""Is a router of one's own any better than the built-in ones?

``python examples/own_router.py SOURCE`` checks it, runs it beside others on the benchmarks of a
source (records, or anything that an importer reads; without one the first benchmark of the
simulated demo), and says whether the difference is more than chance.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

import routereval as rv
from routereval.routers import mean_scores

Floats = NDArray[np.float64]


class Halfway:
    """Predicts the mean of each model's mean score and its score on the most similar prompt.

    Any class with `fit` and `predict_scores` is a router; one on the base `rv.Router` can also be
    saved.
    """

    def fit(self, X: Floats, scores: Floats) -> Halfway:
        """Keep the training prompts; NaN in scores is not observed, perhaps in a whole column."""
        self.X = np.asarray(X, np.float64)
        self.means = mean_scores(scores)
        self.scores = np.where(np.isnan(scores), self.means, scores)
        return self

    def predict_scores(self, X: Floats) -> Floats:
        """One row per prompt, one column per model; higher is better."""
        nearest = cdist(np.asarray(X, np.float64), self.X).argmin(axis=1)
        return np.asarray((self.means + self.scores[nearest]) / 2)


def main(source: str | None = None) -> None:
    """Check, run, compare, and print."""
    rv.check_router(Halfway())
    records = rv.open_source(source) if source else rv.open_source("demo")[:1]
    results = rv.run(records, routers=[Halfway, "knn", "best_single"], sizes=[3])
    print(results)
    for other in ("best_single", "knn"):
        print(rv.compare(results, "Halfway()", other))


if __name__ == "__main__":
    main(*sys.argv[1:2])
