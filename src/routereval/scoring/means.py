"""Means of evidence over prompts, as they are or resampled: all that a metric reads.

`means` averages all columns at once, in one matrix product. What a trade-off of cost is worth
stands beside, in a `Curve`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routereval.errors import DataError
from routereval.scoring.bootstrap import product
from routereval.scoring.curve import Plane
from routereval.scoring.evidence import AVERAGED, AveragedColumns, Column, Evidence
from routereval.scoring.pair import PairMeans
from routereval.scoring.smoothing import KINDS, Smoothing, spread_of

Values = NDArray[np.float64]
"""Numbers of shape () for the prompts as they are, or (n_boot,), one per resample."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Means(AveragedColumns):
    """Means over prompts, of shape () or, one per resample, (n_boot,).

    Attributes:
        evidence: what is averaged.
        W: (n_boot, n_prompts) weights whose rows sum to 1, or None for the prompts as they are.
        smoothing: the pseudo-prompts that count too, or None.
        share: (n_models,) or (n_boot, n_models), the share of prompts sent to each model.
    """

    evidence: Evidence
    W: NDArray[np.floating] | None
    smoothing: Smoothing | None
    share: NDArray[np.float64]

    def __getitem__(self, wanted: Column) -> Values:
        """The mean of a column that a metric brings.

        Raises:
            SpecError: if it was not collected.
        """
        return self.of(self.evidence[wanted], wanted.on_pseudo_prompts(self.evidence))

    @property
    def reference(self) -> float:
        """Score of the fixed strong model, or NaN."""
        return self.evidence.reference

    @cached_property
    def curve(self) -> Plane | None:
        """The means of the cost–quality curve, or None."""
        curve = self.evidence.curve
        return None if curve is None else curve.means(self.W, self.smoothing)

    @cached_property
    def pair(self) -> PairMeans | None:
        """The means of strong and weak model, or None."""
        pair = self.evidence.pair
        return None if pair is None else pair.means(self.W)

    @property
    def undefined(self) -> Values:
        """NaN, of the shape of every value."""
        return np.full_like(self.quality, np.nan)

    def of(self, values: ArrayLike, pseudo: Sequence[float] | None = None) -> Values:
        """The mean of any (n_prompts,) numbers.

        Args:
            values: one number for each prompt.
            pseudo: the numbers of the pseudo-prompts (all models right, none, only the chosen one,
                all but that), which count where the means are smoothed; None if they have none.
        """
        column = np.asarray(values, np.float64)
        found = np.asarray(column.mean() if self.W is None else product(self.W, column))
        return _mixed(self.smoothing, found, float(column.mean()), pseudo)


def means(
    evidence: Evidence, W: NDArray[np.floating] | None = None, *, smoothed: bool = False
) -> Means:
    """Average the columns, over the prompts as they are or over weighted resamples of them.

    Which model is `best_test`, or `best_subset`, was settled by `collect_evidence` on the prompts
    as they are, and is not settled anew for each resample. The shares vary with the resample where
    every prompt has one choice; where the policy mixes they stay those of the prompts as they are.

    Args:
        evidence: what a router did.
        W: (n_boot, n_prompts) weights whose rows sum to 1, from `resamples`; or None.
        smoothed: count a little of prompts that were not there; see `smoothing`. For intervals
            only: it moves every mean.

    Returns:
        The means: scalars without `W`, else one per row of it.

    Raises:
        DataError: if `W` is for another number of prompts.
    """
    columns = {name: getattr(evidence, name) for name in AVERAGED}
    share = evidence.share
    if W is None:
        found = {name: np.asarray(mean) for name, mean in evidence.averages.items()}
    else:
        found, share = _resampled(evidence, W, columns)
    smoothing = _smoothing(evidence, None if W is None else len(W)) if smoothed else None
    averages = {
        name: _mixed(
            smoothing, found[name], evidence.averages[name], own.on_pseudo_prompts(evidence)
        )
        for name, own in AVERAGED.items()
    }
    return Means(evidence=evidence, W=W, smoothing=smoothing, share=share, **averages)


def _resampled(
    evidence: Evidence, W: NDArray[np.floating], columns: Mapping[str, Values]
) -> tuple[dict[str, Values], Values]:
    """The (n_boot,) means of the columns, and the (n_boot, n_models) shares of the models."""
    if W.ndim != 2 or W.shape[1] != evidence.n_prompts:
        raise DataError(f"the resamples have shape {W.shape} for {evidence.n_prompts} prompts")
    # a column of zeros and ones for each model that is chosen: one product does them all
    chosen = np.unique(evidence.choice)
    picked = [(evidence.choice == model).astype(np.float64) for model in chosen]
    found = product(W, np.stack([*columns.values(), *picked], axis=1))
    share = evidence.share
    if chosen[0] >= 0:  # no prompt is drawn for
        share = np.zeros((len(W), evidence.n_models))
        share[:, chosen] = found[:, len(columns) :]
    return dict(zip(columns, found.T[: len(columns)], strict=True)), share


def _smoothing(evidence: Evidence, n_boot: int | None) -> Smoothing:
    kinds = KINDS if evidence.agreement_known else 2
    return Smoothing.of(n_boot, evidence.effective_units, spread_of(evidence.best_single), kinds)


def _mixed(
    smoothing: Smoothing | None, found: Values, own: float, pseudo: Sequence[float] | None
) -> Values:
    """A mean with the pseudo-prompts, where these have a say in it."""
    if smoothing is None or pseudo is None:
        return found
    return smoothing.mixed(found, own, pseudo)
