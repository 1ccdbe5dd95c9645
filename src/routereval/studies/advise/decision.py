"""From scores to a decision: the yardsticks, the learned router beside them, and the rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, unknown
from routereval.results.summary import Estimate
from routereval.scoring.pareto import hull
from routereval.studies.advise.advice import Alone, Answer, Decision, Learned, Routed
from routereval.studies.advise.learned import OutOfFold, best_of
from routereval.studies.advise.plan import AdvicePlan
from routereval.studies.advise.resampled import NAN, UNDEFINED, Resampled
from routereval.studies.advise.score_table import Floats, Index, ScoreTable

LEAST_SAVING = 0.1
"""A saving below this share of a cost is not worth a change."""

PER = 1000  # prompts that costs are given for


class Floor(NamedTuple):
    """What must not be lost.

    Attributes:
        column: the model whose score it is; None for a score.
        score: the number.
    """

    column: int | None
    score: float


@dataclass(frozen=True, eq=False)
class Yardsticks:
    """The models alone, on all prompts of a score table.

    Attributes:
        table: the records.
        scores: (n_prompts, n_models) as they are trusted, of the candidates; else NaN.
        costs: (n_prompts, n_models) USD; NaN if unknown.
        latencies: (n_prompts, n_models) ms; NaN if unknown.
        every: the resamples of all prompts.
        weights: (n_prompts,) how much each prompt counts, or None.
        floor: what must not be lost.
        best: column of the best single model.
    """

    table: ScoreTable
    scores: Floats
    costs: Floats
    latencies: Floats
    every: Resampled
    weights: Floats | None
    floor: Floor
    best: int

    @classmethod
    def of(
        cls, table: ScoreTable, plan: AdvicePlan, weights: Floats | None, latencies: Floats | None
    ) -> Yardsticks:
        """The yardsticks of a table.

        Raises:
            DataError: if the floor is of a model that is not there.
        """
        shape = table.scores.shape
        scores, blank = np.full(shape, np.nan), np.full(shape, np.nan)
        rows = np.arange(table.n_prompts)
        scores[:, table.candidates] = table.trusted(rows, table.candidates)
        every = Resampled(table.subsets, table.groups, weights, plan.n_boot, plan.seed)
        means = np.nan_to_num((scores * every.weights[:, None]).mean(axis=0), nan=-1.0)
        costs = blank if table.costs is None else table.costs.astype(np.float64)
        best = _cheapest_of_best(means, costs.mean(axis=0))
        floor = _floor(table, plan.floor, best, means)
        return cls(
            table,
            scores,
            costs,
            blank if latencies is None else latencies,
            every,
            weights,
            floor,
            best,
        )

    def alone(self, column: int) -> Alone:
        """One model alone."""
        scores = self.scores[:, column]
        return Alone(
            self.table.models[column],
            self.every.mean(scores),
            self.every.difference(scores - self.floor_scores()),
            PER * self.every.value(self.costs[:, column]),
            percentile_95(self.latencies[:, column]),
        )

    def floor_scores(self) -> Floats:
        """(n_prompts,) the floor: a model's scores, or a score on every prompt."""
        if self.floor.column is None:
            return np.full(len(self.scores), self.floor.score)
        return self.scores[:, self.floor.column]

    def enough(self, margin: float) -> int | None:
        """The cheapest candidate whose mean is within the margin of the floor; None without."""
        if np.isnan(self.costs).any():
            return None
        columns = self.table.candidates
        fine = [c for c in columns if self._mean(self.scores, c) >= self.floor.score - margin]
        order = sorted(
            fine, key=lambda c: (self._mean(self.costs, c), -self._mean(self.scores, c), c)
        )
        return int(order[0]) if order else None

    def within(self, budget: float) -> int | None:
        """The best candidate within a budget of USD for 1,000 prompts; None without."""
        if np.isnan(self.costs).any():
            return None
        columns = self.table.candidates
        fine = [c for c in columns if PER * self._mean(self.costs, c) <= budget]
        order = sorted(
            fine, key=lambda c: (-self._mean(self.scores, c), self._mean(self.costs, c), c)
        )
        return int(order[0]) if order else None

    def _mean(self, values: Floats, column: int) -> float:
        return self.every.value(values[:, column])


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

    def learned(self, enough: int | None) -> Learned:
        """What it does for the score, at least cost, and within the budget."""
        first = np.zeros(len(self.every), dtype=np.int64)
        best = self.routed(first, enough)
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
            prompts_needed=self.drawn.needed(self._gain(first), self.plan.margin),
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

    def _gain(self, points: Index) -> Floats:
        """Score less that of the best single model; 0 in a fold that all goes to that one model."""
        choice, found = self.found.at(points), self.found
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


def decided(
    yardsticks: Yardsticks,
    plan: AdvicePlan,
    try_routers: Callable[[], Mapping[str, OutOfFold]],
    left: Estimate | None,
) -> Decision:
    """Decide.

    Args:
        yardsticks: the models alone.
        plan: what was asked for.
        try_routers: fits the learned routers; a DataError says why it could not.
        left: the gain of the ceiling, where enough models are outside to say; else None.
    """
    enough = yardsticks.enough(plan.margin)
    tried, missing = None, ""
    try:
        tried = Tried(try_routers(), yardsticks, plan)
    except DataError as error:
        missing = str(error)
    learned = None if tried is None else tried.learned(enough)
    best = yardsticks.alone(yardsticks.best)
    single = None if enough is None else yardsticks.alone(enough)
    answer = answer_of(learned, best, single, plan, left)
    use = {"route": "", "save": ""}.get(answer)
    if use is None:
        use = single.model if single and answer in {"cheaper", "cheaper?"} else best.model
    against = yardsticks.best if yardsticks.floor.column is None else yardsticks.floor.column
    afforded = None if plan.budget is None else yardsticks.within(plan.budget)
    return Decision(
        answer=answer,
        use=use,
        floor=yardsticks.floor.score,
        floor_model=""
        if yardsticks.floor.column is None
        else yardsticks.table.models[yardsticks.floor.column],
        best=best,
        enough=single,
        affordable=None if afforded is None else yardsticks.alone(afforded),
        learned=learned,
        missing=missing,
        monthly=_monthly(tried, answer, against, enough, yardsticks, plan),
        price_factor=NAN if tried is None else tried.price_factor(yardsticks.best),
    )


def answer_of(
    learned: Learned | None,
    best: Alone,
    enough: Alone | None,
    plan: AdvicePlan,
    left: Estimate | None,
) -> Answer:
    """The rules, in order; with a floor that was named, what costs least comes first.

    Args:
        learned: the learned router out of fold, or None.
        best: the best single model.
        enough: the cheapest model alone within the margin of the floor, or None.
        plan: the margin and the floor.
        left: the gain of the ceiling, where it can be estimated; it decides where nothing was
            learned.
    """
    gains = learned is not None and _gains(learned.best, best, plan)
    saves = learned is not None and learned.cheap is not None and _saves(learned.cheap, plan)
    if gains and plan.floor is None:
        return "route"
    if saves:
        return "save"
    if enough is not None and enough.usd <= (1 - LEAST_SAVING) * best.usd:
        return "cheaper" if enough.lead.low > -plan.margin else "cheaper?"
    if gains:
        return "route"
    if learned is not None:
        return "no" if learned.best.gain.high < plan.margin else "unclear"
    return "no" if left is not None and left.high < plan.margin else "unclear"


def _gains(routed: Routed, best: Alone, plan: AdvicePlan) -> bool:
    """Whether the gain is above the margin by its lower end, and over the best model's own."""
    own = routed.score.value - best.score.value
    return routed.gain.low > plan.margin and own > plan.margin


def _saves(cheap: Routed, plan: AdvicePlan) -> bool:
    """Whether it keeps the floor, saves enough, and beats mixtures of single models."""
    kept = cheap.lead.low > -plan.margin
    return kept and cheap.saving.low > LEAST_SAVING and cheap.over_mixture.low > 0


def _monthly(
    tried: Tried | None,
    answer: Answer,
    against: int,
    enough: int | None,
    yardsticks: Yardsticks,
    plan: AdvicePlan,
) -> Estimate:
    """USD a month saved over the model that stands for today, by what the answer says."""
    costs = yardsticks.costs
    if plan.monthly is None or np.isnan(costs).any():
        return UNDEFINED
    if tried is not None and answer in {"route", "save"}:
        each = tried.spared(against, cheap=answer == "save")
    else:
        use = enough if answer in {"cheaper", "cheaper?"} else None
        use = yardsticks.best if use is None else use
        each = yardsticks.every.free(costs[:, against] - costs[:, use])
    return Estimate(*(plan.monthly * end for end in each))


def _floor(table: ScoreTable, named: str | float | None, best: int, means: Floats) -> Floor:
    if named is None:
        return Floor(best, float(means[best]))
    if isinstance(named, str):
        candidates = table.names(table.candidates)
        if named not in candidates:
            raise unknown("model for the floor", named, candidates)
        column = table.models.index(named)
        return Floor(column, float(means[column]))
    return Floor(None, float(named))


def _cheapest_of_best(means: Floats, usd: Floats) -> int:
    """The column of the highest mean; of equals the cheapest, then the first."""
    top = np.flatnonzero(means >= means.max() - 1e-12)
    return int(top[np.nan_to_num(usd[top], nan=0.0).argmin()])


def percentile_95(values: Floats) -> float:
    """The value that 95 % of the known ones keep; NaN where none is known."""
    known = values[~np.isnan(values)]
    return float(np.quantile(known, 0.95)) if len(known) else NAN
