from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from routereval.features import make_embedder
from routereval.routers import TrainedRouter, load_router, make_router, save_router
from routereval.routers.familiarity import Familiarity
from tests.features.test_numerics import TEXTS


def trained() -> TrainedRouter:
    embedder = make_embedder("tfidf").fit(TEXTS)
    X = embedder.transform(TEXTS)
    scores = np.random.default_rng(0).random((len(TEXTS), 2))
    familiarity = Familiarity.of(X, embedder, TEXTS)
    router = make_router("knn(k=5)").fit(X, scores)
    return TrainedRouter(router, ("a", "b"), embedder, np.ones(2), {}, familiarity)


def test_a_decision_on_a_prompt_unlike_all_training_prompts_says_so() -> None:
    router = trained()
    familiar = ["Invoice 3 was billed twice, please refund order 2.", "Invoice 8: rufund order 1."]
    strange = ["Quel temps fait-il aujourd'hui ?", "", "zzz", "Write a poem about the sea."]
    assert [d.unfamiliar for d in router.decide(familiar)] == [False, False]
    assert [d.unfamiliar for d in router.decide(strange)] == [True] * 4
    mixed = router.decide([familiar[0], strange[0], familiar[1]])
    assert [d.unfamiliar for d in mixed] == [False, True, False]


def test_the_choice_is_that_of_the_policy_all_the_same() -> None:
    router = trained()
    bare = TrainedRouter(router.router, router.models, router.embedder, router.costs)
    texts = ["zzz", "Reset the password of user 1 on host 2."]
    for marked, plain in zip(router.decide(texts), bare.decide(texts), strict=True):
        assert marked._replace(unfamiliar=False) == plain


def test_it_is_saved_with_the_router(tmp_path: Path) -> None:
    router = trained()
    loaded = load_router(save_router(router, tmp_path / "router"))
    texts = ["zzz", *TEXTS[:20], "Invoice 8: rufund order 1."]
    assert loaded.decide(texts) == router.decide(texts)
    assert loaded.familiarity is not None
    assert router.familiarity is not None
    assert loaded.familiarity.least == router.familiarity.least


@pytest.mark.parametrize("n", [1, 2, 5, 300, 5000])
def test_about_one_in_a_hundred_of_fresh_prompts_is_unfamiliar_at_most(
    n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    monkeypatch.setattr("routereval.routers.familiarity.AT_ONCE", 8 * 999)  # several blocks
    X = rng.normal(size=(n, 8)).astype(np.float32)
    known = Familiarity.of(X)
    assert not known.unfamiliar(X).any() or n == 1
    if n >= 300:
        fresh = rng.normal(size=(1000, 8)).astype(np.float32)
        assert known.unfamiliar(fresh).mean() < 0.03


def test_more_than_ten_thousand_prompts_are_sampled_and_the_same_each_time() -> None:
    X = np.random.default_rng(2).normal(size=(12_000, 4)).astype(np.float32)
    one, other = Familiarity.of(X), Familiarity.of(X)
    assert len(one.rows) == 10_000
    assert one.rows.tobytes() == other.rows.tobytes()


def test_prompts_that_are_all_equal_leave_others_unfamiliar() -> None:
    known = Familiarity.of(np.tile([1.0, 0.0], (9, 1)))
    assert np.isfinite(known.least)
    assert known.unfamiliar(np.array([[0.0, 1.0]])).shape == (1,)


def test_a_text_of_unknown_words_is_unfamiliar_whatever_its_vector_says() -> None:
    router = trained()
    assert router.familiarity is not None
    assert router.familiarity.most_unknown == pytest.approx(0.5)
    text = "order supercalifragilistic antidisestablishmentarianism honorificabilitudinitatibus"
    assert router.decide([text])[0].unfamiliar
