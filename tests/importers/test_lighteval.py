"""lighteval's details: the columns of today, those before 0.10, and what folders say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from routereval.errors import DataError
from routereval.importers import lighteval, write_sample
from routereval.records import Draft

TIME = "2024-01-02T03-04-05.678901"


def drafts(folder: Path, files: dict[str, Any], **options: str) -> dict[str, Draft]:
    source = write_sample(files, folder)
    assert lighteval.recognise(source)
    return {draft.name: draft for draft in lighteval.IMPORTER.drafts(source, **options)}


def details(metric: dict[str, object], **doc: object) -> list[dict[str, Any]]:
    return [{"doc": {"query": "Q", "id": "7", **doc}, "metric": metric}]


def test_the_sample_is_read(tmp_path: Path) -> None:
    found = drafts(tmp_path, dict(lighteval.SAMPLE))["mmlu"]
    assert (list(found.models), found.scores.tolist()) == (["org/a", "org/b"], [[1, 0], [0, 1]])
    assert found.prompts["prompt_id"].to_list() == ["law/0", "law/1"]
    assert found.prompts["chance"].to_list() == [0.5, 0.5]
    assert {axis: held[0, 0] for axis, held in found.axes.items()} == {
        "tokens_in": 3,
        "tokens_out": 2,
    }


@pytest.mark.parametrize("metrics", [{"acc": 1.0, "acc_norm": 0.0}, "{'acc': 1.0, 'acc_norm': 0}"])
def test_the_columns_before_0_10_are_read(metrics: object, tmp_path: Path) -> None:
    row = {"example": "Q", "full_prompt": "A, Q", "choices": ["x", "y", "z"], "gold_index": 1}
    name = f"details_org__m/{TIME}/details_harness|arc:challenge|25_{TIME}.parquet"
    (found,) = drafts(tmp_path, {name: [{**row, "metrics": metrics}]}).values()
    assert (found.name, list(found.models)) == ("arc", ["org/m"])
    assert found.scores.tolist() == [[0]]
    assert found.prompts["prompt_id"].to_list() == ["challenge/0"]
    assert found.prompts["text"].to_list() == ["Q"]
    assert found.prompts["chance"].to_list() == [pytest.approx(1 / 3)]


def test_results_tell_the_settings_of_a_run(tmp_path: Path) -> None:
    files: dict[str, Any] = {}
    for hour, temperature in ((1, 0.0), (2, 0.6)):
        time = f"2025-06-01T0{hour}-00-00"
        config = {"generation_parameters": {"temperature": temperature}}
        files |= {
            f"out/details/org/m/{time}/details_gsm8k|0_{time}.parquet": details({"em": 1.0}),
            f"out/results/org/m/results_{time}.json": {"config_general": {"model_config": config}},
        }
    (found,) = drafts(tmp_path, files).values()
    assert list(found.models) == ["org/m [temperature=0.0]", "org/m [temperature=0.6]"]


def test_another_metric_may_be_chosen_and_an_unknown_one_is_asked_for(tmp_path: Path) -> None:
    file = f"m/details_x|0_{TIME}.parquet"
    files = {file: details({"foo": 1.0, "bar": 0.5})}
    with pytest.raises(DataError, match="which metric is the score is not known; there are 'foo'"):
        drafts(tmp_path / "one", files)
    (found,) = drafts(tmp_path / "two", files, metric="bar").values()
    assert found.scores.tolist() == [[0.5]]


def test_several_right_options_have_no_chance(tmp_path: Path) -> None:
    rows = details({"em": 1.0}, choices=["a", "b"], gold_index=[0, 1])
    (found,) = drafts(tmp_path, {f"m/details_x|0_{TIME}.parquet": rows}).values()
    assert found.prompts["chance"].to_list() == [None]


@pytest.mark.parametrize("metrics", ["{'acc': ", "['acc']", "x" * 20_000])
def test_metrics_that_are_no_dict_are_refused(metrics: str, tmp_path: Path) -> None:
    rows = [{"example": "Q", "metrics": "{'acc': 1}"}, {"example": "R", "metrics": metrics}]
    if metrics.startswith("["):
        rows = rows[1:]
    with pytest.raises(DataError, match=r"'metrics' is|no metric was logged"):
        drafts(tmp_path, {f"m/details_x|0_{TIME}.parquet": rows})
