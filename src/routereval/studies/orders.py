"""In which order models join a growing pool."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, unknown
from routereval.observed import column_means
from routereval.records.bits import Words, count
from routereval.records.matrix import BinaryMatrix, RealMatrix
from routereval.scoring.scaling import spread_ranks

Matrix = BinaryMatrix | RealMatrix
Index = NDArray[np.int64]
Floats = NDArray[np.float64]

RANDOM = "random"
ORDERS = {
    RANDOM: "the expectation over all orders, in closed form",
    "strong-to-weak": "by mean score, the best first",
    "weak-to-strong": "by mean score, the worst first",
    "spread": "the best, the median, the quarters, the eighths … by mean score",
    "greedy": "always the model that raises the oracle most",
    "greedy-cost": "always the model that raises the oracle most for its price",
}
"""Orders by name."""

_FIRST_BATCH = 32
_BLOCK = 1 << 22


class Step(NamedTuple):
    """One model joins the pool.

    Attributes:
        model: its column.
        oracle: the oracle's mean score with it.
    """

    model: int
    oracle: float


def known_order(name: str) -> str:
    """The name itself.

    Raises:
        SpecError: if no order is called that.
    """
    if name not in ORDERS:
        raise unknown("order", name, ORDERS)
    return name


def model_order(name: str, matrix: Matrix, costs: NDArray[np.floating] | None = None) -> Index:
    """The columns of a matrix in the order of that name; ties keep the order of the columns.

    Args:
        name: one of `ORDERS` other than ``random``.
        matrix: scores without missing cells.
        costs: (n_models, n_prompts) USD per call, NaN where unknown; for ``greedy-cost``.

    Raises:
        SpecError: if there is no such order.
        DataError: if ``greedy-cost`` is asked for where no cost is known.
    """
    falling = np.argsort(-matrix.means(), kind="stable")
    match known_order(name):
        case "strong-to-weak":
            return falling
        case "weak-to-strong":
            return falling[::-1]
        case "spread":
            return falling[spread_ranks(len(falling))]
        case "greedy":
            return np.array([step.model for step in greedy(matrix)])
        case "greedy-cost":
            return np.array([step.model for step in greedy(matrix, prices=_prices(costs))])
    raise DataError("a random order is an expectation, not a list of models")


def greedy(
    matrix: Matrix, candidates: Index | None = None, prices: NDArray[np.floating] | None = None
) -> Iterator[Step]:
    """Let the model join that raises the oracle most, one after another.

    The oracle is a monotone submodular function of the pool, so the first m have at least 1 − 1/e,
    or 63 %, of the best oracle that any m can have (Nemhauser, Wolsey & Fisher 1978). For the same
    reason a gain only falls as the pool grows: those last seen are upper bounds, and most need not
    be looked at again (Minoux 1978). Ties go to the better model, then to the lower column. Once no
    one is left who adds anything, the rest follow from strong to weak.

    Args:
        matrix: scores; cells not observed count as 0.
        candidates: columns to choose from; all if None.
        prices: (n_models,) above 0; gains are divided by them.

    Yields:
        A step for each candidate, with the oracle of the pool so far.
    """
    cover = _Packed(matrix) if isinstance(matrix, BinaryMatrix) else _Graded(matrix)
    left = np.arange(matrix.shape[1]) if candidates is None else np.asarray(candidates)
    alone = cover.gains(left)
    falling = np.argsort(-alone, kind="stable")
    left = left[falling]
    price = np.ones(len(left)) if prices is None else prices[left]
    bounds = alone[falling] / price
    while len(left):
        place = _next(cover, left, price, bounds)
        if bounds[place] <= 0:
            break
        model = int(left[place])
        cover.add(model)
        left, price, bounds = (np.delete(kept, place) for kept in (left, price, bounds))
        yield Step(model, cover.oracle)
    full = cover.oracle
    for model in left.tolist():
        yield Step(model, full)


def _next(cover: _Cover, left: Index, price: NDArray[np.floating], bounds: Floats) -> int:
    """The place of the largest gain; bounds are brought up to date as far as need be."""
    by_bound = np.argsort(-bounds, kind="stable")
    start, batch = 0, _FIRST_BATCH
    while start < len(left):
        places = by_bound[start : start + batch]
        bounds[places] = cover.gains(left[places]) / price[places]
        start, batch = start + batch, batch * 2
        if start < len(left) and bounds[by_bound[:start]].max() > bounds[by_bound[start]]:
            break
    return int(np.argmax(bounds))


def _prices(costs: NDArray[np.floating] | None) -> Floats:
    """The mean cost of each model; what is unknown is never bought."""
    if costs is None or np.isnan(costs).all():
        raise DataError("no cost of any model is known; use --order greedy")
    means = column_means(costs.T)
    return np.maximum(np.where(np.isnan(means), np.inf, means), np.finfo(np.float64).tiny)


class _Cover(Protocol):
    """What a pool covers so far."""

    @property
    def oracle(self) -> float:
        """The oracle's mean score."""

    def gains(self, models: Index) -> Floats:
        """By how much each model would raise the sum of the oracle."""

    def add(self, model: int) -> None:
        """Let a model join."""


class _Packed:
    def __init__(self, matrix: BinaryMatrix) -> None:
        self.words: Words = np.asarray(matrix.words)
        self.n_prompts = matrix.n_prompts
        self.covered = np.zeros(self.words.shape[1], dtype=np.uint64)

    @property
    def oracle(self) -> float:
        return int(count(self.covered[None])[0]) / self.n_prompts

    def gains(self, models: Index) -> Floats:
        return count(self.words[models] & ~self.covered).astype(np.float64)

    def add(self, model: int) -> None:
        self.covered |= self.words[model]


class _Graded:
    def __init__(self, matrix: RealMatrix) -> None:
        self.values = np.asarray(matrix.values)
        self.best = np.zeros(matrix.shape[0])

    @property
    def oracle(self) -> float:
        return float(self.best.mean())

    def gains(self, models: Index) -> Floats:
        step = max(1, _BLOCK // len(self.best))
        parts = [models[start : start + step] for start in range(0, len(models), step)]
        return np.concatenate([self._gains(part) for part in parts])

    def _gains(self, models: Index) -> Floats:
        above = self.values[models] - self.best
        return np.asarray(np.fmax(above, 0.0, out=above).sum(axis=1))

    def add(self, model: int) -> None:
        np.fmax(self.best, self.values[model], out=self.best)
