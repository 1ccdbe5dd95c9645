"""From predicted scores and costs to choices, in the benchmark and the gateway alike."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from routereval.errors import SpecError, unknown
from routereval.routers.base import Scores

POLICIES = ("argmax", "proportional")

_DEAREST = np.finfo(np.float64).max


def choose(
    scores: Scores, costs: NDArray[np.float64] | None = None, lam: float = 0.0
) -> NDArray[np.int64]:
    """Choose one model for each prompt: argmax over the models of ``scores - lam * costs``.

    Of models with exactly the same value the cheaper is taken, then the first in the pool. A cost
    that is not known counts as the dearest known cost of that prompt, and as dearer than every
    known one between equals. A NaN score is never chosen while there is another.

    Args:
        scores: (n_prompts, n_models) predicted scores.
        costs: expected USD a call, (n_models,) or (n_prompts, n_models), NaN or None where unknown.
        lam: trade-off in score a USD, finite and not negative. At 0, costs only break ties.

    Returns:
        (n_prompts,) the column of the chosen model.

    Raises:
        SpecError: if `lam` is negative or not finite.

    >>> scores = np.array([[0.9, 0.8, 0.9]])
    >>> choose(scores), choose(scores, np.array([0.03, 0.01, 0.02]))
    (array([0]), array([2]))
    >>> choose(scores, np.array([0.03, 0.01, 0.02]), lam=20)
    array([1])
    """
    if not (math.isfinite(lam) and lam >= 0):
        raise SpecError(f"lam must be a finite number that is not negative, not {lam!r}")
    value = np.where(np.isnan(scores), -np.inf, scores)
    if costs is None:
        return np.asarray(value.argmax(axis=1), dtype=np.int64)
    known = np.isfinite(costs)
    if lam:
        value = value - lam * _filled(np.asarray(costs, dtype=np.float64), known)
    best = value == value.max(axis=1, keepdims=True)
    price = np.where(best, np.where(known, costs, _DEAREST), np.inf)
    return np.asarray(price.argmin(axis=1), dtype=np.int64)


def weights(
    scores: Scores,
    policy: str,
    costs: NDArray[np.float64] | None = None,
    lam: float = 0.0,
) -> Scores:
    """The probability with which each model is called.

    Args:
        scores: (n_prompts, n_models) predicted scores.
        policy: ``argmax`` puts all weight on `choose`; ``proportional`` takes the scores themselves
            for the weights, and neither costs nor `lam` matter.
        costs: as in `choose`.
        lam: as in `choose`.

    Returns:
        (n_prompts, n_models), rows sum to 1.

    Raises:
        SpecError: if the policy is not known, or `lam` is negative or not finite.

    >>> weights(np.array([[0.2, 0.8]]), "argmax")
    array([[0., 1.]])
    >>> weights(np.array([[0.2, 0.8]]), "proportional")
    array([[0.2, 0.8]])
    """
    if policy not in POLICIES:
        raise unknown("policy", policy, POLICIES)
    if policy == "proportional":
        return scores
    return one_hot(choose(scores, costs, lam), scores.shape[1])


def one_hot(choice: NDArray[np.int64], n_models: int) -> Scores:
    """A row of zeros with a single one for each choice.

    >>> one_hot(np.array([1, 0]), 3)
    array([[0., 1., 0.],
           [1., 0., 0.]])
    """
    return np.asarray(np.eye(n_models)[choice])


def _filled(costs: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The costs with the unknown ones at the dearest known cost of their prompt, 0 without any."""
    dearest = np.where(known, costs, 0.0).max(axis=-1, keepdims=True)
    return np.where(known, costs, dearest)
