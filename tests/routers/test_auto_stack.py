from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from routereval.features.prompts import Prompts
from routereval.routers.auto import Auto
from routereval.routers.auto_inputs import Encoding, Reader
from routereval.routers.auto_stack import Examples, pipelines_of
from routereval.routers.auto_views import best_slope, linear_view, tuned_ridge
from routereval.routers.validation import fold_codes

Floats = NDArray[np.float64]
FOLDS = fold_codes(100, 5)


def examples(seed: int = 0) -> Examples:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(100, 6))
    scores = (rng.random((100, 3)) < 0.5 + 0.4 * np.sign(X[:, :3])).astype(float)
    given = Reader.of(Prompts(X))(Prompts(X))
    return Examples(given, scores, np.zeros((100, 0)), FOLDS)


def out_of_fold(known: Examples) -> list[Floats]:
    X = known.given.features
    encodings = [Encoding.of(X[fold != known.folds], fold) for fold in range(5)]
    return pipelines_of(encodings, known, Auto()._views)[1]


def test_nothing_of_a_held_out_prompt_is_known_when_it_is_predicted() -> None:
    """Not even which way its features vary: all other prompts of its fold may be others."""
    known, other = examples(), examples(seed=1)
    changed = (FOLDS == 2) & (np.arange(100) != np.flatnonzero(FOLDS == 2)[0])
    features, scores = known.given.features.copy(), known.scores.copy()
    features[changed], scores[changed] = other.given.features[changed], other.scores[changed]
    mixed = known._replace(given=known.given._replace(features=features), scores=scores)
    one = np.flatnonzero(FOLDS == 2)[0]
    for before, after in zip(out_of_fold(known), out_of_fold(mixed), strict=True):
        assert before[one].any()
        assert np.array_equal(before[one], after[one])
        assert not np.array_equal(before[FOLDS != 2], after[FOLDS != 2])


@pytest.mark.parametrize("size", [0.1, 1.0, 7.0])
def test_a_ridge_predicts_on_the_scale_of_the_truth(size: float) -> None:
    known = examples()
    seen = Encoding.of(known.given.features, 0)(known.given)
    Y = size * (known.scores - known.scores.mean(axis=0))
    view = linear_view(seen, "leading", (3000.0,), Y, FOLDS)
    weights, out = tuned_ridge(seen.leading, (3000.0,), Y, FOLDS)
    assert best_slope(out, Y) > 5  # so great a penalty makes everything too small
    assert np.allclose(view(seen), seen.leading @ weights * best_slope(out, Y))
    assert 0.5 < np.std(view(seen)) / np.std(Y) < 1


def test_predictions_that_point_the_wrong_way_count_for_nothing() -> None:
    assert best_slope(np.array([[1.0]]), np.array([[-1.0]])) == 0
    assert best_slope(np.zeros((2, 2)), np.ones((2, 2))) == 0
