"""Ensembles: several routers are asked, and their answers put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from routereval.errors import SpecError
from routereval.estimator import unfitted
from routereval.parameters import Choice
from routereval.routers.base import Reads, Router, Scores, Training
from routereval.routers.registry import make_router
from routereval.routers.validation import Fold


class Ensemble(Router):
    """Puts the predictions of several routers together.

    ``mean`` takes the mean of their scores, which suits routers that predict scores (not
    strengths). ``ranks`` takes the mean of the ranks that they give to the models, as shares from 0
    to 1, whatever their scores mean. ``stacked`` weighs their scores by the weights, none negative,
    that come nearest to the true scores of the validation prompts (Wolpert 1992; least squares);
    the members may have tuned themselves on the same prompts.

    Args:
        routers: specs, or routers of one's own; all of them read the same.
        how: ``mean``, ``ranks`` or ``stacked``.

    Attributes:
        routers_: the fitted members.
        weights_: (n_members,) what each counts.

    >>> X, scores = np.eye(4), np.array([[1.0, 0.0], [0.0, 1.0]] * 2)
    >>> router = Ensemble(routers=("knn(k=1)", "best_single")).fit(X, scores)
    >>> router.predict_scores(X[:1])
    array([[0.75, 0.25]])
    """

    allowed = {"how": Choice("mean", "ranks", "stacked")}
    uses_validation: ClassVar[bool] = True
    uses_groups: ClassVar[bool] = True

    def __init__(self, *, routers: Sequence[Any] = ("knn", "linear"), how: str = "mean") -> None:
        self.routers = routers
        self.how = how

    @property
    def reads(self) -> Reads:  # type: ignore[override]  # what its members read
        """What the members read."""
        return self._members()[0].reads

    @property
    def control(self) -> bool:  # type: ignore[override]  # what its members are
        """True if all members are controls: several oracles have learned no more than one."""
        return all(one.control for one in self._members())

    def _fit(self, data: Training) -> None:
        members, check = self._members(), data.validation
        if self.how == "stacked":
            data, check = self._apart(data)
        self.routers_ = [_fitted(member, data) for member in members]
        self.weights_ = np.full(len(members), 1 / len(members))
        if self.how == "stacked" and check is not None:
            self.weights_ = _nearest(self._each(check.X), check.scores, self.weights_)

    def _predict(self, X: Any) -> Scores:  # noqa: ANN401
        return np.asarray(np.tensordot(self.weights_, self._each(X), axes=1))

    def _each(self, X: Any) -> NDArray[np.float64]:  # noqa: ANN401
        """(n_members, n_prompts, n_models) what each member says."""
        answers = np.stack([router.predict_scores(X) for router in self.routers_])
        if self.how != "ranks":
            return answers
        from scipy.stats import rankdata

        return np.asarray((rankdata(answers, axis=2) - 1) / max(self.n_models_ - 1, 1))

    def _members(self) -> list[Router]:
        if isinstance(self.routers, str) or not len(self.routers):
            raise SpecError("ensemble needs a list of routers: ensemble(routers=[knn, linear])")
        members: list[Router] = [unfitted(make_router(one)) for one in self.routers]
        reads = list(dict.fromkeys(one.reads for one in members))
        if len(reads) > 1:
            raise SpecError(f"the routers of an ensemble read the same, not {' and '.join(reads)}")
        return members

    @staticmethod
    def _apart(data: Training) -> tuple[Training, Fold]:
        """What to fit on, and the prompts to weigh on, on which members are tuned too."""
        check = data.validation
        if check is None:
            kept, held = map(data.rows, data.held_out())
            data, check = kept, held.fold
        return data._replace(validation=check, groups=None), check


def _fitted(router: Router, data: Training) -> Router:
    """Fit it with what it takes of the validation prompts and the groups, where there are any."""
    takes = {"validation": router.uses_validation, "groups": router.uses_groups}
    given = {
        name: getattr(data, name)
        for name, taken in takes.items()
        if taken and getattr(data, name) is not None
    }
    return router.fit(data.X, data.scores, data.costs, **given)


def _nearest(
    answers: NDArray[np.float64], scores: Scores, otherwise: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The weights, none negative, that bring the answers nearest to the observed scores."""
    from scipy.optimize import nnls

    seen = ~np.isnan(scores)
    if not seen.any():
        return otherwise
    weights, _ = nnls(answers[:, seen].T, scores[seen])
    return weights if weights.any() else otherwise
