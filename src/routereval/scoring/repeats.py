"""What repeated runs tell: how far a rerun strays, and which part of the oracle's lead is luck.

A score of one run is the truth of a cell plus the luck of that run. Repeats take the two apart.
"""

from __future__ import annotations

from itertools import combinations
from math import ceil, comb, inf
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routereval.errors import DataError, SpecError

Floats = NDArray[np.float64]

_Z = 1.96 + 0.84  # of a two-sided test at 5 % that finds the difference in 80 % of samples
_MOST_SPLITS = 200
_FEWEST = 2


def pass_at_k(right: ArrayLike, runs: ArrayLike, k: int) -> Floats:
    """The probability that at least one of k runs is right: 1 - C(n - c, k) / C(n, k).

    The unbiased estimate of Chen et al. (2021, arXiv 2107.03374).

    Args:
        right: c, how many runs of each cell were right; any shape.
        runs: n, how many there were, of the same shape.
        k: how many are tried, at least 1.

    Returns:
        In [0, 1], of that shape; NaN where a cell has fewer than k runs.

    Raises:
        SpecError: if k is less than 1.

    >>> pass_at_k([0, 1, 2], [2, 2, 2], 2)
    array([0., 1., 1.])
    """
    c, n = np.asarray(right), np.asarray(runs)
    return 1 - _drawn_alike(n - c, n, k)


def pass_hat_k(right: ArrayLike, runs: ArrayLike, k: int) -> Floats:
    """The probability that all of k runs are right, pass^k: C(c, k) / C(n, k).

    The measure of reliability of tau-bench (Yao et al. 2024, arXiv 2406.12045). Arguments, shape
    and errors are those of `pass_at_k`.

    >>> pass_hat_k([0, 1, 2], [2, 2, 2], 2)
    array([0., 0., 1.])
    """
    return _drawn_alike(np.asarray(right), np.asarray(runs), k)


def _drawn_alike(held: NDArray[np.integer], runs: NDArray[np.integer], k: int) -> Floats:
    """The share of draws of k runs in which all are among those held."""
    if k < 1:
        raise SpecError(f"k is at least 1, not {k}")
    most = int(runs.max(initial=0))
    ways = np.array([comb(n, k) for n in range(most + 1)], np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(runs >= k, ways[held] / ways[runs], np.nan)


def run_variance(scores: Floats) -> Floats:
    """The variance of one run of each cell about its own truth, without bias.

    Args:
        scores: (n_trials, n_prompts, n_models), NaN where there was no run.

    Returns:
        (n_prompts, n_models); NaN where a cell has fewer than two runs.

    >>> run_variance(np.array([[[1.0]], [[0.0]]]))
    array([[0.5]])
    """
    n = (~np.isnan(scores)).sum(axis=0)
    mean = np.where(n > 0, np.nansum(scores, axis=0) / np.maximum(n, 1), np.nan)
    square = np.nansum((scores - mean) ** 2, axis=0)
    return np.where(n >= _FEWEST, square / np.maximum(n - 1, 1), np.nan)


def rerun_deviation(scores: Floats) -> Floats:
    """By how much the mean score of one run over the same prompts strays, from the single cells.

    Runs of different prompts are independent of each other, so their variances add up. Two runs
    differ from each other by √2 times as much.

    Args:
        scores: (n_trials, n_prompts, n_models).

    Returns:
        (n_models,) standard deviations; prompts without two runs count as the mean of the others.

    >>> rerun_deviation(np.array([[[1.0], [1.0]], [[0.0], [1.0]]]))
    array([0.35355339])
    """
    with np.errstate(invalid="ignore"):
        variance = np.nanmean(run_variance(scores), axis=0)
    return np.asarray(np.sqrt(variance / scores.shape[1]))


def observed_deviation(scores: Floats) -> Floats:
    """The standard deviation of the mean scores of whole runs, to hold `rerun_deviation` against.

    Args:
        scores: (n_trials, n_prompts, n_models); a prompt without one of the runs is left out.

    Returns:
        (n_models,); NaN of a single run.

    >>> observed_deviation(np.array([[[1.0], [1.0]], [[0.0], [1.0]]]))
    array([0.35355339])
    """
    whole = complete(scores)
    if len(whole) < _FEWEST or not whole.shape[1]:
        return np.full(scores.shape[2], np.nan)
    return np.asarray(whole.mean(axis=1).std(axis=0, ddof=1))


def complete(scores: Floats) -> Floats:
    """Only the prompts of which every model has all runs."""
    return scores[:, ~np.isnan(scores).any(axis=(0, 2))]


def split_trial_oracle(scores: Floats, chosen_by: int, seed: int = 0) -> Floats:
    """What an oracle reaches that sees some runs of a prompt, and is scored on the other runs.

    Of models that are equally good in the runs it sees, it takes the one that is better on the
    other prompts, by all runs. The mean over all ways to choose the runs; over 200 drawn at random
    where there are more.

    Args:
        scores: (n_trials, n_prompts, n_models), none missing.
        chosen_by: how many runs it sees, from 1 to n_trials - 1.
        seed: decides the draws.

    Returns:
        (n_prompts,) scores. Chosen by one run, the oracle is less than that of the true means,
        since one run often names the wrong model; by more runs it comes closer.

    Raises:
        SpecError: if no run is left to choose by, or to score on.
        DataError: if a run is missing.

    >>> split_trial_oracle(np.array([[[1.0, 0.0]], [[0.0, 1.0]]]), 1)
    array([0.])
    """
    n_trials, n_prompts, _ = scores.shape
    if not 1 <= chosen_by < n_trials:
        raise SpecError(f"of {n_trials} runs, 1 to {n_trials - 1} can choose, not {chosen_by}")
    if np.isnan(scores).any():
        raise DataError("a run is missing; take `complete` prompts only")
    means = scores.mean(axis=0)
    elsewhere = (means.sum(axis=0) - means) / max(n_prompts - 1, 1)
    total, splits = np.zeros(n_prompts), _splits(n_trials, chosen_by, seed)
    for seen in splits:
        best = scores[seen].mean(axis=0)
        tied = np.abs(best - best.max(axis=1, keepdims=True)) < 1e-9
        chosen = np.where(tied, elsewhere, -inf).argmax(axis=1)  # ties: the first model
        rest = np.setdiff1d(np.arange(n_trials), seen)
        total += scores[rest].mean(axis=0)[np.arange(n_prompts), chosen]
    return total / len(splits)


def _splits(n_trials: int, chosen_by: int, seed: int) -> list[NDArray[np.int64]]:
    if comb(n_trials, chosen_by) <= _MOST_SPLITS:
        return [np.array(one) for one in combinations(range(n_trials), chosen_by)]
    rng = np.random.default_rng(seed)
    return [rng.permutation(n_trials)[:chosen_by] for _ in range(_MOST_SPLITS)]


def luck_share(single: float, split: float, best: float) -> float:
    """The share of the oracle's lead over the best single model that is the luck of a run.

    Args:
        single: the oracle of single runs.
        split: the split-trial oracle.
        best: the best single model.

    Returns:
        (single - split) / (single - best); NaN where the oracle has no lead.

    >>> round(luck_share(0.75, 0.65, 0.55), 9)
    0.5
    """
    return (single - split) / (single - best) if single > best else float("nan")


class Spread(NamedTuple):
    """Where the difference of two models varies.

    Attributes:
        prompts: the variance over prompts of their true difference.
        runs: the variance over runs of one prompt's difference, of one run each.
    """

    prompts: float
    runs: float

    def needed(self, difference: float, n_trials: int) -> float:
        """How many prompts tell the two apart, each run so many times by both.

        Args:
            difference: true difference of their means, above 0.
            n_trials: runs of each prompt.

        Returns:
            Prompts with which a two-sided test at the 5 % level finds it with 80 % power.

        >>> Spread(prompts=0.1, runs=0.3).needed(0.1, 1), Spread(0.1, 0.3).needed(0.1, 3)
        (314, 157)
        """
        if difference <= 0:
            return inf
        return ceil(_Z**2 * (self.prompts + self.runs / n_trials) / difference**2 - 1e-9)


def spread(a: Floats, b: Floats) -> Spread:
    """Where the difference of two models varies: from prompt to prompt, and from run to run.

    Args:
        a: (n_trials, n_prompts) scores of the one.
        b: likewise of the other.

    Returns:
        Both variances, without bias, not below 0; NaN without repeats.

    >>> runs = np.array([[1.0, 0.0], [1.0, 0.0]])
    >>> spread(runs, np.zeros((2, 2)))
    Spread(prompts=0.5, runs=0.0)
    """
    both = np.stack([a, b], axis=2)
    within = run_variance(both)
    n = (~np.isnan(both)).sum(axis=0)
    kept = (n >= _FEWEST).all(axis=1)
    if kept.sum() < _FEWEST:
        return Spread(float("nan"), float("nan"))
    within, n = within[kept], n[kept]
    means = np.nanmean(both[:, kept], axis=0)
    noise = float((within / n).sum(axis=1).mean())  # in the variance of the means' difference
    over = float((means[:, 0] - means[:, 1]).var(ddof=1))
    return Spread(max(over - noise, 0.0), float(within.sum(axis=1).mean()))
