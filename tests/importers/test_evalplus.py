"""HumanEval and EvalPlus: samples that passed, by the base tests and by all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from routereval.errors import DataError
from routereval.importers import evalplus, write_sample
from routereval.importers.registry import importer
from routereval.records import Draft


def drafts(folder: Path, files: dict[str, Any], **options: str) -> dict[str, Draft]:
    source = write_sample(files, folder)
    assert importer("auto", source).name == "evalplus"
    return {draft.name: draft for draft in evalplus.IMPORTER.drafts(source, **options)}


def samples(*passed: object) -> list[dict[str, object]]:
    return [{"task_id": "HumanEval/0", "completion": "x", "passed": mark} for mark in passed]


def test_the_sample_is_read(tmp_path: Path) -> None:
    found = drafts(tmp_path, dict(evalplus.SAMPLE))
    assert list(found) == ["humaneval", "humaneval+"]
    assert list(found["humaneval"].models) == ["a", "b", "org/c"]
    assert found["humaneval"].scores.tolist() == [[1, 0, 1], [0, 0, 1]]
    assert found["humaneval+"].scores.tolist() == [[1], [0]]


def test_samples_of_a_task_are_trials_and_folders_name_models(tmp_path: Path) -> None:
    files = {f"{m}/samples.jsonl_results.jsonl": samples(True, m == "b") for m in "ab"}
    found = drafts(tmp_path, files)["humaneval"]
    assert (list(found.models), found.scores.tolist()) == (["a", "b"], [[0.5, 1]])


def test_runs_of_other_code_are_trials_and_copies_are_not(tmp_path: Path) -> None:
    files = {
        f"{run}/m_eval_results.json": {
            "eval": {"HumanEval/0": [{"base_status": status, "solution": code}]}
        }
        for run, code, status in (("1", "x", "pass"), ("2", "x", "pass"), ("3", "y", "fail"))
    }
    other = {"other_eval_results.json": {"eval": {"HumanEval/0": [{"base_status": "pass"}]}}}
    found = drafts(tmp_path, files | other)["humaneval"]
    assert (list(found.models), found.scores.tolist()) == (["m", "other"], [[0.5, 1]])
    assert found.trials is not None
    assert len(found.trials) == 2
    for content in files.values():
        del content["eval"]["HumanEval/0"][0]["solution"]
    bare = drafts(tmp_path / "bare", files | other)["humaneval"]
    assert (bare.scores.tolist(), bare.trials) == ([[0, 1]], None)


def test_all_tests_need_the_base_tests_too(tmp_path: Path) -> None:
    told = [
        {"base_status": base, "plus_status": plus}
        for base, plus in (("pass", "pass"), ("pass", "timeout"), ("fail", "pass"))
    ]
    found = drafts(tmp_path, {"m/eval_results.json": {"eval": {"Mbpp/2": told}}})
    assert found["mbpp"].scores.tolist() == [[pytest.approx(2 / 3)]]
    assert found["mbpp+"].scores.tolist() == [[pytest.approx(1 / 3)]]


def test_the_older_form_is_read(tmp_path: Path) -> None:
    told = {"nfiles": 2, "base": [["success", []], ["failed", []]], "plus": [["failed", []]]}
    found = drafts(tmp_path, {"m_samples_eval_results.json": {"eval": {"HumanEval/0": told}}})
    assert list(found["humaneval"].models) == ["m"]
    assert {name: draft.scores.tolist() for name, draft in found.items()} == {"humaneval": [[0.5]]}


def test_temperatures_are_arms_and_problems_give_texts(tmp_path: Path) -> None:
    told = {"eval": {"HumanEval/0": [{"base_status": "pass"}]}}
    files = {f"m_hf_temp_{t}.eval_results.json": told for t in ("0.0", "0.8")}
    write_sample({"p.jsonl": [{"task_id": "HumanEval/0", "prompt": "def f():"}]}, tmp_path / "p")
    found = drafts(tmp_path / "in", files, problems=str(tmp_path / "p/p.jsonl"))["humaneval"]
    assert list(found.models) == ["m [temperature=0.0]", "m [temperature=0.8]"]
    assert found.prompts["text"].to_list() == ["def f():"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"eval": [], "base_status": 1}, "which stand under 'eval'"),
        (
            {"eval": {"x": [{"base_status": "maybe"}]}},
            "should be pass, fail or timeout, not 'maybe'",
        ),
        ({"eval": {"x": {"base": 1}}}, "'base' is no list of samples"),
        ({"eval": {}, "base": 1}, "holds no answers"),
    ],
)
def test_what_cannot_be_read_is_told(content: object, why: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=why):
        drafts(tmp_path, {"m_eval_results.json": content})


def test_a_table_with_a_column_for_the_model_is_not_taken(tmp_path: Path) -> None:
    rows = [{**row, "model": "m"} for row in samples(True)]
    assert not evalplus.recognise(write_sample({"x_results.jsonl": rows}, tmp_path))
