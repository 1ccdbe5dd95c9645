"""Advice: whether routing is worth it, and which models to keep, in numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from routereval.results.summary import Estimate
from routereval.shown import Shown
from routereval.studies.advise.pools import Redundant

Answer = Literal["route", "save", "cheaper", "cheaper?", "no", "unclear"]
"""What to do: route for the score; route for the cost; use a cheaper model alone, shown to be
within the margin or by its numbers only; use the best model alone; the same until more is known."""

FEW_OUTSIDE = 5
"""With fewer models outside the pool, the ceiling says little of what a router cannot know."""


@dataclass(frozen=True)
class Alone:
    """One model that answers every prompt.

    Attributes:
        model: its name.
        score: its mean score.
        lead: that less the floor, paired where the floor is a model's score.
        usd: its cost for 1,000 prompts; NaN if unknown.
        p95_ms: latency that 95 % of its calls keep, in ms; NaN if unknown.
    """

    model: str
    score: Estimate
    lead: Estimate
    usd: float
    p95_ms: float


@dataclass(frozen=True)
class Routed:
    """What the learned router does at one trade-off, on prompts that it has not seen.

    Attributes:
        lam: the trade-off, in score for the price of the dearest model; the median over the folds.
        score: its mean score.
        gain: that less the score of the best single model by the same training prompts, paired;
            where models tie, of a mixture by how probable it is that each is the best. With a
            single fit, of the best single model of all prompts.
        lead: that less the floor, paired where the floor is a model's score.
        over_mixture: that less the score of a mixture of single models that costs as much (the Zero
            router), paired; NaN if costs are unknown.
        usd: its cost for 1,000 prompts; NaN if unknown.
        saving: the share of the cost of the cheapest model alone that is good enough.
        share: of the prompts that each model gets, the largest first.
        p95_ms: latency that 95 % of its calls keep, in ms; NaN if unknown.
        by_subset: of each subset the model that gets most of its prompts, and their share; only of
            a router that reads no more of a prompt than its subset and other columns.
    """

    lam: float
    score: Estimate
    gain: Estimate
    lead: Estimate
    over_mixture: Estimate
    usd: Estimate
    saving: Estimate
    share: tuple[tuple[str, float], ...]
    p95_ms: float
    by_subset: tuple[tuple[str, str, float], ...] = ()

    def sent_by_subset(self) -> list[str]:
        """Where each subset goes, with the share of its prompts unless that is all."""
        return [
            f"{subset} to {model}" + (f" ({share:.0%})" if round(share, 2) < 1 else "")
            for subset, model, share in self.by_subset
        ]


@dataclass(frozen=True)
class Learned:
    """The learned router, out of fold.

    Attributes:
        router: the spec of the one that is best over all folds.
        pool: the models that it chooses from, on all prompts.
        known_by: what it reads: the embedder of its features.
        n_train: prompts that each fit learned from.
        n_tested: prompts on which it was scored.
        best: for the score alone.
        cheap: at the least cost that keeps the floor on the other folds; None if costs are unknown.
        within: at the best score within the budget; None without one.
        prompts_needed: to show the gain of `best` above the margin with 80 % power; infinite where
            the gain is not above it.
        to_rule_out: prompts to show, likewise, that the gain is below the margin; infinite where it
            is not.
        to_keep: prompts to show, likewise, that `cheap` loses less than the margin against the
            floor; infinite where it does not, or without costs.
        held_back_by: a router that leaves the best single model on evidence only, and never did or
            lost more by it than the risk that it takes; empty where one did not, or none was tried.
            The gain of another one is luck then.
    """

    router: str
    pool: tuple[str, ...]
    known_by: str
    n_train: int
    n_tested: int
    best: Routed
    cheap: Routed | None
    within: Routed | None
    prompts_needed: float
    to_rule_out: float = math.inf
    to_keep: float = math.inf
    held_back_by: str = ""


@dataclass(frozen=True)
class Decision:
    """What to do, and what it rests on.

    Attributes:
        answer: see `Answer`.
        use: the model to use alone; empty where the answer is to route.
        floor: what must not be lost: the score of the best single model, of a model that was named,
            or a score.
        floor_model: whose score that is; empty for a score.
        best: the best single model.
        enough: the cheapest model alone that is within the margin of the floor by its number; None
            if there is none or costs are unknown.
        affordable: the best single model within the budget; None without one.
        learned: the learned router; None if it could not be tried.
        missing: why it could not be tried; else empty.
        monthly: USD a month saved over the model of the floor (or the best single one), by the
            answer; NaN where unknown.
        price_factor: how many times the best single model's price would have to be what it is for
            routing to save enough; NaN where no price helps.
    """

    answer: Answer
    use: str
    floor: float
    floor_model: str
    best: Alone
    enough: Alone | None
    affordable: Alone | None
    learned: Learned | None
    missing: str
    monthly: Estimate
    price_factor: float

    @property
    def routed(self) -> Routed | None:
        """The learned router at the trade-off that the answer is about."""
        if self.learned is None:
            return None
        return self.learned.cheap if self.answer == "save" else self.learned.best

    @property
    def usd(self) -> float:
        """USD per 1,000 prompts of what the answer says to use; NaN where unknown."""
        routed = self.routed
        if self.answer in {"route", "save"}:
            return math.nan if routed is None else routed.usd.value
        alone = self.enough if self.answer in {"cheaper", "cheaper?"} else self.best
        return math.nan if alone is None else alone.usd

    def served(self, budget: float | None) -> Routed | None:
        """The router at the trade-off to serve: within the budget, where the answer costs more."""
        routed, within = self.routed, self.learned.within if self.learned else None
        if budget is None or routed is None or within is None or not routed.usd.value > budget:
            return routed
        return within if within.usd.value <= budget else routed


@dataclass(frozen=True)
class PoolAdvice:
    """A greedy pool of one size: what is left for a router, at most.

    Attributes:
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
        gain: ceiling less the score of the model that is best on the other folds, paired.
        gain_apart: the same of `ceiling_apart`.
        n_outside: models outside the pool.
        near: near-duplicates among them.
    """

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
    n_outside: int
    near: tuple[str, ...]


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
        too_slow: models left out because their latency is above the limit.
        unasked: models that are no candidates, as they share too few prompts with the others.
        simulated: True if no real model was asked.
        chance: mean score of a guesser; NaN if unknown.
        chance_source: how it is known.
        best_known: the share of prompts that the best single model knows, corrected for guessing.
        decision: what to do.
        pools: greedy pools, by size.
        redundant: groups of models with nearly the same records.
    """

    name: str
    n_prompts: int
    n_dropped: int
    n_models: int
    n_candidates: int
    set_aside: tuple[str, ...]
    too_slow: tuple[str, ...]
    unasked: tuple[str, ...]
    simulated: bool
    chance: float
    chance_source: str
    best_known: Estimate
    decision: Decision
    pools: tuple[PoolAdvice, ...]
    redundant: tuple[Redundant, ...]


@dataclass(frozen=True, repr=False)
class Advice(Shown):
    """The advice on a collection.

    Attributes:
        benchmarks: one per benchmark; where there are several, the last is all of them joined.
        margin: the gain in mean score below which routing is not worth it, and the loss that does
            not matter.
        near: the partial correlation from which a model outside is a member's near-duplicate.
        folds: parts of the cross-fit.
        monthly: prompts per month, or None.
        budget: USD for 1,000 prompts, or None.
        notes: what could not be done, and why.
    """

    benchmarks: tuple[BenchmarkAdvice, ...]
    margin: float
    near: float
    folds: int
    monthly: float | None = None
    budget: float | None = None
    notes: tuple[str, ...] = ()
