from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from routereval.errors import DataError, SpecError
from routereval.importers import neutral, table
from routereval.records import Draft, Records, export
from routereval.records.export import export_records, united_order
from routereval.records.names import is_name
from tests.conftest import CommandLine
from tests.made import made

Rows = Sequence[Sequence[float]]


def again(path: Path, format_name: str = "neutral") -> dict[str, Records]:
    read = {"neutral": neutral.read, "long": table.read}[format_name]
    return {draft.name: Records.from_draft(draft) for draft in read(path)}


def records_of(
    name: str, scores: Rows, models: Sequence[str], costs: Rows | None = None, **columns: object
) -> Records:
    matrix = np.array(scores, dtype=np.float64)
    prompts = pl.DataFrame({"prompt_id": [f"q{row}" for row in range(len(matrix))], **columns})
    if "subset" not in prompts.columns:
        prompts = prompts.with_columns(subset=pl.lit(name))
    usd = None if costs is None else np.array(costs, dtype=np.float64)
    return Records.from_draft(Draft(name, models, matrix, prompts, costs=usd))


def assert_same(one: Records, other: Records) -> None:
    assert one.models == other.models
    assert one.kind == other.kind
    np.testing.assert_array_equal(one.dense(), other.dense())
    seen, seen_again = one.scores.observed(), other.scores.observed()
    assert (seen is None) == (seen_again is None)
    assert seen is None or np.array_equal(seen, seen_again)  # type: ignore[arg-type]
    assert (one.costs is None) == (other.costs is None)
    assert one.costs is None or np.array_equal(one.costs, other.costs, equal_nan=True)  # type: ignore[arg-type]


# Names as users have them, and scores that need every bit of a float64.
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6).filter(is_name)
IDS = NAMES.filter(lambda name: name == name.strip())  # which tables that people write lose
SCORES = {
    "binary": st.sampled_from([0.0, 1.0, np.nan]),
    "float32": st.floats(0, 1, width=32) | st.just(np.nan),
    "float64": st.floats(0, 1) | st.just(np.nan),
}
COSTS = st.none() | st.lists(st.floats(0, 1e6, width=32) | st.just(np.nan), min_size=12)


@st.composite
def drafts(draw: st.DrawFn, name: str, models: Sequence[str]) -> Draft:
    ids = draw(st.lists(IDS, min_size=1, max_size=6, unique=True))
    own = [model for model in models if draw(st.booleans())] or list(models)
    shape = len(ids), len(own)
    cells = st.lists(
        SCORES[draw(st.sampled_from(sorted(SCORES)))],
        min_size=len(ids) * len(own),
        max_size=len(ids) * len(own),
    )
    scores = np.array(draw(cells)).reshape(shape)
    scores[0, np.isnan(scores).all(axis=0)] = 1.0  # every model was asked once
    usd = draw(COSTS)
    costs = None if usd is None else np.resize(usd, shape)
    return Draft(
        name,
        own,
        scores,
        pl.DataFrame(
            {
                "prompt_id": ids,
                "subset": [draw(IDS) for _ in ids],
                "text": pl.Series([draw(st.none() | NAMES) for _ in ids], dtype=pl.String),
                "chance": pl.Series(
                    [draw(st.none() | st.floats(0, 1)) for _ in ids], dtype=pl.Float64
                ),
                "level": pl.Series([draw(st.integers(0, 9)) for _ in ids], dtype=pl.Int16),
            }
        ),
        costs=None if costs is None or np.isnan(costs).all() else costs,
        model_info=pl.DataFrame(
            {"model": own, "price_in": pl.Series([draw(st.floats(0, 9)) for _ in own])}
        ),
    )


@st.composite
def collections(draw: st.DrawFn) -> list[Records]:
    models = draw(
        st.lists(IDS.filter(lambda n: n != "prompt_id"), min_size=1, max_size=4, unique=True)
    )
    names = draw(st.lists(IDS, min_size=1, max_size=3, unique=True))
    return [Records.from_draft(draw(drafts(name, models))) for name in names]


@pytest.mark.slow
@settings(max_examples=60)
@given(collection=collections())
def test_the_neutral_folder_comes_back_exactly_as_it_was(collection: list[Records]) -> None:
    with TemporaryDirectory() as folder:
        found = again(export_records(collection, Path(folder) / "out", "neutral"))
    assert list(found) == [records.name for records in collection]
    for records in collection:
        assert_same(records, found[records.name])
        assert_frame_equal(records.prompts, found[records.name].prompts)
        assert_frame_equal(records.model_info, found[records.name].model_info)


@pytest.mark.slow
@settings(max_examples=60)
@given(collection=collections(), cells=st.sampled_from([1, 4, 1 << 20]))
def test_the_long_table_comes_back_exactly_but_for_further_columns(
    collection: list[Records], cells: int
) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "BLOCK_CELLS", cells)
        found = again(export_records(collection, Path(folder) / "out", "long"), "long")
    for records in collection:
        back = found[records.name]
        order = [back.models.index(model) for model in records.models]
        back = back.select(models=order)
        assert records.models == back.models
        np.testing.assert_array_equal(records.dense(), back.dense())
        assert_frame_equal(records.prompts.drop("level"), back.prompts)
        if records.costs is not None:
            seen = ~np.isnan(records.dense().T)
            known = back.costs if back.costs is not None else np.full(seen.shape, np.nan)
            np.testing.assert_array_equal(records.costs[seen], known[seen])


def test_neutral_by_hand(tmp_path: Path) -> None:
    one = records_of("one", [[1, 0], [0, np.nan]], ["a", "b"], costs=[[0.5, 1], [np.nan, 2]])
    two = records_of("two", [[0.25, 1], [1, 0.5], [0, 0]], ["b", "c"])
    path = export_records([one, two], tmp_path / "out", "neutral")
    wide = pl.read_parquet(path / "scores.parquet")
    assert wide.to_dict(as_series=False) == {
        "prompt_id": ["q0", "q1", "q0", "q1", "q2"],
        "a": [1, 0, None, None, None],
        "b": [0, None, 0.25, 1, 0],
        "c": [None, None, 1, 0.5, 0],
    }
    assert wide.schema["a"] == pl.UInt8
    assert wide.schema["b"] == pl.Float32
    costs = pl.read_parquet(path / "costs.parquet")
    assert costs["a"].to_list() == [0.5, None, None, None, None]
    assert costs["c"].to_list() == [None] * 5
    back = again(path)
    assert back["two"].costs is None
    assert_same(one, back["one"])
    assert_same(two, back["two"])


def test_long_by_hand(tmp_path: Path) -> None:
    one = records_of("one", [[np.nan, 0], [1, np.nan]], ["a", "b"], text=["why?", "who?"])
    path = export_records([one], tmp_path / "out", "long")
    (part,) = path.iterdir()
    assert pl.read_parquet(part).rows() == [
        ("one", "q0", "a", None, "why?", "one", None),
        ("one", "q1", "a", 1.0, "who?", "one", None),
        ("one", "q0", "b", 0.0, None, "one", None),
    ]
    assert list(pl.read_parquet_schema(part)) == [
        "benchmark", "prompt_id", "model", "score", "prompt", "subset", "chance",
    ]  # fmt: skip


def test_an_llm_without_costs_may_come_after_one_with(tmp_path: Path) -> None:
    one = records_of("one", [[1, 0], [0, 1]], ["a", "b"], costs=[[0.5, np.nan], [2, np.nan]])
    back = again(export_records([one], tmp_path / "out", "long"), "long")["one"]
    assert_same(one, back)


def test_the_long_table_is_written_in_blocks_of_llms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "BLOCK_CELLS", 4)
    one = records_of("one", [[1.0] * 5] * 2, list("abcde"), text=["why?", "who?"])
    path = export_records([one], tmp_path / "out", "long")
    heights = [pl.read_parquet(file).height for file in sorted(path.iterdir())]
    assert heights == [4, 4, 2]
    assert pl.scan_parquet(path).select(pl.len()).collect().item() == 10


def test_columns_that_only_one_benchmark_has_are_empty_in_the_other(tmp_path: Path) -> None:
    one = records_of("one", [[1.0]], ["a"], year=[2024])
    two = records_of("two", [[1.0]], ["a"], author=["Ann"])
    back = again(export_records([one, two], tmp_path / "out", "neutral"))
    assert back["one"].prompts["year"].to_list() == [2024]
    assert back["one"].prompts["author"].to_list() == [None]
    assert back["two"].prompts["author"].to_list() == ["Ann"]


def test_an_llm_never_asked_drops_out_on_import(tmp_path: Path) -> None:
    one = records_of("one", [[np.nan, 1.0]], ["a", "b"])
    for name in ("neutral", "long"):
        path = export_records([one], tmp_path / name, name)
        assert again(path, name)["one"].models == ("b",)


def test_real_scores_of_packed_columns_stay_apart(tmp_path: Path) -> None:
    # One column is all 0 and 1, the matrix is not: the kind is the matrix's.
    one = records_of("one", [[1, 0.1], [0, 0.7]], ["a", "b"])
    back = again(export_records([one], tmp_path / "out", "neutral"))["one"]
    assert back.kind == "real"
    np.testing.assert_array_equal(one.dense(), back.dense())


@pytest.mark.parametrize(
    ("order", "united"),
    [
        ([["b", "a"], ["a", "c"]], ["b", "a", "c"]),
        ([["a", "b"], ["b", "a"], ["c"]], ["a", "b", "c"]),
        ([[]], []),
    ],
)
def test_united_order(order: list[list[str]], united: list[str]) -> None:
    assert united_order(order) == united


def test_what_cannot_be_exported_is_refused_in_a_sentence(tmp_path: Path) -> None:
    one = records_of("one", [[1.0]], ["a"])
    with pytest.raises(SpecError, match="did you mean 'neutral'"):
        export_records([one], tmp_path / "out", "neutrl")
    with pytest.raises(DataError, match="no records"):
        export_records([], tmp_path / "out", "long")
    with pytest.raises(DataError, match="two benchmarks are named 'one'"):
        export_records([one, one], tmp_path / "out", "long")
    with pytest.raises(DataError, match="column is named 'prompt'"):
        export_records([records_of("one", [[1.0]], ["a"], prompt=[1])], tmp_path / "out", "long")
    with pytest.raises(DataError, match="model is named 'prompt_id'"):
        export_records([records_of("one", [[1.0]], ["prompt_id"])], tmp_path / "out", "neutral")
    clash = [records_of("a", [[1.0]], ["x"], k=["v"]), records_of("b", [[1.0]], ["x"], k=[[1]])]
    with pytest.raises(DataError, match="different kinds"):
        export_records(clash, tmp_path / "out", "neutral")
    assert list(tmp_path.iterdir()) == []


def test_what_exists_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("dear")
    with pytest.raises(DataError, match="exists already"):
        export_records([records_of("one", [[1.0]], ["a"])], tmp_path / "mine", "neutral")
    assert (tmp_path / "mine" / "notes.txt").read_text() == "dear"


# CSV


def test_csv_holds_prompts_scores_costs_and_features(tmp_path: Path) -> None:
    one = made("one", n_prompts=6, n_models=3, costs=True, texts=True)
    two = made("two", n_prompts=4, n_models=2, features=False)
    folder = export_records([one, two], tmp_path / "out", "csv")
    assert sorted(file.name for file in folder.iterdir()) == [
        *("costs.csv", "features-given.csv", "models.csv", "prompts.csv", "scores.csv")
    ]
    prompts, scores, costs, features, models = (
        pl.read_csv(folder / f"{name}.csv")
        for name in ("prompts", "scores", "costs", "features-given", "models")
    )
    assert prompts.columns[:4] == ["benchmark", "prompt_id", "subset", "prompt"]
    assert prompts["prompt"].to_list()[:6] == one.prompts["text"].to_list()
    for wide in (scores, costs):
        assert wide["prompt_id"].to_list() == prompts["prompt_id"].to_list()
        assert wide["benchmark"].to_list() == ["one"] * 6 + ["two"] * 4
    for model in one.models:
        own = scores.filter(pl.col("benchmark") == "one")[model].to_numpy()
        np.testing.assert_array_equal(own, one.dense()[:, one.models.index(model)])
    assert costs.filter(pl.col("benchmark") == "two")[two.models[0]].null_count() == 4
    np.testing.assert_allclose(features.drop("benchmark", "prompt_id"), one.features["given"])
    assert features["benchmark"].unique().to_list() == ["one"]
    assert set(models["model"]) == {*one.models, *two.models}


def test_csv_refuses_a_model_called_like_a_key(tmp_path: Path) -> None:
    odd = records_of("one", [[1.0, 0.0]], ["benchmark", "b"])
    with pytest.raises(DataError, match="a model is named 'benchmark'"):
        export_records([odd], tmp_path / "out", "csv")
    assert not (tmp_path / "out").exists()


def test_what_a_format_has_no_place_for_is_said(tmp_path: Path, command_line: CommandLine) -> None:
    scores = np.array([[1.0, 0.0], [0.0, 1.0]])
    held = Records.from_arrays(
        "calls",
        scores,
        ["a", "b"],
        features=np.eye(2),
        axes={"latency_ms": scores},
        trials=np.stack([scores, scores]),
    )
    source = held.save(tmp_path / "calls")
    lost = {
        "csv": "latency_ms, trials",
        "neutral": "features given",
        "long": "features given",
    }
    for name, words in lost.items():
        told = command_line("export", name, source, tmp_path / name)
        assert f"left out, as {name} has no place for it: {words}\n" in told.err
    bare = Records.from_arrays("bare", scores, ["a", "b"]).save(tmp_path / "bare")
    assert "left out" not in command_line("export", "csv", bare, tmp_path / "none").err
