"""The score matrix: binary scores on packed bits, real-valued ones as floats, one interface.

Axes are (prompts, models) wherever a shape is seen; inside, both are stored model-major.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from routereval.records import bits

Index = NDArray[np.int64]


class Prefixes(NamedTuple):
    """What the first m models of an order score together.

    Attributes:
        oracle: (n_models,) the oracle's mean over the prompts, for m = 1, 2, …
        oracle_at: (n_prompts, n_sizes) the oracle on each prompt, at some sizes.
        mean_at: (n_prompts, n_sizes) the mean over those models on each prompt, at some sizes.
    """

    oracle: NDArray[np.float64]
    oracle_at: NDArray[np.float64]
    mean_at: NDArray[np.float64]


class ScoreMatrix(Protocol):
    """What a pool is chosen by and a task is cut from, whatever the scores are stored as.

    To the oracle, a model that was not observed on a prompt scores 0 there.
    """

    @property
    def shape(self) -> tuple[int, int]:
        """(n_prompts, n_models)."""

    def dense(
        self, prompts: Index | None = None, models: Index | None = None
    ) -> NDArray[np.float64]:
        """Scores as a (prompts, models) float matrix, NaN where not observed."""

    def select(self, prompts: Index | None = None, models: Index | None = None) -> ScoreMatrix:
        """The matrix of the named prompts and models, in that order."""

    def observed(self) -> bits.Words | None:
        """Which cells were observed, packed model-major; None if all."""

    def means(self) -> NDArray[np.float64]:
        """Each model's mean over the prompts on which it was observed; NaN where on none."""

    def window_oracles(self, order: Index, size: int) -> NDArray[np.float64]:
        """The oracle's mean for every window of `size` consecutive models of `order`."""

    def draw_oracles(self, draws: Index) -> NDArray[np.float64]:
        """The oracle's mean for each row of `draws`, a (n_draws, size) matrix of models."""

    def prefixes(self, order: Index, sizes: Index) -> Prefixes:
        """What the first m models of `order` score together; cells not observed count as 0."""


@dataclass(frozen=True)
class BinaryMatrix:
    """Scores of 0 and 1, 64 prompts per word.

    Attributes:
        words: (n_models, n_words) the scores; 0 where not observed.
        n_prompts: how many prompts the words hold.
        seen: (n_models, n_words) which cells were observed, or None if all were.
    """

    words: bits.Words
    n_prompts: int
    seen: bits.Words | None = None

    @classmethod
    def of(cls, scores: NDArray[np.floating]) -> BinaryMatrix:
        """Pack a (prompts, models) matrix of 0, 1 and NaN."""
        missing = np.isnan(scores)
        seen = bits.pack(~missing.T) if missing.any() else None
        return cls(bits.pack(scores.T == 1), len(scores), seen)

    @property
    def shape(self) -> tuple[int, int]:
        """(n_prompts, n_models)."""
        return self.n_prompts, len(self.words)

    def dense(
        self, prompts: Index | None = None, models: Index | None = None
    ) -> NDArray[np.float64]:
        """Scores as a (prompts, models) float matrix, NaN where not observed."""
        out = self._bits(self.words, prompts, models).astype(np.float64)
        if self.seen is not None:
            out[~self._bits(self.seen, prompts, models)] = np.nan
        return out

    def _bits(
        self, words: bits.Words, prompts: Index | None, models: Index | None
    ) -> NDArray[np.bool_]:
        rows = words if models is None else words[models]
        matrix = bits.unpack(rows, self.n_prompts)
        return (matrix if prompts is None else matrix[:, prompts]).T

    def select(self, prompts: Index | None = None, models: Index | None = None) -> BinaryMatrix:
        """The matrix of the named prompts and models, in that order."""
        words, seen = self.words, self.seen
        if models is not None:
            words, seen = words[models], None if seen is None else seen[models]
        if prompts is None:
            return BinaryMatrix(words, self.n_prompts, seen)
        words = bits.select_prompts(words, self.n_prompts, prompts)
        seen = None if seen is None else bits.select_prompts(seen, self.n_prompts, prompts)
        return BinaryMatrix(words, len(prompts), seen)

    def observed(self) -> bits.Words | None:
        """Which cells were observed, packed model-major; None if all."""
        return self.seen

    def means(self) -> NDArray[np.float64]:
        """Each model's mean over the prompts on which it was observed; NaN where on none."""
        right = bits.count(self.words).astype(np.float64)
        asked = self.n_prompts if self.seen is None else bits.count(self.seen)
        with np.errstate(invalid="ignore"):
            return np.asarray(right / asked)

    def window_oracles(self, order: Index, size: int) -> NDArray[np.float64]:
        """The oracle's mean for every window of `size` consecutive models of `order`."""
        return np.asarray(bits.window_counts(self.words[order], size) / self.n_prompts)

    def draw_oracles(self, draws: Index) -> NDArray[np.float64]:
        """The oracle's mean for each row of `draws`, a (n_draws, size) matrix of models."""
        return np.asarray(bits.draw_counts(self.words, draws) / self.n_prompts)

    def prefixes(self, order: Index, sizes: Index) -> Prefixes:
        """What the first m models of `order` score together; cells not observed count as 0."""
        words = self.words[order]
        first = bits.first_rows(words, self.n_prompts)
        new = np.bincount(first, minlength=len(order) + 1)[: len(order)]
        steps = np.split(words, sizes)[:-1]
        added = [bits.count_per_prompt(step, self.n_prompts) for step in steps]
        return Prefixes(
            oracle=np.cumsum(new) / self.n_prompts,
            oracle_at=(first[:, None] < sizes).astype(np.float64),
            mean_at=np.cumsum(added, axis=0).T / sizes,
        )


@dataclass(frozen=True)
class RealMatrix:
    """Scores anywhere in [0, 1].

    Attributes:
        values: (n_models, n_prompts) float32, or float64 where float32 would lose digits; NaN where
            not observed.
    """

    values: NDArray[np.floating]

    @classmethod
    def of(cls, scores: NDArray[np.floating]) -> RealMatrix:
        """Store a (prompts, models) matrix in the narrowest float that keeps every digit."""
        narrow = np.ascontiguousarray(scores.T, dtype=np.float32)
        exact = np.array_equal(narrow, scores.T, equal_nan=True)
        return cls(narrow if exact else np.ascontiguousarray(scores.T, dtype=np.float64))

    @property
    def shape(self) -> tuple[int, int]:
        """(n_prompts, n_models)."""
        return self.values.shape[1], self.values.shape[0]

    def dense(
        self, prompts: Index | None = None, models: Index | None = None
    ) -> NDArray[np.float64]:
        """Scores as a (prompts, models) float matrix, NaN where not observed."""
        values = self.values if models is None else self.values[models]
        return (values if prompts is None else values[:, prompts]).T.astype(np.float64)

    def select(self, prompts: Index | None = None, models: Index | None = None) -> RealMatrix:
        """The matrix of the named prompts and models, in that order."""
        values = self.values if models is None else self.values[models]
        return RealMatrix(values if prompts is None else values[:, prompts])

    def observed(self) -> bits.Words | None:
        """Which cells were observed, packed model-major; None if all."""
        missing = np.isnan(self.values)
        return bits.pack(~missing) if missing.any() else None

    def means(self) -> NDArray[np.float64]:
        """Each model's mean over the prompts on which it was observed; NaN where on none."""
        seen = ~np.isnan(self.values)
        # Prompt after prompt, as numpy sums the columns of a (prompts, models) matrix: the order of
        # nearly equal models, and so the pools, depend on the last bit.
        total = np.add.reduce(
            np.where(seen, self.values, 0.0).T.astype(np.float64, order="C"), axis=0
        )
        with np.errstate(invalid="ignore"):
            return np.asarray(total / seen.sum(axis=1))

    def window_oracles(self, order: Index, size: int) -> NDArray[np.float64]:
        """The oracle's mean for every window of `size` consecutive models of `order`."""
        from scipy.ndimage import maximum_filter1d

        best = maximum_filter1d(self._filled()[order], size, axis=0, mode="nearest")
        first = size // 2  # the filter writes the window that starts at row 0 here
        return np.asarray(
            best[first : first + len(order) - size + 1].mean(axis=1, dtype=np.float64)
        )

    def draw_oracles(self, draws: Index) -> NDArray[np.float64]:
        """The oracle's mean for each row of `draws`, a (n_draws, size) matrix of models."""
        out = np.empty(len(draws))
        values = self._filled()
        for row, draw in enumerate(draws):
            out[row] = values[draw].max(axis=0).mean(dtype=np.float64)
        return out

    def prefixes(self, order: Index, sizes: Index) -> Prefixes:
        """What the first m models of `order` score together; cells not observed count as 0."""
        n_prompts, at = self.shape[0], {m: place for place, m in enumerate(sizes.tolist())}
        found = Prefixes(np.empty(len(order)), *np.empty((2, n_prompts, len(sizes))))
        best, total = np.zeros((2, n_prompts))
        for m, model in enumerate(order, start=1):
            scores = np.fmax(self.values[model], 0.0)
            np.maximum(best, scores, out=best)
            total += scores
            found.oracle[m - 1] = best.mean()
            if m in at:
                found.oracle_at[:, at[m]], found.mean_at[:, at[m]] = best, total / m
        return found

    def _filled(self) -> NDArray[np.floating]:
        return self.values if self.observed() is None else np.nan_to_num(self.values)


def score_matrix(scores: NDArray[np.floating]) -> BinaryMatrix | RealMatrix:
    """The matrix that fits the scores: packed where all observed ones are 0 or 1.

    Args:
        scores: (n_prompts, n_models), NaN where not observed.
    """
    binary = bool(np.all((scores == 0) | (scores == 1) | np.isnan(scores)))
    return BinaryMatrix.of(scores) if binary else RealMatrix.of(scores)


class Block(NamedTuple):
    """Prompts and models of which every cell was observed."""

    prompts: Index
    models: Index


_FEWEST_PROMPTS = 20


def complete_block(matrix: ScoreMatrix, least_models: int = 1) -> Block:
    """A large block without missing cells, found by leaving out the least observed models.

    Models are taken in the order of how many prompts they were observed on; of all such prefixes,
    with the prompts that all of their models share, the one of the most cells is kept.

    Args:
        matrix: the scores.
        least_models: how many models the block should have, such as the largest pool asked for. It
            has fewer only where so many share fewer than 20 prompts.
    """
    n_prompts, n_models = matrix.shape
    seen = matrix.observed()
    if seen is None:
        return Block(np.arange(n_prompts), np.arange(n_models))
    order = np.argsort(-bits.count(seen), kind="stable")
    shared = bits.running_and(seen[order])
    n_shared, sizes = bits.count(shared), np.arange(1, n_models + 1)
    best = int(np.argmax(n_shared * sizes))
    for least in range(min(least_models, n_models), best + 1, -1):
        enough = (sizes >= least) & (n_shared >= _FEWEST_PROMPTS)
        if enough.any():
            best = int(np.argmax(np.where(enough, n_shared * sizes, -1)))
            break
    prompts = np.flatnonzero(bits.unpack(shared[best : best + 1], n_prompts)[0])
    return Block(prompts, np.sort(order[: best + 1]))


def narrowed(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """The numbers as float32 if that keeps every digit."""
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    return narrow if np.array_equal(narrow, values, equal_nan=True) else values
