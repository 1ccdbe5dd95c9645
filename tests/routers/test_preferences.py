from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from routereval.errors import SpecError
from routereval.routers.elo import MOST_RIVALS, Eagle, Elo, _rivals
from routereval.routers.neighbours import unit_rows
from routereval.routers.preferences import (
    ELO,
    BradleyTerry,
    SimilarityWeighted,
    fit_strengths,
    mean_results,
    win_rates,
)

Floats = NDArray[np.float64]


def made(n: int = 300, m: int = 4, missing: float = 0.0) -> tuple[Floats, Floats]:
    rng = np.random.default_rng([n, m])
    X = rng.normal(size=(n, 3))
    scores = (rng.random((n, m)) < expit(X @ rng.normal(size=(3, m)))).astype(float)
    scores[rng.random(scores.shape) < missing] = np.nan
    return X, scores


def comparisons(scores: Floats) -> tuple[Floats, Floats]:
    """One row a comparison, in the form that logistic regression takes; and its result."""
    rows, results = [], []
    for line in scores:
        for one in range(len(line)):
            for other in range(one):
                if not np.isnan(line[one] + line[other]):
                    row = np.zeros(len(line))
                    row[one], row[other] = 1, -1
                    rows.append(row)
                    results.append((1 + line[one] - line[other]) / 2)
    return np.array(rows), np.array(results)


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_strengths_are_those_of_a_logistic_regression(missing: float) -> None:
    _, scores = made(missing=missing)
    rows, results = comparisons(scores)
    doubled = np.vstack([rows, rows])
    labels = np.repeat([1, 0], len(rows))
    weight = np.concatenate([results, 1 - results])
    kept = weight > 0
    theirs = LogisticRegression(C=1e9, fit_intercept=False, tol=1e-10, max_iter=1000).fit(
        doubled[kept], labels[kept], weight[kept]
    )
    seen = (~np.isnan(scores)).astype(float)
    lead = np.nan_to_num(scores).T @ seen
    [ours] = fit_strengths((seen.T @ seen)[None], (lead - lead.T)[None])
    expected = theirs.coef_[0] - theirs.coef_[0].mean()
    assert np.allclose(ours, expected, atol=1e-4)


def test_without_gaps_the_mean_scores_say_it_all() -> None:
    X, scores = made()
    predicted = BradleyTerry().fit(X, scores).predict_scores(X)[0]
    expected = mean_results(scores.mean(axis=0)[None])[0]
    assert np.allclose(predicted, (300 * expected + 0.5) / 301)
    assert (predicted.argsort() == scores.mean(axis=0).argsort()).all()


def test_who_was_asked_hard_prompts_is_not_taken_for_weak() -> None:
    rng = np.random.default_rng(0)
    hard = rng.random(2000) < 0.5
    chance = np.where(hard[:, None], [0.3, 0.15, 0.2], [0.95, 0.8, 0.85])
    scores = (rng.random(chance.shape) < chance).astype(float)
    scores[~hard, 0] = np.nan  # the best is asked only what is hard
    scores[hard & (rng.random(2000) < 0.9), 1] = np.nan
    means = np.nanmean(scores, axis=0)
    router = BradleyTerry().fit(np.zeros((2000, 1)), scores)
    assert means.argmax() == 1
    assert router.ratings_.argmax() == 0
    assert router.ratings_.mean() == pytest.approx(1000)


def test_a_model_that_always_wins_has_a_finite_rating() -> None:
    scores = np.tile([1.0, 0.0], (50, 1))
    router = BradleyTerry().fit(np.zeros((50, 1)), scores)
    assert router.ratings_[0] - router.ratings_[1] == pytest.approx(ELO * np.log(50.5 / 0.5))


def test_the_published_weights() -> None:
    X, scores = made(m=2)
    query = np.array([[0.3, -1.0, 0.5]])
    similarity = unit_rows(query) @ unit_rows(X).T
    weights = 10 * 10 ** (similarity / similarity.max())
    rows, results = comparisons(scores)
    assert np.allclose(rows, [-1, 1])
    expected = (weights[0] @ results + 0.5 * weights.mean()) / (weights.sum() + weights.mean())
    predicted = SimilarityWeighted(base=10).fit(X, scores).predict_scores(query)
    assert np.allclose(predicted, [[1 - expected, expected]])


def test_with_a_gap_the_same_as_without_up_to_that_gap() -> None:
    X, scores = made(2000)
    gaps = scores.copy()
    gaps[0, 0] = np.nan
    whole = SimilarityWeighted(base=100).fit(X, scores).predict_scores(X[:50])
    holed = SimilarityWeighted(base=100).fit(X, gaps).predict_scores(X[:50])
    assert np.allclose(whole, holed, atol=2e-3)
    assert not np.array_equal(whole, holed)


def test_the_base_is_tuned() -> None:
    X = np.repeat(np.eye(4), 30, axis=0)
    scores = np.eye(4)[X.argmax(axis=1)]
    assert SimilarityWeighted().fit(X, scores).base_ > 1e4
    rng = np.random.default_rng(0)
    X, scores = rng.normal(size=(2400, 3)), (rng.random((2400, 3)) < [0.3, 0.5, 0.7]).astype(float)
    later = (X[400:], scores[400:])
    assert SimilarityWeighted().fit(X[:400], scores[:400], validation=later).base_ == 10


def test_prompts_like_no_other_get_the_global_ranking() -> None:
    scores = made()[1]
    X = np.tile([1.0, 0.0], (300, 1))
    predicted = SimilarityWeighted(base=1e9).fit(X, scores).predict_scores([[-1.0, 0.0], [0, 0]])
    assert np.allclose(predicted, BradleyTerry().fit(X, scores).predict_scores(X[:2]))


def test_win_rates_rank_as_strengths_do() -> None:
    strengths = np.random.default_rng(0).normal(size=(50, 6))
    rates = win_rates(strengths)
    assert (rates.argsort(axis=1) == strengths.argsort(axis=1)).all()
    assert np.allclose(rates.mean(axis=1), 0.5)
    assert win_rates(strengths[:, :1]).tolist() == [[0.5]] * 50


def test_elo_comes_to_what_bradley_terry_fits() -> None:
    rng = np.random.default_rng(0)
    scores = (rng.random((20_000, 3)) < [0.2, 0.5, 0.7]).astype(float)
    X = np.zeros((20_000, 1))
    elo = Elo(k=4).fit(X, scores).ratings_
    assert np.allclose(elo, BradleyTerry().fit(X, scores).ratings_, atol=10)


def test_one_game_of_elo() -> None:
    router = Elo(k=32).fit(np.zeros((1, 1)), np.array([[1.0, 0.0, np.nan]]))
    assert router.ratings_.tolist() == [1016, 984, 1000]


def test_eagle_plays_on_from_the_global_ratings() -> None:
    X = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
    scores = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    router = Eagle(neighbours=1, share=0.25, k=16).fit(X, scores)
    strong, weak = router.ratings_
    gain = 16 * (1 - 1 / (1 + 10 ** ((strong - weak) / 400)))  # of the weak one, who wins
    lead = (weak + 0.75 * gain) - (strong - 0.75 * gain)
    expected = 1 / (1 + 10 ** (-lead / 400))
    assert np.allclose(router.predict_scores([[0.1, 2.0]]), [[1 - expected, expected]])


def test_eagle_with_the_whole_share_is_elo() -> None:
    X, scores = made()
    ours = Eagle(neighbours=20, share=1.0).fit(X, scores).predict_scores(X)
    assert np.allclose(ours, Elo().fit(X, scores).predict_scores(X))


def test_eagle_finds_who_is_better_where() -> None:
    X, scores = made(1500)
    chosen = Eagle().fit(X[:1000], scores[:1000]).predict_scores(X[1000:]).argmax(axis=1)
    assert scores[1000:][np.arange(500), chosen].mean() > scores[1000:].mean(axis=0).max() + 0.1


def test_each_model_plays_all_others_or_some_in_a_large_pool() -> None:
    assert _rivals(3).tolist() == [[1, 2], [2, 0], [0, 1]]
    assert _rivals(1).size == 0
    assert _rivals(500).shape[1] <= MOST_RIVALS
    assert not (_rivals(500) == np.arange(500)[:, None]).any()


@pytest.mark.parametrize(
    ("router", "complaint"),
    [
        (SimilarityWeighted(base=1), "base must be a number above 1 or 'tuned', not 1"),
        (SimilarityWeighted(bases=()), "bases must be a list, not empty, each a number above 1"),
        (Elo(k=0), "elo: k must be a positive number"),
        (Eagle(k=-1), "eagle: k must be a positive number"),
        (Eagle(neighbours=0), "neighbours must be a positive whole number or 'tuned'"),
        (Eagle(share=2), "share must be a number from 0 to 1"),
    ],
)
def test_parameters_out_of_range(router: SimilarityWeighted | Elo | Eagle, complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        router.fit(np.eye(3), np.eye(3))
