"""Plain tables with runs, latencies, tokens, efforts and judges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from routereval.errors import DataError
from routereval.importers.registry import importer
from routereval.importers.table_roles import ROLES
from routereval.records import Draft, Records
from routereval.records.export import export_records
from routereval.records.trials import Trials

NAN = float("nan")
BESIDE = "model,id,score,latency_s,prompt_tokens,cached_tokens,latency"


def read(file: Path, *rows: str, **options: str) -> Draft:
    """The one draft of a file of those rows; of the file as it is without any."""
    if rows:
        file.write_text("".join(f"{row}\n" for row in rows))
    [draft] = importer("auto", file).drafts(file, **options)
    return draft.checked()


@pytest.mark.parametrize("column", ["seed", "trial", "Attempt", "run_id"])
def test_rows_that_name_their_run_are_trials(column: str, tmp_path: Path) -> None:
    rows = ["a,q,7,1,0.1", "a,q,9,0,0.3", "b,q,9,1,0.5", "b,q,7,0,0.5", "b,q,7,0,0.5"]
    draft = read(tmp_path / "a.csv", f"model,id,{column},score,cost", *rows)
    assert draft.trials is not None
    assert draft.trials.tolist() == [[[1, 0]], [[0, 1]]]  # 7, 9; the same row twice is one run
    assert draft.costs is not None
    assert draft.costs[0].tolist() == pytest.approx([0.2, 0.5])
    assert f"trial: column {column!r}" in draft.facts


def test_one_run_with_two_scores_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="prompt 'q', model 'a': 0 and 1"):
        read(tmp_path / "a.csv", "model,id,seed,score", "a,q,7,1", "a,q,7,0")


def test_names_of_rows_are_no_numbers_of_runs(tmp_path: Path) -> None:
    rows = [f"{model},q{n},r{model}{n},1" for n in range(50) for model in "ab"]
    assert read(tmp_path / "a.csv", "model,id,run_id,score", *rows).trials is None
    again = read(tmp_path / "b.csv", "model,id,run_id,score", *rows, "a,q0,again,0")
    assert again.trials is not None
    assert again.trials.shape == (2, 50, 2)


def test_a_wide_table_may_have_a_row_per_seed(tmp_path: Path) -> None:
    draft = read(tmp_path / "a.csv", "id,seed,gpt,llama", "q,0,1,0", "q,1,1,1")
    assert draft.trials is not None
    assert draft.trials.tolist() == [[[1, 0]], [[1, 1]]]


def test_latency_and_tokens_are_read_by_their_usual_names(tmp_path: Path) -> None:
    draft = read(tmp_path / "a.csv", BESIDE, "a,q,1,0.5,10,,3", "b,q,0,-1,20,5,4")
    assert set(draft.axes) == {"latency_ms", "tokens_in", "tokens_cached"}
    assert np.array_equal(draft.axes["latency_ms"], [[500, NAN]], equal_nan=True)
    assert draft.axes["tokens_in"].tolist() == [[10, 20]]
    assert np.array_equal(draft.axes["tokens_cached"], [[NAN, 5]], equal_nan=True)
    assert any("latency_ms: 1 cells hold no number" in line for line in draft.warnings)
    assert not any("does not say its unit" in line for line in draft.warnings)
    named = read(tmp_path / "a.csv", columns="latency_ms=latency, ignore=latency_s")
    assert named.axes["latency_ms"].tolist() == [[3, 4]]


def test_a_latency_without_its_unit_is_asked_for(tmp_path: Path) -> None:
    draft = read(tmp_path / "a.csv", "model,id,score,latency", "a,q,1,3")
    assert not draft.axes
    assert any("--columns latency_s=latency" in line for line in draft.warnings)


def test_words_in_such_a_column_refuse_no_score(tmp_path: Path) -> None:
    draft = read(tmp_path / "a.csv", "model,id,score,seconds", "a,q,1,fast", "b,q,1,slow")
    assert not draft.axes
    assert any("left out: the columns seconds" in line for line in draft.facts)


def test_a_wide_table_may_have_them_per_model(tmp_path: Path) -> None:
    header = "id,a,b,a_latency_ms,b_latency_ms,a_output_tokens"
    draft = read(tmp_path / "a.csv", header, "q,1,0,5,6,7", "r,1,0,5,6,7")
    assert draft.models == ["a", "b"]
    assert draft.axes["latency_ms"].tolist() == [[5, 6]] * 2
    assert np.array_equal(draft.axes["tokens_out"], [[7, NAN]] * 2, equal_nan=True)


def test_parquet_has_them_too(tmp_path: Path) -> None:
    table = pl.DataFrame({"model": ["a", "b"], "prompt_id": ["q", "q"], "score": [1, 0]})
    beside = table.with_columns(latency_s=pl.Series([0.5, -1]), output_tokens=pl.Series([3, None]))
    beside.write_parquet(tmp_path / "a.parquet")
    draft = read(tmp_path / "a.parquet")
    assert np.array_equal(draft.axes["latency_ms"], [[500, NAN]], equal_nan=True)
    assert np.array_equal(draft.axes["tokens_out"], [[3, NAN]], equal_nan=True)
    assert any("latency_ms: 1 cells" in line for line in draft.warnings)
    other = table.with_columns(seed=2, score=1 - pl.col("score"))
    pl.concat([table.with_columns(seed=1), other], how="vertical_relaxed").write_parquet(
        tmp_path / "b.parquet"
    )
    again = read(tmp_path / "b.parquet")
    assert again.trials is not None
    assert again.trials.tolist() == [[[1, 0]], [[0, 1]]]


def test_a_model_at_two_efforts_is_two_arms(tmp_path: Path) -> None:
    rows = ["gpt,q,low,0", "gpt,q,high,1", "other,q,low,1", "plain,q,,1"]
    draft = read(tmp_path / "a.csv", "model,id,reasoning_effort,score", *rows)
    assert draft.models == ["gpt [effort=low]", "gpt [effort=high]", "other", "plain"]
    assert draft.model_info is not None
    assert draft.model_info["base_model"].to_list() == ["gpt", "gpt", "other", "plain"]
    assert draft.model_info["effort"].to_list() == ["low", "high", "low", None]


def test_judges_of_the_same_answers_are_kept_apart(tmp_path: Path) -> None:
    header = "model,id,judge,score"
    draft = read(tmp_path / "a.csv", header, "a,q,man,1", "a,q,machine,0", "b,q,machine,0.5")
    assert np.array_equal(draft.scores, [[1, NAN]], equal_nan=True)
    assert (draft.judge, list(draft.judges)) == ("man", ["machine"])
    assert draft.judges["machine"].tolist() == [[0, 0.5]]
    assert any("judge 'man', who gave none of 1 answers" in line for line in draft.warnings)
    shared = read(tmp_path / "b.csv", header, "a,q,man,1", "b,q,machine,0")
    assert (shared.scores.tolist(), shared.judges) == ([[1, 0]], {})


def test_the_long_table_that_is_exported_has_them(tmp_path: Path) -> None:
    runs = np.array([[[1, 0], [1, 1]], [[0, 0], [NAN, 1]]])
    latency = np.array([[1.0, NAN], [3, 4]])
    records = Records.from_arrays(
        "toy", Trials.of(runs).means(), ["a", "b"], trials=runs, axes={"latency_ms": latency}
    )
    draft = read(export_records([records], tmp_path / "out", "long"))
    assert np.array_equal(draft.trials, runs, equal_nan=True)  # type: ignore[arg-type]
    assert np.array_equal(draft.axes["latency_ms"], latency, equal_nan=True)


def test_the_page_names_all_that_is_known() -> None:
    page = (Path(__file__).parents[2] / "docs" / "importers-tables.md").read_text()
    for role, names in ROLES.items():
        row = next(line for line in page.splitlines() if line.startswith(f"| `{role}`"))
        assert f"| {', '.join(names)}" in row
