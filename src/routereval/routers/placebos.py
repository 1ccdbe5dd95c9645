"""Controls that cannot have learned of prompts: a router on shuffled labels, or on random features.

What such a router gains, another of its kind gains without looking at prompts.
"""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

import numpy as np

from routereval.estimator import unfitted
from routereval.features.prompts import Prompts
from routereval.parameters import SEED
from routereval.routers.base import Reads, Router, Scores, Training
from routereval.routers.inputs import Features
from routereval.routers.registry import make_router


class _Placebo(Router):
    """Fits another router on records that tell nothing of prompts."""

    allowed = {"random_state": SEED}
    control: ClassVar[bool] = True

    def __init__(self, *, router: Any, random_state: int = 0) -> None:  # noqa: ANN401
        self.router = router
        self.random_state = random_state

    @property
    def reads(self) -> Reads:  # type: ignore[override]  # what the router within reads
        """What the router within reads."""
        return make_router(self.router).reads

    @property
    def uses_groups(self) -> bool:  # type: ignore[override]
        """True if the router within takes groups."""
        return make_router(self.router).uses_groups

    @property
    def uses_models(self) -> bool:  # type: ignore[override]
        """True if the router within takes the models' names."""
        return make_router(self.router).uses_models

    def _learned(self, data: Training) -> Router:
        router = unfitted(make_router(self.router))
        given: dict[str, Any] = {}
        for name in ("groups", "models"):
            if getattr(router, f"uses_{name}") and getattr(data, name) is not None:
                given[name] = getattr(data, name)
        return router.fit(data.X, data.scores, data.costs, **given)


class Shuffled(_Placebo):
    """A router that is fitted on the scores of other prompts, drawn at random.

    Each training prompt has all models' scores and costs of another one: which models are good
    stays, and so does which of them fail together; which prompts they fail on is gone. Validation
    prompts are not used.

    Args:
        router: a spec, or a router of one's own.
        random_state: seed of the shuffle.

    Attributes:
        router_: the router, fitted.

    >>> X, scores = np.arange(6.0)[:, None], np.eye(6)[:, :2]
    >>> Shuffled(router="knn(k=6)").fit(X, scores).predict_scores(X[:1]).round(3)
    array([[0.167, 0.167]])
    """

    def _fit(self, data: Training) -> None:
        order = np.random.default_rng(self.random_state).permutation(len(data.scores))
        costs = None if data.costs is None else data.costs[order]
        self.router_ = self._learned(data._replace(scores=data.scores[order], costs=costs))

    def _predict(self, X: Any) -> Scores:  # noqa: ANN401
        return self.router_.predict_scores(X)


class RandomFeatures(_Placebo):
    """A router that sees random numbers, or random words, in the place of each prompt.

    They are drawn by the prompt's own hash, so that equal prompts still look equal.

    Args:
        router: a spec, or a router of one's own.
        random_state: seed of the numbers.

    Attributes:
        router_: the router, fitted.

    >>> X, scores = np.arange(6.0)[:, None], np.eye(6)[:, :2]
    >>> router = RandomFeatures(router="knn(k=6)").fit(X, scores)
    >>> router.predict_scores(X[:1]).round(3)
    array([[0.167, 0.167]])
    """

    label = "random_features"

    def _fit(self, data: Training) -> None:
        self.router_ = self._learned(data._replace(X=self._noise(data.X)))

    def _predict(self, X: Any) -> Scores:  # noqa: ANN401
        return self.router_.predict_scores(self._noise(X))

    def _noise(self, X: Any) -> Any:  # noqa: ANN401 - as many kinds as routers read
        if isinstance(X, list):
            return [
                _hash(text.encode("utf-8", "replace"), self.random_state).hex(" ", 2) for text in X
            ]
        if isinstance(X, Prompts):
            blank = {name: [None] * len(X) for name in X.known}
            return Prompts(self._numbers(X.features), None, blank)
        return self._numbers(np.asarray(X))

    def _numbers(self, X: Features) -> Features:
        rows = np.ascontiguousarray(X, dtype=np.float32)
        drawn = [np.random.default_rng(_seed(row.tobytes(), self.random_state)) for row in rows]
        return np.array([rng.normal(size=rows.shape[1]) for rng in drawn]).reshape(rows.shape)


def _hash(what: bytes, seed: int) -> bytes:
    return hashlib.blake2b(what, digest_size=16, salt=str(seed).encode()[:16]).digest()


def _seed(what: bytes, seed: int) -> int:
    return int.from_bytes(_hash(what, seed))
