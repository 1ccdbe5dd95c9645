"""Pools worth having: which few models to keep, and which are redundant.

The oracle of a pool is a monotone submodular function of it, so the greedy choice has at least
1 − 1/e of the best oracle of its size (Nemhauser, Wolsey & Fisher 1978).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.number_of import number_of
from routereval.records import score_matrix
from routereval.studies.advise.score_table import Floats, Index, ScoreTable, correlations
from routereval.studies.orders import greedy as greedy_steps

REDUNDANT = 0.9
"""Two models whose scores correlate (phi, if binary) at least so much are one for most purposes."""

LEAST_SHARED = 50
"""Prompts two models must share before they can be called redundant."""

_MOST_COMPARED = 2_000


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


def redundant(table: ScoreTable, margin: float = 0.01) -> list[Redundant]:
    """Groups of models with nearly the same records, the better groups first.

    From the best model down, each joins the first group whose best model's scores correlate with
    its own at least so much, beyond what their means explain (phi, if binary); else it opens a
    group. Of more than 2,000 models, only the best 2,000 are compared. A model that was not
    observed on all prompts is not compared, nor are any on fewer than 50 prompts.

    Args:
        table: the records.
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
        twins = (
            place + 1 + np.flatnonzero(free[place + 1 :] & (alike[place, place + 1 :] >= REDUNDANT))
        )
        free[twins] = False
        if len(twins):
            group = columns[np.concatenate([[place], twins])]
            groups.append(_kept(table, group, means[order][place], margin, alike[place, twins]))
    return groups


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
