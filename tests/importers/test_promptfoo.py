"""promptfoo's results: repeats are trials, errors no failures, labels tell arms apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from routereval.errors import DataError
from routereval.importers import promptfoo
from routereval.records import Draft


def result(model: str, word: str, score: float | None, **more: object) -> dict[str, Any]:
    return {
        "provider": {"id": model, "label": more.pop("label", "")},
        "prompt": {"raw": f"Say {word}", "label": more.pop("template", "Say {{w}}")},
        "vars": {"w": word},
        "success": score == 1,
        "score": score,
        "gradingResult": {"pass": score == 1},
        **more,
    }


def read(folder: Path, *results: object, **options: str) -> Draft:
    file = folder / "results.json"
    file.write_text(json.dumps({"results": {"version": 3, "results": results}}))
    assert promptfoo.recognise(folder)
    (draft,) = promptfoo.IMPORTER.drafts(folder, **options)
    return draft


def test_tests_are_told_by_their_variables(tmp_path: Path) -> None:
    draft = read(
        tmp_path,
        result("a", "x", 1, testIdx=0, cost=0.5),
        result("b", "y", 0.25, testIdx=1, response={"cost": 0.25}),
        result("b", "x", 0, testIdx=0),
        result("a", "y", 1, testIdx=1),
    )
    assert list(draft.models) == ["a", "b"]
    assert draft.scores.tolist() == [[1, 0], [1, 0.25]]
    assert draft.prompts["text"].to_list() == ["Say x", "Say y"]
    assert draft.costs is not None
    assert draft.costs[0, 0] == 0.5
    assert draft.costs[1, 1] == 0.25


def test_repeated_tests_are_trials_of_one_cell(tmp_path: Path) -> None:
    draft = read(tmp_path, *(result("a", "x", n, testIdx=n) for n in range(2)))
    assert draft.scores.tolist() == [[0.5]]


def test_errors_are_not_observed(tmp_path: Path) -> None:
    old = result("a", "z", 0, error="503")
    del old["gradingResult"]
    draft = read(
        tmp_path,
        result("a", "x", 0, failureReason=2, error="rate limit"),
        result("a", "y", 0, failureReason=1, error="expected y"),
        old,
    )
    assert [score == 0 for score in draft.scores[:, 0]] == [False, True, False]
    assert "a: 2 of 3 answers ended in an error: they are not observed, and no failures" in (
        draft.warnings
    )


def test_labels_and_columns_tell_the_arms_of_a_provider_apart(tmp_path: Path) -> None:
    labelled = [result("a", "x", 1, label=label) for label in ("low", "high")]
    assert list(read(tmp_path, *labelled).models) == ["a [label=low]", "a [label=high]"]
    columns = [result("a", "x", 1, promptIdx=n) for n in range(2)]
    assert list(read(tmp_path, *columns).models) == ["a [promptIdx=0]", "a [promptIdx=1]"]


def configured(file: Path, stamp: str, providers: object, *results: object) -> None:
    inner = {"version": 3, "timestamp": stamp, "results": results}
    file.write_text(json.dumps({"results": inner, "config": {"providers": providers}}))


def test_providers_of_several_configurations_are_arms(tmp_path: Path) -> None:
    efforts = [
        {"id": "a", "config": {"reasoning_effort": effort, "apiKey": effort, "max_tokens": 9}}
        for effort in ("low", "high")
    ]
    results = [result("a", "x", n, promptIdx=n) for n in range(2)]
    configured(tmp_path / "one.json", "2025-01-01", efforts, *results, result("b", "x", 1))
    (draft,) = promptfoo.read(tmp_path)
    assert list(draft.models) == ["a [reasoning_effort=low]", "a [reasoning_effort=high]", "b"]
    assert draft.scores.tolist() == [[0, 1, 1]]
    assert draft.model_info is not None
    assert draft.model_info["base_model"].to_list() == ["a", "a"]


def test_a_provider_configured_anew_in_another_file_is_another_arm(tmp_path: Path) -> None:
    for day, effort in enumerate(("low", "high"), 1):
        provider = [{"a": {"config": {"reasoning": {"effort": effort}}}}, "b"]
        file = tmp_path / f"{effort}.json"
        configured(file, f"2025-01-0{day}", provider, result("a", "x", day - 1))
    (draft,) = promptfoo.read(tmp_path)
    assert sorted(draft.models) == ["a [reasoning.effort=high]", "a [reasoning.effort=low]"]


def test_templates_count_where_a_provider_has_several(tmp_path: Path) -> None:
    both = [result(m, "x", 1, template=t) for m in "ab" for t in ("T1", "T2")]
    assert read(tmp_path, *both).scores.shape == (2, 2)
    own = [result(m, "x", 1, template=f"T{m}") for m in "ab"]
    assert read(tmp_path, *own).scores.shape == (1, 2)


def test_a_metric_may_be_chosen(tmp_path: Path) -> None:
    row = result("a", "x", 0.4, namedScores={"tone": 0.75})
    assert read(tmp_path, row).scores.tolist() == [[pytest.approx(0.4)]]
    assert read(tmp_path, row, metric="success").scores.tolist() == [[0]]
    assert read(tmp_path, row, metric="tone").scores.tolist() == [[0.75]]
    with pytest.raises(DataError, match="there is no score"):
        read(tmp_path, row, metric="style")


def test_chats_become_their_contents_and_lines_are_read(tmp_path: Path) -> None:
    row = result("a", "x", 1)
    row["prompt"]["raw"] = json.dumps([{"role": "user", "content": "Hello"}])
    (tmp_path / "out.jsonl").write_text(f"{json.dumps(row)}\n")
    (draft,) = promptfoo.read(tmp_path)
    assert draft.prompts["text"].to_list() == ["Hello"]


def test_results_without_a_provider_or_test_are_told(tmp_path: Path) -> None:
    nameless = {**result("a", "x", 1), "provider": {}}
    with pytest.raises(DataError, match="the provider's id is ''; it should be a name"):
        read(tmp_path, nameless)
    bare = {**result("a", "x", 1), "vars": {}, "prompt": {"raw": "Hi"}}
    with pytest.raises(DataError, match="neither 'vars' nor a label of the prompt"):
        read(tmp_path, bare)


def test_an_evaluation_is_read_as_it_is_shared(tmp_path: Path) -> None:
    whole = {"version": 3, "results": {"version": 2, "results": [result("a", "x", 1)]}}
    (tmp_path / "shared.json").write_text(json.dumps({"data": whole}))
    [draft] = promptfoo.IMPORTER.drafts(tmp_path)
    assert draft.models == ["a"]
    assert draft.scores.tolist() == [[1]]
