"""How far predicted differences between models may be believed: a slope, and what it earned."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.routers.base import mean_scores
from routereval.routers.inputs import Groups, Scores, rounded

Floats = NDArray[np.float64]

CERTAINTIES = (1.5, 2.0, 3.0, 4.0)
SURE = 2.0
STEEPEST = 1.2
FEWEST_MOVED = 5
GATE = 1.0
"""Standard errors that are taken off the out-of-fold gain before it opens the gate. The slope has
lost its own already; with 1.645, few hundred prompts would hardly ever show a gain of .05."""
CONTINUITY = 0.5
"""Prompts of full score that are taken off the gain too: the continuity correction of a paired
comparison, which decides only where some hundred prompts are known."""
ROUNDS = 20


class Centred(NamedTuple):
    """Scores less what a prompt and a model have in common: only differences are left.

    Attributes:
        values: (n_prompts, n_models), 0 where not observed.
        seen: where observed.
    """

    values: Floats
    seen: NDArray[np.bool_]


def centred(scores: Scores) -> Centred:
    """Take out of observed scores each prompt's and each model's part.

    The parts are least squares of score = prompt + model over the observed cells, by alternation;
    without gaps that is exact after one round.

    Args:
        scores: (n_prompts, n_models), NaN where not observed.

    >>> centred(np.array([[1.0, 0.0], [1.0, 1.0]])).values
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """
    seen = ~np.isnan(scores)
    left = np.where(seen, scores, 0.0)
    per_prompt = np.maximum(seen.sum(axis=1, keepdims=True), 1)
    per_model = np.maximum(seen.sum(axis=0), 1)
    for _ in range(1 if seen.all() else ROUNDS):
        left = np.where(seen, left - left.sum(axis=1, keepdims=True) / per_prompt, 0.0)
        left = np.where(seen, left - left.sum(axis=0) / per_model, 0.0)
    return Centred(np.asarray(np.round(left, 9) + 0.0, dtype=np.float64), seen)


def without_common(predicted: Floats) -> Floats:
    """Predictions less their mean over the models of each prompt."""
    return np.asarray(predicted - predicted.mean(axis=1, keepdims=True))


class Slope(NamedTuple):
    """The regression, through 0, of centred scores on what was predicted of them.

    Attributes:
        slope: ΣPY / ΣP², 1 where the predictions are of the right size; 0 without any.
        error: its standard error; groups of equal prompts count as one.
    """

    slope: float
    error: float

    def kept(self, z: float) -> float:
        """What predicted differences are multiplied by: the slope less z errors, 0 to 1.2."""
        return float(np.clip(self.slope - z * self.error, 0.0, STEEPEST)) if z < np.inf else 0.0


def slope_of(predicted: Floats, truth: Centred, groups: Groups) -> Slope:
    """Regress centred scores on predictions.

    Args:
        predicted: (n_prompts, n_models) out-of-fold predictions, centred.
        truth: the scores.
        groups: (n_prompts,) codes of equal prompts.
    """
    P = np.where(truth.seen, predicted, 0.0)
    size = float((P * P).sum())
    if size < 1e-12:
        return Slope(0.0, np.inf)
    slope = float((P * truth.values).sum()) / size
    each = (P * (truth.values - slope * P)).sum(axis=1)
    summed = np.bincount(np.unique(groups, return_inverse=True)[1], each)
    return Slope(slope, float(np.sqrt((summed**2).sum())) / size)


class Gain(NamedTuple):
    """What leaving the fallback gains out of fold, in score per prompt over all prompts.

    Attributes:
        mean: of the paired differences; 0 where the fallback is kept.
        error: its standard error; groups of equal prompts count as one.
        moved: on how many prompts the fallback is left.
        n: on how many prompts the difference is known.
    """

    mean: float
    error: float
    moved: int
    n: int


def gain_of(
    choice: NDArray[np.int64], fallback: NDArray[np.int64], scores: Scores, groups: Groups
) -> Gain:
    """The paired gain of choices over the fallback on the prompts where both were observed.

    Args:
        choice: (n_prompts,) columns.
        fallback: (n_prompts,) columns.
        scores: (n_prompts, n_models), NaN where not observed.
        groups: (n_prompts,) codes of equal prompts.

    >>> scores = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> gain_of(np.array([0, 1]), np.array([0, 0]), scores, np.arange(2))
    Gain(mean=0.5, error=0.353..., moved=1, n=2)
    """
    rows = np.arange(len(scores))
    difference = scores[rows, choice] - scores[rows, fallback]
    known = ~np.isnan(difference)
    n, moved = int(known.sum()), int((choice != fallback).sum())
    if not n:
        return Gain(0.0, float("inf"), moved, 0)
    d = difference[known]
    summed = np.bincount(np.unique(groups[known], return_inverse=True)[1], d - d.mean())
    return Gain(float(d.mean()), float(np.sqrt((summed**2).sum())) / n, moved, n)


class Shrinkage(NamedTuple):
    """Turns predicted differences into scores that leave the fallback only on evidence.

    Attributes:
        levels: (n_models,) the scores where nothing is believed: the fallback's is the highest.
        fallback: its column.
        share: how much of the differences between levels is more than chance, 0 to 1.
        slope: how steep out-of-fold evidence found the predictions, with its error.
        z: how many errors are taken off the slope; infinite where the fallback is kept throughout.
        gain: what it earned out of fold, with all of the above learned on the other folds.
    """

    levels: Floats
    fallback: int
    share: float
    slope: Slope
    z: float
    gain: Gain

    def __call__(self, predicted: Floats) -> Scores:
        """(n_prompts, n_models) scores of predictions that are centred as those learned from."""
        if not self.moves:
            return np.tile(self.levels, (len(predicted), 1))
        top = self.levels[self.fallback]
        levels = top + self.share * (self.levels - top)
        return rounded(levels + self.slope.kept(self.z) * without_common(predicted))

    @property
    def moves(self) -> bool:
        """Whether the fallback is ever left."""
        return self.slope.kept(self.z) > 0


def levels_of(scores: Scores, fallback: int | None) -> tuple[Floats, int]:
    """What each model is worth on the average prompt, and which one is fallen back on.

    Beside a fallback that is named, a better model counts as better by its mean paired difference
    less two standard errors, or as equal where that is not above 0.

    Args:
        scores: (n_prompts, n_models), NaN where not observed.
        fallback: its column, or None for the best mean score.
    """
    means = mean_scores(scores)
    if fallback is None or means.argmax() == fallback:
        return means, int(means.argmax())
    paired = scores - scores[:, fallback : fallback + 1]
    n = np.maximum((~np.isnan(paired)).sum(axis=0), 1)
    difference = mean_scores(paired)
    spread = np.sqrt(mean_scores((paired - difference) ** 2) / n)
    sure = np.minimum(difference, 0.0) + np.maximum(difference - SURE * spread, 0.0)
    # A model that is level with the fallback stands a hair below it: the fallback wins the tie.
    sure = np.where(np.arange(len(sure)) == fallback, 0.0, np.where(sure == 0, -1e-9, sure))
    return means[fallback] + sure, fallback


def share_of(truth: Centred, levels: Floats, groups: Groups) -> float:
    """The share of the variance between models' levels that chance does not explain.

    Empirical Bayes: models of equal worth differ in their means by chance, by the variance of their
    centred scores over the number of prompts, groups of equal ones counted once.

    Args:
        truth: the scores.
        levels: (n_models,) their levels.
        groups: (n_prompts,) codes of equal prompts.

    >>> far, near = np.eye(2).repeat(50, axis=0), np.tile(np.eye(2), (50, 1))
    >>> share_of(centred(near), np.array([0.5, 0.5]), np.arange(100))
    0.0
    >>> round(share_of(centred(near), np.array([0.9, 0.1]), np.arange(100)), 3)
    0.984
    """
    m = len(levels)
    between = float(np.var(levels))
    seen = np.maximum(truth.seen.sum(axis=0), 1)
    within = float(((truth.values**2).sum(axis=0) / seen).mean()) / len(np.unique(groups))
    if between < 1e-12 or m < 2:
        return 0.0
    return float(np.clip(1 - within / between, 0.0, 1.0))


class OutOfFold(NamedTuple):
    """What was predicted of training prompts while they were held out.

    Attributes:
        predicted: (n_prompts, n_models), of any common level: only differences count.
        scores: of the same shape, the truth, NaN where not observed.
        folds: (n_prompts,) the fold in which each was held out.
        groups: (n_prompts,) codes of equal prompts.
    """

    predicted: Floats
    scores: Scores
    folds: NDArray[np.int64]
    groups: Groups

    def rows(self, rows: NDArray[np.bool_]) -> OutOfFold:
        """Some of the prompts."""
        return OutOfFold(
            self.predicted[rows], self.scores[rows], self.folds[rows], self.groups[rows]
        )


def shrinkage_of(
    held_out: OutOfFold, risk: float, fallback: int | None = None, *, gate: float = GATE
) -> Shrinkage:
    """Learn from out-of-fold predictions how far to believe in them.

    The least of `CERTAINTIES` is taken for which the out-of-fold gain, less what half a prompt
    counts and a standard error, is above -risk; none where there is no gain or hardly a prompt
    moves.

    Args:
        held_out: the predictions and the truth.
        risk: how far below the fallback one may be in expectation, in score.
        fallback: its column, or None for the best mean score.
        gate: standard errors that are taken off the gain.
    """
    rule, folds = _ungated(held_out, fallback), held_out.folds
    others = [(folds == f, _ungated(held_out.rows(folds != f), fallback)) for f in np.unique(folds)]
    for z in CERTAINTIES:
        gain = _cross_fitted_gain(held_out, others, z)
        shown = gain.mean - CONTINUITY / max(gain.n, 1)
        if gain.moved >= FEWEST_MOVED and shown > max(gate * gain.error - risk, 0.0):
            return rule._replace(z=z, gain=gain)
    return rule


def constant(scores: Scores, fallback: int | None = None) -> Shrinkage:
    """What keeps the fallback throughout."""
    levels, column = levels_of(scores, fallback)
    return Shrinkage(levels, column, 1.0, Slope(0.0, 0.0), float("inf"), _none(len(scores)))


def _ungated(held_out: OutOfFold, fallback: int | None) -> Shrinkage:
    """All that is learned but the certainty that is asked for: so far none is enough."""
    P, scores, _, groups = held_out
    truth = centred(scores)
    levels, column = levels_of(scores, fallback)
    share, slope = share_of(truth, levels, groups), slope_of(without_common(P), truth, groups)
    return Shrinkage(levels, column, share, slope, float("inf"), _none(len(scores)))


def _cross_fitted_gain(
    held_out: OutOfFold, others: list[tuple[NDArray[np.bool_], Shrinkage]], z: float
) -> Gain:
    """The gain where the prompts of each fold are routed by what the other folds say."""
    choice = np.zeros(len(held_out.scores), dtype=np.int64)
    stayed = np.zeros(len(held_out.scores), dtype=np.int64)
    for held, rule in others:
        stayed[held] = rule.fallback
        choice[held] = rule._replace(z=z)(held_out.predicted[held]).argmax(axis=1)
    return gain_of(choice, stayed, held_out.scores, held_out.groups)


def _none(n: int) -> Gain:
    return Gain(0.0, 0.0, 0, n)
