"""Advice: whether routing is worth it, and which models to keep, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from routereval.results.summary import Estimate
from routereval.shown import Shown
from routereval.studies.advise.pools import Redundant

Answer = Literal["yes", "no", "unclear"]

FEW_OUTSIDE = 5
"""With fewer models outside the pool, the ceiling says little of what a router cannot know."""

UNDEFINED = Estimate(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True)
class Spending:
    """What routing within a pool costs; USD are for 1,000 prompts.

    Attributes:
        quality: score of the cheapest routing that is as good as the best single model.
        gain: that score less the best single model's.
        usd: its cost.
        saving: share of the best single model's cost that it saves.
        budget_quality: score of the best routing within the budget; NaN without a budget.
        budget_usd: its cost; above the budget where the pool has nothing as cheap.
    """

    quality: Estimate
    gain: Estimate
    usd: Estimate
    saving: Estimate
    budget_quality: Estimate = UNDEFINED
    budget_usd: Estimate = UNDEFINED


@dataclass(frozen=True)
class PoolAdvice:
    """One rule at one size.

    Attributes:
        rule: how the pool is chosen, a name of `portfolio.RULES`.
        size: how many models.
        models: what the rule picks on all prompts.
        stable: in how many folds it picks each of them.
        chosen_oracle: the oracle of `models` on the prompts they were chosen on, all of them.
        oracle: the oracle on prompts that the pool was not chosen on.
        known_least: the oracle corrected for guessing, if models know the same prompts; NaN if the
            scores are not binary or the chance level is unknown.
        known_most: the same if each knows by itself.
        steady: the oracle corrected for noise; NaN if scores are not means of samples.
        ceiling: score of the choice that knows how all models outside did.
        ceiling_apart: the same without near-duplicates of the members.
        gain: ceiling less the best single model's score, paired.
        gain_apart: ceiling_apart less the best single model's score, paired.
        over_strong_to_weak: its oracle less that of the strong-to-weak pool of its size, paired.
        n_outside: models outside the pool.
        near: near-duplicates among them.
        prompts_needed: labelled prompts that show `gain_apart` with 80 % power.
        spending: what it costs, if costs are known.
    """

    rule: str
    size: int
    models: tuple[str, ...]
    stable: tuple[int, ...]
    chosen_oracle: float
    oracle: Estimate
    known_least: Estimate
    known_most: Estimate
    steady: Estimate
    ceiling: Estimate
    ceiling_apart: Estimate
    gain: Estimate
    gain_apart: Estimate
    over_strong_to_weak: Estimate
    n_outside: int
    near: tuple[str, ...]
    prompts_needed: float
    spending: Spending | None


@dataclass(frozen=True)
class SizeFacts:
    """What any pool of a size can be compared with, on all prompts.

    Attributes:
        size: how many models.
        random: expected oracle of a random pool.
        best: the highest oracle of any pool, found exactly; NaN where there are over a million.
        bound: no pool has a higher one; NaN likewise.
        models: a pool that has it.
    """

    size: int
    random: float
    best: float
    bound: float
    models: tuple[str, ...] = ()


@dataclass(frozen=True)
class Affordable:
    """What a budget buys; USD are for 1,000 prompts.

    Attributes:
        budget: the most that 1,000 prompts may cost.
        single: the best single model within it; empty if there is none.
        single_score: its mean score.
        single_usd: its cost.
        pool: models that may all be asked each prompt within it, by gain per USD.
    """

    budget: float
    single: str
    single_score: float
    single_usd: float
    pool: tuple[str, ...]


@dataclass(frozen=True)
class BenchmarkAdvice:
    """The advice on one benchmark, or on several joined.

    Attributes:
        name: of the benchmark.
        n_prompts: prompts used.
        n_dropped: prompts left out because some candidate was not observed on them.
        n_models: models used; the candidates, and those that only serve as features.
        n_candidates: models that a pool is chosen from.
        set_aside: models left out because they answer by habit or guess.
        simulated: True if no real model was asked.
        chance: mean score of a guesser; NaN if unknown.
        chance_source: how it is known.
        best_single: the best model on all prompts.
        best_score: score of the model that is best on the other folds.
        best_known: the share of prompts that it knows, corrected for guessing.
        best_usd: its cost for 1,000 prompts; NaN if unknown.
        pools: all rules at all sizes.
        sizes: what to compare them with.
        redundant: groups of models with nearly the same records.
        affordable: what the budget buys, if one was given and costs are known.
        quality: whether routing is worth it for the score.
        saving: whether it is for the cost; None if costs are unknown.
        keep: the place in `pools` of the pool to keep; None for the best single model alone.
    """

    name: str
    n_prompts: int
    n_dropped: int
    n_models: int
    n_candidates: int
    set_aside: tuple[str, ...]
    simulated: bool
    chance: float
    chance_source: str
    best_single: str
    best_score: Estimate
    best_known: Estimate
    best_usd: float
    pools: tuple[PoolAdvice, ...]
    sizes: tuple[SizeFacts, ...]
    redundant: tuple[Redundant, ...]
    affordable: Affordable | None
    quality: Answer
    saving: Answer | None
    keep: int | None

    def of(self, rule: str) -> list[PoolAdvice]:
        """The pools of one rule, by size."""
        return [pool for pool in self.pools if pool.rule == rule]


@dataclass(frozen=True, repr=False)
class Advice(Shown):
    """The advice on a collection.

    Attributes:
        benchmarks: one per benchmark; where there are several, the last is all of them joined.
        margin: the gain in mean score below which routing is not worth it.
        near: the partial correlation from which a model outside is a member's near-duplicate.
        folds: parts of the cross-fit.
        notes: what could not be done, and why.
    """

    benchmarks: tuple[BenchmarkAdvice, ...]
    margin: float
    near: float
    folds: int
    notes: tuple[str, ...] = ()
