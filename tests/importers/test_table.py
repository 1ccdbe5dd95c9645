from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routereval.errors import DataError, SpecError
from routereval.importers import long_parquet, table
from routereval.records.draft import Draft
from routereval.records.folder import write_collection
from routereval.records.records import Records
from tests.fuzzing import examples
from tests.importers.table_mutations import cells, costs, damages, ends_well, same

_FAST = settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

LONG = pl.DataFrame(
    {
        "model": ["a", "b", "a", "b", "a"],
        "prompt_id": ["q1", "q1", "q2", "q2", "q3"],
        "score": [1.0, 0.0, 0.0, 1.0, 1.0],
        "benchmark": ["x", "x", "x", "x", "y"],
        "prompt": ["one?", "one?", "two?", "two?", "three?"],
        "cost": [0.1, None, 0.3, 0.4, 0.5],
    }
)
WIDE = pl.DataFrame(
    {
        "prompt_id": ["q1", "q2"],
        "prompt": ["one?", "two?"],
        "subject": ["s", "t"],
        "answer": [3, 4],
        "org/a": [1, 0],
        "b": [0.5, None],
        "reply": ["yes", "no"],
    }
)


def _csv(frame: pl.DataFrame, path: Path) -> Path:
    frame.write_csv(path.with_suffix(".csv"))
    return path.with_suffix(".csv")


def _jsonl(frame: pl.DataFrame, path: Path) -> Path:
    frame.write_ndjson(path.with_suffix(".jsonl"))
    return path.with_suffix(".jsonl")


def _parquet(frame: pl.DataFrame, path: Path) -> Path:
    frame.write_parquet(path.with_suffix(".parquet"), row_group_size=3)
    return path.with_suffix(".parquet")


Writer = Callable[[pl.DataFrame, Path], Path]
WRITERS: list[Writer] = [_csv, _jsonl, _parquet]
every_form = pytest.mark.parametrize("write", WRITERS)


@every_form
def test_long_tables_become_one_draft_a_benchmark(write: Writer, tmp_path: Path) -> None:
    file = write(LONG, tmp_path / "mine")
    assert table.recognise(file)
    assert table.recognise(tmp_path)
    x, y = table.read(file)
    assert (x.name, y.name) == ("x", "y")
    assert cells(x) == {("q1", "a"): 1, ("q1", "b"): 0, ("q2", "a"): 0, ("q2", "b"): 1}
    assert costs(x) == {("q1", "a"): 0.1, ("q2", "a"): 0.3, ("q2", "b"): 0.4}
    assert cells(y) == {("q3", "a"): 1}
    assert x.prompts.rows() == [("q1", "x", "one?", None), ("q2", "x", "two?", None)]


@every_form
def test_wide_tables_have_a_column_an_llm(write: Writer, tmp_path: Path) -> None:
    file = write(WIDE, tmp_path / "mine")
    assert table.recognise(file)
    (draft,) = table.read(file)
    assert draft.name == "mine"
    assert cells(draft) == {("q1", "org/a"): 1, ("q1", "b"): 0.5, ("q2", "org/a"): 0}
    assert draft.prompts.rows() == [("q1", "s", "one?", None), ("q2", "t", "two?", None)]


@every_form
def test_columns_are_mapped_by_name(write: Writer, tmp_path: Path) -> None:
    frame = LONG.rename({"model": "who", "score": "right", "prompt_id": "what"}).drop("benchmark")
    file = write(frame, tmp_path / "mine")
    for columns in (
        "model=who, score=right, prompt_id=what",
        {"model": "who", "score": "right", "prompt_id": "what"},
    ):
        (draft,) = table.read(file, columns=columns)
        assert draft.name == "mine"
        assert len(cells(draft)) == 5


@every_form
def test_other_names_are_known(write: Writer, tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"llm": ["a", "b"], "question_id": [7, 7], "correct": [True, False], "chance": [0.25, 0.25]}
    )
    (draft,) = table.read(write(frame, tmp_path / "mine"))
    assert cells(draft) == {("7", "a"): 1, ("7", "b"): 0}
    assert draft.prompts["chance"].to_list() == [0.25]


@every_form
def test_numbers_that_are_no_llm_are_ignored_when_told(write: Writer, tmp_path: Path) -> None:
    file = write(WIDE.with_columns(stars=pl.Series([1999, 2000])), tmp_path / "mine")
    with pytest.raises(DataError, match="stars"):
        list(table.read(file))
    (draft,) = table.read(file, columns="ignore=stars|b")
    assert draft.models == ["org/a"]


@every_form
def test_parts_of_a_table_lie_in_a_folder(write: Writer, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    write(LONG[:2], folder / "p0")
    write(LONG[2:], folder / "p1")
    assert table.recognise(folder)
    same(table.read(folder), table.read(write(LONG, tmp_path / "whole")))


@every_form
def test_an_llm_has_one_score_on_a_prompt(write: Writer, tmp_path: Path) -> None:
    again = pl.concat([LONG, LONG])
    same(table.read(write(again, tmp_path / "mine")), table.read(write(LONG, tmp_path / "one")))
    other = pl.concat([LONG, LONG[:1].with_columns(score=pl.lit(0.0))])
    with pytest.raises(DataError, match="'q1'") as caught:
        list(table.read(write(other, tmp_path / "two")))
    assert "'a'" in str(caught.value)


@every_form
def test_scores_out_of_range_need_rescaling(write: Writer, tmp_path: Path) -> None:
    frame = LONG.with_columns(benchmark=pl.lit("x"))
    file = write(frame.with_columns(pl.col("score") * 10), tmp_path / "mine")
    with pytest.raises(DataError, match=r"10 lies outside \[0, 1\]") as caught:
        list(table.read(file))
    assert str(file) in str(caught.value)
    same(table.read(file, rescale=True), table.read(write(frame, tmp_path / "one")))


@every_form
def test_bad_rows_are_listed_with_file_and_line(write: Writer, tmp_path: Path) -> None:
    frame = LONG.with_columns(
        score=pl.Series([1.0, 2.0, 0.0, -1.0, 1.0]),
        model=pl.Series(["a", "b", "  ", "b", "a"]),
    )
    file = write(frame, tmp_path / "mine")
    with pytest.raises(DataError, match="3 rows cannot be read") as caught:
        list(table.read(file))
    first = 2 if write is _csv else 1
    lines = str(caught.value).splitlines()[1:]
    assert str(caught.value).count("import with --scale LOW,HIGH") == 1
    places = {line.split(": ")[0] for line in lines}
    assert places == {f"{file}:{first + n}" for n in (1, 2, 3)}


def test_text_is_no_score(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("model,prompt_id,score\na,q,good\na,r,1\n")
    with pytest.raises(DataError, match=r"f.csv:2: score 'good' is not a number"):
        list(table.read(file))
    frame = pl.read_csv(file)
    with pytest.raises(DataError, match="score 'good' is not a number"):
        list(table.read(_parquet(frame, tmp_path / "p")))


@every_form
def test_missing_columns_are_named_with_the_remedy(write: Writer, tmp_path: Path) -> None:
    for column, why in (("prompt_id", "--columns prompt_id="), ("score", "--columns score=")):
        file = write(LONG.drop(column, "prompt"), tmp_path / "mine")
        assert not table.recognise(file)
        with pytest.raises(DataError, match=why):
            list(table.read(file))
    file = write(LONG.select("prompt_id", "prompt"), tmp_path / "mine")
    assert not table.recognise(file)
    with pytest.raises(DataError, match="neither a column for the model"):
        list(table.read(file))
    with pytest.raises(DataError, match="there is no column 'nope' for model"):
        list(table.read(file, columns="model=nope"))


def test_options_are_checked(tmp_path: Path) -> None:
    file = _csv(LONG, tmp_path / "mine")
    with pytest.raises(SpecError, match="unknown column role 'modle'; did you mean 'model'"):
        list(table.read(file, columns="modle=x"))
    with pytest.raises(SpecError, match="role=column"):
        list(table.read(file, columns="model"))


def test_what_is_no_table_is_not_recognised(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("model,prompt_id,score\n")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 4)
    for path in [*tmp_path.iterdir(), tmp_path, tmp_path / "none"]:
        assert not table.recognise(path)
    for path in (tmp_path / "empty.csv", tmp_path / "notes.txt", tmp_path / "broken.parquet"):
        with pytest.raises(DataError, match=str(path)):
            list(table.read(path))


def test_late_keys_of_wide_json_are_bad_rows(tmp_path: Path) -> None:
    file = tmp_path / "f.jsonl"
    rows: list[dict[str, Any]] = [{"prompt_id": n, "a": 1} for n in range(150)]
    rows[140]["b"] = 1
    file.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(DataError, match=r"f.jsonl:141: has 'b'"):
        list(table.read(file))


def test_conversations_in_place_of_text_are_left_out(tmp_path: Path) -> None:
    frame = LONG.with_columns(prompt=pl.Series([[{"role": "user"}]] * 5))
    for write in (_jsonl, _parquet):
        x, _ = table.read(write(frame, tmp_path / "mine"))
        assert x.prompts["text"].to_list() == [None, None]


def test_categorical_and_integer_names_are_read(tmp_path: Path) -> None:
    frame = LONG.with_columns(
        pl.col("model").cast(pl.Categorical),
        pl.col("prompt_id").cast(pl.Enum(["q3", "q2", "q1"])),
        pl.col("score").cast(pl.Int8),
    )
    same(table.read(_parquet(frame, tmp_path / "one")), table.read(_csv(LONG, tmp_path / "two")))


def test_missing_scores_in_parquet_are_not_observed(tmp_path: Path) -> None:
    frame = LONG.with_columns(score=pl.Series([1.0, None, float("nan"), 1.0, None]))
    file = _parquet(frame.with_columns(benchmark=pl.lit("x")), tmp_path / "mine")
    (draft,) = table.read(file)
    assert cells(draft) == {("q1", "a"): 1, ("q2", "b"): 1}
    assert draft.prompts.height == 3


_NAMES = st.sampled_from(["a", "b", "c", "Ω/d", "e f", "0"])
_RECORDS = st.dictionaries(
    st.tuples(st.sampled_from(["x", "y"]), st.sampled_from([f"q{n}" for n in range(9)]), _NAMES),
    st.tuples(st.sampled_from([0.0, 1.0, 0.5, 0.1]), st.sampled_from([None, 0.25, 3.0])),
    min_size=1,
    max_size=40,
)


@pytest.mark.slow
@_FAST
@given(_RECORDS, st.integers(1, 9), st.permutations(range(3)))
def test_all_three_forms_say_the_same(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    records: dict[tuple[str, str, str], tuple[float, float | None]],
    part: int,
    order: list[int],
) -> None:
    monkeypatch.setattr(long_parquet, "PART", part)
    frame = pl.DataFrame(
        [(*key, *value, f"text of {key[1]}") for key, value in records.items()],
        schema={
            "benchmark": pl.String,
            "prompt_id": pl.String,
            "model": pl.String,
            "score": pl.Float64,
            "cost": pl.Float64,
            "prompt": pl.String,
        },
        orient="row",
    )
    drafts = [list(table.read(write(frame, tmp_path / "mine"))) for write in WRITERS]
    one, two, three = (drafts[n] for n in order)
    same(one, two)
    same(two, three)
    found = {(draft.name, *key): score for draft in one for key, score in cells(draft).items()}
    assert found == {key: value[0] for key, value in records.items()}


@_FAST
@given(
    st.lists(st.lists(st.sampled_from([0.0, 1.0, None]), min_size=3, max_size=3), min_size=1),
    st.integers(1, 20),
)
def test_wide_forms_say_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scores: list[list[float | None]], part: int
) -> None:
    monkeypatch.setattr(long_parquet, "PART", part)
    frame = pl.DataFrame(
        [(f"q{n}", 1.0, *row) for n, row in enumerate(scores)],
        schema={"prompt_id": pl.String, **dict.fromkeys("zabc", pl.Float64)},
        orient="row",
    )
    one, two = (list(table.read(write(frame, tmp_path / "mine"))) for write in (_csv, _parquet))
    assert cells(one[0]) == cells(two[0])
    assert set(one[0].models) == set(two[0].models)


@every_form
@pytest.mark.parametrize("frame", [LONG, WIDE])
@settings(_FAST, max_examples=examples(40))
@given(damage=damages())
def test_damaged_tables_end_in_records_or_our_errors(
    tmp_path: Path, write: Writer, frame: pl.DataFrame, damage: Callable[[bytes], bytes]
) -> None:
    file = write(frame, tmp_path / "mine")
    file.write_bytes(damage(file.read_bytes()))
    ends_well(table, file)


def test_a_large_long_table_is_read_in_little_memory(tmp_path: Path) -> None:
    n_prompts, n_models = 1000, 1000
    rng = np.random.default_rng(0)
    right = rng.random((n_models, n_prompts)) < 0.5
    prompts = pl.Series([f"prompt {n}" for n in range(n_prompts)])
    models = pl.Series([f"org/model-{n}" for n in range(n_models)])
    frame = pl.DataFrame(
        {
            "model": models[np.repeat(np.arange(n_models), n_prompts)],
            "prompt_id": prompts[np.tile(np.arange(n_prompts), n_models)],
            "score": right.ravel(),
        }
    )
    file = tmp_path / "big.parquet"
    frame.write_parquet(file, row_group_size=100_000)
    folders = write_collection(_one_at_a_time(table.read(file)), tmp_path / "records")
    records = Records.from_draft(next(table.read(file)))
    np.testing.assert_array_equal(records.dense(), right.T)
    assert (folders[0] / "scores.npy").stat().st_size < n_prompts * n_models / 7


def _one_at_a_time(drafts: Iterator[Draft]) -> Iterator[Draft]:
    yield from drafts
