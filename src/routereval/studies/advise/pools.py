"""Pools worth having: which few models to keep, and which are redundant.

The oracle of a pool is a monotone submodular function of it, so the greedy choice has at least
1 − 1/e of the best oracle of its size (Nemhauser, Wolsey & Fisher 1978); the best one itself is a
maximum coverage problem, which `exact` solves for binary scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.number_of import number_of
from routereval.records import Records, score_matrix
from routereval.scoring.scaling import expected_maxima_at
from routereval.studies.advise.score_table import Floats, Index, ScoreTable, correlations
from routereval.studies.orders import greedy as greedy_steps
from routereval.tasks import Pool, Rows, Split
from routereval.tasks.pool import chosen_models

REDUNDANT = 0.9
"""Two models whose scores correlate (phi, if binary) at least so much are one for most purposes."""

LEAST_SHARED = 50
"""Prompts two models must share before they can be called redundant."""

_MOST_PATTERNS = 20_000
_MOST_MODELS = 64
_MOST_COMPARED = 2_000
_BLOCK = 1 << 22


def greedy(scores: NDArray[np.floating], size: int) -> Index:
    """The columns of the greedy complementary pool: each raises the oracle most when it joins.

    Args:
        scores: (n_prompts, n_models) in [0, 1], none missing.
        size: how many models, at most as many as there are.

    Raises:
        DataError: if there are fewer models.

    >>> greedy(np.array([[1, 1, 0.0], [1, 0, 0], [0, 0, 1], [1, 1, 0]]), 2)
    array([0, 2])
    """
    _refuse_too_many(size, scores.shape[1])
    steps = greedy_steps(score_matrix(np.asarray(scores, np.float64)))
    return np.array([next(steps).model for _ in range(size)], dtype=np.int64)


def greedy_within(
    scores: NDArray[np.floating], prices: Floats, budget: float, size: int | None = None
) -> Index:
    """The greedy pool by gain per USD, whose prices together stay within a budget.

    Whatever a router does within such a pool, even if it asks all of its models, a prompt costs no
    more than the budget. If one affordable model alone is worth more than the pool, it is the pool:
    so without a limit on the size the oracle is at least (1 − 1/e) / 2 of the best within the
    budget (Leskovec et al. 2007).

    Args:
        scores: (n_prompts, n_models) in [0, 1], none missing.
        prices: (n_models,) mean USD per call.
        budget: USD per prompt.
        size: the most models; None for no limit.

    Returns:
        The columns, in the order in which they join; none where nothing can be afforded.

    >>> greedy_within(np.array([[1, 1, 0.0], [1, 0, 0], [0, 0, 1]]), np.array([9, 1, 1]), 2)
    array([1, 2])
    """
    values = np.asarray(scores, np.float64)
    price = np.maximum(np.asarray(prices, np.float64), np.finfo(np.float64).tiny)
    chosen: list[int] = []
    best, left = np.zeros(len(values)), float(budget)
    while len(chosen) < (values.shape[1] if size is None else size):
        open_ = price <= left
        open_[chosen] = False
        rates = np.where(open_, np.maximum(values - best[:, None], 0).mean(axis=0) / price, -1.0)
        model = int(rates.argmax())
        if rates[model] <= 0:
            break
        chosen.append(model)
        best, left = np.maximum(best, values[:, model]), left - price[model]
    alone = np.where(price <= budget, values.mean(axis=0), -1.0)
    if alone.max() > best.mean():
        chosen = [int(alone.argmax())]
    return np.array(chosen, dtype=np.int64)


def saving_pool(scores: NDArray[np.floating], costs: NDArray[np.floating], size: int) -> Index:
    """The best single model, and those that can stand in for it most cheaply.

    The others are chosen greedily by the share of its price that is saved where a cheaper one
    scores no less; that too is monotone and submodular.

    Args:
        scores: (n_prompts, n_models) in [0, 1].
        costs: (n_prompts, n_models) USD per call.
        size: how many models.

    Raises:
        DataError: if there are fewer models.

    >>> saving_pool(np.array([[1.0, 1, 0], [1, 0, 1], [1, 1, 0]]), np.array([[9.0, 1, 2]] * 3), 2)
    array([0, 1])
    """
    _refuse_too_many(size, scores.shape[1])
    prices = costs.mean(axis=0, dtype=np.float64)
    means = scores.mean(axis=0, dtype=np.float64)
    best = int(np.lexsort([prices, -means])[0])
    others = np.delete(np.arange(scores.shape[1]), best)
    spared = np.maximum(1 - prices[others] / max(prices[best], np.finfo(np.float64).tiny), 0)
    saved = np.where(scores[:, others] >= scores[:, [best]], spared, 0.0)
    if size == 1 or not len(others):
        return np.array([best])
    return np.concatenate([[best], others[greedy(saved, size - 1)]]).astype(np.int64)


class Optimum(NamedTuple):
    """The best pool that was found, and how good any can be.

    Attributes:
        columns: its models.
        oracle: its oracle, the mean over prompts.
        bound: no pool of that size has a higher oracle; equal to `oracle` once proved.
    """

    columns: Index
    oracle: float
    bound: float

    @property
    def proved(self) -> bool:
        """True if no pool of that size is better."""
        return self.bound - self.oracle < 1e-9


def exact(scores: NDArray[np.floating], size: int, *, time_limit: float = 10.0) -> Optimum | None:
    """The pool of the highest oracle, as an integer programme (maximum coverage).

    Prompts that the same models are right on count as one pattern with a weight. It never returns
    less than the greedy pool.

    Args:
        scores: (n_prompts, n_models) of 0 and 1, none missing.
        size: how many models.
        time_limit: seconds for the solver (HiGHS), after which the bound may be above the oracle.

    Returns:
        The optimum; None if the scores are not binary, there are more than 64 models or more than
        20,000 patterns.

    Raises:
        DataError: if there are fewer models than `size`.

    >>> exact(np.array([[1, 1, 0.0], [1, 0, 0], [0, 0, 1], [1, 1, 0]]), 2).oracle
    1.0
    """
    values = np.asarray(scores)
    n_prompts, n_models = values.shape
    if n_models > _MOST_MODELS or not ((values == 0) | (values == 1)).all():
        return None
    patterns, counts = np.unique(values > 0, axis=0, return_counts=True)
    solvable = patterns.any(axis=1)
    patterns, weights = patterns[solvable], counts[solvable] / n_prompts
    if len(patterns) > _MOST_PATTERNS:
        return None
    start = greedy(values, size)
    reached = float(weights @ patterns[:, start].any(axis=1))
    found, bound = _cover(patterns, weights, size, time_limit) if len(patterns) else (start, 0.0)
    oracle = float(weights @ patterns[:, found].any(axis=1)) if len(found) else -1.0
    if oracle <= reached:
        found, oracle = start, reached
    return Optimum(np.sort(found), oracle, max(oracle, bound))


def random_oracles(scores: NDArray[np.floating], sizes: Sequence[int]) -> Floats:
    """The expected oracle of a random pool of each size, in closed form.

    Args:
        scores: (n_prompts, n_models), none missing.
        sizes: of at most n_models.

    >>> random_oracles(np.array([[1.0, 0.0], [0.0, 0.0]]), [1, 2])
    array([0.25, 0.5 ])
    """
    wanted = np.asarray(sizes, dtype=np.int64)
    total = np.zeros(len(wanted))
    step = max(1, _BLOCK // scores.shape[1])
    for start in range(0, len(scores), step):
        ordered = np.sort(scores[start : start + step], axis=1)
        total += expected_maxima_at(ordered, wanted).sum(axis=0)
    return total / len(scores)


@dataclass(frozen=True)
class Redundant:
    """Models that are right and wrong on nearly the same prompts.

    Attributes:
        keep: the one to keep: the cheapest of those within the margin of the best, else the best.
        drop: the others.
        least: the lowest correlation of one of them with the first of the group.
    """

    keep: str
    drop: tuple[str, ...]
    least: float


def redundant(
    table: ScoreTable, *, limit: float = REDUNDANT, margin: float = 0.01
) -> list[Redundant]:
    """Groups of models with nearly the same records, the better groups first.

    From the best model down, each joins the first group whose best model's scores correlate with
    its own at least so much, beyond what their means explain (phi, if binary); else it opens a
    group. Of more than 2,000 models, only the best 2,000 are compared. A model that was not
    observed on all prompts is not compared, nor are any on fewer than 50 prompts.

    Args:
        table: the records.
        limit: correlation from which two models are redundant.
        margin: how much worse a cheaper model may be and still be kept in the better one's place.
    """
    if table.n_prompts < LEAST_SHARED:
        return []
    means = table.scores[:, table.candidates].mean(axis=0, dtype=np.float64)
    order = np.argsort(-means, kind="stable")[:_MOST_COMPARED]
    columns = table.candidates[order]
    scores = table.scores[:, columns]
    alike = correlations(scores, scores)
    free = np.ones(len(columns), dtype=np.bool_)
    groups = []
    for place in range(len(columns)):
        if not free[place]:
            continue
        twins = place + 1 + np.flatnonzero(free[place + 1 :] & (alike[place, place + 1 :] >= limit))
        free[twins] = False
        if len(twins):
            group = columns[np.concatenate([[place], twins])]
            groups.append(_kept(table, group, means[order][place], margin, alike[place, twins]))
    return groups


RULES = {
    "greedy": "each model raises the oracle most when it joins; strong-to-weak where better",
    "saving": "the best model, and those that stand in for it most cheaply",
    "all-strong": "the strongest models, as RouterEval picks them",
    "strong-to-weak": "models from strong to weak, as RouterEval picks them",
}
"""How a pool is chosen, by name."""

Chooser = Callable[[Index, int], Index]


def choosers(table: ScoreTable, seed: int) -> dict[str, Chooser]:
    """Functions from (training rows, size) to the columns of a pool, one per rule.

    Args:
        table: the records.
        seed: of RouterEval's random draws.
    """
    protocol = _Protocol(table, seed)
    rules: dict[str, Chooser] = {
        "greedy": protocol.complementary,
        "all-strong": lambda rows, size: protocol.columns("all-strong", rows, size),
        "strong-to-weak": lambda rows, size: protocol.columns("strong-to-weak", rows, size),
    }
    if table.costs is not None:
        costs = table.costs[:, table.candidates]
        rules["saving"] = lambda rows, size: table.candidates[
            saving_pool(table.trusted(rows, table.candidates), costs[rows], size)
        ]
    return {name: rules[name] for name in RULES if name in rules}


class _Protocol:
    """RouterEval's own pools, chosen on training rows."""

    def __init__(self, table: ScoreTable, seed: int) -> None:
        self.table, self.candidates = table, table.candidates
        self.split = Split("clean", seed)
        every = np.arange(table.n_prompts)
        self.records = Records.from_arrays(
            table.name,
            table.trusted(every, table.candidates),
            [str(column) for column in table.candidates],
        )

    def complementary(self, rows: Index, size: int) -> Index:
        """The greedy pool, or the strong-to-weak one where its oracle is higher on these rows."""
        trusted = self.table.trusted(rows, self.candidates)
        chosen = greedy(trusted, size)
        with suppress(DataError):  # too few models
            rival = np.searchsorted(self.candidates, self.columns("strong-to-weak", rows, size))
            if trusted[:, rival].max(axis=1).sum() > trusted[:, chosen].max(axis=1).sum() + 1e-9:
                chosen = rival
        return self.candidates[chosen]

    def columns(self, group: str, rows: Index, size: int) -> Index:
        nothing = np.zeros(0, dtype=np.int64)
        pool, stream = Pool(group, size), np.random.RandomState(self.split.seed)
        parts = Rows(np.sort(rows), nothing, nothing)
        found = chosen_models(self.records, [pool], self.split, parts, stream)[pool]
        if isinstance(found, DataError):
            raise found
        return np.array([int(name) for name in found], dtype=np.int64)


def _cover(
    patterns: NDArray[np.bool_], weights: Floats, size: int, time_limit: float
) -> tuple[Index, float]:
    """Models that cover the most weight, and the bound on it; no models if none were found in time.

    Only the models are integer variables: whether a pattern is covered follows.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array, eye_array, hstack

    n_patterns, n_models = patterns.shape
    within = hstack([csr_array(-patterns.astype(np.float64)), eye_array(n_patterns)], format="csr")
    count = np.concatenate([np.ones(n_models), np.zeros(n_patterns)])
    result = milp(
        c=np.concatenate([np.zeros(n_models), -weights]),
        integrality=np.concatenate([np.ones(n_models), np.zeros(n_patterns)]),
        bounds=Bounds(0, 1),
        constraints=[LinearConstraint(within, ub=0), LinearConstraint(count[None, :], ub=size)],
        options={"time_limit": time_limit, "mip_rel_gap": 0.0},
    )
    bound = float(weights.sum())
    if result.mip_dual_bound is not None:
        bound = min(bound, -float(result.mip_dual_bound))
    if result.x is None:
        return np.zeros(0, dtype=np.int64), bound
    return _filled_up(np.flatnonzero(result.x[:n_models] > 0.5), patterns, weights, size), bound


def _filled_up(columns: Index, patterns: NDArray[np.bool_], weights: Floats, size: int) -> Index:
    """The columns, with the strongest others until there are enough."""
    means = weights @ patterns
    means[columns] = -1.0
    more = np.argsort(-means, kind="stable")[: size - len(columns)]
    return np.concatenate([columns, more])


def _kept(table: ScoreTable, group: Index, best: float, margin: float, alike: Floats) -> Redundant:
    keep = group[0]
    if table.costs is not None:
        means = table.scores[:, group].mean(axis=0, dtype=np.float64)
        fine = group[means >= best - margin]
        prices = table.costs[:, fine].mean(axis=0, dtype=np.float64)
        keep = fine[int(prices.argmin())]
    drop = [column for column in group if column != keep]
    return Redundant(table.models[keep], table.names(drop), float(alike.min()))


def _refuse_too_many(size: int, n_models: int) -> None:
    if size < 1:
        raise SpecError(f"a pool has at least 1 model, not {size}")
    if size > n_models:
        are = "is" if n_models == 1 else "are"
        raise DataError(f"{number_of(n_models, 'model')} {are} too few for a pool of {size}")
