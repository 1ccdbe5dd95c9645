"""Whether predicted scores mean what they say."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routereval.errors import DataError

BINS = 15
_DRAWS = 200


class Calibration(NamedTuple):
    """Predicted scores beside the true ones.

    Attributes:
        ece: expected calibration error: the mean distance of predicted and true score over bins of
            equal mass, weighted by their prompts; 0 is best.
        ece_perfect: the ECE that these very predictions would have on average if each were the
            chance of a right answer: above 0, since a bin of few prompts is never met exactly. The
            mean of 200 seeded draws; true scores between 0 and 1 vary less, so for these it is an
            upper estimate. An ECE of about this size shows no miscalibration.
        brier: mean squared difference of predicted and true score; 0 is best.
        predicted: (n_bins,) mean predicted score of each bin, rising: the reliability curve's x.
        observed: (n_bins,) mean true score of each bin: its y.
        counts: (n_bins,) predictions in each bin.
        outside: share of the predictions outside [0, 1], which were clipped.
    """

    ece: float
    ece_perfect: float
    brier: float
    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]
    counts: NDArray[np.int64]
    outside: float


def calibration(predicted: ArrayLike, scores: ArrayLike, bins: int = BINS) -> Calibration:
    """Compare predicted scores, as chances of a right answer, with true ones.

    Equal predictions fall into one bin, so a constant one has a single bin; none holds less than
    half of its mass.

    Args:
        predicted: (n,) predicted scores.
        scores: (n,) true scores in [0, 1].
        bins: how many, of equal mass; fewer where predictions are equal.

    Raises:
        DataError: if the two are not of one length, are empty, or hold NaN.

    Source: Naeini et al. 2015 (ECE; equal mass: Nguyen and O'Connor 2015); Brier 1950.

    >>> found = calibration([0.5, 0.5, 1.0, 1.0], [1, 0, 1, 1])
    >>> found.ece, found.brier, found.observed.tolist()
    (0.0, 0.125, [0.5, 1.0])
    """
    forecast, true = np.asarray(predicted, np.float64), np.asarray(scores, np.float64)
    if forecast.ndim != 1 or forecast.shape != true.shape or not forecast.size:
        raise DataError(
            f"calibration needs a true score for each prediction, not shapes {forecast.shape} and "
            f"{true.shape}"
        )
    if np.isnan(forecast).any() or np.isnan(true).any():
        raise DataError("calibration needs numbers, but some predictions or scores are NaN")
    outside = float(((forecast < 0) | (forecast > 1)).mean())
    forecast = np.clip(forecast, 0.0, 1.0)
    where = _bins(forecast, bins)
    counts = np.bincount(where)
    x, y = (np.bincount(where, values) / counts for values in (forecast, true))
    return Calibration(
        ece=float((counts * np.abs(x - y)).sum() / len(forecast)),
        ece_perfect=_by_chance(forecast, where, len(counts)),
        brier=float(((forecast - true) ** 2).mean()),
        predicted=x,
        observed=y,
        counts=counts,
        outside=outside,
    )


def _by_chance(forecast: NDArray[np.float64], where: NDArray[np.int64], n_bins: int) -> float:
    """The mean ECE of answers that are right with the predicted chance."""
    rng = np.random.default_rng(0)
    total = 0.0
    for _ in range(_DRAWS):
        off = forecast - (rng.random(len(forecast)) < forecast)
        total += float(np.abs(np.bincount(where, off, minlength=n_bins)).sum())
    return total / (_DRAWS * len(forecast))


def _bins(forecast: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """(n,) the bin of each prediction, from the lowest on."""
    # a rounding error makes no value of its own
    _, group, counts = np.unique(np.round(forecast, 9), return_inverse=True, return_counts=True)
    mass = len(forecast) / bins
    places, current, seen, held = [], 0, 0, 0
    for count in counts.tolist():
        places.append(current)
        seen, held = seen + count, held + count
        if seen >= mass * (current + 1) - 1e-9 and held >= mass / 2:
            current, held = max(current + 1, int(seen / mass + 1e-9)), 0
    if 0 < held < mass / 2:  # too little is left for a bin of its own
        last = max((place for place in places if place < current), default=current)
        places = [min(place, last) for place in places]
    return np.unique(np.array(places)[group], return_inverse=True)[1].astype(np.int64)
