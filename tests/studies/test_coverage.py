from __future__ import annotations

import numpy as np
import pytest

from routereval.scoring import compute
from routereval.studies.coverage import (
    DEPTH,
    World,
    coverage,
    family_rejections,
    made_world,
    rejections,
)

EXACT = ("mu", "v_b", "p_star", "regret", "cost", "aiq", "selection_entropy")


def test_a_sample_has_the_subsets_of_its_world() -> None:
    world = made_world("binary", (5, 20, 3), n_models=3)
    assert len(world.strata) == 28 * DEPTH
    rows = world.sample(np.random.default_rng(0))
    assert np.bincount(world.strata[rows]).tolist() == [5, 20, 3]
    assert len(set(rows.tolist())) == 28
    again = made_world("binary", (5, 20, 3), n_models=3)
    np.testing.assert_array_equal(world.scores, again.scores)


def test_an_interval_that_misses_is_counted() -> None:
    """A world whose samples all lie below the truth: one prompt in a thousand scores."""
    world = made_world("binary", (10,), n_models=2)
    scores = np.zeros_like(world.scores)
    scores[0] = 1.0
    rare = World(world.sizes, scores, world.predicted, world.costs, world.strata)
    found = coverage(rare, ["mu"], repetitions=20, n_boot=50)["mu"]
    assert found.truth == pytest.approx(1 / len(scores))
    assert found.covered == 0
    assert found.missed_low == 1
    assert found.width == 0


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
    """Seeded; the standard error of a share of 1,000 is 0.7 %, hence 92 for 93."""
    found = coverage(made_world(kind, sizes), EXACT)
    for name, held in found.items():
        assert 0.92 <= held.covered <= 0.975, name


def test_false_alarms_are_rare_and_power_grows() -> None:
    null = rejections(0.0, repetitions=300)
    some, much = (rejections(gain, repetitions=60) for gain in (0.06, 0.15))
    assert null.found <= 0.085  # 5 % and three standard errors
    assert null.found < some.found < much.found
    assert much.found > 0.9


def test_a_mean_over_benchmarks_raises_no_false_alarms() -> None:
    assert rejections(0.0, sizes=(20, 60, 120), macro=True, repetitions=300).found <= 0.09


@pytest.mark.slow
def test_false_alarms_of_compare_are_at_most_6_percent() -> None:
    assert rejections(0.0).found <= 0.06
    assert rejections(0.0, sizes=(20, 60, 120), macro=True).found <= 0.06
    assert family_rejections() <= 0.06


def test_the_smallest_difference_is_told_four_times_in_five() -> None:
    detectable = rejections(0.1, repetitions=50).detectable
    assert rejections(detectable, repetitions=150).found == pytest.approx(0.8, abs=0.1)


def test_holm_over_routers() -> None:
    assert family_rejections(repetitions=60) <= 0.15
