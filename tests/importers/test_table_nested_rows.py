"""JSON whose rows lie in lists of models' runs, beside lists of means, or by prompt alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from routereval.errors import DataError
from routereval.importers.registry import importer
from tests.importers.test_table_published import MODELS, PROMPTS, draft_of, folder
from tests.importers.test_table_surprises import read, refusal

RIGHT = {("gpt-x", "p-one"): True, ("gpt-x", "p-two"): False}
RIGHT |= {("claude-y", "p-one"): False, ("claude-y", "p-two"): True}
MANY = {f"p{n}": n % 3 == 0 for n in range(30)}


def read_json(path: Path, content: object) -> Any:  # noqa: ANN401 - as `read`
    return read(path, json.dumps(content), "in.json")


def refusal_of(path: Path, content: object) -> str:
    file = path / "in.json"
    file.write_text(json.dumps(content))
    with pytest.raises(DataError) as caught:
        list(importer("auto", file).drafts(file))
    return str(caught.value)


def test_models_with_their_samples_are_read_beside_the_tests(tmp_path: Path) -> None:
    tests = [{"id": p, "input": f"why {p}?", "expected": "so"} for p in PROMPTS]
    runs: list[dict[str, Any]] = [
        {
            "model": m,
            "pass_rate": None,
            "samples": [{"id": p, "output": "so", "passed": RIGHT[m, p]} for p in PROMPTS],
        }
        for m in MODELS
    ]
    draft = read_json(tmp_path, {"eval": "mine", "tests": tests, "runs": runs})
    assert draft.models == list(MODELS)
    assert draft.scores.tolist() == [[1, 0], [0, 1]]
    assert draft.prompts["text"].to_list() == ["why p-one?", "why p-two?"]
    one = [{**run, "samples": run["samples"][:1]} for run in runs]
    assert read_json(tmp_path, {"tests": tests, "runs": one}).scores.tolist() == [[1, 0]]


def test_a_list_of_prompts_comes_before_one_of_means(tmp_path: Path) -> None:
    models = [
        {"key": m, "passed": 1, "total": 2, "per_kind": {"easy": {"passed": 1}, "hard": {}}}
        for m in MODELS
    ]
    cases = [
        {"id": p, "prompt": f"why {p}?", "results": {m: {"pass": RIGHT[m, p]} for m in MODELS}}
        for p in PROMPTS
    ]
    draft = read_json(tmp_path, {"dataset": "mine", "models": models, "cases": cases})
    assert draft.models == list(MODELS)
    assert draft.scores.tolist() == [[1, 0], [0, 1]]
    rows = [{"id": p, "model": m, "correct": RIGHT[m, p]} for m in MODELS for p in PROMPTS]
    means = [{"model": m, "accuracy": 0.5} for m in MODELS]
    assert read_json(tmp_path, {"summary": means, "rows": rows}).models == list(MODELS)


def test_what_was_right_of_many_prompts_is_a_model_s(tmp_path: Path) -> None:
    other = {prompt: not right for prompt, right in MANY.items()}
    files = {"eval_results_gpt-x.json": MANY, "eval_results_claude-y.json": other}
    draft = draft_of(folder(tmp_path / "in", files))
    assert draft.models == ["claude-y", "gpt-x"]
    assert draft.scores.mean(axis=0) == pytest.approx([2 / 3, 1 / 3])
    beside = read_json(tmp_path, {"model": "gpt-x", "solved": MANY, "settings": {"shots": 3}})
    assert beside.models == ["gpt-x"]
    assert "'score' holds scores, but no column says whose" in refusal_of(tmp_path, MANY)
    few = dict(list(MANY.items())[:5])
    assert "no column for prompt_id" in refusal_of(tmp_path, few)


def test_lists_that_may_be_the_rows_are_named(tmp_path: Path) -> None:
    cases = [{"case_no": n, "verdict_of": "Pass"} for n in range(3)]
    why = refusal_of(tmp_path, [{"name": "easy", "cases": cases}, {"name": "hard", "cases": cases}])
    assert "it has name, cases; lists hold objects, those in 'cases' case_no, verdict_of" in why


def test_scores_by_kind_without_a_score_are_no_models(tmp_path: Path) -> None:
    kinds = {"sql": {"ability": 72.1, "of": [1]}, "code": {"ability": 51.0, "of": [2]}}
    why = refusal_of(tmp_path, [{"id": m, "scores": kinds} for m in MODELS])
    assert "neither a column for the model" in why


def test_two_scores_of_a_cell_are_told_the_id_of_their_rows(tmp_path: Path) -> None:
    lines = [f"gpt-x,{n % 4},{n},{n // 4 % 2}" for n in range(40)]
    text = "\n".join(["model,task_id,solution_id,score", *lines])
    why = refusal(tmp_path, text)
    assert "column 'solution_id' differs in each: --columns prompt_id=solution_id" in why
    assert "differs in each" not in refusal(tmp_path, text.replace("solution_id", "words"))
