"""What repeated runs of the same prompts say of reruns, of headroom, and of what is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.records import Records
from routereval.records.trials import Trials
from routereval.scoring import N_BOOT, mean_interval, resamples
from routereval.scoring.bootstrap import Interval
from routereval.scoring.repeats import (
    Spread,
    complete,
    luck_share,
    observed_deviation,
    pass_at_k,
    pass_hat_k,
    rerun_deviation,
    split_trial_oracle,
    spread,
)
from routereval.shown import Shown
from routereval.sources import open_source

Floats = NDArray[np.float64]

_LEAST_TRIALS = 2
_DIFFERENCES = (0.02, 0.05, 0.1)
_RUNS = (1, 2, 3, 5, 10)


@dataclass(frozen=True)
class ModelRuns:
    """One model, by its repeated runs.

    Attributes:
        name: of the model.
        score: mean over prompts and runs.
        interval: 95 %, over prompts and runs: another sample of prompts, run anew.
        rerun: standard deviation of the mean score of one run over these prompts, from the cells.
        observed: the same, from the mean scores of the runs themselves.
        pass_at: k -> the probability that one of k runs is right, mean over prompts.
        pass_hat: k -> the probability that all of k are.
    """

    name: str
    score: float
    interval: Interval
    rerun: float
    observed: float
    pass_at: dict[int, float]
    pass_hat: dict[int, float]


@dataclass(frozen=True)
class Oracle:
    """An oracle, and which part of its lead over the best single model is luck.

    Attributes:
        chosen_by: how many runs it saw of a prompt; it is scored on the others. 0 for the oracle
            of single runs, that is scored on the run that it saw.
        score: its mean score.
        interval: 95 %, over prompts and runs.
        luck: share of the lead of the oracle of single runs that it has not; 0 for that one.
    """

    chosen_by: int
    score: float
    interval: Interval
    luck: float


@dataclass(frozen=True)
class Needed:
    """How many prompts tell two models apart by so much, each run so often by both."""

    difference: float
    n_trials: int
    n_prompts: float


@dataclass(frozen=True)
class TwoRuns:
    """Two runs that solved so many prompts each.

    Attributes:
        first: how many prompts the one solved.
        second: how many the other.
        deviation: standard deviation of the difference between two runs of one model, in prompts.
        p: how often two runs of one and the same model differ by as much or more (normal).
    """

    first: float
    second: float
    deviation: float
    p: float


@dataclass(frozen=True)
class Repeats:
    """The repeated runs of one benchmark.

    Attributes:
        name: of the benchmark.
        n_prompts: how many prompts.
        n_trials: the most runs that a cell has.
        mixed: share of the cells with two runs and more that have different scores in them.
        models: the highest score first.
        oracles: that of single runs, then those chosen by 1, 2, … runs.
        best: name of the best single model on the prompts that the oracles are scored on.
        best_score: its mean score there; NaN if there are none.
        rerun: standard deviation of one run's mean score, root mean square over the models, as
            predicted from the cells.
        observed: the same, from the mean scores of whole runs.
        spread: where the difference of two models varies, median over all pairs of models.
        needed: what it takes to tell two models apart.
        asked: two runs that were asked about.
        notes: what was left out.
    """

    name: str
    n_prompts: int
    n_trials: int
    mixed: float
    models: tuple[ModelRuns, ...]
    oracles: tuple[Oracle, ...]
    best: str
    best_score: float
    rerun: float
    observed: float
    spread: Spread
    needed: tuple[Needed, ...]
    asked: TwoRuns | None
    notes: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class AllRepeats(Shown):
    """The repeated runs of every benchmark of a source that has them."""

    benchmarks: tuple[Repeats, ...]
    notes: tuple[str, ...] = ()


def trials(
    source: Records | Sequence[Records] | str | Path,
    *,
    runs: tuple[float, float] | None = None,
    n_boot: int = N_BOOT,
) -> AllRepeats:
    """What repeated runs say of the benchmarks that have them.

    Args:
        source: anything with `Records.trials`.
        runs: how many prompts each of two runs solved: are they more apart than reruns are?
        n_boot: resamples of every interval.

    Raises:
        DataError: if nothing in the source was run twice.
        SpecError: if `runs` are more prompts than there are.
    """
    collection = open_source(source)
    held = [
        (one, one.trials)
        for one in collection
        if one.trials is not None and one.trials.n_trials >= _LEAST_TRIALS
    ]
    if not held:
        names = ", ".join(one.name for one in collection)
        raise DataError(
            f"{names}: no cell was run twice, so luck cannot be told from skill; import the runs "
            "themselves (trials), see docs/records.md"
        )
    kept = {one.name for one, _ in held}
    without = [one.name for one in collection if one.name not in kept]
    notes = (f"without repeated runs, so left out: {', '.join(without)}",) if without else ()
    return AllRepeats(tuple(_repeats(*one, runs, n_boot) for one in held), notes)


def _repeats(
    records: Records, held: Trials, asked: tuple[float, float] | None, n_boot: int
) -> Repeats:
    scores = held.scores()
    n_trials, n_prompts, _ = scores.shape
    notes = []
    whole = complete(scores)
    if left := n_prompts - whole.shape[1]:
        notes.append(
            f"{left:,} of {n_prompts:,} prompts lack a run of some model; the oracles and the sd "
            "of whole runs are without them"
        )
    if not held.numbered:
        notes.append(
            "only the number of right runs is known: which run was which is made up, so the sd "
            "seen between whole runs means nothing here"
        )
    rerun = _rms(rerun_deviation(scores))
    pairs = [spread(scores[:, :, a], scores[:, :, b]) for a, b in _pairs(scores.shape[2])]
    middle = Spread(*(float(np.nanmedian(part)) for part in np.array(pairs).reshape(-1, 2).T))
    means = np.nanmean(whole, axis=(0, 1)) if whole.size else np.array([np.nan])
    best = records.models[int(means.argmax())] if whole.size else ""
    return Repeats(
        records.name,
        n_prompts,
        n_trials,
        _mixed(scores),
        _models(records, held, scores, n_boot),
        _oracles(whole, n_boot) if whole.shape[1] else (),
        best,
        float(means.max()),
        rerun,
        _rms(observed_deviation(scores)),
        middle,
        tuple(Needed(d, r, middle.needed(d, r)) for d in _DIFFERENCES for r in _RUNS),
        None if asked is None else _two_runs(*asked, n_prompts, rerun),
        tuple(notes),
    )


def _pairs(n_models: int) -> list[tuple[int, int]]:
    return list(combinations(range(n_models), 2)) or [(0, 0)]


def _rms(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(np.sqrt((known**2).mean())) if len(known) else float("nan")


def _mixed(scores: Floats) -> float:
    """The share of the cells of several runs whose runs differ."""
    several = (~np.isnan(scores)).sum(axis=0) >= _LEAST_TRIALS
    held = scores[:, several]
    return float((np.nanmax(held, axis=0) != np.nanmin(held, axis=0)).mean())


def _models(records: Records, held: Trials, scores: Floats, n_boot: int) -> tuple[ModelRuns, ...]:
    binary = held.kind == "binary"
    right, n = held.counts()
    W = resamples(records.subsets, n_boot, groups=records.groups)
    means, rerun, observed = records.dense(), rerun_deviation(scores), observed_deviation(scores)
    ks = sorted({1, 2, scores.shape[0]}) if binary else []
    found = []
    for place, name in enumerate(records.models):
        column = means[:, place]
        whole = not np.isnan(column).any()
        c, runs = right[:, place].astype(np.int64), n[:, place]
        found.append(
            ModelRuns(
                name,
                float(np.nanmean(column)),
                mean_interval(column, W, groups=records.groups)
                if whole
                else Interval(float("nan"), float("nan")),
                float(rerun[place]),
                float(observed[place]),
                {k: float(np.nanmean(pass_at_k(c, runs, k))) for k in ks},
                {k: float(np.nanmean(pass_hat_k(c, runs, k))) for k in ks},
            )
        )
    return tuple(sorted(found, key=lambda one: -one.score))


def _oracles(whole: Floats, n_boot: int) -> tuple[Oracle, ...]:
    """That of single runs, and those that are scored on other runs than they choose by."""
    W = resamples(np.zeros(whole.shape[1], np.int64), n_boot)
    single = whole.max(axis=2).mean(axis=0)
    best = float(whole.mean(axis=(0, 1)).max())
    found = [Oracle(0, float(single.mean()), mean_interval(single, W), 0.0)]
    for seen in range(1, whole.shape[0]):
        split = split_trial_oracle(whole, seen)
        luck = luck_share(float(single.mean()), float(split.mean()), best)
        found.append(Oracle(seen, float(split.mean()), mean_interval(split, W), luck))
    return tuple(found)


def _two_runs(first: float, second: float, n_prompts: int, rerun: float) -> TwoRuns:
    if not (0 <= first <= n_prompts and 0 <= second <= n_prompts):
        raise SpecError(f"runs of {first:g} and {second:g} solved, but there are {n_prompts:,}")
    deviation = sqrt(2) * rerun * n_prompts
    if deviation == 0:
        return TwoRuns(first, second, 0.0, float(first == second))
    z = max(abs(first - second) - 0.5, 0.0) / deviation  # of whole numbers, a half for continuity
    return TwoRuns(first, second, deviation, 2 * (1 - NormalDist().cdf(z)))
