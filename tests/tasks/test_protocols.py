from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from routereval.errors import DataError, SpecError
from routereval.records import Records
from routereval.tasks import Pool, PreparedBenchmark, Split, Task, mix
from tests.made import made


def dated(records: Records, dates: Sequence[object], *, models: bool = False) -> Records:
    column = pl.Series("date_ms" if models else "date", dates)
    if models:
        return replace(records, model_info=records.model_info.with_columns(column))
    return replace(records, prompts=records.prompts.with_columns(column))


def with_reference(records: Records, reference: float) -> Records:
    return replace(records, meta={**records.meta, "reference": reference})


def stream() -> Records:
    return mix([made("one", 60), made("two", 90, n_subsets=2), made("three", 30)])


# Names


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("few_shot", "few_shot(n=100)"),
        ("unseen_model(share=0.5)", "unseen_model(k=50, share=0.5)"),
        ("leave_one_out(test=one)", "leave_one_out"),
        ("temporal", "temporal(by=prompts, share=0.2)"),
        ("temporal(k=3, before='2024-06-01')", "temporal(by=prompts, before='2024-06-01')"),
        ("temporal(by=models, share=0.3)", "temporal(by=models, share=0.3, k=50)"),
    ],
)
def test_a_rule_names_the_parameters_that_count(text: str, rule: str) -> None:
    split = Split.parse(text)
    assert split.rule == rule
    assert Split.parse(str(split)) == split


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("few_shot(n=0)", "few_shot: n is a whole number of prompts, at least 1, not 0"),
        ("few_shot(n=ten)", "few_shot: n is a whole number"),
        ("unseen_model(share=1.0)", "unseen_model: share is a number between 0 and 1, not 1.0"),
        ("temporal(by=weeks)", "temporal: by is prompts or models, not 'weeks'"),
        ("temporal(before=soon)", "temporal: before is a date such as '2024-06-01', not 'soon'"),
        ("few_shot(k=3)", "protocol 'few_shot' has no parameter 'k'; it has: n, seed"),
    ],
)
def test_a_parameter_that_means_nothing_is_told(text: str, sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence.replace("(", r"\(")):
        Split.parse(text)


def test_lists_stand_for_a_split_each() -> None:
    rules = [split.rule for split in Split.parse_all("unseen_model(k=[1, 2], share=[0.2, 0.4])")]
    assert rules == [f"unseen_model(k={k}, share={share})" for k in (1, 2) for share in (0.2, 0.4)]


# Groups


def texted(name: str, texts: Sequence[str], **columns: Sequence[object]) -> Records:
    scores = np.random.default_rng(len(texts)).integers(0, 2, (len(texts), 3)).astype(float)
    records = Records.from_arrays(name, scores, list("abc"), texts)
    series = [pl.Series(column, values) for column, values in columns.items()]
    return replace(records, prompts=records.prompts.with_columns(series))


def apart(task: Task) -> bool:
    """True if no group is in two parts."""
    held = [set(part.groups.tolist()) for part in (task.train, task.val, task.test)]
    return not (held[0] & held[1] or held[0] & held[2] or held[1] & held[2])


def test_equal_prompts_of_two_benchmarks_stay_together() -> None:
    texts = [f"question {n}" for n in range(100)]
    both = mix([texted("one", texts), texted("two", [t.upper() for t in texts[::-1]])])
    assert len(set(both.groups.tolist())) == 100
    assert apart(Task(both, ["a", "b"], "mixed"))


def test_named_groups_of_two_benchmarks_are_not_the_same() -> None:
    one = texted("one", [f"a {n}" for n in range(40)], group=[n // 4 for n in range(40)])
    two = texted("two", [f"b {n}" for n in range(40)], group=[None] * 38 + ["0", "0"])
    both = mix([one, two])
    assert len(set(both.groups.tolist())) == 10 + 38 + 1
    assert apart(Task(both, ["a", "b"], "mixed"))


def test_what_stands_in_the_benchmark_left_out_is_not_learned_from() -> None:
    texts = [f"question {n}" for n in range(100)]
    both = mix(
        [texted("one", texts), texted("two", [*texts[:30], *(f"own {n}" for n in range(70))])]
    )
    task = Task(both, ["a", "b"], "leave_one_out(test=two)")
    assert apart(task)
    assert len(task.test.rows) == 100
    assert len(task.train.rows) + len(task.val.rows) == 70
    assert task.prepared.note == (
        "mixed, leave_one_out(test=two, seed=42): 30 prompts were left out of training, as they "
        "also stand in test"
    )


def test_what_is_asked_again_after_the_date_is_not_learned_from() -> None:
    texts = [f"question {n % 80}" for n in range(100)]
    records = texted("log", texts, date=[1e12 + n for n in range(100)])
    task = Task(records, ["a", "b"], "temporal(share=0.2)")
    assert apart(task)
    assert task.test.rows.tolist() == list(range(80, 100))
    assert task.train.rows.tolist() + task.val.rows.tolist() == list(range(20, 80))
    assert str(task.prepared.note).endswith(
        "20 prompts were left out of training, as they also stand in test"
    )


@pytest.mark.parametrize("protocol", ["clean", "few_shot(n=40)", "unseen_model(k=10)"])
def test_other_protocols_keep_groups_whole(protocol: str) -> None:
    records = texted("log", [f"question {n % 50}" for n in range(200)])
    assert apart(Task(records, list("abc"), protocol))


# Mixed


def test_a_stream_keeps_prompts_in_order_and_common_llms() -> None:
    one, two = made("one", 20, 6, costs=True), made("two", 30, 4, kind="real", texts=True)
    both = mix([one, two])
    assert set(both.models) == set(one.models) & set(two.models)
    expected = [part.select(models=both.models).dense() for part in (one, two)]
    assert np.allclose(both.dense(), np.vstack(expected), atol=1e-7)
    assert both.costs is not None
    assert np.isnan(both.costs[:, 20:]).all()
    assert not np.isnan(both.costs[:, :20]).any()
    assert both.features["given"].shape == (50, 4)
    assert both.prompts["prompt_id"].to_list()[:2] == ["one/one/0", "one/one/1"]
    assert both.kind == "real"


def test_a_stream_keeps_what_calls_reveal() -> None:
    one, two = made("one", 20, 4), made("two", 30, 4)
    answers = np.arange(80, dtype=np.float32).reshape(4, 20)
    both = mix([replace(one, signals={"answer": answers}), two])
    own = [one.models.index(model) for model in both.models]
    assert np.array_equal(both.signals["answer"][:, :20], answers[own])
    assert np.isnan(both.signals["answer"][:, 20:]).all()


def test_a_stream_counts_costs_in_the_unit_of_its_benchmarks() -> None:
    one, two = made("one", 20, 4, costs=True), made("two", 30, 4, costs=True)
    proxies = [replace(part, meta={**part.meta, "cost_unit": "tokens"}) for part in (one, two)]
    assert mix(proxies).meta["cost_unit"] == "tokens"
    assert not mix([one, two]).meta.get("cost_unit")
    with pytest.raises(DataError, match="costs are counted in USD and tokens: they cannot be mix"):
        mix([one, proxies[1]])
    free = replace(one, costs=None)
    assert mix([free, proxies[1]]).meta["cost_unit"] == "tokens"


def test_strata_of_a_stream_are_benchmark_and_subset() -> None:
    records = stream()
    names = records.prompts["subset"].unique(maintain_order=True).to_list()
    assert names == ["one/part-0", "two/part-0", "two/part-1", "three/part-0"]
    task = Task(records, Pool("all-strong", 3), "mixed")
    assert len(task.test.rows) == 6 + 5 + 5 + 3
    assert sorted(set(task.test.subsets.tolist())) == [0, 1, 2, 3]
    assert sorted(set(task.test.benchmarks.tolist())) == [0, 1, 2]
    means = task.test.inputs("subset_means")
    held = task.test.subsets == 2
    assert np.allclose(means[held], task.test.scores[held].mean(axis=0))


def test_the_reference_of_a_stream_is_the_mean_by_prompts() -> None:
    parts = [with_reference(made("one", 60), 0.5), with_reference(made("two", 120), 0.8)]
    assert mix(parts).reference == pytest.approx((60 * 0.5 + 120 * 0.8) / 180)
    task = Task(mix(parts), Pool("all-strong", 3), "mixed")
    assert task.reference == pytest.approx((6 * 0.5 + 12 * 0.8) / 18)
    gap = Task(mix([parts[0], made("two", 120)]), Pool("all-strong", 3), "mixed")
    assert gap.reference is None
    left = Task(mix(parts), Pool("all-strong", 3), "leave_one_out(test=two)")
    assert left.reference == pytest.approx(0.8)


def test_columns_of_two_kinds_are_left_out_of_a_stream() -> None:
    one, two = made("one"), made("two")
    one = replace(one, prompts=one.prompts.with_columns(answer=pl.lit("A"), level=pl.lit(1)))
    two = replace(two, prompts=two.prompts.with_columns(answer=pl.lit(4), source=pl.lit("web")))
    columns = mix([one, two]).prompts.columns
    assert "answer" not in columns
    assert {"level", "source", "text", "chance"} <= set(columns)


def test_a_stream_of_one_is_none() -> None:
    with pytest.raises(DataError, match="mixed of two benchmarks or more, not of one"):
        mix([made("one")])


# Leave one out


def test_a_benchmark_is_left_out_whole() -> None:
    records = stream()
    names = records.prompts["benchmark"].to_numpy()
    rows = PreparedBenchmark(records, "leave_one_out(test=two)").rows
    assert set(names[rows.test]) == {"two"}
    assert len(rows.test) == 90
    assert set(names[rows.train]) == set(names[rows.val]) == {"one", "three"}
    assert (len(rows.train), len(rows.val)) == (81, 9)
    assert len(set(np.concatenate(rows).tolist())) == 180


@pytest.mark.parametrize(
    ("split", "sentence"),
    [
        ("leave_one_out(test=tow)", "unknown benchmark to test on 'tow'; did you mean 'two'"),
        ("leave_one_out", "name the benchmark to test on"),
    ],
)
def test_what_is_left_out_must_be_there(split: str, sentence: str) -> None:
    with pytest.raises((DataError, SpecError), match=sentence):
        PreparedBenchmark(stream(), split)
    with pytest.raises(DataError, match="one is one benchmark; leave_one_out needs several"):
        PreparedBenchmark(made("one"), split)


# Few shot


def test_fewer_labels_are_among_more_and_pools_stay() -> None:
    records = made("one", 400, 12)
    benchmarks = {n: PreparedBenchmark(records, f"few_shot(n={n})") for n in (10, 30, 300)}
    rows = {n: set(prepared.rows.train.tolist()) for n, prepared in benchmarks.items()}
    assert {n: len(found) for n, found in rows.items()} == {10: 10, 30: 30, 300: 300}
    assert rows[10] < rows[30] < rows[300] < set(PreparedBenchmark(records).rows.train.tolist())
    pools = [prepared.pools([Pool("all-strong", 3)]) for prepared in benchmarks.values()]
    assert pools == [PreparedBenchmark(records).pools([Pool("all-strong", 3)])] * 3
    for prepared in benchmarks.values():
        assert len(prepared.rows.val) == 0
        assert np.array_equal(prepared.rows.test, PreparedBenchmark(records).rows.test)
    assert set(PreparedBenchmark(records, "few_shot(n=10, seed=7)").rows.train.tolist()) != rows[10]


def test_more_labels_than_there_are_is_told() -> None:
    with pytest.raises(DataError, match=r"no 49 training prompts for few_shot\(n=49\), only 48"):
        PreparedBenchmark(made("one"), "few_shot(n=49)")


# Unseen models


def test_new_models_are_known_by_k_probes_only() -> None:
    records = made("one", 200, 10, costs=True)
    task = Task(records, Pool("all-strong", 5), "unseen_model(k=20, share=0.4)")
    clean = Task(records, Pool("all-strong", 5))
    assert sorted(task.models) == sorted(clean.models)
    assert task.n_known == 3
    assert task.probes is not None
    assert task.train.scores.shape == (160, 3)
    assert task.val.scores.shape == (20, 3)
    assert task.probes.scores.shape == (20, 2)
    assert task.test.scores.shape == (20, 5)
    assert set(task.probes.rows.tolist()) < set(task.train.rows.tolist())
    columns = records.columns(task.models)
    assert np.array_equal(task.probes.scores, records.scores.dense(task.probes.rows, columns[3:]))
    means = [*task.train.scores.mean(axis=0), *task.probes.scores.mean(axis=0)]
    assert task.best_single == int(np.argmax(means))
    assert task.expected_costs is not None
    assert task.expected_costs.shape == (5,)
    assert clean.probes is None


def test_fewer_probes_are_among_more() -> None:
    records = made("one", 200)
    few, more = (PreparedBenchmark(records, f"unseen_model(k={k})").probes[0] for k in (5, 50))
    assert set(few.tolist()) < set(more.tolist())


def test_the_seed_decides_which_models_are_new() -> None:
    records = made("one", 200, 12)
    pool = Pool.of(records.models)
    tasks = [Task(records, pool, f"unseen_model(seed={seed})") for seed in range(6)]
    assert len({task.models[task.n_known :] for task in tasks}) > 1
    assert {task.n_known for task in tasks} == {7}


def test_a_pool_of_one_has_none_to_be_new() -> None:
    with pytest.raises(DataError, match="makes all of 1 models new; it needs both"):
        Task(made("one"), Pool("all-strong", 1), "unseen_model")


# Temporal


def test_prompts_before_a_date_train_and_from_it_on_test() -> None:
    days = [f"2024-01-{1 + (7 * row) % 30:02d}" for row in range(60)]
    records = dated(made("one"), [*days[:-1], None])
    rows = PreparedBenchmark(records, "temporal(before='2024-01-21')").rows
    train, val, test = ([days[row] for row in part] for part in rows)
    assert max(train) <= min(val) <= max(val) < "2024-01-21" <= min(test)
    assert len(np.concatenate(rows)) == 59  # one has no date
    assert len(rows.val) == round(len(rows.train) / 8)


def test_the_newest_share_is_tested_and_no_date_is_divided() -> None:
    dates = np.repeat([1.6e12, 1.7e12, 1.71e12], 20).tolist()
    rows = PreparedBenchmark(dated(made("one"), dates), "temporal(share=0.1)").rows
    assert rows.test.tolist() == list(range(40, 60))


def test_models_before_a_date_are_known() -> None:
    records = made("one", 200, 6)
    dates = [1.6e12 + 1e9 * column for column in range(5)] + [None]
    records = dated(records, dates, models=True)
    task = Task(records, Pool.of(records.models), "temporal(by=models, share=0.4, k=10)")
    assert task.models[-2:] == records.models[3:5]
    assert task.n_known == 4  # one without a date is old
    with pytest.raises(DataError, match="makes none of 6 models new"):
        Task(records, Pool.of(records.models), "temporal(by=models, before='2090-01-01')")


def test_dates_must_be_there() -> None:
    with pytest.raises(DataError, match="one: the prompts have no date; give their table a column"):
        PreparedBenchmark(made("one"), "temporal")
    with pytest.raises(DataError, match="one: the models have no date"):
        Task(made("one"), Pool("all-strong", 3), "temporal(by=models)")


def test_what_is_new_is_put_to_models_that_were_asked() -> None:
    """Four old models were never asked the new prompts, of which there are few."""
    records = made("one", 100, 9)
    scores = records.dense()
    scores[70:, :4] = np.nan
    gappy = Records.from_arrays("one", scores, records.models, features=records.features["given"])
    dates = np.linspace(1.6e12, 1.7e12, 100).tolist()
    task = Task(dated(gappy, dates), Pool("all-strong", 3), "temporal(share=0.2)")
    assert set(task.models) <= set(records.models[4:])
    assert task.test.rows.tolist() == list(range(80, 100))
