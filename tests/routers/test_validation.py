from __future__ import annotations

import numpy as np
import pytest

from routereval.routers.validation import contrast, folds, last_best, quality

NAN = np.nan


def test_given_prompts_serve_as_they_are() -> None:
    X, scores = np.eye(4), np.ones((4, 2))
    train, check = folds(X, scores, (X[:2], scores[:2]))
    assert train.X is X
    assert np.array_equal(check.X, X[:2])


def test_a_tenth_is_held_out_and_nothing_is_lost() -> None:
    X = np.arange(47.0)[:, None]
    train, check = folds(X, np.hstack([X, X]), None)
    assert (len(train.X), len(check.X)) == (43, 4)
    assert sorted([*train.X[:, 0], *check.X[:, 0]]) == X[:, 0].tolist()
    assert np.array_equal(train.X[:, 0], train.scores[:, 1])
    again = folds(X, np.hstack([X, X]), None)
    assert np.array_equal(again.validation.X, check.X)
    other = folds(X, np.hstack([X, X]), None, seed=1)
    assert not np.array_equal(other.validation.X, check.X)


def test_few_prompts_serve_as_both() -> None:
    train, check = folds(np.eye(9), np.ones((9, 2)), None)
    assert train is check


def test_quality_leaves_out_what_was_not_observed() -> None:
    predicted = np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9]])
    assert quality(predicted, np.array([[1.0, 0.0], [NAN, 0.0], [1.0, 0.5]])) == 0.75
    assert quality(predicted, np.full((3, 2), NAN)) == 0


@pytest.mark.parametrize(("qualities", "place"), [([1.0], 0), ([2, 1, 2, 0], 2), ([3, 2, 1], 0)])
def test_last_best(qualities: list[float], place: int) -> None:
    assert last_best(qualities) == place


def test_contrast_is_blind_to_what_all_models_share() -> None:
    rng = np.random.default_rng(0)
    predicted, scores = rng.random((2, 20, 3))
    shift = rng.random((20, 1))
    assert contrast(predicted + shift, scores) == pytest.approx(contrast(predicted, scores))
    assert contrast(scores + shift, scores) == pytest.approx(0, abs=1e-12)
    assert contrast(predicted, scores) < 0


def test_contrast_counts_only_what_was_observed() -> None:
    predicted = np.array([[0.0, 0.5, 0.9], [0.1, 0.2, 0.3]])
    scores = np.array([[0.0, 1.0, np.nan], [np.nan, np.nan, np.nan]])
    assert contrast(predicted, scores) == pytest.approx(-(0.25**2))
