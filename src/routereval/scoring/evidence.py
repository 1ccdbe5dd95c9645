"""What one router did on one task's test prompts, and the means that every metric is made of.

A metric is a function of means over prompts. `gather` reduces a (prompts, models) matrix to a
few columns of one number a prompt; `means` averages the columns, once or once a bootstrap
replicate, in one matrix product. Nothing downstream ever sees the matrix again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routereval.errors import DataError

Values = NDArray[np.float64]
"""Numbers of shape () for the prompts as they are, or (n_boot,), one a resample."""

AVERAGED = ("quality", "oracle", "uniform", "best_single", "best_test", "entropy", "cost")
"""The columns of an `Evidence` that `means` averages."""

_ROW_SUM_TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class Evidence:
    """What one router did on one task's test prompts: one number a prompt, for each column.

    Attributes:
        quality: (n_prompts,) expected score of the chosen model, in [0, 1].
        oracle: (n_prompts,) the highest score of any model.
        uniform: (n_prompts,) the mean score over the models.
        best_single: (n_prompts,) the score of the model that was best on the training prompts.
        best_test: (n_prompts,) the score of the model with the highest mean on these prompts.
        entropy: (n_prompts,) entropy of the router's predicted distribution, in bits.
        cost: (n_prompts,) expected USD a call of the choice; NaN where unknown.
        choice: (n_prompts,) column of the chosen model; -1 where the policy mixes models.
        strata: (n_prompts,) integer code of each prompt's subset.
        share: (n_models,) mean probability with which a prompt goes to each model; sums to 1.
        reference: score of the fixed strong model that V_R divides by; NaN where there is none.
    """

    quality: NDArray[np.float64]
    oracle: NDArray[np.float64]
    uniform: NDArray[np.float64]
    best_single: NDArray[np.float64]
    best_test: NDArray[np.float64]
    entropy: NDArray[np.float64]
    cost: NDArray[np.float64]
    choice: NDArray[np.int64]
    strata: NDArray[np.int64]
    share: NDArray[np.float64]
    reference: float = float("nan")

    @property
    def n_prompts(self) -> int:
        """How many test prompts there are."""
        return len(self.quality)

    @property
    def n_models(self) -> int:
        """How many models the router could choose from."""
        return len(self.share)

    def columns(self) -> dict[str, NDArray[Any]]:
        """The per-prompt columns by name, as a table to save; `from_columns` reads them back."""
        return {name: getattr(self, name) for name in (*AVERAGED, "choice", "strata")}

    @classmethod
    def from_columns(
        cls, columns: Mapping[str, ArrayLike], share: ArrayLike, reference: float | None = None
    ) -> Self:
        """Rebuild the evidence from what `columns` gave.

        Args:
            columns: the per-prompt columns by name; others are ignored.
            share: (n_models,) mean probability of sending a prompt to each model.
            reference: score of the fixed strong model, or None.

        Returns:
            The evidence.

        Raises:
            DataError: if a column is missing or the columns are not of one length.
        """
        names = (*AVERAGED, "choice", "strata")
        missing = [name for name in names if name not in columns]
        if missing:
            raise DataError(
                f"the evidence lacks the columns {', '.join(missing)}; run the cell again"
            )
        arrays: dict[str, Any] = {
            name: np.asarray(columns[name], np.float64 if name in AVERAGED else np.int64)
            for name in names
        }
        shapes = {array.shape for array in arrays.values()}
        if len(shapes) > 1 or len(arrays["quality"].shape) != 1:
            raise DataError(
                f"the columns of the evidence must be of one length, not {sorted(shapes)}"
            )
        return cls(**arrays, share=np.asarray(share, np.float64), reference=_or_nan(reference))


def gather(
    scores: ArrayLike,
    weights: ArrayLike,
    distribution: ArrayLike,
    *,
    best_single: int,
    strata: ArrayLike,
    reference: float | None = None,
    costs: ArrayLike | None = None,
    entropy_floor: float = 1e-10,
) -> Evidence:
    """Reduce a router's answers on the test prompts to one number a prompt and column.

    Args:
        scores: (n_prompts, n_models) true scores in [0, 1], all observed.
        weights: (n_prompts, n_models) probability with which the policy sends a prompt to each
            model; rows sum to 1, and are one-hot for a policy that does not mix.
        distribution: (n_prompts, n_models) the router's predicted distribution, for the entropy.
        best_single: column of the model that was best on the training prompts.
        strata: (n_prompts,) integer code of each prompt's subset.
        reference: score of the fixed strong model, or None.
        costs: (n_prompts, n_models) USD a call, NaN where unknown, or None.
        entropy_floor: probabilities up to this one are dropped from the entropy, as RouterEval's
            baselines do.

    Returns:
        The evidence. `best_test` takes the lowest column on ties.

    Raises:
        DataError: if shapes disagree, a score or a predicted probability is NaN, a row of weights
            is not a distribution, or `best_single` is not a column.

    >>> evidence = gather([[1, 0], [0, 1]], [[1, 0], [1, 0]], [[0.5, 0.5], [1, 0]],
    ...                   best_single=1, strata=[0, 0])
    >>> evidence.quality, evidence.entropy, evidence.choice, evidence.share
    (array([1., 0.]), array([1., 0.]), array([0, 0]), array([1., 0.]))
    """
    truth = _complete(scores)
    sent = _like("weights", weights, truth)
    predicted = _like("distribution", distribution, truth)
    codes = np.asarray(strata, np.int64)
    _check(truth, sent, predicted, codes, best_single)
    return Evidence(
        quality=np.einsum("ij,ij->i", sent, truth),
        oracle=truth.max(axis=1),
        uniform=truth.mean(axis=1),
        best_single=truth[:, best_single].copy(),
        best_test=truth[:, int(truth.mean(axis=0).argmax())].copy(),
        entropy=entropy_bits(predicted, entropy_floor),
        cost=_expected_cost(sent, costs),
        choice=_choice(sent),
        strata=codes,
        share=sent.mean(axis=0),
        reference=_or_nan(reference),
    )


@dataclass(frozen=True, eq=False)
class Means:
    """Means over prompts, of shape () or, one a resample, (n_boot,): all that a metric reads.

    Attributes:
        quality: mean of `Evidence.quality`; `oracle`, `uniform`, `best_single`, `best_test`,
            `entropy` and `cost` likewise, of the columns so named.
        share: (n_models,) or (n_boot, n_models), the share of prompts sent to each model.
        reference: score of the fixed strong model, or NaN.
    """

    quality: Values
    oracle: Values
    uniform: Values
    best_single: Values
    best_test: Values
    entropy: Values
    cost: Values
    share: NDArray[np.float64]
    reference: float = float("nan")


def means(evidence: Evidence, W: NDArray[np.floating] | None = None) -> Means:
    """Average the columns, over the prompts as they are or over weighted resamples of them.

    Which model is `best_test` was settled by `gather` on the prompts as they are, and is not
    settled anew for each resample. The shares vary with the resample where every prompt has one
    choice; where the policy mixes they stay those of the prompts as they are.

    Args:
        evidence: what a router did.
        W: (n_boot, n_prompts) weights whose rows sum to 1, from `resamples`; or None.

    Returns:
        The means: scalars without `W`, else one a row of it.

    Raises:
        DataError: if `W` is for another number of prompts.
    """
    averages: dict[str, Any]
    if W is None:
        averages = {name: np.asarray(getattr(evidence, name).mean()) for name in AVERAGED}
        return Means(**averages, share=evidence.share, reference=evidence.reference)
    if W.ndim != 2 or W.shape[1] != evidence.n_prompts:
        raise DataError(f"the resamples have shape {W.shape} for {evidence.n_prompts} prompts")
    columns = np.stack([getattr(evidence, name) for name in AVERAGED], axis=1)
    averages = dict(zip(AVERAGED, (W @ columns).T, strict=True))
    return Means(**averages, share=_resampled_share(evidence, W), reference=evidence.reference)


def entropy_bits(p: NDArray[np.float64], floor: float = 0.0) -> NDArray[np.float64]:
    """Shannon entropy over the last axis in bits, of the terms above a floor.

    >>> entropy_bits(np.array([[0.25, 0.25, 0.25, 0.25], [1.0, 0.0, 0.0, 0.0]]))
    array([2., 0.])
    """
    logs = np.zeros_like(p)
    np.log2(p, where=p > floor, out=logs)
    return np.asarray(0.0 - np.einsum("...i,...i->...", p, logs))


def _resampled_share(evidence: Evidence, W: NDArray[np.floating]) -> NDArray[np.float64]:
    if (evidence.choice < 0).any():
        return evidence.share
    order = np.argsort(evidence.choice, kind="stable")
    chosen, first = np.unique(evidence.choice[order], return_index=True)
    share = np.zeros((len(W), evidence.n_models))
    share[:, chosen] = np.add.reduceat(W[:, order], first, axis=1)
    return share


def _choice(weights: NDArray[np.float64]) -> NDArray[np.int64]:
    certain = weights.max(axis=1) >= 1 - _ROW_SUM_TOLERANCE
    return np.where(certain, weights.argmax(axis=1), -1).astype(np.int64)


def _expected_cost(weights: NDArray[np.float64], costs: ArrayLike | None) -> NDArray[np.float64]:
    if costs is None:
        return np.full(len(weights), np.nan)
    prices = _like("costs", costs, weights)
    # a model that is never called may have an unknown price, and 0 * NaN would be NaN
    return np.asarray(np.where(weights > 0, weights * prices, 0.0).sum(axis=1))


def _or_nan(reference: float | None) -> float:
    return float("nan") if reference is None else float(reference)


def _complete(scores: ArrayLike) -> NDArray[np.float64]:
    matrix = np.asarray(scores, np.float64)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise DataError(f"scores must be a (prompts, models) matrix, not of shape {matrix.shape}")
    missing = int(np.isnan(matrix).sum())
    if missing:
        raise DataError(
            f"{missing} of {matrix.size} test scores are missing; "
            "keep only the prompts on which every model of the pool was observed"
        )
    return matrix


def _like(what: str, values: ArrayLike, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    matrix = np.asarray(values, np.float64)
    if matrix.shape != scores.shape:
        raise DataError(f"{what} has shape {matrix.shape} but the scores have {scores.shape}")
    return matrix


def _check(
    scores: NDArray[np.float64],
    weights: NDArray[np.float64],
    distribution: NDArray[np.float64],
    strata: NDArray[np.int64],
    best_single: int,
) -> None:
    n_prompts, n_models = scores.shape
    # written so that NaN fails too
    if not (np.abs(weights.sum(axis=1) - 1) <= _ROW_SUM_TOLERANCE).all() or weights.min() < 0:
        raise DataError("every row of weights must be a distribution: none negative, sum 1")
    if np.isnan(distribution).any():
        raise DataError("the router's predicted distribution holds NaN; its scores must be finite")
    if strata.shape != (n_prompts,):
        raise DataError(f"strata has shape {strata.shape} for {n_prompts} prompts")
    if not 0 <= best_single < n_models:
        raise DataError(f"best_single is column {best_single} of a pool of {n_models} models")
