"""Item response theory: models have abilities, prompts have a difficulty that can be foreseen."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.parameters import COUNT, NOT_NEGATIVE, SEED, Choice, Tuned
from routereval.routers.base import Router, Scores, Training, mean_scores
from routereval.routers.inputs import Features, rounded, scale_of
from routereval.routers.lbfgs import Array, cross_entropy, log_odds, minimise
from routereval.routers.validation import Fold

ALPHAS = tuple(10.0**power for power in range(5, -1, -1))
RIDGE = 1e-3
START = 0.3


class ItemParameters(NamedTuple):
    """What item response theory says of some prompts.

    Attributes:
        discrimination: (n_prompts, dims) how much each ability matters, from 0 to 1.
        difficulty: (n_prompts,) what the abilities must outweigh, in log-odds.
    """

    discrimination: NDArray[np.float64]
    difficulty: NDArray[np.float64]


class Irt(Router):
    """Predicts P(right) = σ(a(x)·θ − b(x)): abilities θ, one vector per model, met by the prompt.

    How much a prompt x asks of each ability, a(x) = σ(A x + a₀), and how difficult it is,
    b(x) = B x + b₀, are read from its features; so prompts that no model has seen have both.
    ``rasch`` (1PL: a = 1) and ``birnbaum`` (2PL) have one ability, so they rank the models alike on
    all prompts: at ``lam=0`` they choose as ``best_single`` does, and they route only where costs
    count, since on easy prompts the cheap models lose less. ``multi`` has several abilities.

    Sources: Rasch 1960; Birnbaum 1968; with parameters from features Fischer 1973 and De Boeck and
    Wilson 2004; as a router IRT-Router, Song et al. 2025, arXiv 2506.01048 (its MIRT). It differs
    from that: abilities are free vectors of the models that were observed, not read from
    descriptions of them, so a new model needs records; and the fit is by L-BFGS with a penalty that
    is chosen on validation. Its NIRT, with a neural network for the product, is not here.

    Args:
        form: ``rasch``, ``birnbaum`` or ``multi``.
        dims: abilities a model has in ``multi``.
        alpha: penalty on the squares of A and B, on standardised features, or ``tuned``: the power
            of ten from 1 to 1e5 under which the validation prompts surprise least (by their
            cross-entropy), or all of A and B at 0, which is each model's mean.
        random_state: seed of where the abilities start.

    Attributes:
        abilities_: (n_models, dims) θ.
        difficulty_coef_, difficulty_intercept_: B (n_features,) and b₀, on the features as given.
        discrimination_coef_, discrimination_intercept_: A (n_features, dims) and a₀ (dims,); with
            ``rasch`` of no use.
        alpha_: the penalty that is used; infinite for means.

    >>> X = np.array([[-1.0], [1.0]] * 20)
    >>> scores = np.array([[1.0, 1.0], [1.0, 0.0]] * 20)
    >>> router = Irt(form="birnbaum", alpha=0.1).fit(X, scores)
    >>> easy, hard = router.item_parameters(X[:2]).difficulty
    >>> bool(easy < hard)
    True
    """

    allowed = {
        "form": Choice("rasch", "birnbaum", "multi"),
        "dims": COUNT,
        "alpha": Tuned(NOT_NEGATIVE),
        "random_state": SEED,
    }
    uses_validation: ClassVar[bool] = True
    uses_groups: ClassVar[bool] = True
    separable: ClassVar[bool] = True

    def __init__(
        self,
        *,
        form: str = "multi",
        dims: int = 8,
        alpha: float | str = "tuned",
        random_state: int = 0,
    ) -> None:
        self.form = form
        self.dims = dims
        self.alpha = alpha
        self.random_state = random_state

    def _fit(self, data: Training) -> None:
        if isinstance(self.alpha, str):
            self._tune(*data.folds(self.random_state))
        else:
            problem = _Problem(self, data.X, data.scores)
            self._keep(problem, problem.solve(float(self.alpha), problem.start()))
            self.alpha_ = float(self.alpha)

    def _predict(self, X: Features) -> Scores:
        from scipy.special import expit

        return np.asarray(expit(self._output(X)))

    def item_parameters(self, X: Any) -> ItemParameters:  # noqa: ANN401
        """Read from the features of prompts how difficult they are, and what they ask for.

        Args:
            X: (n_prompts, n_features).

        Raises:
            sklearn.exceptions.NotFittedError: before `fit`.
        """
        from scipy.special import expit

        self._check_fitted()
        X = self.scale_.within(self._inputs(X))
        difficulty = X @ self.difficulty_coef_ + self.difficulty_intercept_
        asked = expit(X @ self.discrimination_coef_ + self.discrimination_intercept_)
        return ItemParameters(np.ones_like(asked) if self.form == "rasch" else asked, difficulty)

    def _output(self, X: Features) -> Scores:
        """The log-odds, rounded so that models with the same abilities tie exactly."""
        discrimination, difficulty = self.item_parameters(X)
        return rounded(discrimination @ self.abilities_.T - difficulty[:, None])

    def _tune(self, learn: Fold, check: Fold) -> None:
        """From the largest penalty down, each fit goes on from the last."""
        problem = _Problem(self, learn.X, learn.scores)
        found, tried, alphas = [problem.start()], [], (np.inf, *ALPHAS)
        for alpha in ALPHAS:
            found.append(problem.solve(alpha, found[-1]))
        for arrays in found:
            self._keep(problem, arrays)
            tried.append(self._surprise(check))
        best = int(np.argmin(tried))  # the first of equals, whose penalty is the largest
        self._keep(problem, found[best])
        self.alpha_ = float(alphas[best])

    def _surprise(self, check: Fold) -> float:
        """The cross-entropy of what is predicted and what was observed.

        Not the quality of the choices: with one ability that is the same whatever the penalty.
        """
        seen = (~np.isnan(check.scores)).astype(np.float64)
        return cross_entropy(self._output(check.X), np.nan_to_num(check.scores), seen)[0]

    def _keep(self, problem: _Problem, arrays: list[Array]) -> None:
        self.abilities_, A, a0, B, b0 = arrays
        mean, deviation, _ = self.scale_ = problem.scale
        self.discrimination_coef_ = A / deviation[:, None]
        self.discrimination_intercept_ = a0 - mean @ self.discrimination_coef_
        self.difficulty_coef_ = B / deviation
        self.difficulty_intercept_ = float(b0[0] - mean @ self.difficulty_coef_)


class _Problem:
    """What a fit minimises: the cross-entropy plus the penalty, on standardised features."""

    def __init__(self, router: Irt, X: Features, scores: Scores) -> None:
        self.scale = scale_of(X)
        self.Z = self.scale(X)
        self.seen = (~np.isnan(scores)).astype(np.float64)
        self.targets = np.where(self.seen > 0, scores, 0.0)
        self.rasch = router.form == "rasch"
        self.dims = router.dims if router.form == "multi" else 1
        self.means = log_odds(mean_scores(scores))
        self.rng = np.random.default_rng(router.random_state)

    def start(self) -> list[Array]:
        """Abilities that predict each model's mean, whatever the prompt; A, a₀, B, b₀ at 0."""
        n_features, n_models = self.Z.shape[1], len(self.means)
        noise = self.rng.normal(scale=START, size=(n_models, self.dims))
        # a(x) = ½ at the start, so the noise of the abilities of a model must add up to nothing
        weight = 1.0 if self.rasch else 0.5
        share = (self.means / (weight * self.dims))[:, None]
        abilities = share + noise - noise.mean(axis=1, keepdims=True)
        A, B = np.zeros((n_features, self.dims)), np.zeros(n_features)
        return [abilities, A, np.zeros(self.dims), B, np.zeros(1)]

    def solve(self, alpha: float, start: list[Array]) -> list[Array]:
        """The arrays at a penalty, from given ones."""
        from scipy.special import expit

        weight = alpha / len(self.Z)

        def loss(arrays: Any) -> tuple[float, list[Array]]:  # noqa: ANN401
            theta, A, a0, B, b0 = arrays
            asked = np.ones((len(self.Z), 1)) if self.rasch else expit(self.Z @ A + a0)
            z = asked @ theta.T - (self.Z @ B + b0)[:, None]
            value, slope = cross_entropy(z, self.targets, self.seen)
            value += 0.5 * weight * float((A**2).sum() + (B**2).sum())
            value += 0.5 * RIDGE * float((theta**2).sum() + (a0**2).sum() + (b0**2).sum())
            inner = (slope @ theta) * asked * (1 - asked)
            harder = -slope.sum(axis=1)
            dA, da0 = self.Z.T @ inner + weight * A, inner.sum(axis=0) + RIDGE * a0
            dB, db0 = self.Z.T @ harder + weight * B, harder.sum() + RIDGE * b0
            return value, [slope.T @ asked + RIDGE * theta, dA, da0, dB, db0]

        return minimise(loss, start)
