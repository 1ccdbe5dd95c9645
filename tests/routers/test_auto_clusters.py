from __future__ import annotations

import numpy as np
import pytest

from routereval.features.prompts import Prompts
from routereval.routers.auto import Auto
from routereval.routers.auto_inputs import Clusters


def test_each_clustering_has_each_prompt_in_one_cluster() -> None:
    X = np.random.default_rng(0).normal(size=(60, 3))
    found = Clusters.of(X, 0)
    assert found.sizes == (4, 8, 16) * 3
    assert (found(X).sum(axis=1) == 9).all()
    assert found(X[:0]).shape == (0, 3 * (4 + 8 + 16))


@pytest.mark.parametrize("distinct", [1, 2, 5])
def test_there_are_no_more_clusters_than_different_prompts(distinct: int) -> None:
    X = np.eye(distinct, 6).repeat(30, axis=0)
    found = Clusters.of(X, 0)
    assert max(found.sizes) == distinct
    member = found(X)
    assert (member[::30].repeat(30, axis=0) == member).all()  # equal prompts fall together


def test_topics_that_nobody_labelled_are_found() -> None:
    """Five topics, each with a model that is right more often there; features are mostly noise."""
    rng = np.random.default_rng(3)
    topic = rng.integers(5, size=600)
    X = 4 * np.eye(5, 40)[topic] + rng.normal(size=(600, 40))
    chance = np.where(topic[:, None] == np.arange(5), 0.95, 0.75)
    scores = (rng.random((600, 5)) < chance).astype(float)
    known, new = np.arange(600) < 300, np.arange(600) >= 300
    router = Auto().fit(Prompts(X[known]), scores[known])
    choice = router.predict_scores(Prompts(X[new])).argmax(axis=1)
    gain = chance[new][np.arange(300), choice] - chance[new][:, scores[known].mean(axis=0).argmax()]
    assert gain.mean() > 0.12  # of .16 at most
