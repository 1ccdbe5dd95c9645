"""What `auto` adds to all models' scores of a prompt alike: how easy the prompt is.

It decides nothing, as only differences do, but without it a predicted score would be no chance of
a right answer: most of what a text tells of scores it tells of all models at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.routers.auto_inputs import Seen
from routereval.routers.auto_views import Floats, Folds, best_slope, tuned_ridge
from routereval.routers.base import mean_scores
from routereval.routers.inputs import Scores
from routereval.routers.shrinkage import STEEPEST

PENALTIES = (30.0, 100.0, 300.0, 1000.0, 3000.0, 10000.0)
DIGITS, WEIGHT_DIGITS = 4, 6
"""To how many digits easiness and weights are rounded: the last ones differ by processor."""


class Ease(NamedTuple):
    """A ridge on the `wide` inputs.

    Attributes:
        weights: (d,)
        intercept: what is added.
    """

    weights: Floats
    intercept: float

    def __call__(self, wide: NDArray[np.floating]) -> Floats:
        """(n_prompts,) how far models' scores are above their means, on average over models."""
        return np.asarray(wide @ self.weights + self.intercept)


class Easiness(NamedTuple):
    """How far what is predicted of easiness may be believed.

    Attributes:
        bounds: the least and the greatest that was predicted of a held-out training prompt. New
            prompts stay within: features learned of few texts fit these far better than new ones,
            by which a ridge can be far out.
        slope: of what prompts were on what was predicted of them, 0 to 1.2.
    """

    bounds: tuple[float, float]
    slope: float

    def __call__(self, predicted: Floats) -> Floats:
        """(n_prompts, 1) what is added to each model's score."""
        return np.asarray(np.round(self.slope * np.clip(predicted, *self.bounds), DIGITS)[:, None])


ALIKE = Easiness((0.0, 0.0), 0.0)
"""All prompts are equally easy."""


def easiness(scores: Scores) -> Floats:
    """(n_prompts,) how far scores are above those of the models, on average over models.

    >>> easiness(np.array([[1.0, 1.0], [0.0, np.nan]]))
    array([ 0.25, -0.5 ])
    """
    above = scores - mean_scores(scores)
    seen = ~np.isnan(above)
    return np.asarray(np.where(seen, above, 0.0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1))


def ease_of(seen: Seen, scores: Scores, folds: Folds) -> Ease:
    """Fit the ridge whose penalty has the least out-of-fold error at its best slope.

    Args:
        seen: the training prompts.
        scores: (n_prompts, n_models), NaN where not observed.
        folds: (n_prompts,) their folds.
    """
    wide, target = seen.wide.astype(np.float64), easiness(scores)[:, None]
    middle, level = wide.mean(axis=0), target.mean()
    weights, out = tuned_ridge(wide - middle, PENALTIES, target - level, folds)
    weights = np.round(weights[:, 0] * best_slope(out, target - level), WEIGHT_DIGITS)
    return Ease(weights, round(float(level - middle @ weights), WEIGHT_DIGITS))


def easiness_of(predicted: Floats, scores: Scores) -> Easiness:
    """Learn from held-out prompts.

    Args:
        predicted: (n_prompts,) what was predicted of them.
        scores: (n_prompts, n_models), NaN where not observed.
    """
    size = float(predicted @ predicted)
    if size < 1e-12:
        return ALIKE
    slope = float(np.clip(predicted @ easiness(scores) / size, 0.0, STEEPEST))
    bounds = float(predicted.min().round(DIGITS)), float(predicted.max().round(DIGITS))
    return Easiness(bounds, round(slope, DIGITS))
