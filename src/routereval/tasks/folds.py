"""Folds: parts of the prompts that are tested in turn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.number_of import number_of
from routereval.records.groups import first_equal

Index = NDArray[np.int64]


def folds_of(subsets: Index, folds: int, seed: int, groups: Index | None = None) -> Index:
    """(n_prompts,) which fold each prompt is in; every subset is spread evenly over them.

    Equal prompts, of one code in `groups`, are in one fold; None where each is its own.

    Args:
        subsets: (n_prompts,) code of each prompt's subset.
        folds: how many.
        seed: of the draw.
        groups: (n_prompts,) code of each prompt's group of equal ones.

    Raises:
        SpecError: if there are less than two folds.
        DataError: if there are fewer prompts, or groups of equal ones, than folds.

    >>> np.bincount(folds_of(np.zeros(10, dtype=np.int64), 5, seed=0))
    array([2, 2, 2, 2, 2])
    """
    if folds < 2:
        raise SpecError(f"a cross-fit has at least 2 folds, not {folds}")
    first = np.arange(len(subsets)) if groups is None else first_equal(groups)
    order = np.lexsort([np.random.default_rng(seed).random(len(subsets)), subsets])
    order = order[first[order] == order]
    if len(order) < folds:
        n = number_of(len(order), "prompt")
        raise DataError(f"{n} {'is' if len(order) == 1 else 'are'} too few for {folds} folds")
    fold = np.empty(len(subsets), dtype=np.int64)
    fold[order] = np.arange(len(order)) % folds
    return fold[first]
