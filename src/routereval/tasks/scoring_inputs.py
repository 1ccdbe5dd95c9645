"""What the test prompts of a task say of any router that is scored on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from routereval.observed import column_means
from routereval.records import Records
from routereval.records.routereval import TRUTHFULNESS, canonical
from routereval.tasks.mix import benchmark_names, reference_of
from routereval.tasks.task import Task

_USD = "USD"


@dataclass(frozen=True, eq=False)
class ScoringInputs:
    """The test prompts of a task, as scoring takes them.

    Attributes:
        scores: (n_prompts, n_models) in [0, 1].
        costs: (n_prompts, n_models) what each call cost, none missing; None if unknown.
        cost_unit: what costs are counted in.
        best_single: column of the model that was best on the training prompts; (n_prompts,) columns
            where prompts of several folds are put together.
        rows: (n_prompts,) which prompts of the records.
        fold: (n_prompts,) the fold of each prompt; None where there is one.
        reference: what V_R divides by; None if unknown.
        subsets: (n_prompts,) subset codes.
        groups: (n_prompts,) codes of the groups of equal prompts.
        truthful: (n_prompts,) on which prompts a wrong answer is a hallucination.
    """

    scores: NDArray[np.float64]
    costs: NDArray[np.float64] | None
    cost_unit: str
    best_single: int | NDArray[np.int64]
    reference: float | None
    subsets: NDArray[np.int64]
    groups: NDArray[np.int64]
    truthful: NDArray[np.bool_]
    rows: NDArray[np.int64]
    fold: NDArray[np.int64] | None = None

    @property
    def usual_best(self) -> int:
        """The column that is the best single model most often; the lowest of equals."""
        return int(np.bincount(np.atleast_1d(self.best_single)).argmax())

    def taken(self, order: NDArray[np.int64]) -> ScoringInputs:
        """The same prompts in another order, of inputs that were `joined`."""
        fold, best = self.fold, self.best_single
        return replace(
            self,
            scores=self.scores[order],
            costs=None if self.costs is None else self.costs[order],
            best_single=best if isinstance(best, int) else best[order],
            subsets=self.subsets[order],
            groups=self.groups[order],
            truthful=self.truthful[order],
            rows=self.rows[order],
            fold=None if fold is None else fold[order],
        )


def scoring_inputs(task: Task) -> ScoringInputs:
    """What scoring takes of a task.

    Raises:
        DataError: if no test prompt was put to every model of the pool.
    """
    test, records = task.test, task.records
    return ScoringInputs(
        scores=test.scores,
        costs=filled_costs(test.costs),
        cost_unit=str(records.meta.get("cost_unit") or _USD),
        best_single=task.best_single,
        reference=task.reference,
        subsets=test.subsets,
        groups=test.groups,
        truthful=_is_of_truthfulness(benchmark_names(records))[test.benchmarks]
        | _truthful_subsets(records)[test.subsets],
        rows=test.rows,
    )


def joined(folds: Sequence[Task]) -> ScoringInputs:
    """What scoring takes of all folds of a cross-validation, one fold after the other."""
    parts = [scoring_inputs(task) for task in folds]
    costs = [task.test.costs for task in folds]
    known = [usd for usd in costs if usd is not None]
    sizes = [len(part.rows) for part in parts]
    rows = np.concatenate([part.rows for part in parts])
    return replace(
        parts[0],
        scores=np.concatenate([part.scores for part in parts]),
        costs=filled_costs(np.concatenate(known)) if known else None,
        best_single=np.repeat([part.best_single for part in parts], sizes),
        reference=reference_of(folds[0].records, rows),
        subsets=np.concatenate([part.subsets for part in parts]),
        groups=np.concatenate([part.groups for part in parts]),
        truthful=np.concatenate([part.truthful for part in parts]),
        rows=rows,
        fold=np.repeat([task.split["fold"] for task in folds], sizes),
    )


def filled_costs(costs: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """Costs of every call: what is unknown filled with the mean of the model's other calls.

    Args:
        costs: (n_prompts, n_models), NaN where unknown, or None.

    Returns:
        The same shape; None where nothing is known of some model.

    >>> filled_costs(np.array([[1.0, 3.0], [np.nan, 5.0]]))
    array([[1., 3.],
           [1., 5.]])
    """
    if costs is None:
        return None
    seen = ~np.isnan(costs)
    if seen.all():
        return costs
    if not seen.any(axis=0).all():
        return None
    return np.where(seen, costs, column_means(costs))


def _truthful_subsets(records: Records) -> NDArray[np.bool_]:
    """(n_subsets,) which subsets are named like a benchmark of truthfulness."""
    subsets = records.prompts["subset"].fill_null("").unique(maintain_order=True).to_list()
    return _is_of_truthfulness(subsets)


def _is_of_truthfulness(names: Sequence[str]) -> NDArray[np.bool_]:
    return np.array([canonical(name) in TRUTHFULNESS for name in names])
