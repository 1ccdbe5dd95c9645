"""SWE-bench results: four forms, and the instances that nobody names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routereval.errors import DataError
from routereval.importers import terminal_bench
from routereval.importers.swe_bench import read, recognise
from routereval.records import Draft
from tests.importers.mutating import Files, write

A, B, C = "astropy__astropy-12907", "django__django-10097", "django__django-11001"


def dumped(content: object) -> bytes:
    return json.dumps(content, indent=1).encode()


VERIFIED = "evaluation/verified"
GOOD: Files = {
    f"{VERIFIED}/20240101_x/results/results.json": dumped(
        {"no_generation": [B], "no_logs": [], "resolved": [A]}
    ),
    f"{VERIFIED}/20240202_y/results/results.json": dumped({"resolved": [C, A], "applied": [A, C]}),
    "evaluation/bash-only/20250101_z/per_instance_details.json": dumped(
        {A: {"cost": 0.5, "api_calls": 3, "resolved": True}, B: {"cost": 0.25, "resolved": False}}
    ),
}


def drafts(path: Path, **options: Any) -> dict[str, Draft]:  # noqa: ANN401
    return {draft.name: draft.checked() for draft in read(path, **options)}


def only(path: Path, **options: Any) -> Draft:  # noqa: ANN401
    (draft,) = drafts(path, **options).values()
    return draft


# What it becomes


@pytest.mark.parametrize("start", [".", "evaluation"])
def test_systems_by_split(tmp_path: Path, start: str) -> None:
    path = write(tmp_path, GOOD) / start
    assert recognise(path)
    found = drafts(path)
    assert list(found) == ["swe-bench-bash-only", "swe-bench-verified"]
    lists = found["swe-bench-verified"]
    assert lists.models == ["20240101_x", "20240202_y"]
    assert lists.prompts["prompt_id"].to_list()[:4] == [A, B, C, "unnamed-0001"]
    assert lists.prompts["subset"].to_list()[:4] == [
        "astropy/astropy",
        "django/django",
        "django/django",
        "unnamed",
    ]
    assert lists.prompts["chance"].to_list() == [0.0] * 500
    assert lists.scores[:4].tolist() == [[1, 1], [0, 0], [0, 1], [0, 0]]
    assert lists.scores.mean(axis=0, dtype=float) == pytest.approx([1 / 500, 2 / 500])
    assert any("name 3 of 500; 497 that no system resolved" in line for line in lists.warnings)
    assert lists.costs is None
    details = found["swe-bench-bash-only"]
    assert details.scores.tolist() == [[1.0], [0.0]]
    assert details.costs is not None
    assert details.costs.tolist() == [[0.5], [0.25]]


def test_one_split_and_one_file(tmp_path: Path) -> None:
    split = write(tmp_path, GOOD) / VERIFIED
    assert recognise(split)
    assert only(split).models == ["20240101_x", "20240202_y"]
    file = split / "20240101_x/results/results.json"
    assert recognise(file)
    assert only(file).scores[:2].tolist() == [[1.0], [0.0]]
    assert len(only(file).scores) == 500


@pytest.mark.parametrize("layout", ["run/{}/{}/report.json", "lite/{}/logs/{}/report.json"])
def test_reports_of_single_instances(tmp_path: Path, layout: str) -> None:
    outcomes = {("s", A): True, ("s", B): False, ("t", B): True}
    files = {
        layout.format(system, name): dumped({name: {"patch_exists": True, "resolved": resolved}})
        for (system, name), resolved in outcomes.items()
    }
    path = write(tmp_path, files)
    assert recognise(path)
    draft = only(path)
    assert draft.name == ("swe-bench-lite" if layout.startswith("lite") else "swe-bench")
    assert draft.models == ["s", "t"]
    np.testing.assert_array_equal(draft.scores, [[1, np.nan], [0, 1]])


def test_the_summary_of_the_harness(tmp_path: Path) -> None:
    summary = {"total_instances": 3, "resolved_ids": [A], "submitted_ids": [A, B]}
    summary |= {"unresolved_ids": [B], "incomplete_ids": [C], "schema_version": 2}
    path = write(tmp_path, {"gpt.run1.json": dumped(summary), "other.json": b"{}"})
    assert recognise(path)
    draft = only(path)
    assert draft.models == ["gpt.run1"]
    np.testing.assert_array_equal(draft.scores, [[1], [0], [np.nan]])


def test_several_runs_of_one_model_are_told(tmp_path: Path) -> None:
    summary = dumped({"resolved_ids": [A], "unresolved_ids": [B]})
    files = {f"{name}.json": summary for name in ("gpt.run1", "gpt.run2", "claude.run1")}
    draft = only(write(tmp_path, files))
    assert any("gpt.run1, gpt.run2 are taken for 2 models" in line for line in draft.warnings)


def test_the_flags_of_swe_bench_pro(tmp_path: Path) -> None:
    files = {"gpt/eval_results.json": dumped({A: True, B: False})}
    files |= {"claude/eval_results.json": dumped({A: False, B: True})}
    draft = only(write(tmp_path, files))
    assert draft.models == ["claude", "gpt"]
    assert draft.scores.tolist() == [[0, 1], [1, 0]]


def test_attempts_of_terminal_bench_are_not_read_as_instances(tmp_path: Path) -> None:
    attempts = [
        {
            "task_id": "hello",
            "trial_name": f"hello.{n}-of-5",
            "is_resolved": n == 1,
            "total_output_tokens": 9,
            "agent_started_at": "2025-07-01T10:00:00+00:00",
            "agent_ended_at": "2025-07-01T10:00:01.500000+00:00",
        }
        for n in range(1, 6)
    ]
    results = {"results": attempts, "resolved_ids": ["hello"], "unresolved_ids": ["hello"] * 4}
    path = write(tmp_path, {"run/results.json": dumped(results)})
    assert not recognise(path / "run")
    with pytest.raises(DataError, match=r"run_metadata\.json should say which model ran"):
        list(terminal_bench.read(path))
    write(tmp_path, {"run/run_metadata.json": dumped({"model_name": "gpt"})})
    for start in (path, path / "run", path / "run/results.json"):
        [draft] = terminal_bench.read(start)
        assert draft.models == ["gpt"]
        assert draft.scores == pytest.approx(np.array([[0.2]]))
        assert draft.trials is not None
        assert draft.trials[:, 0, 0].tolist() == [1, 0, 0, 0, 0]
        assert {name: held[0, 0] for name, held in draft.axes.items()} == {
            "latency_ms": 1500,
            "tokens_out": 9,
        }


def test_the_most_explicit_form_counts(tmp_path: Path) -> None:
    reports = {f"{VERIFIED}/20240101_x/logs/{B}/report.json": dumped({B: {"resolved": True}})}
    draft = drafts(write(tmp_path, {**GOOD, **reports}))["swe-bench-verified"]
    assert draft.scores[:3, 0].tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ids.txt", f"{C}\nx__y-1\n\n{A}\n{B}\n".encode()),
        ("ids.json", dumped([C, "x__y-1", A, B])),
        (
            "data.jsonl",
            b"".join(
                json.dumps(
                    {"instance_id": i, "problem_statement": f"fix {i}", "repo": "r"}
                ).encode()
                + b"\n"
                for i in (C, "x__y-1", A, B)
            ),
        ),
    ],
)
def test_a_list_of_all_instances(tmp_path: Path, name: str, content: bytes) -> None:
    path = write(tmp_path, GOOD) / VERIFIED
    (tmp_path / name).write_bytes(content)
    draft = only(path, instances=str(tmp_path / name))
    assert draft.prompts["prompt_id"].to_list() == [C, "x__y-1", A, B]
    assert draft.scores.tolist() == [[0, 1], [0, 0], [1, 1], [0, 0]]
    first = draft.prompts.row(0, named=True)
    if name == "data.jsonl":
        assert (first["text"], first["subset"]) == (f"fix {C}", "r")
    else:
        assert (first["text"], first["subset"]) == (None, "django/django")


# What is refused


def test_instances_that_the_list_lacks_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, {**GOOD, "ids.txt": f"{A}\n{B}\n".encode()})
    with pytest.raises(DataError, match=rf"20240202_y.*: instance '{C}' is not among those"):
        drafts(path / VERIFIED, instances=path / "ids.txt")
    with pytest.raises(DataError, match="does not exist"):
        drafts(path, instances=path / "absent.txt")
    (path / "ids.txt").write_text("\n")
    with pytest.raises(DataError, match="lists no instance"):
        drafts(path, instances=path / "ids.txt")


def test_bad_results_are_listed(tmp_path: Path) -> None:
    files = {
        "verified/a/results/results.json": dumped({"resolved": "all"}),
        "verified/b/results/results.json": dumped(["resolved", '"resolved"']),
        "verified/c/per_instance_details.json": dumped({A: {"resolved": 1}}),
        "verified/d/results/results.json": dumped({"resolved": [A, None]}),
    }
    with pytest.raises(DataError) as error:
        drafts(write(tmp_path, files))
    listed = [line.split(".json: ")[1] for line in str(error.value).splitlines()[1:]]
    assert listed == [
        "'resolved' is not a list of instances",
        "is not a JSON object",
        f"'resolved' of '{A}' is not true or false",
        "an instance of 'resolved' is None; it should be a name",
    ]


def test_a_cost_that_is_none_is_refused(tmp_path: Path) -> None:
    details = {A: {"resolved": True, "cost": "a lot"}}
    path = write(tmp_path, {"lite/a/per_instance_details.json": dumped(details)})
    with pytest.raises(DataError, match=rf"details\.json: {A}: cost 'a lot' is not a number"):
        drafts(path)


def test_no_results_are_refused(tmp_path: Path) -> None:
    assert not recognise(tmp_path)
    assert not recognise(tmp_path / "absent")
    with pytest.raises(DataError, match="holds no results of SWE-bench"):
        drafts(tmp_path)
