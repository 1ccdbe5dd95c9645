"""Evidence that may be looked at whenever one likes."""

from __future__ import annotations

import numpy as np
import pytest

from routereval.errors import DataError, SpecError
from routereval.scoring.always_valid import (
    first_reached,
    least_mean,
    mean_interval_at_any_time,
    units_needed,
    wealth,
)


def test_wealth_is_a_fair_bet_on_what_has_no_mean() -> None:
    """Every way a coin may fall three times: what is won and lost cancels."""
    ways = np.array(np.meshgrid(*[[-1.0, 1.0]] * 3)).reshape(3, -1).T
    assert np.mean([wealth(way, 1.0)[-1] for way in ways]) == pytest.approx(1.0)


def test_nothing_is_called_in_noise_however_often_one_looks() -> None:
    rng = np.random.default_rng(0)
    called = 0
    for _ in range(200):
        noise = rng.choice([-0.7, 0.3], 1000, p=[0.3, 0.7])
        both = wealth(noise, 1.0), wealth(-noise, 1.0)
        called += any(first_reached(one, 0.05 / 2) is not None for one in both)
    assert called <= 0.05 * 200


def test_what_is_there_is_found_and_what_came_first_stays_first() -> None:
    rng = np.random.default_rng(1)
    values = rng.choice([-1.0, 1.0], 4000, p=[0.45, 0.55])
    grown = wealth(values, 1.0)
    at = first_reached(grown, 0.05)
    assert at is not None
    assert at < 4 * units_needed(0.1, 1.0, 0.1)
    np.testing.assert_allclose(wealth(values[:500], 1.0), grown[:500])
    low, high = mean_interval_at_any_time(values, values, (1.0, 1.0))
    assert 0 < low < 0.1 < high < 0.2
    assert mean_interval_at_any_time([], [], (1.0, 1.0)) == (-1.0, 1.0)


def test_what_is_not_known_widens_the_interval() -> None:
    values = np.tile([0.5, -0.5], 200)
    known = mean_interval_at_any_time(values, values, (1.0, 1.0))
    wider = mean_interval_at_any_time(values - 0.2, values + 0.2, (1.0, 1.0))
    assert wider.low < known.low < known.high < wider.high


def test_what_cannot_be_bet_on_is_said() -> None:
    with pytest.raises(DataError, match="-2 lies below its bound -1"):
        wealth([0.0, -2.0], 1.0)
    with pytest.raises(DataError, match="above 0, and finite"):
        wealth([0.0], 0.0)
    with pytest.raises(SpecError, match="alpha is a probability"):
        least_mean([0.0], 1.0, 1.0)
    assert len(wealth([], 1.0)) == 0
