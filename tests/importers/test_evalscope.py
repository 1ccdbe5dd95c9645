"""EvalScope's reviews: the main value, repetitions, calls and judges that failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routereval.errors import DataError
from routereval.importers import evalscope, write_sample
from routereval.records import Draft


def review(
    index: int, value: dict[str, float], group: int | None = None, **more: str
) -> dict[str, Any]:
    score = {"value": value, **more}
    sample = {"score": score, "sample_id": index, "group_id": group}
    return {"index": index, "input": f"**User**: Q{group or index}", "sample_score": sample}


def drafts(folder: Path, files: dict[str, Any], **options: str) -> dict[str, Draft]:
    source = write_sample({f"t/{name}": rows for name, rows in files.items()}, folder)
    assert evalscope.recognise(source)
    return {draft.name: draft for draft in evalscope.IMPORTER.drafts(source, **options)}


def test_the_sample_is_read(tmp_path: Path) -> None:
    found = drafts(tmp_path, dict(evalscope.SAMPLE))["gsm8k"]
    assert (list(found.models), found.scores.tolist()) == (["a", "b"], [[1, 0], [0, 1]])
    assert found.prompts["text"].to_list() == ["How many 0?", "How many 1?"]
    assert found.prompts["subset"].to_list() == ["main", "main"]
    assert {axis: held[0, 0] for axis, held in found.axes.items()} == {
        "latency_ms": 500,
        "tokens_in": 30,
        "tokens_out": 2,
    }


def test_the_main_value_is_the_score_and_another_may_be_chosen(tmp_path: Path) -> None:
    rows = [review(0, {"f1": 0.25, "acc": 1.0}, main_score_name="acc")]
    (found,) = drafts(tmp_path / "one", {"reviews/m/x_default.jsonl": rows}).values()
    assert (found.name, found.scores.tolist()) == ("x", [[1]])
    assert found.prompts["text"].to_list() == ["Q0"]
    (other,) = drafts(tmp_path / "two", {"reviews/m/x.jsonl": rows}, metric="f1").values()
    assert other.scores.tolist() == [[0.25]]


def test_samples_of_a_group_are_trials(tmp_path: Path) -> None:
    rows = [review(n, {"acc": float(n % 2)}, group=n // 2) for n in range(4)]
    (found,) = drafts(tmp_path, {"reviews/m/x.jsonl": rows}).values()
    assert found.scores.tolist() == [[0.5], [0.5]]
    assert found.trials is not None


def test_what_a_judge_could_not_score_and_calls_that_failed_are_not_observed(
    tmp_path: Path,
) -> None:
    rows = [
        review(0, {}, status="parse_error"),
        review(1, {"acc": 0.0}, status="success"),
        review(2, {"acc": 0.0}, status="success"),
    ]
    calls = [{"index": 2, "model_output": {"error": "503", "usage": {"input_tokens": 0}}}]
    files = {"reviews/m/x.jsonl": rows, "predictions/m/x.jsonl": calls}
    (found,) = drafts(tmp_path, files).values()
    assert np.isnan(found.scores[:, 0]).tolist() == [True, False, True]
    assert any("2 of 3 answers ended in an error" in line for line in found.warnings)
    assert not found.axes


def test_reports_name_the_data_sets(tmp_path: Path) -> None:
    rows = [review(0, {"acc": 1.0})]
    files: dict[str, Any] = {f"reviews/m/my_set_{part}.jsonl": rows for part in ("easy", "hard")}
    assert list(drafts(tmp_path / "one", files)) == ["my_set_easy", "my_set_hard"]
    (found,) = drafts(tmp_path / "two", files | {"reports/m/my_set.json": {}}).values()
    assert found.name == "my_set"
    assert found.prompts["prompt_id"].to_list() == ["easy/0", "hard/0"]


def test_reviews_without_a_value_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="x: no metric was logged"):
        drafts(tmp_path, {"reviews/m/x.jsonl": [review(0, {})]})
