from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from routereval.errors import DataError
from routereval.importers import mixinstruct
from tests.importers.table_mutations import cells, same


def _prompt(number: int, *scores: float) -> dict[str, Any]:
    return {
        "id": f"chip/{number}",
        "instruction": "Say it.",
        "input": "" if number else "Loudly.",
        "output": "It.",
        "candidates": [
            {
                "decoding_method": "top_p_sampling",
                "model": f"llm-{n}",
                "text": "it",
                "scores": {"bertscore": score, "bartscore": -4 * score, "bleu": 12.0},
            }
            for n, score in enumerate(scores)
        ],
    }


ROWS = [_prompt(0, 0.75, 0.5), _prompt(1, 0.25, 1.0)]


def _lines(path: Path) -> Path:
    path.write_text("\n".join(map(json.dumps, ROWS)) + "\n")
    return path


def test_candidates_become_scores(tmp_path: Path) -> None:
    file = _lines(tmp_path / "val_data_prepared.jsonl")
    assert mixinstruct.recognise(file)
    assert mixinstruct.recognise(tmp_path)
    (draft,) = mixinstruct.read(file)
    assert draft.name == "mixinstruct"
    assert draft.models == ["llm-0", "llm-1"]
    assert draft.scores.tolist() == [[0.75, 0.5], [0.25, 1]]
    assert draft.prompts.rows() == [
        ("chip/0", "chip", "Say it.\nLoudly.", None),
        ("chip/1", "chip", "Say it.", None),
    ]


def test_lists_and_lines_say_the_same(tmp_path: Path) -> None:
    listed = tmp_path / "val.json"
    listed.write_text(json.dumps(ROWS, indent=1))
    assert mixinstruct.recognise(listed)
    same(mixinstruct.read(listed), mixinstruct.read(_lines(tmp_path / "val.jsonl")))
    (tmp_path / "other.json").write_text("{}")
    same(mixinstruct.read(tmp_path), mixinstruct.read(listed))


def test_other_metrics_are_chosen_by_name(tmp_path: Path) -> None:
    file = _lines(tmp_path / "val.jsonl")
    with pytest.raises(DataError, match=r"val.jsonl:1: 'llm-0': bartscore: score -3 lies outside"):
        list(mixinstruct.read(file, metric="bartscore"))
    (draft,) = mixinstruct.read(file, metric="bartscore", rescale=True)
    assert cells(draft)["chip/1", "llm-1"] == 0
    assert cells(draft)["chip/1", "llm-0"] == 1
    with pytest.raises(DataError, match="no metric 'rouge'; it has 'bartscore', 'bertscore'"):
        list(mixinstruct.read(file, metric="rouge"))


def test_bad_input_is_told(tmp_path: Path) -> None:
    file = tmp_path / "val.jsonl"
    file.write_text('{"id": 1}\n{"id": "a", "candidates": 3}\n{"id": \n')
    assert not mixinstruct.recognise(file)
    with pytest.raises(DataError, match="3 rows cannot be read") as caught:
        list(mixinstruct.read(file))
    for line, why in ((1, "no 'candidates'"), (2, "list of objects"), (3, "is not JSON")):
        assert any(
            part.startswith(f"{file}:{line}:") and why in part
            for part in str(caught.value).splitlines()
        )
    with pytest.raises(DataError, match="holds no MixInstruct JSON"):
        list(mixinstruct.read(tmp_path / "none"))
