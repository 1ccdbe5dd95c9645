"""What a router gains of what there is to gain, and what it saves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from routereval.report.display import Display
from routereval.report.panel import Axis, BarRow, Rows, Rule, Segment, axis
from routereval.report.titles import TITLES
from routereval.results.results import Results
from routereval.results.summary import MEAN, Estimate
from routereval.results.summary import Line as Summary


@dataclass(frozen=True)
class HeadroomDisplay(Display):
    """What a router gains of what there is to gain: best single model, router, oracle.

    Attributes:
        router: the learned router.
        rows: by benchmark, the scores of best single model, router and oracle.
        simulated: whether no real model was asked.
    """

    router: str
    rows: Sequence[tuple[str, float, float, float]]
    simulated: bool = False

    def panels(self) -> list[Rows]:
        """A row for each benchmark."""
        bars = [_headroom_row(*row) for row in self.rows]
        values = [value for row in self.rows for value in row[1:]]
        note = "bar: from the best single model to the router (red: a loss); pale: on to the oracle"
        scale = axis(f"mean score; dot: {self.router}", values)
        return [Rows(f"Headroom of {self.router}", scale, bars, [], note)]


def _headroom_row(name: str, single: float, router: float, oracle: float) -> BarRow:
    look = "c0" if router >= single else "stop"
    bars = [Segment(max(single, router), oracle, "grey", pale=True), Segment(single, router, look)]
    words = f"{single:.3f} → {router:.3f} → {oracle:.3f}"
    return BarRow(TITLES.get(name, name), router, math.nan, math.nan, look, words, bars)


@dataclass(frozen=True)
class SavingsDisplay(Display):
    """What each router saves at the quality of the best single model.

    Attributes:
        title: what stands above.
        rows: by router, the share of the best single model's cost that is saved, with its interval.
        simulated: whether no real model was asked.
    """

    title: str
    rows: Sequence[tuple[str, Estimate]]
    simulated: bool = False

    def panels(self) -> list[Rows]:
        """A row for each router, the largest saving first; none where no cost is known."""
        known = [(name, one) for name, one in self.rows if math.isfinite(one.value)]
        ranked = sorted(known, key=lambda pair: -pair[1].value)
        if not ranked:
            return []
        bars = [
            BarRow(
                name,
                one.value,
                max(one.low, -1.0),
                one.high,
                "c2" if one.low > 0 else "grey",
                f"{one.value:.0%} [{one.low:.0%}, {one.high:.0%}]",
                [Segment(0.0, one.value, "c2" if one.low > 0 else "grey")],
            )
            for name, one in ranked
        ]
        ends = [v for _, one in ranked for v in (one.value, max(one.low, -1.0), one.high)]
        held = axis("", [0.0, *ends], most=4)
        percents = [(value, f"{value:.0%}") for value, _ in held.ticks]
        scale = Axis("share of its cost that is saved", held.low, held.high, percents)
        note = "at the best price of cost on the test prompts; line: 95 % interval"
        return [Rows(self.title, scale, bars, [Rule(0.0, "", "ink", dashed=False)], note)]


def savings_of(lines: Sequence[Summary], simulated: bool = False) -> list[SavingsDisplay]:
    """A figure for each protocol and pool size whose costs are known.

    Args:
        lines: the summary of a run.
        simulated: whether no real model was asked.
    """
    lines = [
        line
        for line in lines
        if line.benchmark == MEAN and not line.control and "cost_save" in line.metrics
    ]
    places = dict.fromkeys((line.protocol, line.size) for line in lines)
    found = []
    for rule, size in places:
        own = [
            (line.router, line.metrics["cost_save"])
            for line in lines
            if (line.protocol, line.size) == (rule, size)
        ]
        title = f"Saved at the quality of the best single model · m = {size} models · {rule}"
        found.append(SavingsDisplay(title, own, simulated))
    return [one for one in found if one.panels()]


def headroom_of(results: Results, router: str) -> HeadroomDisplay | None:
    """The headroom on each benchmark, over the cells of a router; None where there is none."""
    held: dict[str, list[tuple[float, float, float]]] = {}
    for cell in results.of(router):
        evidence = results.outcomes[cell.key].evidence
        columns = (evidence.best_single, evidence.quality, evidence.oracle)
        one, two, three = (float(np.mean(column)) for column in columns)
        held.setdefault(cell.benchmark, []).append((one, two, three))
    rows = []
    for name, values in held.items():
        single, own, oracle = (float(mean) for mean in np.mean(values, axis=0))
        rows.append((name, single, own, oracle))
    return HeadroomDisplay(router, rows, results.simulated) if rows else None
