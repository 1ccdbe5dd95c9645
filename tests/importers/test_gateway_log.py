"""The gateway's log: prompts asked of one model each, feedback that came later, damaged files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routereval.errors import DataError
from routereval.importers import import_records
from routereval.importers.gateway_log import read, read_log, recognise
from routereval.records import Draft
from routereval.sources import open_records
from tests.importers.mutating import Files, write


def request(number: int, prompt: str, choice: object, **fields: object) -> dict[str, Any]:
    return {
        "id": f"r{number}",
        "time": 1_700_000_000.5 + number,
        "key": "alice",
        "asked": "auto",
        "model": choice,
        "attempts": [[choice, ""]],
        "usd": 0.01,
        "tokens": [30, 4],
        "seconds": [0.001, 0.1, 0.25],
        "prompt": prompt,
        "router": "knn",
        "lam": 0.1,
        "scores": {"a": 0.5, "b": None},
        "allowed": ["a", "b"],
        "choice": choice,
        "propensity": 0.9,
        **fields,
    }


def feedback(number: int, score: object, **fields: object) -> dict[str, Any]:
    return {
        "feedback": f"r{number}",
        "time": 1_700_000_100 + number,
        "key": "alice",
        "score": score,
        **fields,
    }


def jsonl(*rows: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


PLAIN = {"id": "p", "time": 1.0, "key": "", "asked": "a", "model": "a", "attempts": []}
GOOD: Files = {
    "1.jsonl": jsonl(
        request(1, "p1", "a", text="why?"),
        request(2, "p2", "b"),
        PLAIN,
        feedback(1, 1),
        request(3, "p1", "b", text="why?"),
    ),
    "2.jsonl": jsonl(feedback(3, 0.25), feedback(9, 1), request(4, "p1", "b"), feedback(4, 0.75)),
}


def only(path: Path, **options: Any) -> Draft:  # noqa: ANN401
    (draft,) = (draft.checked() for draft in read(path, **options))
    return draft


def test_feedback_is_a_cell(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    assert recognise(path)
    assert recognise(path / "2.jsonl")
    draft = only(path)
    assert draft.name == "gateway"
    assert draft.models == ["a", "b"]
    assert draft.prompts["prompt_id"].to_list() == ["p1", "p2"]
    assert draft.prompts["text"].to_list() == ["why?", None]
    np.testing.assert_array_equal(draft.scores, [[1.0, 0.5], [np.nan, np.nan]])
    assert draft.costs is not None
    np.testing.assert_array_equal(draft.costs, [[0.01, 0.01], [np.nan, np.nan]])
    assert draft.trials is not None
    np.testing.assert_array_equal(draft.trials[:, 0], [[1.0, 0.25], [np.nan, 0.75]])
    assert draft.axes["tokens_in"][0].tolist() == [30, 30]
    assert draft.axes["latency_ms"][0].tolist() == [250, 250]
    assert only(path, benchmark="mine").name == "mine"


def test_auto_recognises_it_and_records_come_out(tmp_path: Path) -> None:
    path = write(tmp_path / "log", GOOD)
    import_records("auto", path, tmp_path / "records")
    records = open_records(tmp_path / "records")
    assert records.models == ("a", "b")
    assert np.isnan(records.dense()).sum() == 2


def test_requests_in_the_order_of_time_with_their_feedback(tmp_path: Path) -> None:
    rows = read_log(write(tmp_path, GOOD))
    assert [row.request_id for row in rows] == ["r1", "r2", "r3", "r4"]
    first = rows[0]
    assert (first.text, first.router, first.lam, first.propensity) == ("why?", "knn", 0.1, 0.9)
    assert (first.choice, first.allowed, first.score) == ("a", ("a", "b"), 1.0)
    assert first.scores["a"] == 0.5
    assert np.isnan(first.scores["b"])
    assert np.isnan(rows[1].score)


def test_the_last_feedback_counts_and_only_that_of_the_same_key(tmp_path: Path) -> None:
    rows = [
        request(1, "p", "a"),
        feedback(1, 0.5, time=5),
        feedback(1, 0.25, time=4),
        feedback(1, 0.0, key="eve", time=6),
    ]
    assert read_log(write(tmp_path, {"x.jsonl": jsonl(*rows)}))[0].score == 0.5


def test_the_score_is_of_the_llm_that_answered(tmp_path: Path) -> None:
    rows = [request(1, "p", "a", model="b"), feedback(1, 1), request(2, "q", "a", model="")]
    draft = only(write(tmp_path, {"x.jsonl": jsonl(*rows)}))
    assert draft.models == ["b"]
    assert draft.prompts["prompt_id"].to_list() == ["p"]


def test_a_conversation_that_stayed_where_it_was_counts(tmp_path: Path) -> None:
    stayed = request(1, "p", "a")
    for name in ("choice", "propensity", "scores", "allowed", "router"):
        del stayed[name]
    path = write(tmp_path, {"x.jsonl": jsonl(stayed, feedback(1, 1))})
    assert only(path).scores.tolist() == [[1.0]]
    assert read_log(path)[0].choice == ""


def test_a_line_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    content = jsonl(request(1, "p", "a"), feedback(1, 1), request(2, "q", "a"))
    draft = only(write(tmp_path, {"x.jsonl": content[:-30]}))
    assert draft.prompts["prompt_id"].to_list() == ["p"]


@pytest.mark.parametrize(
    ("rows", "part"),
    [
        ([request(1, "p", "a")], "no answer got feedback; send it with POST /v1/feedback"),
        ([feedback(1, 1)], "no answer got feedback"),
        ([request(1, "p", "a", propensity=0)], ":1: propensity is 0 or missing"),
        ([request(1, "p", "a", propensity=2)], ":1: propensity 2 lies outside"),
        ([request(1, "p", "a"), feedback(1, 1.5)], ":2: score 1.5 lies outside [0, 1]"),
        ([request(1, "p", "a", scores=[1])], "'scores' and 'shadows' must be objects"),
        ([request(1, "p", 7.5)], "'choice' is 7.5; it should be a name"),
        ([request(1, "p", "a", time="now")], "time 'now' is not a number"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(
    rows: list[dict[str, Any]], part: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as caught:
        only(write(tmp_path, {"x.jsonl": jsonl(*rows)}))
    assert part in str(caught.value)


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no log of the gateway"):
        read_log(tmp_path)


@pytest.mark.parametrize(
    "content", [b"a,b\n1,2\n", b"\xff\x00\n" * 40, b"5\n" * 40, b'{"x": 1}\n', b"<html>"]
)
def test_a_file_that_is_no_log_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    path = write(tmp_path, {"x.jsonl": content}) / "x.jsonl"
    with pytest.raises(DataError) as caught:
        read_log(path)
    assert str(caught.value).count("\n") == 0
    assert "is no log of the gateway" in str(caught.value)
    assert "give the folder that [log] of gateway.toml names" in str(caught.value)


def test_a_log_whose_first_lines_are_damaged_is_one(tmp_path: Path) -> None:
    content = b"\xff\n" + jsonl(request(1, "p", "a"))
    with pytest.raises(DataError, match=r"x\.jsonl:1: is not UTF-8"):
        read_log(write(tmp_path, {"x.jsonl": content}))
    assert read_log(write(tmp_path, {"x.jsonl": b""})) == []
