from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from routereval.results import Results
from routereval.results.cell_means import over_prompts
from routereval.results.standings import standings
from routereval.results.summary import MEAN, SHOWN, Estimate, Line, summarise
from routereval.scoring import METRICS, means, resamples
from routereval.scoring.estimates import Draws, Side, averaged, ends_of, mean_draws
from routereval.studies.run import run
from tests.made import Floats, made

ROUTERS = ("knn(k=5)", "best_single", "oracle", "random")


@pytest.fixture(scope="module")
def results() -> Results:
    """Two benchmarks, two sizes, two groups and two seeds; only the first has costs."""
    benchmarks = [
        made("one", n_prompts=80, costs=True),
        made("two", n_prompts=120, kind="real", n_subsets=2),
    ]
    groups = ["all-strong", "all-weak"]
    return run(benchmarks, ROUTERS, [3, 4], groups, seeds=2, n_jobs=1)


def line(lines: list[Line], router: str, benchmark: str, size: int = 3) -> Line:
    [found] = [
        ln for ln in lines if (ln.router, ln.benchmark, ln.size) == (router, benchmark, size)
    ]
    return found


def test_a_line_a_benchmark_and_their_mean_last(results: Results) -> None:
    lines = summarise(results)
    assert [(ln.size, ln.router, ln.benchmark) for ln in lines] == [
        (m, r, b) for m in (3, 4) for r in ROUTERS for b in ("one", "two", MEAN)
    ]
    assert {ln.router for ln in lines if ln.control} == {"best_single", "oracle", "random"}
    assert {(ln.benchmark, ln.n_cells) for ln in lines} == {("one", 4), ("two", 4), (MEAN, 8)}
    assert all(tuple(ln.metrics) == SHOWN for ln in lines)


def test_values_are_means_of_cells_then_of_benchmarks(results: Results) -> None:
    lines = summarise(results)
    for router in ROUTERS:
        for size in (3, 4):
            for metric in ("mu", "v_b", "e_p", "p_star"):
                by_benchmark = {
                    b: np.mean(
                        [
                            c.metrics[metric]
                            for c in results.of(router)
                            if (c.benchmark, c.size) == (b, size)
                        ]
                    )
                    for b in ("one", "two")
                }
                for benchmark, value in by_benchmark.items():
                    found = line(lines, router, benchmark, size).metrics[metric].value
                    assert found == pytest.approx(float(value), abs=1e-12)
                macro = line(lines, router, MEAN, size).metrics[metric].value
                assert macro == pytest.approx(
                    float(np.mean(list(by_benchmark.values()))), abs=1e-12
                )


def naive_interval(results: Results, router: str, metric: str, n_boot: int = 1500) -> Floats:
    """Benchmarks and seeds resampled apart, the pools of one test set together."""
    rng = np.random.default_rng(1)
    drawn = []
    for _ in range(n_boot):
        macro = []
        for benchmark in ("one", "two"):
            cells = [c for c in results.of(router) if c.benchmark == benchmark and c.size == 3]
            values = []
            for seed in (42, 43):
                W = None
                for cell in (c for c in cells if c.seed == seed):
                    evidence = results.outcomes[cell.key].evidence
                    if W is None:
                        W = weights(rng, evidence.subsets)
                    values.append(float(METRICS[metric].formula(means(evidence, W))[0]))
            macro.append(np.nanmean(values))
        drawn.append(np.mean(macro))
    return np.asarray(np.quantile(drawn, [0.025, 0.975]))


def weights(
    rng: np.random.Generator, subsets: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> Floats:
    W = np.zeros((1, len(subsets)))
    for subset in np.unique(subsets):
        rows = np.flatnonzero(subsets == subset)
        np.add.at(W[0], rng.choice(rows, len(rows)), 1 / len(subsets))
    return W


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["mu", "v_b"])
def test_the_interval_of_the_mean_is_that_of_the_bootstrap(results: Results, metric: str) -> None:
    found = line(summarise(results), "knn(k=5)", MEAN).metrics[metric]
    expected = naive_interval(results, "knn(k=5)", metric)
    wider = (found.high - found.low) / (expected[1] - expected[0])
    assert 1 < wider < 1.8  # few prompts: pseudo-prompts, and t's quantiles, count
    assert found.low < expected[0] < expected[1] < found.high
    assert found.low <= found.value <= found.high


def width(estimate: Estimate) -> float:
    return estimate.high - estimate.low


def test_pools_on_the_same_prompts_are_resampled_together() -> None:
    alike = run([made()], ["random"], [6], n_jobs=1)  # each pool holds all six models
    assert len({frozenset(c.pool) for c in alike.cells}) == 1
    [one, _] = summarise(Results(alike.cells[:1], alike.outcomes))
    [all_three, _] = summarise(alike)
    assert tuple(all_three.metrics["mu"]) == pytest.approx(tuple(one.metrics["mu"]), abs=1e-12)


def test_benchmarks_and_seeds_are_resampled_apart() -> None:
    records = made(n_prompts=200)
    twins = [records, replace(records, name="other")]
    [one, other, mean] = summarise(run(twins, ["random"], [6], n_jobs=1))
    assert one.metrics["mu"].value == other.metrics["mu"].value == mean.metrics["mu"].value
    for ratio in (
        width(mean.metrics["mu"]) / width(one.metrics["mu"]),
        width(one.metrics["mu"]) / width(other.metrics["mu"]) / np.sqrt(2),
    ):
        assert ratio == pytest.approx(np.sqrt(1 / 2), abs=0.1)
    seeds = run([records], ["random"], [6], ["all-weak"], seeds=4, n_jobs=1)
    single = [summarise(Results([c], seeds.outcomes))[0].metrics["mu"] for c in seeds.cells]
    together = summarise(seeds)[0].metrics["mu"]
    assert width(together) == pytest.approx(np.mean([width(e) for e in single]) / 2, rel=0.2)


def test_a_mean_over_benchmarks_is_surer_than_one_of_them(results: Results) -> None:
    lines = summarise(results)
    one, two, mean = (line(lines, "knn(k=5)", b).metrics["mu"] for b in ("one", "two", MEAN))
    assert width(mean) < max(width(one), width(two))


def test_what_a_benchmark_does_not_define_the_mean_does_not_either(results: Results) -> None:
    lines = summarise(results)
    assert not math.isnan(line(lines, "random", "one").metrics["cost"].value)
    for benchmark in ("two", MEAN):
        assert all(math.isnan(x) for x in line(lines, "random", benchmark).metrics["cost"])
    for benchmark in ("one", "two", MEAN):
        assert all(math.isnan(x) for x in line(lines, "random", benchmark).metrics["v_r"])


def test_a_cell_that_does_not_define_a_metric_does_not_count_for_it(results: Results) -> None:
    cells = [c for c in results.of("knn(k=5)") if (c.benchmark, c.size) == ("one", 3)]
    first = replace(cells[0], metrics={**cells[0].metrics, "p_star": float("nan")})
    fewer = Results([first, *cells[1:]], results.outcomes)
    found = line(summarise(fewer), "knn(k=5)", "one").metrics["p_star"].value
    assert found == pytest.approx(np.mean([c.metrics["p_star"] for c in cells[1:]]))


def test_what_is_certain_has_no_width(results: Results) -> None:
    lines = summarise(results)
    for router, value in (("oracle", 1.0), ("random", 0.0)):
        assert tuple(line(lines, router, MEAN).metrics["p_star"]) == pytest.approx((value,) * 3)


def test_one_benchmark_is_its_own_mean(results: Results) -> None:
    alone = Results([c for c in results.cells if c.benchmark == "one"], results.outcomes)
    lines = summarise(alone)
    one, mean = line(lines, "knn(k=5)", "one"), line(lines, "knn(k=5)", MEAN)
    assert str(one.metrics) == str(mean.metrics)


def test_lines_follow_the_cells_not_their_order_of_finishing(results: Results) -> None:
    one, other = summarise(results), summarise(Results(results.cells, results.outcomes))
    assert str(one) == str(other)


def test_other_metrics_may_be_asked_for(results: Results) -> None:
    lines = summarise(results, ["regret"])
    assert {tuple(ln.metrics) for ln in lines} == {("regret",)}
    assert line(lines, "oracle", MEAN).metrics["regret"].value == pytest.approx(0, abs=1e-12)


def test_no_cells_no_lines() -> None:
    assert summarise(Results([], {})) == []


def test_one_cell_has_one_interval(results: Results) -> None:
    """What results.jsonl keeps is what every table shows."""
    for cell in results.cells:
        [alone, mean] = summarise(Results([cell], results.outcomes))
        for name in ("mu", "v_b", "p_star", "cost", "e_p"):
            own = tuple(cell.intervals[name])
            for shown in (alone, mean):
                assert tuple(shown.metrics[name])[1:] == pytest.approx(own, abs=0, nan_ok=True)
            assert (name in cell.doubtful) == (name in alone.doubtful)


def test_standings_show_the_interval_of_the_table(results: Results) -> None:
    for size in (3, 4):
        lines = summarise(results.only(size))
        for row in standings(results.only(size)).rows:
            shown = line(lines, row.router, MEAN, size).metrics["mu"]
            assert (row.mu, *row.interval) == pytest.approx(tuple(shown), abs=1e-12)
        at_hand = {line.router: line.metrics["mu"] for line in lines if line.benchmark == MEAN}
        assert standings(results.only(size), scores=at_hand) == standings(results.only(size))


def test_the_number_of_resamples_decides_cell_table_and_key() -> None:
    few, many = (
        run([made()], ["knn(k=5)"], [3], ["all-strong"], n_boot=n, n_jobs=1) for n in (2, 300)
    )
    [one], [other] = few.cells, many.cells
    assert (one.n_boot, other.n_boot) == (2, 300)
    assert one.key != other.key
    assert one.intervals["mu"] != other.intervals["mu"]
    for found in (few, many):
        assert tuple(summarise(found)[0].metrics["mu"])[1:] == tuple(found.cells[0].intervals["mu"])


def test_the_number_of_resamples_decides_the_intervals_of_ranks_too() -> None:
    both = [made("a", n_prompts=200), made("b", n_prompts=200, seed=3)]
    few, many = (
        run(both, ["knn(k=5)", "random"], [3], ["all-strong"], n_boot=n, n_jobs=1) for n in (2, 300)
    )
    assert standings(few).rows[0].rank != standings(many).rows[0].rank


def test_undefined_replicates_are_left_out_of_a_mean() -> None:
    """Where two models differ on one prompt, a third of the resamples define no p*."""
    side = Side(0.5, 0.5, np.array([0.2, np.nan, 0.4, 0.9]))
    both = averaged([Draws(0.5, side, side)] * 2)
    assert np.isnan(both.low.drawn).tolist() == [False, True, False, False]
    assert not ends_of(both).holds


def test_seeds_that_test_the_same_prompts_are_no_surer_than_one() -> None:
    rows = np.arange(50).tobytes(), np.arange(50)[::-1].copy().tobytes()
    drawn = mean_draws(np.tile([1.0, 0.0], 25), resamples(np.zeros(50)))
    one, both = over_prompts([(rows[0], drawn)]), over_prompts([(row, drawn) for row in rows])
    assert both.high - both.low == pytest.approx(one.high - one.low)
    apart = over_prompts([(rows[0], drawn), (np.arange(50, 100).tobytes(), drawn)])
    assert apart.high - apart.low == pytest.approx((one.high - one.low) / np.sqrt(2), rel=1e-3)
