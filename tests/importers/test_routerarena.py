"""RouterArena's cached results: what is read, what is left out, what is refused."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from routereval.errors import DataError
from routereval.importers import write_sample
from routereval.importers.routerarena import IMPORTER, read, recognise
from routereval.records import Draft
from tests.importers.mutating import Files, write

SHARED = Path(__file__).parents[3].with_name("shared") / "data" / "routerarena"


def line(index: str, model: str, score: float | None, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    result = None if score is None else {"score": score, "inference_cost": 0.001}
    return {
        "global_index": index,
        "question": f"what is {index}?",
        "llm_selected": model,
        "generated_answer": "x",
        "token_usage": {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100},
        "success": True,
        "evaluation_result": result,
    } | more


def lines(*rows: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


GOOD: Files = {
    "cached_results/a.jsonl": lines(
        line("AIME_1", "a", 1.0), line("MMLU_law_7", "a", 0.5), line("AIME_2", "a", None)
    ),
    "cached_results/b.jsonl": lines(
        line("AIME_1", "b", 0.0, evaluation_result={"score": 0.0}), line("MMLU_law_7", "b", 1.0)
    ),
    "cached_results/c.jsonl": lines(line("AIME_1", "c", None)),
    "model_cost/cost.json": json.dumps(
        {"b": {"input_token_price_per_million": 2, "output_token_price_per_million": 10}}
    ).encode(),
}


def drafts(path: Path, **options: Any) -> dict[str, Draft]:  # noqa: ANN401
    return {draft.name: draft.checked() for draft in read(path, **options)}


@pytest.mark.parametrize("start", [".", "cached_results"])
def test_a_dataset_is_a_benchmark(tmp_path: Path, start: str) -> None:
    path = write(tmp_path, GOOD) / start
    assert recognise(path)
    found = drafts(path)
    assert list(found) == ["AIME", "MMLU_law"]
    aime = found["AIME"]
    assert aime.models == ["a", "b"]  # nothing of c is evaluated
    assert aime.scores.tolist() == [[1.0, 0.0]]
    assert aime.prompts["prompt_id"].to_list() == ["AIME_1"]  # nobody's answer to AIME_2 is
    assert aime.prompts["text"].to_list() == ["what is AIME_1?"]
    assert found["MMLU_law"].scores.tolist() == [[0.5, 1.0]]


def test_a_cost_that_is_missing_comes_from_tokens_and_prices(tmp_path: Path) -> None:
    costs = drafts(write(tmp_path, GOOD))["AIME"].costs
    assert costs is not None
    assert costs[0] == pytest.approx([0.001, (1000 * 2 + 100 * 10) / 1e6])


def test_one_file_alone(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD) / "cached_results" / "b.jsonl"
    assert recognise(file)
    assert drafts(file)["AIME"].models == ["b"]


def test_a_score_below_0_is_refused_unless_rescaled(tmp_path: Path) -> None:
    rows = lines(line("N_1", "a", -0.25), line("N_2", "a", 1.0), line("N_3", "a", 0.0))
    path = write(tmp_path, {"a.jsonl": rows, "b.jsonl": lines(line("M_1", "a", 0.5))})
    with pytest.raises(DataError, match=r"a\.jsonl:1: score -0\.25 lies outside .* --scale"):
        drafts(path)
    found = drafts(path, rescale=True)
    assert found["N"].scores[:, 0] == pytest.approx([0.0, 1.0, 0.2])
    assert found["M"].scores.tolist() == [[0.5]]


def test_nothing_evaluated_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no score \(files read: 1\)"):
        drafts(write(tmp_path, {"c.jsonl": GOOD["cached_results/c.jsonl"]}))


def test_bad_lines_are_listed_with_their_place(tmp_path: Path) -> None:
    bad = b'{"global_index": "A_1"}\nnot json\n' + lines(line("A_2", "a", 1, question=3))
    path = write(tmp_path, {"a.jsonl": bad + b'{"global_index": 1.5, "llm_selected": "a"}\n'})
    with pytest.raises(DataError) as error:
        drafts(path)
    listed = str(error.value).splitlines()
    assert len(listed) == 4
    assert "a.jsonl:1: there is no 'llm_selected'" in listed[1]
    assert "a.jsonl:2: is not JSON" in listed[2]
    assert "a.jsonl:4: 'global_index' is 1.5" in listed[3]


def test_other_folders_are_not_recognised(tmp_path: Path) -> None:
    assert not recognise(tmp_path)
    assert not recognise(tmp_path / "absent")
    assert not recognise(write(tmp_path, {"x.jsonl": b'{"a": 1}\n'}))


@pytest.mark.skipif(not (SHARED / "raw").is_dir(), reason="the published files are not here")
def test_the_published_files_agree_with_the_neutral_folder() -> None:
    with pytest.raises(DataError, match="--scale"):
        drafts(SHARED / "raw")
    found = drafts(SHARED / "raw", rescale=True)
    scores = pl.read_parquet(SHARED / "scores.parquet")
    costs = pl.read_parquet(SHARED / "costs.parquet")
    datasets = pl.read_parquet(SHARED / "prompts.parquet")["benchmark"]
    assert set(found) == set(datasets)
    assert sum(draft.prompts.height for draft in found.values()) == scores.height
    for draft in found.values():
        named = draft.prompts.select("prompt_id")
        for table, ours in ((scores, draft.scores), (costs, draft.costs)):
            assert ours is not None
            wide = named.join(table, on="prompt_id", how="left", maintain_order="left")
            mine = ours[:, [list(draft.models).index(model) for model in wide.columns[1:]]]
            theirs = wide.drop("prompt_id").to_numpy()
            low = theirs.min()  # of one dataset it is below 0
            np.testing.assert_allclose(
                mine, theirs if low >= 0 else (theirs - low) / (theirs.max() - low), rtol=1e-6
            )


def test_what_was_clipped_is_counted(tmp_path: Path) -> None:
    files = deepcopy(dict(IMPORTER.sample))
    rows = next(rows for name, rows in files.items() if "cached_results" in name)
    rows[0]["evaluation_result"]["score"] = -0.25
    source = write_sample(files, tmp_path)
    drafts = list(IMPORTER.drafts(source, clip=True))
    said = [line for draft in drafts for line in draft.facts if line.startswith("column")]
    assert said == ["column 'score': 1 like '-0.25' as the end of the scale"]
