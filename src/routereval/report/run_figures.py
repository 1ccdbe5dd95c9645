"""The figures of a run: each a display of its numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from routereval.report.cells import visible
from routereval.report.display import SIMULATED, Display, styled
from routereval.report.panel import (
    BEST,
    FEW,
    LONGEST,
    Area,
    Axis,
    BarRow,
    Dots,
    Line,
    Mark,
    Panel,
    Rows,
    Rule,
    Segment,
    axis,
    cost_axis,
    log_ticks,
    looks,
    shortened,
    ticks,
)
from routereval.report.sections.pieces import signed
from routereval.report.titles import TITLES
from routereval.results.champions import Champions
from routereval.results.learning_curves import Learning
from routereval.results.operating import Operating, PoolPoints
from routereval.results.results import Results
from routereval.results.standings import Standings
from routereval.results.summary import MEAN, Estimate
from routereval.results.summary import Line as Summary
from routereval.scoring import Comparison, Curve
from routereval.scoring.calibration import Calibration, calibration
from routereval.scoring.curve import USD
from routereval.scoring.pareto import hull

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PER = 1_000
LEAST_IN_BIN = 20
"""A bin of a reliability curve holds at least so many predictions."""

_MOST_BINS = 10


def cost_label(unit: str) -> str:
    """What an axis of costs is called."""
    return "USD per 1,000 prompts" if unit == USD else f"{unit}, per 1,000 prompts"


@dataclass(frozen=True)
class CostQualityDisplay(Display):
    """Score against cost of the routers of some pools, with the models named.

    Attributes:
        pools: a panel each.
        made: whether no real model was asked.
        benchmarks: whether a panel is titled by its benchmark alone.
    """

    pools: Sequence[PoolPoints]
    made: bool = False
    benchmarks: bool = False

    @property
    def simulated(self) -> bool:
        """Whether no real model was asked."""
        return self.made

    def panels(self) -> list[Panel]:
        """A panel for each pool."""
        return [_cost_quality(pool, self.benchmarks) for pool in self.pools]


def _cost_quality(pool: PoolPoints, short: bool) -> Panel:
    name = TITLES.get(pool.benchmark, pool.benchmark)
    chosen = looks(len(pool.routers))
    ranked = list(zip(pool.routers, chosen, strict=True))
    # from the back to the front: the best router last
    lines = [_router_line(one, look, band=one is ranked[0][0]) for one, look in reversed(ranked)]
    cost = (pool.cost * _PER).tolist()
    dots = Dots(
        cost,
        pool.score.tolist(),
        pool.models,
        "ink",
        *((pool.low.tolist(), pool.high.tolist()) if len(pool.models) <= FEW else ((), ())),
    )
    shown = [
        *dots.y,
        *dots.low,
        *dots.high,
        *(v for r in pool.routers[:BEST] for v in (*r.low, *r.high)),
    ]
    spread = max(shown) - min(shown)
    marks: list[Mark] = [_zero(pool), *lines, dots]
    if pool.oracle <= max(shown) + 0.6 * spread:
        shown.append(pool.oracle)
        marks.insert(0, Rule(pool.oracle, "oracle", "grey"))
    grey = len(pool.routers) - BEST if len(pool.routers) > FEW else 0
    more = f"; {grey} more routers in grey" if grey else ""
    beyond = "" if pool.oracle in shown else f"; oracle {pool.oracle:.3f}, above"
    costs = [*cost, *(float(c) * _PER for r in pool.routers for c in r.cost)]
    return Panel(
        name if short else f"{name} · m = {pool.size} · {pool.group}",
        cost_axis(cost_label(pool.unit), costs),
        axis("mean score", shown),
        marks,
        f"{pool.n_test:,} test prompts; 95 % intervals{beyond}{more}",
    )


def _zero(pool: PoolPoints) -> Line:
    """The Zero router: the single models and mixtures of them; below it nothing was learned."""
    cost, score = hull(pool.cost, pool.score)
    end = max(float(pool.cost.max()), float(cost[-1]))
    x = [*(cost * _PER).tolist(), end * _PER]
    return Line(x, [*score.tolist(), float(score[-1])], "Zero router", "ink", dashed=True)


def _router_line(one: Operating, look: str, *, band: bool) -> Line:
    return Line(
        (one.cost * _PER).tolist(),
        one.score.tolist(),
        "" if look == "grey" else one.router,
        look,
        one.low.tolist() if band else (),
        one.high.tolist() if band else (),
        dots=look != "grey",
    )


@dataclass(frozen=True)
class ShareDisplay(Display):
    """Which share of the prompts goes to each model, against the price of cost.

    Attributes:
        title: what stands above.
        lam: (n_points,) prices of cost, in score per unit of cost, rising.
        sent: (n_points, n_models) the shares; rows sum to 1.
        models: names of the models.
        unit: of cost.
        made: whether no real model was asked.
    """

    title: str
    lam: NDArray[np.float64]
    sent: NDArray[np.float64]
    models: Sequence[str]
    unit: str = USD
    made: bool = False

    @classmethod
    def of(
        cls, title: str, curve: Curve, models: Sequence[str], made: bool = False
    ) -> ShareDisplay:
        """The shares along a curve that has them.

        Raises:
            ValueError: if they were not kept.
        """
        if curve.sent is None:
            raise ValueError("the shares along this curve were not kept")
        return cls(title, curve.lam, curve.sent.astype(np.float64), models, curve.unit, made)

    @property
    def simulated(self) -> bool:
        """Whether no real model was asked."""
        return self.made

    def panels(self) -> list[Panel]:
        """One panel of stacked areas, the models by their share at no price of cost."""
        x, scale = self._scale()
        order = np.argsort(-self.sent[0], kind="stable").tolist()
        named = [place for place in order if self.sent[:, place].max() >= 0.005]
        shown = named if len(named) <= FEW else named[: FEW - 1]
        marks: list[Mark] = []
        below = np.zeros(len(self.lam))
        for place, column in enumerate(shown):
            above = below + self.sent[:, column]
            name = self.models[column]
            marks.append(
                Area(x, below.tolist(), above.tolist(), name, f"c{place}", steps=len(x) > 1)
            )
            below = above
        if len(shown) < len(named):
            rest = f"{len(named) - len(shown)} others"
            marks.append(Area(x, below.tolist(), [1.0] * len(x), rest, "grey", steps=True))
        percents = [(share / 4, f"{25 * share} %") for share in range(5)]
        return [Panel(self.title, scale, Axis("share of prompts", 0.0, 1.0, percents), marks)]

    def _scale(self) -> tuple[list[float], Axis]:
        """Prices on a logarithm, 0 at its left end and infinity at its right."""
        per = f"score per {cost_label(self.unit)}"
        lam = self.lam / _PER
        finite = lam[(lam > 0) & np.isfinite(lam)]
        if not len(finite):
            return [0.0, 1.0][: len(lam)], Axis(f"λ, {per}", 0.0, 1.0, [(0.0, "0")])
        low, high = float(finite.min()) / 3, float(finite.max()) * 3
        if high / low > 1e6:  # what lies below one part in a million of the largest changes little
            low = high / 1e6
        x = np.clip(np.where(np.isfinite(lam), lam, high), low, high)
        inner = log_ticks(low, high)
        thin = inner[:: max(1, math.ceil(len(inner) / 5))]
        return x.tolist(), Axis(f"λ, {per} (logarithmic)", low, high, thin, log=True)


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


@dataclass(frozen=True)
class HeadroomDisplay(Display):
    """What a router gains of what there is to gain: best single model, router, oracle.

    Attributes:
        router: the learned router.
        rows: by benchmark, the scores of best single model, router and oracle.
        made: whether no real model was asked.
    """

    router: str
    rows: Sequence[tuple[str, float, float, float]]
    made: bool = False

    @property
    def simulated(self) -> bool:
        """Whether no real model was asked."""
        return self.made

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
        made: whether no real model was asked.
    """

    title: str
    rows: Sequence[tuple[str, Estimate]]
    made: bool = False

    @property
    def simulated(self) -> bool:
        """Whether no real model was asked."""
        return self.made

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


def savings_of(lines: Sequence[Summary], made: bool = False) -> list[SavingsDisplay]:
    """A figure for each protocol and pool size whose costs are known.

    Args:
        lines: the summary of a run.
        made: whether no real model was asked.
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
        found.append(SavingsDisplay(title, own, made))
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
    made = any(cell.simulated for cell in results.cells)
    return HeadroomDisplay(router, rows, made) if rows else None


@dataclass(frozen=True)
class ChampionDisplay(Display):
    """The map of models by benchmarks or subsets: which model is best at what.

    Attributes:
        found: from `champions`.
        made: whether no real model was asked.
    """

    found: Champions
    made: bool = False

    @property
    def simulated(self) -> bool:
        """Whether no real model was asked."""
        return self.made

    def panels(self) -> list[Panel]:
        """It is no panel but a map; on the page it is a table. See `figure`."""
        return []

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the map onto axes, or onto those of a new figure."""
        if ax is None:
            from matplotlib.figure import Figure

            ax = Figure().add_subplot()
        draw_map(ax, self.found)
        return ax

    def figure(self) -> Figure:
        """The map: scores, the best in bold; grey where one is level with the best."""
        with styled():
            from matplotlib.figure import Figure

            size = (1.6 + 0.62 * len(self.found.models), 1.5 + 0.22 * len(self.found.rows))
            figure = Figure(figsize=size, layout="constrained")
            draw_map(figure.add_subplot(), self.found)
            if self.made:
                figure.suptitle(SIMULATED, color="#b2182b", fontsize=7.5, x=0.995, ha="right")
        return figure


def draw_map(ax: Axes, found: Champions) -> None:
    """Draw the map of models onto axes of matplotlib."""
    n_rows, n_models = len(found.rows), len(found.models)
    ax.set_xlim(-0.5, n_models - 0.5)
    ax.set_ylim(n_rows - 0.5, -0.5)
    for y, row in enumerate(found.rows):
        known = [one.mean for one in row.models if not math.isnan(one.mean)]
        low, high = min(known, default=0.0), max(known, default=1.0)
        for x, one in enumerate(row.models):
            if math.isnan(one.mean):
                continue
            shade = 0.0 if one.level or high == low else 0.55 * (one.mean - low) / (high - low)
            fill = "#eeeeee" if one.level else "#0072B2"
            box: Any = {"facecolor": fill, "alpha": 1.0 if one.level else shade, "linewidth": 0}
            ax.axvspan(x - 0.5, x + 0.5, 1 - (y + 1) / n_rows, 1 - y / n_rows, **box)
            ax.text(
                *(x, y, f"{one.mean:.3f}"),
                ha="center",
                va="center",
                fontsize=6.5,
                color="#777777" if one.level else "#111111",
                fontweight="bold" if one.best else "normal",
            )
    names = [shortened(visible(model), LONGEST) for model in found.models]
    ax.set_xticks(range(n_models), names, rotation=35, ha="left", fontsize=6.5)
    ax.xaxis.tick_top()
    written = TITLES if found.what == "benchmark" else {}
    titles = [f"{written.get(row.name, row.name)} ({row.n_prompts:,})" for row in found.rows]
    ax.set_yticks(range(n_rows), [visible(one) for one in titles], fontsize=6.5)
    ax.tick_params(length=0)
    ax.grid(visible=False)
    for side in ax.spines.values():
        side.set_visible(False)
    note = "grey: cannot be told apart from the best, in bold (Holm, 5 %)"
    ax.set_xlabel(f"mean score by {found.what} (test prompts); {note}", fontsize=6.5)


@dataclass(frozen=True)
class LearningDisplay(Display):
    """Score against the number of labelled prompts.

    Attributes:
        groups: the curves of each panel.
        made: whether no real model was asked.
    """

    groups: Sequence[Sequence[Learning]]
    made: bool = False

    @property
    def simulated(self) -> bool:
        """Whether no real model was asked."""
        return self.made

    def panels(self) -> list[Panel]:
        """A panel for each protocol and pool size."""
        return [_learning(curves) for curves in self.groups]


_WHAT = {"n": "labelled prompts", "k": "probe prompts"}


def _learning(curves: Sequence[Learning]) -> Panel:
    first = curves[0]
    learned = sorted((c for c in curves if not c.control), key=lambda c: -c.mu[-1].value)
    chosen = looks(len(learned))
    marks: list[Mark] = [
        Line(c.prompts, [e.value for e in c.mu], c.router, "grey", dashed=True)
        for c in curves
        if c.control
    ]
    for place in range(len(learned) - 1, -1, -1):
        one, look = learned[place], chosen[place]
        band = place == 0
        marks.append(
            Line(
                one.prompts,
                [e.value for e in one.mu],
                "" if look == "grey" else one.router,
                look,
                [e.low for e in one.mu] if band else (),
                [e.high for e in one.mu] if band else (),
                dots=True,
            )
        )
    values = [e.value for c in curves for e in c.mu]
    ends = [v for e in learned[0].mu for v in (e.low, e.high)] if learned else []
    x = Axis(
        f"{_WHAT[first.counted]}, {first.counted} (logarithmic)",
        first.prompts[0] / 1.05,
        first.prompts[-1] * 1.05,
        [(float(n), f"{n:,}") for n in first.prompts],
        log=True,
    )
    note = f"band: 95 % interval of {learned[0].router}" if learned else ""
    title = f"m = {first.size} models · {first.rule}"
    return Panel(title, x, axis("mean score μ_o", [*values, *ends]), marks, note)


@dataclass(frozen=True)
class CalibrationDisplay(Display):
    """Whether predicted scores mean what they say: true against predicted, in bins.

    Attributes:
        router: whose predictions.
        predicted: (n,) predicted scores, in [0, 1] or clipped to it.
        scores: (n,) true scores.
        made: whether no real model was asked.
    """

    router: str
    predicted: NDArray[np.float64]
    scores: NDArray[np.float64]
    made: bool = False

    @property
    def simulated(self) -> bool:
        """Whether no real model was asked."""
        return self.made

    def binned(self) -> Calibration | None:
        """The reliability curve in bins of at least `LEAST_IN_BIN`; None for too few prompts."""
        bins = min(_MOST_BINS, len(self.predicted) // LEAST_IN_BIN)
        return calibration(self.predicted, self.scores, bins) if bins else None

    def panels(self) -> list[Panel]:
        """One panel, with a histogram of the predictions at its foot."""
        found = self.binned()
        title = f"{self.router}: is the predicted score of the choice true?"
        whole = Axis("predicted score", 0.0, 1.0, ticks(0.0, 1.0))
        upright = Axis("true score", 0.0, 1.0, ticks(0.0, 1.0))
        marks: list[Mark] = [
            self._histogram(),
            Line([0.0, 1.0], [0.0, 1.0], "", "grey", dashed=True),
        ]
        n = len(self.predicted)
        if found is None:
            note = f"{n:,} prompts: not estimable in bins of {LEAST_IN_BIN} or more"
            return [Panel(title, whole, upright, marks, note)]
        half = 1.96 * np.sqrt(
            np.maximum(found.observed * (1 - found.observed), 1e-4) / found.counts
        )
        low, high = np.clip(found.observed - half, 0, 1), np.clip(found.observed + half, 0, 1)
        few = found.counts < LEAST_IN_BIN
        if few.any():  # equal predictions cannot be cut
            low[few], high[few] = np.nan, np.nan
        x, y = found.predicted.tolist(), found.observed.tolist()
        marks.append(Line(x, y, "", "c0"))
        marks.append(Dots(x, y, [""] * len(x), "c0", low.tolist(), high.tolist(), hollow=False))
        note = f"{n:,} choices, {len(x)} bins of {found.counts.min()} or more; ECE {found.ece:.3f}"
        return [Panel(title, whole, upright, marks, note)]

    def _histogram(self) -> Area:
        counts, edges = np.histogram(np.clip(self.predicted, 0, 1), 20, (0.0, 1.0))
        height = 0.2 * counts / max(1, counts.max())
        return Area(edges.tolist(), [0.0] * 21, [*height.tolist(), 0.0], "", "grey", steps=True)


def calibration_of(results: Results, router: str) -> CalibrationDisplay | None:
    """The predictions of a router's choices beside what they scored; None where not kept."""
    predicted, scores = [], []
    for cell in results.of(router):
        outcome = results.outcomes[cell.key]
        choice = outcome.evidence.choice
        if outcome.predicted is None or (choice < 0).any():
            continue
        rows = np.arange(len(choice))
        predicted.append(outcome.predicted[rows, choice].astype(np.float64))
        scores.append(outcome.evidence.quality)
    if not predicted:
        return None
    made = any(cell.simulated for cell in results.cells)
    own, true = np.concatenate(predicted), np.concatenate(scores)
    known = np.isfinite(own)
    return CalibrationDisplay(router, own[known], true[known], made) if known.any() else None
