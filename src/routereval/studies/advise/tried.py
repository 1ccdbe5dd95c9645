"""Learned routers tried out of fold: what they gain, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from routereval.results.summary import Estimate
from routereval.routers import make_router
from routereval.routers.guarded import Guarded
from routereval.scoring.pareto import hull
from routereval.studies.advise.advice import Learned, Routed
from routereval.studies.advise.learned import OutOfFold, best_of
from routereval.studies.advise.plan import AdvicePlan
from routereval.studies.advise.resampled import NAN, UNDEFINED, Resampled
from routereval.studies.advise.score_table import Floats, Index
from routereval.studies.advise.yardsticks import PER, Yardsticks, percentile_95

LEAST_SAVING = 0.1
"""A saving below this share of a cost is not worth a change."""


class Tried:
    """The learned router at some trade-offs, beside the yardsticks, on the same tested prompts.

    Args:
        tried: the choices of each, by spec; see `best_of`.
        yardsticks: the models alone.
        plan: what was asked for.
    """

    def __init__(
        self, tried: Mapping[str, OutOfFold], yardsticks: Yardsticks, plan: AdvicePlan
    ) -> None:
        self.of, self.plan = yardsticks, plan
        table, rows = yardsticks.table, next(iter(tried.values())).rows
        weights = None if yardsticks.weights is None else yardsticks.weights[rows]
        self.drawn = Resampled(
            table.subsets[rows], table.groups[rows], weights, plan.n_boot, plan.seed
        )
        self.scores, self.costs = yardsticks.scores[rows], yardsticks.costs[rows]
        self.router, self.found = best_of(tried, self.scores, self.drawn.weights)
        self.floor = yardsticks.floor_scores()[rows]
        self.every = np.arange(len(rows))
        self.held_back_by = self._held_back_by(tried)

    def learned(self, enough: int | None) -> Learned:
        """What it does for the score, at least cost, and within the budget."""
        first = np.zeros(len(self.every), dtype=np.int64)
        best = self.routed(first, enough)
        gain, margin = self._gain(first), self.plan.margin
        known, budget = not np.isnan(self.costs).any(), self.plan.budget
        table = self.of.table
        pool = sorted(set(self.found.members[-1].tolist()))
        return Learned(
            router=self.router,
            pool=table.names(pool),
            known_by=self.found.known_by,
            n_train=self.found.n_train,
            n_tested=len(self.every),
            best=best,
            cheap=self.routed(self._at_least_cost(), enough) if known else None,
            within=self.routed(self._within(budget), enough) if known and budget else None,
            prompts_needed=self.drawn.needed(gain, margin),
            to_rule_out=self.drawn.to_rule_out(gain, margin),
            to_keep=self.drawn.needed(self._lead(self._at_least_cost()), -margin)
            if known
            else np.inf,
            held_back_by=self.held_back_by,
        )

    def routed(self, points: Index, enough: int | None) -> Routed:
        """At a point of the prices for each prompt."""
        choice = self.found.at(points)
        score, usd = self.scores[self.every, choice], self.costs[self.every, choice]
        instead = np.full(len(usd), np.nan) if enough is None else self.costs[:, enough]
        return Routed(
            lam=float(np.median(self.found.lam[points])),
            score=self.drawn.mean(score),
            gain=self.drawn.difference(self._gain(points)),
            lead=self.drawn.difference(score - self.floor),
            over_mixture=self._over_mixture(score, usd),
            usd=self.drawn.free(PER * usd),
            saving=self.drawn.saving(usd, instead),
            share=self._shares(choice),
            p95_ms=percentile_95(self.of.latencies[self.found.rows, choice]),
            by_subset=self._by_subset(choice) if self.found.known_by == "columns" else (),
        )

    def spared(self, column: int, *, cheap: bool) -> Estimate:
        """USD per prompt that the router spends less than a model alone."""
        points = self._at_least_cost() if cheap else np.zeros(len(self.every), dtype=np.int64)
        usd = self.costs[self.every, self.found.at(points)]
        return self.drawn.free(self.costs[:, column] - usd)

    def price_factor(self, column: int) -> float:
        """How many times its price a model must cost for routing at least cost to save enough."""
        if np.isnan(self.costs).any():
            return NAN
        choice = self.found.at(self._at_least_cost())
        usd = self.costs[self.every, choice]
        dear = self.drawn.value(np.where(choice == column, usd, 0.0))
        rest = self.drawn.value(np.where(choice == column, 0.0, usd))
        alone = self.drawn.value(self.costs[:, column])
        spare = (1 - LEAST_SAVING) * alone - dear
        return rest / spare if spare > 0 else NAN

    def _lead(self, points: Index) -> Floats:
        """Score less the floor."""
        return np.asarray(self.scores[self.every, self.found.at(points)] - self.floor)

    def _held_back_by(self, tried: Mapping[str, OutOfFold]) -> str:
        """A guarded router that stays with one model, or loses by leaving it, if all of them do."""
        made = {spec: make_router(spec) for spec in tried}
        guarded = {spec: one for spec, one in made.items() if isinstance(one, Guarded)}
        for spec, router in guarded.items():
            found = tried[spec]
            gain = self.drawn.value(self._gain_of(found, found.choice[0]))
            if _leaves(found) and gain >= -router.risk:
                return ""
        return next(iter(guarded), "")

    def _gain(self, points: Index) -> Floats:
        return self._gain_of(self.found, self.found.at(points))

    def _gain_of(self, found: OutOfFold, choice: Index) -> Floats:
        """Score less that of the best single model; 0 in a fold that all goes to that one model."""
        own = self.scores[self.every, choice]
        if found.n_fits == 1:
            return np.asarray(own - self.scores[:, self.of.best])
        members = self.scores[self.every[:, None], found.members]
        gain = own - (members * found.best).sum(axis=1)
        first = found.members[self.every, found.best.argmax(axis=1)]
        for part in np.unique(found.fold):
            test = found.fold == part
            if (choice[test] == first[test]).all():
                gain[test] = 0.0
        return np.asarray(gain)

    def _at_least_cost(self) -> Index:
        """The cheapest price whose score, on the other folds, is no less than the floor."""
        choice, w = self.found.choice, self.drawn.weights
        quality = self.scores[self.every, choice]
        usd = self.costs[self.every, choice]

        def point(test: NDArray[np.bool_]) -> int:
            others = w * ~test
            fine = quality @ others >= self.floor @ others - 1e-9
            return int(np.where(fine, usd @ others, np.inf).argmin()) if fine.any() else 0

        return self.found.by_fold(point)

    def _within(self, budget: float) -> Index:
        """The lowest price of which no more than the budget is expected to be spent."""

        def point(test: NDArray[np.bool_]) -> int:
            spent = PER * self.found.expected[:, test].mean(axis=1)
            fine = spent <= budget
            return int(fine.argmax()) if fine.any() else len(fine) - 1

        return self.found.by_fold(point)

    def _over_mixture(self, score: Floats, usd: Floats) -> Estimate:
        """The score less that of the mixture of single models that costs as much."""
        if np.isnan(usd).any():
            return UNDEFINED
        columns = self.of.table.candidates
        w = self.drawn.weights[:, None]
        price = (self.costs[:, columns] * w).mean(axis=0)
        level = (self.scores[:, columns] * w).mean(axis=0)
        one, other, part = mixture(price, level, self.drawn.value(usd))
        mixed = (1 - part) * self.scores[:, columns[one]] + part * self.scores[:, columns[other]]
        return self.drawn.difference(score - mixed)

    def _shares(self, choice: Index) -> tuple[tuple[str, float], ...]:
        total = np.bincount(choice, self.drawn.weights, len(self.of.table.models))
        order = np.argsort(-total, kind="stable")
        share = total / total.sum()
        return tuple((self.of.table.models[c], float(share[c])) for c in order if share[c] > 0)

    def _by_subset(self, choice: Index) -> tuple[tuple[str, str, float], ...]:
        table = self.of.table
        subsets, found = table.subsets[self.found.rows], []
        for code in np.unique(subsets).tolist():
            times = np.bincount(choice[subsets == code])
            first = int(times.argmax())
            share = float(times[first] / times.sum())
            found.append((table.subset_names[code], table.models[first], share))
        return tuple(sorted(found))


def mixture(price: Floats, level: Floats, budget: float) -> tuple[int, int, float]:
    """Two models and the share of the second, whose mixture scores most at a cost.

    Args:
        price: (n_models,) mean cost of each.
        level: (n_models,) mean score of each.
        budget: the cost; below the least price the cheapest model stands alone.

    >>> mixture(np.array([1.0, 3.0]), np.array([0.5, 0.9]), 2.0)
    (0, 1, 0.5)
    """
    cost, height = hull(price, level)
    corners = [
        int(np.flatnonzero((price == c) & (level == h))[0])
        for c, h in zip(cost.tolist(), height.tolist(), strict=True)
        if ((price == c) & (level == h)).any()
    ]
    at = [float(price[c]) for c in corners]
    if budget <= at[0]:
        return corners[0], corners[0], 0.0
    if budget >= at[-1]:
        return corners[-1], corners[-1], 0.0
    upper = int(np.searchsorted(at, budget, side="right"))
    part = (budget - at[upper - 1]) / (at[upper] - at[upper - 1])
    return corners[upper - 1], corners[upper], part


def _leaves(found: OutOfFold) -> bool:
    """Whether some fold goes to more models than one."""
    choice, fold = found.choice[0], found.fold
    return any(len(np.unique(choice[fold == part])) > 1 for part in np.unique(fold))
