from __future__ import annotations

import numpy as np
import pytest

from routereval.errors import DataError, SpecError
from routereval.scoring.sameness import Estimate, estimate, probabilities, sameness, saving

ONE = {"subsets": np.zeros(400, np.int64), "weights": np.full(400, 1 / 400)}


def test_two_one_sided_tests_by_hand() -> None:
    found = sameness(Estimate(-0.002, 0.004, 1e7), 0.01)
    assert found.p_non_inferior == pytest.approx(0.02275, abs=1e-5)  # 2 standard errors
    assert found.p_equivalent == found.p_non_inferior
    assert found.equivalent
    better = sameness(Estimate(0.05, 0.004, 1e7), 0.01)
    assert (better.non_inferior, better.equivalent) == (True, False)


@pytest.mark.parametrize("d", [-0.02, -0.004, 0.0, 0.004, 0.02])
def test_both_are_read_off_the_90_percent_interval(d: float) -> None:
    found = sameness(Estimate(d, 0.004, 50), 0.01)
    assert found.non_inferior == (found.low > -0.01)
    assert found.equivalent == (found.low > -0.01 and found.high < 0.01)


def test_a_few_prompts_without_a_difference_show_no_sameness() -> None:
    """Of 50 equal answers the routers may still differ on every thirtieth."""
    few, many = (estimate(0.0, 0.0, 1 / n, n - 1) for n in (50, 2000))
    assert not sameness(few, 0.01).equivalent
    assert sameness(many, 0.01).equivalent
    assert not sameness(estimate(0.0, float("nan"), 1.0, 0), 0.5).non_inferior


def test_probabilities_sum_to_one_and_turn_with_the_sign() -> None:
    a, b = (probabilities(Estimate(d, 0.01, 20), 0.01) for d in (0.02, -0.02))
    assert a.better + a.same + a.worse == pytest.approx(1)
    assert (a.better, a.same, a.worse) == pytest.approx((b.worse, b.same, b.better))
    sure = probabilities(Estimate(0.02, 0.01, 1e9), 0.0)
    assert sure.same == pytest.approx(0)
    assert sure.better == pytest.approx(0.97725, abs=1e-4)


@pytest.mark.parametrize("margin", [0.0, -0.1, 1.0, float("nan")])
def test_a_margin_lies_between_0_and_1(margin: float) -> None:
    with pytest.raises(SpecError, match="margin must lie between 0 and 1"):
        sameness(Estimate(0, 0.1, 9), margin)


def test_a_region_is_not_negative() -> None:
    with pytest.raises(SpecError, match="practical equivalence"):
        probabilities(Estimate(0, 0.1, 9), -0.1)


def test_the_interval_of_a_saving_covers() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(300):
        base = rng.lognormal(0, 1, 400)
        found = saving(base * rng.choice([0.2, 1.0], 400), base, **ONE)
        assert found is not None
        held += found.low <= 0.4 <= found.high
    assert 0.91 <= held / 300 <= 0.985


def test_unknown_or_no_costs_save_nothing() -> None:
    some = np.ones(400)
    assert saving(some * np.nan, some, **ONE) is None
    assert saving(some, some * 0, **ONE) is None
    with pytest.raises(DataError, match="costs have the shapes"):
        saving(some, some[1:], **ONE)
