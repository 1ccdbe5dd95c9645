"""All routers of a run against one of them, usually the best single model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from routereval.errors import DataError
from routereval.results.common_prompts import YARDSTICKS, Stack, stacked
from routereval.results.comparison import corrected
from routereval.results.results import Results
from routereval.results.summary import mean_over
from routereval.scoring import Comparison, Interval, resamples
from routereval.scoring.ranking import Omnibus, Rank, Tally, mean_ranks, omnibus, tally
from routereval.shown import Shown


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
        return self.test is not None and self.test.significant and self.test.difference > 0


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
                f"{self.n_prompts:,} prompts."
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
    try:
        found = standings(results)
    except DataError:
        return "No router stands beside the best single model: nothing can be said of a winner."
    learned = [row for row in found.rows if row.test is not None]
    if not learned:
        return "No learned router among these: run one, such as knn, to see whether routing gains."
    best = learned[0]
    why = f"the best of {len(learned)} learned routers" if len(learned) > 1 else "a learned router"
    return f"{_won(best, why)} {_learned_by(found, learned)}".strip()


def _won(best: Standing, why: str) -> str:
    test = best.test
    if test is None or test.all_tied:
        return f"No winner: {best.router}, {why}, scores as the best single model on every prompt."
    low, high = (round(end, 3) + 0.0 for end in (test.low, test.high))
    p = "p < 0.001" if test.p < 0.001 else f"p = {test.p:.3f}"
    corrected = "" if test.p_adjusted is None else " after Holm's correction"
    ends = f"{round(test.difference, 3) + 0.0:+.3f} [{low:+.3f}, {high:+.3f}]"
    held = f"{ends} on {test.n_prompts:,} prompts, {p}{corrected}"
    if not test.significant:
        both = f"{best.router}, {why}, and the best single model"
        return f"No winner: {both} cannot be told apart ({held})."
    if test.difference > 0:
        return f"Winner: {best.router}, {why}; it beats the best single model ({held})."
    return f"Winner: the best single model; {best.router}, {why}, scores less ({held})."


def _learned_by(found: Standings, learned: Sequence[Standing]) -> str:
    """How many others beat the best single model, where some do."""
    others = [row.router for row in learned[1:] if row.better]
    if not others or not learned[0].better:
        return ""
    return f"So {'does' if len(others) == 1 else 'do'} {', '.join(others)}."


def standings(results: Results, against: str = "best_single") -> Standings:
    """Hold all routers against one of them.

    Args:
        results: of a run.
        against: a router of the run, by its name or its spec, or ``best_single``, ``oracle`` or
            ``random``.

    Returns:
        The routers of the run by falling mean score, the controls among them.

    Raises:
        SpecError: if `against` is not among the results.
        DataError: if no router has a cell in common with it.
    """
    against = results.name_of(against)
    stacks = {name: _beside(results, name, against) for name in results.routers}
    held = {name: stack for name, stack in stacks.items() if stack is not None}
    if not held:
        raise DataError(f"no router has a cell in common with {against}")
    control = {cell.router: cell.control for cell in results.cells}
    learned = [name for name in held if not control[name] and name != against]
    tests = dict(zip(learned, corrected([held[name].test() for name in learned]), strict=True))
    ranked, whole = _ranks(results, list(held))
    rows = [
        Standing(
            name,
            control[name],
            float(stack.means[0]),
            _interval(results, name, against),
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


def _beside(results: Results, router: str, against: str) -> Stack | None:
    if against not in results.routers and against not in YARDSTICKS:
        results.of(against)  # says which routers there are
    try:
        return stacked(results, (router, against))
    except DataError:
        return None


def _interval(results: Results, router: str, against: str) -> Interval:
    """That of the table, over the cells that both routers have."""
    cells = results.of(router)
    if against in results.routers:
        places = {cell.place[:-1] for cell in results.of(against)}
        cells = [cell for cell in cells if cell.place[:-1] in places]
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
        resamples(part.subset, n_boot, groups=part.group)
        @ (part.values * part.weight[:, None])
        * len(part.weight)
        for part in parts
    ]
    points = np.stack([part.means for part in parts])
    return dict(zip(routers, mean_ranks(points, drawn), strict=True)), omnibus(points)
