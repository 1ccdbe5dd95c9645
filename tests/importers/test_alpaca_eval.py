from __future__ import annotations

import json
from hashlib import sha1
from pathlib import Path
from typing import Any

import pytest

from routereval.errors import DataError
from routereval.importers import alpaca_eval
from tests.importers.table_mutations import cells

ONE, TWO = "alpaca_eval_gpt4", "weighted_alpaca_eval_gpt4_turbo"


def _annotation(instruction: str, preference: object) -> dict[str, Any]:
    return {
        "instruction": instruction,
        "output_1": "a",
        "generator_1": "reference",
        "dataset": "koala",
        "output_2": "b",
        "generator_2": "llm",
        "annotator": "judge",
        "preference": preference,
        "price_per_example": 0.02,
    }


def _write(root: Path, model: str, annotator: str, *preferences: object) -> Path:
    file = root / "results" / model / annotator / "annotations.json"
    file.parent.mkdir(parents=True)
    rows = [_annotation(f"Do {n}", preference) for n, preference in enumerate(preferences)]
    file.write_text(json.dumps(rows, indent=2))
    return file


def _id(benchmark: str, number: int) -> str:
    digest = sha1(f"Do {number}".encode(), usedforsecurity=False).hexdigest()
    return f"{benchmark}/{digest[:12]}"


def test_preferences_become_win_rates(tmp_path: Path) -> None:
    _write(tmp_path, "llm-b", TWO, 1.25, 2.0, None)
    _write(tmp_path, "llm-a", TWO, 1.0, 1.5, 2)
    _write(tmp_path, "llm-a", ONE, 2, 0)
    for folder in (tmp_path, tmp_path / "results"):
        assert alpaca_eval.recognise(folder)
        one, two = alpaca_eval.read(folder)
        assert (one.name, two.name) == ("alpaca_eval_1", "alpaca_eval_2")
        assert cells(one) == {(_id(one.name, 0), "llm-a"): 1, (_id(one.name, 1), "llm-a"): 0.5}
        assert cells(two) == {
            (_id(two.name, 0), "llm-a"): 0,
            (_id(two.name, 1), "llm-a"): 0.5,
            (_id(two.name, 2), "llm-a"): 1,
            (_id(two.name, 0), "llm-b"): 0.25,
            (_id(two.name, 1), "llm-b"): 1,
        }
        assert one.costs is None  # the price in the files is the judge's
        assert two.prompts["text"].to_list() == ["Do 0", "Do 1", "Do 2"]
        assert set(two.prompts["subset"]) == {"koala"}


def test_one_annotator_or_one_file_can_be_read_alone(tmp_path: Path) -> None:
    file = _write(tmp_path, "llm-a", "my_judge", 1.5)
    _write(tmp_path, "llm-a", TWO, 1.0)
    (mine,) = alpaca_eval.read(tmp_path, annotator="my_judge")
    (same,) = alpaca_eval.read(file)
    assert mine.name == same.name == "my_judge"
    assert mine.models == same.models == ["llm-a"]
    with pytest.raises(DataError, match="there are those by my_judge, weighted"):
        list(alpaca_eval.read(tmp_path, annotator="nobody"))


def test_bad_input_is_told(tmp_path: Path) -> None:
    file = _write(tmp_path, "llm-a", TWO, 2.5, "won", 1.0)
    with pytest.raises(DataError, match="2 rows cannot be read") as caught:
        list(alpaca_eval.read(file))
    assert f"{file}:1: preference 2.5 lies outside [1, 2]" in str(caught.value)
    assert f"{file}:2: preference 'won' is not a number" in str(caught.value)
    file.write_text('[{"instruction": "x", "preference": 1}')
    with pytest.raises(DataError, match="is not JSON"):
        list(alpaca_eval.read(file))
    with pytest.raises(DataError, match=r"holds no annotations\.json"):
        list(alpaca_eval.read(tmp_path / "none"))
    file.write_text("[]")
    assert not alpaca_eval.recognise(tmp_path)
