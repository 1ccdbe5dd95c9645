from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import check_grad
from scipy.special import expit

from routereval.errors import SpecError
from routereval.routers import choose
from routereval.routers.item_response import Irt, _Problem
from routereval.routers.lbfgs import Loss

Floats = NDArray[np.float64]
ABILITIES = np.array([[-1.0], [0.0], [1.5]])


def one_ability(n: int = 1500) -> tuple[Floats, Floats, Floats]:
    """Prompts of known difficulty, answered by models of known ability."""
    rng = np.random.default_rng(n)
    X = rng.normal(size=(n, 5))
    difficulty = X @ np.array([1.0, -0.5, 0.5, 0.0, 0.0])
    chance = expit(ABILITIES.T - difficulty[:, None])
    return X, (rng.random(chance.shape) < chance).astype(float), difficulty


def two_abilities(n: int = 1200) -> tuple[Floats, Floats]:
    """The sign of the first feature says which of two abilities a prompt asks for."""
    rng = np.random.default_rng(n)
    X = rng.normal(size=(n, 5))
    asked = np.stack([X[:, 0] > 0, X[:, 0] <= 0], axis=1).astype(float)
    chance = expit(asked @ np.array([[2.0, -1.0], [-1.0, 1.5]]))
    return X, (rng.random(chance.shape) < chance).astype(float)


def test_rasch_finds_difficulties_and_abilities() -> None:
    X, scores, difficulty = one_ability()
    router = Irt(form="rasch").fit(X, scores)
    found = router.item_parameters(X)
    assert np.corrcoef(found.difficulty, difficulty)[0, 1] > 0.97
    gaps = np.diff(router.abilities_[:, 0])
    assert np.allclose(gaps, np.diff(ABILITIES[:, 0]), atol=0.25)
    assert (found.discrimination == 1).all()


@pytest.mark.parametrize("form", ["rasch", "birnbaum"])
def test_one_ability_ranks_models_alike_on_all_prompts(form: str) -> None:
    X, scores = two_abilities()
    predicted = Irt(form=form).fit(X, scores).predict_scores(X)
    assert len(np.unique(predicted.argsort(axis=1), axis=0)) == 1


def test_one_ability_routes_where_costs_count() -> None:
    X, scores, difficulty = one_ability()
    router = Irt(form="rasch").fit(X, scores[:, [0, 2]])
    cheap = choose(router.predict_scores(X), np.array([0.001, 0.011]), lam=30) == 0
    order = difficulty.argsort()
    easy, middle = cheap[order[:75]].mean(), cheap[order[600:900]].mean()
    assert easy > middle + 0.5


def test_several_abilities_route() -> None:
    X, scores = two_abilities()
    chosen = Irt().fit(X[:800], scores[:800]).predict_scores(X[800:]).argmax(axis=1)
    routed = scores[800:][np.arange(400), chosen].mean()
    assert routed > scores[800:].mean(axis=0).max() + 0.1


@pytest.mark.parametrize("form", ["rasch", "birnbaum", "multi"])
def test_the_slope_of_the_loss_is_its_slope(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    X, scores = two_abilities(20)
    scores[::3, 1] = np.nan
    problem = _Problem(Irt(form=form, dims=3), X, scores)
    losses: list[Loss] = []

    def caught(loss: Loss, start: list[Floats]) -> list[Floats]:
        losses.append(loss)
        return start

    monkeypatch.setattr("routereval.routers.item_response.minimise", caught)
    start = problem.start()
    problem.solve(2.0, start)
    [loss] = losses
    ends = np.cumsum([part.size for part in start])[:-1]

    def parts(flat: Floats) -> list[Floats]:
        pieces = zip(np.split(flat, ends), start, strict=True)
        return [piece.reshape(part.shape) for piece, part in pieces]

    def value(flat: Floats) -> float:
        return loss(parts(flat))[0]

    def slope(flat: Floats) -> Floats:
        return np.concatenate([part.ravel() for part in loss(parts(flat))[1]])

    at = np.random.default_rng(0).normal(size=sum(part.size for part in start))
    assert check_grad(value, slope, at) < 1e-5


def test_means_are_what_is_left_where_nothing_can_be_foreseen() -> None:
    rng = np.random.default_rng(0)
    X, scores = rng.normal(size=(300, 20)), (rng.random((300, 3)) < [0.2, 0.5, 0.8]).astype(float)
    other = (rng.random((300, 3)) < [0.2, 0.5, 0.8]).astype(float)
    router = Irt().fit(X, scores, validation=(X[::-1], other))
    assert router.alpha_ >= 1e3
    assert np.allclose(router.predict_scores(X), scores.mean(axis=0), atol=0.1)


def test_prompts_that_were_not_observed_do_not_count_as_hard() -> None:
    X, scores, difficulty = one_ability()
    scores[difficulty > 0.5, 0] = np.nan
    router = Irt(form="rasch").fit(X, scores)
    gaps = np.diff(router.abilities_[:, 0])
    assert np.allclose(gaps, np.diff(ABILITIES[:, 0]), atol=0.35)


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"form": "multy"}, "unknown form of irt 'multy'; did you mean 'multi'"),
        ({"dims": 0}, "dims must be a positive whole number"),
        ({"alpha": -1.0}, "alpha must be a number that is not negative or 'tuned'"),
    ],
)
def test_parameters_out_of_range(parameters: dict[str, object], complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        Irt(**parameters).fit(np.eye(3), np.eye(3))  # type: ignore[arg-type]
