"""The cost twin of an advice's figure: what the best model, cheaper ones and the router cost."""

from __future__ import annotations

import math
from dataclasses import dataclass

from routereval.report.display import Display
from routereval.report.panel import BarRow, Rows, Segment, axis
from routereval.report.titles import TITLES
from routereval.studies.advise.advice import Advice, Alone, BenchmarkAdvice, Routed


@dataclass(frozen=True)
class AdviceCostDisplay(Display):
    """USD per 1,000 prompts of the choices that an advice weighs, a panel per benchmark.

    Attributes:
        advice: from `routereval.studies.advise`.
    """

    advice: Advice

    @property
    def simulated(self) -> bool:
        """Whether no real model was asked."""
        return any(benchmark.simulated for benchmark in self.advice.benchmarks)

    def panels(self) -> list[Rows]:
        """A panel for each benchmark whose costs are known."""
        found = [_panel(one) for one in self.advice.benchmarks]
        return [panel for panel in found if panel.rows]


def _panel(one: BenchmarkAdvice) -> Rows:
    decision, learned = one.decision, one.decision.learned
    rows = [_alone("best single model", decision.best, "ink")]
    if decision.enough is not None and decision.enough.model != decision.best.model:
        rows.append(_alone("cheapest within the margin", decision.enough, "c2"))
    if learned is not None:
        rows.append(_routed(f"{learned.router}, for the score", learned.best, "c0"))
        if learned.cheap is not None:
            rows.append(_routed(f"{learned.router}, for the cost", learned.cheap, "c1"))
    known = [row for row in rows if not math.isnan(row.value)]
    ends = [v for row in known for v in (row.value, row.high) if not math.isnan(v)]
    name = TITLES.get(one.name, one.name)
    note = "bar: cost; line: 95 % interval; beside it the mean score"
    return Rows(name, axis("USD per 1,000 prompts", [0.0, *ends], floor=0.0), known, [], note)


def _alone(what: str, one: Alone, look: str) -> BarRow:
    words = f"{one.usd:,.4g} USD, score {one.score.value:.3f}, {one.model}"
    bar = [Segment(0.0, one.usd, look)]
    return BarRow(what, one.usd, math.nan, math.nan, look, words, bar)


def _routed(what: str, one: Routed, look: str) -> BarRow:
    words = f"{one.usd.value:,.4g} USD, score {one.score.value:.3f}"
    bar = [Segment(0.0, one.usd.value, look)]
    return BarRow(what, *one.usd, look, words, bar)
