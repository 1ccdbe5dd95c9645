from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from routereval.features.prompts import Prompts
from routereval.routers.auto import Auto
from routereval.routers.auto_inputs import Encoding, Reader, Seen
from routereval.routers.auto_subsets import classifier, labels_of, probable, subsets_of
from routereval.routers.persistence import dump, restore
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


def seen_of(prompts: Prompts) -> Seen:
    return Encoding.of(prompts.features, 0)(Reader.of(prompts)(prompts))


def columns_of(router: Auto, known: bool) -> int:
    stack = router.known_stack_ if known else router.stack_
    assert stack is not None
    (width,) = {len(pipeline.subsets.center) for pipeline in stack.pipelines}
    return width


def test_the_subsets_of_training_are_predicted_and_new_prompts_need_none(router: Auto) -> None:
    new, scores = prompts_of(100, seed=1)
    assert columns_of(router, known=False) == 3
    choice = router.predict_scores(new.features).argmax(axis=1)
    assert scores[np.arange(100), choice].mean() > scores.mean(axis=0).max() + 0.1


def test_subsets_that_are_declared_as_known_are_not_predicted(router: Auto) -> None:
    assert columns_of(router, known=True) == 0


def test_it_is_saved(known: Known) -> None:
    prompts, scores = known
    router = Auto().fit(prompts[:60], scores[:60])
    new, _ = prompts_of(20, seed=2)
    assert router.stack_.shrinkage.moves
    assert np.array_equal(restore(dump(router)).predict_scores(new), router.predict_scores(new))


def test_the_subset_of_a_held_out_prompt_is_what_other_prompts_tell(known: Known) -> None:
    prompts, _ = known
    seen, folds, labels = seen_of(prompts), fold_codes(150, 5), labels_of(prompts)
    _, out = subsets_of(seen, labels, folds)
    mixed, held = labels.copy(), folds == 2
    mixed[held] = labels[held][::-1]
    _, without = subsets_of(seen, mixed, folds)
    first, second = (np.argsort(found[held, 1], kind="stable") for found in (out, without))
    assert np.array_equal(first, second)
    assert not np.array_equal(out[~held], without[~held])


def test_probabilities_sum_to_one(known: Known) -> None:
    prompts, _ = known
    wide = seen_of(prompts).wide
    shares = probable(wide, *classifier(wide, labels_of(prompts)))
    assert np.allclose(shares.sum(axis=1), 1, atol=1e-3)


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
