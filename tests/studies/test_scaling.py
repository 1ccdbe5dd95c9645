"""The study over records: exact curves, orders, averages, and what they are said to pass."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.records import Records, complete_block, score_matrix
from routereval.results.scaling_curves import MEAN, ScalingCurve
from routereval.scoring.scaling import widest
from routereval.sources import open_source
from routereval.studies.orders import ORDERS, greedy, model_order
from routereval.studies.scaling import scaling, weak_together

Floats = NDArray[np.floating]

SHARED = next(
    (p / "shared" / "data" for p in Path(__file__).parents if (p / "shared" / "data").is_dir()),
    Path("/nowhere"),
)
FIXED = [name for name in ORDERS if name not in {"random", "greedy-cost"}]

small = st.tuples(st.integers(1, 8), st.integers(1, 5))
binary = hnp.arrays(np.float64, small, elements=st.sampled_from([0.0, 1.0]))
real = hnp.arrays(np.float64, small, elements=st.sampled_from([0.0, 0.1, 0.5, 0.75, 1.0]))
gappy_binary = hnp.arrays(np.float64, small, elements=st.sampled_from([0.0, 1.0, 1.0, np.nan]))
gappy_real = hnp.arrays(np.float64, small, elements=st.sampled_from([0.0, 0.3, 0.9, np.nan]))
any_scores = st.one_of(binary, real, gappy_binary, gappy_real).filter(
    lambda scores: not np.isnan(scores).all()
)


def made(scores: Sequence[Sequence[float]] | Floats, name: str = "toy") -> Records:
    matrix = np.asarray(scores, dtype=np.float64)
    return Records.from_arrays(name, matrix, [f"llm-{c}" for c in range(matrix.shape[1])])


def random_scores(n: int = 60, m: int = 9, seed: int = 0, share: float = 0.4) -> Floats:
    rng = np.random.default_rng(seed)
    easy = rng.random((n, 1)) * 2 * share
    return (rng.random((n, m)) < easy).astype(np.float64)


def curve_of(scores: Floats, order: str = "random", **options: float) -> ScalingCurve:
    return scaling(made(scores), order, n_boot=20, **options).curves[0]  # type: ignore[arg-type]


def naive_random(scores: Floats) -> Floats:
    """For each m, the mean over prompts of the mean over every pool of m observed models."""
    rows, last = widest((~np.isnan(scores)).sum(axis=1))
    known = [row[~np.isnan(row)] for row in scores[rows]]
    return np.array(
        [
            np.mean([np.mean([max(pool) for pool in combinations(row, m)]) for row in known])
            for m in range(1, last + 1)
        ]
    )


@given(any_scores)
@settings(deadline=None)
def test_random_pools_against_every_subset(scores: Floats) -> None:
    curve = curve_of(scores)
    np.testing.assert_allclose(curve.oracle, naive_random(scores), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(curve.mean, np.full(curve.n_models, curve.oracle[0]))


@given(any_scores)
@settings(deadline=None)
def test_ordered_pools_against_cumulative_maxima(scores: Floats) -> None:
    rows, columns = complete_block(score_matrix(scores))
    dense = scores[np.ix_(rows, columns)]
    for order in FIXED:
        curve = curve_of(scores, order)
        joined = [int(name.removeprefix("llm-")) for name in curve.models]
        assert sorted(joined) == columns.tolist()
        ordered = scores[np.ix_(rows, np.array(joined))]
        best = np.maximum.accumulate(ordered, axis=1).mean(axis=0)
        np.testing.assert_allclose(curve.oracle, best, atol=1e-12)
        mean = np.cumsum(ordered.mean(axis=0)) / np.arange(1, len(columns) + 1)
        np.testing.assert_allclose(curve.mean, mean, atol=1e-12)
        assert curve.n_prompts == len(dense)


def test_orders_by_mean_score() -> None:
    scores = np.tril(np.ones((5, 5)))[:, [2, 0, 4, 1, 3]]  # means .6 1 .2 .8 .4
    matrix = score_matrix(scores)
    assert model_order("strong-to-weak", matrix).tolist() == [1, 3, 0, 4, 2]
    assert model_order("weak-to-strong", matrix).tolist() == [2, 4, 0, 3, 1]
    assert model_order("spread", matrix).tolist() == [1, 2, 0, 3, 4]


def naive_greedy(scores: Floats, prices: Floats | None = None) -> list[int]:
    """Look at every model at every step; ties to the better model, then to the lower column."""
    price = np.ones(scores.shape[1]) if prices is None else prices
    left: list[int] = np.argsort(-scores.mean(axis=0), kind="stable").tolist()
    best: Floats = np.zeros(len(scores))
    order: list[int] = []
    while left:
        gains = [np.maximum(scores[:, c] - best, 0).sum() / price[c] for c in left]
        if max(gains) <= 0:
            break
        order.append(left.pop(int(np.argmax(gains))))
        best = np.maximum(best, scores[:, order[-1]])
    return order + left


@given(st.one_of(binary, real))
def test_lazy_greedy_is_greedy(scores: Floats) -> None:
    eighths = np.round(scores * 8) / 8  # sums of eighths have no rounding that could break a tie
    steps = list(greedy(score_matrix(eighths)))
    assert [step.model for step in steps] == naive_greedy(eighths)
    assert steps[-1].oracle == pytest.approx(eighths.max(axis=1).mean())


@pytest.mark.parametrize("seed", range(3))
def test_lazy_greedy_is_greedy_for_many_models_with_and_without_prices(seed: int) -> None:
    scores = random_scores(200, 150, seed, share=0.1)
    prices = 2.0 ** np.random.default_rng(seed).integers(-2, 3, 150)
    matrix = score_matrix(scores)
    assert [step.model for step in greedy(matrix)] == naive_greedy(scores)
    assert [s.model for s in greedy(matrix, prices=prices)] == naive_greedy(scores, prices)


@given(st.one_of(binary, real))
@settings(deadline=None)
def test_greedy_keeps_its_guarantee(scores: Floats) -> None:
    steps = list(greedy(score_matrix(scores)))
    for m, step in enumerate(steps, start=1):
        pools = combinations(range(scores.shape[1]), m)
        best = max(scores[:, pool].max(axis=1).mean() for pool in pools)
        assert step.oracle >= (1 - 1 / math.e) * best - 1e-6


def test_greedy_chooses_among_candidates_only() -> None:
    scores = random_scores()
    candidates = np.array([7, 2, 4])
    steps = [step.model for step in greedy(score_matrix(scores), candidates)]
    assert sorted(steps) == [2, 4, 7]
    assert steps == [candidates[c] for c in naive_greedy(scores[:, candidates])]


def test_greedy_by_cost_buys_the_cheaper_of_two_equals_and_never_the_unknown() -> None:
    scores = [[1, 1, 0, 1], [1, 1, 0, 1], [0, 0, 1, 1], [0, 0, 0, 1]]
    costs = np.array([[4.0, 2.0, 3.0, np.nan]] * 4)
    records = Records.from_arrays("toy", scores, ["a", "b", "c", "d"], costs=costs)
    curve = scaling(records, "greedy-cost", n_boot=10).curves[0]
    assert curve.models == ("b", "c", "d", "a")
    with pytest.raises(DataError, match="no cost of any model is known"):
        scaling(made(scores), "greedy-cost")


@pytest.mark.parametrize("m", [1, 2, 5])
def test_ten_thousand_random_pools(m: int) -> None:
    scores = random_scores(80, 30)
    rng = np.random.default_rng(m)
    pools = rng.permuted(np.tile(np.arange(30), (10_000, 1)), axis=1)[:, :m]
    drawn = score_matrix(scores).draw_oracles(pools)
    error = drawn.std(ddof=1) / 100
    assert abs(drawn.mean() - curve_of(scores).at(m)) < 4 * error


@pytest.fixture(scope="module")
def metabench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Records]]:
    """Real models: records of the Open model Leaderboard that metabench keeps."""
    if not (SHARED / "metabench").exists():
        pytest.skip("needs ../shared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROUTEREVAL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield {records.name: records for records in open_source(SHARED / "metabench")}


@pytest.mark.parametrize("benchmark", ["winogrande", "mmlu", "truthfulqa", "hellaswag"])
def test_ten_thousand_random_pools_of_real_models(
    benchmark: str, metabench: dict[str, Records]
) -> None:
    records = metabench[benchmark]
    curve = scaling(records, n_boot=10).curves[0]
    assert curve.n_models == records.n_models
    rng = np.random.default_rng(0)
    for m in (3, 10, 100):
        # with so many models, most draws hold no model twice; the others are drawn again
        pools = np.sort(rng.integers(0, records.n_models, (40_000, m)), axis=1)
        pools = pools[(np.diff(pools, axis=1) > 0).all(axis=1)][:10_000]
        assert len(pools) == 10_000
        drawn = records.scores.draw_oracles(pools)
        one_miss = 1 / (10_000 * records.n_prompts)  # below this, 10,000 pools see nothing
        error = drawn.std(ddof=1) / 100
        assert abs(drawn.mean() - curve.at(m)) < 4 * error + one_miss, m


def test_ten_thousand_random_pools_of_real_models_with_missing_cells(
    metabench: dict[str, Records],
) -> None:
    records = metabench["gsm8k"]
    curve = scaling(records, n_boot=10).curves[0]
    assert curve.n_models < records.n_models
    scores, m, n_pools = records.dense().T, 5, 10_000
    seen, right, rng = ~np.isnan(scores), scores == 1, np.random.default_rng(0)
    drawn = np.empty(n_pools)
    for pool in range(n_pools):
        queue = rng.choice(records.n_models, 20, replace=False, shuffle=True)
        turn = np.cumsum(seen[queue], axis=0, dtype=np.int8)  # the first m observed are the pool
        assert turn[-1].min() >= m
        drawn[pool] = (right[queue] & (turn <= m)).any(axis=0).mean()
    assert abs(drawn.mean() - curve.at(m)) < 4 * drawn.std(ddof=1) / 100


def test_the_macro_average_weighs_benchmarks_alike_and_ends_at_the_shortest() -> None:
    long, short = random_scores(90, 12, 1), random_scores(30, 7, 2)
    found = scaling([made(long, "long"), made(short, "short")], reference=0.8)
    assert found.mean is not None
    assert found.mean.n_models == 7
    both = (found["long"].oracle[:7] + found["short"].oracle) / 2
    np.testing.assert_allclose(found.mean.oracle, both)
    assert found.mean.n_prompts == 120
    assert found.mean.reference == pytest.approx(0.8)
    assert found.mean.interval(7).low < both[-1]
    with pytest.raises(KeyError):
        found["middle"]


def test_intervals_hold_the_curve_and_are_as_wide_as_theory_says() -> None:
    scores = random_scores(800, 12, 3)
    curve = scaling(made(scores), n_boot=1000).curves[0]
    for p in curve.p:
        at = curve.noisy(p)[curve.sizes - 1]
        row = curve.p.index(p)
        assert (curve.low[row] <= at).all()
        assert (at <= curve.high[row]).all()
    low, high = curve.interval(12)
    width = 2 * 1.96 * scores.max(axis=1).std() / np.sqrt(800)
    assert high - low == pytest.approx(width, rel=0.15)
    low, high = curve.interval(12, p=0.0)
    assert high - low == pytest.approx(
        2 * 1.96 * scores.mean(axis=1).std() / np.sqrt(800), rel=0.15
    )


def test_many_resamples_are_drawn_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routereval.studies.scaling._WEIGHTS", 60 * 30)
    curve = scaling(made(random_scores()), n_boot=100).curves[0]
    assert (curve.high - curve.low)[-1, 1] > 0


@pytest.mark.parametrize("order", ["random", "greedy"])
def test_the_same_seed_gives_the_same_numbers(order: str) -> None:
    first, again = (scaling(made(random_scores()), order, n_boot=30) for _ in range(2))
    other = scaling(made(random_scores()), order, n_boot=30, seed=1)
    assert first.to_frame().equals(again.to_frame())
    assert not np.array_equal(first.curves[0].low, other.curves[0].low)
    np.testing.assert_array_equal(first.curves[0].oracle, other.curves[0].oracle)


def test_a_benchmark_has_the_same_numbers_alone_and_among_others() -> None:
    one, other = made(random_scores(), "one"), made(random_scores(40, 9, 5), "other")
    together = scaling([other, one], n_boot=30)["one"]
    alone = scaling(one, n_boot=30)["one"]
    np.testing.assert_array_equal(alone.low, together.low)


def test_the_reference_is_passed() -> None:
    scores = np.kron(np.eye(4), np.ones((5, 1)))  # each of four models knows a quarter
    curve = curve_of(scores, reference=0.6)
    assert curve.oracle.tolist() == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert [curve.passing(p) for p in (1.0, 0.5, 0.4)] == [3, 4, None]
    assert curve_of(scores).passing() is None
    assert curve.saturation(0.6) == 3


def test_weak_models_together() -> None:
    scores = np.kron(np.eye(4), np.ones((5, 1)))
    scores[:, 3] = 1
    records = made(scores)
    pool = weak_together(records, target=0.6)
    assert (pool.n_weak, pool.models, pool.oracle) == (3, ("llm-0", "llm-1", "llm-2"), 0.75)
    assert pool.passes
    assert not weak_together(records, target=0.75).passes
    assert weak_together(records, target=0.6, below=0.1) == (0.1, 0.6, 0, (), 0.0)
    curve = curve_of(scores, reference=0.4)
    assert curve.weak is not None
    assert curve.weak.models == ("llm-0", "llm-1")


def test_weak_models_with_missing_cells_keep_their_names() -> None:
    scores = np.full((6, 4), np.nan)
    scores[:, 1:] = np.kron(np.eye(3), np.ones((2, 1)))
    scores[0, 0] = 1
    for order in ("random", "greedy"):
        curve = curve_of(scores, order, reference=0.5)
        assert curve.weak is not None
        assert set(curve.weak.models) == {"llm-1", "llm-2"}


def test_the_frame_holds_every_size_and_noise() -> None:
    found = scaling([made(random_scores(), "a"), made(random_scores(40, 25, 4), "b")], n_boot=20)
    frame = found.to_frame()
    assert frame.height == 11 * (9 + 25 + 9)
    assert frame["benchmark"].unique(maintain_order=True).to_list() == ["a", "b", MEAN]
    part = frame.filter((frame["benchmark"] == "b") & (frame["p"] == 1.0))
    np.testing.assert_array_equal(part["score"].to_numpy(), found["b"].oracle)
    has = part.drop_nulls("low")
    assert has["m"].to_list() == found["b"].sizes.tolist()
    assert 10 in has["m"]
    assert 7 not in has["m"]


def test_the_summary_holds_a_line_a_benchmark() -> None:
    found = scaling(made(random_scores()), reference=0.5, n_boot=20)
    (line,) = found.summary().to_dicts()
    curve = found.curves[0]
    assert (line["benchmark"], line["prompts"], line["models"]) == ("toy", 60, 9)
    assert line["oracle_5"] == curve.at(5)
    assert line["oracle_all"] == curve.oracle[-1]
    assert line["oracle_10"] is None
    assert line["oracle_10_low"] is None
    assert line["passes_at"] == curve.passing()
    assert line["best_single"] == random_scores().mean(axis=0).max()


def test_notes_say_what_is_left_out() -> None:
    scores = random_scores()
    scores[:5, 0] = np.nan
    scores[5] = np.nan
    found = scaling([made(scores), made(random_scores(), "whole")], "greedy", n_boot=10)
    assert found.notes[0] == (
        "toy: cells are missing; pools of up to 9 of 9 models on 54 of 60 prompts"
    )
    assert found.notes[1].startswith("no reference score is known for toy, whole")
    assert "flatters" in found.notes[2]
    assert not scaling(made(random_scores()), reference=0.5, n_boot=10).notes


def test_simulated_records_stay_marked() -> None:
    demo = next(iter(open_source("demo")))
    found = scaling(demo, n_boot=10)
    assert found.simulated
    assert found.to_frame()["simulated"].all()


def test_what_cannot_be_studied_is_refused() -> None:
    records = made(random_scores())
    with pytest.raises(SpecError, match="unknown order 'greedi'; did you mean 'greedy'"):
        scaling(records, "greedi")
    with pytest.raises(DataError, match="two sources hold a benchmark named 'toy'"):
        scaling([records, records])
    with pytest.raises(DataError, match="no source"):
        scaling([])
    curve = scaling(records, n_boot=10).curves[0]
    with pytest.raises(SpecError, match="1 to 9 models, not 10"):
        curve.at(10)
    with pytest.raises(SpecError, match="no interval was computed at m = 7"):
        curve.interval(7)
    with pytest.raises(DataError, match="an expectation"):
        model_order("random", records.scores)


def test_a_single_model_is_a_curve_of_one_point() -> None:
    found = scaling(made([[1.0], [0.0]]), reference=0.4, n_boot=10)
    assert found.curves[0].oracle.tolist() == [0.5]
    assert found.curves[0].passing() == 1
    assert found.summary()["m99"].to_list() == [1]
