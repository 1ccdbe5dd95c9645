"""Which router is better: one against another, and all of them against the best single model.

One fit of each says which of the two *fitted routers* is better. With several seeds the variance of
training is known as well, and the claim is on the algorithms.

Every difference is one of the table's: a mean over the cells of a benchmark, then over benchmarks,
each counting alike. So a prompt counts as much as it does there, and the test is on prompts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from routereval.results.common_prompts import same_choices, stacked
from routereval.results.fits import Spread, by_seed, over_fits_of, spread_of, trained_anew
from routereval.results.results import Results
from routereval.scoring import Comparison, holm
from routereval.scoring.over_fits import MIN_FITS, OverFits
from routereval.scoring.ranking import Tally, tally
from routereval.scoring.sameness import (
    Estimate,
    Probabilities,
    Sameness,
    Saving,
    estimate,
    probabilities,
    sameness,
    saving,
)
from routereval.shown import Shown


@dataclass(frozen=True, repr=False)
class Verdict(Shown):
    """Whether one router beats another; as text, a sentence with the evidence.

    Attributes:
        a: the one router.
        b: the other.
        test: of their mean difference over all benchmarks, with the fits as they are.
        by_benchmark: of each benchmark, the p-values corrected by Holm where there are several.
        tally: on how many benchmarks a is ahead, level and behind.
        seeds: how the difference varies from seed to seed; None for a single seed.
        over_fits: the test of the algorithms, with the variance of training; None for fewer than
            `MIN_FITS` seeds, or where all seeds share one split.
        sameness: whether a is as good as b within a margin; None if no margin was given.
        saving: by what share a costs less than b; None without a margin or known costs.
        probabilities: of a being better, the same or worse; None if no `rope` was given.
        simulated: True if no real model was asked.
        same_choices: True if both choose the same model on every prompt.
    """

    a: str
    b: str
    test: Comparison
    by_benchmark: Mapping[str, Comparison]
    tally: Tally
    seeds: Spread | None = None
    over_fits: OverFits | None = None
    sameness: Sameness | None = None
    saving: Saving | None = None
    probabilities: Probabilities | None = None
    simulated: bool = False
    same_choices: bool = False

    @property
    def sentence(self) -> str:
        """One fit of each: a sentence on these fits. Several: first one on the algorithms."""
        did = "choose the same model" if self.same_choices else "score the same"
        found = self.test.sentence(self.a, self.b, did)
        if self.test.all_tied:
            return found
        fitted = f"Of these fitted routers, {found}"
        if self.over_fits is None:
            return f"{fitted} {self._conditional()}"
        return f"{trained_anew(self.over_fits, self.a, self.b)} {fitted}"

    def _conditional(self) -> str:
        n = 1 if self.seeds is None else len(self.seeds.differences)
        enough = f"all {n} seeds share one split"
        why = enough if n >= MIN_FITS else f"that takes {MIN_FITS} seeds or more"
        return f"The variance of training is not in it: {why}."


def compare(
    results: Results,
    a: str,
    b: str,
    *,
    margin: float | None = None,
    rope: float | None = None,
    names: Mapping[str, str] | None = None,
) -> Verdict:
    """Test whether one router beats another, on the prompts of all cells that both have.

    Args:
        results: of a run.
        a: a router of the run, by its name or its spec, or ``best_single``, ``oracle`` or
            ``random``, which need no run.
        b: another.
        margin: also test whether a is as good as b within this difference of the mean score.
        rope: also say how probable it is that a is better, worse, or within this of b.
        names: what to call routers, as `Results.renamed` takes them.

    Raises:
        SpecError: if a router is not among the results, or the margin or rope is out of range.
        DataError: if the two have no cell in common.
    """
    results = results.renamed(names or {})
    a, b = results.name_of(a), results.name_of(b)
    both = stacked(results, (a, b))
    test = both.test()
    parts = [both.of(code) for code in range(len(both.names))]
    each = corrected([part.test() for part in parts])
    seeds = by_seed(results, a, b)
    anew = over_fits_of(results, a, b, seeds, test)
    known = _estimate(test, anew)
    return Verdict(
        a,
        b,
        test,
        dict(zip(both.names, each, strict=True)),
        tally(test.difference for test in each),
        spread_of(seeds),
        anew,
        None if margin is None else sameness(known, margin),
        None if margin is None else _saving(results, a, b),
        None if rope is None else probabilities(known, rope),
        results.simulated,
        test.all_tied and same_choices(results, a, b),
    )


def as_good_within(
    results: Results, a: str, b: str, margin: float, test: Comparison | None = None
) -> tuple[Sameness, Saving | None]:
    """What `compare` says with a margin of a being as good as b, and of what it saves, alone.

    Args:
        results: of a run.
        a: a router of the run.
        b: another, or a yardstick.
        margin: as in `compare`.
        test: of their mean difference, if it is at hand.

    Raises:
        SpecError: if a router is not among the results, or the margin is out of range.
        DataError: if the two have no cell in common.
    """
    a, b = results.name_of(a), results.name_of(b)
    test = stacked(results, (a, b)).test() if test is None else test
    anew = over_fits_of(results, a, b, by_seed(results, a, b), test)
    return sameness(_estimate(test, anew), margin), _saving(results, a, b)


def corrected(tests: Sequence[Comparison]) -> list[Comparison]:
    """Several tests with their p-values corrected by Holm; a single one as it is."""
    if len(tests) < 2:
        return list(tests)
    adjusted = holm([test.p_value for test in tests])
    return [replace(test, p_adjusted=float(p)) for test, p in zip(tests, adjusted, strict=True)]


def _estimate(test: Comparison, anew: OverFits | None) -> Estimate:
    """What is known of the difference: with the variance of training in it where it is known."""
    if anew is not None:
        return estimate(anew.difference, anew.deviation, test.step, anew.df)
    return estimate(test.difference, test.deviation, test.step, test.n_units - 1)


def _saving(results: Results, a: str, b: str) -> Saving | None:
    if not {a, b} <= set(results.routers):
        return None  # what the model of a yardstick costs is in no cell of another router
    costs = stacked(results, (a, b), column="cost")
    a_cost, b_cost = costs.values[:, :2].T
    return saving(a_cost, b_cost, subsets=costs.subset, weights=costs.weight, groups=costs.group)
