"""What one router did on one task's test prompts, and the means that every metric is made of.

A metric is a function of means over prompts. `collect_evidence` reduces a (prompts, models) matrix
to a few columns of one number per prompt; `means` averages the columns, once or once per bootstrap
replicate, in one matrix product. What a trade-off of cost is worth stands beside, in a `Curve`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routereval.errors import DataError
from routereval.scoring.bootstrap import n_units
from routereval.scoring.curve import USD, Curve, Plane
from routereval.scoring.pair import Pair, PairMeans
from routereval.scoring.smoothing import KINDS, Smoothing, spread_of

Values = NDArray[np.float64]
"""Numbers of shape () for the prompts as they are, or (n_boot,), one a resample."""

AVERAGED = (
    "quality",
    "oracle",
    "uniform",
    "best_single",
    "best_test",
    "best_subset",
    "best_apart",
    "entropy",
    "top",
    "relative_score",
    "subset_score",
    "cost",
    "optimal",
    "optimal_cost",
    "collapsed",
    "relative_cost",
    "subset_cost",
)
"""The columns of an `Evidence` that `means` averages."""

_NUMBERS = (*AVERAGED, "n_right", "truthful")
_NEEDED = ("quality", "oracle", "uniform", "best_single", "best_test", "entropy", "cost")
_CODES = ("choice", "subsets", "groups")
_NEEDED_CODES = ("choice", "subsets")
_PAIR = ("pair_margin", "pair_strong", "pair_weak")


@dataclass(frozen=True, eq=False)
class Evidence:
    """What one router did on one task's test prompts: one number a prompt, for each column.

    Attributes:
        quality: (n_prompts,) expected score of the chosen model, in [0, 1].
        oracle: (n_prompts,) the highest score of any model.
        uniform: (n_prompts,) the mean score over the models.
        best_single: (n_prompts,) the score of the model that was best on the training prompts.
        best_test: (n_prompts,) the score of the model with the highest mean on these prompts.
        best_subset: (n_prompts,) that of the model with the highest mean on the prompt's subset.
        best_apart: (n_prompts,) that of the model with the highest mean on the other four fifths of
            the prompts, as a mean over several cuts into fifths: free of the luck that the best of
            several models has on the prompts on which it is chosen.
        entropy: (n_prompts,) entropy of the router's predicted distribution, in bits.
        top: (n_prompts,) probability that the choice is a model of the highest score.
        relative_score: (n_prompts,) quality on the line from the worst model of the prompt, 0, to
            its best, 1; 0 where all score alike.
        subset_score: the same, from the worst mean to the best mean of a model on the subset.
        cost: (n_prompts,) expected cost of the choice; NaN where unknown, as the following.
        optimal: (n_prompts,) probability that the choice is a cheapest model of the top score.
        optimal_cost: (n_prompts,) cost of that model.
        collapsed: (n_prompts,) probability that the choice misses the top score, or is the dearest
            model of the pool (or ties with it) where a less dear one has the top score too.
        relative_cost: as `relative_score`, of cost.
        subset_cost: as `subset_score`, of cost.
        n_right: (n_prompts,) how many models are right: score at least 0.5.
        truthful: (n_prompts,) 1 where a wrong answer is a hallucination, else 0.
        choice: (n_prompts,) column of the chosen model; -1 where the policy mixes models.
        subsets: (n_prompts,) integer code of each prompt's subset.
        groups: (n_prompts,) integer code of the group of equal prompts that each belongs to; by
            default each prompt is a group of its own.
        share: (n_models,) mean probability with which a prompt goes to each model; sums to 1.
        agreement: (3,) share of the prompts whose choice is the model of `best_single`, `best_test`
            and `best_subset`; NaN where the policy mixes models or knew the true scores.
        reference: score of the fixed strong model that V_R divides by; NaN where there is none.
        unit: of cost: ``USD``, or what stands in for it.
        curve: what other trade-offs of cost would have done; None where costs are unknown.
        pair: in a pool of two models, what a threshold between them needs; else None.
    """

    quality: NDArray[np.float64]
    oracle: NDArray[np.float64]
    uniform: NDArray[np.float64]
    best_single: NDArray[np.float64]
    best_test: NDArray[np.float64]
    best_subset: NDArray[np.float64]
    best_apart: NDArray[np.float64]
    entropy: NDArray[np.float64]
    top: NDArray[np.float64]
    relative_score: NDArray[np.float64]
    subset_score: NDArray[np.float64]
    cost: NDArray[np.float64]
    optimal: NDArray[np.float64]
    optimal_cost: NDArray[np.float64]
    collapsed: NDArray[np.float64]
    relative_cost: NDArray[np.float64]
    subset_cost: NDArray[np.float64]
    n_right: NDArray[np.float64]
    truthful: NDArray[np.float64]
    choice: NDArray[np.int64]
    subsets: NDArray[np.int64]
    share: NDArray[np.float64]
    reference: float = float("nan")
    unit: str = USD
    curve: Curve | None = None
    pair: Pair | None = None
    agreement: NDArray[np.float64] = field(default_factory=lambda: np.full(3, np.nan))
    groups: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        if not len(self.groups):
            object.__setattr__(self, "groups", np.arange(self.n_prompts, dtype=np.int64))

    @property
    def n_prompts(self) -> int:
        """How many test prompts there are."""
        return len(self.quality)

    @property
    def n_units(self) -> int:
        """How many groups of prompts there are, which are drawn whole."""
        return n_units(self.groups, self.n_prompts)

    @property
    def n_models(self) -> int:
        """How many models the router could choose from."""
        return len(self.share)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Columns by name, and what stands beside them, to save; `from_columns` reads them back."""
        held = {name: getattr(self, name) for name in (*_NUMBERS, *_CODES)}
        held["agreement"] = self.agreement
        if self.unit != USD:
            held["unit"] = np.asarray(self.unit)
        if self.pair:
            both = (self.pair.margin, self.pair.strong, self.pair.weak)
            held |= dict(zip(_PAIR, both, strict=True))
        return held | (self.curve.columns() if self.curve else {})

    @classmethod
    def from_columns(
        cls, columns: Mapping[str, ArrayLike], share: ArrayLike, reference: float | None = None
    ) -> Self:
        """Rebuild the evidence from what `columns` gave.

        Args:
            columns: the per-prompt columns by name; others are ignored. Without one of those that
                few metrics read, these metrics are undefined.
            share: (n_models,) mean probability of sending a prompt to each model.
            reference: score of the fixed strong model, or None.

        Returns:
            The evidence.

        Raises:
            DataError: if a column is missing or the columns are not of one length.
        """
        missing = [name for name in (*_NEEDED, *_NEEDED_CODES) if name not in columns]
        if missing:
            raise DataError(
                f"the evidence lacks the columns {', '.join(missing)}; run the cell again"
            )
        unknown = np.full(np.shape(columns["quality"]), np.nan)
        arrays: dict[str, Any] = {
            name: np.asarray(columns.get(name, unknown), np.float64) for name in _NUMBERS
        }
        apart = np.arange(np.size(columns["quality"]))
        arrays |= {name: np.asarray(columns.get(name, apart), np.int64) for name in _CODES}
        shapes = {array.shape for array in arrays.values()}
        if len(shapes) > 1 or len(arrays["quality"].shape) != 1:
            raise DataError(
                f"the columns of the evidence must be of one length, not {sorted(shapes)}"
            )
        return cls(
            **arrays,
            share=np.asarray(share, np.float64),
            reference=float("nan") if reference is None else float(reference),
            unit=str(columns.get("unit", USD)),
            curve=Curve.from_columns(columns),
            agreement=np.asarray(columns.get("agreement", np.full(3, np.nan)), np.float64),
            pair=Pair.of(*(columns[name] for name in _PAIR)) if _PAIR[0] in columns else None,
        )


@dataclass(frozen=True, eq=False)
class Means:
    """Means over prompts, of shape () or, one a resample, (n_boot,): all that a metric reads.

    Attributes:
        evidence: what is averaged.
        W: (n_boot, n_prompts) weights whose rows sum to 1, or None for the prompts as they are.
        smoothing: the pseudo-prompts that count too, or None.
        quality: mean of `Evidence.quality`; likewise each column that `AVERAGED` names.
        share: (n_models,) or (n_boot, n_models), the share of prompts sent to each model.
    """

    evidence: Evidence
    W: NDArray[np.floating] | None
    smoothing: Smoothing | None
    quality: Values
    oracle: Values
    uniform: Values
    best_single: Values
    best_test: Values
    best_subset: Values
    best_apart: Values
    entropy: Values
    top: Values
    relative_score: Values
    subset_score: Values
    cost: Values
    optimal: Values
    optimal_cost: Values
    collapsed: Values
    relative_cost: Values
    subset_cost: Values
    share: NDArray[np.float64]

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
        found = np.asarray(column.mean() if self.W is None else self.W @ column)
        if self.smoothing is None or pseudo is None:
            return found
        return self.smoothing.mixed(found, float(column.mean()), pseudo)


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
        The means: scalars without `W`, else one a row of it.

    Raises:
        DataError: if `W` is for another number of prompts.
    """
    averages: dict[str, Any]
    smoothing = _smoothing(evidence, None if W is None else len(W)) if smoothed else None
    if W is None:
        averages = {name: np.asarray(getattr(evidence, name).mean()) for name in AVERAGED}
        averages |= _mixed(evidence, smoothing, averages)
        return Means(evidence, None, smoothing, **averages, share=evidence.share)
    if W.ndim != 2 or W.shape[1] != evidence.n_prompts:
        raise DataError(f"the resamples have shape {W.shape} for {evidence.n_prompts} prompts")
    columns = [getattr(evidence, name) for name in AVERAGED]
    # a column of zeros and ones for each model that is chosen: one product does them all
    chosen = np.unique(evidence.choice)
    picked = [(evidence.choice == model).astype(np.float64) for model in chosen]
    found = W @ np.stack([*columns, *picked], axis=1)
    averages = dict(zip(AVERAGED, found.T[: len(AVERAGED)], strict=True))
    averages |= _mixed(evidence, smoothing, averages)
    share = evidence.share
    if chosen[0] >= 0:  # no prompt is drawn for
        share = np.zeros((len(W), evidence.n_models))
        share[:, chosen] = found[:, len(AVERAGED) :]
    return Means(evidence, W, smoothing, **averages, share=share)


def _smoothing(evidence: Evidence, n_boot: int | None) -> Smoothing:
    kinds = 2 if np.isnan(evidence.agreement).any() else KINDS
    return Smoothing.of(n_boot, evidence.n_units, spread_of(evidence.best_single), kinds)


def _mixed(
    evidence: Evidence, smoothing: Smoothing | None, averages: Mapping[str, Values]
) -> dict[str, Values]:
    """The means that pseudo-prompts have a say in, with them."""
    if smoothing is None:
        return {}
    return {
        name: smoothing.mixed(averages[name], float(getattr(evidence, name).mean()), values)
        for name, values in _pseudo_scores(evidence).items()
    }


def _pseudo_scores(evidence: Evidence) -> dict[str, tuple[float, ...]]:
    """Each column where all models are right, none is, only the chosen one, all but that."""
    m = evidence.n_models
    several = float(m > 1)
    agree = dict(zip(("best_single", "best_test", "best_subset"), evidence.agreement, strict=True))
    best = {**agree, "best_apart": evidence.agreement[1]}
    found: dict[str, tuple[float, ...]] = {
        "quality": (1.0, 0.0, 1.0, 0.0),
        "oracle": (1.0, 0.0, 1.0, several),
        "uniform": (1.0, 0.0, 1 / m, 1 - 1 / m),
        "top": (1.0, 1.0, 1.0, 1 - several),
    }
    if not np.isnan(evidence.agreement).any():
        found |= {"optimal": (1.0, 0.0, 1.0, 0.0), "collapsed": (0.0, 1.0, 0.0, 1.0)}
    for name, share in best.items():
        alike = float(np.nan_to_num(share))
        found[name] = (1.0, 0.0, alike, 1 - alike)
    return found


def entropy_bits(p: NDArray[np.float64], floor: float = 0.0) -> NDArray[np.float64]:
    """Shannon entropy over the last axis in bits, of the terms above a floor.

    >>> entropy_bits(np.array([[0.25, 0.25, 0.25, 0.25], [1.0, 0.0, 0.0, 0.0]]))
    array([2., 0.])
    """
    logs = np.zeros_like(p)
    np.log2(p, where=p > floor, out=logs)
    return np.asarray(0.0 - np.einsum("...i,...i->...", p, logs))
