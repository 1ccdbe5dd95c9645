"""From predicted scores and costs to choices, in the benchmark and the gateway alike."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import SpecError, unknown
from routereval.routers.base import Scores

POLICIES = ("argmax", "proportional")

_DEAREST = float(np.finfo(np.float64).max)


def choose(
    scores: Scores, costs: NDArray[np.float64] | None = None, lam: float = 0.0
) -> NDArray[np.int64]:
    """Choose one model for each prompt: argmax over the models of ``scores - lam * costs``.

    Of models with exactly the same value the cheaper is taken, then the first in the pool. A cost
    that is not known counts as the dearest known cost of that prompt, and as dearer than every
    known one between equals. A NaN score is never chosen while there is another.

    Args:
        scores: (n_prompts, n_models) predicted scores.
        costs: expected USD per call, (n_models,) or (n_prompts, n_models); NaN or None: unknown.
        lam: trade-off in score per USD, not negative. At 0, costs only break ties; if infinite,
            nothing but cost counts, and scores break ties.

    Returns:
        (n_prompts,) the column of the chosen model.

    Raises:
        SpecError: if `lam` is negative or NaN.

    >>> scores = np.array([[0.9, 0.8, 0.9]])
    >>> choose(scores), choose(scores, np.array([0.03, 0.01, 0.02]))
    (array([0]), array([2]))
    >>> choose(scores, np.array([0.03, 0.01, 0.02]), lam=20)
    array([1])
    """
    if not lam >= 0:
        raise SpecError(f"lam must be a number that is not negative, not {lam!r}")
    if costs is not None and len(scores) == 1 and not math.isinf(lam):
        one = choose_one(scores[0].tolist(), np.ravel(costs).tolist(), lam)
        return np.array([one], dtype=np.int64)
    value = np.where(np.isnan(scores), -np.inf, scores)
    if costs is None:
        return np.asarray(value.argmax(axis=1), dtype=np.int64)
    known = np.isfinite(costs)
    if math.isinf(lam):
        return _cheapest(value, np.where(known, costs, _DEAREST))
    if lam:
        value = value - lam * _filled(np.asarray(costs, dtype=np.float64), known)
    best = value == value.max(axis=1, keepdims=True)
    price = np.where(best, np.where(known, costs, _DEAREST), np.inf)
    return np.asarray(price.argmin(axis=1), dtype=np.int64)


def choose_one(scores: list[float], costs: list[float], lam: float) -> int:
    """The choice of `choose` for one prompt: for a few models arrays cost ten times more.

    Args:
        scores: of the models, NaN for one that is not to be chosen.
        costs: of the models, NaN where unknown.
        lam: as in `choose`, but finite.

    >>> choose_one([0.9, 0.8, 0.9], [0.03, 0.01, 0.02], 0.0)
    2
    """
    known = [cost if math.isfinite(cost) else None for cost in costs]
    values = [-math.inf if math.isnan(score) else score for score in scores]
    if lam:
        dearest = max(0.0 if cost is None else cost for cost in known)
        filled = [dearest if cost is None else cost for cost in known]
        values = [value - lam * cost for value, cost in zip(values, filled, strict=True)]
    best = max(values)
    prices = [_DEAREST if cost is None else cost for cost in known]
    ties = [at for at, value in enumerate(values) if value == best]
    return min(ties, key=prices.__getitem__)  # ties: the first in the pool


def trade_offs(scores: Scores, costs: NDArray[np.float64], most: int = 32) -> NDArray[np.float64]:
    """Prices of cost at which some choice of `choose` differs from that at the one before.

    As `lam` grows, each prompt passes from the model of the highest score to the cheapest one over
    a few break points, which are known exactly. There is one price between every two neighbours of
    all prompts' break points; where these are many, between `most` quantiles of them.

    Args:
        scores: (n_prompts, n_models) predicted scores.
        costs: expected cost a call, (n_models,) or (n_prompts, n_models), NaN where unknown.
        most: how many break points are kept at most.

    Returns:
        Ascending prices, the first 0, the last infinite.

    >>> trade_offs(np.array([[0.9, 0.8]]), np.array([3.0, 1.0]))
    array([ 0., inf])
    >>> trade_offs(np.array([[0.9, 0.8], [0.9, 0.5]]), np.array([3.0, 1.0])).round(3)
    array([0.   , 0.125,   inf])
    """
    found = np.unique(passings(scores, costs).lam)
    if len(found) > most:
        found = np.unique(np.quantile(found, np.linspace(0, 1, most)))
    return np.concatenate([[0.0], (found[1:] + found[:-1]) / 2, [np.inf]])


class Passings(NamedTuple):
    """All that happens to the choices of some prompts as the price of cost grows.

    Attributes:
        lam: (n,) the price at which a prompt passes to a cheaper model.
        row: (n,) which prompt it is.
        before: (n,) the column of the model that it leaves.
        after: (n,) the column of the model that it passes to.
    """

    lam: NDArray[np.float64]
    row: NDArray[np.int64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]


def passings(scores: Scores, costs: NDArray[np.float64]) -> Passings:
    """At which prices the choice of which prompt passes from which model to which.

    Args:
        scores: (n_prompts, n_models) predicted scores.
        costs: as in `trade_offs`.

    Returns:
        At most one passing per prompt and model but one; those of one prompt in rising order.

    >>> passings(np.array([[0.9, 0.8]]), np.array([3.0, 1.0])).lam.round(3)
    array([0.05])
    """
    value = np.where(np.isnan(scores), -np.inf, scores)
    known = np.isfinite(costs)
    price = np.broadcast_to(_filled(np.asarray(costs, dtype=np.float64), known), value.shape)
    at = choose(value, price)[:, None]
    found: list[Passings] = []
    while True:
        own, paid = (np.take_along_axis(matrix, at, axis=1) for matrix in (value, price))
        cheaper = (price < paid) & np.isfinite(value)
        passing = np.full(value.shape, np.inf)
        np.divide(own - value, paid - price, out=passing, where=cheaper)
        to = np.where(np.any(cheaper, axis=1, keepdims=True), _place(passing), at)
        least = passing.min(axis=1)
        rows = np.flatnonzero(np.isfinite(least))
        found.append(Passings(least[rows], rows, at[rows, 0], to[rows, 0]))
        if not len(rows):
            return Passings(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
        at = to


def price_of_share(
    scores: Scores, costs: NDArray[np.float64], column: int, share: float
) -> tuple[float, float]:
    """The price of cost at which a model gets a share of the prompts, and the share that it gets.

    That of the dearest model falls as the price rises, so it can be chosen exactly, up to prompts
    of which the router predicts the same: RouteLLM's threshold for a wanted share of strong calls
    (Ong et al. 2024, arXiv 2406.18665) for pools of any size.

    Args:
        scores: (n_prompts, n_models) predicted scores.
        costs: as in `trade_offs`.
        column: the model; no other may be dearer.
        share: the share wanted, from 0 to 1.

    Returns:
        The price, and the share that is nearest to the one wanted: at price 0 the most that the
        scores give it.

    >>> scores = np.array([[0.9, 0.8], [0.9, 0.5], [0.4, 0.6], [0.7, 0.1]])
    >>> price_of_share(scores, np.array([3.0, 1.0]), 0, 0.5)
    (0.125, 0.5)
    """
    n = len(scores)
    left = np.full(n, -1.0)  # the price at which each prompt leaves the model; none has it at first
    left[choose(scores, costs) == column] = np.inf
    passed = passings(scores, costs)
    leaving = passed.before == column
    left[passed.row[leaving]] = passed.lam[leaving]
    prices = np.concatenate([[0.0], np.unique(left[np.isfinite(left) & (left >= 0)])])
    between = [*((prices[1:] + prices[:-1]) / 2).tolist(), float(prices[-1]) * 2]
    tried = sorted({0.0, *between})
    shares = [float((left > price).mean()) for price in tried]
    best = min(range(len(tried)), key=lambda place: abs(shares[place] - share))
    return tried[best], float((choose(scores, costs, tried[best]) == column).mean())


def along(
    scores: Scores, costs: NDArray[np.float64], *values: NDArray[np.floating]
) -> list[NDArray[np.float64]]:
    """The mean of values over the choices, at every price that `trade_offs` has without a limit.

    Each passing moves the mean by its own difference, so it takes no sweep: its time grows with the
    number of passings and its memory too, not with their product with the prompts.

    Args:
        scores: (n_prompts, n_models) predicted scores, of which some choice passes.
        costs: as in `trade_offs`.
        *values: (n_prompts, n_models) each, such as true scores.

    Returns:
        (n_points,) means of each.

    >>> scores, costs = np.array([[0.9, 0.8], [0.9, 0.5]]), np.array([3.0, 1.0])
    >>> along(scores, costs, np.array([[1.0, 0.0], [1.0, 0.0]]))
    [array([1. , 0.5, 0. ])]
    """
    found, start = passings(scores, costs), choose(scores, costs)
    _, place = np.unique(found.lam, return_inverse=True)
    means = []
    for matrix in values:
        of = np.asarray(matrix, np.float64)
        moved = np.bincount(place, of[found.row, found.after] - of[found.row, found.before])
        first = of[np.arange(len(of)), start].sum()
        means.append((first + np.concatenate([[0.0], np.cumsum(moved)])) / len(of))
    return means


def _place(values: Scores) -> NDArray[np.int64]:
    return np.asarray(values.argmin(axis=1, keepdims=True), dtype=np.int64)


def sweep(
    scores: Scores, costs: NDArray[np.float64], lams: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The choices at each of several prices of cost.

    Args:
        scores: as in `choose`.
        costs: as in `choose`.
        lams: (n_points,) prices.

    Returns:
        (n_prompts, n_points) the column of the chosen model.

    >>> sweep(np.array([[0.9, 0.8]]), np.array([3.0, 1.0]), np.array([0.0, np.inf]))
    array([[0, 1]])
    """
    return np.stack([choose(scores, costs, float(lam)) for lam in lams], axis=1)


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
        SpecError: if the policy is not known, or `lam` is negative or NaN.

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


def _cheapest(value: Scores, price: NDArray[np.float64]) -> NDArray[np.int64]:
    able = np.where(np.isfinite(value), price, np.inf)
    least = able == able.min(axis=1, keepdims=True)
    return np.asarray(np.where(least, value, -np.inf).argmax(axis=1), dtype=np.int64)


def _filled(costs: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The costs with the unknown ones at the dearest known cost of their prompt, 0 without any."""
    dearest = np.where(known, costs, 0.0).max(axis=-1, keepdims=True)
    return np.where(known, costs, dearest)
