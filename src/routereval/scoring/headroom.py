"""How much of the oracle's lead can be believed: guessing, noise, and what a sample can show.

The raw oracle counts every right answer of a pool, lucky ones too, and takes the maximum of noisy
numbers. Both push it up, the more the larger the pool.
"""

from __future__ import annotations

from math import ceil, inf

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routereval.errors import DataError, SpecError

Floats = NDArray[np.float64]

_Z = 1.96 + 0.84  # of a two-sided test at 5 % that finds the difference in 80 % of samples
_CLEARLY_BELOW = 3.0
_MOST_GUESSED = 2.0  # of the probability of a guess, so that a κ below 0 cannot blow up a product
_EM_STEPS = 2000
_EM_TOLERANCE = 1e-7


def knowing_rate(scores: ArrayLike, chance: ArrayLike) -> Floats:
    """Each model's score corrected for guessing: how often it knows, if else it guesses.

    A model knows a prompt with probability κ, else guesses and is right with probability c, so its
    mean score is κ + (1 − κ) c. The estimate is the mean of (s − c) / (1 − c), the classical
    correction for guessing; sampling, or worse than guessing, can make it negative.

    Args:
        scores: (n_prompts, n_models) of 0 and 1.
        chance: (n_prompts,) in [0, 1), or one number for all.

    Returns:
        (n_models,) at most 1; NaN throughout where a score is no 0 or 1, or a chance is unknown.

    Raises:
        DataError: if a chance lies outside [0, 1) or shapes disagree.

    >>> knowing_rate([[1, 0], [1, 1], [1, 0], [1, 0]], 0.25).round(6)
    array([1., 0.])
    """
    right, c = _checked(scores, chance)
    if not _correctable(right, c):
        return np.full(right.shape[1], np.nan)
    return np.asarray(((right - c[:, None]) / (1 - c[:, None])).mean(axis=0))


def guess_corrected_oracle(scores: ArrayLike, chance: ArrayLike) -> Floats:
    """On each prompt, the probability that some model of a pool knew, rather than guessed.

    The model: each knows a prompt with its own probability κ (`knowing_rate`), else it guesses and
    is right with probability c, all of them independently. A wrong answer is certainly not known; a
    right one is a guess with probability (1 − κ) c / (κ + (1 − κ) c); the result is one minus the
    product of these over the models that are right. For one model its mean is κ; for m guessers it
    is 0 in expectation, while the raw oracle is 1 − (1 − c)^m.

    In truth models tend to know the same prompts, and are then right by luck together on the
    others. So this corrects too little, and is the upper end; `guess_corrected_floor` is the lower
    one.

    Args:
        scores: (n_prompts, n_models) of 0 and 1, none missing.
        chance: (n_prompts,) in [0, 1), or one number for all.

    Returns:
        (n_prompts,) at most 1, and below 0 at times, so that guessers average out to 0. A κ below 0
        by more than three standard errors counts as 0. NaN throughout where the scores are not 0
        and 1, or a chance is unknown: real-valued scores are not corrected.

    Raises:
        DataError: if a chance lies outside [0, 1) or shapes disagree.

    >>> guess_corrected_oracle([[1], [1], [1], [0]], 0.5).round(3)
    array([0.667, 0.667, 0.667, 0.   ])
    """
    right, c = _checked(scores, chance)
    if not _correctable(right, c):
        return np.full(len(right), np.nan)
    known = knowing_rate(right, c)
    error = np.sqrt((c / (1 - c)).mean() / len(right))  # of the rate of a guesser
    known = np.where(known < -_CLEARLY_BELOW * error, 0.0, known)
    guessed = (1 - known) * c[:, None]
    share = np.ones_like(right)
    np.divide(guessed, known + guessed, out=share, where=known + guessed > guessed / _MOST_GUESSED)
    return np.asarray(1 - np.where(right == 1, share, 1.0).prod(axis=1))


def guess_corrected_floor(
    scores: ArrayLike, chance: ArrayLike, W: NDArray[np.floating] | None = None
) -> Floats:
    """The share of prompts that some model of a pool knows, if models may well know the same ones.

    The model: on each prompt some number K of the m models know the answer; the others guess, each
    by itself, right with probability c. So k = K + Binomial(m − K, c) are right. Nothing is assumed
    of which models know together: the distribution of K over prompts is the one under which the
    observed k are likeliest (found by EM), and the share is that of K ≥ 1.

    Where models that do not know are misled alike, or prefer the same option, their wrong answers
    come together more often than guesses do, and this corrects too much. Both ends estimate the
    same number where models know independently, each with its own error: so this lower end is not
    let rise above the mean of `guess_corrected_oracle`, the upper one, nor fall below 0 or below
    the best model's `knowing_rate`, even where the upper one does.

    Args:
        scores: (n_prompts, n_models) of 0 and 1, none missing.
        chance: (n_prompts,) in [0, 1), or one number for all.
        W: (n_boot, n_prompts) weights of resamples whose rows sum to 1, or None.

    Returns:
        One number in [0, 1], of shape (); with `W` (n_boot,), one per resample. NaN as in
        `guess_corrected_oracle`. For guessers a little above 0, since it cannot be below.

    Raises:
        DataError: if a chance lies outside [0, 1) or shapes disagree.

    >>> bool(guess_corrected_floor([[1], [1], [1], [0]], 0.5).round(4) == 0.5)
    True
    """
    right, c = _checked(scores, chance)
    if not _correctable(right, c):
        return np.full(() if W is None else len(W), np.nan)
    alone = (right - c[:, None]) / (1 - c[:, None])
    alone = alone[:, int(alone.mean(axis=0).argmax())]
    cells, of_prompt = np.unique(
        np.stack([c, right.sum(axis=1)], axis=1), axis=0, return_inverse=True
    )
    likelihood = _likelihood(cells[:, 0], cells[:, 1].astype(np.int64), right.shape[1])
    shares = _cell_shares(of_prompt.ravel(), len(cells), W)
    known = 1 - _mixture(likelihood, shares)[:, 0]
    upper = guess_corrected_oracle(right, c)
    if W is None:
        return np.asarray(max(min(known[0], upper.mean()), alone.mean(), 0.0))
    least = np.maximum(W @ alone, 0.0)
    return np.asarray(np.maximum(np.minimum(known, W @ upper), least))


def split_half_oracle(first: ArrayLike, second: ArrayLike) -> Floats:
    """The oracle without the winner's bonus, from two independent measurements of every cell.

    The winner by one half is scored by the other, both ways, and the two are averaged. Where models
    tie on a prompt, the one that is better on all prompts of that half wins. This never overstates
    the oracle of the true means in expectation; it falls short of it where half of the measurements
    name the wrong winner.

    Args:
        first: (n_prompts, n_models) scores in [0, 1].
        second: the same cells, measured again.

    Returns:
        (n_prompts,) in [0, 1]; models that tie on all prompts too share the score.

    Raises:
        DataError: if the shapes differ.

    >>> split_half_oracle([[1.0, 0.0]], [[0.4, 0.6]])
    array([0.2])
    """
    one, two = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.shape != two.shape or one.ndim != 2:
        raise DataError(f"two measurements of shapes {one.shape} and {two.shape} are not paired")
    return np.asarray((_of_winner(one, two) + _of_winner(two, one)) / 2)


def noise_corrected_oracle(
    scores: ArrayLike, repeats: int, *, n_draws: int = 20, seed: int = 0
) -> Floats:
    """The split-half oracle of scores that are each the mean of several right-or-wrong samples.

    A score of x right out of r samples is split into halves at random as often as asked (the
    right ones of a half are hypergeometric), see `split_half_oracle`.

    One sample a cell cannot be split: whether a right answer would come again is not in the data.
    Then there is no correction, and the raw oracle is that of these very answers.

    Args:
        scores: (n_prompts, n_models), multiples of 1 / repeats.
        repeats: r, how many samples each score is the mean of.
        n_draws: random splits to average over.
        seed: decides the splits.

    Returns:
        (n_prompts,) in [0, 1]; NaN throughout for a single sample.

    Raises:
        SpecError: if `repeats` or `n_draws` is less than 1.
        DataError: if a score is no multiple of 1 / repeats.

    >>> noise_corrected_oracle([[1.0, 0.0], [0.0, 0.0]], 10)
    array([1., 0.])
    """
    means = np.asarray(scores, np.float64)
    if repeats < 1 or n_draws < 1:
        raise SpecError(f"repeats and n_draws are at least 1, not {repeats} and {n_draws}")
    if repeats == 1:
        return np.full(len(means), np.nan)
    right = np.rint(means * repeats)
    # written so that a missing score fails too
    if not (np.abs(right - means * repeats) < 1e-3).all():
        raise DataError(f"some scores are no multiples of 1/{repeats}; give the right repeats")
    rng = np.random.default_rng(seed)
    counts, half = right.astype(np.int64), repeats // 2
    total = np.zeros(len(means))
    for _ in range(n_draws):
        drawn = rng.hypergeometric(counts, repeats - counts, half)
        total += split_half_oracle(drawn / half, (counts - drawn) / (repeats - half))
    return total / n_draws


def prompts_needed(differences: ArrayLike) -> float:
    """How many labelled prompts show a mean difference as large as this one.

    Args:
        differences: (n_prompts,) per-prompt differences of a sample, such as router − best single.

    Returns:
        The number of prompts with which a two-sided test at the 5 % level finds it with 80 % power
        (normal approximation); infinite where the mean is not positive, NaN for a single prompt.

    >>> prompts_needed([1.0, 0.0, 0.0, 0.0] * 100)
    24.0
    """
    d = np.asarray(differences, np.float64)
    if d.size < 2:
        return float("nan")
    mean, sd = float(d.mean()), float(d.std(ddof=1))
    return inf if mean <= 0 else float(max(2, ceil((_Z * sd / mean) ** 2)))


def _checked(scores: ArrayLike, chance: ArrayLike) -> tuple[Floats, Floats]:
    right = np.asarray(scores, np.float64)
    given = np.asarray(chance, np.float64)
    if right.ndim != 2 or given.shape not in {(), (len(right),)}:
        raise DataError(f"chance has shape {given.shape} for scores of shape {right.shape}")
    if (given < 0).any() or (given >= 1).any():
        raise DataError("a chance level lies in [0, 1): one over the number of options")
    return right, np.broadcast_to(given, len(right)).astype(np.float64)


def _correctable(right: Floats, chance: Floats) -> bool:
    return bool(((right == 0) | (right == 1)).all() and not np.isnan(chance).any())


def _likelihood(chance: Floats, right: NDArray[np.int64], n_models: int) -> Floats:
    """(n_cells, n_models + 1) probability of so many right answers, given how many are known."""
    from scipy.stats import binom

    known = np.arange(n_models + 1)
    return np.asarray(binom.pmf(right[:, None] - known, n_models - known, chance[:, None]))


def _cell_shares(
    of_prompt: NDArray[np.int64], n_cells: int, W: NDArray[np.floating] | None
) -> Floats:
    """(1 or n_boot, n_cells) the weight of the prompts of each cell."""
    if W is None:
        return np.bincount(of_prompt, minlength=n_cells)[None, :] / len(of_prompt)
    order = np.argsort(of_prompt, kind="stable")
    first = np.searchsorted(of_prompt[order], np.arange(n_cells))
    return np.asarray(np.add.reduceat(W[:, order], first, axis=1))


def _mixture(likelihood: Floats, shares: Floats) -> Floats:
    """(n_rows, n_models + 1) the likeliest distribution of the number known, for each row."""
    n_known = likelihood.shape[1]
    found = np.full((len(shares), n_known), 1 / n_known)
    for _ in range(_EM_STEPS):
        explained = np.maximum(found @ likelihood.T, np.finfo(np.float64).tiny)
        better = found * ((shares / explained) @ likelihood)
        step = float(np.abs(better - found).max())
        found = better
        if step < _EM_TOLERANCE:
            break
    return found


def _of_winner(judge: Floats, scored: Floats) -> Floats:
    wins = judge == judge.max(axis=1, keepdims=True)
    means = np.where(wins, judge.mean(axis=0), -1.0)
    wins &= means == means.max(axis=1, keepdims=True)
    return np.asarray((wins * scored).sum(axis=1) / wins.sum(axis=1))
