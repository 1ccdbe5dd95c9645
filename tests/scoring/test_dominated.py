from __future__ import annotations

import numpy as np

from routereval.scoring.dominated import dominated


def test_a_model_is_dominated_only_where_that_is_sure() -> None:
    better = np.repeat([1.0, 0.0], [90, 10])
    for right, named in ((88, []), (50, [1])):
        worse = np.repeat([1.0, 0.0], [right, 100 - right])
        found = dominated(np.stack([better, worse], axis=1), np.array([1.0, 2.0]))
        assert [one.model for one in found] == named


def test_a_cheaper_model_a_priceless_one_and_one_that_is_better_somewhere_stay() -> None:
    better = np.repeat([1.0, 0.0], [170, 30])
    worse = np.repeat([0.0, 1.0], [160, 40])
    scores = np.stack([better, worse], axis=1)
    assert not dominated(scores, np.array([2.0, 1.0]))
    assert not dominated(scores, np.array([1.0, np.nan]))
    assert dominated(scores, np.array([1.0, 1.0]))
    somewhere = np.repeat([0, 1], [165, 35])
    assert not dominated(scores, np.array([1.0, 1.0]), subsets=somewhere)
    few = np.repeat([0, 1], [175, 25])
    assert dominated(scores, np.array([1.0, 1.0]), subsets=few)


def test_equal_prompts_are_one_piece_of_evidence() -> None:
    scores = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]] * 10)
    costs = np.array([1.0, 1.0])
    assert [one.model for one in dominated(scores, costs)] == [1]
    assert not dominated(scores, costs, groups=np.tile(np.arange(4), 10))


def test_few_models_are_named_where_none_is_dominated() -> None:
    wrong = 0
    for seed in range(200):
        scores = (np.random.default_rng(seed).random((60, 4)) < 0.5).astype(float)
        wrong += bool(dominated(scores, np.ones(4)))
    assert wrong <= 18  # 10 are expected; the chance of more than 18 is 1 in 200
