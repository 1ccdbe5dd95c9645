"""Greedy pools, cross-fitted: what is left for a router, at most.

In each fold the pool is chosen on the prompts of the others, by the same rule, and scored on the
prompts of the fold. The models named are those that the rule picks on all prompts.
"""

from __future__ import annotations

import numpy as np

from routereval.results.summary import Estimate
from routereval.scoring import interval
from routereval.scoring.headroom import (
    guess_corrected_floor,
    guess_corrected_oracle,
    noise_corrected_oracle,
)
from routereval.studies.advise.advice import PoolAdvice
from routereval.studies.advise.ceiling import HeldOut, hold_out
from routereval.studies.advise.plan import AdvicePlan
from routereval.studies.advise.pools import greedy
from routereval.studies.advise.resampled import UNDEFINED, Resampled
from routereval.studies.advise.score_table import Floats, Index, ScoreTable
from routereval.tasks.folds import folds_of

_REPLICATES = 200  # of the guess correction, which is fitted anew on each


class CrossFit:
    """What all pools of a score table share: folds, resamples, the best model of each fold.

    Args:
        table: the records.
        plan: what was asked for.
        drawn: resamples of all prompts.
    """

    def __init__(self, table: ScoreTable, plan: AdvicePlan, drawn: Resampled) -> None:
        self.table, self.plan, self.drawn = table, plan, drawn
        self.every = np.arange(table.n_prompts)
        self.fold = folds_of(table.subsets, plan.folds, plan.seed, table.groups)
        self.trusted = table.trusted(self.every, table.candidates)
        self.best = self._best_single()

    def pool(self, size: int) -> PoolAdvice:
        """Choose a pool in every fold, and score it there."""
        table, plan = self.table, self.plan
        parts = [self._greedy(np.flatnonzero(self.fold != f), size) for f in range(plan.folds)]
        held = hold_out(table, parts, self.fold, near=plan.near, seed=plan.seed)
        final = self._greedy(self.every, size)
        return PoolAdvice(
            size=size,
            models=table.names(final),
            stable=tuple(int(sum(column in part for part in parts)) for column in final),
            chosen_oracle=float(table.scores[:, final].max(axis=1).mean(dtype=np.float64)),
            known_least=self.known(held.scores),
            n_outside=held.n_outside,
            near=held.near,
            **self._estimates(held),
        )

    def known(self, scores: Floats) -> Estimate:
        """The share of prompts that some model knows, corrected for guessing."""
        chance = self.table.chance
        point = float(guess_corrected_floor(scores, chance))
        if np.isnan(point):
            return UNDEFINED
        drawn = guess_corrected_floor(scores, chance, self.drawn.W[:_REPLICATES])
        return Estimate(point, *interval(point, drawn))

    def _greedy(self, rows: Index, size: int) -> Index:
        return self.table.candidates[greedy(self.trusted[rows], size)]

    def _best_single(self) -> Floats:
        """(n_prompts,) score of the model that is best on the other folds."""
        best = np.empty(self.table.n_prompts)
        for part in range(self.plan.folds):
            test = self.fold == part
            column = self.table.candidates[int(self.trusted[~test].mean(axis=0).argmax())]
            best[test] = self.table.scores[test, column]
        return best

    def _estimates(self, held: HeldOut) -> dict[str, Estimate]:
        nothing = np.full(self.table.n_prompts, np.nan)
        ceiling = held.foreseen if held.n_outside else nothing
        apart = held.foreseen_apart if held.n_outside else nothing
        repeats, mean = self.plan.repeats, self.drawn.mean
        return {
            "oracle": mean(held.scores.max(axis=1)),
            "known_most": self.drawn.free(guess_corrected_oracle(held.scores, self.table.chance)),
            "steady": self.drawn.free(noise_corrected_oracle(held.scores, repeats))
            if repeats
            else UNDEFINED,
            "ceiling": mean(ceiling),
            "ceiling_apart": mean(apart),
            "gain": self.drawn.difference(ceiling - self.best),
            "gain_apart": self.drawn.difference(apart - self.best),
        }
