"""What is observed of one router on a task's test prompts: all that evidence is collected from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Flags = NDArray[np.bool_]

_ROW_SUM_TOLERANCE = 1e-6
_TIE = 1e-9  # costs that differ by a smaller share are equal
_FOLDS, _CUTS = 5, 3
_RIGHT = 0.5  # a real-valued score from here on counts as a right answer


@dataclass(frozen=True, eq=False, kw_only=True)
class Observations:
    """One router on one task's test prompts, as matrices; what is derived from them, once.

    Attributes:
        scores: (n_prompts, n_models) true scores in [0, 1].
        weights: (n_prompts, n_models) probability with which each prompt goes to each model.
        distribution: (n_prompts, n_models) the router's predicted distribution.
        costs: (n_prompts, n_models) cost per call, NaN where unknown.
        called: (n_prompts, n_models) how often each model is called; `weights`, but for a cascade.
        subsets: (n_prompts,) code of each prompt's subset.
        groups: (n_prompts,) code of the group of equal prompts that each belongs to.
        truthful: (n_prompts,) 1 where a wrong answer is a hallucination, else 0.
        best_single: column of the model that was best on the training prompts, or one per prompt.
        entropy_floor: probabilities up to this one do not count in the entropy.
    """

    scores: Floats
    weights: Floats
    distribution: Floats
    costs: Floats
    called: Floats
    subsets: Codes
    groups: Codes
    truthful: Floats
    best_single: int | Codes
    entropy_floor: float

    def __post_init__(self) -> None:
        n_prompts, n_models = self.scores.shape
        # written so that NaN fails too
        rows = np.abs(self.weights.sum(axis=1) - 1) <= _ROW_SUM_TOLERANCE
        if not rows.all() or self.weights.min() < 0:
            raise DataError("every row of weights must be a distribution: none negative, sum 1")
        if np.isnan(self.distribution).any():
            raise DataError(
                "the router's predicted distribution holds NaN; its scores must be finite"
            )
        for name, held in (("subsets", self.subsets), ("groups", self.groups)):
            if held.shape != (n_prompts,):
                raise DataError(f"{name} has shape {held.shape} for {n_prompts} prompts")
        best = np.asarray(self.best_single)
        if best.size and not (best.min() >= 0 and best.max() < n_models):
            raise DataError(
                f"best_single is column {self.best_single} of a pool of {n_models} models"
            )

    @property
    def n_prompts(self) -> int:
        """How many test prompts there are."""
        return len(self.scores)

    @cached_property
    def quality(self) -> Floats:
        """(n_prompts,) expected score of the chosen model."""
        return _expected(self.weights, self.scores)

    @cached_property
    def oracle(self) -> Floats:
        """(n_prompts,) the highest score of any model."""
        return np.asarray(self.scores.max(axis=1))

    @cached_property
    def at_top(self) -> Flags:
        """(n_prompts, n_models) which models have the prompt's highest score."""
        return np.asarray(self.scores == self.oracle[:, None])

    @cached_property
    def n_right(self) -> Floats:
        """(n_prompts,) how many models are right."""
        return np.asarray((self.scores >= _RIGHT).sum(axis=1), np.float64)

    @cached_property
    def entropy(self) -> Floats:
        """(n_prompts,) entropy of the predicted distribution, in bits."""
        return entropy_bits(self.distribution, self.entropy_floor)

    @cached_property
    def choice(self) -> Codes:
        """(n_prompts,) column of the chosen model; -1 where the policy mixes models."""
        certain = self.weights.max(axis=1) >= 1 - _ROW_SUM_TOLERANCE
        return np.where(certain, self.weights.argmax(axis=1), -1).astype(np.int64)

    @cached_property
    def best_test(self) -> int:
        """Column of the model with the highest mean on these prompts, the lowest on ties."""
        return int(self.scores.mean(axis=0).argmax())

    @cached_property
    def best_subset(self) -> NDArray[np.intp]:
        """(n_prompts,) column of the model with the highest mean on the prompt's subset."""
        return np.asarray(self.subset_scores.argmax(axis=1))

    @cached_property
    def subset_scores(self) -> Floats:
        """(n_prompts, n_models) each model's mean score on the prompt's subset."""
        return self.subset_means(self.scores)

    @cached_property
    def best_apart(self) -> Floats:
        """(n_prompts,) score of the model that is best on the other fifths, groups kept whole."""
        _, group = np.unique(self.groups, return_inverse=True)
        n_groups, total = int(group.max()) + 1, self.scores.sum(axis=0)
        found, rng = np.zeros(self.n_prompts), np.random.default_rng(0)
        for _ in range(_CUTS):
            fold = (rng.permutation(n_groups) % _FOLDS)[group]
            for part in range(min(_FOLDS, n_groups)):
                here = fold == part
                rest = total - self.scores[here].sum(axis=0)
                found[here] += self.scores[here, int(rest.argmax())]
        return found / _CUTS

    @cached_property
    def cost(self) -> Floats:
        """(n_prompts,) expected cost of the choice; NaN where unknown."""
        return _expected(self.called, self.costs)

    @cached_property
    def costs_known(self) -> bool:
        """Whether the cost of every call is known."""
        return not np.isnan(self.costs).any()

    @cached_property
    def optimal_cost(self) -> Floats:
        """(n_prompts,) cost of the cheapest model of the highest score."""
        return np.asarray(np.where(self.at_top, self.costs, np.inf).min(axis=1))

    @property
    def optimal(self) -> Flags:
        """(n_prompts, n_models) the cheapest models of the highest score.

        Models that tie in cost share the place: which of two equal columns is first says nothing.
        """
        return self.at_top & (self.costs <= self.optimal_cost[:, None] * (1 + _TIE))

    @property
    def needless(self) -> Flags:
        """(n_prompts, n_models) the dearest models where a less dear one has the top score too."""
        means = self.costs.mean(axis=0)
        dearest = means >= means.max() * (1 - _TIE)
        less_dear = (self.at_top & ~dearest).any(axis=1, keepdims=True)
        return np.asarray(dearest & self.at_top & less_dear)

    def sent_to(self, models: Flags) -> Floats:
        """(n_prompts,) probability that the choice is one of these (n_prompts, n_models) models."""
        return np.asarray(np.einsum("ij,ij->i", self.weights, models))

    def of_model(self, columns: int | NDArray[np.intp]) -> Floats:
        """(n_prompts,) score of one model, or of one model for each prompt."""
        return np.asarray(self.scores[np.arange(self.n_prompts), columns])

    def subset_means(self, values: Floats) -> Floats:
        """(n_prompts, n_models) each model's mean on the prompt's subset."""
        codes, where = np.unique(self.subsets, return_inverse=True)
        if len(codes) == 1:
            return np.broadcast_to(values.mean(axis=0), values.shape)
        return np.stack([values[where == code].mean(axis=0) for code in range(len(codes))])[where]


def between(values: Floats, bounds: Floats) -> Floats:
    """Values on the line from the least, 0, to the greatest bound of their row, 1; 0 without."""
    low, high = bounds.min(axis=1), bounds.max(axis=1)
    apart = high > low
    return np.asarray(np.where(apart, (values - low) / np.where(apart, high - low, 1.0), 0.0))


def entropy_bits(p: Floats, floor: float = 0.0) -> Floats:
    """Shannon entropy over the last axis in bits, of the terms above a floor.

    >>> entropy_bits(np.array([[0.25, 0.25, 0.25, 0.25], [1.0, 0.0, 0.0, 0.0]]))
    array([2., 0.])
    """
    logs = np.zeros_like(p)
    np.log2(p, where=p > floor, out=logs)
    return np.asarray(0.0 - np.einsum("...i,...i->...", p, logs))


def _expected(weights: Floats, values: Floats) -> Floats:
    # a model that is never called may have an unknown cost, and 0 * NaN would be NaN
    return np.asarray(np.where(weights > 0, weights * values, 0.0).sum(axis=1))
