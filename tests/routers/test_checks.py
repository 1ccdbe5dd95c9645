from __future__ import annotations

from typing import Any, Self

import numpy as np
import pytest
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.routers import CHECKS, Router, Scores, Training, check_router, make_router
from routereval.routers.checks import Check, check_one_by_one, check_unfamiliar
from routereval.routers.controls import BestSingle, Random
from routereval.routers.registry import on_cpu

Matrix = NDArray[np.float64]

SPECS = (
    *on_cpu(),  # the others have tests of their own
    "knn(k=1)",
    "knn(k=3)",
    "knn(k=3, weights=similarity)",
    "knn(weights=similarity)",
    "logistic(C=0.1)",
    "svm(C=0.1)",
    "boosted(backend=lightgbm)",
    "gmm(k=2)",
    "avengers(nearest=2)",
    "uniroute(mapping=learned)",
    "carrot(base=linear)",
    "ensemble(how=ranks)",
    "ensemble(how=stacked)",
    "ensemble(routers=[best_single, knn(k=3)])",
    "linear(alpha=1)",
    "linear(method=adam, epochs=2)",
    "mlp(hidden=[], early_stopping=False, epochs=3)",
    "mlp(hidden=[256, 256], lr=1e-4, batch=1, epochs=1, early_stopping=False, standardize=False)",
    "noisy_oracle(p=1)",
    "cluster(k=1)",
    "irt(form=rasch)",
    "irt(form=birnbaum)",
    "low_rank(rank=1, alpha=0)",
    "mf(penalty=0)",
    "similarity_weighted(base=10)",
    "eagle(neighbours=20)",
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.__name__))
@pytest.mark.parametrize("spec", SPECS)
def test_routers_hold_to_the_checks(spec: str, check: Check) -> None:
    if "lightgbm" in spec:
        pytest.importorskip("lightgbm")
    check(make_router(spec))


class Changes(BestSingle):
    """Sorts the scores that it was given."""

    def _fit(self, data: Training) -> None:
        if data.scores.flags.writeable:
            data.scores.sort(axis=0)
        super()._fit(data)


class Forgets(BestSingle):
    """Returns nothing from fit."""

    def fit(self, *args: Any, **kwargs: Any) -> Self:  # noqa: ANN401
        super().fit(*args, **kwargs)
        return None  # type: ignore[return-value]


class Wanders(BestSingle):
    """Has no seed."""

    def predict_scores(self, X: Matrix) -> Scores:
        return super().predict_scores(X) + np.random.default_rng().random((len(X), 1))


class Counts(BestSingle):
    """Tells prompts apart by their place in the batch."""

    def predict_scores(self, X: Matrix) -> Scores:
        return super().predict_scores(X) + np.arange(len(X))[:, None]


class Eager(BestSingle):
    """Works in the constructor."""

    def __init__(self) -> None:
        self.started = True


class Zeroes(Router):
    """Takes a score that was not observed for a wrong answer."""

    def _fit(self, data: Training) -> None:
        self.scores_ = np.nan_to_num(data.scores).mean(axis=0)

    def _predict(self, X: Matrix) -> Scores:
        return np.tile(self.scores_, (len(X), 1))


class Rushes(BestSingle):
    """Answers before it was fitted."""

    def predict_scores(self, X: Matrix) -> Scores:
        return np.zeros((len(X), 4))


class Overflows(Random):
    """Draws with probabilities that sum to more than 1."""

    def predict_scores(self, X: Matrix) -> Scores:
        return 2 * super().predict_scores(X)


class Breaks(BestSingle):
    """Cannot do with gaps."""

    def _fit(self, data: Training) -> None:
        if np.isnan(data.scores).any():
            raise ValueError("Input contains NaN")
        super()._fit(data)


class Blows(Router):
    """Divides by deviations that are only rounding, and learns by least squares."""

    def _fit(self, data: Training) -> None:
        scores, X = np.nan_to_num(data.scores, nan=0.5), data.X
        self.means_, self.mean_, self.deviation_ = (
            scores.mean(axis=0),
            X.mean(axis=0),
            X.std(axis=0),
        )
        Z = (X - self.mean_) / np.where(self.deviation_ == 0, 1, self.deviation_)
        self.coef_ = np.linalg.lstsq(Z, scores - self.means_, rcond=None)[0]

    def _predict(self, X: Matrix) -> Scores:
        Z = (X - self.mean_) / np.where(self.deviation_ == 0, 1, self.deviation_)
        return np.asarray((Z[:, :, None] * self.coef_).sum(axis=1) + self.means_)


class Flees(BestSingle):
    """Sends whatever it does not know to the last model."""

    def _fit(self, data: Training) -> None:
        self.known_ = {row.tobytes() for row in np.asarray(data.X)}
        super()._fit(data)

    def _predict(self, X: Matrix) -> Scores:
        found = super()._predict(X)
        strange = [row.tobytes() not in self.known_ for row in np.asarray(X)]
        return np.where(np.array(strange)[:, None], np.eye(found.shape[1])[-1], found)

    control = False


@pytest.mark.parametrize(
    ("router", "complaint"),
    [
        (
            Blows(),
            "unfamiliar prompts get scores far out, up to .* beyond the .* of training prompts",
        ),
        (
            Flees(),
            "0% of the unfamiliar prompts go to the best single model, but 100% of the training",
        ),
    ],
)
def test_a_router_must_stay_sane_on_prompts_unlike_all_training_prompts(
    router: Router, complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        check_unfamiliar(router)


class Shaky(BestSingle):
    """Sums in single precision: alone a prompt is off by a hair."""

    def predict_scores(self, X: Matrix) -> Scores:
        off = np.where(np.arange(len(X)) == 5, 3e-7, 0.0)[:, None]
        return np.asarray(super().predict_scores(X) + off * (len(X) > 1))


def test_a_prompt_alone_that_gets_other_scores_is_told_with_size_and_remedy() -> None:
    message = (
        r"1 of 12, most of all prompt 5, by 3.0e-07; compute in double precision, "
        "and take exponentials of differences only"
    )
    with pytest.raises(DataError, match=message):
        check_one_by_one(Shaky())


@pytest.mark.parametrize(
    ("router", "complaint"),
    [
        (Changes(), r"Changes\(\) fails check_leaves_input: scores was changed"),
        (Forgets(), "check_fit_returns_self: fit returns something else"),
        (Wanders(), "check_read_only|check_deterministic"),
        (Counts(), "check_order: the order of prompts changes scores"),
        (Eager(), "check_parameters: the constructor does more than to store"),
        (Zeroes(), "check_missing_is_not_zero: a score that was not observed counts"),
        (Rushes(), "check_unfitted: predict_scores answers before fit"),
        (Overflows(), "rows do not sum to 1"),
        (Breaks(), "check_missing: Input contains NaN"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_router_that_breaks_a_rule_is_told_which(router: Router, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        check_router(router)


def test_the_router_itself_is_left_alone() -> None:
    router = make_router("knn")
    check_router(router)
    assert not hasattr(router, "X_train_")
