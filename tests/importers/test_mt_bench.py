"""MT-bench's judgments: turns are averaged, judges kept apart, pairs refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routereval.errors import DataError
from routereval.importers import mt_bench, write_sample
from routereval.importers.registry import importer
from routereval.records import Draft

QUESTIONS = mt_bench.SAMPLE["mt_bench/question.jsonl"]


def judged(
    question: int, model: str, score: object, turn: int = 1, judge: object = ("gpt-4", "single-v1")
) -> dict[str, Any]:
    return {"question_id": question, "model": model, "judge": judge, "score": score, "turn": turn}


def draft(folder: Path, files: dict[str, Any], **options: Any) -> Draft:  # noqa: ANN401
    source = write_sample(files, folder)
    assert importer("auto", source).name == "mt-bench"
    (found,) = mt_bench.IMPORTER.drafts(source, **options)
    return found


def test_the_mean_of_the_turns_that_were_judged_is_the_score(tmp_path: Path) -> None:
    found = draft(tmp_path, mt_bench.SAMPLE)
    assert (found.name, list(found.models)) == ("mt_bench", ["a", "b"])
    np.testing.assert_allclose(found.scores, [[0.8, 0.5], [1.0, 0.25]])
    assert found.prompts["prompt_id"].to_list() == ["81", "101"]
    assert found.prompts["subset"].to_list() == ["writing", "math"]
    assert found.prompts["text"].to_list() == ["Write.\n\nShorten it.", "Add.\n\nNow double it."]
    assert "1 of 8 judgments held no score (-1) and are not observed" in found.warnings


def test_judges_are_kept_apart(tmp_path: Path) -> None:
    rows = [judged(1, m, s, judge=[j, "v1"]) for m, s, j in (("a", 9, "x"), ("b", 4, "x"))]
    other = [judged(1, m, s, judge=j) for m, s, j in (("a", 5, "y"), ("b", 6, "y"))]
    found = draft(
        tmp_path,
        {"b/model_judgment/x_single.jsonl": rows, "b/model_judgment/y_single.jsonl": other},
    )
    assert found.scores.tolist() == [[0.9, 0.4]]
    assert {name: held.tolist() for name, held in found.judges.items()} == {"y": [[0.5, 0.6]]}


def test_another_scale_is_declared(tmp_path: Path) -> None:
    rows = [judged(1, "a", 80), judged(1, "b", 20)]
    with pytest.raises(DataError, match=r"x\.jsonl:1: score 80 lies outside \[0, 10\]"):
        draft(tmp_path, {"x.jsonl": rows})
    found = draft(tmp_path, {"x.jsonl": rows}, scale="0,100")
    assert found.scores.tolist() == [[0.8, 0.2]]
    assert "score: mean of a question's turns, 0 to 100 mapped onto 0 to 1" in found.facts


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"x.jsonl": [judged(1, "a", -1)]}, "there is no score"),
        ({"x.jsonl": [judged(1, "a", 3, judge=[])]}, "'judge' is empty"),
        ({"x.jsonl": [judged(1, "a", "good")]}, "score 'good' is not a number"),
        (
            {"x.jsonl": [{"question_id": 1, "model_1": "a", "model_2": "b", "judge": ["j", "p"]}]},
            "judgments of pairs, which say what was preferred.*--mode single",
        ),
        ({"x.jsonl": [{"question_id": 1, "choices": []}]}, "holds no judgments; run gen_judgment"),
    ],
)
def test_what_is_no_judgment_of_an_answer_is_refused(
    files: dict[str, Any], why: str, tmp_path: Path
) -> None:
    source = write_sample(files, tmp_path)
    with pytest.raises(DataError, match=why):
        list(mt_bench.IMPORTER.drafts(source))
