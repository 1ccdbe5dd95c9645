"""What tracing services export: calls of models with scores, from four of them."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routereval.errors import DataError, SpecError
from routereval.importers import (
    IMPORTERS,
    braintrust,
    langfuse,
    langsmith,
    otel_genai,
    write_sample,
)
from routereval.importers.registry import importer
from routereval.importers.scored_calls import asked_text
from routereval.records import Draft

NAMES = ["langfuse", "langsmith", "braintrust", "otel-genai"]


def table_of(rows: list[dict[str, Any]]) -> str:
    """Rows as CSV: texts as they are, the rest as JSON, nothing where there is none."""
    columns = list(rows[0])
    cells = [["" if (cell := row.get(name)) is None else cell for name in columns] for row in rows]
    texts = [[cell if isinstance(cell, str) else json.dumps(cell) for cell in row] for row in cells]
    lines = (
        ",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in [columns, *texts]
    )
    return "\n".join(lines)


def draft(name: str, folder: Path, files: dict[str, Any], **options: str) -> Draft:
    source = write_sample(files, folder)
    assert importer("auto", source).name == name
    (found,) = IMPORTERS[name].drafts(source, **options)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_samples_are_read(name: str, tmp_path: Path) -> None:
    found = draft(name, tmp_path, dict(IMPORTERS[name].sample))
    assert list(found.models) == ["a", "b"]
    assert found.scores.tolist() == [[1, 0], [0.5, 1]] if name == "langfuse" else [[1, 0.5], [0, 1]]
    asked = found.prompts["text"].to_list()
    assert asked == (["q0?", "q1?"] if name == "langfuse" else ["What is 0?", "What is 1?"])
    assert {axis: held[0, 0] for axis, held in found.axes.items()} == {
        "latency_ms": 500,
        "tokens_in": 30,
        "tokens_out": 2,
    }
    if name == "otel-genai":  # which has no convention for costs
        assert found.costs is None
    else:
        assert found.costs is not None
        assert found.costs.tolist() == [[0.001, 0.001]] * 2


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Hi", "Hi"),
        ("  ", None),
        (None, None),
        ({}, None),
        ({"a": "x"}, "x"),
        ({"a": "x", "b": "y"}, '{"a": "x", "b": "y"}'),
        ({"lang": "en", "messages": [{"role": "user", "content": "Hi"}]}, "Hi"),
        ('{"question": {"text": "Hi"}}', "Hi"),
        ("{not json", "{not json"),
        ([1, 2], "[1, 2]"),
        (3, "3"),
    ],
)
def test_what_was_asked_is_found_in_any_shape(value: object, text: str | None) -> None:
    assert asked_text(value) == text


# Which score


def test_of_several_scores_one_is_chosen_by_name(tmp_path: Path) -> None:
    files = deepcopy(dict(braintrust.SAMPLE))
    for rows in files.values():
        rows[0]["scores"]["style"] = 0.25
    why = "several scores: 'correct', 'style'; choose one with -O score=NAME"
    with pytest.raises(DataError, match=why):
        draft("braintrust", tmp_path / "one", files)
    found = draft("braintrust", tmp_path / "two", files, score="style")
    assert found.scores.tolist() == [[0.25, 0.25]]
    assert "left out: 2 calls without 'style'" in found.facts
    with pytest.raises(DataError, match="no score taste: 'correct', 'style'"):
        draft("braintrust", tmp_path / "three", files, score="taste")


def test_a_score_beyond_its_scale_is_refused_with_its_place(tmp_path: Path) -> None:
    files = deepcopy(dict(langsmith.SAMPLE))
    files["runs.jsonl"][1]["feedback_stats"]["correctness"]["avg"] = 4
    with pytest.raises(DataError, match=r"runs\.jsonl:2: score 4 lies outside \[0, 1\]"):
        draft("langsmith", tmp_path / "one", files)
    found = draft("langsmith", tmp_path / "two", files, scale="0,5")
    assert found.scores.tolist() == [[0.2, 0.1], [0.8, 0.2]]


# Langfuse


def test_a_downloaded_trace_has_all_in_it(tmp_path: Path) -> None:
    call = {
        "id": "o1",
        "type": "GENERATION",
        "model": "a",
        "input": {"messages": [{"role": "user", "content": "Hi"}]},
        "usageDetails": {"input": 5, "output": 1},
        "calculatedTotalCost": 0.5,
        "latency": 2,
    }
    score = {"name": "ok", "value": 1, "dataType": "BOOLEAN", "observationId": None}
    whole = {"id": "t1", "observations": [call, {"id": "o2", "type": "SPAN"}], "scores": [score]}
    found = draft("langfuse", tmp_path, {"trace-t1.json": whole})
    assert (list(found.models), found.scores.tolist()) == (["a"], [[1]])
    assert found.axes["latency_ms"].tolist() == [[2000]]


@pytest.mark.parametrize(
    ("more", "options", "latency_ms"),
    [
        ({"latency": 2}, {}, 2000),
        ({"latency": 2}, {"latency": "ms"}, 2),
        (
            {
                "latency": 1500,
                "start_time": "2024-05-29 13:46:19.963000",
                "end_time": "2024-05-29 13:46:21.463000",
            },
            {},
            1500,
        ),
        ({"latency": 1.5, "startTime": 1716990379963, "endTime": 1716990381463}, {}, 1500),
        ({"latency": 1500, "startTime": 1716990379, "endTime": 1716990381}, {}, 2000),
    ],
)
def test_times_tell_what_a_latency_counts(
    more: dict[str, Any], options: dict[str, str], latency_ms: float, tmp_path: Path
) -> None:
    files = deepcopy(dict(langfuse.SAMPLE))
    for row in files["observations_v2/1.jsonl"]:
        row.update(more)
    found = draft("langfuse", tmp_path, files, **options)
    assert (found.axes["latency_ms"] == latency_ms).all()
    assert not [line for line in found.warnings if "latenc" in line]


def test_latencies_that_are_hardly_seconds_are_warned_of(tmp_path: Path) -> None:
    files = deepcopy(dict(langfuse.SAMPLE))
    for row in files["observations_v2/1.jsonl"]:
        row["latency"] = 900
    assert "-O latency=ms" in draft("langfuse", tmp_path, files).warnings[-1]
    with pytest.raises(SpecError, match="latency 'h' should be s or ms"):
        draft("langfuse", tmp_path / "odd", files, latency="h")


def test_tables_are_read_as_their_json_is(tmp_path: Path) -> None:
    """Cells of CSV are texts, those of objects JSON."""
    files = {name.replace("jsonl", "csv"): table_of(rows) for name, rows in langfuse.SAMPLE.items()}
    found = draft("langfuse", tmp_path, files)
    plain = draft("langfuse", tmp_path / "plain", dict(langfuse.SAMPLE))
    assert found.scores.tolist() == plain.scores.tolist()
    assert {name: held.tolist() for name, held in found.axes.items()} == {
        name: held.tolist() for name, held in plain.axes.items()
    }


def test_a_score_of_a_trace_that_calls_two_models_is_of_neither(tmp_path: Path) -> None:
    files = deepcopy(dict(langfuse.SAMPLE))
    files["observations_v2/1.jsonl"].append(
        {**files["observations_v2/1.jsonl"][0], "id": "other", "provided_model_name": "b"}
    )
    found = draft("langfuse", tmp_path, files)
    assert list(found.models) == ["b", "a"]
    np.testing.assert_array_equal(found.scores, [[0, np.nan], [1, 0.5]])


def test_categories_are_no_scores_and_errors_are_not_observed(tmp_path: Path) -> None:
    files = deepcopy(dict(langfuse.SAMPLE))
    files["scores/1.jsonl"][0] |= {"data_type": "CATEGORICAL", "value": 3}
    files["observations_v2/1.jsonl"][1]["level"] = "ERROR"
    found = draft("langfuse", tmp_path, files)
    np.testing.assert_array_equal(found.scores, [[np.nan, np.nan], [1, 0.5]][: len(found.scores)])
    assert "1 calls ended in an error: they are not observed" in found.warnings
    left_out = "left out: 1 scores 'correctness' of type CATEGORICAL, which are no numbers"
    assert left_out in found.warnings


# LangSmith


def test_examples_have_their_runs_in_them(tmp_path: Path) -> None:
    runs = langsmith.SAMPLE["runs.jsonl"]
    examples = [
        {"id": f"e{n}", "inputs": {"question": f"q{n}"}, "runs": [runs[n], runs[2 + n]]}
        for n in range(2)
    ]
    for run in runs:
        run["reference_example_id"] = None
    found = draft("langsmith", tmp_path, {"e.json": examples})
    assert found.prompts["text"].to_list() == ["q0", "q1"]
    assert found.scores.tolist() == [[1, 0.5], [0, 1]]


def test_an_experiment_without_a_model_is_what_was_tried(tmp_path: Path) -> None:
    files = deepcopy(dict(langsmith.SAMPLE))
    for run in files["runs.jsonl"]:
        run["extra"] = {}
    found = draft("langsmith", tmp_path, files)
    assert list(found.models) == ["a-experiment", "b-experiment"]


def test_the_model_is_that_of_the_call_below(tmp_path: Path) -> None:
    files = deepcopy(dict(langsmith.SAMPLE))
    children = []
    for run in files["runs.jsonl"]:
        name = run["extra"].pop("metadata")["ls_model_name"]
        about = {"metadata": {"ls_model_name": name}}
        children.append({**run, "id": "c", "parent_run_id": run["id"], "extra": about})
        children[-1] |= {"feedback_stats": None}
    files["runs.jsonl"] += children
    assert list(draft("langsmith", tmp_path, files).models) == ["a", "b"]


# Braintrust


def test_a_fetched_page_and_a_table_are_read_alike(tmp_path: Path) -> None:
    events = [event for rows in braintrust.SAMPLE.values() for event in rows]
    page = draft("braintrust", tmp_path / "page", {"x.json": {"events": events, "cursor": None}})
    assert page.scores.tolist() == [[1, 0.5], [0, 1]]
    table = draft("braintrust", tmp_path / "table", {"x.csv": table_of(events)})
    assert table.scores.tolist() == page.scores.tolist()


# OpenTelemetry


def spans(*attributes: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401
    held = [
        {"traceId": "t", "spanId": f"s{n}", "attributes": otel_genai._pairs(one), **more}
        for n, one in enumerate(attributes)
    ]
    return {"resourceSpans": [{"scopeSpans": [{"spans": held}]}]}


def evaluations(*attributes: dict[str, Any]) -> dict[str, Any]:
    held = [
        {"eventName": "gen_ai.evaluation.result", "attributes": otel_genai._pairs(one)}
        for one in attributes
    ]
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": held}]}]}


def test_evaluations_name_calls_by_their_response_and_may_be_labels(tmp_path: Path) -> None:
    call = {"gen_ai.request.model": "a", "gen_ai.prompt.0.content": "Be brief."}
    call |= {"gen_ai.prompt.1.content": "Hi", "gen_ai.response.id": "r1"}
    result = {"gen_ai.evaluation.name": "ok", "gen_ai.evaluation.score.label": "pass"}
    result |= {"gen_ai.response.id": "r1"}
    found = draft("otel-genai", tmp_path, {"x.jsonl": [spans(call), evaluations(result)]})
    assert found.scores.tolist() == [[1]]
    assert found.prompts["text"].to_list() == ["Be brief.\n\nHi"]


def test_spans_and_results_may_come_one_a_line_with_plain_attributes(tmp_path: Path) -> None:
    call: dict[str, Any] = {
        "name": "chat a",
        "context": {"trace_id": "0x1f", "span_id": "0x2"},
        "start_time": "2025-07-01T10:00:00Z",
        "end_time": "2025-07-01T10:00:01Z",
        "status": {"status_code": "OK"},
        "attributes": {"gen_ai.request.model": "a", "gen_ai.prompt.0.content": "Hi"},
    }
    result: dict[str, Any] = {
        "name": "gen_ai.evaluation.result",
        "traceId": "1f",
        "attributes": {"gen_ai.evaluation.name": "ok", "gen_ai.evaluation.score.value": 0.5},
    }
    failed = {**call, "context": {"trace_id": "0x3", "span_id": "0x4"}}
    failed |= {"status": {"status_code": "ERROR"}, "events": [{**result, "traceId": "3"}]}
    found = draft("otel-genai", tmp_path, {"x.jsonl": [call, failed, result]})
    assert found.scores.tolist() == [[0.5]]
    assert found.axes["latency_ms"].tolist() == [[1000]]
    assert "1 calls ended in an error: they are not observed" in found.warnings


def test_without_texts_the_setting_that_records_them_is_named(tmp_path: Path) -> None:
    call = {"gen_ai.request.model": "a", "gen_ai.response.id": "r1"}
    result = {"gen_ai.evaluation.name": "ok", "gen_ai.evaluation.score.value": 1.0}
    result |= {"gen_ai.response.id": "r1"}
    source = write_sample({"x.jsonl": [spans(call), evaluations(result)]}, tmp_path)
    with pytest.raises(DataError, match="CAPTURE_MESSAGE_CONTENT=true"):
        list(otel_genai.IMPORTER.drafts(source))
    source = write_sample({"x.jsonl": [spans(call)]}, tmp_path / "bare")
    with pytest.raises(DataError, match="no call of it has a score"):
        list(otel_genai.IMPORTER.drafts(source))
