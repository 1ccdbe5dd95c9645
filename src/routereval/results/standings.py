"""All routers of a run against one of them, usually the best single model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from routereval.errors import DataError
from routereval.results.common_prompts import YARDSTICKS, Stack, stacked
from routereval.results.comparison import corrected
from routereval.results.results import Results
from routereval.results.summary import Estimate, mean_over
from routereval.scoring import Comparison, Interval, resamples
from routereval.scoring.bootstrap import product
from routereval.scoring.ranking import Omnibus, Rank, Tally, mean_ranks, omnibus, tally
from routereval.shown import Shown

AGAINST = "best_single"
"""What all routers are held against, unless one says otherwise."""


class Standing(NamedTuple):
    """Where one router stands.

    Attributes:
        router: its spec.
        control: True if it has learned nothing.
        mu: its mean score, as the table has it.
        interval: its 95 % bootstrap interval over prompts.
        test: its difference to the router that all are held against, the p-value corrected by Holm
            over the learned routers; None for a control, and where they have no cell in common.
        tally: on how many benchmarks it is ahead, level and behind.
        rank: its mean rank over the benchmarks; None where not all routers have a cell in common.
    """

    router: str
    control: bool
    mu: float
    interval: Interval
    test: Comparison | None
    tally: Tally
    rank: Rank | None

    @property
    def better(self) -> bool:
        """Whether it is significantly better than the router that all are held against."""
        return self.test is not None and _better(self.test)


@dataclass(frozen=True, repr=False)
class Standings(Shown):
    """All routers, the best first.

    Attributes:
        against: the router that all are held against.
        rows: where each stands.
        n_benchmarks: on how many benchmarks.
        n_prompts: on how many prompts.
        simulated: True if no real model was asked.
        omnibus: whether the ranks of all routers differ at all; None for a single benchmark, fewer
            than three routers, or where not all have a cell in common.
        results: what they stand in.
    """

    against: str
    rows: Sequence[Standing]
    n_benchmarks: int
    n_prompts: int
    simulated: bool = False
    omnibus: Omnibus | None = None
    results: Results | None = field(default=None, compare=False)

    @property
    def sentence(self) -> str:
        """Which routers beat the one that all are held against."""
        learned = [row for row in self.rows if row.test is not None]
        better = [row.router for row in learned if row.better]
        if not learned:
            return f"No learned router stands beside {self.against}."
        if len(learned) == 1:
            beats = "beats" if better else "does not beat"
            return f"{learned[0].router} {beats} {self.against} on {self.n_prompts:,} prompts."
        if not better:
            return (
                f"None of {len(learned)} learned routers beats {self.against} on "
                f"{self.n_prompts:,} prompts after Holm's correction."
            )
        beat = "beats" if len(better) == 1 else "beat"
        return (
            f"{len(better)} of {len(learned)} learned routers {beat} {self.against} on "
            f"{self.n_prompts:,} prompts after Holm's correction: {', '.join(better)}."
        )


def winner(results: Results) -> str:
    """Who won, in a sentence: the learned router with the highest mean score, against best single.

    Args:
        results: of a run.

    Returns:
        By how much it differs from the best single model, with the interval and the p-value by
        Holm over all learned routers; or that nothing can be said.
    """
    against = results.name_of(AGAINST)
    held = _stacks(results, against)
    if not held:
        return "No router stands beside the best single model: nothing can be said of a winner."
    tests = _tests(results, held, against)
    if not tests:
        return "No learned router among these: run one, such as knn, to see whether routing gains."
    (best, test), *others = sorted(tests.items(), key=lambda one: -held[one[0]].means[0])
    why = f"the best of {len(tests)} learned routers" if others else "a learned router"
    also = [router for router, other in others if _better(test) and _better(other)]
    more = f" So {'does' if len(also) == 1 else 'do'} {', '.join(also)}." if also else ""
    return _won(best, test, why) + more


def _won(router: str, test: Comparison, why: str) -> str:
    if test.all_tied:
        return f"No winner: {router}, {why}, scores as the best single model on every prompt."
    low, high = (round(end, 3) + 0.0 for end in (test.low, test.high))
    p = "p < 0.001" if test.p < 0.001 else f"p = {test.p:.3f}"
    corrected = "" if test.p_adjusted is None else " after Holm's correction"
    ends = f"{round(test.difference, 3) + 0.0:+.3f} [{low:+.3f}, {high:+.3f}]"
    held = f"{ends} on {test.n_prompts:,} prompts, {p}{corrected}"
    if not test.significant:
        both = f"{router}, {why}, and the best single model"
        return f"No winner: {both} cannot be told apart ({held})."
    if test.difference > 0:
        return f"Winner: {router}, {why}; it beats the best single model ({held})."
    return f"Winner: the best single model; {router}, {why}, scores less ({held})."


def _better(test: Comparison) -> bool:
    return test.significant and test.difference > 0


def standings(
    results: Results, against: str = AGAINST, *, scores: Mapping[str, Estimate] | None = None
) -> Standings:
    """Hold all routers against one of them.

    Args:
        results: of a run.
        against: a router of the run, by its name or its spec, or ``best_single``, ``oracle`` or
            ``random``.
        scores: the mean score of each router over all its cells, if it is at hand.

    Returns:
        The routers of the run by falling mean score, the controls among them.

    Raises:
        SpecError: if `against` is not among the results.
        DataError: if no router has a cell in common with it.
    """
    against = results.name_of(against)
    held = _stacks(results, against)
    if not held:
        raise DataError(f"no router has a cell in common with {against}")
    tests = _tests(results, held, against)
    ranked, whole = _ranks(results, list(held))
    rows = [
        Standing(
            name,
            results.of(name)[0].control,
            float(stack.means[0]),
            _interval(results, name, against, scores or {}),
            tests.get(name),
            _tally(stack),
            ranked.get(name),
        )
        for name, stack in held.items()
    ]
    widest = max(held.values(), key=lambda stack: len(stack.weight))
    rows.sort(key=lambda row: -row.mu)
    simulated = results.simulated
    return Standings(
        against, rows, len(widest.names), len(widest.weight), simulated, whole, results
    )


def _stacks(results: Results, against: str) -> dict[str, Stack]:
    """Each router beside one of them, where they have a cell in common."""
    found = {name: _beside(results, name, against) for name in results.routers}
    return {name: stack for name, stack in found.items() if stack is not None}


def _tests(results: Results, held: Mapping[str, Stack], against: str) -> dict[str, Comparison]:
    """The tests of the learned routers, corrected by Holm."""
    learned = [name for name in held if not results.of(name)[0].control and name != against]
    return dict(zip(learned, corrected([held[name].test() for name in learned]), strict=True))


def _beside(results: Results, router: str, against: str) -> Stack | None:
    if against not in results.routers and against not in YARDSTICKS:
        results.of(against)  # says which routers there are
    try:
        return stacked(results, (router, against))
    except DataError:
        return None


def _interval(
    results: Results, router: str, against: str, scores: Mapping[str, Estimate]
) -> Interval:
    """That of the table, over the cells that both routers have."""
    cells = every = results.of(router)
    if against in results.routers:
        places = {cell.place[:-1] for cell in results.of(against)}
        cells = [cell for cell in every if cell.place[:-1] in places]
    if router in scores and len(cells) == len(every):
        return Interval(*scores[router][1:])
    return Interval(*mean_over(results, cells, ("mu",))["mu"][0][1:])


def _tally(stack: Stack) -> Tally:
    means = [stack.of(code).means for code in range(len(stack.names))]
    return tally(mean[0] - mean[1] for mean in means)


def _ranks(results: Results, routers: Sequence[str]) -> tuple[dict[str, Rank], Omnibus | None]:
    """The mean rank of each router, and whether the ranks differ at all."""
    try:
        everyone = stacked(results, routers)
    except DataError:
        return {}, None
    parts = [everyone.of(code) for code in range(len(everyone.names))]
    n_boot = results.cells[0].n_boot
    drawn = [
        product(
            resamples(part.subset, n_boot, groups=part.group), part.values * part.weight[:, None]
        )
        * len(part.weight)
        for part in parts
    ]
    points = np.stack([part.means for part in parts])
    return dict(zip(routers, mean_ranks(points, drawn), strict=True)), omnibus(points)
