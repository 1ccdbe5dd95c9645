"""Samples of Every Eval Ever: metrics by their aggregates, settings as arms, errors apart."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from routereval.errors import DataError
from routereval.importers import every_eval_ever, write_sample
from routereval.importers.registry import importer
from routereval.records import Draft

ROWS, WHOLE = "data/toy/org/a/a1_samples.jsonl", "data/toy/org/a/a1.json"


def sample() -> dict[str, Any]:
    return deepcopy(dict(every_eval_ever.SAMPLE))


def drafts(folder: Path, files: dict[str, Any], **options: Any) -> list[Draft]:  # noqa: ANN401
    source = write_sample(files, folder)
    assert importer("auto", source).name == "every-eval-ever"
    return list(every_eval_ever.IMPORTER.drafts(source, **options))


def test_the_sample_is_read(tmp_path: Path) -> None:
    (found,) = drafts(tmp_path, sample())
    assert (found.name, list(found.models)) == ("toy", ["org/a", "org/b"])
    assert found.scores.tolist() == [[1, 0.25], [0, 1]]
    assert found.prompts["text"].to_list() == ["q?", "r?"]
    assert found.prompts["subset"].to_list() == ["made", "made"]
    assert found.prompts["chance"].to_list() == [0.5, 0.5]
    assert {axis: held[0, 0] for axis, held in found.axes.items()} == {
        "latency_ms": 250,
        "tokens_in": 30,
        "tokens_out": 2,
    }
    assert "score: metric accuracy" in found.facts


def test_of_several_metrics_one_is_chosen_by_the_aggregates_name(tmp_path: Path) -> None:
    files = sample()
    for model in ("a", "b"):
        rows, whole = (
            f"data/toy/org/{model}/{model}1_samples.jsonl",
            f"data/toy/org/{model}/{model}1.json",
        )
        files[rows] += [
            {**row, "evaluation_result_id": f"{model}-f1", "evaluation": {"score": 0.125}}
            for row in files[rows]
        ]
        files[whole]["evaluation_results"].append(
            {"evaluation_result_id": f"{model}-f1", "metric_config": {"metric_name": "f1"}}
        )
    with pytest.raises(DataError, match="-O metric=NAME"):
        drafts(tmp_path / "one", files)
    (found,) = drafts(tmp_path / "two", files, metric="f1")
    assert found.scores.tolist() == [[0.125, 0.125], [0.125, 0.125]]


def test_a_metric_that_is_better_lower_is_refused_or_inverted(tmp_path: Path) -> None:
    files = sample()
    files[WHOLE]["evaluation_results"][0]["metric_config"]["lower_is_better"] = True
    with pytest.raises(DataError, match="accuracy is the better the lower it is; invert it"):
        drafts(tmp_path / "one", files)
    (found,) = drafts(tmp_path / "two", files, scale="1,0")
    assert found.scores.tolist() == [[0, 0.75], [1, 0]]


def test_errors_are_not_observed_and_repetitions_are_trials(tmp_path: Path) -> None:
    files = sample()
    files[ROWS] += [{**row, "evaluation": {"score": 0.5}} for row in files[ROWS]]
    files[ROWS][1]["error"] = "timeout"
    (found,) = drafts(tmp_path, files)
    assert found.scores.tolist() == [[0.75, 0.25], [0.5, 1]]
    assert found.trials is not None
    assert any("1 of 4 answers ended in an error" in line for line in found.warnings)


def test_two_settings_are_two_arms(tmp_path: Path) -> None:
    files = sample()
    args = {"generation_config": {"generation_args": {"reasoning": True, "prompt_template": "x"}}}
    other = deepcopy(files[WHOLE])
    other["evaluation_results"][0] |= args
    files |= {
        "data/toy/org/a/a2.json": other,
        "data/toy/org/a/a2_samples.jsonl": files[ROWS],
    }
    (found,) = drafts(tmp_path, files)
    assert list(found.models) == ["org/a", "org/a [reasoning=True]", "org/b"]


def test_samples_that_differ_are_not_merged(tmp_path: Path) -> None:
    files = sample()
    files[ROWS][0]["sample_hash"] = "of another sample"
    with pytest.raises(DataError, match="another model was asked something else as prompt 'q'"):
        drafts(tmp_path, files)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"evaluation": {}}, "there is no score in 'evaluation'"),
        ({"evaluation": {"score": 7}}, r"score 7 lies outside \[0, 1\]"),
        ({"input": "q?"}, "'input' is not a JSON object"),
        ({"sample_id": ""}, "'sample_id' is ''"),
    ],
)
def test_a_record_that_cannot_be_read_is_named(
    change: dict[str, Any], why: str, tmp_path: Path
) -> None:
    files = sample()
    files[ROWS][1] |= change
    with pytest.raises(DataError, match=rf"a1_samples\.jsonl:2: {why}"):
        drafts(tmp_path, files)
