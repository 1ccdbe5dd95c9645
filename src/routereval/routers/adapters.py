"""Routers of a user's own: any object that can learn a matrix of scores becomes a `Router`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from copy import deepcopy
from typing import Any, ClassVar, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from routereval.errors import SpecError, unknown
from routereval.estimator import unfitted
from routereval.routers.base import Reads, Router, Scores, Training, mean_scores
from routereval.routers.inputs import Features, alike, scale_of
from routereval.routers.policy import POLICIES

_READS = get_args(Reads)
_OFFERED = ("costs", "validation", "models", "groups")


class ObjectAdapter(Router):
    """Wraps an object with `fit` and `predict_scores` that is no subclass of `Router`.

    Its `fit` is given ``X``, ``scores``, and ``costs``, ``validation``, ``groups`` and ``models``
    if it names them; a copy is fitted, so the object itself stays as it is. It may carry the
    class attributes of a `Router` (``reads``, ``policy``, …) and its other methods.

    Args:
        router: the object.

    Attributes:
        router_: its fitted copy.

    >>> class Mean:
    ...     def fit(self, X, scores):
    ...         self.means = scores.mean(axis=0)
    ...     def predict_scores(self, X):
    ...         return np.tile(self.means, (len(X), 1))
    >>> own = ObjectAdapter(router=Mean()).fit([[3.0]], np.array([[0.0, 1.0]]))
    >>> own, own.predict_scores([[5.0], [6.0]])
    (ObjectAdapter(Mean()), array([[0., 1.],
           [0., 1.]]))
    """

    def __init__(self, *, router: Any) -> None:  # noqa: ANN401
        self.router = router

    @property
    def reads(self) -> Reads:  # type: ignore[override]  # what it says of itself
        """What the object reads; features unless it says otherwise."""
        return cast("Reads", getattr(self.router, "reads", Router.reads))

    @property
    def policy(self) -> Literal["argmax", "proportional"]:  # type: ignore[override]
        """The object's policy; argmax unless it says otherwise."""
        return cast("Literal['argmax', 'proportional']", getattr(self.router, "policy", "argmax"))

    @property
    def uses_validation(self) -> bool:  # type: ignore[override]
        """True if its `fit` names ``validation``."""
        return "validation" in _named(self.router.fit)

    @property
    def uses_groups(self) -> bool:  # type: ignore[override]
        """True if its `fit` names ``groups``."""
        return "groups" in _named(self.router.fit)

    @property
    def uses_models(self) -> bool:  # type: ignore[override]
        """True if its `fit` names ``models``."""
        return "models" in _named(self.router.fit)

    def _fit(self, data: Training) -> None:
        self.router_ = _copied(self.router)
        taken = _named(self.router_.fit)
        given = {name: getattr(data, name) for name in _OFFERED if name in taken}
        self.router_.fit(data.X, data.scores, **given)

    def _predict(self, X: Any) -> Scores:  # noqa: ANN401
        return np.asarray(self.router_.predict_scores(X))

    def predict_costs(self, X: Any) -> Scores | None:  # noqa: ANN401
        """What the object predicts, if it does."""
        own = getattr(self.router_, "predict_costs", None)
        return None if own is None else cast("Scores | None", own(self._inputs(X)))

    def _distribution(self, X: Any, scores: Scores) -> Scores:  # noqa: ANN401
        own = getattr(self.router_, "distribution", None)
        return super()._distribution(X, scores) if own is None else np.asarray(own(X, scores))

    def _label(self) -> str:
        return type(self.router).__name__

    def _text(self) -> str:
        return text_of(self.router)

    def __repr__(self) -> str:
        return f"ObjectAdapter({text_of(self.router)})"


class EstimatorAdapter(Router):
    """Makes a router of a scikit-learn estimator.

    A regressor learns the scores, all models at once if it can, else a copy for each model; models
    that were not observed on the same prompts are learned apart. A classifier learns, a copy for
    each model, whether the score is at least 0.5; the score that it predicts is the probability
    of that, or its decision value where it knows no probabilities. A model that was never observed
    is predicted 0, and one that a classifier saw always right, or always wrong, its mean. A prompt
    further from the mean of training than every training prompt is moved to where the furthest is.

    Args:
        estimator: the estimator; copies of it are fitted, on the prompts' features.

    Attributes:
        parts_: pairs of columns and the estimator that predicts them.
        means_: (n_models,) each model's mean training score.

    >>> from sklearn.linear_model import LinearRegression
    >>> X = np.array([[0.0], [1.0], [2.0]])
    >>> both = np.hstack([X / 4, 1 - X / 4])
    >>> router = EstimatorAdapter(estimator=LinearRegression()).fit(X, both)
    >>> router.predict_scores([[1.5], [9.0]]).round(6)  # nothing is further out than 2
    array([[0.375, 0.625],
           [0.5  , 0.5  ]])
    """

    separable: ClassVar[bool] = True

    def __init__(self, *, estimator: Any) -> None:  # noqa: ANN401
        self.estimator = estimator

    def _fit(self, data: Training) -> None:
        scores = data.scores
        self.means_, self.scale_ = mean_scores(scores), scale_of(data.X)
        X, seen = self.scale_.within(data.X), ~np.isnan(scores)
        groups = alike(seen) if _takes_many(self.estimator) else np.arange(scores.shape[1])[:, None]
        self.parts_: list[tuple[NDArray[np.int64], Any]] = []
        for models in groups:
            rows = seen[:, models[0]]
            Y = scores[rows][:, models]
            if rows.any() and not (self._classifies() and len(np.unique(Y >= 0.5)) == 1):
                self.parts_.append((models, self._learned(X[rows], Y)))

    def _predict(self, X: Features) -> Scores:
        X = self.scale_.within(X)
        scores = np.tile(self.means_, (len(X), 1))
        for models, fitted in self.parts_:
            scores[:, models] = _answer(fitted, X).reshape(len(X), len(models))
        return scores

    def _learned(self, X: Features, Y: Scores) -> Any:  # noqa: ANN401 - a fitted estimator
        single = Y.ravel() if Y.shape[1] == 1 else Y
        return unfitted(self.estimator).fit(X, single >= 0.5 if self._classifies() else single)

    def _classifies(self) -> bool:
        return _is_classifier(self.estimator)


def as_router(thing: Any) -> Router:  # noqa: ANN401
    """Make a router of an object, or of a class that can be made without arguments.

    Args:
        thing: a `Router`, anything with `fit` and `predict_scores`, or a scikit-learn estimator.

    Returns:
        The router; a `Router` passes through.

    Raises:
        SpecError: if it is none of these.

    >>> from sklearn.linear_model import Ridge
    >>> as_router(Ridge(alpha=3.0))
    EstimatorAdapter(estimator=Ridge(alpha=3.0))
    """
    made = _made(thing) if isinstance(thing, type) else thing
    if isinstance(made, Router):
        return made
    if callable(getattr(made, "fit", None)):
        if callable(getattr(made, "predict_scores", None)):
            _check_declared(made)
            return ObjectAdapter(router=made)
        if callable(getattr(made, "predict", None)) and hasattr(made, "get_params"):
            return EstimatorAdapter(estimator=made)
    raise SpecError(
        f"{text_of(made)} is no router; a router has fit(X, scores) and predict_scores(X), "
        "or is a scikit-learn estimator"
    )


def text_of(thing: Any) -> str:  # noqa: ANN401
    """An object's text on one line, without its address: its class and attributes if need be.

    >>> text_of(object())
    'object()'
    """
    if isinstance(thing, ObjectAdapter):
        return text_of(thing.router)
    if isinstance(thing, EstimatorAdapter):
        return text_of(thing.estimator)
    if isinstance(thing, type) or not repr(thing).startswith("<"):
        return " ".join(repr(thing).split())
    inside = ", ".join(
        f"{name}={value!r}" for name, value in getattr(thing, "__dict__", {}).items()
    )
    return f"{type(thing).__name__}({inside})"


def _check_declared(router: Any) -> None:  # noqa: ANN401
    """Refuse what an object says it reads, or is decided by, that no router knows."""
    for what, known in (("reads", _READS), ("policy", POLICIES)):
        own = getattr(router, what, known[0])
        if own not in known:
            raise unknown(f"{what} of {text_of(router)}", str(own), known)


def _made(cls: type) -> Any:  # noqa: ANN401 - whatever the class makes
    required = [
        name
        for name, parameter in inspect.signature(cls).parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if required:
        raise SpecError(
            f"{cls.__name__} cannot be made without {', '.join(required)}; give an object of it"
        )
    return cls()


def _copied(thing: Any) -> Any:  # noqa: ANN401
    return unfitted(thing) if hasattr(thing, "get_params") else deepcopy(thing)


def _named(function: Callable[..., Any]) -> set[str]:
    return set(inspect.signature(function).parameters)


def _takes_many(estimator: Any) -> bool:  # noqa: ANN401
    """True if it is a regressor that learns several columns at once."""
    from sklearn.utils import get_tags

    return not _is_classifier(estimator) and bool(get_tags(estimator).target_tags.multi_output)


def _answer(fitted: Any, X: Features) -> NDArray[np.float64]:  # noqa: ANN401
    if _is_classifier(fitted):
        if hasattr(fitted, "predict_proba"):
            return np.asarray(fitted.predict_proba(X), dtype=np.float64)[:, 1]
        if hasattr(fitted, "decision_function"):
            return np.asarray(fitted.decision_function(X), dtype=np.float64)
    return np.asarray(fitted.predict(X), dtype=np.float64)


def _is_classifier(estimator: Any) -> bool:  # noqa: ANN401
    from sklearn.base import is_classifier

    return bool(is_classifier(estimator))
