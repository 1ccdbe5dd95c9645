"""Agents: one arm for a whole task, another after some steps, or any at every step?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from routereval.errors import SpecError, unknown
from routereval.records.groups import groups_of
from routereval.records.prices import PriceList
from routereval.records.steps import StepRecords
from routereval.results.summary import Estimate
from routereval.scoring import N_BOOT, holm, paired_test
from routereval.shown import Shown
from routereval.studies.advise.resampled import Resampled
from routereval.studies.out_of_fold import cross_fitted_scores, folds_of_groups
from routereval.studies.step_policies import (
    Played,
    cache_counted,
    cheapest_right,
    constant,
    escalated,
    stepwise,
)
from routereval.studies.step_table import read_steps

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Kind = Literal["one arm", "waits", "learned", "oracle"]

MARGIN = 0.01
ROUTER = "linear"
_FEWEST_TEXTS = 2
_LEVEL = 0.05


@dataclass(frozen=True)
class PolicyResult:
    """A way of choosing arms, on all trajectories.

    Attributes:
        name: of the policy.
        kind: whether it keeps one arm, waits and then changes, was learned on other folds, or
            knows what comes.
        score: mean over trajectories.
        usd: mean USD per trajectory.
        cold: of these, what changes of arms cost.
        changes: mean number of changes per trajectory.
        gain: score less that of the best arm alone, paired.
        p: of no difference, corrected by Holm over all policies but the oracle; NaN for the best
            arm alone.
        saving: by what share it costs less than the best arm alone.
    """

    name: str
    kind: Kind
    score: Estimate
    usd: Estimate
    cold: float
    changes: float
    gain: Estimate
    p: float
    saving: Estimate


@dataclass(frozen=True)
class Waiting:
    """The value of waiting: the cheap arm for k steps, then the strong one.

    Attributes:
        k: steps of the cheap arm; the last of a curve is the cheap arm alone.
        changed: share of trajectories that changed arms.
        score: mean over trajectories.
        usd: mean USD per trajectory.
        gain: score less that of the strong arm alone, paired.
        saving: by what share it costs less than the strong arm alone.
    """

    k: int
    changed: float
    score: Estimate
    usd: Estimate
    gain: Estimate
    saving: Estimate


@dataclass(frozen=True, repr=False)
class Trajectories(Shown):
    """What policies come to on recorded trajectories.

    Attributes:
        name: of the records.
        n_trajectories: how many.
        n_steps: steps of all of them; where each arm has its own runs, of the longest.
        shared: whether every arm was asked at each step; else each arm has whole runs of its own.
        best: the arm of the highest mean score, the yardstick.
        cheap: the arm that waits.
        strong: the arm that it gives way to.
        policies: the arms alone first, the oracle last.
        waiting: by k.
        margin: how much less a score may be that still counts as equal.
        notes: what was left out or assumed.
        simulated: whether no real model was asked.
    """

    name: str
    n_trajectories: int
    n_steps: int
    shared: bool
    best: str
    cheap: str
    strong: str
    policies: tuple[PolicyResult, ...]
    waiting: tuple[Waiting, ...]
    margin: float
    notes: tuple[str, ...]
    simulated: bool = False

    @property
    def better(self) -> list[PolicyResult]:
        """Policies that score more than the best arm alone, shown; the highest first."""
        held = [one for one in self._candidates if one.gain.low > 0 and one.p < _LEVEL]
        return sorted(held, key=lambda one: -one.score.value)

    @property
    def cheaper(self) -> list[PolicyResult]:
        """Policies that lose less than the margin and cost less, both shown; cheapest first."""
        held = [one for one in self._candidates if one.gain.low > -self.margin]
        return sorted((one for one in held if one.saving.low > 0), key=lambda one: one.usd.value)

    @property
    def _candidates(self) -> list[PolicyResult]:
        """Policies that can be had; k of one of them was chosen on other folds."""
        return [one for one in self.policies if one.kind != "oracle" and one.name != self.best]


def trajectories(
    source: StepRecords | str | Path,
    *,
    prices: PriceList | None = None,
    arms: tuple[str, str] | None = None,
    router: str = ROUTER,
    lam: float = 0.0,
    margin: float = MARGIN,
    n_boot: int = N_BOOT,
) -> Trajectories:
    """Compare policies on trajectories: one arm, one that gives way to another, any at each step.

    All intervals are over trajectories, those of one task drawn together. Routers are learned on
    other folds from the text of the first step, or of each step. What a change of arms in the
    middle of a run would have led to is known of shared steps alone; of whole runs the second arm
    starts over.

    Args:
        source: step records, or a file of them; see `step_table.read_steps`.
        prices: USD per million tokens; for what a cold cache costs.
        arms: the arm that goes first and the one that it gives way to; the cheapest and the best
            if None.
        router: of this package, that reads texts or features.
        lam: score per USD: what the routers trade.
        margin: how much less a score may be that still counts as equal.
        n_boot: resamples of every interval.

    Raises:
        DataError: if the source cannot be read.
        SpecError: if an arm or the router is not known, or lam is negative.

    >>> from routereval.simulation.trajectories import simulate_steps
    >>> found = trajectories(simulate_steps(40, seed=1), n_boot=50)
    >>> [one.name for one in found.policies][:3]
    ['large', 'medium', 'small']
    """
    if lam < 0:
        raise SpecError(f"lam is score per USD and not negative, so not {lam:g}")
    records = source if isinstance(source, StepRecords) else read_steps(source, prices)
    study = _Study(records, lam, margin, n_boot)
    cheap, strong = study.pair(arms)
    played = [*study.alone(), *study.waiting_policies(), *study.learned(router)]
    results = study.results(played)
    return Trajectories(
        records.name,
        len(records.trajectories),
        len(records.trajectory),
        records.shared,
        records.arms[study.best],
        records.arms[cheap],
        records.arms[strong],
        results,
        tuple(study.curve(cheap, strong)),
        margin,
        (*records.notes, *study.notes(router)),
        records.simulated,
    )


class _Study:
    """What all policies share: the resamples, the folds, the yardstick."""

    def __init__(self, records: StepRecords, lam: float, margin: float, n_boot: int) -> None:
        self.records, self.lam, self.margin = records, lam, margin
        n = len(records.trajectories)
        self.drawn = Resampled(np.zeros(n, np.int64), records.groups, None, n_boot, 0)
        self.fold = folds_of_groups(records.groups)
        self.best = _best(records, np.arange(n))
        self.yardstick = constant(records, self.best)

    def pair(self, arms: tuple[str, str] | None) -> tuple[int, int]:
        """The columns of the arm that goes first and of the one that it gives way to."""
        names = self.records.arms
        if arms is None:
            cheap = int(self.records.paid.mean(axis=0).argmin())
            return cheap, self.best
        for arm in arms:
            if arm not in names:
                raise unknown("arm", arm, names)
        return names.index(arms[0]), names.index(arms[1])

    def alone(self) -> Iterator[tuple[str, Kind, Played]]:
        """Each arm by itself, the best first."""
        order = np.argsort(-self.records.outcome.mean(axis=0), kind="stable")
        for arm in order.tolist():
            yield self.records.arms[arm], "one arm", constant(self.records, arm)

    def waiting_policies(self) -> Iterator[tuple[str, Kind, Played]]:
        """The arms and the number of steps that do best on the other folds."""
        if len(self.records.arms) > 1:
            yield "escalate, chosen on other folds", "waits", self._escalated()

    def _escalated(self) -> Played:
        parts = np.zeros((4, len(self.fold)))
        for number in np.unique(self.fold):
            rest, inside = np.flatnonzero(self.fold != number), self.fold == number
            cheap = int(self.records.paid[rest].mean(axis=0).argmin())
            strong = _best(self.records, rest)
            tried = [escalated(self.records, cheap, strong, k) for k in self.steps]
            score = np.array([one.score[rest].mean() for one in tried])
            usd = np.array([one.usd[rest].mean() for one in tried])
            enough = score >= self.records.outcome[rest, strong].mean() - self.margin
            chosen = int(np.where(enough, usd, np.inf).argmin())  # ties: the fewest steps
            parts[:, inside] = np.stack(tried[chosen])[:, inside]
        return Played(*parts)

    @property
    def steps(self) -> list[int]:
        """Numbers of steps to wait, the last of them longer than any trajectory."""
        longest = int(self.records.lengths.max())
        found, after = [0, 1], 2
        while after < longest:
            found.append(after)
            after += max(1, after // 2)
        return [*found, longest]

    def learned(self, router: str) -> Iterator[tuple[str, Kind, Played]]:
        """A router on the first text of a trajectory, and on every step."""
        records = self.records
        texts = [records.texts[row] for row in records.starts.tolist()]
        if len(set(texts)) >= _FEWEST_TEXTS:
            group = groups_of(texts, records.groups.tolist())
            value = self._value(router, texts, records.outcome, records.paid, group)
            yield f"{router} at the start", "learned", constant(records, value.argmax(axis=1))
        if records.shared and len(set(records.texts)) >= _FEWEST_TEXTS:
            group = records.groups[records.trajectory]
            value = self._value(router, records.texts, records.scores, records.costs, group)
            free = value.argmax(axis=1)  # ties: the first arm
            yield f"{router} at each step", "learned", stepwise(records, free)
            if self.lam:
                held = cache_counted(records, value, self.lam)
                name = f"{router} at each step, cache counted"
                yield name, "learned", stepwise(records, held)

    def _value(
        self, router: str, texts: Sequence[str], scores: Floats, costs: Floats, group: Codes
    ) -> Floats:
        """(n, m) predicted score less lam × the mean cost on the other folds."""
        found = cross_fitted_scores(router, texts, scores, group, self.records.arms)
        fold = folds_of_groups(group)
        for number in np.unique(fold):
            found[fold == number] -= self.lam * costs[fold != number].mean(axis=0)
        return found

    def results(self, played: Sequence[tuple[str, Kind, Played]]) -> tuple[PolicyResult, ...]:
        """All policies, and the oracle."""
        p = holm([self._p(name, one) for name, _, one in played])
        held = [
            self._result(name, kind, one, float(own))
            for (name, kind, one), own in zip(played, p, strict=True)
        ]
        oracle = cheapest_right(self.records)
        return (*held, self._result("the cheapest that is right", "oracle", oracle, float("nan")))

    def _p(self, name: str, one: Played) -> float:
        """Of no difference from the best arm alone; NaN for that arm, which is not tested."""
        if name == self.records.arms[self.best]:
            return float("nan")
        test = paired_test(one.score, self.yardstick.score, groups=self.records.groups)
        return test.p_value

    def _result(self, name: str, kind: Kind, one: Played, p: float) -> PolicyResult:
        return PolicyResult(
            name,
            kind,
            self.drawn.mean(one.score),
            self.drawn.free(one.usd),
            float(one.cold.mean()),
            float(one.changes.mean()),
            self._gain(name, one),
            p,
            self.drawn.saving(one.usd, self.yardstick.usd),
        )

    def _gain(self, name: str, one: Played) -> Estimate:
        """Over the best arm alone, which has no width against itself."""
        if name == self.records.arms[self.best]:
            return Estimate(0.0, 0.0, 0.0)
        return self.drawn.difference(one.score - self.yardstick.score)

    def curve(self, cheap: int, strong: int) -> Iterator[Waiting]:
        """The value of waiting, by the number of steps."""
        over = constant(self.records, strong)
        for k in self.steps if cheap != strong else ():
            one = escalated(self.records, cheap, strong, k)
            yield Waiting(
                k,
                float((one.changes > 0).mean()),
                self.drawn.mean(one.score),
                self.drawn.free(one.usd),
                self.drawn.difference(one.score - over.score),
                self.drawn.saving(one.usd, over.usd),
            )

    def notes(self, router: str) -> list[str]:
        """What is assumed, and what is not there."""
        found = [
            "a step counts as it was recorded, whoever took the steps before; a trajectory is "
            "right if every step is, and a return to an arm counts as a cold cache"
            if self.records.shared
            else "the second arm starts over, since what it would have made of another's run is "
            "not in the records"
        ]
        if len(set(self.records.texts)) < _FEWEST_TEXTS:
            found.append(f"no column 'text', so nothing that {router} could read")
        return found


def _best(records: StepRecords, rows: Codes) -> int:
    """The arm of the highest mean score on some trajectories; of equals the cheapest."""
    score, paid = records.outcome[rows].mean(axis=0), records.paid[rows].mean(axis=0)
    return int(np.lexsort((paid, -score))[0])
