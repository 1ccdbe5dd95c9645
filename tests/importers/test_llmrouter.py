from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from routereval.errors import DataError
from routereval.importers import llmrouter
from tests.fuzzing import examples
from tests.importers.table_mutations import (
    SHARED,
    cells,
    costs,
    damages,
    ends_well,
    equals_neutral,
    same,
)

LISTS = [
    {"question": "Why?", "scores": {"a": 1.0, "b": 0.0}, "cluster_id": 0},
    {"question": "How?", "scores": {"a": 0.5}},
]


def _record(query: str, model: str, performance: object, **more: object) -> dict[str, Any]:
    return {
        "task_name": "law",
        "query": query,
        "ground_truth": "2",
        "metric": "em",
        "model_name": model,
        "response": "long,\nlonger",
        "performance": performance,
        **more,
    }


RECORDS = [_record("Why?", "a", 1.0), _record("Why?", "b", 0), _record("How?", "a", 0.5)]


def _jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def _repository(root: Path) -> Path:
    folder = root / "data" / "dcrouter_preprocessed"
    folder.mkdir(parents=True)
    (folder / "train.json").write_text(json.dumps(LISTS[:1], indent=2))
    (folder / "test.json").write_text(json.dumps(LISTS[1:], indent=2))
    queries = [{"task_name": "law", "query": "Why?"}, {"task_name": "art", "query": "Else?"}]
    example = root / "data" / "example_data"
    _jsonl(example / "query_data" / "default_query_train.jsonl", queries)
    prices = {"a": {"input_price": 0.5, "output_price": 2, "size": "7B"}, "c": {"size": "1B"}}
    (example / "llm_candidates").mkdir()
    (example / "llm_candidates" / "default_llm.json").write_text(json.dumps(prices))
    return root


def test_lists_are_joined_with_the_tasks_of_the_queries(tmp_path: Path) -> None:
    root = _repository(tmp_path)
    for folder in (root, root / "data", root / "data" / "dcrouter_preprocessed"):
        assert llmrouter.recognise(folder)
        other, law = llmrouter.read(folder)
        assert (other.name, law.name) == ("llmrouter", "law")
        assert cells(law) == {("llmrouter/train/0", "a"): 1, ("llmrouter/train/0", "b"): 0}
        assert cells(other) == {("llmrouter/test/0", "a"): 0.5}
        assert law.prompts["text"].to_list() == ["Why?"]
        assert law.model_info is not None
        assert law.model_info.rows() == [("a", 0.5, 2.0), ("c", None, None)]


@pytest.mark.parametrize("inside", ["", "routing_data", "data/default_data"])
def test_routing_records_are_long(tmp_path: Path, inside: str) -> None:
    file = _jsonl(tmp_path / inside / "default_routing_train_data.jsonl", RECORDS)
    for path in (file, tmp_path):
        assert llmrouter.recognise(path)
        (law,) = llmrouter.read(path)
        assert law.models == ["a", "b"]
        assert sorted(cells(law).values()) == [0, 0.5, 1]
        assert law.prompts["text"].to_list() == ["Why?", "How?"]
        assert law.costs is None


def test_csv_says_the_same(tmp_path: Path) -> None:
    file = tmp_path / "csv" / "default_routing_train_data.csv"
    file.parent.mkdir()
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(RECORDS[0]))
        writer.writeheader()
        writer.writerows(RECORDS)
    lines = _jsonl(tmp_path / "default_routing_train_data.jsonl", RECORDS)
    assert llmrouter.recognise(file)
    same(llmrouter.read(file), llmrouter.read(lines))


def test_costs_are_given_or_tokens_times_prices(tmp_path: Path) -> None:
    rows = [
        _record("Why?", "a", 1, input_tokens=1_000_000, output_tokens=500_000),
        _record("Why?", "b", 1, input_tokens=1, output_tokens=1),
    ]
    _jsonl(
        _repository(tmp_path) / "data" / "example_data" / "routing_data" / "x_routing.jsonl", rows
    )
    (law,) = llmrouter.read(tmp_path)
    assert list(costs(law).values()) == [1.5]
    given = _jsonl(tmp_path / "my_routing.jsonl", [_record("Why?", "a", 1, cost=0.25)])
    (law,) = llmrouter.read(given)
    assert list(costs(law).values()) == [0.25]


def test_a_question_asked_twice_is_two_prompts(tmp_path: Path) -> None:
    rows = [*RECORDS[:2], _record("Why?", "a", 0), _record("Why?", "b", 1)]
    (law,) = llmrouter.read(_jsonl(tmp_path / "routing.jsonl", rows))
    assert law.scores.tolist() == [[1, 0], [0, 1]]
    first, second = law.prompts["prompt_id"].to_list()
    assert second == f"{first}#2"


def test_bad_input_is_told(tmp_path: Path) -> None:
    rows = [_record("Why?", "a", "good"), _record("", "a", 1), {"query": "x", "model_name": "a"}]
    file = _jsonl(tmp_path / "routing.jsonl", [RECORDS[0], *rows])
    with pytest.raises(DataError, match="3 rows cannot be read") as caught:
        list(llmrouter.read(file))
    assert f"{file}:2: score 'good' is not a number" in str(caught.value)
    assert f"{file}:3: 'query' is ''" in str(caught.value)
    assert f"{file}:4: there is no 'performance'" in str(caught.value)
    odd = tmp_path / "lists" / "train.json"
    odd.parent.mkdir()
    odd.write_text(json.dumps([*LISTS, {"question": "x", "scores": {}}, 3]))
    with pytest.raises(DataError, match=r"train.json:3: 'scores' should") as caught:
        list(llmrouter.read(odd))
    assert "train.json:4: is not a JSON object" in str(caught.value)
    with pytest.raises(DataError, match="holds no LLMRouter data"):
        list(llmrouter.read(tmp_path / "none"))


@settings(
    max_examples=examples(50),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(damage=damages())
def test_damaged_files_end_in_records_or_our_errors(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    one, two = tmp_path / "one" / "routing.jsonl", tmp_path / "two" / "train.json"
    _jsonl(one, RECORDS)
    two.parent.mkdir(exist_ok=True)
    two.write_text(json.dumps(LISTS))
    for file in (one, two):
        file.write_bytes(damage(file.read_bytes()))
        ends_well(llmrouter, file)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real files are not there")
def test_the_real_files_hold_the_scores_of_the_neutral_ones() -> None:
    folder = SHARED / "llmrouter"
    drafts = list(llmrouter.read(folder / "raw"))
    assert len(drafts) == 14
    assert sum(draft.prompts.height for draft in drafts) == 6108
    assert equals_neutral(drafts, folder) == 6108 * 9
