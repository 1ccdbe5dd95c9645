"""What is of no known format is told what it resembles, and what mends it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from routereval.errors import DataError
from routereval.importers.registry import importer

SHAPES = {
    "m/results_2025.json": ({"results": {}, "model_name": "m"}, "--log_samples"),
    "results/org/m/results_2025.json": ({"config_general": {}, "results": {}}, "--save-details"),
    "predictions/m/gsm8k.json": (
        {"0": {"origin_prompt": "Q", "prediction": "4"}},
        "--dump-eval-details",
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_that_are_not_read_are_named(name: str, tmp_path: Path) -> None:
    content, word = SHAPES[name]
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match=f"is of no known format: .*{word}"):
        importer("auto", tmp_path)


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ("request_id,call_type,spend,model", "has no scores"),
        ("generation_id,tokens_prompt,cost,model", "has no scores"),
        ("id,model_a,model_b,winner_model_a", "pairs of answers"),
        ("id,model,input,helpful", "no column for score .*--columns score="),
    ],
)
def test_tables_without_scores_say_what_is_missing(
    header: str, sentence: str, tmp_path: Path
) -> None:
    file = tmp_path / "in.csv"
    file.write_text(f"{header}\nx,y,z,x\n")
    with pytest.raises(DataError, match=sentence):
        importer("auto", file)
