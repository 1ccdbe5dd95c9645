from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from routereval.errors import SpecError
from routereval.routers import Router, make_router
from routereval.routers.ensemble import Ensemble
from routereval.routers.neighbours import Knn
from routereval.routers.persistence import dump, restore
from routereval.spec import parse_spec
from tests.made import made_scores

SCORES, X = made_scores(300, 3, seed=2)


def alone(spec: object) -> np.ndarray:
    return make_router(spec).fit(X, SCORES).predict_scores(X)


def test_the_mean_of_its_members() -> None:
    both = make_router("ensemble(routers=[knn(k=5), linear])").fit(X, SCORES)
    assert np.allclose(both.predict_scores(X), (alone("knn(k=5)") + alone("linear")) / 2)
    mixed = Ensemble(routers=(Ridge(), "best_single")).fit(X, SCORES)
    assert np.allclose(mixed.predict_scores(X), (alone(Ridge()) + alone("best_single")) / 2)


def test_an_ensemble_of_controls_is_a_control() -> None:
    assert make_router("ensemble(routers=[oracle, noisy_oracle])").control
    assert make_router("ensemble(routers=[best_single, random])").control
    assert not make_router("ensemble(routers=[knn, best_single])").control


def test_ranks_hold_whatever_scores_mean() -> None:
    class Loud(Knn):
        def predict_scores(self, X: np.ndarray) -> np.ndarray:
            return 1000 * super().predict_scores(X)

    quiet = Ensemble(routers=("knn(k=5)", "linear"), how="ranks").fit(X, SCORES)
    loud = Ensemble(routers=(Loud(k=5), "linear"), how="ranks").fit(X, SCORES)
    assert np.array_equal(quiet.predict_scores(X), loud.predict_scores(X))
    assert quiet.predict_scores(X).min() >= 0
    assert quiet.predict_scores(X).max() <= 1


@pytest.mark.parametrize("validation", [None, (X[:100], SCORES[:100])])
def test_weights_tell_a_router_that_knows_from_one_that_does_not(
    validation: tuple[np.ndarray, np.ndarray] | None,
) -> None:
    members = ("linear", "constant(index=0)")
    router = Ensemble(routers=members, how="stacked").fit(X, SCORES, validation=validation)
    assert router.weights_[0] > 0.8
    assert router.weights_[1] < 0.2


def test_weights_without_anything_to_weigh_on_are_equal() -> None:
    nothing = (X[:3], np.full((3, 3), np.nan))
    router = Ensemble(how="stacked").fit(X, SCORES, validation=nothing)
    assert router.weights_.tolist() == [0.5, 0.5]
    router = Ensemble(how="stacked").fit(X, SCORES, validation=(X[:3], np.zeros((3, 3))))
    assert router.weights_.tolist() == [0.5, 0.5]


def test_members_are_copies_and_a_spec_among_them_can_be_saved() -> None:
    mine = make_router("knn(k=5)")
    router = Ensemble(routers=(mine, parse_spec("knn(k=3)"))).fit(X, SCORES)
    assert not hasattr(mine, "X_train_")
    again: Router = restore(dump(router))
    assert np.array_equal(again.predict_scores(X), router.predict_scores(X))


def test_what_members_read_is_what_it_reads() -> None:
    assert Ensemble(routers=("oracle", "oracle")).reads == "truth"
    with pytest.raises(SpecError, match="read the same, not features and truth"):
        Ensemble(routers=("knn", "oracle")).fit(X, SCORES)


@pytest.mark.parametrize(
    ("router", "complaint"),
    [
        (Ensemble(routers=()), r"needs a list of routers: ensemble\(routers=\[knn, linear\]\)"),
        (Ensemble(routers="knn"), "needs a list of routers"),
        (Ensemble(routers=("kn",)), "unknown router 'kn'; did you mean 'knn'"),
        (Ensemble(how="median"), "unknown how of ensemble 'median'; did you mean 'mean'"),
    ],
)
def test_what_makes_no_ensemble(router: Ensemble, complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        router.fit(X, SCORES)
