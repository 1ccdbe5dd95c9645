"""Published choices joined to the scores of the models chosen, and what the same choices hide."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.records import Records
from routereval.records.groups import groups_of
from routereval.scoring import Comparison, paired_test
from routereval.scoring.pareto import hull
from routereval.studies.choices import NONE, Choices
from routereval.tasks.mix import benchmarks_of

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

_FOLDS = 10


class Shuffled(NamedTuple):
    """What the same choices would score, were they dealt to the prompts of a benchmark at random.

    Attributes:
        score: the expected score.
        p: one-sided p-value of the router's own score, by the normal approximation to the
            permutation distribution, whose mean and variance are known exactly (Hoeffding 1951).
            NaN for a router that is constant on every benchmark.
    """

    score: float
    p: float


@dataclass(frozen=True)
class JoinedChoices:
    """Choices and records on the prompts that count, as arrays.

    Attributes:
        routers: their names.
        models: the models that were put to every prompt, each of which makes a constant.
        scores: (n_prompts, n_models) of these.
        costs: (n_prompts, n_models) USD, NaN where unknown.
        benchmark: (n_prompts,) code of the benchmark.
        group: (n_prompts,) code of the group of equal prompts.
        choice: (n_prompts, n_routers) column of the model chosen; `NONE` for none, or for one that
            is not among `models`.
        quality: (n_prompts, n_routers) the score of each choice; 0 where none was made.
        paid: (n_prompts, n_routers) its cost; 0 where none was made, NaN where unknown.
        n_chosen: (n_routers,) how many different models each router chooses.
        top_share: (n_routers,) share of the prompts that its most chosen model gets.
        notes: what was left out.
        texts: (n_prompts) texts of the prompts, None where unknown.
    """

    routers: tuple[str, ...]
    models: tuple[str, ...]
    scores: Floats
    costs: Floats
    benchmark: Codes
    group: Codes
    choice: Codes
    quality: Floats
    paid: Floats
    n_chosen: Codes
    top_share: Floats
    notes: tuple[str, ...]
    texts: tuple[str | None, ...] = ()

    @classmethod
    def of(cls, choices: Choices, records: Records, *, own: bool = False) -> JoinedChoices:
        """Join them.

        Args:
            choices: what routers chose.
            records: of the models that they chose from.
            own: take the scores and costs that the files say before those of the records.

        Raises:
            DataError: if no prompt is left on which all choices have a score.
        """
        part = records.select(prompts=choices.rows)
        scores = part.dense()
        costs = np.full(scores.shape, np.nan) if part.costs is None else part.costs.T
        quality = _known(choices.scores, _of_choice(scores, choices.choice), own)
        paid = _known(choices.costs, _of_choice(np.asarray(costs, np.float64), choices.choice), own)
        kept = np.asarray(~np.isnan(quality).any(axis=1))
        everywhere = np.asarray(~np.isnan(scores[kept]).any(axis=0))
        if not kept.any():
            raise DataError(f"{records.name}: on no prompt do all choices have a score")
        notes = list(choices.notes)
        if n := int((~kept).sum()):
            notes.append(f"{n:,} prompts on which a choice has no score are left out")
        if n := int((~everywhere).sum()):
            what = f"{n} of {len(everywhere)} models have no score on some prompt"
            notes.append(f"{what}, and are no constants here")
        at = np.cumsum(everywhere) - 1
        known = np.where(everywhere, at, NONE)
        choice = choices.choice[kept]
        texts = np.array(part.prompts["text"].to_list(), object)[kept].tolist()
        counts = np.stack([_counts(column, len(everywhere)) for column in choice.T])
        return cls(
            choices.routers,
            tuple(np.array(part.models)[everywhere].tolist()),
            scores[kept][:, everywhere],
            np.asarray(costs, np.float64)[kept][:, everywhere],
            benchmarks_of(part)[kept],
            groups_of(part.prompts["text"].to_list())[kept],
            np.where(choice == NONE, NONE, known[choice]),
            quality[kept],
            paid[kept],
            (counts > 0).sum(axis=1),
            counts.max(axis=1) / len(choice),
            tuple(notes),
            tuple(texts),
        )

    @property
    def best_constant(self) -> int:
        """The column of the highest mean; of equals the cheapest, then the first."""
        means = self.scores.mean(axis=0)
        tied = np.flatnonzero(means == means.max())
        costs = np.nan_to_num(self.costs.mean(axis=0)[tied], nan=np.inf)
        return int(tied[costs.argmin()])  # ties: argmin takes the first

    @property
    def perfect(self) -> NDArray[np.bool_]:
        """(n_routers,) whether a router chooses a best model on every prompt, as an oracle does."""
        if len(self.models) < 2:
            return np.zeros(len(self.routers), np.bool_)
        return np.asarray((self.quality == self.scores.max(axis=1)[:, None]).all(axis=0))

    def test(self, a: Floats, b: Floats) -> Comparison:
        """The paired test of two columns of scores."""
        return paired_test(a, b, subsets=self.benchmark, groups=self.group)

    def shuffled(self, router: int) -> Shuffled | None:
        """What the choices of a router score if dealt at random; None if a score is missing."""
        choice = self.choice[:, router]
        expected = _of_choice(self.scores, choice[:, None])[:, 0]
        if not np.allclose(expected, self.quality[:, router]):
            return None
        return shuffled(self.scores, choice, self.benchmark)

    def zero(self, cost: float) -> float:
        """The score that the best mix of constants reaches at a mean cost per prompt."""
        means, costs = self.scores.mean(axis=0), self.costs.mean(axis=0)
        if not len(means) or np.isnan(costs).any() or np.isnan(cost):
            return float("nan")
        x, y = hull(costs, means)
        return float("nan") if cost < x[0] else float(np.interp(cost, x, y))

    def controls(self) -> dict[str, tuple[Floats, Floats]]:
        """Scores and costs of oracle and random, and of the best single model out of fold.

        Of several benchmarks, also of the best model of each.
        """
        scores, costs = self.scores, self.costs
        if len(self.models) < 2:
            return {}
        best = scores == scores.max(axis=1, keepdims=True)
        cheapest = np.where(best, np.nan_to_num(costs, nan=0.0), np.inf).argmin(axis=1)
        everywhere = np.zeros(len(scores), np.int64)
        chosen = {"oracle": cheapest, "best_single": out_of_fold(scores, everywhere, self.group)}
        if len(np.unique(self.benchmark)) > 1:
            chosen["dataset_best"] = out_of_fold(scores, self.benchmark, self.group)
        found = {
            name: (_of_choice(scores, at[:, None])[:, 0], _of_choice(costs, at[:, None])[:, 0])
            for name, at in chosen.items()
        }
        return found | {"random": (scores.mean(axis=1), costs.mean(axis=1))}


def _of_choice(values: Floats, choice: Codes) -> Floats:
    if not values.shape[1]:
        return np.zeros(choice.shape)
    taken = np.take_along_axis(values, np.maximum(choice, 0), axis=1)
    return np.where(choice == NONE, 0.0, taken)


def _known(given: Floats, recorded: Floats, own: bool) -> Floats:
    first, second = (given, recorded) if own else (recorded, given)
    return np.where(np.isnan(first), second, first)


def _counts(choice: Codes, n_models: int) -> Codes:
    return np.bincount(choice[choice != NONE], minlength=n_models)


def out_of_fold(scores: Floats, part: Codes, group: Codes, seed: int = 0) -> Codes:
    """The best model of each part, chosen without the fold that a prompt is in.

    Args:
        scores: (n_prompts, n_models).
        part: (n_prompts,) code of the part, such as a benchmark, that has a best model of its own;
            where the other folds hold no prompt of it, that of all parts is taken.
        group: (n_prompts,) code of the group of equal prompts, which stay in one fold.
        seed: decides the folds, ten of them.

    Returns:
        (n_prompts,) columns.

    >>> scores = np.array([[1.0, 0.0]] * 20 + [[0.0, 1.0]] * 20)
    >>> part = np.repeat([0, 1], 20)
    >>> out_of_fold(scores, part, np.arange(40)).tolist() == part.tolist()
    True
    """
    _, unit = np.unique(group, return_inverse=True)
    dealt = np.random.default_rng(seed).permutation(int(unit.max()) + 1) % _FOLDS
    fold = dealt[unit.ravel()]
    found = np.zeros(len(scores), np.int64)
    for number in range(_FOLDS):
        inside, rest = fold == number, fold != number
        for code in np.unique(part[inside]):
            own = rest & (part == code)
            known = scores[own] if own.any() else scores[rest] if rest.any() else scores
            found[inside & (part == code)] = int(known.mean(axis=0).argmax())
    return found


def shuffled(scores: Floats, choice: Codes, part: Codes) -> Shuffled:
    """What choices score if they are dealt at random to the prompts of their part.

    Args:
        scores: (n_prompts, n_models).
        choice: (n_prompts,) columns; `NONE` scores 0.
        part: (n_prompts,) code of the benchmark.

    >>> scores = np.array([[1.0, 0.0], [0.0, 1.0]] * 50)
    >>> shuffled(scores, np.array([0, 1] * 50), np.zeros(100, np.int64)).score
    0.5
    """
    padded = np.column_stack([scores, np.zeros(len(scores))])
    expected, variance = 0.0, 0.0
    for code in np.unique(part):
        at = part == code
        n = int(at.sum())
        count = np.bincount(
            np.where(choice[at] == NONE, scores.shape[1], choice[at]), minlength=padded.shape[1]
        )
        own = padded[at]
        expected += float((own @ count).sum()) / n
        if n > 1:
            centred = own - own.mean(axis=0)
            centred -= ((centred @ count) / n)[:, None]
            variance += float(((centred**2) @ count).sum()) / (n - 1)
    total = float(_of_choice(scores, choice[:, None]).sum())
    p = (
        1 - NormalDist().cdf((total - expected) / sqrt(variance))
        if variance > 1e-12
        else float("nan")
    )
    return Shuffled(expected / len(scores), p)
