"""New models beside the known ones: learned apart, from their probe prompts alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from routereval.errors import DataError
from routereval.estimator import unfitted
from routereval.routers.base import Reads, Router, Scores, Training
from routereval.routers.linear_extension import LinearlyExtended


class Extended(Router):
    """Asks one router of the known models, and a second of the kind of the new ones.

    What `extend` makes of a separable router that has no better way: of kNN, say, one that
    looks for neighbours of a prompt among the training prompts for the known models, and among the
    probe prompts for the new.

    Args:
        known: fitted on the training prompts.
        new: of the same kind, not fitted; `fit` fits a copy of it on the probe prompts.

    >>> from routereval.routers import make_router
    >>> known = make_router("knn(k=1)").fit(np.eye(2), np.eye(2))
    >>> both = extend(known, np.eye(2), np.array([[0.25], [0.75]]))
    >>> both.predict_scores(np.array([[3.0, 1.0]]))
    array([[1.  , 0.  , 0.25]])
    """

    separable: ClassVar[bool] = True

    def __init__(self, *, known: Router, new: Router) -> None:
        self.known = known
        self.new = new

    @property
    def reads(self) -> Reads:  # type: ignore[override]  # what the known router reads
        """What both routers read."""
        return self.known.reads

    def _fit(self, data: Training) -> None:
        """Fit the second router, on the probe prompts of the new models."""
        self.new_: Router = unfitted(self.new).fit(data.X, data.scores, data.costs)
        self.n_models_ += self.known.n_models_

    def _predict(self, X: Any) -> Scores:  # noqa: ANN401
        return np.hstack([self.known.predict_scores(X), self.new_.predict_scores(X)])

    def predict_costs(self, X: Any) -> Scores | None:  # noqa: ANN401
        """Put the costs side by side, where both routers have an opinion."""
        both = [router.predict_costs(X) for router in (self.known, self.new_)]
        costs = [costs for costs in both if costs is not None]
        return np.concatenate(costs, axis=-1) if len(costs) == len(both) else None


def extend(
    router: Router,
    X: Any,  # noqa: ANN401
    scores: Scores,
    costs: Scores | None = None,
    known: Scores | None = None,
    models: Sequence[str] | None = None,
) -> Router:
    """A router of the models it knows and of new ones, known by their scores on probe prompts.

    Args:
        router: fitted.
        X: what the router reads of the probe prompts.
        scores: (n_probes, n_new), a column per new model, NaN where not observed.
        costs: of the same shape, in USD per call, or None where unknown.
        known: (n_probes, n_known) scores of the known models on the same prompts, NaN where not
            observed; only a router that `compares` needs them.
        models: the names of all models, the known ones first: which are one model at several
            efforts.

    Returns:
        A router of all models, the new ones after the known: this one, extended in place, where it
        `supports_unseen`; else, where it is `separable`, one that asks this one of the known models
        and a second of the kind, fitted on the probe prompts, of the new; else, where it
        `compares`, one that predicts the new as weighted sums of the known.

    Raises:
        DataError: if the router cannot take new models, or lacks the scores of the known.
        sklearn.exceptions.NotFittedError: before `fit`.
    """
    if router.compares and not router.supports_unseen:
        return _compared(router, X, scores, (costs, known), models)
    if router.supports_unseen or not router.separable:
        return router.extend(X, scores, costs)
    router._check_fitted()
    kind = router.new if isinstance(router, Extended) else router
    return Extended(known=router, new=unfitted(kind)).fit(X, scores, costs)


def _compared(
    router: Router,
    X: Any,  # noqa: ANN401
    scores: Scores,
    given: tuple[Scores | None, Scores | None],
    models: Sequence[str] | None,
) -> Router:
    costs, known = given
    router._check_fitted()
    if known is None or np.isnan(known).all():
        raise DataError(
            f"{router._label()} learns a new model by comparison with the known ones, so it needs "
            "their scores on the same probe prompts; give those too, or fit it again with the model"
        )
    if known.shape != (len(scores), router.n_models_):
        raise DataError(
            f"the known models' scores have shape {known.shape} but there are {len(scores)} probe "
            f"prompts and {router.n_models_} known models"
        )
    unknown = np.full(known.shape, np.nan)
    paid = None if costs is None else np.hstack([unknown, costs])
    return LinearlyExtended(known=router).fit(X, np.hstack([known, scores]), paid, models=models)
