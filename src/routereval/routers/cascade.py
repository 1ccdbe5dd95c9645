"""Cascades: call a cheap model, look at what it answered, and go on to a dearer one if need be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.features.numerics import deviations
from routereval.parameters import COUNT, SEED, Choice
from routereval.routers.base import Router, Scores, Training, mean_costs, mean_scores
from routereval.routers.call_ledger import CallLedger, Floats
from routereval.routers.classifiers import Line, logistic
from routereval.routers.inputs import DIGITS, Features, rounded
from routereval.routers.linear import Linear

HELD_OUT = 0.3
LONGEST = 6
_CUTS = np.linspace(0, 1, 21)
_ROUNDS = 2
_NO_IDEA = Line(np.zeros(4), 0.0)


Worth = tuple[float, float]


class Cascade(Router):
    """Calls models from the cheapest on until an answer looks right.

    ``learned``: after each call, the chance that the answer is right is estimated by a logistic
    regression on what is known by then: the prompt (through ridge regression), how long the answer
    is, and how many of the earlier answers it agrees with. Where that chance reaches the model's
    threshold, the answer is returned; the last model's always is. Regressions, thresholds, and
    whether a model is called at all, are learned on three tenths of the training prompts that the
    ridge regression does not see, for the highest mean of score less `lam` times cost. Source:
    FrugalGPT, Chen et al. 2023, arXiv 2305.05176. What differs: its judge is a fine-tuned
    DistilBERT that reads the answer, which records do not hold.

    ``agreement``: stops as soon as `votes` answers are the same, and returns that one; without,
    the answer of the model of the highest training mean. Needs records with answers. Sources: Yue
    et al. 2023, arXiv 2310.03094; Kolawole et al. 2024, arXiv 2407.02348.

    Records that reveal nothing of an answer but its score leave a cascade with nothing to look at.
    It then only knows the prompt, and a router on the same prompt, that calls one model, is as good
    for less. The score itself is never shown.

    Args:
        rule: ``learned`` or ``agreement``.
        length: the most models that are called on a prompt: of those that are better than every
            cheaper one, the best and others evenly between.
        votes: for agreement, how many answers must be the same.
        random_state: seed of the prompts that are held out.

    Attributes:
        chain_: the columns of the models that may be called, in order.
        plans_: what was learned of calling all or some of them.

    >>> X, scores = np.zeros((40, 1)), np.tile([[1.0, 1.0], [0.0, 1.0]], (20, 1))
    >>> length = np.tile([[3.0, 5.0], [90.0, 5.0]], (20, 1))  # the cheap model rambles when wrong
    >>> costs = np.tile([0.01, 0.1], (40, 1))
    >>> router = Cascade().fit(X, scores, costs, signals={"length": length})
    >>> ledger = CallLedger({"length": length[:2]}, (2, 2))
    >>> router.calls(X[:2], ledger), ledger.called.sum(axis=1)
    (array([0, 1]), array([1, 2]))
    """

    allowed = {
        "rule": Choice("learned", "agreement"),
        "length": COUNT,
        "votes": COUNT,
        "random_state": SEED,
    }
    cascade: ClassVar[bool] = True
    uses_groups: ClassVar[bool] = True

    def __init__(
        self, *, rule: str = "learned", length: int = 3, votes: int = 2, random_state: int = 0
    ) -> None:
        self.rule = rule
        self.length = length
        self.votes = votes
        self.random_state = random_state

    def _fit(self, data: Training) -> None:
        if self.rule == "agreement" and "answer" not in data.signals:
            raise DataError(
                "cascade(rule=agreement) needs the answers of the models, and these records hold "
                "none; import them with answers, or take another rule"
            )
        self.means_ = mean_scores(data.scores)
        self.spent_ = mean_costs(data.costs, data.scores)
        self.chain_ = self._chain()
        learn, held = map(data.rows, data.held_out(self.random_state, HELD_OUT))
        self.prior_ = Linear().fit(learn.X, learn.scores, groups=learn.groups)
        plans = [self.chain_] if self.rule == "agreement" else _sublists(self.chain_)
        self.plans_ = [self._learned(stages, held) for stages in plans]

    def _check_together(self) -> None:
        if self.rule == "learned" and self.length > LONGEST:
            raise SpecError(
                f"cascade: a learned cascade tries all lists of models, so length is at most "
                f"{LONGEST}, not {self.length}"
            )

    def _predict(self, X: Features) -> Scores:
        """What the prompt alone tells, for where no model can be called."""
        return self.prior_.predict_scores(X)

    def calls(self, X: Any, ledger: CallLedger, lam: float = 0.0) -> NDArray[np.int64]:  # noqa: ANN401
        """Call models on test prompts, and choose among those that were called."""
        self._check_fitted()
        walk, stop, open_rows = self._started(X, lam)
        stages = walk.plan.stages
        for stage, column in enumerate(stages):
            walk.note(stage, open_rows, ledger.call(open_rows, int(column)))
            if self.rule == "agreement":
                done = walk.agreed[open_rows] >= 0
            else:
                done = walk.estimated(stage, open_rows) >= stop[stage]
            open_rows = open_rows[~done]
            if not len(open_rows):
                break
        if self.rule == "learned":
            return np.asarray(stages[walk.last], dtype=np.int64)
        best = int(self.means_[stages].argmax())
        return np.asarray(stages[np.where(walk.agreed >= 0, walk.agreed, best)], dtype=np.int64)

    def _started(self, X: Any, lam: float) -> tuple[_Walk, Floats, NDArray[np.int64]]:  # noqa: ANN401
        """Nobody called yet, by the plan that is worth most at this trade-off.

        A cost that is not known counts as the dearest known.
        """
        prior = self.prior_.predict_scores(X)
        known = ~np.isnan(self.spent_)
        price = np.where(known, self.spent_, self.spent_[known].max()) if known.any() else None
        found = [_thresholds(plan, price, lam) for plan in self.plans_]
        best = max(range(len(found)), key=lambda place: found[place][0])
        walk = _Walk(prior, self.plans_[best], int(self.votes))
        return walk, found[best][1], np.arange(len(prior))

    def _chain(self) -> NDArray[np.int64]:
        """The models by cost that beat every cheaper one, no more than are to be called."""
        price = self.means_ if np.isnan(self.spent_).all() else np.nan_to_num(self.spent_, nan=1e9)
        order = np.lexsort((-self.means_, price))
        if self.rule == "learned":
            before = np.maximum.accumulate(np.concatenate([[-np.inf], self.means_[order][:-1]]))
            order = order[self.means_[order] > before]
        places = np.linspace(len(order) - 1, 0, min(int(self.length), len(order)))
        return np.asarray(order[np.unique(np.round(places).astype(int))], dtype=np.int64)

    def _learned(self, stages: NDArray[np.int64], held: Training) -> Plan:
        """Fit the regressions call by call, as each sees the answers before it."""
        truth = np.where(np.isnan(held.scores), self.means_, held.scores)[:, stages]
        lines: list[Judge] = []
        plan = Plan(stages, lines, np.zeros(truth.shape), truth)
        rows = np.arange(len(truth))
        walk = _Walk(self.prior_.predict_scores(held.X), plan, int(self.votes))
        for stage, column in enumerate(stages):
            revealed = {name: values[:, column] for name, values in held.signals.items()}
            walk.note(stage, rows, revealed)
            lines.append(_judge(walk.features(stage, rows), held.scores[:, column]))
            plan.chance[:, stage] = walk.estimated(stage, rows)
        return plan


class Judge(NamedTuple):
    """What tells whether an answer is right: a regression on standardised features."""

    mean: Floats
    spread: Floats
    line: Line


class Plan(NamedTuple):
    """Models to be called one after the other.

    Attributes:
        stages: their columns.
        judges: one for each call.
        chance: (n_held, n_stages) how likely each answer on the held-out prompts seemed right.
        truth: (n_held, n_stages) what it scored.
    """

    stages: NDArray[np.int64]
    judges: list[Judge]
    chance: Floats
    truth: Floats


class _Walk:
    """What is known of some prompts after each call of a plan.

    Args:
        prior: (n_prompts, n_models) what the prompt tells of each model.
        plan: whom to call.
        votes: how many equal answers settle it.
    """

    def __init__(self, prior: Floats, plan: Plan, votes: int) -> None:
        self.plan, self.votes, self.prior = plan, votes, prior[:, plan.stages]
        self.answers = np.full(self.prior.shape, np.nan)
        self.length = np.full(self.prior.shape, np.nan)
        self.agreed = np.full(len(prior), -1)
        self.last = np.zeros(len(prior), dtype=np.int64)

    def note(self, stage: int, rows: NDArray[np.int64], revealed: Mapping[str, Floats]) -> None:
        """Note what a call revealed."""
        nothing = np.full(len(rows), np.nan)
        self.last[rows] = stage
        self.answers[rows, stage] = revealed.get("answer", nothing)
        self.length[rows, stage] = revealed.get("length", nothing)
        same = self.answers[rows, : stage + 1] == self.answers[rows, stage, None]
        settled = (same.sum(axis=1) >= self.votes) & (self.agreed[rows] < 0)
        self.agreed[rows[settled]] = same[settled].argmax(axis=1)

    def features(self, stage: int, rows: NDArray[np.int64]) -> Floats:
        """(n_rows, 4): the prompt, the length, and how many earlier answers agree and differ."""
        mine, before = self.answers[rows, stage, None], self.answers[rows, :stage]
        same = (before == mine).sum(axis=1)
        differ = ((before != mine) & ~np.isnan(before) & ~np.isnan(mine)).sum(axis=1)
        length = np.log1p(np.maximum(np.nan_to_num(self.length[rows, stage]), 0.0))
        return np.stack([self.prior[rows, stage], length, same, differ], axis=1).astype(np.float64)

    def estimated(self, stage: int, rows: NDArray[np.int64]) -> Floats:
        """How likely it seems that the answers of a stage are right."""
        from scipy.special import expit

        mean, spread, line = self.plan.judges[stage]
        Z = (self.features(stage, rows) - mean) / spread
        return rounded(expit(Z @ line.coef + line.intercept))


def _judge(features: Floats, scores: Floats) -> Judge:
    seen = ~np.isnan(scores)
    if not seen.any():
        return Judge(np.zeros(features.shape[1]), np.ones(features.shape[1]), _NO_IDEA)
    mean, spread = features[seen].mean(axis=0), deviations(features[seen])
    return Judge(mean, spread, logistic((features[seen] - mean) / spread, scores[seen], 1.0))


def _thresholds(plan: Plan, price: Floats | None, lam: float) -> tuple[Worth, Floats]:
    """The thresholds that are worth most, and what they are worth.

    They are set by turns; of equals the lowest. The last is 0.
    """
    stop = np.zeros(len(plan.stages))
    best = _worth(plan, stop, price, lam)
    for _ in range(_ROUNDS):
        for stage in range(len(stop) - 1):
            here = np.arange(len(stop)) == stage
            for cut in (0.0, *np.quantile(plan.chance[:, stage], _CUTS), np.inf):
                tried = np.where(here, cut, stop)
                worth = _worth(plan, tried, price, lam)
                if worth > best:
                    best, stop = worth, tried
    return best, stop


def _worth(plan: Plan, stop: Floats, price: Floats | None, lam: float) -> Worth:
    """Mean score less `lam` times cost on the held-out prompts; among equals, less cost.

    Where no cost is known, `lam` does not matter, and a call counts as one.
    """
    on = (plan.chance < stop)[:, :-1]
    called = np.cumprod(np.hstack([np.ones((len(on), 1)), on]), axis=1)
    last = called.sum(axis=1).astype(np.int64) - 1
    score = float(plan.truth[np.arange(len(last)), last].mean())
    if price is None:
        return round(score, DIGITS), -float(called.sum(axis=1).mean())
    cost = float((called @ price[plan.stages]).mean())
    return round(score - lam * cost, DIGITS), -round(cost, DIGITS)


def _sublists(chain: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Every way to leave models of a chain out, but all of them; the shortest first."""
    for n in range(1, len(chain) + 1):
        for places in combinations(range(len(chain)), n):
            yield chain[list(places)]
