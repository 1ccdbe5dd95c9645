"""Advice on one benchmark, cross-fitted.

In each fold the pool is chosen on the prompts of the others, by the same rule, and scored on the
prompts of the fold. The models named are those that the rule picks on all prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from math import comb

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.results.summary import Estimate
from routereval.scoring import interval, resamples
from routereval.scoring.headroom import (
    guess_corrected_floor,
    guess_corrected_oracle,
    noise_corrected_oracle,
    prompts_needed,
)
from routereval.studies.advise.advice import (
    UNDEFINED,
    Affordable,
    BenchmarkAdvice,
    PoolAdvice,
    SizeFacts,
    Spending,
)
from routereval.studies.advise.answers import pool_to_keep, worth_its_cost, worth_its_score
from routereval.studies.advise.budget import Sweep
from routereval.studies.advise.ceiling import HeldOut, estimates, hold_out
from routereval.studies.advise.plan import AdvicePlan
from routereval.studies.advise.pools import (
    Chooser,
    choosers,
    exact,
    greedy_within,
    random_oracles,
    redundant,
)
from routereval.studies.advise.score_table import Floats, ScoreTable
from routereval.tasks.folds import folds_of

PER = 1000  # prompts that costs are given for
_EXACT_SECONDS = 60.0
_MOST_POOLS = 1_000_000  # of a size; with more, the best is not looked for
_REPLICATES = 200  # of the guess correction, which is fitted anew on each


class CrossFit:
    """What all pools of a score table share: folds, resamples, the best model of each fold."""

    def __init__(self, table: ScoreTable, plan: AdvicePlan) -> None:
        self.table, self.plan = table, plan
        self.every = np.arange(table.n_prompts)
        self.fold = folds_of(table.subsets, plan.folds, plan.seed, table.groups)
        self.W = resamples(table.subsets, plan.n_boot, plan.seed, table.groups)
        self.trusted = table.trusted(self.every, table.candidates)
        self.best, self.best_usd = self._best_single()
        self.rival: dict[int, Floats] = {}

    def pool(self, rule: str, choose: Chooser, size: int) -> PoolAdvice:
        """Choose a pool in every fold, and score it there."""
        table, plan = self.table, self.plan
        parts = [choose(np.flatnonzero(self.fold != part), size) for part in range(plan.folds)]
        held = hold_out(table, parts, self.fold, near=plan.near, seed=plan.seed)
        final = choose(self.every, size)
        found = self._estimates(held, size)
        return PoolAdvice(
            rule=rule,
            size=size,
            models=table.names(final),
            stable=tuple(int(sum(column in part for part in parts)) for column in final),
            chosen_oracle=float(table.scores[:, final].max(axis=1).mean(dtype=np.float64)),
            known_least=self._known(held.scores),
            n_outside=held.n_outside,
            near=held.near,
            prompts_needed=self._needed(held),
            spending=None if table.costs is None else self._spending(held),
            **found,
        )

    def advice(self, pools: Sequence[PoolAdvice], sizes: Sequence[int]) -> BenchmarkAdvice:
        """Everything on the benchmark, and the answers."""
        table, plan = self.table, self.plan
        best = table.candidates[int(self.trusted.mean(axis=0).argmax())]
        quality = worth_its_score(pools, plan.margin)
        saving = None if table.costs is None else worth_its_cost(pools, plan.margin)
        return BenchmarkAdvice(
            name=table.name,
            n_prompts=table.n_prompts,
            n_dropped=table.n_dropped,
            n_models=len(table.models),
            n_candidates=len(table.candidates),
            set_aside=table.set_aside,
            simulated=table.simulated,
            chance=float(table.chance.mean()),
            chance_source=table.chance_source,
            best_single=table.models[best],
            best_score=estimates(self.best[:, None], self.W)[0],
            best_known=self._known(self.best[:, None]),
            best_usd=float("nan") if table.costs is None else PER * float(self.best_usd.mean()),
            pools=tuple(pools),
            sizes=self._facts(sizes),
            redundant=tuple(redundant(table, margin=plan.margin)),
            affordable=self._affordable(),
            quality=quality,
            saving=saving,
            keep=pool_to_keep(pools, quality, saving, plan.margin),
        )

    def _best_single(self) -> tuple[Floats, Floats]:
        """Score and cost, on each prompt, of the model that is best on the other folds."""
        best, usd = np.empty(self.table.n_prompts), np.full(self.table.n_prompts, np.nan)
        for part in range(self.plan.folds):
            test = self.fold == part
            column = self.table.candidates[int(self.trusted[~test].mean(axis=0).argmax())]
            best[test] = self.table.scores[test, column]
            if self.table.costs is not None:
                usd[test] = self.table.costs[test, column]
        return best, usd

    def _estimates(self, held: HeldOut, size: int) -> dict[str, Estimate]:
        nothing = np.full(self.table.n_prompts, np.nan)
        oracle = held.scores.max(axis=1)
        ceiling = held.foreseen if held.n_outside else nothing
        apart = held.foreseen_apart if held.n_outside else nothing
        repeats = self.plan.repeats
        columns = {
            "oracle": oracle,
            "known_most": guess_corrected_oracle(held.scores, self.table.chance),
            "steady": noise_corrected_oracle(held.scores, repeats) if repeats else nothing,
            "ceiling": ceiling,
            "ceiling_apart": apart,
            "gain": ceiling - self.best,
            "gain_apart": apart - self.best,
            "over_strong_to_weak": oracle - self._rival(size),
        }
        found = estimates(np.column_stack(list(columns.values())), self.W)
        return dict(zip(columns, found, strict=True))

    def _rival(self, size: int) -> Floats:
        """(n_prompts,) the oracle of RouterEval's strong-to-weak pools of that size."""
        if size not in self.rival:
            choose = choosers(self.table, self.plan.seed)["strong-to-weak"]
            oracle = np.full(self.table.n_prompts, np.nan)
            with suppress(DataError):
                for part in range(self.plan.folds):
                    test = self.fold == part
                    columns = choose(np.flatnonzero(~test), size)
                    oracle[test] = self.table.scores[np.ix_(test, columns)].max(axis=1)
            self.rival[size] = oracle
        return self.rival[size]

    def _needed(self, held: HeldOut) -> float:
        return prompts_needed(held.foreseen_apart - self.best) if held.n_outside else float("nan")

    def _known(self, scores: Floats) -> Estimate:
        chance = self.table.chance
        point = float(guess_corrected_floor(scores, chance))
        if np.isnan(point):
            return UNDEFINED
        drawn = guess_corrected_floor(scores, chance, self.W[:_REPLICATES])
        return Estimate(point, *interval(point, drawn))

    def _spending(self, held: HeldOut) -> Spending:
        sweep = Sweep(held, self.fold)
        same = sweep.as_good_as(self.best)
        columns = [same.quality, same.quality - self.best, PER * same.usd]
        quality, gain, usd = estimates(np.column_stack(columns), self.W)
        saving = _saving(same.usd, self.best_usd, self.W)
        if self.plan.budget is None:
            return Spending(quality, gain, usd, saving)
        paid = sweep.within(self.plan.budget / PER)
        afforded = estimates(np.column_stack([paid.quality, PER * paid.usd]), self.W)
        return Spending(quality, gain, usd, saving, *afforded)

    def _facts(self, sizes: Sequence[int]) -> tuple[SizeFacts, ...]:
        expected = random_oracles(self.trusted, sizes)
        facts = []
        for size, random in zip(sizes, expected, strict=True):
            few = comb(len(self.table.candidates), size) <= _MOST_POOLS
            best = exact(self.trusted, size, time_limit=_EXACT_SECONDS) if few else None
            if best is None:
                facts.append(SizeFacts(size, float(random), float("nan"), float("nan")))
                continue
            models = self.table.names(self.table.candidates[best.columns])
            facts.append(SizeFacts(size, float(random), best.oracle, best.bound, models))
        return tuple(facts)

    def _affordable(self) -> Affordable | None:
        table, budget = self.table, self.plan.budget
        if budget is None or table.costs is None:
            return None
        prices = table.costs[:, table.candidates].mean(axis=0, dtype=np.float64)
        means = np.where(prices * PER <= budget, self.trusted.mean(axis=0), -1.0)
        pool = greedy_within(self.trusted, prices, budget / PER, self.plan.max_models)
        single = int(means.argmax())
        if means[single] < 0:
            return Affordable(budget, "", float("nan"), float("nan"), ())
        return Affordable(
            budget,
            table.models[table.candidates[single]],
            float(means[single]),
            float(prices[single] * PER),
            table.names(table.candidates[pool]),
        )


def _saving(usd: Floats, best_usd: Floats, W: NDArray[np.floating]) -> Estimate:
    if best_usd.mean() <= 0:
        return UNDEFINED
    point = 1 - float(usd.mean() / best_usd.mean())
    drawn = W @ np.column_stack([usd, best_usd])
    return Estimate(point, *interval(point, 1 - drawn[:, 0] / drawn[:, 1]))
