from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routereval.errors import DataError, SpecError
from routereval.records import Draft, Records
from routereval.tasks import Pool, PreparedBenchmark, Split, Task
from routereval.tasks.embedder import resolve_embedder
from tests.made import made

FIVE = Pool("all-strong", 5)


def with_features(records: Records, **features: Any) -> Records:  # noqa: ANN401
    return replace(records, features=features)


def test_shapes() -> None:
    task = Task(made(n_prompts=90, n_subsets=3, costs=True, texts=True), FIVE)
    for part, n in ((task.train, 72), (task.val, 9), (task.test, 9)):
        assert part.rows.shape == part.subsets.shape == (n,)
        assert part.X.shape == (n, 4)
        assert part.scores.shape == (n, 5)
        assert part.costs is not None
        assert part.costs.shape == (n, 5)
        assert part.texts is not None
        assert len(part.texts) == n
        assert part.X.dtype == np.float32
        assert part.scores.dtype == np.float64
    assert len(task.models) == 5


@pytest.mark.parametrize("split", ["clean", "faithful", "clean(seed=3)"])
def test_rows_agree_with_the_records(split: str) -> None:
    records = made(n_prompts=90, n_subsets=2, costs=True, texts=True)
    task = Task(records, FIVE, split)
    columns = records.columns(task.models)
    assert records.costs is not None
    for name in ("train", "val", "test"):
        part = getattr(task, name)
        assert part.rows.tolist() == getattr(PreparedBenchmark(records, split).rows, name).tolist()
        assert part.scores.tolist() == records.dense()[np.ix_(part.rows, columns)].tolist()
        assert part.costs.tolist() == records.costs.T[np.ix_(part.rows, columns)].tolist()
        assert part.X.tolist() == records.features["given"][part.rows].tolist()
        assert part.subsets.tolist() == records.subsets[part.rows].tolist()
        assert part.texts == records.prompts["text"].to_numpy()[part.rows].tolist()


def test_what_is_not_known_is_none() -> None:
    task = Task(made(), FIVE)
    assert task.train.costs is None
    assert task.train.texts is None
    assert task.expected_costs is None


@settings(max_examples=20)
@given(st.integers(0, 1000), st.sampled_from(["clean", "faithful"]))
def test_tests_are_complete_and_training_needs_one_observed_score(seed: int, split: str) -> None:
    records = made(n_prompts=120, missing=0.3, seed=seed)
    names = records.models[:4]
    task = Task(records, names, split)
    seen = ~np.isnan(records.dense()[:, records.columns(names)])
    rows = task.prepared.rows
    assert task.train.rows.tolist() == [r for r in rows.train if seen[r].any()]
    assert task.val.rows.tolist() == [r for r in rows.val if seen[r].all()]
    test = [r for r in rows.test if seen[r].all()]
    if not test:
        with pytest.raises(
            DataError, match=r"^one: no test prompt was put to every model of models"
        ):
            _ = task.test
        return
    assert task.test.rows.tolist() == test
    assert not np.isnan(task.test.scores).any()
    assert np.isnan(task.train.scores).any()
    for part in (task.train, task.test):
        assert part.X.tolist() == records.features["given"][part.rows].tolist()
        assert len(part.X) == len(part.scores) == len(part.subsets)


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_labels_are_only_in_faithful_training_on_real_scores(missing: float) -> None:
    records = made(kind="real", n_prompts=80, missing=missing)
    names = list(records.models[:3])
    clean, faithful = (Task(records, names, split) for split in ("clean", "faithful"))
    scores = clean.train.scores
    expected = np.full(scores.shape, np.nan)
    for row, line in enumerate(scores):
        best = np.nanmax(line)
        for column, score in enumerate(line):
            if not np.isnan(score):
                expected[row, column] = 1.0 if score >= 0.95 * best else 0.0
    np.testing.assert_array_equal(faithful.train.scores, expected)
    np.testing.assert_array_equal(
        scores, records.dense()[np.ix_(clean.train.rows, records.columns(names))]
    )
    for part in ("val", "test"):
        np.testing.assert_array_equal(getattr(faithful, part).scores, getattr(clean, part).scores)


def test_a_label_is_one_from_exactly_95_percent_on() -> None:
    scores = np.tile([[1.0, 0.95, 0.9499], [0.0, 0.0, 0.0], [0.5, 0.475, 0.1]], (10, 1))
    train = Task(Records.from_arrays("edge", scores, list("abc")), list("abc"), "faithful").train
    by_kind = {row % 3: label.tolist() for row, label in zip(train.rows, train.scores, strict=True)}
    assert by_kind == {0: [1, 1, 0], 1: [1, 1, 1], 2: [1, 1, 0]}


def test_best_single_in_faithful_is_by_score_where_labels_say_otherwise() -> None:
    scores = np.tile([[0.75, 0.8], [0.75, 0.8], [0.75, 0.0]], (20, 1))
    task = Task(Records.from_arrays("steady", scores, ["a", "b"]), ["a", "b"], "faithful")
    assert task.train.scores.mean(axis=0).argmax() == 1
    assert task.best_single == 0


def test_binary_scores_are_their_own_labels() -> None:
    records = made(n_prompts=80)
    one, other = (Task(records, FIVE, split).train.scores for split in ("clean", "faithful"))
    assert set(one.ravel()) == set(other.ravel()) == {0.0, 1.0}
    names = list(records.models)
    np.testing.assert_array_equal(
        Task(records, names, "clean").train.scores, Task(records, names, "faithful").train.scores
    )


@pytest.mark.parametrize("split", ["clean", "faithful"])
def test_best_single_is_best_on_training_scores_not_on_labels(split: str) -> None:
    records = made(kind="real", n_prompts=80, missing=0.2, seed=5)
    task = Task(records, list(records.models), split)
    train = records.dense()[task.train.rows]
    assert task.best_single == int(np.argmax(np.nanmean(train, axis=0)))


def test_best_single_does_not_look_at_tests() -> None:
    scores = np.zeros((50, 2))
    rows = PreparedBenchmark(Records.from_arrays("one", scores, ["a", "b"])).rows
    scores[rows.test, 0] = 1
    scores[rows.train[:3], 1] = 1
    task = Task(Records.from_arrays("one", scores, ["a", "b"]), ["a", "b"])
    assert task.best_single == 1


def test_expected_costs_are_training_means_and_faithful_knows_none() -> None:
    records = made(n_prompts=80, costs=True)
    assert records.costs is not None
    costs = records.costs.copy()
    costs[records.models.index("org/model_3")] = np.nan
    costs[0, :40] = np.nan
    records = replace(records, costs=costs)
    task = Task(records, list(records.models))
    found = task.expected_costs
    assert found is not None
    train = costs.T[task.train.rows].astype(np.float64)
    for column, name in enumerate(records.models):
        known = train[:, column][~np.isnan(train[:, column])]
        if name == "org/model_3":
            assert np.isnan(found[column])
        else:
            assert found[column] == pytest.approx(known.mean(), rel=1e-12)
    assert Task(records, list(records.models), "faithful").expected_costs is None
    assert Task(records, list(records.models), "faithful").test.costs is not None


def test_features_are_read_only_and_the_same_object_in_every_task() -> None:
    prepared = PreparedBenchmark(made(n_models=8, texts=True), embedder="tfidf(dims=3)")
    one, other = (Task(prepared, Pool(group, 3)) for group in ("all-strong", "all-weak"))
    for name in ("train", "val", "test"):
        X = getattr(one, name).X
        assert X is getattr(other, name).X is getattr(prepared.X, name)
        assert not X.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            X[0, 0] = 1


def test_what_routers_read() -> None:
    records = made(n_prompts=90, n_subsets=3, texts=True)
    test = Task(records, FIVE).test
    assert test.inputs("features") is test.X
    assert test.inputs("truth") is test.scores
    assert test.inputs("texts") is test.texts
    means = test.inputs("subset_means")
    for row, code in enumerate(test.subsets):
        expected = test.scores[test.subsets == code].mean(axis=0)
        np.testing.assert_allclose(means[row], expected, rtol=1e-15)


def test_texts_that_are_not_there_are_told() -> None:
    with pytest.raises(DataError, match="reads texts, and these records hold none"):
        Task(made(), FIVE).test.inputs("texts")


@pytest.mark.parametrize(
    ("texts", "features", "auto"),
    [
        (True, True, "stored(name=given)"),
        (False, True, "stored(name=given)"),
        (True, False, "tfidf"),
        (False, False, "columns"),
    ],
)
def test_auto_takes_stored_then_texts_then_columns(texts: bool, features: bool, auto: str) -> None:
    records = made(texts=texts, features=features)
    assert resolve_embedder(records, "auto") == auto
    assert PreparedBenchmark(records).embedder == auto
    assert Task(records, FIVE).train.X.shape[0] == 48


def test_stored_features_are_named_and_the_first_is_the_default() -> None:
    vectors = made().features["given"]
    records = with_features(made(), roberta=vectors, longformer=vectors * 2)
    assert resolve_embedder(records, "stored") == "stored(name=roberta)"
    assert resolve_embedder(records, "stored(name=longformer)") == "stored(name=longformer)"
    X = Task(records, FIVE, embedder="stored(name=longformer)").test.X
    np.testing.assert_array_equal(X, (vectors * 2)[PreparedBenchmark(records).rows.test])


def test_a_features_name_need_not_be_a_word() -> None:
    vectors = made().features["given"]
    for name in ("sentence-bert", "RoBERTa_last", "all-MiniLM-L6 v2", "lambda"):
        prepared = PreparedBenchmark(with_features(made(), **{name: vectors}))
        np.testing.assert_array_equal(prepared.X.test, vectors[prepared.rows.test])


@pytest.mark.parametrize(
    ("embedder", "kind", "sentence"),
    [
        ("stored(name=bert)", DataError, "one: no stored features 'bert'; the records hold: given"),
        ("stored(nam=given)", SpecError, "embedder 'stored' has no parameter 'nam'; leave it out"),
        ("columns(k=1)", SpecError, "embedder 'columns' has no parameter 'k'"),
        ("auto(k=1)", SpecError, "embedder 'auto' has no parameter 'k'"),
        ("tfidf", DataError, "one: tfidf reads texts, and these records hold none"),
        ("tfdif", SpecError, r"unknown embedder 'tfdif'; did you mean 'tfidf'\?"),
        ("tfidf(dim=3)", SpecError, "unknown parameter of tfidf 'dim'"),
    ],
)
def test_an_embedder_that_cannot_be_had_is_told(
    embedder: str, kind: type[Exception], sentence: str
) -> None:
    with pytest.raises(kind, match=sentence):
        PreparedBenchmark(made(), embedder=embedder)


def test_embedders_are_checked_before_they_run() -> None:
    with pytest.raises(SpecError, match=r"unknown embedder 'tfdif'; did you mean 'tfidf'\?"):
        PreparedBenchmark(made(texts=True), embedder="tfdif")


class Lengths:
    """An object with encode, as people bring them."""

    def encode(self, texts: list[str]) -> list[list[float]]:
        return [[len(text), text.count("e")] for text in texts]


def test_an_object_with_encode_makes_the_features() -> None:
    records = made(texts=True)
    task = Task(records, FIVE, embedder=Lengths())
    assert task.prepared.embedder.startswith("encoder(of=Lengths, probe=x")
    texts = records.prompts["text"].to_list()
    assert task.test.X[:, 0].tolist() == [len(texts[row]) for row in task.test.rows]


def test_stored_features_where_there_are_none() -> None:
    with pytest.raises(DataError, match=r"no stored features; the records hold: none; tfidf"):
        PreparedBenchmark(made(features=False), embedder="stored")


def test_tfidf_learns_from_training_texts_only() -> None:
    records = made(n_prompts=120, texts=True, features=False)
    rows = PreparedBenchmark(records).rows
    texts = records.prompts["text"].to_list()
    for row in [*rows.val, *rows.test]:
        texts[row] = f"quite another wording number {row}"
    changed = Records.from_arrays("one", records.dense(), records.models, texts)
    one, other = PreparedBenchmark(records).X.train, PreparedBenchmark(changed).X.train
    np.testing.assert_array_equal(one, other)
    assert not np.array_equal(PreparedBenchmark(records).X.test, PreparedBenchmark(changed).X.test)


def test_a_setting_serves_many_tasks_as_records_would() -> None:
    records = made(n_models=12, texts=True)
    prepared = PreparedBenchmark(records, "clean(seed=9)")
    one, other = Task(prepared, FIVE), Task(records, FIVE, "clean(seed=9)")
    assert one.models == other.models
    np.testing.assert_array_equal(one.test.scores, other.test.scores)
    assert one.split == Split("clean", 9)
    assert one.records is records


def test_a_task_says_what_it_is() -> None:
    task = Task(made(), "all-strong(size=3)")
    assert repr(task) == "Task('one', all-strong(size=3), clean(seed=42), stored(name=given))"


def test_no_test_prompt_in_common_is_told() -> None:
    scores = np.ones((30, 2))
    rows = PreparedBenchmark(Records.from_arrays("gap", scores, ["a", "b"])).rows
    scores[rows.test[::2], 0] = np.nan
    scores[rows.test[1::2], 1] = np.nan
    task = Task(Records.from_arrays("gap", scores, ["a", "b"]), ["a", "b"])
    with pytest.raises(DataError, match=r"^gap: no test prompt was put to every model of models"):
        _ = task.test


def test_no_training_prompt_with_a_score_is_told() -> None:
    scores = np.full((30, 3), np.nan)
    scores[:, 2] = 1
    rows = PreparedBenchmark(Records.from_arrays("gap", np.ones((30, 2)), ["a", "b"])).rows
    scores[rows.test] = 1
    task = Task(Records.from_arrays("gap", scores, ["a", "b", "c"]), ["a", "b"])
    with pytest.raises(DataError, match=r"^gap: no training prompt was put to any model of models"):
        _ = task.train


@pytest.mark.parametrize("extra", [{"subset": ["x", None] * 30}, {}])
def test_subsets_of_a_draft_without_names_are_one(extra: dict[str, Any]) -> None:
    import polars as pl

    prompts = pl.DataFrame({"prompt_id": [str(i) for i in range(60)], **extra})
    draft = Draft("d", ["a", "b"], np.eye(60)[:, :2], prompts)
    task = Task(Records.from_draft(draft), ["a", "b"])
    assert len(task.test.rows) == 6
