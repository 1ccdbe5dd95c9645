"""Advice: the verdict follows from the numbers, the numbers from held-out prompts."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.records import Records
from routereval.sources import open_source
from routereval.studies.advise import Advice, advise
from routereval.studies.advise.budget import Sweep
from routereval.studies.advise.ceiling import HeldOut

SHARED = next(
    (p / "shared" for p in Path(__file__).parents if (p / "shared").exists()), Path("/nowhere")
)
Floats = NDArray[np.float64]


def named(n: int) -> list[str]:
    return [f"llm-{i}" for i in range(n)]


def specialists(n: int = 900, m: int = 12, *, seed: int = 0, costs: bool = False) -> Records:
    """Three kinds of prompts; each model is good at one of them."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, n)
    chance = np.where(kind[:, None] == np.arange(m) % 3, 0.9, 0.35)
    scores = (rng.random((n, m)) < chance).astype(float)
    usd = np.tile(np.linspace(0.001, 0.01, m), (n, 1)) if costs else None
    return Records.from_arrays("kinds", scores, named(m), costs=usd)


def cascade(n: int = 2000, *, seed: int = 0) -> Records:
    """Easy prompts that all get right, hard ones that only the dear model does."""
    rng = np.random.default_rng(seed)
    easy = rng.random(n) < 0.6
    chance = np.where(easy[:, None], 0.99, [[0.8, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05]])
    scores = (rng.random((n, 8)) < chance).astype(float)
    usd = np.tile([0.01, *[0.001] * 7], (n, 1))
    return Records.from_arrays("easy-and-hard", scores, named(8), costs=usd)


def luck(n: int = 1500, m: int = 12, seed: int = 0) -> Records:
    rng = np.random.default_rng(seed)
    skill = np.array([0.7, *[0.5] * (m - 1)])
    return Records.from_arrays("luck", (rng.random((n, m)) < skill) * 1.0, named(m))


@pytest.fixture(scope="module")
def advice() -> Advice:
    return advise(specialists(), max_models=5, n_boot=200)


def test_specialists_are_worth_routing(advice: Advice) -> None:
    found = advice.benchmarks[0]
    assert found.quality == "yes"
    assert found.saving is None
    assert found.keep is not None
    kept = found.pools[found.keep]
    assert (kept.rule, kept.size) == ("greedy", 3)
    assert {int(name[4:]) % 3 for name in kept.models} == {0, 1, 2}
    assert kept.gain_apart.low > 0.1
    assert kept.ceiling.value < kept.oracle.value
    assert kept.prompts_needed < 200


def test_every_pool_is_judged_on_prompts_it_was_not_chosen_on(advice: Advice) -> None:
    for pool in advice.benchmarks[0].pools:
        if pool.rule == "greedy":
            assert pool.chosen_oracle >= pool.oracle.value - 0.02
        assert len(pool.models) == len(pool.stable) == pool.size
        assert all(0 <= times <= 5 for times in pool.stable)
        assert pool.oracle.low <= pool.oracle.value <= pool.oracle.high
        assert pool.n_outside == 12 - pool.size


def test_greedy_never_loses_to_strong_to_weak_where_it_chose(advice: Advice) -> None:
    found = advice.benchmarks[0]
    rivals = {pool.size: pool for pool in found.of("strong-to-weak")}
    for pool in found.of("greedy"):
        assert pool.chosen_oracle >= rivals[pool.size].chosen_oracle
        lead = pool.oracle.value - rivals[pool.size].oracle.value
        assert pool.over_strong_to_weak.value == pytest.approx(lead, abs=1e-12)
        assert rivals[pool.size].over_strong_to_weak.value == 0


def test_the_best_pool_and_the_random_one_frame_the_greedy(advice: Advice) -> None:
    found = advice.benchmarks[0]
    greedy = {pool.size: pool for pool in found.of("greedy")}
    assert [facts.size for facts in found.sizes] == [3, 5]
    for facts in found.sizes:
        reached = greedy[facts.size].chosen_oracle
        assert facts.random < reached <= facts.best + 1e-12
        assert facts.best == pytest.approx(facts.bound)
        assert reached >= (1 - 1 / math.e) * facts.best


def test_luck_is_not_worth_routing() -> None:
    found = advise(luck(), max_models=3, n_boot=200).benchmarks[0]
    assert found.quality == "no"
    assert found.keep is None
    assert found.of("greedy")[0].oracle.value > found.best_score.value + 0.15


def test_few_prompts_are_unclear() -> None:
    found = advise(specialists(40, seed=3), max_models=3, n_boot=200, margin=0.3).benchmarks[0]
    assert found.quality == "unclear"


def test_money_is_saved_where_cheap_llms_do_as_well() -> None:
    found = advise(cascade(), max_models=3, n_boot=200, budget=5.0).benchmarks[0]
    assert found.best_single == "llm-0"
    assert found.best_usd == pytest.approx(10.0)
    assert found.quality != "yes"
    assert found.saving == "yes"
    assert found.keep is not None
    spending = found.pools[found.keep].spending
    assert spending is not None
    assert 0.3 < spending.saving.low < spending.saving.high < 0.6
    assert spending.gain.low > -0.01
    assert spending.usd.value == pytest.approx(10 * (1 - spending.saving.value), rel=1e-6)
    assert found.affordable is not None
    assert found.affordable.single_usd == pytest.approx(1.0)
    routed = [pool.spending for pool in found.pools if pool.spending]
    within = [s.budget_quality.value for s in routed if s.budget_usd.value <= 5]
    assert max(within) > found.affordable.single_score + 0.1


def test_a_budget_that_buys_nothing() -> None:
    found = advise(cascade(300), max_models=3, n_boot=50, budget=0.5).benchmarks[0]
    assert found.affordable is not None
    assert (found.affordable.single, found.affordable.pool) == ("", ())


def test_several_benchmarks_are_also_joined() -> None:
    one, two = specialists(200), luck(200)
    steps: list[tuple[str, int, int]] = []
    advice = advise([one, two], max_models=2, n_boot=50, progress=lambda *step: steps.append(step))
    assert [table.name for table in advice.benchmarks] == ["kinds", "luck", "all 2 benchmarks"]
    assert advice.benchmarks[-1].n_prompts == 400
    assert {what for what, _, _ in steps} == {table.name for table in advice.benchmarks}
    assert all(0 <= done <= total for _, done, total in steps)
    last = {what: (done, total) for what, done, total in steps}
    assert all(done == total for done, total in last.values())


def test_benchmarks_without_a_common_llm_are_not_joined() -> None:
    other = Records.from_arrays("other", luck(60, 4).dense(), list("abcd"))
    advice = advise([luck(60, 4), other], max_models=2, n_boot=50)
    assert [table.name for table in advice.benchmarks] == ["luck", "other"]
    assert "no advice on all benchmarks together" in advice.notes[0]


def test_too_little_is_an_error_that_says_so() -> None:
    with pytest.raises(DataError, match="too few"):
        advise(luck(3, 4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_models": 0}, "max_models"),
        ({"budget": 0.0}, "budget"),
        ({"budget": -1.0}, "budget"),
        ({"margin": 1.5}, "margin"),
        ({"folds": 1}, "2 folds"),
    ],
)
def test_senseless_numbers_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        advise(luck(60, 4), **options)  # type: ignore[arg-type]


def test_one_llm_leaves_nothing_to_route() -> None:
    found = advise(luck(60, 1), n_boot=50).benchmarks[0]
    assert found.keep is None
    assert found.quality == "unclear"
    assert found.pools[0].models == ("llm-0",)
    assert math.isnan(found.pools[0].ceiling.value)


def test_samples_of_real_scores_are_corrected_for_noise() -> None:
    rng = np.random.default_rng(0)
    scores = rng.binomial(10, 0.5, (300, 6)) / 10
    records = Records.from_arrays("sampled", scores, named(6))
    pool = advise(records, max_models=3, n_boot=50, repeats=10).benchmarks[0].of("greedy")[0]
    assert pool.steady.value == pytest.approx(0.5, abs=0.03)
    assert pool.oracle.value > 0.6
    assert math.isnan(pool.known_least.value)


def test_guessing_is_corrected_where_chance_is_known() -> None:
    rng = np.random.default_rng(0)
    knows = rng.random((800, 8)) < 0.4
    scores = (knows | (rng.random((800, 8)) < 0.25)).astype(float)
    found = advise(Records.from_arrays("mmlu", scores, named(8)), max_models=3, n_boot=50)
    pool, table = found.benchmarks[0].of("greedy")[0], found.benchmarks[0]
    assert table.chance == 0.25
    assert pool.known_least.value <= pool.known_most.value < pool.oracle.value
    assert pool.known_most.value == pytest.approx(1 - 0.6**3, abs=0.08)
    assert table.best_known.value == pytest.approx((table.best_score.value - 0.25) / 0.75)


def test_same_seed_same_advice() -> None:
    records = specialists(150, 6)
    first, second = (advise(records, max_models=3, n_boot=50) for _ in range(2))
    assert repr(first) == repr(second)


def test_the_price_of_cost_is_set_on_other_folds() -> None:
    fold = np.array([0, 0, 1, 1])
    scores = np.array([[1.0, 1], [1, 1], [1, 0], [1, 0]])
    held = HeldOut(
        scores=scores,
        predicted=np.full((4, 2), 0.5),
        apart=np.array([[0.9, 0.8]] * 4),
        prices=np.array([[10.0, 1.0]] * 4),
        costs=np.array([[10.0, 1.0]] * 4),
        n_outside=3,
        near=(),
    )
    found = Sweep(held, fold).as_good_as(scores[:, 0])
    # Fold 1 learns from fold 0 that the cheap one does; fold 0 learns from fold 1 that it does not.
    assert found.usd.tolist() == [10, 10, 1, 1]
    assert found.quality.tolist() == [1, 1, 0, 0]
    assert Sweep(held, fold).within(2.0).usd.tolist() == [1, 1, 1, 1]
    assert Sweep(held, fold).within(20.0).usd.tolist()[:2] == [10, 10]


def test_no_sweep_without_costs() -> None:
    one = np.ones((2, 1))
    with pytest.raises(DataError, match="no cost"):
        Sweep(HeldOut(one, one, one, None, None, 1, ()), np.array([0, 1]))


@pytest.mark.skipif(not (SHARED / "data" / "mmlu_pro").exists(), reason="no real records here")
def test_llms_that_prefer_an_option_do_not_sell_routing_on_winogrande() -> None:
    """In RouterBench two models are right on complementary prompts: a raw oracle of 0.999."""
    every = open_source(SHARED / "data" / "routerbench_subset")
    records = next(r for r in every if r.name == "winogrande")
    pair = records.select(models=["claude-instant-v1", "meta/llama-2-70b-chat"]).dense()
    assert pair.max(axis=1).mean() > 0.99
    found = advise(records, max_models=3, n_boot=100).benchmarks[0]
    assert {"claude-instant-v1", "meta/llama-2-70b-chat"} <= set(found.set_aside)
    assert found.quality != "yes"
    assert found.of("greedy")[0].gain.high < 0.01
