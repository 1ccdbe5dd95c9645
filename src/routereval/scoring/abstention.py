"""Leaving prompts unanswered: risk against coverage, and a threshold with a guarantee."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routereval.errors import DataError, SpecError


class RiskCoverage(NamedTuple):
    """What is lost if only the prompts of the highest confidence are answered.

    Attributes:
        coverage: (n,) share answered, from 1 / n to 1.
        risk: (n,) mean loss of those that are.
        aurc: area under the curve: mean of the risks; lower is better.
        best: the area if confidence ranked all losses rightly.
    """

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]
    aurc: float
    best: float


def risk_coverage(confidence: ArrayLike, loss: ArrayLike) -> RiskCoverage:
    """The risk–coverage curve.

    Prompts of equal confidence are answered in random order, of which the mean is taken.

    Args:
        confidence: (n,) higher is surer, such as the predicted score of the chosen model.
        loss: (n,) in [0, 1], such as 1 - its true score.

    Raises:
        DataError: if the two are not of one length, are empty, or hold NaN.

    Source: El-Yaniv and Wiener 2010; AURC: Geifman et al. 2019.

    >>> risk_coverage([0.9, 0.8, 0.1], [0, 0, 1]).risk.round(3).tolist()
    [0.0, 0.0, 0.333]
    """
    sure, lost = _checked(confidence, loss)
    order = np.argsort(-sure, kind="stable")
    _, group = np.unique(-sure[order], return_inverse=True)
    level = (np.bincount(group, lost[order]) / np.bincount(group))[group]
    number = np.arange(1, len(lost) + 1)
    risk = np.cumsum(level) / number
    best = np.cumsum(np.sort(lost)) / number
    return RiskCoverage(number / len(lost), risk, float(risk.mean()), float(best.mean()))


def abstention_threshold(confidence: ArrayLike, loss: ArrayLike, risk: float) -> float:
    """The confidence above which to answer, so that few of all prompts are answered wrongly.

    Conformal risk control: for a new prompt that is exchangeable with these, the expected loss,
    counted as 0 where nothing is answered, is at most `risk`, whatever the router and however few
    prompts these are. It is no promise on the share of wrong answers among those given, nor for
    prompts of another kind. The router must not have seen these prompts.

    Args:
        confidence: (n,) of the calibration prompts.
        loss: (n,) in [0, 1], what an answer costs.
        risk: the expected loss that is allowed, between 0 and 1.

    Returns:
        Answer where confidence is above it: -inf for all prompts; inf, for none, where these
        prompts are too few to promise anything.

    Raises:
        DataError: if the two are not of one length, are empty, hold NaN, or a loss is beyond
            [0, 1].
        SpecError: if the risk is not between 0 and 1.

    Source: Angelopoulos et al. 2024 (arXiv 2208.02814), theorem 1.

    >>> abstention_threshold([0.9, 0.8, 0.7, 0.2], [0, 0, 0, 1], risk=0.3)
    0.2
    >>> abstention_threshold([0.9, 0.8, 0.7, 0.2], [0, 0, 0, 1], risk=0.1)
    inf
    """
    if not 0 < risk < 1:
        raise SpecError(f"a risk lies between 0 and 1, as 0.1, not {risk}")
    sure, lost = _checked(confidence, loss)
    levels = np.unique(sure)  # rising
    # what is lost above each level: -inf first, then the levels themselves
    above = lost.sum() - np.concatenate(
        [[0.0], np.cumsum([lost[sure == level].sum() for level in levels])]
    )
    allowed = np.flatnonzero(above + 1 <= risk * (len(lost) + 1) + 1e-12)
    if not len(allowed):
        return float("inf")
    return float(np.concatenate([[-np.inf], levels])[allowed[0]])


def _checked(
    confidence: ArrayLike, loss: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    sure, lost = np.asarray(confidence, np.float64), np.asarray(loss, np.float64)
    if sure.ndim != 1 or sure.shape != lost.shape or not sure.size:
        raise DataError(
            f"abstention needs a loss for each confidence, not shapes {sure.shape} and {lost.shape}"
        )
    if np.isnan(sure).any() or np.isnan(lost).any():
        raise DataError("abstention needs numbers, but some confidences or losses are NaN")
    if lost.min() < 0 or lost.max() > 1:
        raise DataError("a loss lies in [0, 1]: 1 less the score")
    return sure, lost
