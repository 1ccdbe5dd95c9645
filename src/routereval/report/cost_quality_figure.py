"""What quality costs, and which models answer: by operating point, and by trade-off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routereval.report.display import Display
from routereval.report.panel import (
    BEST,
    FEW,
    Area,
    Axis,
    Dots,
    Line,
    Mark,
    Panel,
    Rule,
    axis,
    cost_axis,
    log_ticks,
    looks,
)
from routereval.report.titles import TITLES
from routereval.results.operating_points import Operating, PoolPoints
from routereval.scoring import Curve
from routereval.scoring.curve import USD
from routereval.scoring.pareto import hull

_PER = 1_000


def cost_label(unit: str) -> str:
    """What an axis of costs is called."""
    return "USD per 1,000 prompts" if unit == USD else f"{unit}, per 1,000 prompts"


@dataclass(frozen=True)
class CostQualityDisplay(Display):
    """Score against cost of the routers of some pools, with the models named.

    Attributes:
        pools: a panel each.
        simulated: whether no real model was asked.
        benchmarks: whether a panel is titled by its benchmark alone.
    """

    pools: Sequence[PoolPoints]
    simulated: bool = False
    benchmarks: bool = False

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
        simulated: whether no real model was asked.
    """

    title: str
    lam: NDArray[np.float64]
    sent: NDArray[np.float64]
    models: Sequence[str]
    unit: str = USD
    simulated: bool = False

    @classmethod
    def of(
        cls, title: str, curve: Curve, models: Sequence[str], simulated: bool = False
    ) -> ShareDisplay:
        """The shares along a curve that has them.

        Raises:
            ValueError: if they were not kept.
        """
        if curve.sent is None:
            raise ValueError("the shares along this curve were not kept")
        return cls(title, curve.lam, curve.sent.astype(np.float64), models, curve.unit, simulated)

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
