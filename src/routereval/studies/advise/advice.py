"""Is routing worth it here, and which LLMs to keep: the numbers behind the advice.

Every number is cross-fitted: in each of five folds the pool is chosen on the prompts of the other
four, by the same rule, and judged on the prompts of the fold. The LLMs named are those that the
rule picks on all prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.records import Records
from routereval.results.summary import Estimate
from routereval.scoring import N_BOOT, interval, resamples
from routereval.scoring.headroom import (
    guess_corrected_floor,
    guess_corrected_oracle,
    noise_corrected_oracle,
    prompts_needed,
)
from routereval.shown import Shown
from routereval.sources import open_source
from routereval.studies.advise.budget import Sweep
from routereval.studies.advise.ceiling import (
    FOLDS,
    NEAR,
    HeldOut,
    estimates,
    folds_of,
    hold_out,
)
from routereval.studies.advise.pools import (
    Chooser,
    Redundant,
    choosers,
    exact,
    greedy_within,
    random_oracles,
    redundant,
)
from routereval.studies.advise.score_table import Bench, Floats, bench_of, join

Progress = Callable[[str, int, int], None]
Answer = Literal["yes", "no", "unclear"]

SIZES = (3, 5, 10)
MARGIN = 0.01
"""A gain in mean score below this is not worth a router."""

LEAST_SAVING = 0.1
"""A saving below this share of the best single model's price is not worth a router."""

FEW_OUTSIDE = 5
"""With fewer LLMs outside the pool, the ceiling says little of what a router cannot know."""

PER = 1000  # prompts that costs are given for
_EXACT_SECONDS = 60.0
_MOST_POOLS = 1_000_000  # of a size; with more, the best is not looked for
_REPLICATES = 200  # of the guess correction, which is fitted anew on each
_NOTHING = Estimate(float("nan"), float("nan"), float("nan"))


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
    budget_quality: Estimate = _NOTHING
    budget_usd: Estimate = _NOTHING


@dataclass(frozen=True)
class PoolAdvice:
    """One rule at one size.

    Attributes:
        rule: how the pool is chosen, a name of `portfolio.RULES`.
        size: how many LLMs.
        models: what the rule picks on all prompts.
        stable: in how many folds it picks each of them.
        chosen_oracle: the oracle of `models` on the prompts they were chosen on, all of them.
        oracle: the oracle on prompts that the pool was not chosen on.
        known_least: the oracle corrected for guessing, if LLMs know the same prompts; NaN if the
            scores are not binary or the chance level is unknown.
        known_most: the same if each knows by itself.
        steady: the oracle corrected for noise; NaN if scores are not means of samples.
        ceiling: score of the choice that knows how all LLMs outside did.
        ceiling_apart: the same without near-duplicates of the members.
        gain: ceiling less the best single model's score, paired.
        gain_apart: ceiling_apart less the best single model's score, paired.
        over_strong_to_weak: its oracle less that of the strong-to-weak pool of its size, paired.
        n_outside: LLMs outside the pool.
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
        size: how many LLMs.
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
        single: the best single LLM within it; empty if there is none.
        single_score: its mean score.
        single_usd: its cost.
        pool: LLMs that may all be asked each prompt within it, by gain per USD.
    """

    budget: float
    single: str
    single_score: float
    single_usd: float
    pool: tuple[str, ...]


@dataclass(frozen=True)
class BenchAdvice:
    """The advice on one benchmark, or on several joined.

    Attributes:
        name: of the benchmark.
        n_prompts: prompts used.
        n_dropped: prompts left out because some candidate was not observed on them.
        n_models: LLMs used; the candidates, and those that only serve as features.
        n_candidates: LLMs that a pool is chosen from.
        set_aside: LLMs left out because they answer by habit or guess.
        simulated: True if no real LLM was asked.
        chance: mean score of a guesser; NaN if unknown.
        chance_source: how it is known.
        best_single: the best LLM on all prompts.
        best_score: score of the LLM that is best on the other folds.
        best_known: the share of prompts that it knows, corrected for guessing.
        best_usd: its cost for 1,000 prompts; NaN if unknown.
        pools: all rules at all sizes.
        sizes: what to compare them with.
        redundant: groups of LLMs with nearly the same records.
        affordable: what the budget buys, if one was given and costs are known.
        quality: whether routing is worth it for the score.
        saving: whether it is for the cost; None if costs are unknown.
        keep: the place in `pools` of the pool to keep; None for the best single LLM alone.
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
        benchmarks: one a benchmark; where there are several, the last is all of them joined.
        margin: the gain in mean score below which routing is not worth it.
        near: the partial correlation from which an LLM outside is a member's near-duplicate.
        folds: parts of the cross-fit.
        notes: what could not be done, and why.
    """

    benchmarks: tuple[BenchAdvice, ...]
    margin: float
    near: float
    folds: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Plan:
    max_models: int
    budget: float | None
    margin: float
    repeats: int | None
    near: float
    folds: int
    seed: int
    n_boot: int

    def sizes(self, n_candidates: int) -> list[int]:
        most = min(self.max_models, n_candidates)
        return sorted({size for size in SIZES if size <= most} | {most})


def advise(
    sources: Records | str | Path | Sequence[Records | str | Path],
    *,
    max_models: int = SIZES[-1],
    budget: float | None = None,
    margin: float = MARGIN,
    repeats: int | None = None,
    near: float = NEAR,
    folds: int = FOLDS,
    seed: int = 42,
    n_boot: int = N_BOOT,
    progress: Progress | None = None,
) -> Advice:
    """Say whether routing is worth it, and which LLMs to keep.

    The rule: routing is worth it for the score if the achievable ceiling of a greedy pool, with
    near-duplicates of its members left out, beats the best single LLM by more than the margin, by
    the lower end of the 95 % interval; not if at every size with five LLMs outside or more even the
    upper end, near-duplicates used, is below the margin; else it is unclear. It is worth it for the
    cost if some routing loses less than the margin and saves more than a tenth, by the lower ends;
    not if at no pool the upper end of the saving is a tenth.

    Args:
        sources: records, or anything `open_source` opens; one or several.
        max_models: the largest pool that is looked at: 3, 5 and 10 as far as it goes, and itself.
        budget: the most that 1,000 prompts may cost, in USD, or None.
        margin: gain in mean score below which a router is not worth it.
        repeats: how many samples each score is the mean of, if they are; for the noise correction.
        near: partial correlation from which an LLM outside is a near-duplicate.
        folds: parts of the cross-fit.
        seed: of folds, draws and bootstrap.
        n_boot: resamples of the intervals.
        progress: called with (what, done, total).

    Returns:
        Numbers; `report.advice_text` makes sentences and a picture of them.

    Raises:
        DataError: if there is nothing to advise on.
        SpecError: if a number makes no sense.

    >>> rng = np.random.default_rng(0)
    >>> records = Records.from_arrays("toy", (rng.random((300, 4)) < 0.5) * 1.0, list("abcd"))
    >>> found = advise(records, max_models=2).benchmarks[0]
    >>> found.quality in ("no", "unclear"), found.pools[0].rule
    (True, 'greedy')
    """
    plan = _Plan(max_models, budget, margin, repeats, near, folds, seed, n_boot)
    _refuse(plan)
    collection = open_source(sources)
    report = progress or (lambda what, done, total: None)
    found: list[BenchAdvice] = []
    notes: list[str] = []
    for records in collection:
        try:
            found.append(_advised(bench_of(records), plan, report))
        except DataError as error:
            notes.append(str(error))
    if len(collection) > 1:
        try:
            found.append(_advised(join(collection), plan, report))
        except DataError as error:
            notes.append(f"no advice on all benchmarks together: {error}")
    if not found:
        raise DataError("; ".join(notes))
    return Advice(tuple(found), margin, near, folds, tuple(notes))


def _refuse(plan: _Plan) -> None:
    if plan.max_models < 1:
        raise SpecError(f"max_models is at least 1, not {plan.max_models}")
    if plan.budget is not None and not plan.budget > 0:
        raise SpecError(f"a budget is above 0 USD for 1,000 prompts, not {plan.budget}")
    if not 0 <= plan.margin < 1:
        raise SpecError(f"the margin lies in [0, 1), not {plan.margin}")


def _advised(bench: Bench, plan: _Plan, report: Progress) -> BenchAdvice:
    if not len(bench.candidates):
        raise DataError(f"{bench.name}: no LLM was put to every prompt")
    table = _Table(bench, plan)
    rules = choosers(bench, plan.seed)
    sizes = plan.sizes(len(bench.candidates))
    # A pool of all candidates is the same by every rule.
    steps = [
        (rule, size)
        for size in sizes
        for rule in rules
        if size < len(bench.candidates) or rule == "greedy"
    ]
    pools = []
    for done, (rule, size) in enumerate(steps):
        report(bench.name, done, len(steps) + 1)
        with suppress(DataError):  # RouterEval's rules need more LLMs than there may be
            pools.append(table.pool(rule, rules[rule], size))
    report(bench.name, len(steps), len(steps) + 1)
    advice = table.advice(pools, sizes)
    report(bench.name, len(steps) + 1, len(steps) + 1)
    return advice


class _Table:
    """What all pools of a bench share: folds, resamples, the best single LLM of each fold."""

    def __init__(self, bench: Bench, plan: _Plan) -> None:
        self.bench, self.plan = bench, plan
        self.every = np.arange(bench.n_prompts)
        self.fold = folds_of(bench.strata, plan.folds, plan.seed, bench.groups)
        self.W = resamples(bench.strata, plan.n_boot, plan.seed, bench.groups)
        self.trusted = bench.trusted(self.every, bench.candidates)
        self.best, self.best_usd = self._best_single()
        self.rival: dict[int, Floats] = {}

    def pool(self, rule: str, choose: Chooser, size: int) -> PoolAdvice:
        """Choose and judge a pool in every fold."""
        bench, plan = self.bench, self.plan
        parts = [choose(np.flatnonzero(self.fold != part), size) for part in range(plan.folds)]
        held = hold_out(bench, parts, self.fold, near=plan.near, seed=plan.seed)
        final = choose(self.every, size)
        found = self._estimates(held, size)
        return PoolAdvice(
            rule=rule,
            size=size,
            models=bench.names(final),
            stable=tuple(int(sum(column in part for part in parts)) for column in final),
            chosen_oracle=float(bench.scores[:, final].max(axis=1).mean(dtype=np.float64)),
            known_least=self._known(held.scores),
            n_outside=held.n_outside,
            near=held.near,
            prompts_needed=self._needed(held),
            spending=None if bench.costs is None else self._spending(held),
            **found,
        )

    def advice(self, pools: Sequence[PoolAdvice], sizes: Sequence[int]) -> BenchAdvice:
        """Everything on the bench, and the verdict."""
        bench, plan = self.bench, self.plan
        best = bench.candidates[int(self.trusted.mean(axis=0).argmax())]
        quality = _worth_its_score(pools, plan.margin)
        saving = None if bench.costs is None else _worth_its_cost(pools, plan.margin)
        return BenchAdvice(
            name=bench.name,
            n_prompts=bench.n_prompts,
            n_dropped=bench.n_dropped,
            n_models=len(bench.models),
            n_candidates=len(bench.candidates),
            set_aside=bench.set_aside,
            simulated=bench.simulated,
            chance=float(bench.chance.mean()),
            chance_source=bench.chance_source,
            best_single=bench.models[best],
            best_score=estimates(self.best[:, None], self.W)[0],
            best_known=self._known(self.best[:, None]),
            best_usd=float("nan") if bench.costs is None else PER * float(self.best_usd.mean()),
            pools=tuple(pools),
            sizes=self._facts(sizes),
            redundant=tuple(redundant(bench, margin=plan.margin)),
            affordable=self._affordable(),
            quality=quality,
            saving=saving,
            keep=_kept(pools, quality, saving, plan.margin),
        )

    def _best_single(self) -> tuple[Floats, Floats]:
        """Score and cost, on each prompt, of the LLM that is best on the other folds."""
        best, usd = np.empty(self.bench.n_prompts), np.full(self.bench.n_prompts, np.nan)
        for part in range(self.plan.folds):
            test = self.fold == part
            column = self.bench.candidates[int(self.trusted[~test].mean(axis=0).argmax())]
            best[test] = self.bench.scores[test, column]
            if self.bench.costs is not None:
                usd[test] = self.bench.costs[test, column]
        return best, usd

    def _estimates(self, held: HeldOut, size: int) -> dict[str, Estimate]:
        nothing = np.full(self.bench.n_prompts, np.nan)
        oracle = held.scores.max(axis=1)
        ceiling = held.foreseen if held.n_outside else nothing
        apart = held.foreseen_apart if held.n_outside else nothing
        repeats = self.plan.repeats
        columns = {
            "oracle": oracle,
            "known_most": guess_corrected_oracle(held.scores, self.bench.chance),
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
            choose = choosers(self.bench, self.plan.seed)["strong-to-weak"]
            oracle = np.full(self.bench.n_prompts, np.nan)
            with suppress(DataError):
                for part in range(self.plan.folds):
                    test = self.fold == part
                    columns = choose(np.flatnonzero(~test), size)
                    oracle[test] = self.bench.scores[np.ix_(test, columns)].max(axis=1)
            self.rival[size] = oracle
        return self.rival[size]

    def _needed(self, held: HeldOut) -> float:
        return prompts_needed(held.foreseen_apart - self.best) if held.n_outside else float("nan")

    def _known(self, scores: Floats) -> Estimate:
        chance = self.bench.chance
        point = float(guess_corrected_floor(scores, chance))
        if np.isnan(point):
            return _NOTHING
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
            few = comb(len(self.bench.candidates), size) <= _MOST_POOLS
            best = exact(self.trusted, size, time_limit=_EXACT_SECONDS) if few else None
            if best is None:
                facts.append(SizeFacts(size, float(random), float("nan"), float("nan")))
                continue
            models = self.bench.names(self.bench.candidates[best.columns])
            facts.append(SizeFacts(size, float(random), best.oracle, best.bound, models))
        return tuple(facts)

    def _affordable(self) -> Affordable | None:
        bench, budget = self.bench, self.plan.budget
        if budget is None or bench.costs is None:
            return None
        prices = bench.costs[:, bench.candidates].mean(axis=0, dtype=np.float64)
        means = np.where(prices * PER <= budget, self.trusted.mean(axis=0), -1.0)
        pool = greedy_within(self.trusted, prices, budget / PER, self.plan.max_models)
        single = int(means.argmax())
        if means[single] < 0:
            return Affordable(budget, "", float("nan"), float("nan"), ())
        return Affordable(
            budget,
            bench.models[bench.candidates[single]],
            float(means[single]),
            float(prices[single] * PER),
            bench.names(bench.candidates[pool]),
        )


def _saving(usd: Floats, best_usd: Floats, W: NDArray[np.floating]) -> Estimate:
    if best_usd.mean() <= 0:
        return _NOTHING
    point = 1 - float(usd.mean() / best_usd.mean())
    drawn = W @ np.column_stack([usd, best_usd])
    return Estimate(point, *interval(point, 1 - drawn[:, 0] / drawn[:, 1]))


def _worth_its_score(pools: Sequence[PoolAdvice], margin: float) -> Answer:
    judged = [p for p in pools if p.rule == "greedy" and p.size > 1 and p.n_outside]
    if any(pool.gain_apart.low > margin for pool in judged):
        return "yes"
    enough = [pool for pool in judged if pool.n_outside >= FEW_OUTSIDE]
    return "no" if enough and all(pool.gain.high < margin for pool in enough) else "unclear"


def _worth_its_cost(pools: Sequence[PoolAdvice], margin: float) -> Answer:
    spent = [p.spending for p in pools if p.spending and p.size > 1 and p.n_outside]
    if any(s.gain.low > -margin and s.saving.low > LEAST_SAVING for s in spent):
        return "yes"
    return "no" if spent and all(s.saving.high < LEAST_SAVING for s in spent) else "unclear"


def _kept(
    pools: Sequence[PoolAdvice], quality: Answer, saving: Answer | None, margin: float
) -> int | None:
    """The pool to keep: for the score the smallest that is nearly the best, else the cheapest."""
    places = range(len(pools))
    if quality == "yes":
        proved = [
            n for n in places if pools[n].rule == "greedy" and pools[n].gain_apart.low > margin
        ]
        most = max(pools[n].gain_apart.value for n in proved)
        return next(n for n in proved if pools[n].gain_apart.value >= most - margin)
    if saving == "yes":
        fine = [
            (spent.usd.value, n)
            for n in places
            if (spent := pools[n].spending) and spent.gain.low > -margin and pools[n].n_outside
            if spent.saving.low > LEAST_SAVING
        ]
        return min(fine)[1]
    return None
