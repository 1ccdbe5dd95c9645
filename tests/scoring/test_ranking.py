from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routereval.errors import DataError
from routereval.scoring.ranking import mean_ranks, omnibus, ranks, tally


def test_ranks_by_hand() -> None:
    assert ranks(np.array([[0.1, 0.9, 0.5], [0.5, 0.5, 0.5]])).tolist() == [[3, 1, 2], [2, 2, 2]]
    assert ranks(np.array([0.3, 0.1 + 0.2])).tolist() == [1.5, 1.5]
    with pytest.raises(DataError, match="no rank"):
        ranks(np.array([0.1, np.nan]))


def test_a_rounding_error_is_no_win() -> None:
    assert tally([1e-15, -1e-15, 0.1, -0.1, -0.2]) == (1, 2, 2)
    assert tally([]) == (0, 0, 0)


def test_one_benchmark_resamples_its_prompts() -> None:
    points = np.array([[0.6, 0.5]])
    drawn = np.array([[0.6, 0.5]] * 90 + [[0.5, 0.6]] * 10)
    first, second = mean_ranks(points, [drawn])
    assert (first.mean, second.mean) == (1, 2)
    assert (first.low, first.high) == (1, 2)


def test_a_router_that_always_leads_has_rank_one_for_sure() -> None:
    rng = np.random.default_rng(0)
    drawn = [np.column_stack([rng.random(200), 2 + rng.random(200)]) for _ in range(6)]
    points = np.array([[0.5, 2.5]] * 6)
    assert mean_ranks(points, drawn)[1] == (1, 1, 1)
    assert mean_ranks(points, drawn)[0] == (2, 2, 2)


def test_benchmarks_are_resampled_too() -> None:
    """Sure of every benchmark, yet unsure of the next: first on half of them, second on half."""
    points = np.array([[1.0, 0.0], [0.0, 1.0]] * 3)
    found = mean_ranks(points, [np.tile(row, (500, 1)) for row in points])
    assert found[0].mean == found[1].mean == 1.5
    assert found[0].low < 1.3
    assert found[0].high > 1.7


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 1000))
def test_intervals_hold_the_mean_rank(n_benchmarks: int, n_routers: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.integers(0, 4, (n_benchmarks, n_routers)) / 4
    drawn = [rng.random((30, n_routers)) for _ in range(n_benchmarks)]
    found = mean_ranks(points, drawn, seed)
    assert found == mean_ranks(points, drawn, seed)
    assert sum(rank.mean for rank in found) == pytest.approx(n_routers * (n_routers + 1) / 2)
    for rank in found:
        assert 1 <= rank.low <= rank.mean <= rank.high <= n_routers


def test_shapes_are_checked() -> None:
    with pytest.raises(DataError, match="for each benchmark"):
        mean_ranks(np.ones((2, 2)), [np.ones((3, 2))])
    with pytest.raises(DataError, match="replicates of 3 routers for 2"):
        mean_ranks(np.ones((1, 2)), [np.ones((4, 3))])


def test_friedman_is_that_of_scipy_and_its_critical_difference_that_of_the_tables() -> None:
    from scipy.stats import friedmanchisquare

    points = np.random.default_rng(1).integers(0, 6, (12, 4)) / 6 + [0, 0, 0.1, 0.4]
    found = omnibus(points)
    assert found is not None
    theirs = friedmanchisquare(*-points.T)
    assert found.statistic == pytest.approx(theirs.statistic)
    assert found.p_value == pytest.approx(theirs.pvalue, abs=0.01)
    # Demsar (2006), table 5: q = 2.569 for four at 5 %
    assert found.critical_difference == pytest.approx(2.569 * np.sqrt(20 / 72), abs=1e-3)


def test_the_omnibus_test_keeps_its_level_on_few_benchmarks() -> None:
    rng = np.random.default_rng(2)
    found = [omnibus(rng.random((4, 4)), 500, seed) for seed in range(400)]
    assert 0.015 <= np.mean([one is not None and one.p_value < 0.05 for one in found]) <= 0.085


def test_equal_or_few_ranks_make_no_difference() -> None:
    level = omnibus(np.full((5, 3), 0.5))
    assert level is not None
    assert (level.statistic, level.p_value) == (0, 1)
    assert omnibus(np.ones((1, 3))) is None
    assert omnibus(np.ones((5, 2))) is None
