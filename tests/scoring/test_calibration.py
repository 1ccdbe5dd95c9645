from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routereval.errors import DataError
from routereval.scoring.calibration import calibration


def test_by_hand() -> None:
    """Two bins: .2 said, .5 found; .9 said, 1 found."""
    found = calibration([0.1, 0.3, 0.8, 1.0], [0, 1, 1, 1], bins=2)
    assert found.predicted.tolist() == pytest.approx([0.2, 0.9])
    assert found.observed.tolist() == [0.5, 1.0]
    assert found.counts.tolist() == [2, 2]
    assert found.ece == pytest.approx((0.3 + 0.1) / 2)
    assert found.brier == pytest.approx((0.01 + 0.49 + 0.04 + 0) / 4)


def test_a_constant_prediction_has_one_bin() -> None:
    found = calibration(np.full(60, 0.7), np.arange(60) % 2)
    assert found.counts.tolist() == [60]
    assert found.ece == pytest.approx(0.2)


def test_a_rounding_error_makes_no_bin_of_its_own() -> None:
    said = [0.3] * 30 + [0.1 + 0.2] + [0.9] * 30
    assert calibration(said, np.zeros(61)).counts.tolist() == [31, 30]


@given(st.lists(st.integers(0, 20), min_size=1, max_size=200))
def test_no_bin_is_nearly_empty(values: list[int]) -> None:
    found = calibration(np.array(values) / 20, np.zeros(len(values)))
    assert (found.counts >= min(len(values), len(values) / 15 / 2)).all()
    assert len(found.counts) <= 15
    assert (np.diff(found.predicted) > 0).all()


def test_bins_are_of_equal_mass() -> None:
    rng = np.random.default_rng(0)
    assert set(calibration(rng.random(100), np.zeros(100)).counts.tolist()) == {6, 7}
    assert calibration(rng.random(150), np.zeros(150)).counts.tolist() == [10] * 15


def test_what_lies_outside_is_clipped_and_told() -> None:
    found = calibration([-1.0, 0.5, 2.0, 3.0], [0, 1, 1, 1])
    assert found.outside == 0.75
    assert found.predicted.max() == 1
    assert found.brier == pytest.approx(0.25 / 4)


def test_true_chances_are_calibrated_and_shifted_ones_are_not() -> None:
    rng = np.random.default_rng(0)
    chance = rng.random(30_000)
    right = rng.random(30_000) < chance
    assert calibration(chance, right).ece < 0.015
    assert calibration(chance**2, right).ece > 0.1
    assert len(calibration(chance, right).counts) == 15


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=40))
def test_errors_lie_between_0_and_1(pairs: list[tuple[float, float]]) -> None:
    said, true = np.array(pairs).T
    found = calibration(said, true)
    assert -1e-12 <= found.ece <= 1
    assert found.ece**2 <= found.brier + 1e-9  # means within bins lose some of it
    assert found.counts.sum() == len(said)
    assert calibration(true, true).brier == 0


@pytest.mark.parametrize(
    ("said", "true"), [([], []), ([0.1], [0.1, 0.2]), ([float("nan")], [1.0]), ([0.5], [np.nan])]
)
def test_what_does_not_fit_is_refused(said: list[float], true: list[float]) -> None:
    with pytest.raises(DataError, match="calibration needs"):
        calibration(said, true)


@pytest.mark.parametrize("n", [30, 100, 1000])
def test_what_a_perfect_predictor_would_get_is_told(n: int) -> None:
    rng = np.random.default_rng(1)
    chance = rng.random(n)
    draws = [calibration(chance, rng.random(n) < chance).ece for _ in range(200)]
    found = calibration(chance, rng.random(n) < chance)
    assert found.ece_perfect == pytest.approx(np.mean(draws), rel=0.1)
    assert found.ece_perfect > 0.03
    assert calibration([0.0, 1.0], [0, 1]).ece_perfect == 0
