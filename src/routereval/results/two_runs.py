"""Two runs side by side: what each router scored in both, on the same prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from routereval.errors import DataError
from routereval.results.common_prompts import stacked
from routereval.results.comparison import corrected
from routereval.results.results import Cell, Outcome, Results
from routereval.scoring import Comparison

_Place = tuple[str, str, int, str, int]
_SIDES = ("first", "second")


class RunChange(NamedTuple):
    """One router in both runs.

    Attributes:
        router: its spec.
        control: True for a yardstick.
        n_cells: how many cells both have, of the same pools and prompts.
        scores: the mean score in the first and in the second run.
        costs: the mean cost of a call in each; NaN where unknown.
        test: of second less first, paired on prompts, p corrected by Holm over the routers.
    """

    router: str
    control: bool
    n_cells: int
    scores: tuple[float, float]
    costs: tuple[float, float]
    test: Comparison


@dataclass(frozen=True)
class TwoRuns:
    """What two runs have in common, and what not.

    Attributes:
        changes: the routers that both have cells of.
        facts: what differs between the runs: name of the fact, first, second.
        left_out: sentences on what could not be compared.
        simulated: True if no real model was asked.
    """

    changes: Sequence[RunChange]
    facts: Sequence[tuple[str, str, str]]
    left_out: Sequence[str]
    simulated: bool


def two_runs(first: Results, second: Results) -> TwoRuns:
    """Hold two runs against each other on the cells that both have.

    Args:
        first: one run.
        second: the other.

    Raises:
        DataError: if no router has a cell of the same pool and prompts in both.
    """
    common = [router for router in first.routers if router in second.routers]
    found, notes = [], []
    for router in common:
        pairs = _shared(first, second, router)
        if pairs:
            found.append((router, pairs, _test(first, second, pairs)))
        else:
            notes.append(f"{router}: no cell of the same pool and prompts in both runs")
    alone = [router for router in (*first.routers, *second.routers) if router not in common]
    if alone:
        notes.append(f"only in one of the runs: {', '.join(dict.fromkeys(alone))}")
    if not found:
        raise DataError(
            "the two runs have no cell in common; they need the same records, pools, protocol and "
            "seeds"
        )
    tests = corrected([test for _, _, test in found])
    changes = [
        _change(router, pairs, first, second, test)
        for (router, pairs, _), test in zip(found, tests, strict=True)
    ]
    simulated = any(cell.simulated for cell in (*first.cells, *second.cells))
    return TwoRuns(changes, _facts(first, second), notes, simulated)


_Pairs = list[tuple[Cell, Cell]]


def _shared(first: Results, second: Results, router: str) -> _Pairs:
    others: dict[_Place, Cell] = {cell.place[:-1]: cell for cell in second.of(router)}
    pairs = []
    for cell in first.of(router):
        other = others.get(cell.place[:-1])
        if other is not None and (cell.records, cell.pool) == (other.records, other.pool):
            rows = first.outcomes[cell.key].rows, second.outcomes[other.key].rows
            if np.array_equal(*rows):
                pairs.append((cell, other))
    return pairs


def _test(first: Results, second: Results, pairs: _Pairs) -> Comparison:
    """The paired test of the second run against the first."""
    cells: list[Cell] = []
    outcomes: dict[str, Outcome] = {}
    for pair in pairs:
        for side, cell, run in zip(_SIDES, pair, (first, second), strict=True):
            named = replace(cell, router=side)
            cells.append(named)
            outcomes[named.key] = run.outcomes[cell.key]
    return stacked(Results(cells, outcomes), (_SIDES[1], _SIDES[0])).test()


def _change(
    router: str, pairs: _Pairs, first: Results, second: Results, test: Comparison
) -> RunChange:
    def mean(metric: str) -> tuple[float, float]:
        held = [[cell.metrics.get(metric, np.nan) for cell in pair] for pair in pairs]
        one, two = np.mean(np.array(held, np.float64), axis=0).tolist()
        return one, two

    control = pairs[0][0].control
    return RunChange(router, control, len(pairs), mean("mu"), mean("cost"), test)


def _facts(first: Results, second: Results) -> list[tuple[str, str, str]]:
    """What ``run.json`` says that is not the same in both."""
    keys = dict.fromkeys([*first.info, *second.info])
    held = [(key, str(first.info.get(key, "–")), str(second.info.get(key, "–"))) for key in keys]
    return [fact for fact in held if fact[1] != fact[2]]
