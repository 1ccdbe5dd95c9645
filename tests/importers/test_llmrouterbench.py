"""LLMRouterBench's results: runs by dataset, split and model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routereval.errors import DataError
from routereval.importers.llmrouterbench import read, recognise
from routereval.records import Draft
from tests.importers.mutating import Files, write


def record(number: int, score: float | None, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "index": number,
        "origin_query": f"Q{number}?",
        "prompt": f"Answer: Q{number}?",
        "prompt_tokens": 10,
        "completion_tokens": 2,
        "cost": 0.001 * number,
        "score": score,
        "prediction": "x",
        "ground_truth": "y",
        "raw_output": ["x"],
        "extra_fields": {},
    } | more


def result(model: str, *records: object, split: str = "test", demo: bool = False) -> bytes:
    head: dict[str, Any] = {
        "performance": 0.5,
        "time_taken": 1.0,
        "prompt_tokens": 1,
        "completion_tokens": 1,
    }
    head |= {"cost": 0.1, "counts": len(records), "model_name": model, "dataset_name": "aime"}
    head |= {"split": split, "demo": demo, "extra_metrics": {}, "data_fingerprint": ""}
    return json.dumps(head | {"records": records}, indent=2).encode()


def place(model: str, stamp: str = "20250801_101010", split: str = "test") -> str:
    return f"results/bench/aime/{split}/{model}/aime-{split}-{model}-{stamp}.json"


GOOD: Files = {
    place("a"): result("a", record(1, 1.0), record(2, 0.0)),
    place("b"): result("b", record(1, 0.25), record(2, None)),
    place("b", split="hard"): result(
        "b", record(1, 1.0, origin_query="H?", prompt="H?"), split="hard"
    ),
}


def only(path: Path, **options: Any) -> Draft:  # noqa: ANN401
    (draft,) = (draft.checked() for draft in read(path, **options))
    return draft


@pytest.mark.parametrize("start", [".", "results", "results/bench", "results/bench/aime"])
def test_a_dataset_is_a_benchmark(tmp_path: Path, start: str) -> None:
    path = write(tmp_path, GOOD) / start
    assert recognise(path)
    draft = only(path)
    assert draft.name == "aime"
    table = {row["prompt_id"]: row for row in draft.prompts.to_dicts()}
    assert sorted(table) == ["hard/1", "test/1", "test/2"]
    assert table["test/1"]["text"] == "Answer: Q1?"
    assert table["hard/1"]["subset"] == "hard"
    order = [list(table).index(name) for name in ("test/1", "test/2", "hard/1")]
    by_model = dict(zip(draft.models, draft.scores.T[:, order], strict=True))
    np.testing.assert_array_equal(by_model["a"], [1, 0, np.nan])
    np.testing.assert_array_equal(by_model["b"], [0.25, np.nan, 1])
    assert draft.costs is not None
    assert draft.costs[order, list(draft.models).index("a")] == pytest.approx(
        [0.001, 0.002, np.nan], nan_ok=True
    )


def test_runs_made_again_are_trials_without_demos(tmp_path: Path) -> None:
    runs = {
        place("a", "20250802_000000"): result("a", record(1, 0.5), record(2, 0.5)),
        place("a", "20250803_000000"): result("a", record(1, 0.0), demo=True),
    }
    draft = only(write(tmp_path, {**GOOD, **runs}) / "results/bench/aime/test/a")
    assert draft.scores.tolist() == [[0.75], [0.25]]
    assert draft.trials is not None
    assert draft.trials.tolist() == [[[1], [0]], [[0.5], [0.5]]]
    assert draft.axes["tokens_in"].tolist() == [[10], [10]]


def test_one_file_and_a_flat_folder(tmp_path: Path) -> None:
    path = write(
        tmp_path, {"x.json": GOOD[place("a")], "y.json": GOOD[place("b")], "z.json": b"{}"}
    )
    assert recognise(path / "x.json")
    assert only(path / "x.json").scores.tolist() == [[1.0], [0.0]]
    assert only(path).models == ["a", "b"]


def test_scores_out_of_range_can_be_rescaled(tmp_path: Path) -> None:
    path = write(tmp_path, {"a.json": result("a", record(1, 10), record(2, 0))})
    with pytest.raises(DataError, match=r"a\.json: record 0: score 10 lies outside .* --scale"):
        only(path)
    assert only(path, rescale=True).scores.tolist() == [[1.0], [0.0]]


def test_bad_records_are_listed(tmp_path: Path) -> None:
    lacking = record(3, 1.0)
    del lacking["score"]
    path = write(
        tmp_path,
        {"a.json": result("a", 7, record(1, 1.0, index="")), "b.json": result("b", lacking)},
    )
    with pytest.raises(DataError) as error:
        only(path)
    listed = [line.split(".json: ")[1] for line in str(error.value).splitlines()[1:]]
    assert listed == [
        "record 0: is not a JSON object",
        "record 1: 'index' is ''; it should be a name",
        "record 0: there is no 'score'",
    ]


def test_other_prompts_under_one_index_are_refused(tmp_path: Path) -> None:
    other = result("c", record(1, 1.0, origin_query="Something else?"))
    with pytest.raises(DataError, match="record 0: another model was asked something else"):
        only(write(tmp_path, {**GOOD, place("c"): other}))


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    assert not recognise(tmp_path)
    assert not recognise(tmp_path / "absent")
    with pytest.raises(DataError, match="holds no results of LLMRouterBench"):
        only(tmp_path)
    path = write(tmp_path, {"a.json": b'{"records": 1}', "b.json": result("a", record(1, None))})
    with pytest.raises(DataError, match="holds no list 'records'"):
        only(path / "a.json")
    with pytest.raises(DataError, match="there is no score"):
        only(path / "b.json")
