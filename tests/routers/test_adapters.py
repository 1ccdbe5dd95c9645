from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, Perceptron, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from routereval.errors import DataError, SpecError
from routereval.routers import ROUTERS, Router, as_router, check_router, lineup, make_router
from routereval.routers.adapters import EstimatorAdapter, ObjectAdapter, text_of
from routereval.routers.registry import on_cpu, register
from routereval.spec import Spec

Matrix = NDArray[np.float64]
Texts = Sequence[str]


class Mean:
    """Knows nothing of this package."""

    def __init__(self, shrink: float = 0.0) -> None:
        self.shrink = shrink

    def fit(self, X: Matrix, scores: Matrix) -> None:
        self.means = np.nanmean(np.vstack([scores, np.zeros((1, scores.shape[1]))]), axis=0)
        self.means *= 1 - self.shrink

    def predict_scores(self, X: Matrix) -> Matrix:
        return np.tile(self.means, (len(X), 1))


class Reader:
    """Reads texts, wants costs and validation, and knows costs and a distribution of its own."""

    reads = "texts"

    def fit(
        self, X: Texts, scores: Matrix, costs: Matrix | None, validation: object = None
    ) -> Self:
        self.given = (X, costs, validation)
        self.n = scores.shape[1]
        return self

    def predict_scores(self, X: Texts) -> Matrix:
        return np.array([[1 / (1 + len(text))] * self.n for text in X], float)

    def predict_costs(self, X: Texts) -> Matrix:
        return np.ones((len(X), self.n))

    def distribution(self, X: Texts, scores: Matrix) -> Matrix:
        return np.full((len(X), self.n), 1 / self.n)


class Narrow(Mean):
    """Forgets a model."""

    def predict_scores(self, X: Matrix) -> Matrix:
        return super().predict_scores(X)[:, 1:]


class Zeroes(Mean):
    """Takes what was not observed for a wrong answer."""

    def fit(self, X: Matrix, scores: Matrix) -> None:
        super().fit(X, np.nan_to_num(scores))


class Imaginary(Mean):
    """Answers numbers that no score is."""

    def predict_scores(self, X: Matrix) -> Any:  # noqa: ANN401 - what no router may
        return super().predict_scores(X) * 1j


ESTIMATORS = [
    Ridge(),
    LogisticRegression(),
    Perceptron(),
    KNeighborsRegressor(1),
    DecisionTreeRegressor(random_state=0),
    HistGradientBoostingRegressor(max_iter=3),
    make_pipeline(StandardScaler(), Ridge()),
]


@pytest.mark.parametrize(
    "thing", [Mean(0.5), Mean, Reader(), *ESTIMATORS], ids=lambda t: text_of(t)[:30]
)
def test_what_is_no_router_of_ours_holds_to_the_checks(thing: object) -> None:
    check_router(thing)


@pytest.mark.parametrize(
    ("thing", "complaint"),
    [
        (Narrow(), r"Narrow\(shrink=0.0\) fails check_shape: .*predicted shape \(12, 0\)"),
        (Imaginary(), "predicted complex numbers; a score is a real one"),
        (Zeroes(), "check_missing_is_not_zero: a score that was not observed counts"),
        (KNeighborsRegressor(5), r"KNeighborsRegressor\(\) fails check_few_prompts"),
    ],
    ids=text_of,
)
def test_what_breaks_a_rule_is_told_which(thing: object, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        check_router(thing)


def test_an_object_is_given_what_it_names_and_stays_as_it_is() -> None:
    reader = Reader()
    own = as_router(reader)
    scores, costs = np.eye(2), np.ones((2, 2))
    validation = (["c"], np.ones((1, 2)))
    assert isinstance(own, ObjectAdapter)
    assert (own.reads, own.policy, own.uses_validation) == ("texts", "argmax", True)
    own.fit(["a", "b"], scores, costs, validation=validation)
    assert own.router_.given[1] is costs
    assert own.router_.given[2][0] == validation[0]
    assert not hasattr(reader, "given")
    assert own.predict_scores(["abc"]).tolist() == [[0.25, 0.25]]
    assert own.predict_costs(["abc"]) is not None
    assert own.distribution(["abc"], np.array([[9.0, 0.0]])).tolist() == [[0.5, 0.5]]
    assert not as_router(Mean()).uses_validation
    assert as_router(Mean()).fit([[1.0]], np.eye(1)).predict_costs([[1.0]]) is None


def test_an_estimator_is_fitted_where_its_models_were_observed() -> None:
    X = np.array([[0.0], [1.0], [2.0], [3.0]])
    scores = np.hstack([X / 4, 1 - X / 4, X / 8, np.full_like(X, np.nan)])
    scores[1, 2] = np.nan
    router = EstimatorAdapter(estimator=LinearRegression()).fit(X, scores)
    assert [models.tolist() for models, _ in router.parts_] == [[0, 1], [2]]
    assert np.allclose(router.predict_scores([[2.8]]), [[0.7, 0.3, 0.35, 0.0]])
    with pytest.raises(DataError, match="X has 2 features but the router was fitted on 1"):
        router.predict_scores(np.ones((1, 2)))


def test_a_classifier_predicts_the_probability_of_a_right_answer() -> None:
    X = np.repeat([[-1.0], [1.0]], 20, axis=0)
    scores = np.hstack([(X + 1) / 2, np.ones_like(X)])
    router = EstimatorAdapter(estimator=LogisticRegression()).fit(X, scores)
    (low, sure), (high, _) = router.predict_scores([[-1.0], [1.0]])
    assert 0 < low < 0.2
    assert 0.8 < high < 1
    assert sure == 1  # always right: there is nothing to tell apart


@pytest.mark.parametrize(
    ("thing", "complaint"),
    [
        (object(), r"object\(\) is no router; a router has fit\(X, scores\)"),
        (3, "3 is no router"),
        (StandardScaler(), "StandardScaler.. is no router"),
        (
            EstimatorAdapter,
            "EstimatorAdapter cannot be made without estimator; give an object of it",
        ),
    ],
)
def test_what_is_no_router(thing: object, complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        make_router(thing)


def test_parameters_belong_on_the_object() -> None:
    with pytest.raises(SpecError, match="has its parameters already"):
        make_router(Ridge(), alpha=3)


def test_a_router_passes_through() -> None:
    router = make_router("knn")
    assert make_router(router) is router
    assert isinstance(make_router(ROUTERS["knn"]), ROUTERS["knn"])


def test_before_fit() -> None:
    for router in (as_router(Mean()), as_router(Ridge())):
        with pytest.raises(NotFittedError):
            router.predict_scores(np.ones((1, 2)))


def test_texts_of_objects() -> None:
    assert text_of(Mean(0.5)) == "Mean(shrink=0.5)"
    assert text_of(as_router(Ridge(alpha=3))) == "Ridge(alpha=3)"
    long = make_pipeline(StandardScaler(), Ridge(), KNeighborsRegressor())
    assert "\n" not in text_of(long)
    assert repr(as_router(Mean(0.5))) == "ObjectAdapter(Mean(shrink=0.5))"


def test_lineup_names_each_router_once() -> None:
    found = lineup(["knn(k=5)", Spec("random"), "knn(k=5)", Ridge(), Ridge(), Mean])
    assert list(found) == ["knn(k=5)", "random", "Ridge()", "Mean(shrink=0.0)"]
    assert all(isinstance(one.router, Router) for one in found.values())
    assert lineup(["knn"], "faithful")["knn"].router.get_params()["k"] == 5


class Same(Mean):
    """Calls all its objects by one name."""

    def __repr__(self) -> str:
        return "Same"


class Other(Ridge):  # type: ignore[misc]
    """Takes the name of another."""

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        return "Same"


def test_two_routers_of_one_name() -> None:
    with pytest.raises(SpecError, match="two routers are called 'Same'; give one another name"):
        lineup([Same(), Other()])


def test_all_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routereval.routers.registry.ROUTERS", ROUTERS.copy())
    register("mine", Mean)
    register("needy", EstimatorAdapter)
    names = on_cpu()
    assert {"knn", "linear", "oracle", "constant", "mine"} <= set(names)
    assert "needy" not in names
    for name in names:
        assert not getattr(ROUTERS.get(name), "extra", "")
    assert list(lineup(["all-cpu", "knn", "knn(k=5)"])) == [*names, "knn(k=5)"]
    with pytest.raises(SpecError, match="all-cpu names many routers; give it to run"):
        make_router("all-cpu")
    with pytest.raises(SpecError, match=r"router 'needy' needs estimator; write needy\(estimator"):
        make_router("needy")
    assert repr(make_router("mine(shrink=0.5)")) == "ObjectAdapter(Mean(shrink=0.5))"


def test_an_estimator_is_not_led_astray_by_prompts_unlike_all_training_prompts() -> None:
    from sklearn.linear_model import LinearRegression

    check_router(LinearRegression())


def test_messages_call_a_router_of_ones_own_by_its_class() -> None:
    class Flat(Mean):
        def predict_scores(self, X: Matrix) -> Matrix:
            return np.zeros(len(X))

    with pytest.raises(DataError, match=r"check_shape: Flat\(shrink=0.5\) predicted shape \(12,\)"):
        check_router(Flat(0.5))
    with pytest.raises(DataError, match=r"^Mean takes no groups"):
        as_router(Mean(0.5)).fit(np.eye(2), np.eye(2), groups=np.arange(2))


@pytest.mark.parametrize(("what", "near"), [("reads", "texts"), ("policy", "argmax")])
def test_what_an_object_says_of_itself_is_checked(what: str, near: str) -> None:
    own = type("Own", (Mean,), {what: near[:-1]})
    with pytest.raises(SpecError, match=rf"unknown {what} of Own\(.*did you mean '{near}'"):
        as_router(own(0.5))
