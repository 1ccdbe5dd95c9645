"""What ways of choosing an arm come to on recorded trajectories: fixed, waiting, changing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.records.steps import StepRecords

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


class Played(NamedTuple):
    """What a policy comes to on each trajectory.

    Attributes:
        score: (n,) from 0 to 1.
        usd: (n,) all that was paid, cold caches and abandoned steps included.
        cold: (n,) USD of it that changes of arms cost: the cache that was lost, or the steps that
            were abandoned.
        changes: (n,) how often the arm was changed.
    """

    score: Floats
    usd: Floats
    cold: Floats
    changes: Floats


def constant(records: StepRecords, arm: Codes | int) -> Played:
    """One arm for the whole of a trajectory.

    Args:
        records: the trajectories.
        arm: its column, or (n,) one of each trajectory.
    """
    rows = np.arange(len(records.trajectories))
    none = np.zeros(len(rows))
    return Played(records.outcome[rows, arm], records.paid[rows, arm], none, none)


def stepwise(records: StepRecords, choice: Codes) -> Played:
    """Any arm at any step, of shared steps.

    The trajectory scores the product of its steps: it is right if every step is. A step after
    another arm's pays for a cold cache, also where the arm had been used before that.

    Args:
        records: shared steps.
        choice: (n_steps,) the column of the arm.
    """
    rows = np.arange(len(choice))
    changed = changes(records, choice)
    warm, cold = records.costs[rows, choice], records.cold[rows, choice]
    extra = np.where(changed, cold - warm, 0.0)
    return Played(
        np.multiply.reduceat(records.scores[rows, choice], records.starts),
        records.by_trajectory(warm + extra),
        records.by_trajectory(extra),
        records.by_trajectory(changed.astype(np.float64)),
    )


def changes(records: StepRecords, choice: Codes) -> NDArray[np.bool_]:
    """(n_steps,) whether another arm took the step before, in the same trajectory."""
    changed = np.diff(choice, prepend=choice[:1]) != 0
    changed[records.starts] = False
    return np.asarray(changed)


def escalated(records: StepRecords, cheap: int, strong: int, k: int) -> Played:
    """The cheap arm for k steps, then the strong one.

    Of shared steps the strong arm goes on where the cheap one is, with a cold cache. Of whole runs
    it starts over: what the cheap arm had spent by then is lost. A run that ended by itself within
    k steps is left as it ended.

    Args:
        records: the trajectories.
        cheap: column of the first arm.
        strong: column of the second.
        k: steps of the first; 0 is the second alone.
    """
    if records.shared:
        return stepwise(records, np.where(records.step < k, cheap, strong))
    if k == 0:
        return constant(records, strong)
    alone, over = constant(records, cheap), constant(records, strong)
    ended = records.lengths[:, cheap] <= k
    begun = np.where(records.step < k, np.nan_to_num(records.costs[:, cheap]), 0.0)
    lost = np.where(ended, 0.0, records.by_trajectory(begun))
    return Played(
        np.where(ended, alone.score, over.score),
        np.where(ended, alone.usd, over.usd + lost),
        lost,
        (~ended).astype(np.float64),
    )


def cheapest_right(records: StepRecords) -> Played:
    """The oracle: of all ways that score best, the one that costs least.

    Of shared steps it is found by dynamic programming over the arms, cold caches counted; of whole
    runs it is an arm of each trajectory.
    """
    if records.shared:
        return stepwise(records, _best_path(records))
    best = records.outcome.max(axis=1, keepdims=True)
    paid = np.where(records.outcome == best, records.paid, np.inf)
    return constant(records, paid.argmin(axis=1))  # ties: the first arm


def _best_path(records: StepRecords) -> Codes:
    """(n_steps,) the arms of the cheapest way through the arms that are best at each step."""
    best = records.scores.max(axis=1, keepdims=True)
    lost = np.where(records.scores == best, 0.0, np.inf)
    first = np.zeros(len(lost), dtype=np.bool_)
    first[records.starts] = True
    total = np.empty_like(lost)
    came = np.zeros(lost.shape, np.int64)
    for row in range(len(lost)):
        warm, cold = records.costs[row] + lost[row], records.cold[row] + lost[row]
        if first[row]:
            total[row] = warm
            continue
        other = int(total[row - 1].argmin())  # ties: the first arm
        stay, change = total[row - 1] + warm, total[row - 1, other] + cold
        came[row] = np.where(stay <= change, np.arange(lost.shape[1]), other)
        total[row] = np.minimum(stay, change)
    return _walked_back(total, came, first)


def _walked_back(total: Floats, came: Codes, first: NDArray[np.bool_]) -> Codes:
    choice = np.zeros(len(total), np.int64)
    for row in range(len(total) - 1, -1, -1):
        last = row + 1 == len(total) or first[row + 1]
        choice[row] = total[row].argmin() if last else came[row + 1, choice[row + 1]]
    return choice


def cache_counted(records: StepRecords, value: Floats, lam: float) -> Codes:
    """(n_steps,) the arms of the highest value less what the change would cost in cold cache.

    Args:
        records: shared steps.
        value: (n_steps, m) predicted score less lam × expected cost with a warm cache.
        lam: score per USD.
    """
    lost = lam * (records.cold - records.costs)  # known before the call: the length of the prefix
    choice = np.zeros(len(value), np.int64)
    begins = set(records.starts.tolist())
    for row in range(len(value)):
        held = value[row].copy()
        if row not in begins:
            others = np.arange(len(held)) != choice[row - 1]
            held[others] -= lost[row, others]
        choice[row] = held.argmax()  # ties: the first arm
    return choice
