"""From a router's answers on the test prompts to one number a prompt and column."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routereval.errors import DataError
from routereval.scoring.curve import USD, Curve
from routereval.scoring.evidence import Evidence, entropy_bits
from routereval.scoring.pair import Pair

Floats = NDArray[np.float64]

_ROW_SUM_TOLERANCE = 1e-6
_TIE = 1e-9  # costs that differ by a smaller share are equal
_FOLDS, _CUTS = 5, 3
_RIGHT = 0.5  # a real-valued score from here on counts as a right answer


def collect_evidence(  # noqa: PLR0913 - all that is known of a router on a task
    scores: ArrayLike,
    weights: ArrayLike,
    distribution: ArrayLike,
    *,
    best_single: int,
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
    """Reduce a router's answers on the test prompts to one number a prompt and column.

    Args:
        scores: (n_prompts, n_models) true scores in [0, 1], all observed.
        weights: (n_prompts, n_models) probability with which the policy sends a prompt to each
            model; rows sum to 1, and are one-hot for a policy that does not mix.
        distribution: (n_prompts, n_models) the router's predicted distribution, for the entropy.
        best_single: column of the model that was best on the training prompts.
        subsets: (n_prompts,) integer code of each prompt's subset.
        groups: (n_prompts,) integer code of the group of equal prompts that each belongs to; None
            where each is its own.
        reference: score of the fixed strong model, or None.
        costs: (n_prompts, n_models) cost a call, NaN where unknown, or None.
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
        The evidence. `best_test` and `best_subset` take the lowest column on ties.

    Raises:
        DataError: if shapes disagree, a score or a predicted probability is NaN, a row of weights
            is not a distribution, or `best_single` is not a column.

    >>> evidence = collect_evidence([[1, 0], [0, 1]], [[1, 0], [1, 0]], [[0.5, 0.5], [1, 0]],
    ...                   best_single=1, subsets=[0, 0])
    >>> evidence.quality, evidence.entropy, evidence.choice, evidence.share
    (array([1., 0.]), array([1., 0.]), array([0, 0]), array([1., 0.]))
    """
    truth = _complete(scores)
    sent = _like("weights", weights, truth)
    predicted = _like("distribution", distribution, truth)
    codes = np.asarray(subsets, np.int64)
    same = np.arange(len(truth)) if groups is None else np.asarray(groups, np.int64)
    _check(truth, sent, predicted, {"subsets": codes, "groups": same}, best_single)
    quality = _expected(sent, truth)
    oracle = truth.max(axis=1)
    top = truth == oracle[:, None]
    known = None if costs is None else _like("costs", costs, truth)
    marked = np.zeros(len(truth)) if truthful is None else np.asarray(truthful, np.float64)
    by_subset = _subset_means(truth, codes)
    best_test = int(truth.mean(axis=0).argmax())
    best_subset = by_subset.argmax(axis=1)
    choice = _choice(sent)
    bests = np.stack(np.broadcast_arrays(best_single, best_test, best_subset))
    unknown = informed or (choice < 0).any()
    return Evidence(
        quality=quality,
        oracle=oracle,
        uniform=truth.mean(axis=1),
        best_single=truth[:, best_single].copy(),
        best_test=truth[:, best_test].copy(),
        best_subset=truth[np.arange(len(truth)), best_subset],
        best_apart=_best_apart(truth, same),
        entropy=entropy_bits(predicted, entropy_floor),
        top=np.einsum("ij,ij->i", sent, top),
        relative_score=_between(quality, truth),
        subset_score=_between(quality, by_subset),
        **_priced(
            sent, sent if called is None else _like("called", called, truth), top, known, codes
        ),
        n_right=(truth >= _RIGHT).sum(axis=1).astype(np.float64),
        truthful=marked,
        choice=choice,
        agreement=np.full(3, np.nan) if unknown else (bests == choice).mean(axis=1),
        subsets=codes,
        groups=same,
        share=sent.mean(axis=0),
        reference=float("nan") if reference is None else float(reference),
        unit=unit,
        curve=curve,
        pair=pair,
    )


def _priced(
    sent: Floats,
    called: Floats,
    top: NDArray[np.bool_],
    costs: Floats | None,
    subsets: NDArray[np.int64],
) -> dict[str, Floats]:
    """The columns that costs are needed for; NaN where they are not known."""
    names = ("cost", "optimal", "optimal_cost", "collapsed", "relative_cost", "subset_cost")
    if costs is None:
        return {name: np.full(len(sent), np.nan) for name in names}
    cost = _expected(called, costs)
    if np.isnan(costs).any():
        return {name: np.full(len(sent), np.nan) for name in names} | {"cost": cost}
    # models that tie in cost share the place: which of two equal columns is first says nothing
    least = np.where(top, costs, np.inf).min(axis=1)
    cheapest = top & (costs <= least[:, None] * (1 + _TIE))
    means = costs.mean(axis=0)
    dearest = means >= means.max() * (1 - _TIE)
    needless = dearest & top & (top & ~dearest).any(axis=1, keepdims=True)
    collapsed = 1 - np.einsum("ij,ij->i", sent, top) + np.einsum("ij,ij->i", sent, needless)
    return {
        "cost": cost,
        "optimal": np.einsum("ij,ij->i", sent, cheapest),
        "optimal_cost": least,
        "collapsed": collapsed,
        "relative_cost": _between(cost, costs),
        "subset_cost": _between(cost, _subset_means(costs, subsets)),
    }


def _between(values: Floats, bounds: Floats) -> Floats:
    """Values on the line from the least, 0, to the greatest bound of their row, 1; 0 without."""
    low, high = bounds.min(axis=1), bounds.max(axis=1)
    apart = high > low
    return np.asarray(np.where(apart, (values - low) / np.where(apart, high - low, 1.0), 0.0))


def _subset_means(values: Floats, subsets: NDArray[np.int64]) -> Floats:
    """(n_prompts, n_models) each model's mean on the prompt's subset."""
    codes, where = np.unique(subsets, return_inverse=True)
    if len(codes) == 1:
        return np.broadcast_to(values.mean(axis=0), values.shape)
    return np.stack([values[where == code].mean(axis=0) for code in range(len(codes))])[where]


def _best_apart(scores: Floats, groups: NDArray[np.int64]) -> Floats:
    """(n_prompts,) the score of the model that is best on the other fifths, groups kept whole."""
    _, group = np.unique(groups, return_inverse=True)
    n_groups, total = int(group.max()) + 1, scores.sum(axis=0)
    found, rng = np.zeros(len(scores)), np.random.default_rng(0)
    for _ in range(_CUTS):
        fold = (rng.permutation(n_groups) % _FOLDS)[group]
        for part in range(min(_FOLDS, n_groups)):
            here = fold == part
            found[here] += scores[here, int((total - scores[here].sum(axis=0)).argmax())]
    return found / _CUTS


def _expected(weights: Floats, values: Floats) -> Floats:
    # a model that is never called may have an unknown cost, and 0 * NaN would be NaN
    return np.asarray(np.where(weights > 0, weights * values, 0.0).sum(axis=1))


def _choice(weights: Floats) -> NDArray[np.int64]:
    certain = weights.max(axis=1) >= 1 - _ROW_SUM_TOLERANCE
    return np.where(certain, weights.argmax(axis=1), -1).astype(np.int64)


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
    codes: Mapping[str, NDArray[np.int64]],
    best_single: int,
) -> None:
    n_prompts, n_models = scores.shape
    # written so that NaN fails too
    if not (np.abs(weights.sum(axis=1) - 1) <= _ROW_SUM_TOLERANCE).all() or weights.min() < 0:
        raise DataError("every row of weights must be a distribution: none negative, sum 1")
    if np.isnan(distribution).any():
        raise DataError("the router's predicted distribution holds NaN; its scores must be finite")
    for name, held in codes.items():
        if held.shape != (n_prompts,):
            raise DataError(f"{name} has shape {held.shape} for {n_prompts} prompts")
    if not 0 <= best_single < n_models:
        raise DataError(f"best_single is column {best_single} of a pool of {n_models} models")
