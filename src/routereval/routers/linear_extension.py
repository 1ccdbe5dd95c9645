"""New models by comparison: each a weighted sum of the known ones, as its probe prompts show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.observed import column_means
from routereval.parameters import Number
from routereval.routers.base import Reads, Router, Scores, Training
from routereval.routers.guarded import Guarded
from routereval.routers.siblings import siblings_of

Floats = NDArray[np.float64]

COMMON = 0.5
"""The penalty of what all known models have in common on a prompt: how hard it is."""
APART = 15.0
"""The penalty of what each known model does apart from the others."""
SIBLINGS = 0.5
"""The penalty of what other efforts or settings of the same model have in common."""
SURE = 2.0
"""Standard errors that are taken off a lead before it counts."""


class Likeness(NamedTuple):
    """How the score of a new model goes with those of the known ones on the same prompts.

    Attributes:
        mean: of its scores on the probe prompts.
        centre: (n_known,) means of the known models on the same prompts.
        weights: (n_known,) by how much its score rises with each of theirs.
        error: standard error of its mean, given the scores of the known models.
    """

    mean: float
    centre: Floats
    weights: Floats
    error: float

    def __call__(self, scores: Floats) -> Floats:
        """(n_prompts,) its scores where those of the known models, (n_prompts, n_known), are."""
        return np.asarray(self.mean + (scores - self.centre) @ self.weights)


def likeness(known: Scores, new: Floats, siblings: Sequence[int] = ()) -> Likeness:
    """Regress the scores of one model on those of others, on the prompts where it was observed.

    A ridge regression: the mean score of the known models on a prompt costs little, and so does
    that of the siblings; what each model does apart from it costs more. Of the variance that the
    known models explain nothing is left in the estimate of the mean: the regression estimator of
    survey sampling (Cochran 1977, chapter 7).

    Args:
        known: (n_probes, n_known), NaN where not observed.
        new: (n_probes,), NaN where not observed.
        siblings: columns of the known models that are the same model at another effort.

    Raises:
        DataError: if the new model was observed on fewer than two prompts.

    >>> known = np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0], [0.0, 1.0]] * 25)
    >>> like = likeness(known, known[:, 1])
    >>> like.mean, bool(like.weights[1] > 0.5 > 0.2 > like.weights[0]), like.error < 0.02
    (0.5, True, True)
    """
    seen = ~np.isnan(new)
    k = int(seen.sum())
    if k < 2:
        raise DataError(f"a new model is known by its scores on 2 prompts or more, not on {k}")
    y, K = new[seen], known[seen]
    centre = np.nan_to_num(column_means(K))
    K = np.where(np.isnan(K), centre, K) - centre
    common = K.mean(axis=1, keepdims=True)
    means = [common / np.sqrt(COMMON)]
    if siblings:
        means.append(K[:, siblings].mean(axis=1, keepdims=True) / np.sqrt(SIBLINGS))
    Z = np.hstack([*means, (K - common) / np.sqrt(APART)])
    inverse = np.linalg.inv(Z.T @ Z + np.eye(Z.shape[1]))
    weights = inverse @ Z.T @ (y - y.mean())
    left = y - y.mean() - Z @ weights
    free = k - 1 - float(np.trace(inverse @ Z.T @ Z))
    apart = weights[len(means) :] / np.sqrt(APART)
    own = apart - apart.mean() + weights[0] / np.sqrt(COMMON) / K.shape[1]
    if siblings:
        own[list(siblings)] += weights[1] / np.sqrt(SIBLINGS) / len(siblings)
    error = float(np.sqrt((left**2).sum() / max(free, 1.0) / k))
    # Where all probes have one score, chance is still that of one more of the other kind.
    return Likeness(float(y.mean()), centre, own, max(error, 1 / (k + 2)))


class LinearlyExtended(Router):
    """Predicts new models as weighted sums of what another router predicts of the known ones.

    What `extend` makes of `auto` and `guard`, which know differences between models and nothing of
    one alone. Fitted on probe prompts, with the scores of the known models and, in the last
    columns, of the new ones; by their names, if it has them, it knows which are one model at
    several efforts. A lead of a new model over the model that is fallen back on counts less two
    standard errors, and not at all where it is smaller than that; what it is behind counts in
    full.

    Args:
        known: fitted on the training prompts; its predictions are expected scores.
        sure: standard errors that are taken off a lead.

    Attributes:
        likenesses_: of each new model.
        lowered_: (n_new,) what is taken off the predicted scores of each.

    >>> from routereval.routers import make_router
    >>> X = np.linspace(-1, 1, 400)[:, None]
    >>> scores = np.hstack([X > 0, X < 0]).astype(float)
    >>> known = make_router("auto").fit(X, scores)
    >>> both = LinearlyExtended(known=known).fit(X[::8], np.hstack([scores, scores[:, :1]])[::8])
    >>> both.predict_scores([[-0.7], [0.7]]).round(1).argmax(axis=1)
    array([1, 0])
    """

    allowed = {"sure": Number(0)}

    compares: ClassVar[bool] = True
    uses_models: ClassVar[bool] = True

    def __init__(self, *, known: Router, sure: float = SURE) -> None:
        self.known = known
        self.sure = sure

    @property
    def reads(self) -> Reads:  # type: ignore[override]  # what the known router reads
        """What the known router reads."""
        return self.known.reads

    @property
    def fallback_(self) -> int:
        """The column of the model that is best on the average prompt, as far as that is sure."""
        return int(self.levels_.argmax())

    def _fit(self, data: Training) -> None:
        n = self.known.n_models_
        levels = _apart(self.known, data.X)[0].mean(axis=0)
        top = levels[getattr(self.known, "fallback_", int(levels.argmax()))]
        names = data.models or [""] * data.scores.shape[1]
        self.likenesses_ = [
            likeness(data.scores[:, :n], new, siblings_of(name, names[:n]) if name else ())
            for new, name in zip(data.scores[:, n:].T, names[n:], strict=True)
        ]
        means = np.array([float(like(levels)) for like in self.likenesses_])
        leads = means - top
        errors = np.array([like.error for like in self.likenesses_])
        sure = np.minimum(leads, 0.0) + np.maximum(leads - self.sure * errors, 0.0)
        # A model that is level with the fallback stands a hair below it: the fallback wins the tie.
        sure = np.where(sure == 0, -1e-9, sure)
        self.lowered_ = leads - sure
        self.levels_ = np.concatenate([levels, means - self.lowered_])
        self.costs_ = None if data.costs is None else column_means(data.costs)[n:]

    def apart(self, X: Any) -> tuple[Scores, Scores]:  # noqa: ANN401
        """Predicted scores without easiness, and easiness; see `Guarded.apart`."""
        known, easy = _apart(self.known, X)
        new = [like(known) for like in self.likenesses_]
        return np.hstack([known, np.stack(new, axis=1) - self.lowered_]), easy

    def _predict(self, X: Any) -> Scores:  # noqa: ANN401
        scores, easy = self.apart(X)
        return np.asarray(scores + easy)

    def predict_costs(self, X: Any) -> Scores | None:  # noqa: ANN401
        """What the known router expects, and the new models' mean costs; None unless both are."""
        costs = self.known.predict_costs(X)
        if costs is None or self.costs_ is None:
            return None
        new = np.broadcast_to(self.costs_, (*costs.shape[:-1], len(self.costs_)))
        return np.concatenate([costs, new], axis=-1)


def _apart(router: Router, X: Any) -> tuple[Scores, Scores]:  # noqa: ANN401
    """Predicted scores without what is added to those of all models alike, and that.

    A new model is compared by differences, as the known ones are: by how much it rises with what
    they have in common is known from too few probes.
    """
    if isinstance(router, (Guarded, LinearlyExtended)):
        return router.apart(X)
    scores = router.predict_scores(X)
    return scores, np.zeros((len(scores), 1))
