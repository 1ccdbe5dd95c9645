from __future__ import annotations

import numpy as np

from routereval.features.prompts import Prompts
from routereval.routers import make_router
from routereval.routers.placebos import RandomFeatures, Shuffled
from routereval.routers.registry import on_cpu
from tests.routers.test_auto import world


def test_shuffled_labels_and_random_features_leave_nothing_to_learn() -> None:
    (prompts, scores), (new, truth) = world(240), world(300, seed=1)
    rows = np.arange(300)
    for router in ("knn(k=20)", Shuffled(router="knn(k=20)"), RandomFeatures(router="knn(k=20)")):
        made = make_router(router).fit(prompts.features, scores)
        choice = made.predict_scores(new.features).argmax(axis=1)
        gain = truth[rows, choice].mean() - truth.mean(axis=0).max()
        assert (gain > 0.1) == (router == "knn(k=20)")


def test_means_and_what_models_share_stay_under_shuffling() -> None:
    prompts, scores = world(60)
    shuffled = Shuffled(router="best_single").fit(prompts.features, scores)
    assert np.allclose(shuffled.predict_scores(prompts.features)[0], scores.mean(axis=0))


def test_random_features_are_the_prompts_own_and_hide_texts_and_categories() -> None:
    texts = ["prove it", "cite it", "prove it"]
    own = RandomFeatures(router="knn")
    found = own._noise(Prompts(np.eye(3)[[0, 1, 0]], texts, {"subset": ["a", "b", "a"]}))
    assert np.array_equal(found.features[0], found.features[2])
    assert not np.array_equal(found.features[0], found.features[1])
    assert found.texts is None
    assert list(found.known["subset"]) == [None] * 3
    words = own._noise(texts)
    assert words[0] == words[2] != words[1]


def test_placebos_are_controls_that_name_their_router() -> None:
    assert make_router("shuffled(router=knn)").control
    assert not {"shuffled", "random_features"} & set(on_cpu())
