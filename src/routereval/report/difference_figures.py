"""Which routers differ from another, and by how much: paired differences, and mean ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from routereval.report.display import Display
from routereval.report.panel import BarRow, Rows, Rule, Segment, axis
from routereval.report.sections.pieces import signed
from routereval.results.standings import Standings
from routereval.scoring import Comparison


@dataclass(frozen=True)
class ForestDisplay(Display):
    """The differences of all learned routers to one of them, with intervals.

    Attributes:
        found: from `standings`.
    """

    found: Standings

    @property
    def simulated(self) -> bool:
        """Whether no real model was asked."""
        return self.found.simulated

    def panels(self) -> list[Rows]:
        """A row for each learned router; none where none was tested."""
        tested = [(row.router, row.test) for row in self.found.rows if row.test is not None]
        against = self.found.against
        title = f"All learned routers against {against}"
        return [difference_rows(tested, against, title)] if tested else []


def difference_rows(tested: Sequence[tuple[str, Comparison]], against: str, title: str) -> Rows:
    """Differences with their intervals, and what could have been distinguished, a row each.

    Args:
        tested: the tests by the name of their row.
        against: what the differences are to.
        title: what stands above.
    """
    ends = [end for _, t in tested for end in (t.low, t.high, t.detectable, -t.detectable)]
    n_prompts = max(test.n_prompts for _, test in tested)
    note = (
        f"{n_prompts:,} prompts; line: 95 % interval; *: p < 0.05 after Holm's correction; "
        "pale: too small to tell"
    )
    rows = [_difference_row(name, test) for name, test in tested]
    scale = axis(f"difference in mean score to {against}", [0.0, *ends], most=4)
    return Rows(title, scale, rows, [Rule(0.0, "", "ink", dashed=False)], note)


def _difference_row(router: str, test: Comparison) -> BarRow:
    blind = test.detectable if math.isfinite(test.detectable) else 0.0
    mark = "*" if test.significant else ""
    words = f"{signed(test.difference)} [{signed(test.low)}, {signed(test.high)}]{mark}"
    look = "c0" if test.significant else "grey"
    pale = [Segment(-blind, blind, "grey", pale=True)]
    return BarRow(
        router, test.difference, test.low, test.high, look, words, pale, not test.significant
    )


@dataclass(frozen=True)
class RankDisplay(Display):
    """Mean ranks over benchmarks, with the critical difference.

    Attributes:
        found: from `standings`, over several benchmarks.
    """

    found: Standings

    @property
    def simulated(self) -> bool:
        """Whether no real model was asked."""
        return self.found.simulated

    def panels(self) -> list[Rows]:
        """A row for each router, the best first; none where not all have ranks."""
        ranked = sorted(
            ((row.router, row.rank, row.control) for row in self.found.rows if row.rank),
            key=lambda held: held[1].mean,
        )
        learned = [rank.mean for _, rank, control in ranked if not control]
        if not learned or len(ranked) < 2 or self.found.n_benchmarks < 2:
            return []
        whole, best = self.found.omnibus, learned[0]
        near = best + whole.critical_difference if whole else math.nan
        rows = []
        for router, rank, control in ranked:
            words = f"{rank.mean:.1f} [{rank.low:.1f}, {rank.high:.1f}]"
            pale = [Segment(best, near, "c0", pale=True)] if whole else []
            look = "c0" if rank.mean <= near and not control else "grey"
            name = f"{router} †" if control else router
            rows.append(BarRow(name, *rank, look, words, pale, control))
        note = f"{self.found.n_benchmarks} benchmarks; line: 95 % interval"
        if whole:
            note += (
                f"; pale: the critical difference {whole.critical_difference:.1f} from the best "
                "learned router (Nemenyi, 5 %)"
            )
        scale = axis("mean rank, 1 is the best", [1.0, *(r.high for _, r, _ in ranked)], most=5)
        return [Rows("Mean ranks", scale, rows, [], note)]
