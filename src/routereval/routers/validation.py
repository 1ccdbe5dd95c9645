"""Choosing hyper-parameters: on which prompts, and by what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.routers.inputs import Features, Groups, Scores

HELD_OUT = 0.1
FEW = 10


class Fold(NamedTuple):
    """Some prompts: what the router reads of them, and the models' scores on them."""

    X: Features
    scores: Scores


class Folds(NamedTuple):
    """The prompts to learn from and the prompts to choose on."""

    train: Fold
    validation: Fold


class Rows(NamedTuple):
    """Places of the prompts to learn from, and of those that are held out, in order."""

    kept: NDArray[np.int64]
    held: NDArray[np.int64]


def held_out(n: int, seed: int = 0, groups: Groups | None = None, share: float = HELD_OUT) -> Rows:
    """Draw prompts to hold out; equal ones stay together.

    Fewer than 10 prompts, or groups of equal ones, are not divided: all are learned from, and all
    are held out.

    Args:
        n: how many prompts there are.
        seed: of the draw.
        groups: (n,) codes of equal prompts; None where each is its own.
        share: of the prompts to hold out.

    >>> held_out(20).held, held_out(20, groups=np.arange(20) // 2).held
    (array([ 4, 19]), array([4, 5]))
    """
    order = np.random.default_rng(seed).permutation(n)
    whole = np.arange(n) if groups is None else np.asarray(groups)
    _, first, codes, sizes = np.unique(
        whole, return_index=True, return_inverse=True, return_counts=True
    )
    if len(first) < FEW:
        return Rows(np.arange(n), np.arange(n))
    is_first = np.zeros(n, dtype=np.bool_)
    is_first[first] = True
    drawn = codes[order[is_first[order]]]
    middle = np.cumsum(sizes[drawn]) - sizes[drawn] / 2
    taken = middle < int(share * n)
    taken[0] = True
    out = np.isin(codes, drawn[taken])
    return Rows(np.flatnonzero(~out), np.flatnonzero(out))


def fold_codes(n: int, k: int, seed: int = 0, groups: Groups | None = None) -> NDArray[np.int64]:
    """Divide prompts into folds at random; equal ones stay together.

    Args:
        n: how many prompts there are.
        k: the number of folds, at most one per group of equal prompts.
        seed: of the draw.
        groups: (n,) codes of equal prompts; None where each is its own.

    Returns:
        (n,) the fold of each prompt, 0 to k - 1; the groups of a fold differ by one in number.

    >>> fold_codes(6, 2, groups=np.array([0, 0, 1, 2, 3, 3])).tolist()
    [0, 0, 0, 1, 1, 1]
    """
    whole = np.arange(n) if groups is None else np.asarray(groups)
    _, first, codes = np.unique(whole, return_index=True, return_inverse=True)
    appears = np.argsort(np.argsort(first, kind="stable"), kind="stable")
    place = np.random.default_rng(seed).permutation(len(first))[appears]
    return np.asarray((place % min(k, len(first)))[codes], dtype=np.int64)


def quality(predicted: Scores, scores: Scores) -> float:
    """Mean observed score of the model that is predicted to be best, 0 where none was observed.

    >>> quality(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([[1.0, 0.0], [1.0, 0.5]]))
    0.75
    """
    chosen = np.take_along_axis(scores, predicted.argmax(axis=1)[:, None], axis=1)
    seen = chosen[~np.isnan(chosen)]
    return float(seen.mean()) if seen.size else 0.0


def contrast(predicted: Scores, scores: Scores) -> float:
    """How well differences between models are foreseen: minus their mean squared error, at most 0.

    What all models of a prompt share, such as that it is easy, decides no choice and is taken out.
    On few validation prompts this tells predictions apart better than their `quality`, which
    changes only where a choice does.

    >>> contrast(np.array([[0.9, 0.7], [0.3, 0.3]]), np.array([[1.0, 0.8], [1.0, 1.0]]))
    -0.0
    """
    error = np.where(np.isnan(scores), np.nan, predicted - scores)
    seen = ~np.isnan(error)
    count = np.maximum(seen.sum(axis=1, keepdims=True), 1)
    common = np.where(seen, error, 0.0).sum(axis=1, keepdims=True) / count
    squares = np.where(seen, error - common, 0.0) ** 2
    return -float(np.round(squares.sum() / max(seen.sum(), 1), 15))


def last_best(qualities: Sequence[float] | NDArray[np.float64]) -> int:
    """The place of the highest quality, the last one of equals.

    >>> last_best([0.5, 0.7, 0.7, 0.6])
    2
    """
    reverse = np.asarray(qualities)[::-1]
    return len(reverse) - 1 - int(reverse.argmax())
