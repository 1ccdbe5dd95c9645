from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from routereval.features.prompts import Prompts
from routereval.routers.auto import Auto
from routereval.routers.auto_easiness import ALIKE, ease_of, easiness, easiness_of
from routereval.routers.auto_inputs import Encoding, Reader, Seen
from routereval.routers.validation import fold_codes

Floats = NDArray[np.float64]


def seen_of(X: Floats) -> Seen:
    prompts = Prompts(X)
    return Encoding.of(X, 0)(Reader.of(prompts)(prompts))


def some(n: int, seed: int = 0) -> tuple[Floats, Floats]:
    """One feature tells how easy a prompt is, another which of two models is better."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    better = np.where(X[:, [1]] > 0, [0.2, -0.2], [-0.2, 0.2])
    chance = np.clip(0.5 + 0.2 * X[:, [0]] + better, 0.02, 0.98)
    return X, (rng.random((n, 2)) < chance).astype(float)


def test_a_predicted_score_is_nearer_to_the_chance_of_a_right_answer() -> None:
    X, scores = some(400)
    router = Auto().fit(X, scores)
    new, truth = some(400, seed=1)
    predicted = router.predict_scores(new)
    router.stack_ = router.stack_._replace(easiness=ALIKE)
    alike = router.predict_scores(new)
    assert np.array_equal(predicted.argmax(axis=1), alike.argmax(axis=1))
    assert np.mean((predicted - truth) ** 2) < np.mean((alike - truth) ** 2) - 0.02


def test_a_constant_router_knows_easy_prompts_too() -> None:
    X, scores = some(200)
    scores[:, 1] = scores[:, 0] * (np.arange(200) % 10 > 0)
    router = Auto().fit(X, scores)
    predicted = router.predict_scores(some(100, seed=1)[0])
    assert not router.stack_.shrinkage.moves
    assert set(predicted.argmax(axis=1)) == {0}
    assert predicted[:, 0].std() > 0.05


def test_where_nothing_tells_how_easy_prompts_are_all_are_alike() -> None:
    seen, scores = seen_of(np.eye(40)), np.ones((40, 2))
    ease = ease_of(seen, scores, fold_codes(40, 5))
    assert not ease(seen.wide).any()
    assert easiness_of(ease(seen.wide), scores) == ALIKE


def test_what_is_predicted_of_held_out_prompts_against_their_scores_is_not_believed() -> None:
    _, scores = some(100)
    assert easiness_of(-easiness(scores), scores).slope == 0


def test_no_prompt_is_easier_than_any_that_was_held_out() -> None:
    """Features that are learned of few texts put new ones where no training prompt was."""
    X, scores = some(200)
    router = Auto().fit(X, scores)
    easy = router.stack_.easiness
    far = router.predict_scores(50 * X) - router.stack_.shrinkage.levels
    assert np.abs(far.mean(axis=1)).max() <= 1.3 * max(map(abs, easy.bounds)) + 0.2


def test_scores_that_were_not_observed_do_not_count() -> None:
    scores = np.array([[1.0, 1.0], [np.nan, 0.0], [np.nan, np.nan]])
    assert easiness(scores) == pytest.approx([0.25, -0.5, 0.0])
