from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routereval.routers import make_router, training
from routereval.routers.registry import on_cpu
from routereval.routers.training import Training
from routereval.routers.validation import Fold, Rows, contrast, held_out, last_best, quality

NAN = np.nan


def test_given_prompts_serve_as_they_are() -> None:
    X, scores = np.eye(4), np.ones((4, 2))
    train, check = Training(X, scores, validation=Fold(X[:2], scores[:2])).folds()
    assert train.X is X
    assert np.array_equal(check.X, X[:2])


def test_a_tenth_is_held_out_and_nothing_is_lost() -> None:
    X = np.arange(47.0)[:, None]
    data = Training(X, np.hstack([X, X]))
    train, check = data.folds()
    assert (len(train.X), len(check.X)) == (43, 4)
    assert sorted([*train.X[:, 0], *check.X[:, 0]]) == X[:, 0].tolist()
    assert np.array_equal(train.X[:, 0], train.scores[:, 1])
    again = data.folds()
    assert np.array_equal(again.validation.X, check.X)
    other = data.folds(seed=1)
    assert not np.array_equal(other.validation.X, check.X)


def test_few_prompts_serve_as_both() -> None:
    train, check = Training(np.eye(9), np.ones((9, 2))).folds()
    assert train.X is check.X
    groups = np.arange(36) // 4
    train, check = Training(np.eye(36), np.ones((36, 2)), groups=groups).folds()
    assert train.X is check.X


@given(st.integers(10, 90), st.integers(1, 90), st.integers(0, 99), st.sampled_from([0.1, 0.3]))
def test_equal_prompts_are_held_out_together(n: int, most: int, seed: int, share: float) -> None:
    groups = np.random.default_rng(seed).integers(most, size=n)
    kept, held = held_out(n, seed, groups, share)
    if len(set(groups.tolist())) < 10:
        assert kept.tolist() == held.tolist() == list(range(n))
        return
    assert sorted([*kept, *held]) == list(range(n))
    assert not set(groups[kept].tolist()) & set(groups[held].tolist())
    assert len(held) >= 1
    assert len(kept) >= 1
    assert abs(len(held) - share * n) <= np.bincount(groups).max() + 1
    alone = held_out(n, seed, np.arange(n), share)
    assert [part.tolist() for part in alone] == [
        part.tolist() for part in held_out(n, seed, None, share)
    ]


TUNES = [name for name in on_cpu() if make_router(name).uses_validation and name != "auto"]
"""`auto` learns from validation prompts, and holds out folds."""


@pytest.mark.parametrize("name", [*TUNES, "ensemble(routers=[knn], how=stacked)", "cascade"])
def test_every_router_that_tunes_keeps_equal_prompts_together(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []

    def spied(*args: Any, **options: Any) -> Rows:  # noqa: ANN401
        drawn.append(held_out(*args, **options))
        return drawn[-1]

    monkeypatch.setattr(training, "held_out", spied)
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 4)
    X, scores = rng.normal(size=(80, 3)), (rng.random((80, 2)) < 0.5).astype(float)
    options: dict[str, Any] = {"groups": groups}
    make_router(name).fit(X, scores, **options)
    assert drawn
    for kept, held in drawn:
        assert not set(groups[kept].tolist()) & set(groups[held].tolist())


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
