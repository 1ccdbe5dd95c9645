from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

from routereval.errors import DataError, SpecError
from routereval.importers import sprout
from tests.fuzzing import examples
from tests.importers.table_mutations import cells, costs, damages, ends_well, same


def _answer(score: float | None, read: int, written: int) -> dict[str, Any]:
    return {
        "num_input_tokens": read,
        "num_output_tokens": written,
        "response": "long",
        "score": score,
    }


ROWS = [
    {
        "key": "k1",
        "dataset": "math",
        "dataset_level": "5",
        "dataset_idx": 3,
        "prompt": "How many?",
        "golden_answer": "2",
        "llm-a": _answer(1.0, 100, 50),
        "llm-b": _answer(0.25, 10, 20),
    },
    {
        "key": "k2",
        "dataset": "rag",
        "dataset_level": "",
        "dataset_idx": 4,
        "prompt": "Who?",
        "golden_answer": "me",
        "llm-a": _answer(None, 1, 1),
        "llm-b": None,
    },
]
PRICES = {"llm-a": (2.0, 10.0)}


def _parquet(path: Path) -> Path:
    pl.DataFrame(ROWS).write_parquet(path)
    return path


def test_answers_become_scores(tmp_path: Path) -> None:
    file = _parquet(tmp_path / "test-00000-of-00001.parquet")
    assert sprout.recognise(file)
    assert sprout.recognise(tmp_path)
    (draft,) = sprout.read(file)
    assert draft.name == "sprout"
    assert cells(draft) == {("math/k1", "llm-a"): 1, ("math/k1", "llm-b"): 0.25}
    assert draft.prompts.rows() == [
        ("math/k1", "math", "How many?", None),
        ("rag/k2", "rag", "Who?", None),
    ]
    assert draft.costs is None


def test_json_lines_say_the_same(tmp_path: Path) -> None:
    lines = tmp_path / "test.jsonl"
    lines.write_text("\n".join(map(json.dumps, ROWS)))
    assert sprout.recognise(lines)
    same(
        sprout.read(lines, prices=PRICES),
        sprout.read(_parquet(tmp_path / "test.parquet"), prices=PRICES),
    )


def test_prices_make_costs(tmp_path: Path) -> None:
    file, prices = _parquet(tmp_path / "test.parquet"), tmp_path / "prices.json"
    prices.write_text(json.dumps(PRICES))
    for given_prices in (PRICES, prices, str(prices)):
        (draft,) = sprout.read(file, prices=given_prices)
        assert costs(draft) == {("math/k1", "llm-a"): pytest.approx(0.0007)}
        assert draft.model_info is not None
        assert draft.model_info.rows() == [("llm-a", 2.0, 10.0)]
    for odd in ({"llm-a": 3}, {"llm-a": ("x", 1)}, {"llm-a": (1, 2, 3)}, {"llm-a": (-1, 2)}):
        with pytest.raises(SpecError, match="the price of 'llm-a'"):
            list(sprout.read(file, prices=odd))  # type: ignore[arg-type]


def test_two_rows_of_one_key_are_two_prompts(tmp_path: Path) -> None:
    lines = tmp_path / "test.jsonl"
    lines.write_text("\n".join(map(json.dumps, [ROWS[0], ROWS[0]])))
    (draft,) = sprout.read(lines)
    assert draft.prompts["prompt_id"].to_list() == ["math/k1", "math/k1#2"]


def test_answers_missing_from_the_first_row_are_read(tmp_path: Path) -> None:
    lines = tmp_path / "test.jsonl"
    lines.write_text("\n".join(map(json.dumps, [{**ROWS[0], "llm-b": None}, ROWS[0], ROWS[1]])))
    (draft,) = sprout.read(lines)
    assert draft.models == ["llm-a", "llm-b"]
    assert cells(draft)["math/k1#2", "llm-b"] == 0.25
    assert draft.prompts.height == 3


def test_other_objects_with_a_score_are_not_recognised(tmp_path: Path) -> None:
    lines = tmp_path / "test.jsonl"
    lines.write_text(json.dumps({"key": "k", "evaluation_result": {"score": 1}}))
    assert not sprout.recognise(lines)


def test_bad_input_is_told(tmp_path: Path) -> None:
    file = tmp_path / "test.jsonl"
    broken = [{**ROWS[0], "llm-a": _answer(3.0, 1, 1)}, {**ROWS[0], "llm-b": 5}]
    file.write_text("\n".join(map(json.dumps, [ROWS[0], *broken])))
    with pytest.raises(DataError, match="2 rows cannot be read") as caught:
        list(sprout.read(file))
    assert f"{file}:2: 'llm-a': score 3 lies outside [0, 1]" in str(caught.value)
    assert f"{file}:3: 'llm-b': the answer should be an object" in str(caught.value)
    other = tmp_path / "other.parquet"
    pl.DataFrame({"key": ["k"], "score": [1.0]}).write_parquet(other)
    assert not sprout.recognise(other)
    with pytest.raises(DataError, match="no column holds a model's score"):
        list(sprout.read(other))
    other.write_bytes(b"PAR1")
    assert not sprout.recognise(other)
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        list(sprout.read(other))
    with pytest.raises(DataError, match="holds no SPROUT file"):
        list(sprout.read(tmp_path / "none"))


@settings(
    max_examples=examples(50),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(damage=damages())
def test_damaged_files_end_in_records_or_our_errors(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    parquet, lines = _parquet(tmp_path / "f.parquet"), tmp_path / "f.jsonl"
    lines.write_text("\n".join(map(json.dumps, ROWS)))
    for file in (parquet, lines):
        file.write_bytes(damage(file.read_bytes()))
        ends_well(sprout, file)
