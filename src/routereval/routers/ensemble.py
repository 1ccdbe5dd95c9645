"""Ensembles: several routers are asked, and their answers put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.stats import rankdata

from routereval.errors import SpecError, unknown
from routereval.routers.base import Groups, Reads, Router, Scores
from routereval.routers.registry import make_router
from routereval.routers.validation import Fold, held_out

HOWS = ("mean", "ranks", "stacked")
DIGITS = 12


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

    def fit(
        self,
        X: Any,  # noqa: ANN401
        scores: Scores,
        costs: Scores | None = None,
        validation: tuple[Any, Scores] | None = None,
        groups: Groups | None = None,
    ) -> Self:
        """Fit the members, and what each of them counts.

        Args:
            X: what the members read, one row a prompt.
            scores: (n_prompts, n_models), in [0, 1], NaN where not observed.
            costs: the same shape, in USD a call, or None.
            validation: the same of the validation prompts; without, ``stacked`` holds a tenth out.
            groups: codes of equal prompts, which are held out together.

        Returns:
            The router itself.

        Raises:
            DataError: if the shapes do not agree.
            SpecError: if a member is not known, or they do not fit together.
        """
        members = self._members()
        scores = self._check_fit(X, scores)
        check: Fold | None = None
        extra: dict[str, Any] = {"groups": groups}
        if self.how == "stacked":
            X, scores, costs, check = self._held_out(X, scores, costs, validation, groups)
            validation = (check.X, check.scores)
            extra = {}
        extra["validation"] = validation
        self.routers_ = [_fitted(one, X, scores, costs, extra) for one in members]
        self.weights_ = np.full(len(members), 1 / len(members))
        if check is not None:
            self.weights_ = _nearest(self._each(check.X), check.scores, self.weights_)
        return self

    def predict_scores(self, X: Any) -> Scores:  # noqa: ANN401, D102
        self._check_fitted()
        together = np.tensordot(self.weights_, self._each(X), axes=1)
        return np.asarray(np.round(together, DIGITS), dtype=np.float64)

    def _each(self, X: Any) -> NDArray[np.float64]:  # noqa: ANN401
        """(n_members, n_prompts, n_models) what each member says."""
        answers = np.stack([router.predict_scores(X) for router in self.routers_])
        if self.how != "ranks":
            return answers
        return np.asarray((rankdata(answers, axis=2) - 1) / max(self.n_models_ - 1, 1))

    def _members(self) -> list[Router]:
        from sklearn.base import clone

        if self.how not in HOWS:
            raise unknown("how of ensemble", str(self.how), HOWS)
        if isinstance(self.routers, str) or not len(self.routers):
            raise SpecError("ensemble needs a list of routers: ensemble(routers=[knn, linear])")
        members: list[Router] = [clone(make_router(one)) for one in self.routers]
        reads = list(dict.fromkeys(one.reads for one in members))
        if len(reads) > 1:
            raise SpecError(f"the routers of an ensemble read the same, not {' and '.join(reads)}")
        return members

    def _held_out(
        self,
        X: Any,  # noqa: ANN401
        scores: Scores,
        costs: Scores | None,
        validation: tuple[Any, Scores] | None,
        groups: Groups | None,
    ) -> tuple[Any, Scores, Scores | None, Fold]:
        """The prompts to fit on, and those to weigh on."""
        if validation is not None:
            return X, scores, costs, Fold(validation[0], np.asarray(validation[1], np.float64))
        learn, check = (rows.tolist() for rows in held_out(len(scores), groups=groups))
        held = Fold(_taken(X, check), scores[check])
        return _taken(X, learn), scores[learn], None if costs is None else costs[learn], held


def _fitted(
    router: Router,
    X: Any,  # noqa: ANN401
    scores: Scores,
    costs: Scores | None,
    extra: dict[str, Any],
) -> Router:
    """Fit it with what it takes of the validation prompts and the groups, where there are any."""
    takes = {"validation": router.uses_validation, "groups": router.uses_groups}
    given = {name: held for name, held in extra.items() if takes[name] and held is not None}
    return router.fit(X, scores, costs, **given)


def _nearest(
    answers: NDArray[np.float64], scores: Scores, otherwise: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The weights, none negative, that bring the answers nearest to the observed scores."""
    seen = ~np.isnan(scores)
    if not seen.any():
        return otherwise
    weights, _ = nnls(answers[:, seen].T, scores[seen])
    return weights if weights.any() else otherwise


def _taken(X: Any, rows: list[int]) -> Any:  # noqa: ANN401 - a matrix, or a list of texts
    return X[rows] if isinstance(X, np.ndarray) else [X[row] for row in rows]
