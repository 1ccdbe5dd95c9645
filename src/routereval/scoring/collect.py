"""From a router's choices on the test prompts to one number per prompt and column."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routereval.errors import DataError
from routereval.scoring.curve import USD, Curve
from routereval.scoring.evidence import DECLARED, Evidence
from routereval.scoring.metrics import brought_columns
from routereval.scoring.observations import Observations
from routereval.scoring.pair import Pair

Floats = NDArray[np.float64]


def collect_evidence(  # noqa: PLR0913 - all that is known of a router on a task
    scores: ArrayLike,
    weights: ArrayLike,
    distribution: ArrayLike,
    *,
    best_single: int | NDArray[np.int64],
    subsets: ArrayLike,
    groups: ArrayLike | None = None,
    reference: float | None = None,
    costs: ArrayLike | None = None,
    called: ArrayLike | None = None,
    unit: str = USD,
    truthful: ArrayLike | None = None,
    curve: Curve | None = None,
    pair: Pair | None = None,
    entropy_floor: float = 1e-10,
    informed: bool = False,
) -> Evidence:
    """Reduce what a router did on the test prompts to one number per prompt and column.

    Args:
        scores: (n_prompts, n_models) true scores in [0, 1], all observed.
        weights: (n_prompts, n_models) probability with which the policy sends a prompt to each
            model; rows sum to 1, and are one-hot for a policy that does not mix.
        distribution: (n_prompts, n_models) the router's predicted distribution, for the entropy.
        best_single: column of the model that was best on the training prompts; (n_prompts,) columns
            where several fits, on other prompts each, were tested.
        subsets: (n_prompts,) integer code of each prompt's subset.
        groups: (n_prompts,) integer code of the group of equal prompts that each belongs to; None
            where each is its own.
        reference: score of the fixed strong model, or None.
        costs: (n_prompts, n_models) cost per call, NaN where unknown, or None.
        called: (n_prompts, n_models) how often each model is called, where that is not `weights`:
            a cascade pays for the calls before its choice too.
        unit: of the costs.
        truthful: (n_prompts,) True where a wrong answer is a hallucination; None for nowhere.
        curve: what other trade-offs of cost would have done, or None.
        pair: in a pool of two models, what a threshold between them needs, or None.
        entropy_floor: probabilities up to this one are dropped from the entropy, as RouterEval's
            baselines do.
        informed: True for a router that knows the true scores, as an oracle does.

    Returns:
        The evidence, with the columns that metrics bring. `best_test` and `best_subset` take the
        lowest column on ties.

    Raises:
        DataError: if shapes disagree, a score or a predicted probability is NaN, a row of weights
            is not a distribution, or `best_single` is not a column.

    >>> evidence = collect_evidence([[1, 0], [0, 1]], [[1, 0], [1, 0]], [[0.5, 0.5], [1, 0]],
    ...                             best_single=1, subsets=[0, 0])
    >>> evidence.quality, evidence.entropy, evidence.choice, evidence.share
    (array([1., 0.]), array([1., 0.]), array([0, 0]), array([1., 0.]))
    """
    truth = _complete(scores)
    sent, n = _like("weights", weights, truth), len(truth)
    of = Observations(
        scores=truth,
        weights=sent,
        distribution=_like("distribution", distribution, truth),
        costs=np.full(truth.shape, np.nan) if costs is None else _like("costs", costs, truth),
        called=sent if called is None else _like("called", called, truth),
        subsets=np.asarray(subsets, np.int64),
        groups=np.arange(n) if groups is None else np.asarray(groups, np.int64),
        truthful=np.zeros(n) if truthful is None else np.asarray(truthful, np.float64),
        best_single=best_single,
        entropy_floor=entropy_floor,
    )
    return Evidence(
        **{name: column.collected(of) for name, column in DECLARED.items()},
        brought={column.name: column.collected(of) for column in brought_columns()},
        agreement=_agreement(of, informed=informed),
        share=sent.mean(axis=0),
        reference=float("nan") if reference is None else float(reference),
        unit=unit,
        curve=curve,
        pair=pair,
    )


def _agreement(of: Observations, *, informed: bool) -> Floats:
    """(3,) share of the prompts whose choice is best_single, best_test and best_subset."""
    if informed or (of.choice < 0).any():
        return np.full(3, np.nan)
    bests = np.stack(np.broadcast_arrays(of.best_single, of.best_test, of.best_subset))
    return np.asarray((bests == of.choice).mean(axis=1))


def _complete(scores: ArrayLike) -> Floats:
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


def _like(what: str, values: ArrayLike, scores: Floats) -> Floats:
    matrix = np.asarray(values, np.float64)
    if matrix.shape != scores.shape:
        raise DataError(f"{what} has shape {matrix.shape} but the scores have {scores.shape}")
    return matrix
