from __future__ import annotations

import numpy as np
import pytest
from benchmarks.coverage import (
    DEPTH,
    before_and_after,
    coverage,
    covered,
    family_rejections,
    made_world,
    rated_world,
    rejections,
)

from routereval.scoring import compute

pytestmark = pytest.mark.once

EXACT = ("mu", "v_b", "p_star", "regret", "cost", "aiq", "selection_entropy")


def test_a_sample_has_the_subsets_of_its_world() -> None:
    world = made_world("binary", (5, 20, 3), n_models=3)
    assert len(world.subsets) == 28 * DEPTH
    rows = world.sample(np.random.default_rng(0))
    assert np.bincount(world.subsets[rows]).tolist() == [5, 20, 3]
    assert len(set(rows.tolist())) == 28
    again = made_world("binary", (5, 20, 3), n_models=3)
    np.testing.assert_array_equal(world.scores, again.scores)


def test_an_interval_that_misses_is_counted() -> None:
    found = covered(0.5, np.array([[0.1, 0.2], [0.4, 0.6], [0.5, 0.7], [0.6, 0.9]]))
    assert found[:3] == (0.5, 0.5, 0.25)
    assert found.width == pytest.approx(0.2)


@pytest.mark.parametrize("rate", [0.03, 0.97])
def test_intervals_hold_where_nearly_all_answers_are_alike(rate: float) -> None:
    """Where a plain bootstrap covers a half; with 60 repetitions, 95 % is seen as 87 % or more."""
    found = before_and_after(rated_world(rate, (50,)), 60)
    for name, one in found.items():
        assert one.after >= 0.87, name
    assert found["v_b"].before < 0.87


def test_the_best_of_tied_models_is_marked() -> None:
    tied = before_and_after(rated_world(0.6, (100,), spread=0.0, n_models=20), 40)["v_b"]
    apart = before_and_after(rated_world(0.6, (100,), spread=2.0), 40)["v_b"]
    assert tied.before < 0.85 <= tied.after
    assert apart.doubted < 0.5 < tied.doubted


def test_clusters_are_resampled_whole() -> None:
    found = before_and_after(rated_world(0.6, (150,), cluster=5), 60)["mu"]
    assert found.width > 1.1
    assert found.after >= 0.87


def test_the_truth_is_that_of_all_prompts() -> None:
    world = made_world("real", (8, 8))
    found = coverage(world, repetitions=2, n_boot=20)
    truth = compute(world.evidence())
    assert found["mu"].truth == truth["mu"]
    assert "pgr" not in found  # of five models, none is the strong one


@pytest.mark.parametrize(
    ("kind", "sizes"), [("binary", (200,)), ("binary", (10,) * 20), ("real", (20, 40, 60, 80))]
)
def test_intervals_cover(kind: str, sizes: tuple[int, ...]) -> None:
    """With 120 repetitions, 95 % coverage is seen as 89 % or more but once in 300 times."""
    found = coverage(made_world(kind, sizes), ("mu", "p_star", "cost"), 120, n_boot=400)
    for name, held in found.items():
        assert held.covered >= 0.89, name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "sizes"), [("binary", (200,)), ("binary", (10,) * 20), ("real", (20, 40, 60, 80))]
)
def test_intervals_cover_between_93_and_97_percent(kind: str, sizes: tuple[int, ...]) -> None:
    """Seeded; the standard error of a share of 1,000 is 0.7 %, hence 92 for 93.

    The entropy of what is chosen is not a mean, and its interval is a little narrow.
    """
    found = coverage(made_world(kind, sizes), EXACT)
    for name, held in found.items():
        least = 0.91 if name == "selection_entropy" else 0.92
        assert least <= held.covered <= 0.975, name


@pytest.mark.slow
def test_false_alarms_are_rare_and_power_grows() -> None:
    null = rejections(0.0, repetitions=300)
    some, much = (rejections(gain, repetitions=60) for gain in (0.06, 0.15))
    assert null.found <= 0.085  # 5 % and three standard errors
    assert null.found < some.found < much.found
    assert much.found > 0.9


@pytest.mark.slow
def test_a_mean_over_benchmarks_raises_no_false_alarms() -> None:
    assert rejections(0.0, sizes=(20, 60, 120), macro=True, repetitions=300).found <= 0.09


@pytest.mark.slow
def test_the_smallest_difference_is_told_four_times_in_five() -> None:
    detectable = rejections(0.1, repetitions=50).detectable
    assert rejections(detectable, repetitions=150).found == pytest.approx(0.8, abs=0.1)


@pytest.mark.slow
def test_holm_over_routers() -> None:
    assert family_rejections(repetitions=60) <= 0.15
