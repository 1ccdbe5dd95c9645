"""Estimates from logs: unbiased where propensities are known, and their intervals hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.scoring.offpolicy import (
    Estimate,
    cross_fitted,
    direct,
    doubly_robust,
    effective_size,
    importance,
    ips,
    snips,
)

Floats = NDArray[np.float64]

CHANCES = np.array([[0.9, 0.4, 0.1], [0.3, 0.8, 0.2], [0.5, 0.6, 0.7], [0.2, 0.1, 0.4]])
"""How likely each of three models is right in each of four contexts."""
GREEDY = np.array([0, 0, 1, 2])
TARGET = np.array([0, 1, 2, 1])
EXPLORE = 0.3
TRUTH = CHANCES[np.arange(4), TARGET].mean()
N = 400


class Log:
    """A log of N requests by a router that explores."""

    def __init__(self, seed: int, predicted: Floats = CHANCES) -> None:
        rng = np.random.default_rng(seed)
        context = rng.integers(0, 4, N)
        choice = np.where(rng.random(N) < EXPLORE, rng.integers(0, 3, N), GREEDY[context])
        propensity = EXPLORE / 3 + (1 - EXPLORE) * (choice == GREEDY[context])
        self.rewards = (rng.random(N) < CHANCES[context, choice]).astype(float)
        self.weights = importance(choice == TARGET[context], propensity)
        self.logged = predicted[context, choice]
        self.target = predicted[context, TARGET[context]]

    def doubly_robust(self) -> Estimate:
        expected = cross_fitted(self.rewards, self.logged, self.target)
        return doubly_robust(self.rewards, self.weights, *expected)


def over_logs(estimates: list[Estimate]) -> tuple[float, float, float]:
    """Mean error in standard errors, spread, and how often the interval holds the truth."""
    values = np.array([e.value for e in estimates])
    error = (values.mean() - TRUTH) / (values.std() / len(values) ** 0.5)
    return float(error), float(values.std()), np.mean([e.low <= TRUTH <= e.high for e in estimates])


LOGS = [Log(seed) for seed in range(800)]


def test_ips_is_unbiased_and_its_interval_holds() -> None:
    error, _, coverage = over_logs([ips(log.rewards, log.weights) for log in LOGS])
    assert abs(error) < 3
    assert 0.925 <= coverage <= 0.975


def test_dr_is_unbiased_and_less_noisy() -> None:
    error, spread, coverage = over_logs([log.doubly_robust() for log in LOGS])
    assert abs(error) < 3
    assert 0.925 <= coverage <= 0.975
    assert spread < 0.9 * over_logs([ips(log.rewards, log.weights) for log in LOGS])[1]


def test_dr_stays_unbiased_with_predictions_that_are_wrong() -> None:
    wrong = 3.0 - 7.0 * CHANCES[::-1]
    error, _, coverage = over_logs([Log(seed, wrong).doubly_robust() for seed in range(800)])
    assert abs(error) < 3
    assert 0.925 <= coverage <= 0.975


def test_snips_is_nearly_unbiased_and_its_interval_holds() -> None:
    estimates = [snips(log.rewards, log.weights) for log in LOGS]
    assert abs(np.mean([e.value for e in estimates]) - TRUTH) < 0.005
    assert 0.925 <= over_logs(estimates)[2] <= 0.975


def test_what_ignores_propensities_is_biased() -> None:
    """The test above can fail: the plain mean of matching requests is far off."""
    naive = [direct(log.rewards[log.weights > 0]) for log in LOGS]
    assert abs(over_logs(naive)[0]) > 10


def test_the_router_that_served_is_what_happened() -> None:
    rewards = np.tile([1.0, 0.0, 1.0, 1.0], 3)
    weights = importance(np.ones(12), np.ones(12))
    assert ips(rewards, weights) == direct(rewards) == snips(rewards, weights)
    assert direct(rewards).value == 0.75


@given(st.lists(st.floats(0, 100), min_size=1, max_size=20))
def test_the_effective_size_is_between_none_and_all(weights: list[float]) -> None:
    size = effective_size(weights)
    assert 0 <= size <= len(weights) * (1 + 1e-9)
    if any(weights):
        assert size >= 1 - 1e-9


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 10)), min_size=2, max_size=20).filter(
        lambda pairs: any(weight > 1e-6 for _, weight in pairs)
    )
)
def test_snips_lies_within_the_rewards(pairs: list[tuple[float, float]]) -> None:
    rewards, weights = zip(*pairs, strict=True)
    assert min(rewards) - 1e-9 <= snips(rewards, weights).value <= max(rewards) + 1e-9


def test_without_predictions_the_mean_is_expected() -> None:
    logged, target = cross_fitted([1, 1, 0, 0], [np.nan] * 4, [np.nan] * 4, n_folds=2)
    np.testing.assert_allclose(logged, [0.5] * 4)
    np.testing.assert_allclose(target, [0.5] * 4)


def test_too_little_to_tell() -> None:
    assert all(np.isnan(snips([1.0, 0.0], [0.0, 0.0])))
    assert ips([1.0], [1.0]).value == 1
    assert np.isnan(ips([1.0], [1.0]).low)
    assert all(np.isnan(direct([])))
    assert effective_size([0, 0]) == 0


def test_what_is_no_propensity() -> None:
    for propensity in (0.0, 1.5, np.nan):
        with pytest.raises(DataError, match="propensity is not in"):
            importance([1.0], [propensity])
    with pytest.raises(DataError, match="probability of a choice"):
        importance([2.0], [0.5])
    with pytest.raises(DataError, match="one probability and one propensity"):
        importance([1.0], [0.5, 0.5])
    with pytest.raises(SpecError, match="level"):
        direct([1.0], level=1.0)


def test_a_handful_of_requests_gets_no_interval() -> None:
    rewards, expected = np.tile([1.0, 0.0], 10), np.full(20, 0.5)
    for n, told in ((9, False), (10, True)):
        weights = importance(np.arange(20) < n, np.full(20, 0.5))
        assert effective_size(weights) == pytest.approx(n)
        for found in (
            ips(rewards, weights),
            snips(rewards, weights),
            doubly_robust(rewards, weights, expected, expected),
        ):
            assert np.isfinite(found.value)
            assert np.isfinite(found.low) == np.isfinite(found.high) == told
