"""A guard over any router: it is followed only where it gained over one model out of fold."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from routereval.errors import DataError
from routereval.estimator import unfitted
from routereval.features.prompts import Prompts
from routereval.parameters import SEED, Number
from routereval.routers.base import Reads, Router, Scores, Training
from routereval.routers.familiarity import Familiarity
from routereval.routers.guarded import Guarded
from routereval.routers.inputs import Features
from routereval.routers.registry import make_router
from routereval.routers.shrinkage import OutOfFold, constant, shrinkage_of, without_common
from routereval.routers.training import taken
from routereval.routers.validation import fold_codes

BEST_SINGLE = "best_single"
FOLDS = 5
FEWEST = 20
RISK = 0.002


class Guard(Guarded):
    """Follows another router only where out-of-fold evidence says that it gains over a constant.

    The router is fitted on five folds, groups of equal prompts kept whole, and once more on all
    prompts. What it predicted of the prompts held out tells how far its differences between models
    may be believed: they are multiplied by their slope less z standard errors, and added to what
    each model is worth on the average prompt, as far as that is more than chance. z is the least of
    1.5, 2, 3 and 4 for which the out-of-fold gain, less what half a prompt counts and a standard
    error, is above -risk; where there is none the router is a constant. A prompt unlike all
    training prompts, by its features, goes to the fallback.

    Args:
        router: a spec, or a router of one's own.
        fallback: ``best_single``, of the training prompts, or the name of a model.
        risk: how far below the fallback it may be in expectation, in score.
        random_state: seed of the folds.

    Attributes:
        router_: the router, fitted on all prompts.
        centre_: (n_models,) its mean out-of-fold prediction, less that over all models.
        shrinkage_: how far it is believed, and what that gained out of fold.
        familiarity_: what tells an unfamiliar prompt; None where no features are read.

    >>> X = np.linspace(-1, 1, 400)[:, None]
    >>> scores = np.hstack([X > 0, X < 0]).astype(float)
    >>> router = Guard(router="linear").fit(X, scores)
    >>> router.predict_scores([[-0.7], [0.7]]).argmax(axis=1)
    array([1, 0])
    """

    allowed = {"risk": Number(0, 1), "random_state": SEED}
    uses_validation: ClassVar[bool] = True
    uses_groups: ClassVar[bool] = True
    uses_models: ClassVar[bool] = True
    compares: ClassVar[bool] = True

    def __init__(
        self,
        *,
        router: Any = "knn",  # noqa: ANN401 - a spec or a router
        fallback: str = BEST_SINGLE,
        risk: float = RISK,
        random_state: int = 0,
    ) -> None:
        self.router = router
        self.fallback = fallback
        self.risk = risk
        self.random_state = random_state

    @property
    def reads(self) -> Reads:  # type: ignore[override]  # what the guarded router reads
        """What the guarded router reads."""
        return make_router(self.router).reads

    def _fit(self, data: Training) -> None:
        fallback = self._column(data)
        n = len(data.scores)
        groups = np.arange(n) if data.groups is None else data.groups
        self.router_ = self._fitted(data)
        self.familiarity_ = _familiarity(data.X)
        self.centre_ = np.zeros(self.n_models_)
        if len(np.unique(groups)) < FEWEST:
            self.shrinkage_ = constant(data.scores, fallback)
            return
        folds = fold_codes(n, FOLDS, self.random_state, groups)
        out = np.zeros(data.scores.shape)
        for fold in np.unique(folds):
            held = np.flatnonzero(folds == fold)
            rest = data.rows(np.flatnonzero(folds != fold))
            out[held] = without_common(self._fitted(rest).predict_scores(taken(data.X, held)))
        self.centre_ = out.mean(axis=0)
        held_out = OutOfFold(out - self.centre_, data.scores, folds, groups)
        self.shrinkage_ = shrinkage_of(held_out, self.risk, fallback)

    def _predict(self, X: Any) -> Scores:  # noqa: ANN401
        rule = self.shrinkage_
        if not rule.moves:
            return np.tile(rule.levels, (len(X), 1))
        scores = rule(without_common(self.router_.predict_scores(X)) - self.centre_)
        if self.familiarity_ is not None:
            scores[self.familiarity_.unfamiliar(_features(X))] = rule.levels
        return scores

    def predict_costs(self, X: Any) -> Scores | None:  # noqa: ANN401
        """What the guarded router expects, if it does."""
        return self.router_.predict_costs(X)

    def _fitted(self, data: Training) -> Router:
        router = unfitted(make_router(self.router))
        given: dict[str, Any] = {}
        for name in ("validation", "groups", "models"):
            value = getattr(data, name)
            if value is not None and getattr(router, f"uses_{name}"):
                given[name] = value
        return router.fit(data.X, data.scores, data.costs, **given)

    def _column(self, data: Training) -> int | None:
        """The fallback's column; None for the best single model."""
        if self.fallback == BEST_SINGLE:
            return None
        models = data.models or ()
        if self.fallback not in models:
            held = ", ".join(models) or "not named"
            raise DataError(f"guard: no model {self.fallback!r} to fall back on; models: {held}")
        return models.index(self.fallback)


def _features(X: Any) -> Features:  # noqa: ANN401
    return X.features if isinstance(X, Prompts) else X


def _familiarity(X: Any) -> Familiarity | None:  # noqa: ANN401
    return None if isinstance(X, list) else Familiarity.of(_features(X))
