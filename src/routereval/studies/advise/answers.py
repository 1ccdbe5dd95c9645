"""Is routing worth it: the rules that turn pools into answers."""

from __future__ import annotations

from collections.abc import Sequence

from routereval.studies.advise.advice import FEW_OUTSIDE, Answer, PoolAdvice

LEAST_SAVING = 0.1
"""A saving below this share of the best single model's price is not worth a router."""


def worth_its_score(pools: Sequence[PoolAdvice], margin: float) -> Answer:
    """Whether a greedy pool scores more than the best single model, by more than the margin."""
    greedy = [p for p in pools if p.rule == "greedy" and p.size > 1 and p.n_outside]
    if any(pool.gain_apart.low > margin for pool in greedy):
        return "yes"
    enough = [pool for pool in greedy if pool.n_outside >= FEW_OUTSIDE]
    return "no" if enough and all(pool.gain.high < margin for pool in enough) else "unclear"


def worth_its_cost(pools: Sequence[PoolAdvice], margin: float) -> Answer:
    """Whether some pool saves more than `LEAST_SAVING`, and loses less than the margin."""
    spent = [p.spending for p in pools if p.spending and p.size > 1 and p.n_outside]
    if any(s.gain.low > -margin and s.saving.low > LEAST_SAVING for s in spent):
        return "yes"
    return "no" if spent and all(s.saving.high < LEAST_SAVING for s in spent) else "unclear"


def pool_to_keep(
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
