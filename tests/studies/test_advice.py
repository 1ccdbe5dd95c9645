"""Advice: the verdict follows from the numbers, the numbers from held-out prompts."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from routereval.errors import DataError, SpecError
from routereval.records import Records
from routereval.report.layouts.advise import advice_document
from routereval.report.terminal import to_text
from routereval.results.summary import Estimate
from routereval.scoring.estimates import unseen_difference
from routereval.sources import open_source
from routereval.studies.advise import Advice, advise
from routereval.studies.advise.advice import Alone, BenchmarkAdvice, Decision, Learned, Routed
from routereval.studies.advise.decision import answer_of
from routereval.studies.advise.deploy import deploy
from routereval.studies.advise.learned import (
    OutOfFold,
    best_of,
    best_shares,
    code_digest,
    out_of_fold,
    pool_of,
)
from routereval.studies.advise.plan import AdvicePlan
from routereval.studies.advise.resampled import Resampled
from routereval.studies.advise.score_table import score_table_of
from routereval.studies.advise.traffic import check_traffic, prompt_weights, read_traffic
from routereval.studies.advise.tried import Tried, mixture
from routereval.studies.advise.yardsticks import Yardsticks
from tests.made import Floats

SHARED = next(
    (p / "shared" for p in Path(__file__).parents if (p / "shared").exists()), Path("/nowhere")
)
NAN = float("nan")


def named(n: int) -> list[str]:
    return [f"llm-{i}" for i in range(n)]


def specialists(n: int = 300, m: int = 6, *, seed: int = 0, costs: bool = False) -> Records:
    """Three kinds of prompts, told by a feature; each model is good at one of them."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, n)
    chance = np.where(kind[:, None] == np.arange(m) % 3, 0.9, 0.35)
    scores = (rng.random((n, m)) < chance).astype(float)
    usd = np.tile(np.linspace(0.001, 0.01, m), (n, 1)) if costs else None
    return Records.from_arrays(
        "kinds", scores, named(m), costs=usd, features=np.eye(3)[kind], subsets=parts(n)
    )


def parts(n: int) -> list[str]:
    return [f"part-{row % 2}" for row in range(n)]


def cascade(n: int = 800, *, seed: int = 0) -> Records:
    """Easy prompts that all get right, hard ones that only the dear model does; a feature tells."""
    rng = np.random.default_rng(seed)
    easy = rng.random(n) < 0.6
    chance = np.where(easy[:, None], 0.999, [[0.8, 0.05, 0.05]])
    scores = (rng.random((n, 3)) < chance).astype(float)
    usd = np.tile([0.01, 0.001, 0.001], (n, 1))
    return Records.from_arrays(
        "easy-and-hard", scores, named(3), costs=usd, features=easy[:, None] * 1.0
    )


def luck(n: int = 400, m: int = 12, seed: int = 0, *, features: bool = True) -> Records:
    rng = np.random.default_rng(seed)
    skill = np.array([0.7, *[0.5] * (m - 1)])
    scores = (rng.random((n, m)) < skill) * 1.0
    vectors = rng.normal(size=(n, 2)) if features else None
    return Records.from_arrays("luck", scores, named(m), features=vectors)


def decided(records: Records, **options: object) -> Decision:
    return advised(records, **options).decision


def advised(records: Records, **options: object) -> BenchmarkAdvice:
    usual: dict[str, object] = {"n_boot": 50, "max_models": 3, "routers": ["knn(k=20)"]}
    return advise(records, **(usual | options)).benchmarks[0]  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROUTEREVAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


# The answers


def test_specialists_are_worth_routing() -> None:
    found = advised(specialists(), max_models=6)
    decision = found.decision
    assert (decision.answer, decision.use) == ("route", "")
    assert decision.learned is not None
    assert decision.learned.best.gain.low > 0.1
    assert decision.learned.n_tested == 300
    assert decision.learned.n_train == 270
    assert decision.learned.prompts_needed < 200
    assert sum(share for _, share in decision.learned.best.share) == pytest.approx(1)
    assert math.isnan(decision.best.usd)
    assert [pool.size for pool in found.pools] == [3, 5, 6]


@pytest.mark.slow
def test_of_records_without_texts_it_says_where_each_subset_goes(tmp_path: Path) -> None:
    """No router that reads a new prompt can be kept: what it learned is a table."""
    rng = np.random.default_rng(0)
    kind = np.arange(400) % 4
    chance = np.where(kind[:, None] == np.arange(3), 0.95, 0.5)
    scores = (rng.random((400, 3)) < chance).astype(float)
    records = Records.from_arrays("kinds", scores, named(3), subsets=[f"kind-{k}" for k in kind])
    records.save(tmp_path / "records")
    advice = advise([records], n_boot=300)
    found = advice.benchmarks[-1].decision
    assert found.answer == "route"
    assert found.routed is not None
    assert [model for _, model, _ in found.routed.by_subset[:3]] == named(3)
    assert "by a rule for each subset. kind-0 to llm-0" in to_text(advice_document(advice))
    deploy(advice, tmp_path / "records", tmp_path / "out")
    lines = (tmp_path / "out" / "next.txt").read_text("utf-8").splitlines()
    assert lines[0].startswith("# no router is kept")
    assert lines[2].startswith("#   kind-0 to llm-0")
    (tmp_path / "out" / "router").mkdir()
    deploy(advice, tmp_path / "records", tmp_path / "out")
    assert "of an earlier verdict" in (tmp_path / "out" / "next.txt").read_text("utf-8")
    with_features = decided(specialists()).learned
    assert with_features is not None
    assert with_features.best.by_subset == ()


def test_luck_is_not_worth_routing() -> None:
    found = advised(luck())
    assert found.decision.answer in {"no", "unclear"}
    assert found.decision.use == "llm-0"
    assert found.pools[0].oracle.value > found.decision.best.score.value + 0.15


def test_without_anything_to_read_the_ceiling_alone_can_say_no() -> None:
    found = decided(luck(1500, features=False))
    assert found.answer == "no"
    assert found.learned is None
    assert "no prompt texts" in found.missing
    assert decided(luck(60, 2, features=False)).answer == "unclear"


def test_money_is_saved_where_a_feature_tells_easy_prompts() -> None:
    found = decided(cascade(), budget=5.0, monthly=1e6)
    assert (found.answer, found.best.model) == ("save", "llm-0")
    assert found.learned is not None
    cheap, within = found.learned.cheap, found.learned.within
    assert cheap is not None
    assert within is not None
    assert found.routed is cheap
    assert cheap.lead.low > -0.01
    assert 0.3 < cheap.saving.low < cheap.saving.high < 0.7
    assert cheap.over_mixture.low > 0.05
    assert within.usd.value <= 5.0
    assert found.affordable is not None
    assert within.score.value > found.affordable.score.value + 0.1
    assert found.monthly.value == pytest.approx(1e6 * (0.01 - cheap.usd.value / 1000), rel=1e-6)


def test_a_cheaper_model_of_equal_score_is_named_and_no_router() -> None:
    rng = np.random.default_rng(0)
    scores = (rng.random((400, 3)) < [0.7, 0.7, 0.4]) * 1.0
    scores[:, 1] = rng.permutation(scores[:, 0])
    usd = np.tile([0.01, 0.001, 0.0005], (400, 1))
    vectors = rng.normal(size=(400, 2))
    equal = Records.from_arrays("equal", scores, named(3), costs=usd, features=vectors)
    found = decided(equal)
    assert found.use == "llm-1"
    assert found.answer in {"no", "unclear"}  # it is the best single model: as good, and cheaper
    scores[np.flatnonzero(scores[:, 1])[:2], 1] = 0
    worse = decided(Records.from_arrays("worse", scores, named(3), costs=usd, features=vectors))
    assert (worse.answer, worse.use) == ("cheaper?", "llm-1")
    assert worse.best.model == "llm-0"
    assert worse.enough is not None
    assert worse.enough.lead.value == pytest.approx(-0.005)


def test_a_floor_asks_for_the_least_cost() -> None:
    records = cascade()
    named_floor = decided(records, floor="llm-1")
    assert named_floor.floor_model == "llm-1"
    assert named_floor.answer == "cheaper"
    score = decided(records, floor=0.7)
    assert (score.floor, score.floor_model) == (0.7, "")
    assert score.answer == "save"
    with pytest.raises(SpecError, match="model for the floor"):
        decided(records, floor="llm-9")


def test_the_verdict_is_of_the_traffic_that_is_named() -> None:
    records = specialists()
    even = decided(records, traffic={"part-0": 1, "part-1": 1})
    one = decided(records, traffic={"part-0": 1})
    assert even.learned is not None
    assert one.learned is not None
    half = records.subsets == 0
    column = records.models.index(one.best.model)
    assert one.best.score.value == pytest.approx(records.dense()[half, column].mean())
    assert one.learned.best.score.value != even.learned.best.score.value


def test_what_the_traffic_does_not_name_is_said() -> None:
    records = specialists(60)
    notes = check_traffic([records], {"part-0": 1})
    assert notes == ["kinds: the traffic does not name part-1; 30 prompts count for nothing"]
    assert check_traffic([records], {"part-0": 1, "part-1": 2}) == []
    assert check_traffic([records], {"kinds": 1}) == []
    with pytest.raises(SpecError, match="'prat-0'; did you mean 'part-0'"):
        decided(records, traffic={"prat-0": 1, "part-1": 1})


# Rules


def routed(gain: float, half: float, *, lead: float = 0.0, saving: float = NAN) -> Routed:
    def around(value: float) -> Estimate:
        return Estimate(value, value - half, value + half)

    nothing = Estimate(NAN, NAN, NAN)
    saved = nothing if math.isnan(saving) else around(saving)
    return Routed(
        0.0, around(0.7 + gain), around(gain), around(lead), around(0.02), nothing, saved, (), NAN
    )


def learned(best: Routed, cheap: Routed | None = None) -> Learned:
    return Learned("knn", ("a", "b"), "tfidf", 10, 10, best, cheap, None, 100.0)


@pytest.mark.parametrize(
    ("best", "cheap", "enough_usd", "enough_low", "floor", "answer"),
    [
        (routed(0.03, 0.01), None, 10, 0, None, "route"),
        (routed(0.03, 0.025), None, 10, 0, None, "unclear"),
        (routed(0.0, 0.005), None, 10, 0, None, "no"),
        (routed(0.0, 0.005), routed(0, 0.005, saving=0.5), 10, 0, None, "save"),
        (routed(0.0, 0.005), routed(0, 0.005, lead=-0.02, saving=0.5), 10, 0, None, "no"),
        (routed(0.0, 0.005), routed(0, 0.005, saving=0.05), 10, 0, None, "no"),
        (routed(0.0, 0.005), None, 5, -0.005, None, "cheaper"),
        (routed(0.0, 0.005), None, 5, -0.03, None, "cheaper?"),
        (routed(0.03, 0.01), routed(0, 0.005, saving=0.5), 5, 0, None, "route"),
        (routed(0.03, 0.01), routed(0, 0.005, saving=0.5), 5, 0, 0.5, "save"),
    ],
)
def test_the_rules(
    best: Routed,
    cheap: Routed | None,
    enough_usd: float,
    enough_low: float,
    floor: float | None,
    answer: str,
) -> None:
    single = Alone("a", Estimate(0.7, 0.6, 0.8), Estimate(0, 0, 0), 10.0, NAN)
    enough = replace(single, lead=Estimate(0, enough_low, 0.01), usd=enough_usd)
    plan = AdvicePlan(floor=floor)
    assert answer_of(learned(best, cheap), single, enough, plan, None) == answer


def test_a_gain_of_which_a_guarded_router_finds_no_evidence_is_not_shown() -> None:
    single = Alone("a", Estimate(0.7, 0.6, 0.8), Estimate(0, 0, 0), 10.0, NAN)
    lucky = replace(learned(routed(0.03, 0.01)), held_back_by="auto")
    assert answer_of(lucky, single, None, AdvicePlan(), None) == "unclear"


@pytest.mark.parametrize(
    ("choices", "holds_back"),
    [
        ({"auto": [1, 1, 0, 0], "forest": [0, 1, 0, 1]}, "auto"),
        ({"auto": [0, 0, 0, 1], "forest": [0, 0, 0, 0]}, ""),
        ({"auto": [1, 0, 0, 0], "forest": [0, 1, 0, 1]}, "auto"),
        ({"auto": [1, 1, 0, 0], "guard(router=knn)": [0, 0, 0, 1]}, ""),
        ({"forest": [0, 0, 0, 0]}, ""),
    ],
)
def test_a_guarded_router_holds_back_that_stays_with_one_model_or_loses_by_leaving_it(
    choices: dict[str, list[int]], holds_back: str
) -> None:
    """The last prompt alone is one that the second model does better."""
    each = np.arange(4)
    scores = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    table = score_table_of(Records.from_arrays("four", scores, ["a", "b"]))

    def tried(choice: list[int]) -> OutOfFold:
        members, none = np.tile([0, 1], (4, 1)), np.zeros((1, 4))
        best = np.tile([1.0, 0.0], (4, 1))
        return OutOfFold(
            each, each // 2, members, np.array([choice]), best, np.zeros(1), none, 2, 2, ""
        )

    plan = AdvicePlan(n_boot=50)
    yardsticks = Yardsticks.of(table, plan, None, None)
    found = Tried({spec: tried(choice) for spec, choice in choices.items()}, yardsticks, plan)
    assert found.held_back_by == holds_back


def test_how_many_prompts_would_settle_it_is_said() -> None:
    found = decided(specialists(costs=True), floor="llm-0").learned
    assert found is not None
    assert found.cheap is not None
    lead = found.cheap.lead
    assert math.isfinite(found.prompts_needed) == (found.best.gain.value > 0.01)
    assert math.isfinite(found.to_rule_out) == (found.best.gain.value < 0.01)
    assert math.isfinite(found.to_keep) == (lead.value > -0.01)


def test_a_gain_must_be_over_the_best_models_own_score_too() -> None:
    lucky = Alone("a", Estimate(0.725, 0.6, 0.8), Estimate(0, 0, 0), 10.0, NAN)
    found = learned(routed(0.03, 0.01))
    assert answer_of(found, lucky, None, AdvicePlan(), None) == "unclear"


def test_models_that_tie_share_the_place_of_the_best() -> None:
    rng = np.random.default_rng(0)
    scores: Floats = (rng.random((400, 3)) < [0.7, 0.7, 0.4]).astype(np.float64)
    scores[:, 1] = rng.permutation(scores[:, 0])
    found = best_shares(scores, 0)
    assert 0.3 < found[0] < 0.7
    assert found[2] == 0
    assert found.sum() == pytest.approx(1)


def test_a_router_that_is_the_best_single_model_gains_nothing() -> None:
    found = decided(luck(200, 3), routers=["best_single"]).learned
    assert found is not None
    assert found.best.gain.value == 0


def test_a_saving_must_beat_mixtures_of_single_models() -> None:
    cheap = replace(routed(0, 0.005, saving=0.5), over_mixture=Estimate(0.001, -0.004, 0.006))
    found = learned(routed(0.0, 0.005), cheap)
    single = Alone("a", Estimate(0.7, 0.6, 0.8), Estimate(0, 0, 0), 10.0, NAN)
    assert answer_of(found, single, single, AdvicePlan(), None) == "no"


@pytest.mark.parametrize(("budget", "found"), [(0.5, (0, 0, 0)), (2, (0, 2, 0.5)), (9, (2, 2, 0))])
def test_a_mixture_costs_as_much_as_it_may(budget: float, found: tuple[int, int, float]) -> None:
    price, level = np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.6, 0.9])
    assert mixture(price, level, budget) == pytest.approx(found)


# What the verdict rests on


def test_predictions_are_kept_by_the_code_that_made_them(tmp_path: Path) -> None:
    stations = [f"{name}/one.py" for name in ("features", "routers", "tasks", "report")]
    for name in (*stations, "studies/train.py", "estimator.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1\n")
    first = code_digest("routereval.routers.neighbours", tmp_path)
    (tmp_path / "report/one.py").write_text("2\n")
    code_digest.cache_clear()
    assert code_digest("routereval.routers.neighbours", tmp_path) == first
    (tmp_path / "features/one.py").write_text("2\n")
    code_digest.cache_clear()
    assert code_digest("routereval.routers.neighbours", tmp_path) != first


def test_predictions_are_out_of_fold_and_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = specialists(90)
    table = score_table_of(records)
    first = out_of_fold(records, table, ("knn(k=5)",), size=6, folds=3, seed=1)["knn(k=5)"]
    assert first.rows.tolist() == list(range(90))
    assert np.bincount(first.fold).tolist() == [9] * 10
    assert len(list((cache / "advice").iterdir())) == 10

    def refuse(*_: object) -> None:
        raise AssertionError("fitted again")

    monkeypatch.setattr("routereval.studies.advise.learned.fit", refuse)
    again = out_of_fold(records, table, ("knn(k=5)",), size=6, folds=3, seed=1)["knn(k=5)"]
    assert np.array_equal(again.choice, first.choice)
    with pytest.raises(AssertionError, match="fitted again"):
        out_of_fold(records, table, ("knn(k=6)",), size=6, folds=3, seed=1)["knn(k=6)"]


def test_of_many_prompts_some_are_learned_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routereval.studies.advise.learned.MOST_LEARNED", 50)
    monkeypatch.setattr("routereval.studies.advise.learned.MOST_TESTED", 100)
    records = specialists(300)
    found = out_of_fold(records, score_table_of(records), ("knn(k=5)",), size=6, folds=3, seed=1)[
        "knn(k=5)"
    ]
    assert (found.n_fits, found.n_train, len(found.rows)) == (1, 50, 100)
    assert np.bincount(found.fold).tolist() == [50, 50]


def test_the_router_of_a_fold_is_the_best_on_the_others() -> None:
    scores: Floats = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    records = Records.from_arrays("few", np.tile(scores, (5, 1)), ["a", "b"], features=np.eye(20))
    table = score_table_of(records)
    one = out_of_fold(records, table, ("knn(k=5)",), size=2, folds=2, seed=0)["knn(k=5)"]
    always_a, truth = one.choice * 0, 1 - table.scores[one.rows, 0].astype(np.int64)[None]
    fold = np.arange(20) % 2
    tried = {
        "a": replace(one, choice=always_a, fold=fold),
        "right": replace(one, choice=np.where(fold == 0, truth, 1 - truth), fold=fold),
    }
    name, found = best_of(tried, table.scores[one.rows].astype(np.float64), np.ones(20))
    # On fold 1 the second is always wrong; so fold 0 takes the first, fold 1 the second.
    assert name == "a"
    assert found.choice[0][fold == 0].tolist() == [0] * 10
    assert found.choice[0][fold == 1].tolist() == (1 - truth)[0][fold == 1].tolist()


def test_of_many_models_the_best_and_the_cheapest_good_ones_are_routed_among() -> None:
    records = specialists(200, 8, costs=True)
    table = score_table_of(records)
    rows = np.arange(200)
    assert pool_of(table, rows, 8).tolist() == list(range(8))
    chosen = pool_of(table, rows, 4)
    means = records.dense().mean(axis=0)
    assert len(chosen) == 4
    assert int(means.argmax()) in chosen


def test_a_slow_model_is_left_out() -> None:
    scores = (np.random.default_rng(0).random((60, 2)) < [0.9, 0.6]) * 1.0
    axes = {"latency_ms": np.tile([900.0, 90.0], (60, 1))}
    records = Records.from_arrays("slow", scores, ["slow", "fast"], features=np.eye(60), axes=axes)
    found = advised(records, latency_p95=500)
    assert found.too_slow == ("slow",)
    assert found.decision.use == "fast"
    assert found.decision.best.p95_ms == 90.0
    with pytest.raises(DataError, match="no latency is recorded"):
        advised(luck(60, 3), latency_p95=500)
    with pytest.raises(DataError, match=r"within 50 ms; the fastest, fast, takes 90$"):
        advised(records, latency_p95=50)


def test_the_latency_of_a_table_is_the_one_that_is_limited(tmp_path: Path) -> None:
    rows = ["id,model,score,latency_ms"]
    rows += [f"{n},{m},{n % 2},{ms}" for n in range(30) for m, ms in (("slow", 900), ("fast", 90))]
    table = tmp_path / "calls.csv"
    table.write_text("\n".join(rows), encoding="utf-8")
    found = advise(table, latency_p95=500, n_boot=20).benchmarks[0]
    assert found.too_slow == ("slow",)


def test_where_nothing_costs_anything_no_model_is_cheaper() -> None:
    found = decided(luck(200, 3), routers=["knn(k=20)"])
    free = replace(found.best, usd=0.0)
    assert found.learned is not None
    assert answer_of(found.learned, free, free, AdvicePlan(), None) in {"no", "unclear"}
    records = replace(luck(60, 2), costs=np.zeros((2, 60)))
    assert decided(records).use == "llm-0"


def test_models_that_share_too_few_prompts_are_named() -> None:
    scores = (np.random.default_rng(0).random((90, 3)) < 0.5) * 1.0
    scores[np.arange(90), np.arange(90) % 3] = np.nan
    records = Records.from_arrays("thirds", scores, list("abc"), features=np.eye(90))
    found = advised(records)
    assert found.n_prompts == 30
    assert len(found.unasked) == 1
    text = advise(records, n_boot=20, routers=["knn"]).render("table", 2000)
    assert f"No candidates, for want of prompts shared with the others: {found.unasked[0]}." in text
    assert "60 prompts are left out, on which some candidate has no score." in text


def test_a_router_that_reads_the_answers_is_none_to_advise() -> None:
    for name in ("oracle", "noisy_oracle", "dataset_oracle"):
        with pytest.raises(DataError, match=f"{name} reads the true scores"):
            advised(luck(60, 3), routers=[name])
    with pytest.raises(DataError, match="dataset_best reads from which benchmark"):
        advised(luck(60, 3), routers=["dataset_best"])


def test_several_benchmarks_are_also_joined() -> None:
    one, two = specialists(100), specialists(120, seed=1)
    two = replace(two, name="more")
    steps: list[tuple[str, int, int]] = []
    advice = advise(
        [one, two],
        max_models=2,
        n_boot=50,
        routers=["knn(k=5)"],
        progress=lambda *step: steps.append(step),
    )
    assert [table.name for table in advice.benchmarks] == ["kinds", "more", "all 2 benchmarks"]
    assert advice.benchmarks[-1].n_prompts == 220
    last = {what: (done, total) for what, done, total in steps}
    assert set(last) == {table.name for table in advice.benchmarks}
    assert all(done == total for done, total in last.values())


def test_benchmarks_without_a_common_model_are_not_joined() -> None:
    other = Records.from_arrays("other", luck(60, 4).dense(), list("abcd"))
    advice = advise([luck(60, 4), other], max_models=2, n_boot=50, routers=["knn(k=5)"])
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
        ({"monthly": -1.0}, "monthly"),
        ({"margin": 1.5}, "margin"),
        ({"floor": 1.5}, "floor"),
        ({"folds": 1}, "2 folds"),
        ({"routers": ["kn"]}, "did you mean"),
    ],
)
def test_senseless_numbers_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        advise(luck(60, 4), **options)  # type: ignore[arg-type]


def test_one_model_leaves_nothing_to_route() -> None:
    advice = advise(luck(60, 1), n_boot=100)
    found = advice.benchmarks[0]
    assert (found.decision.answer, found.decision.use) == ("no", "llm-0")
    assert (found.pools, found.decision.learned) == ((), None)
    text = " ".join(str(advice).split())
    assert "there is one model, so nothing to choose between" in text
    assert "What would change the verdict: scores of other models on the same prompts." in text


def test_samples_of_real_scores_are_corrected_for_noise() -> None:
    rng = np.random.default_rng(0)
    scores = rng.binomial(10, 0.5, (300, 6)) / 10
    pool = advised(Records.from_arrays("sampled", scores, named(6)), repeats=10).pools[0]
    assert pool.steady.value == pytest.approx(0.5, abs=0.03)
    assert pool.oracle.value > 0.6
    assert math.isnan(pool.known_least.value)


def test_trials_of_the_records_are_the_samples() -> None:
    trials = (np.random.default_rng(0).random((4, 120, 4)) < 0.5).astype(float)
    kept = Records.from_arrays("trials", trials.mean(axis=0), named(4), trials=trials)
    plain = Records.from_arrays("means", trials.mean(axis=0), named(4))
    assert advised(kept).pools[0].steady == advised(plain, repeats=4).pools[0].steady
    assert math.isnan(advised(plain).pools[0].steady.value)
    trials[3, 0, 0] = np.nan
    uneven = Records.from_arrays("uneven", np.nanmean(trials, axis=0), named(4), trials=trials)
    assert math.isnan(advised(uneven).pools[0].steady.value)


def test_guessing_is_corrected_where_chance_is_known() -> None:
    rng = np.random.default_rng(0)
    knows = rng.random((400, 8)) < 0.4
    scores = (knows | (rng.random((400, 8)) < 0.25)).astype(float)
    table = advised(Records.from_arrays("mmlu", scores, named(8)))
    pool = table.pools[0]
    assert table.chance == 0.25
    assert pool.known_least.value <= pool.known_most.value < pool.oracle.value
    assert pool.known_most.value == pytest.approx(1 - 0.6**3, abs=0.1)
    best = table.decision.best.score.value
    assert table.best_known.value == pytest.approx((best - 0.25) / 0.75)


def test_same_seed_same_advice() -> None:
    records = specialists(90)
    assert repr(advised(records)) == repr(advised(records))


# Traffic


def test_shares_of_traffic_are_read(tmp_path: Path) -> None:
    file = tmp_path / "mix.csv"
    file.write_text("subset,share\ncode,30\nchat,70%\n", encoding="utf-8")
    assert read_traffic(file) == {"code": 30, "chat": 70}
    for text in ("", "code\n", "code,much\nchat,1\nother,x\n", "code,0\n"):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match=r"mix\.csv: "):
            read_traffic(file)
    with pytest.raises(DataError, match=r"none\.csv does not exist; give lines"):
        read_traffic(tmp_path / "none.csv")


def test_a_subset_weighs_its_share_however_many_prompts_it_has() -> None:
    records = specialists(30)
    weights = prompt_weights(records, np.arange(30), {"part-1": 3, "part-0": 1})
    assert weights is not None
    assert weights[1::2].sum() == pytest.approx(3 * weights[::2].sum())
    assert prompt_weights(records, np.arange(30), {"other": 1}) is None


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "data" / "mmlu_pro").exists(), reason="no real records here")
def test_models_that_prefer_an_option_do_not_sell_routing_on_winogrande() -> None:
    """In RouterBench two models are right on complementary prompts: a raw oracle of 0.999."""
    every = open_source(SHARED / "data" / "routerbench_subset")
    records = next(r for r in every if r.name == "winogrande")
    pair = records.select(models=["claude-instant-v1", "meta/llama-2-70b-chat"]).dense()
    assert pair.max(axis=1).mean() > 0.99
    advice: Advice = advise(records, max_models=3, n_boot=100)
    found = advice.benchmarks[0]
    assert {"claude-instant-v1", "meta/llama-2-70b-chat"} <= set(found.set_aside)
    assert found.decision.answer != "route"
    assert found.pools[0].gain.high < 0.01


def test_a_gain_that_no_prompt_has_shown_takes_prompts_to_rule_out() -> None:
    alike = Resampled(np.zeros(50, dtype=np.int64), np.arange(50), None, 20, 0)
    nothing = np.zeros(50)
    assert alike.difference(nothing).high > 0.01
    needed = alike.to_rule_out(nothing, 0.01)
    assert unseen_difference(needed).high <= 0.01 < unseen_difference(needed * 0.9).high
    assert alike.to_rule_out(nothing - 0.1, 0.0) == alike.needed(nothing + 0.1, 0.0)
    assert math.isinf(alike.to_rule_out(nothing + 0.1, 0.01))
