from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routereval.errors import DataError, SpecError
from routereval.records import Records
from routereval.results import Results
from routereval.results.common_prompts import stacked
from routereval.results.comparison import compare, corrected
from routereval.results.standings import standings
from routereval.results.summary import MEAN, summarise
from routereval.scoring import holm, paired_test
from routereval.studies.run import run
from tests.made import made
from tests.results.test_results import cell, outcome, two


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Three routers on two benchmarks of different length, two seeds, two sizes."""
    from _pytest.monkeypatch import MonkeyPatch

    with MonkeyPatch.context() as patch:
        patch.setenv("ROUTEREVAL_CACHE", str(tmp_path_factory.mktemp("cache")))
        return run(
            [made("long", 300, n_subsets=3), made("short", 80, seed=4)],
            ["knn(k=5)", "linear", "random", "best_single"],
            [3, 4],
            seeds=2,
            n_jobs=1,
        )


@pytest.mark.parametrize("size", [3, 4])
def test_a_difference_is_that_of_the_table(results: Results, size: int) -> None:
    held = results.only(size)
    table = {
        line.router: line.metrics["mu"].value
        for line in summarise(held, ["mu"])
        if line.benchmark == MEAN
    }
    for a, b in (("knn(k=5)", "linear"), ("linear", "random"), ("knn(k=5)", "best_single")):
        assert compare(held, a, b).test.difference == pytest.approx(table[a] - table[b])


def test_the_difference_is_the_mean_of_those_of_the_benchmarks(results: Results) -> None:
    verdict = compare(results, "knn(k=5)", "random")
    assert list(verdict.by_benchmark) == ["long", "short"]
    each = [test.difference for test in verdict.by_benchmark.values()]
    assert verdict.test.difference == pytest.approx(np.mean(each))
    assert verdict.test.n_prompts == sum(t.n_prompts for t in verdict.by_benchmark.values())
    assert sum(verdict.tally) == 2


def test_the_spread_over_seeds_stands_apart(results: Results) -> None:
    seeds = compare(results, "knn(k=5)", "random").seeds
    assert seeds is not None
    assert list(seeds.differences) == [42, 43]
    for seed, difference in seeds.differences.items():
        alone = replace(results, cells=[c for c in results.cells if c.seed == seed])
        verdict = compare(alone, "knn(k=5)", "random")
        assert verdict.seeds is None
        assert verdict.test.difference == pytest.approx(difference)
    values = list(seeds.differences.values())
    assert seeds.deviation == pytest.approx(abs(values[0] - values[1]) / np.sqrt(2))
    assert seeds.sentence("a", "b").startswith("Over 2 seeds the difference varies from ")


def test_yardsticks_need_no_run(results: Results) -> None:
    """The evidence of every cell holds the scores of the best single model, as its run does."""
    learned = [c for c in results.cells if c.router in {"knn(k=5)", "linear"}]
    without = replace(results, cells=learned)
    assert without.routers == ["knn(k=5)", "linear"]
    for name in ("best_single", "random"):
        alone, run_too = compare(without, "linear", name), compare(results, "linear", name)
        assert alone.test.difference == pytest.approx(run_too.test.difference)
    assert compare(without, "linear", "oracle").test.difference < 0
    assert compare(without, "oracle", "random").test.significant


def test_p_values_of_benchmarks_are_corrected(results: Results) -> None:
    tests = compare(results, "linear", "random").by_benchmark
    raw = [test.p_value for test in tests.values()]
    assert [test.p for test in tests.values()] == holm(raw).tolist()
    single = compare(two([[1.0, 0.0]], [[0.0, 0.0]]), "a", "b").by_benchmark
    assert [test.p_adjusted for test in single.values()] == [None]
    assert corrected([]) == []


def test_on_one_cell_the_test_is_the_plain_one() -> None:
    rng = np.random.default_rng(2)
    one, other = rng.random((2, 50)).round(2).tolist()
    found = compare(two([one], [other]), "a", "b").test
    plain = paired_test(one, other)
    assert found.difference == pytest.approx(plain.difference)
    assert found.p_value == pytest.approx(plain.p_value, abs=0.02)
    assert (found.wins, found.losses) == (plain.wins, plain.losses)


def test_routers_tested_on_other_prompts_are_told() -> None:
    results = two([[1.0, 0.0]], [[0.0, 0.0]])
    key = results.of("b")[0].key
    outcomes = {**results.outcomes, key: outcome([0.0, 0.0], [5, 6])}
    with pytest.raises(DataError, match="b: the routers were tested on different prompts"):
        compare(replace(results, outcomes=outcomes), "a", "b")


def test_one_of_several_protocols_can_be_compared(results: Results) -> None:
    few = [replace(c, protocol="few_shot(n=30)") if c.seed == 42 else c for c in results.cells]
    outcomes = dict(zip((c.key for c in few), results.outcomes.values(), strict=True))
    both = Results(few, outcomes, results.notes, results.info)
    assert {c.seed for c in both.only(protocol="few_shot(n=30)").cells} == {42}
    assert len(both.only(3).cells) == len(results.only(3).cells)
    with pytest.raises(SpecError, match="unknown protocol of this run 'few_shot'; did you mean"):
        both.only(protocol="few_shot")


def test_a_size_that_is_not_there_is_told(results: Results) -> None:
    assert {c.size for c in results.only(3).cells} == {3}
    with pytest.raises(DataError, match="no pool of 7 models is among the results; sizes: 3, 4"):
        results.only(7)


def test_standings_hold_everyone_against_the_best_single_model(results: Results) -> None:
    found = standings(results)
    assert found.against == "best_single"
    assert sorted(row.router for row in found.rows) == sorted(results.routers)
    assert [row.mu for row in found.rows] == sorted((row.mu for row in found.rows), reverse=True)
    assert (found.n_benchmarks, found.n_prompts) == (2, 72)  # of 76 draws, 4 in both seeds
    learned = {row.router: row.test for row in found.rows if row.test}
    assert set(learned) == {"knn(k=5)", "linear"}
    raw = [test.p_value for test in learned.values()]
    assert [test.p for test in learned.values()] == holm(raw).tolist()
    for row in found.rows:
        assert row.interval.low <= row.mu <= row.interval.high
        assert row.rank is not None
        assert 1 <= row.rank.low <= row.rank.mean <= row.rank.high <= 4
        alone = compare(results, row.router, "best_single")
        assert row.tally == alone.tally
        if row.test:
            assert row.test.difference == pytest.approx(alone.test.difference)


def test_standings_against_another(results: Results) -> None:
    found = standings(results, "random")
    assert "beat random on" in found.sentence
    with pytest.raises(SpecError, match="unknown router of this run 'kn'"):
        standings(results, "kn")


def win(n: int) -> list[float]:
    return [1.0] * n + [0.0] * (60 - n)


def test_the_sentence_of_the_standings() -> None:
    better = two([win(50)], [win(10)])
    assert standings(better, "b").sentence == ("a beats b on 60 prompts.")
    assert standings(better, "a").sentence == "b does not beat a on 60 prompts."
    controls = replace(better, cells=[replace(c, control=True) for c in better.cells])
    assert standings(controls, "a").sentence == "No learned router stands beside a."


def test_a_router_that_failed_somewhere_has_no_rank_but_a_test() -> None:
    results = two([win(50), win(40)], [win(10), win(20)], benchmark=["x", "y"])
    lone = cell(router="c", benchmark="z", size=5)
    apart = Results([*results.cells, lone], {**results.outcomes, lone.key: outcome(win(30))})
    found = standings(apart)
    assert all(row.rank is None for row in found.rows)
    assert all(row.test is not None for row in found.rows)
    assert standings(apart, "a").rows[-1].router == "b"  # c has nothing in common with a
    with pytest.raises(DataError, match="a and c have no cell in common"):
        compare(apart, "a", "c")


def test_a_mixed_stream_is_told_apart() -> None:
    results = two([[1.0, 1, 0, 1, 1]], [[0.0, 0, 0, 0, 1]], rows=[[0, 3, 7, 8, 9]])
    mixed = replace(results, cells=[replace(c, parts={"x": 0, "y": 7}) for c in results.cells])
    verdict = compare(mixed, "a", "b")
    assert verdict.test.difference == pytest.approx(3 / 5)  # a mean over prompts, as in the table
    assert {n: t.difference for n, t in verdict.by_benchmark.items()} == pytest.approx(
        {"x": 1, "y": 1 / 3}
    )


def test_equal_prompts_count_as_one() -> None:
    """Groups are those of the evidence, whatever codes each cell has for them."""
    one, other = win(24), win(12)
    apart = two([one, one], [other, other], seed=[1, 2])
    codes = {cell.key: np.arange(60) // 4 + cell.seed for cell in apart.cells}
    outcomes = {
        key: held._replace(evidence=replace(held.evidence, groups=codes[key]))
        for key, held in apart.outcomes.items()
    }
    grouped = compare(replace(apart, outcomes=outcomes), "a", "b").test
    plain = compare(apart, "a", "b").test
    assert (plain.n_units, grouped.n_units) == (60, 15)
    assert (plain.significant, grouped.p_value > plain.p_value) == (True, True)
    assert grouped.detectable > plain.detectable


def several(differ: float, n_seeds: int, *, one_split: bool = False, n_train: int = 800) -> Results:
    """Two routers of which each seed has a test part of its own, of 100 of 1,000 prompts."""
    rng = np.random.default_rng(3)
    rows = [np.arange(100) if one_split else rng.permutation(1000)[:100] for _ in range(n_seeds)]
    a = [rng.choice([0.0, 1.0], 100, p=[0.5 - differ, 0.5 + differ]).tolist() for _ in rows]
    b = [rng.choice([0.0, 1.0], 100).tolist() for _ in rows]
    held = two(a, b, seed=list(range(n_seeds)), rows=[r.tolist() for r in rows])
    # the scores of a prompt differ from seed to seed here, as the fits do
    cells = [replace(c, n_train=n_train, n_test=100) for c in held.cells]
    outcomes = dict(zip((c.key for c in cells), held.outcomes.values(), strict=True))
    return replace(held, cells=cells, outcomes=outcomes)


def test_from_five_seeds_on_the_claim_is_on_the_algorithms() -> None:
    found = compare(several(0.3, 5), "a", "b")
    assert found.over_fits is not None
    assert (found.over_fits.method, found.over_fits.n_fits) == ("resampled_t", 5)
    assert found.over_fits.difference == found.test.difference
    assert found.sentence.startswith("Trained anew, a beats b by 0.")
    assert "5 fits of each). Of these fitted routers, a beats b by" in found.sentence
    assert compare(several(0.3, 5), "b", "a").sentence.startswith("Trained anew, a beats b by 0.")
    assert "Trained anew, a and b cannot be told apart: difference" in str(
        compare(several(0.0, 5), "a", "b")
    )
    few_shot = compare(several(0.3, 5, n_train=30), "a", "b").over_fits
    assert few_shot is not None
    assert few_shot.method == "components"


def test_with_fewer_seeds_or_one_split_it_is_on_the_fits() -> None:
    few = compare(several(0.3, 4), "a", "b")
    assert few.over_fits is None
    assert few.sentence.startswith("Of these fitted routers, a beats b by")
    assert few.sentence.endswith("training is not in it: that takes 5 seeds or more.")
    same = compare(several(0.3, 6, one_split=True), "a", "b")
    assert same.over_fits is None
    assert same.sentence.endswith("not in it: all 6 seeds share one split.")


def test_sameness_and_probabilities_stand_where_they_are_asked_for(results: Results) -> None:
    verdict = compare(results, "knn(k=5)", "linear", margin=0.4, rope=0.01)
    assert verdict.sameness is not None
    assert verdict.sameness.non_inferior
    assert verdict.probabilities is not None
    assert sum(verdict.probabilities[1:]) == pytest.approx(1)
    plain = compare(results, "knn(k=5)", "linear")
    assert (plain.sameness, plain.saving, plain.probabilities) == (None, None, None)
    with pytest.raises(SpecError, match="margin must lie"):
        compare(results, "knn(k=5)", "linear", margin=2)


def test_a_prompt_in_two_pools_is_one_prompt(results: Results) -> None:
    stack = stacked(results.only(3), ["linear", "random"], 42)
    assert stack.weight.sum() == pytest.approx(1)
    assert len(stack.weight) == 30 + 8
    assert stack.means.shape == (2,)


@pytest.mark.slow
def test_the_command(
    command_line: Any,  # noqa: ANN401 - a fixture
    tmp_path: Path,
) -> None:
    import json

    out = tmp_path / "out"
    run([made(), made("two")], ["knn(k=5)", "linear"], [3], seeds=2, out=out, n_jobs=1)
    pair = command_line("compare", out, "knn(k=5)", "linear", "-q")
    assert (pair.status, pair.err) == (0, "")
    assert "knn(k=5) and linear cannot be told apart on" in pair.out
    assert "smallest difference that these prompts can tell: 0." in pair.out
    assert "Over 2 seeds the difference varies from" in pair.out
    assert "knn(k=5) minus linear" in pair.out
    asked = ("compare", out, "knn(k=5)", "linear", "--margin", "0.9", "--rope", "0.01")
    same = command_line(*asked)
    assert "knn(k=5) is as good as linear within 0.9 (non-inferior, p < 0.001" in same.out
    assert "Probability (of these fits) that knn(k=5) is better than linear by more" in same.out
    assert set(json.loads(command_line(*asked, "--format", "json").out)["probabilities"]) == {
        *("rope", "better", "same", "worse")
    }
    assert command_line("compare", out, "--margin", "0.1").status == 2
    everyone = command_line("compare", out)
    assert "None of 2 learned routers beats best_single on" in everyone.out
    assert "after Holm's correction." in " ".join(everyone.out.split())
    assert "mean rank" in everyone.out
    held = json.loads(command_line("compare", out, "linear", "oracle", "--format", "json").out)
    assert "routers, oracle beats linear by 0." in held["sentence"]
    assert set(held["by_benchmark"]) == {"one", "two"}
    rows = json.loads(command_line("compare", out, "--size", "3", "--format", "json").out)["rows"]
    assert {row["router"] for row in rows} == {"knn(k=5)", "linear"}
    assert set(rows[0]["rank"]) == {"mean", "low", "high"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["a", "b", "c"], "compare takes two routers, not 3: a, b, c"),
        (["kn", "linear"], "unknown router of this run 'kn'"),
        (["--size", "9"], "no pool of 9 models is among the results; sizes: 3"),
    ],
)
def test_wrong_arguments_are_told(
    arguments: list[str],
    sentence: str,
    command_line: Any,  # noqa: ANN401 - a fixture
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    run([made()], ["linear", "random"], [3], ["all-strong"], out=out, n_jobs=1)
    answer = command_line("compare", out, *arguments)
    assert answer.status == 2
    assert sentence in answer.err
    assert "Traceback" not in answer.err


def logged_four_times(seed: int = 0) -> Records:
    """Questions that teach nothing but their own answers, each logged four times."""
    rng = np.random.default_rng(seed)
    words = [f"w{n}" for n in range(200)]
    texts = [" ".join(rng.choice(words, 12)) for _ in range(300)]
    scores = (rng.random((300, 3)) < [0.45, 0.5, 0.55]).astype(float)
    return Records.from_arrays(
        "copies", np.repeat(scores, 4, axis=0), list("abc"), np.repeat(texts, 4).tolist()
    )


def test_questions_logged_four_times_give_no_gain() -> None:
    """Whoever meets the copies of its training prompts in the test seems to have learned."""
    one = [logged_four_times()], ["knn(k=1)"], [3]
    verdict = compare(run(*one, embedder="tfidf", n_jobs=1), "knn(k=1)", "best_single")
    assert not verdict.test.significant
    assert verdict.test.n_units < verdict.test.n_prompts / 3
    straddling = run(*one, embedder="tfidf", protocol="faithful", n_jobs=1)
    trap = compare(straddling, "knn(k=1)", "best_single").test
    assert trap.significant
    assert trap.difference > 0.2
