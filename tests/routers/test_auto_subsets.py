from __future__ import annotations

from copy import copy

import numpy as np
import pytest
from numpy.typing import NDArray

from routereval.features.prompts import Prompts
from routereval.routers.auto import Auto
from routereval.routers.auto_inputs import Encoding
from routereval.routers.auto_subsets import (
    SubsetEffects,
    classifier,
    labels_of,
    probable,
    subset_view,
)
from routereval.routers.persistence import dump, restore
from routereval.routers.shrinkage import centred
from routereval.routers.validation import fold_codes

Floats = NDArray[np.float64]
Known = tuple[Prompts, Floats]


def prompts_of(n: int, seed: int = 0) -> Known:
    """Three subsets that features tell, each with a model that is better there."""
    rng = np.random.default_rng(seed)
    subset = rng.integers(3, size=n)
    X = rng.normal(size=(n, 6)) + 2 * np.eye(3, 6)[subset]
    scores = (rng.random((n, 3)) < 0.4 + 0.5 * np.eye(3)[subset]).astype(float)
    return Prompts(X, None, {"subset": ["abc"[s] for s in subset]}), scores


@pytest.fixture(scope="module")
def known() -> Known:
    return prompts_of(150)


@pytest.fixture(scope="module")
def router(known: Known) -> Auto:
    """It routes by its texts alone, and where subsets are known by those."""
    prompts, scores = known
    return Auto(known="subset").fit(prompts, scores)


def test_the_subsets_of_training_are_a_view_and_new_prompts_need_none(router: Auto) -> None:
    new, scores = prompts_of(100, seed=1)
    assert any(isinstance(view, SubsetEffects) for view in router.stack_.views)
    choice = router.predict_scores(new.features).argmax(axis=1)
    assert scores[np.arange(100), choice].mean() > scores.mean(axis=0).max() + 0.1


def test_subsets_that_are_declared_as_known_are_not_predicted(router: Auto) -> None:
    assert router.known_stack_ is not None
    assert not any(isinstance(view, SubsetEffects) for view in router.known_stack_.views)


def test_it_is_saved(router: Auto) -> None:
    new, _ = prompts_of(20, seed=2)
    small, stack = copy(router), router.stack_
    views = tuple(view for view in stack.views if isinstance(view, SubsetEffects))
    small.stack_ = stack._replace(views=views, weights=np.ones(1))  # without the many trees
    small.known_stack_ = None
    assert stack.shrinkage.moves
    assert np.array_equal(restore(dump(small)).predict_scores(new), small.predict_scores(new))


def test_the_effect_of_a_subset_is_what_its_prompts_show(known: Known) -> None:
    """It predicts held-out differences, and of a prompt surely of one subset that one's."""
    prompts, scores = known
    seen, Y = Encoding.of(prompts)(prompts), centred(scores).values
    learned = subset_view(seen, labels_of(prompts), Y, fold_codes(150, 5))
    assert (learned.out_of_fold * Y).sum() > 0
    view = learned.view
    assert isinstance(view, SubsetEffects)
    assert view.effects.argmax(axis=1).tolist() == [0, 1, 2]
    shares = probable(seen.wide, view.weights, view.intercept)
    assert np.allclose(shares.sum(axis=1), 1, atol=1e-3)
    assert np.array_equal(view(seen), shares @ view.effects)


@pytest.mark.parametrize(
    ("subsets", "columns"),
    [
        (["a"] * 30, 0),
        (["a"] * 15 + ["b"] * 15, 2),
        (["a"] * 12 + ["b"] * 12 + ["rare"] * 6, 2),
        (["a"] * 25 + [None] * 5, 0),
        ([str(at // 10) for at in range(1010)], 0),
    ],
)
def test_which_subsets_count(subsets: list[str | None], columns: int) -> None:
    labels = labels_of(Prompts(np.zeros((len(subsets), 1)), None, {"subset": subsets}))
    assert labels.shape == (len(subsets), columns)


def test_prompts_of_no_known_subset_teach_the_classifier_nothing() -> None:
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(60, 2)), np.eye(2)[np.arange(60) % 2]
    labels[50:] = 0
    for one, other in zip(classifier(X, labels), classifier(X[:50], labels[:50]), strict=True):
        assert np.array_equal(one, other)
