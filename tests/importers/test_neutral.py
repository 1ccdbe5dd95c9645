"""The neutral folder: what it may hold, what it becomes, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

from routereval.errors import DataError
from routereval.importers import import_records, neutral
from routereval.importers.neutral import read, recognise
from routereval.records import Draft, Records
from routereval.records.export import export_records
from routereval.records.routereval import N_PROMPTS, REFERENCE
from tests.fuzzing import examples
from tests.importers.table_mutations import damages, ends_well

SHARED = Path(__file__).parents[3].with_name("shared") / "data"
SHARED = SHARED if SHARED.exists() else Path(__file__).parents[3] / "shared" / "data"
FOLDERS = ["alpaca_eval", "livecodebench", "llmrouter", "metabench", "mmlu_pro", "routellm"]
FOLDERS += ["routerarena", "routerbench_subset"]

PROMPTS: dict[str, Any] = {
    "prompt_id": ["p1", "p2", "p3", "p4"],
    "benchmark": ["x", "y", "x", "y"],
    "prompt": ["one?", "two?", None, "four?"],
}
SCORES: dict[str, Any] = {
    "prompt_id": ["p1", "p2", "p3", "p4"],
    "m": [1.0, 0.25, None, 0.75],
    "n": [0.0, 0.5, 1.0, float("nan")],
    "only y": [None, 1.0, float("nan"), 0.0],
}


def folder(path: Path, **tables: dict[str, Any] | pl.DataFrame) -> Path:
    """A neutral folder of the tables above, or of those given instead or besides."""
    made: dict[str, Any] = {"prompts": PROMPTS, "scores": SCORES} | tables
    for name, table in made.items():
        pl.DataFrame(table).write_parquet(path / f"{name}.parquet")
    return path


def drafts(path: Path, **options: Any) -> dict[str, Draft]:  # noqa: ANN401
    return {draft.name: draft.checked() for draft in read(path, **options)}


def same(one: object, other: object) -> bool:
    return np.array_equal(np.asarray(one, float), np.asarray(other, float), equal_nan=True)


def without(table: dict[str, Any], *columns: str) -> dict[str, Any]:
    return {name: values for name, values in table.items() if name not in columns}


# What it becomes


def test_each_benchmark_is_one_draft(tmp_path: Path) -> None:
    found = drafts(folder(tmp_path))
    assert list(found) == ["x", "y"]
    x, y = found.values()
    assert x.models == ["m", "n"]
    assert y.models == ["m", "n", "only y"]
    assert same(x.scores, [[1, 0], [np.nan, 1]])
    assert same(y.scores, [[0.25, 0.5, 1], [0.75, np.nan, 0]])
    assert x.prompts["prompt_id"].to_list() == ["p1", "p3"]
    assert x.prompts["text"].to_list() == ["one?", None]
    assert x.prompts["subset"].to_list() == ["x", "x"]
    assert x.prompts["chance"].to_list() == [None, None]
    assert x.source == str(tmp_path)
    assert (x.costs, x.model_info, x.reference) == (None, None, None)
    assert not x.simulated
    assert not Records.from_draft(x).has_text
    assert Records.from_draft(y).has_text


def test_without_a_benchmark_the_folder_names_it(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    found = drafts(folder(tmp_path / "mine", prompts=without(PROMPTS, "benchmark")))
    assert list(found) == ["mine"]
    assert len(found["mine"].scores) == 4


def test_scores_and_costs_follow_the_order_of_the_prompts(tmp_path: Path) -> None:
    costs = without(SCORES, "only y") | {"only y": [0.1, 0.2, 0.3, 0.4]}
    plain = drafts(folder(tmp_path, costs=costs))
    mixed = drafts(
        folder(
            tmp_path,
            scores=pl.DataFrame(SCORES)[[2, 0, 3, 1]],
            costs=pl.DataFrame(costs)[[1, 3, 2, 0]].select("only y", "n", "prompt_id", "m"),
        )
    )
    for name, draft in plain.items():
        assert same(draft.scores, mixed[name].scores)
        assert same(draft.costs, mixed[name].costs)
    assert mixed["y"].costs is not None
    assert mixed["y"].costs[:, 2].tolist() == [0.2, 0.4]


def test_ids_that_are_numbers_match_ids_that_are_text(tmp_path: Path) -> None:
    prompts = PROMPTS | {"prompt_id": [1, 2, 3, 4]}
    scores = SCORES | {"prompt_id": ["4", "3", "2", "1"]}
    x = drafts(folder(tmp_path, prompts=prompts, scores=scores))["x"]
    assert x.prompts["prompt_id"].to_list() == ["1", "3"]
    assert same(x.scores[:, 0], [0.75, 0.25])


def test_whole_numbers_and_columns_of_nulls_are_numbers(tmp_path: Path) -> None:
    scores = {"prompt_id": PROMPTS["prompt_id"], "m": [1, 0, None, 1], "never": [None] * 4}
    found = drafts(folder(tmp_path, scores=scores))
    assert found["x"].models == found["y"].models == ["m"]
    assert same(found["x"].scores, [[1], [np.nan]])


@pytest.mark.parametrize(
    ("columns", "subsets"),
    [
        ({"subset": ["s", "t", None, "t"], "subject": ["u"] * 4}, ["s", "x"]),
        ({"subject": ["u"] * 4, "category": ["v"] * 4}, ["u", "u"]),
        ({"category": [7, 8, 9, 9]}, ["7", "9"]),
        ({"topic": ["w"] * 4}, ["x", "x"]),
    ],
)
def test_the_subset_is_the_first_such_column(
    columns: dict[str, Any], subsets: list[str], tmp_path: Path
) -> None:
    x = drafts(folder(tmp_path, prompts=PROMPTS | columns))["x"]
    assert x.prompts["subset"].to_list() == subsets
    for name in set(columns) - {"subset"}:
        assert x.prompts[name].to_list() == [columns[name][0], columns[name][2]]


def test_text_may_be_called_text_and_chance_is_kept(tmp_path: Path) -> None:
    prompts = without(PROMPTS, "prompt") | {"text": list("abcd"), "chance": [0, 1, 0, 1]}
    y = drafts(folder(tmp_path, prompts=prompts))["y"]
    assert y.prompts["text"].to_list() == ["b", "d"]
    assert y.prompts["chance"].to_list() == [1.0, 1.0]


def test_what_is_known_of_models_is_kept(tmp_path: Path) -> None:
    info = {"model": ["n", "m"], "params": [7, 70]}
    records = Records.from_draft(drafts(folder(tmp_path, models=info))["x"])
    assert records.model_info["params"].to_list() == [70, 7]
    per_benchmark = info | {"benchmark": ["x", "y"]}
    records = Records.from_draft(drafts(folder(tmp_path, models=per_benchmark))["x"])
    assert records.model_info.columns == ["model", "params"]
    assert records.model_info["params"].to_list() == [None, 7]


@pytest.mark.parametrize("info", [{"model": [1, 2]}, {"name": ["m"]}, {"model": [None, "m"]}])
def test_what_cannot_be_joined_to_the_models_does_no_harm(
    info: dict[str, Any], tmp_path: Path
) -> None:
    records = Records.from_draft(drafts(folder(tmp_path, models=info))["x"])
    assert records.model_info["model"].to_list() == ["m", "n"]


def test_the_reference_is_given_to_routerevals_own_prompts_only(tmp_path: Path) -> None:
    n = N_PROMPTS["ifeval"]
    prompts = {"prompt_id": range(n + 1), "benchmark": ["IFEval"] * n + ["ARC"]}
    found = drafts(folder(tmp_path, prompts=prompts, scores={"prompt_id": range(n + 1), "m": 1.0}))
    assert found["IFEval"].reference == REFERENCE["ifeval"]
    assert found["ARC"].reference is None


# Scores out of range


@pytest.mark.parametrize("worst", [-0.5, 1.5, 100.0])
def test_a_score_out_of_range_is_refused_with_the_remedy(worst: float, tmp_path: Path) -> None:
    path = folder(tmp_path, scores=SCORES | {"m": [1.0, worst, 0.0, 0.0]})
    with pytest.raises(DataError, match=rf"y: score {worst:g} lies outside \[0, 1\].*--scale"):
        drafts(path)


def test_rescale_maps_the_range_of_each_benchmark(tmp_path: Path) -> None:
    scores = {
        "prompt_id": PROMPTS["prompt_id"],
        "m": [0.5, -10, None, 10],
        "n": [1.0, 0.0, 0.25, 5.0],
    }
    found = drafts(folder(tmp_path, scores=scores), rescale=True)
    assert same(found["x"].scores, [[0.5, 1], [np.nan, 0.25]])
    assert found["y"].scores.tolist() == [[0, 0.5], [1, 0.75]]


def test_rescale_cannot_mend_everything(tmp_path: Path) -> None:
    constant = folder(tmp_path, scores={"prompt_id": PROMPTS["prompt_id"], "m": [5.0, 1, 5, 0]})
    with pytest.raises(DataError, match="x: every score is 5; there is no range to rescale"):
        drafts(constant, rescale=True)
    infinite = folder(tmp_path, scores=SCORES | {"m": [np.inf, 0, -1, 1]})
    with pytest.raises(DataError, match="x: a score is infinite"):
        drafts(infinite, rescale=True)


@pytest.mark.parametrize("rescale", [False, True])
def test_a_benchmark_that_nobody_was_asked_is_refused(rescale: bool, tmp_path: Path) -> None:
    path = folder(tmp_path, scores={"prompt_id": PROMPTS["prompt_id"], "m": [None, 1, None, 0]})
    with pytest.raises(DataError, match="x: no records: 2 prompts × 0 models"):
        drafts(path, rescale=rescale)


def test_truth_values_are_scores_and_a_prompt_without_a_row_was_not_measured(
    tmp_path: Path,
) -> None:
    scores = pl.DataFrame(SCORES).head(3).with_columns(pl.col("m") > 0).reverse()
    scores = scores.with_columns(__index_level_0__=pl.Series([2, 1, 0]))
    found = drafts(folder(tmp_path, scores=scores))
    assert all("__index_level_0__" not in draft.models for draft in found.values())
    assert "m" in next(iter(found.values())).models
    observed = sum(int((~np.isnan(draft.scores)).any(axis=1).sum()) for draft in found.values())
    assert observed == 3


def test_a_table_that_is_not_understood_is_named(tmp_path: Path) -> None:
    path = folder(tmp_path)
    assert not any("not understood" in w for d in drafts(path).values() for w in d.warnings)
    pl.DataFrame({"prompt_id": ["p1"]}).write_parquet(path / "trials.parquet")
    for draft in drafts(path).values():
        assert any("left out: trials.parquet; read are" in line for line in draft.warnings)


# What is refused


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        ({"scores": SCORES | {"m": ["1", "0", "1", "good"]}}, "column 'm' holds String"),
        ({"costs": SCORES | {"m": ["1", "0", "1", "$5"]}}, r"costs\.parquet: column 'm' holds"),
        ({"scores": SCORES | {"m": [[1], [0], [1], [0]]}}, "column 'm' holds List"),
        ({"scores": without(SCORES, "prompt_id")}, r"scores\.parquet: .* no column prompt_id"),
        ({"prompts": without(PROMPTS, "prompt_id")}, r"prompts\.parquet: .* no column prompt_id"),
        ({"costs": without(SCORES, "prompt_id")}, r"costs\.parquet: .* no column prompt_id"),
        ({"costs": without(SCORES, "m")}, r"costs\.parquet: its models are not those"),
        ({"prompts": pl.DataFrame(PROMPTS).head(3)}, "'p4' is none of them"),
        (
            {"costs": SCORES | {"prompt_id": ["p1", "p2", "p3", "p5"]}},
            r"costs.*'p5' is none of them",
        ),
        ({"scores": SCORES | {"prompt_id": ["p1", "p2", "p3", None]}}, "a prompt_id is missing"),
        ({"prompts": PROMPTS | {"prompt_id": [None, 2, 3, 4]}}, "a prompt_id is missing"),
        ({"scores": pl.DataFrame(SCORES)[[0, 0, 1, 2, 3]]}, "some occur twice"),
        ({"prompts": PROMPTS | {"benchmark": ["x", None, "x", "y"]}}, "a prompt has no benchmark"),
        ({"prompts": PROMPTS | {"chance": ["low"] * 4}}, "'chance' holds String.*Float64"),
        ({"prompts": PROMPTS | {"subset": [["a"]] * 4}}, "'subset' holds List"),
        ({"prompts": pl.DataFrame(PROMPTS).clear(), "scores": pl.DataFrame(SCORES).clear()}, None),
    ],
)
def test_tables_that_do_not_fit_are_refused(
    tables: dict[str, Any], sentence: str | None, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    path = folder(tmp_path / "in", **tables)
    with pytest.raises(DataError, match=sentence or "holds no records"):
        import_records("neutral", path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_prompt_id_may_not_occur_twice_in_a_benchmark(tmp_path: Path) -> None:
    ids = {"prompt_id": ["p1", "p2", "p1", "p4"]}
    with pytest.raises(DataError, match="x: prompt_id 'p1' occurs twice"):
        drafts(folder(tmp_path, prompts=PROMPTS | ids, scores=SCORES | ids))


@pytest.mark.parametrize("name", ["prompts", "scores", "costs", "models"])
@pytest.mark.parametrize("left", [0, 3, 0.5, -1])
def test_a_truncated_file_is_refused(name: str, left: float, tmp_path: Path) -> None:
    path = folder(tmp_path, costs=SCORES, models={"model": ["m"]})
    file = path / f"{name}.parquet"
    content = file.read_bytes()
    file.write_bytes(content[: int(left * len(content)) if 0 < left < 1 else int(left)])
    with pytest.raises(DataError, match=rf"{name}\.parquet: cannot be read as Parquet \(.+\)"):
        drafts(path)


def test_bytes_that_make_the_reader_panic_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def panic(*_: object) -> None:
        raise pl.exceptions.PanicException("called `Result::unwrap()` on an `Err` value")

    path = folder(tmp_path)
    monkeypatch.setattr(pl, "scan_parquet", panic)
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        drafts(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    (folder(tmp_path) / "scores.parquet").unlink()
    assert not recognise(tmp_path)
    with pytest.raises(DataError, match=r"scores\.parquet:? cannot be read"):
        drafts(tmp_path)


def test_both_files_make_a_neutral_folder(tmp_path: Path) -> None:
    assert not recognise(tmp_path)
    assert not recognise(tmp_path / "nowhere")
    assert recognise(folder(tmp_path))
    assert not recognise(tmp_path / "scores.parquet")


# Real results


def shared(name: str) -> Path:
    if not (SHARED / name).is_dir():
        pytest.skip(f"{SHARED / name} is not here")
    return SHARED / name


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in FOLDERS if name != "routerarena"])
def test_real_results_are_imported(name: str, tmp_path: Path) -> None:
    path = shared(name)
    imported = import_records("auto", path, tmp_path / name)
    wide = pl.read_parquet(path / "scores.parquet").drop("prompt_id").to_numpy()
    assert sum(records.n_prompts for records in imported) == len(wide)
    observed = sum(int((~np.isnan(records.dense())).sum()) for records in imported)
    assert observed == int((~np.isnan(wide)).sum())
    assert all(records.has_text for records in imported) == (name != "livecodebench")
    assert all(
        (records.costs is not None) == (name == "routerbench_subset") for records in imported
    )


def test_mmlu_pro_is_routerevals() -> None:
    (draft,) = read(shared("mmlu_pro"))
    assert draft.scores.shape == (12_032, 28)
    assert draft.reference == REFERENCE["mmlu_pro"]
    assert draft.prompts["subset"].n_unique() == 14


def test_routerarena_has_negative_scores_and_costs() -> None:
    path = shared("routerarena")
    with pytest.raises(DataError, match=r"score -.* lies outside \[0, 1\].*--scale"):
        drafts(path)
    found = drafts(path, rescale=True)
    assert sum(len(draft.scores) for draft in found.values()) == 809
    assert all(draft.costs is not None for draft in found.values())


@pytest.mark.parametrize("name", ["prompts.parquet", "scores.parquet", "about.json"])
@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage=damages())
def test_a_damaged_folder_ends_in_records_or_our_errors(
    tmp_path: Path, name: str, damage: Callable[[bytes], bytes]
) -> None:
    exported = tmp_path / "exported"
    if not exported.exists():
        records = Records.from_arrays("toy", np.eye(6), list("abcdef"), ["text"] * 6)
        export_records([records], exported, "neutral")
    whole = (exported / name).read_bytes()
    (exported / name).write_bytes(damage(whole))
    ends_well(neutral, exported)
    (exported / name).write_bytes(whole)


def test_what_calls_reveal(tmp_path: Path) -> None:
    ids = SCORES["prompt_id"]
    answers = {
        "prompt_id": ids[::-1],
        "m": ["B", None, "A", "B"],
        "n": ["B", "B", "C", "A"],
        "only y": ["A", "C", "C", None],
    }
    chars = {"prompt_id": ids, "m": [10, 20, 30, 40], "n": [1, 2, 3, None], "only y": [0.5] * 4}
    x, y = read(folder(tmp_path, answers=answers, output_chars=chars))
    assert x.models == ["m", "n"]
    a, b, c = 0.0, 1.0, 2.0
    np.testing.assert_array_equal(x.signals["answer"], [[b, a], [np.nan, b]])
    np.testing.assert_array_equal(y.signals["answer"], [[a, c, c], [b, b, a]])
    np.testing.assert_array_equal(x.signals["length"], [[10, 1], [30, 3]])


def test_what_calls_reveal_is_of_the_llms_of_the_scores(tmp_path: Path) -> None:
    answers = {"prompt_id": SCORES["prompt_id"], "m": [1, 2, 3, 4]}
    with pytest.raises(DataError, match=r"answers.parquet: its models are not those of scores"):
        list(read(folder(tmp_path, answers=answers)))
