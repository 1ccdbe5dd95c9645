"""OpenAI Evals: events of a run, matches and metrics, runs that were made twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routereval.errors import DataError
from routereval.importers.openai_evals import read, recognise
from routereval.records import Draft
from tests.importers.mutating import Files, write


def spec(
    model: str, *, name: str = "toy.s1.v0", created: str = "2023-05-01 10:00:00"
) -> dict[str, Any]:
    run = {"completion_fns": [model], "eval_name": name, "base_eval": "toy", "run_id": "1"}
    return {"spec": run | {"created_at": created}}


def event(sample: str, kind: str, **data: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"run_id": "1", "event_id": 0, "sample_id": sample, "type": kind, "data": data}


def sampled(sample: str) -> dict[str, Any]:
    return event(sample, "sampling", prompt=f"User: {sample}?\nAssistant: ", sampled=["x"])


def match(sample: str, correct: object) -> dict[str, Any]:
    return event(sample, "match", correct=correct, expected="4", picked="5")


def jsonl(*rows: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


REPORT = {"final_report": {"accuracy": 0.5}, "run_id": "1"}

GOOD: Files = {
    "a.jsonl": jsonl(
        spec("gpt-a"),
        REPORT,
        sampled("toy.1"),
        match("toy.1", True),
        sampled("toy.0"),
        match("toy.0", False),
    ),
    "b.jsonl": jsonl(
        spec("gpt-b"),
        sampled("toy.0"),
        match("toy.0", True),
        sampled("toy.1"),
        match("toy.1", True),
        REPORT,
    ),
}


def only(path: Path, **options: Any) -> Draft:  # noqa: ANN401
    (draft,) = (draft.checked() for draft in read(path, **options))
    return draft


def test_a_run_is_a_column(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    assert recognise(path)
    assert recognise(path / "a.jsonl")
    draft = only(path)
    assert draft.name == "toy.s1.v0"
    assert draft.models == ["gpt-a", "gpt-b"]
    assert draft.prompts["prompt_id"].to_list() == ["toy.1", "toy.0"]
    assert draft.prompts["text"].to_list()[0] == "User: toy.1?\nAssistant: "
    assert draft.scores.tolist() == [[1.0, 1.0], [0.0, 1.0]]


def test_metrics_and_several_events_of_a_sample(tmp_path: Path) -> None:
    rows = [
        event("s", "metrics", choice="Y", score=1.0),
        event("s", "metrics", choice="N", score=0.5),
        event("t", "metrics", choice="N", score=0.0, bleu=0.25),
        event("u", "error", message="too long"),
    ]
    path = write(tmp_path, {"a.jsonl": jsonl(spec("m"), *rows)})
    np.testing.assert_array_equal(only(path).scores, [[0.75], [0.0], [np.nan]])
    np.testing.assert_array_equal(only(path, metric="bleu").scores, [[np.nan], [0.25], [np.nan]])
    with pytest.raises(DataError, match="has no score f1; its fields: 'bleu', 'choice', 'score'"):
        only(path, metric="f1")
    with pytest.raises(DataError, match=r"a\.jsonl:2: choice 'Y' is not a number"):
        only(path, metric="choice")


def test_runs_made_again_are_trials_the_oldest_first(tmp_path: Path) -> None:
    newer = jsonl(spec("gpt-a", created="2024-01-01"), match("toy.1", False), match("toy.0", True))
    draft = only(write(tmp_path, {**GOOD, "0.jsonl": newer}))
    assert dict(zip(draft.models, draft.scores.T.tolist(), strict=True))["gpt-a"] == [0.5, 0.5]
    assert draft.trials is not None
    column = draft.models.index("gpt-a")
    assert draft.trials[:, :, column].tolist() == [[1, 0], [0, 1]]
    assert "gpt-a: 2 runs are trials: a.jsonl, 0.jsonl" in draft.facts


def test_evals_are_benchmarks_and_older_specs_name_the_model(tmp_path: Path) -> None:
    old = {"spec": {"model_name": "davinci", "eval_name": "other", "run_id": "1"}}
    path = write(tmp_path, {**GOOD, "c/old.jsonl": jsonl(old, match("o.0", True))})
    found = {draft.name: draft.models for draft in read(path)}
    assert found == {"toy.s1.v0": ["gpt-a", "gpt-b"], "other": ["davinci"]}


def test_chat_prompts_are_text(tmp_path: Path) -> None:
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2 + 2?"}]
    rows = event("s", "sampling", prompt=chat), match("s", True)
    path = write(tmp_path, {"a.jsonl": jsonl(spec("m"), *rows)})
    assert only(path).prompts["text"].to_list() == ["Be brief.\n\n2 + 2?"]


def test_scores_out_of_range_can_be_rescaled(tmp_path: Path) -> None:
    rows = event("s", "metrics", score=40), event("t", "metrics", score=20)
    path = write(tmp_path, {"a.jsonl": jsonl(spec("m"), *rows)})
    with pytest.raises(DataError, match=r"a\.jsonl:2: score 40 lies outside .* --scale"):
        only(path)
    assert only(path, rescale=True).scores.tolist() == [[1.0], [0.0]]


def test_bad_lines_are_listed_with_their_place(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"type": "match", "sample_id": 1.5},
        {"sample_id": "s", "type": "match", "data": None},
    ]
    path = write(tmp_path, {"a.jsonl": jsonl(spec("m"), *rows, match("t", "maybe")) + b"{\n"})
    with pytest.raises(DataError) as error:
        only(path)
    listed = [line.split("a.jsonl:")[1] for line in str(error.value).splitlines()[1:]]
    assert listed[0].startswith("2: 'sample_id' is 1.5")
    assert listed[1].startswith("5: is not JSON")
    assert listed[2].startswith("4: correct 'maybe' is not a number")


def test_what_is_no_record_is_refused(tmp_path: Path) -> None:
    assert not recognise(tmp_path)
    assert not recognise(tmp_path / "absent")
    with pytest.raises(DataError, match="holds no records of OpenAI Evals"):
        only(tmp_path)
    path = write(tmp_path, {"a.jsonl": jsonl(match("s", True))})
    with pytest.raises(DataError, match=r"a\.jsonl:1: is no 'spec'"):
        only(path / "a.jsonl")
