from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.features.prompts import Prompts
from routereval.routers.auto import Auto
from routereval.routers.persistence import dump, restore

Floats = NDArray[np.float64]
SUBJECTS = ("maths", "law", "medicine")


def world(
    n: int = 240, m: int = 4, *, learnable: bool = True, seed: int = 0
) -> tuple[Prompts, Floats]:
    """Prompts of three subjects; where learnable, each has a model that is better there."""
    rng = np.random.default_rng(seed)
    subject = rng.integers(3, size=n)
    X = rng.normal(size=(n, 8)) + 3 * np.eye(3, 8)[subject]
    skill = 0.5 + 0.4 * learnable * np.eye(3, m)[subject]
    scores = (rng.random((n, m)) < skill).astype(float)
    return Prompts(X, None, {"subject": [SUBJECTS[s] for s in subject]}), scores


@cache
def fitted(*known: str) -> Auto:
    prompts, scores = world()
    return Auto(known=known).fit(prompts, scores)


def test_it_gains_where_prompts_tell() -> None:
    router, (prompts, scores) = fitted(), world(300, seed=1)
    choice = router.predict_scores(prompts).argmax(axis=1)
    assert router.gain_.mean > 0.1
    assert scores[np.arange(300), choice].mean() > scores.mean(axis=0).max() + 0.1


def test_it_is_a_constant_where_nothing_can_be_learned() -> None:
    left = []
    for seed in range(4):
        prompts, scores = world(120, 3, learnable=False, seed=seed)
        router = Auto().fit(prompts, scores)
        left.append((router.predict_scores(prompts).argmax(axis=1) != router.fallback_).mean())
    assert np.mean(left) <= 0.05


def test_a_dominant_model_gets_every_prompt() -> None:
    prompts, scores = world(120)
    scores[:, 2] = 1.0
    assert set(Auto().fit(prompts, scores).predict_scores(prompts).argmax(axis=1)) == {2}


def test_few_prompts_leave_the_constant_or_what_is_sure() -> None:
    prompts, scores = world(19)
    assert not Auto().fit(prompts, scores).stack_.shrinkage.moves
    prompts, scores = world(40)
    assert np.isfinite(Auto().fit(prompts, scores).predict_scores(prompts)).all()


def test_missing_cells_are_left_out() -> None:
    prompts, scores = world(300, 3)
    scores[np.random.default_rng(2).random(scores.shape) < 0.2] = np.nan
    router = Auto().fit(prompts, scores)
    new, truth = world(200, 3, seed=3)
    choice = router.predict_scores(new).argmax(axis=1)
    assert truth[np.arange(200), choice].mean() > truth.mean(axis=0).max() + 0.05


def test_a_category_that_was_never_seen_is_routed_by_its_features_alone() -> None:
    router, (prompts, _) = fitted("subject"), world(30, seed=4)
    alien = Prompts(prompts.features, None, {"subject": ["physics"] * 30})
    bare = fitted().predict_scores(prompts.features)
    assert np.array_equal(router.predict_scores(alien), bare)
    assert np.array_equal(router.predict_scores(prompts.features), bare)
    assert not np.array_equal(router.predict_scores(prompts), bare)


def test_what_is_not_known_of_the_prompts_cannot_be_declared() -> None:
    prompts, scores = world(30)
    with pytest.raises(DataError, match=r"nothing named 'topic' is known .*: subject"):
        Auto(known="topic").fit(prompts, scores)


def test_an_unfamiliar_prompt_goes_to_the_best_single_model() -> None:
    router = fitted()
    found = router.predict_scores(np.full((1, 8), -40.0)).argmax(axis=1)
    assert found == [router.fallback_]


def test_it_reads_texts_beside_features_and_is_saved_with_what_it_learned_of_them() -> None:
    prompts, scores = world(60)
    texts = [
        f"{known} {'again ' * (at % 5)}?" for at, known in enumerate(prompts.column("subject"))
    ]
    both = Prompts(prompts.features, texts, prompts.known)
    router = Auto(known="subject").fit(both, scores)
    again = restore(dump(router))
    assert router.stack_.reader.stats is not None
    assert np.array_equal(again.predict_scores(both), router.predict_scores(both))


def test_equal_prompts_are_held_out_together() -> None:
    """Copies of unlearnable prompts look learnable to folds that let them straddle."""
    prompts, scores = world(60, 3, learnable=False, seed=6)
    copied = np.repeat(np.arange(60), 3)
    router = Auto().fit(prompts[copied], scores[copied], groups=copied)
    assert not router.stack_.shrinkage.moves


def test_validation_prompts_are_learned_from_like_the_others_but_the_fallback_is_not() -> None:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(120, 3))
    right = X[:, :1] > 0
    scores = np.hstack([right, ~right]).astype(float)
    few, most = slice(0, 15), slice(15, None)
    scores[few] = [1.0, 0.5]
    alone = Auto().fit(X[few], scores[few])
    both = Auto().fit(X[few], scores[few], validation=(X[most], scores[most]))
    assert not alone.stack_.shrinkage.moves
    assert both.stack_.shrinkage.moves
    assert both.fallback_ == alone.fallback_ == 0
    assert both.gain_.n == 120


def test_equal_validation_prompts_are_held_out_together() -> None:
    """Scores of prompts that come twice are no evidence that they can be foreseen."""
    rng = np.random.default_rng(5)
    X, scores = rng.normal(size=(200, 3)), rng.integers(2, size=(200, 3)).astype(float)
    twice = (np.repeat(X[50:], 2, axis=0), np.repeat(scores[50:], 2, axis=0))
    assert not Auto().fit(X[:50], scores[:50], validation=twice).stack_.shrinkage.moves
