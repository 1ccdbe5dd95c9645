from __future__ import annotations

import numpy as np
import pytest

from routereval.errors import DataError, SpecError
from routereval.scoring.over_fits import over_fits

FITS = [0.0, 0.01, 0.02, 0.03, 0.04]
SPREAD = 2.5e-4


def test_where_training_is_shared_it_is_the_corrected_resampled_t_test() -> None:
    found = over_fits(0.02, 0.01, 400, FITS, [4e-4] * 5, same_test=0.1, same_train=0.8)
    assert found.method == "resampled_t"
    assert found.df == 4
    assert found.deviation == pytest.approx(np.sqrt(SPREAD * (1 / 5 + 1 / 9)))
    assert found.high - 0.02 == pytest.approx(2.776 * found.deviation, rel=1e-3)


def test_independent_fits_and_prompts_make_the_plain_t_test() -> None:
    """Their spread holds everything, so of the prompts nothing is to be added."""
    own = [1e-4] * 5
    found = over_fits(0.02, np.sqrt(1e-4 / 5), 10**9, FITS, own, same_test=0.0, same_train=0.0)
    assert found.method == "components"
    assert found.df == pytest.approx(4, rel=0.01)
    assert found.high - 0.02 == pytest.approx(2.776 * np.sqrt(SPREAD / 5), rel=0.25)


def test_on_the_same_prompts_the_spread_is_that_of_training_alone() -> None:
    found = over_fits(0.02, 0.01, 400, FITS, [4e-4] * 5, same_test=0.999, same_train=0.0)
    assert 1 < found.deviation / np.sqrt(0.01**2 + SPREAD / 5) < 1.2
    assert found.df > 4


def test_equal_fits_leave_the_variance_of_the_prompts() -> None:
    found = over_fits(0.02, 0.01, 400, [0.02] * 5, [4e-4] * 5, same_test=0.9, same_train=0.1)
    assert found.deviation == pytest.approx(0.01)
    assert found.significant == (abs(found.difference) > 1.97 * 0.01)
    none = over_fits(0.0, 0.0, 10, [0.0] * 5, [0.0] * 5, same_test=0.5, same_train=0.1)
    assert none.p_value == 1


@pytest.mark.parametrize("shares", [(0.1, 0.8), (0.9, 0.1)])
def test_the_interval_excludes_zero_where_the_test_rejects(shares: tuple[float, float]) -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        fits = rng.normal(0.02, 0.02, 5)
        same = dict(zip(("same_test", "same_train"), shares, strict=True))
        found = over_fits(float(fits.mean()), 0.008, 300, fits, [2e-4] * 5, **same)
        assert found.significant == (found.low > 0 or found.high < 0)


def test_what_cannot_be_tested_is_refused() -> None:
    with pytest.raises(DataError, match="two fits or more"):
        over_fits(0.1, 0.1, 10, [0.1], [0.1], same_test=0.1, same_train=0.1)
    with pytest.raises(SpecError, match="less than 1"):
        over_fits(0.1, 0.1, 10, FITS, FITS, same_test=1.0, same_train=0.1)


def test_fits_that_all_differ_by_the_same_are_no_proof() -> None:
    """One win in each of five folds of 60 prompts: five wins, which a sign test does not take."""
    error = np.sqrt(5) / 300
    shares = {"same_test": 0.2, "same_train": 0.75}
    found = over_fits(1 / 60, error, 300, [1 / 60] * 5, [0.0] * 5, **shares)
    assert found.deviation == pytest.approx(error)
    assert not found.significant
