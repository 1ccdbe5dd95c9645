from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.routers import Router, extend, make_router
from routereval.routers.clusters import Cluster
from routereval.routers.linear_extension import LinearlyExtended, likeness
from routereval.routers.new_models import Extended
from routereval.routers.persistence import dump, restore

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
SCORES = (RNG.random((60, 3)) < 0.5).astype(float)
PROBES = slice(0, 20)


def extended(spec: str) -> Router:
    return extend(make_router(spec).fit(X, SCORES[:, :2]), X[PROBES], SCORES[PROBES, 2:])


@pytest.mark.parametrize("spec", ["knn(k=3)", "linear(alpha=1)", "mlp"])
def test_a_separable_router_learns_new_models_from_their_probes_alone(spec: str) -> None:
    known = make_router(spec).fit(X, SCORES[:, :2])
    alone = make_router(spec).fit(X[PROBES], SCORES[PROBES, 2:])
    both = extended(spec).predict_scores(X)
    assert np.array_equal(both, np.hstack([known.predict_scores(X), alone.predict_scores(X)]))


def test_models_can_be_added_again_and_again() -> None:
    once = extended("knn(k=1)")
    twice = extend(once, X[PROBES], SCORES[PROBES, :2])
    assert isinstance(twice, Extended)
    assert twice.n_models_ == 5
    assert np.array_equal(twice.predict_scores(X[PROBES])[:, 3:], SCORES[PROBES, :2])


def test_best_single_compares_probe_means_with_training_means() -> None:
    router = extended("best_single")
    means = [*SCORES[:, :2].mean(axis=0), SCORES[PROBES, 2].mean()]
    assert np.allclose(router.predict_scores(X[:1])[0], means)


def test_clusters_stay_where_they_were() -> None:
    router = Cluster(k=2).fit(X, SCORES[:, :2])
    centres = router.centres_.copy()
    grown = extend(router, X[PROBES], SCORES[PROBES, 2:])
    assert grown is router
    assert np.array_equal(router.centres_, centres)
    nearest = ((X[PROBES, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    expected = [SCORES[PROBES, 2][nearest == cluster].mean() for cluster in range(2)]
    assert np.allclose(router.scores_[:, 2], expected)


def test_the_cheapest_may_be_a_new_one() -> None:
    costs = np.tile([0.02, 0.03, 0.01], (60, 1))
    router = make_router("cheapest").fit(X, SCORES[:, :2], costs[:, :2])
    grown = extend(router, X[PROBES], SCORES[PROBES, 2:], costs[PROBES, 2:])
    assert np.allclose(grown.predict_scores(X[:1]), [[0.5, 0.0, 1.0]])


class Stubborn(Router):
    """Knows its models from the start."""


def test_a_router_that_cannot_says_so() -> None:
    router = Stubborn()
    router.n_models_ = 2
    with pytest.raises(DataError, match="this router cannot take models that were not there"):
        extend(router, X, SCORES)


def test_an_extended_router_can_be_kept() -> None:
    router = extended("knn(k=3)")
    again = restore(dump(router))
    assert np.array_equal(router.predict_scores(X), again.predict_scores(X))


# Above 0 the first model is right, below 0 the second; a third tosses coins.
LINE = np.linspace(-1, 1, 120)[:, None]
CERTAIN = np.hstack([LINE > 0, LINE < 0, RNG.random((120, 1)) < 0.5]).astype(float)
SOME = np.arange(1, 120, 2)


@pytest.mark.parametrize("spec", ["auto", "guard(router='knn(k=5)')"])
def test_a_guarded_router_predicts_a_new_model_from_those_that_it_is_like(spec: str) -> None:
    known = make_router(spec).fit(LINE, CERTAIN)
    grown = extend(known, LINE[SOME], CERTAIN[SOME, 1:2], known=CERTAIN[SOME])
    assert isinstance(grown, LinearlyExtended)
    before, after = known.predict_scores(LINE), grown.predict_scores(LINE)
    assert np.array_equal(after[:, :3], before)
    assert np.corrcoef(after[:, 3], before[:, 1])[0, 1] > 0.9
    again = restore(dump(grown))
    assert np.array_equal(again.predict_scores(LINE), after)
    twice = extend(grown, LINE[SOME], CERTAIN[SOME, :1], known=CERTAIN[SOME][:, [0, 1, 2, 1]])
    assert twice.n_models_ == 5


def test_how_easy_a_prompt_is_decides_nothing_about_a_new_model_either() -> None:
    """Extended twice, it is added to known and new models alike."""
    rng = np.random.default_rng(4)
    Z = rng.normal(size=(300, 4))
    chance = np.clip(0.5 + 0.25 * Z[:, :1] + 0.2 * Z[:, [1, 2, 3]], 0.02, 0.98)
    scores = (rng.random((300, 3)) < chance).astype(float)
    known = make_router("auto").fit(Z, scores)
    new = (rng.random((300, 2)) < 0.9).astype(float)
    once = extend(known, Z[:80], new[:80, :1], known=scores[:80])
    twice = extend(once, Z[:80], new[:80, 1:], known=np.hstack([scores, new[:, :1]])[:80])
    assert isinstance(twice, LinearlyExtended)
    apart, easy = twice.apart(Z)
    predicted = twice.predict_scores(Z)
    assert easy.std() > 0.1
    assert np.allclose(predicted, apart + easy)
    assert np.allclose(predicted[:, :3], known.predict_scores(Z))
    assert np.array_equal(predicted.argmax(axis=1), apart.argmax(axis=1))


def test_a_lead_that_is_not_sure_takes_no_prompt() -> None:
    rng = np.random.default_rng(1)
    scores = (rng.random((300, 2)) < [0.6, 0.4]).astype(float)
    known = make_router("auto").fit(rng.normal(size=(300, 3)), scores)
    best = int(known.predict_scores(np.zeros((1, 3)))[0].argmax())
    probes, some = rng.normal(size=(40, 3)), scores[:40]
    slightly = np.where(np.arange(40) == some[:, best].argmin(), 1.0, some[:, best])
    for new, taken in ((slightly, False), (np.ones(40), True)):
        grown = extend(known, probes, new[:, None], known=some)
        choice = grown.predict_scores(rng.normal(size=(50, 3))).argmax(axis=1)
        assert (choice == 2).all() if taken else not (choice == 2).any(), new.mean()


def test_a_guarded_router_asks_for_the_scores_of_the_known_models() -> None:
    known = make_router("guard(router='knn(k=5)')").fit(LINE, CERTAIN)
    with pytest.raises(DataError, match=r"guard learns a new model by comparison .* give those"):
        extend(known, LINE[SOME], CERTAIN[SOME, :1])
    with pytest.raises(DataError, match=r"shape \(60, 2\) but there are 60 probe prompts and 3"):
        extend(known, LINE[SOME], CERTAIN[SOME, :1], known=CERTAIN[SOME, :2])
    with pytest.raises(DataError, match="2 prompts or more, not on 1"):
        extend(known, LINE[:1], CERTAIN[:1, :1], known=CERTAIN[:1])


@given(st.integers(0, 10_000))
def test_the_error_of_a_likeness_holds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = (rng.random((40, 3)) < rng.random((40, 1))).astype(float)
    scores[rng.random(scores.shape) < 0.2] = np.nan
    scores[:2] = [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    found = likeness(scores[:, :2], scores[:, 2])
    assert found.error >= 1 / 42
    assert found(found.centre) == found.mean == np.nanmean(scores[:, 2])


def test_comparison_tells_a_mean_better_than_the_probes_alone() -> None:
    rng = np.random.default_rng(0)
    missed = []
    for _ in range(60):
        hard = rng.random((400, 1))
        scores = (rng.random((400, 4)) < hard).astype(float)
        rows = rng.permutation(400)[:40]
        like = likeness(scores[rows, :3], scores[rows, 3])
        truth = scores[:, 3].mean()
        found = float(like(scores[:, :3].mean(axis=0)))
        missed.append([found - truth, scores[rows, 3].mean() - truth, like.error])
    compared, alone, error = np.sqrt(np.mean(np.square(missed), axis=0))
    assert compared < 0.95 * alone
    assert compared == pytest.approx(error, rel=0.25)


def test_other_efforts_of_the_model_tell_more_than_its_mean() -> None:
    rng = np.random.default_rng(0)
    own, hard = rng.normal(size=(2, 2000))
    z = (
        np.column_stack([own - 0.4, own, own + 0.4, *rng.normal(size=(5, 2000))])
        - 0.5 * hard[:, None]
    )
    chance = 1 / (1 + np.exp(-2 * z))
    scores = (rng.random(chance.shape) < chance).astype(float)
    known, new = scores[:, [0, 2, 3, 4, 5, 6, 7]], scores[:, 1]
    rows = np.arange(24)

    def error(predicted: NDArray[np.float64]) -> float:
        return float(((predicted - chance[24:, 1]) ** 2).mean())

    plain, knowing = (
        error(likeness(known[rows], new[rows], siblings)(known[24:])) for siblings in ((), (0, 1))
    )
    mean = error(np.full(len(new) - 24, new[rows].mean()))
    assert knowing < 0.9 * plain < 0.9 * mean


def test_the_names_of_all_models_say_which_are_one_at_several_efforts() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(200, 2))
    scores = (rng.random((200, 3)) < 0.5).astype(float)
    known = make_router("linear").fit(X, scores[:, :2])
    names = ["o3@low", "x", "o3@high"]
    rows = np.arange(30)
    both = [
        LinearlyExtended(known=known).fit(X[rows], scores[rows], models=own)
        for own in (names, None, ["a", "b", "c"])
    ]
    weights = [one.likenesses_[0].weights for one in both]
    assert not np.array_equal(weights[0], weights[1])
    assert np.array_equal(weights[1], weights[2])
