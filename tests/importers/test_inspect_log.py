"""Inspect AI logs: archives and JSON, epochs, scorers, and archives that are no good."""

from __future__ import annotations

import io
import json
import struct
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from routereval.errors import DataError, MissingDependencyError
from routereval.importers import inspect_files, source_files
from routereval.importers.inspect_log import read, recognise
from routereval.records import Draft
from tests.fuzzing import examples
from tests.importers.mutating import Files, import_or_refuse, mutated, write


def sample(name: object, value: object, *, epoch: int = 1, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "id": name,
        "epoch": epoch,
        "input": f"what is {name}?",
        "target": "x",
        "messages": [],
        "output": {},
        "scores": {"match": {"value": value, "answer": "y"}},
        "metadata": {},
        "model_usage": {},
    } | more


def head(
    model: str, *, task: str = "toy", created: str = "2025-01-01", status: str = "success"
) -> dict[str, Any]:
    spec = {
        "created": created,
        "task": task,
        "dataset": {"samples": 2, "sample_ids": ["q", 2]},
        "model": model,
    }
    return {"version": 2, "status": status, "eval": spec, "plan": {}}


def as_json(about: dict[str, Any], *samples: dict[str, Any]) -> bytes:
    return json.dumps(about | {"samples": samples}, indent=2).encode()


def as_eval(about: dict[str, Any], *samples: dict[str, Any], start: bool = False) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_journal/start.json", json.dumps(about))
        for one in samples:
            name = f"samples/{one['id']}_epoch_{one['epoch']}.json"
            archive.writestr(name, json.dumps(one))
        if not start:
            archive.writestr("header.json", json.dumps(about))
    return stream.getvalue()


GOOD: Files = {
    "logs/a.eval": as_eval(head("org/a"), sample(2, "I"), sample("q", "C")),
    "logs/b.json": as_json(head("org/b"), sample("q", True), sample(2, 0.25)),
}


def drafts(path: Path, **options: Any) -> dict[str, Draft]:  # noqa: ANN401
    return {draft.name: draft.checked() for draft in read(path, **options)}


def only(path: Path, **options: Any) -> Draft:  # noqa: ANN401
    (draft,) = drafts(path, **options).values()
    return draft


# What it becomes


def test_both_forms_of_a_log(tmp_path: Path) -> None:
    path = write(tmp_path, {**GOOD, "logs/logs.json": b"{}"})
    assert recognise(path)
    draft = only(path)
    assert draft.name == "toy"
    assert draft.models == ["org/a", "org/b"]
    assert draft.prompts["prompt_id"].to_list() == ["q", "2"]  # as the data set has them
    assert draft.prompts["text"].to_list() == ["what is q?", "what is 2?"]
    assert draft.scores.tolist() == [[1.0, 1.0], [0.0, 0.25]]
    assert draft.costs is None


def test_each_form_alone(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD) / "logs"
    assert recognise(path / "a.eval")
    assert recognise(path / "b.json")
    assert only(path / "a.eval").scores.tolist() == [[1.0], [0.0]]
    assert only(path / "b.json").scores.tolist() == [[1.0], [0.25]]


@pytest.mark.parametrize(
    ("value", "score"),
    [("C", 1), ("I", 0), ("P", 0.5), ("N", 0), ("Yes", 1), ("no", 0), ("0.3", 0.3), (1, 1)],
)
def test_grades(tmp_path: Path, value: object, score: float) -> None:
    path = write(tmp_path, {"a.json": as_json(head("m"), sample("q", value))})
    assert only(path).scores.tolist() == [[score]]


def test_epochs_are_trials_and_what_failed_is_passed_over(tmp_path: Path) -> None:
    tokens = {"input_tokens": 5, "output_tokens": 7, "input_tokens_cache_read": 10}
    usage = [
        {"m": {"total_cost": usd, **tokens}, "grader": {"total_cost": 9}} for usd in (0.1, 0.3)
    ]
    rows = [
        sample("q", "I", epoch=2, model_usage=usage[1], working_time=4.0),
        sample("q", "C", model_usage=usage[0], working_time=2.0),
        sample(2, "C"),
        sample(2, "", epoch=2, scores={}),
        sample(3, "", scores=None),
    ]
    draft = only(write(tmp_path, {"a.eval": as_eval(head("m"), *rows)}))
    np.testing.assert_array_equal(draft.scores, [[0.5], [1.0], [np.nan]])
    assert draft.costs is not None
    assert draft.costs[:, 0] == pytest.approx([0.2, np.nan, np.nan], nan_ok=True)
    assert draft.trials is not None
    runs = [[1, 1, np.nan], [0, np.nan, np.nan]]
    np.testing.assert_array_equal(draft.trials[:, :, 0], runs)
    first = {name: held[0, 0] for name, held in draft.axes.items()}
    assert first.pop("latency_ms") == 3000
    assert first == {"tokens_in": 15, "tokens_out": 7, "tokens_cached": 10}


def test_choices_and_subjects(tmp_path: Path) -> None:
    row = sample("q", "C", choices=["a", "b", "c"], metadata={"subject": "law"})
    draft = only(write(tmp_path, {"a.json": as_json(head("m"), row)}))
    assert draft.prompts["chance"].to_list() == [1 / 3]
    assert draft.prompts["subset"].to_list() == ["law"]


def test_messages_are_text(tmp_path: Path) -> None:
    content = [{"type": "text", "text": "Look:"}, {"type": "image", "image": "…"}]
    chat = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": content}]
    path = write(tmp_path, {"a.json": as_json(head("m"), sample("q", "C", input=chat))})
    assert only(path).prompts["text"].to_list() == ["Be kind.\n\nLook:"]


def test_scorers_can_be_chosen(tmp_path: Path) -> None:
    scores = {"match": {"value": "C"}, "judge": {"value": {"style": 0.25, "truth": 0.75}}}
    path = write(tmp_path, {"a.json": as_json(head("m"), sample("q", "", scores=scores))})
    draft = only(path)
    assert (draft.judge, draft.scores.tolist()) == ("match", [[1.0]])
    others = {judge: held.tolist() for judge, held in draft.judges.items()}
    assert others == {"judge.style": [[0.25]], "judge.truth": [[0.75]]}
    assert only(path, scorer="judge.truth").scores.tolist() == [[0.75]]
    rows = [
        sample("q", "", scores=scores),
        sample("r", "", scores=scores | {"match": {"value": None}}),
    ]
    (tmp_path / "a.json").write_bytes(as_json(head("m"), *rows))
    missing = only(path)
    np.testing.assert_array_equal(missing.scores, [[1.0], [np.nan]])
    assert missing.judges["judge.style"].tolist() == [[0.25], [0.25]]
    with pytest.raises(DataError, match=r"no score 'f1'; .*'match', 'judge.style', 'judge.truth'"):
        drafts(path, scorer="f1")


def test_the_newest_run_counts_but_first_one_that_succeeded(tmp_path: Path) -> None:
    runs = [
        ("2025-01-01", "success", "I"),
        ("2025-01-02", "success", "C"),
        ("2025-01-03", "error", "I"),
    ]
    files = {
        f"{n}.json": as_json(head("m", created=created, status=status), sample("q", value))
        for n, (created, status, value) in enumerate(runs)
    }
    assert only(write(tmp_path, files)).scores.tolist() == [[1.0]]
    alone = only(write(tmp_path / "alone", {"2.json": files["2.json"]}))
    assert alone.warnings == [
        "m: no run succeeded; its scores are what 2.json came to, which may be the easier samples"
    ]


def run_of(model: str, created: str, value: str, ids: str = "ab", **spec: Any) -> bytes:  # noqa: ANN401
    """A log of that model, all of whose samples have that value."""
    about = head(model, created=created)
    about["eval"] |= {"dataset": {"sample_ids": list(ids)}, **spec}
    return as_json(about, *(sample(name, value) for name in ids))


def test_one_model_at_two_efforts_is_two_arms(tmp_path: Path) -> None:
    files = {
        f"{effort}.json": run_of(
            "o3", f"2025-01-0{n}", value, model_generate_config={"reasoning_effort": effort}
        )
        for n, (effort, value) in enumerate({"low": "I", "high": "C"}.items(), 1)
    }
    draft = only(write(tmp_path, files))
    by_name = dict(zip(draft.models, draft.scores[0].tolist(), strict=True))
    assert by_name == {"o3 [reasoning_effort=low]": 0, "o3 [reasoning_effort=high]": 1}
    assert draft.model_info is not None
    assert set(draft.model_info["base_model"]) == {"o3"}


def test_parts_of_a_task_are_joined_and_versions_of_it_are_arms(tmp_path: Path) -> None:
    parts = {
        "1.json": run_of("m", "2025-01-01", "I", "ab", task_args={"subject": "x"}),
        "2.json": run_of("m", "2025-01-02", "C", "cd", task_args={"subject": "y"}),
    }
    assert only(write(tmp_path / "parts", parts)).scores[:, 0].tolist() == [1, 1, 0, 0]
    versions = {
        "1.json": run_of("m", "2025-01-01", "I", task_args={"shots": 0}),
        "2.json": run_of("m", "2025-01-02", "C", task_args={"shots": 5}),
    }
    draft = only(write(tmp_path / "versions", versions))
    assert set(draft.models) == {"m [shots=0]", "m [shots=5]"}


def test_a_run_without_a_model_is_that_of_its_only_role(tmp_path: Path) -> None:
    roles = {"agent": {"model": "gpt", "config": {}}}
    path = write(tmp_path, {"a.json": run_of("none/none", "2025", "C", model_roles=roles)})
    assert only(path).models == ["gpt"]
    roles["grader"] = {"model": "claude", "config": {}}
    for held in ({}, roles):
        path = write(tmp_path, {"a.json": run_of("none/none", "2025", "C", model_roles=held)})
        with pytest.raises(DataError, match="the model is 'none/none' and"):
            drafts(path)


def test_errors_and_invalid_samples_are_no_failures_and_told(tmp_path: Path) -> None:
    rows = [
        sample("a", "C"),
        sample("b", "I", scores=None, error={"message": "context window exceeded"}),
        sample("c", "I", invalidation={"author": "x"}),
    ]
    draft = only(write(tmp_path, {"a.json": as_json(head("m"), *rows)}))
    assert draft.scores[0, 0] == 1
    assert np.isnan(draft.scores[1:]).all()
    assert any("1 of 3 samples ended in an error" in line for line in draft.warnings)
    assert any("1 of 3 samples were invalidated" in line for line in draft.warnings)


def test_tokens_without_costs_are_told(tmp_path: Path) -> None:
    row = sample("a", "C", model_usage={"m": {"input_tokens": 1, "total_tokens": 2}})
    draft = only(write(tmp_path, {"a.json": as_json(head("m"), row)}))
    assert draft.costs is None
    assert any("--costs prices" in line for line in draft.facts)


def test_a_run_that_was_cut_short_has_only_its_start(tmp_path: Path) -> None:
    about = head("m")
    del about["status"]
    path = write(tmp_path, {"a.eval": as_eval(about, sample("q", "C"), start=True)})
    assert only(path).scores.tolist() == [[1.0]]


def test_scores_out_of_range_can_be_rescaled(tmp_path: Path) -> None:
    rows = [sample("q", 10), sample(2, 0), sample(3, 4)]
    path = write(tmp_path, {"a.json": as_json(head("m"), *rows)})
    with pytest.raises(DataError, match=r"a\.json: sample 1: match 10 lies outside .* --scale"):
        drafts(path)
    assert only(path, rescale=True).scores[:, 0] == pytest.approx([1.0, 0.0, 0.4])


# What is refused


def test_other_prompts_under_one_id_are_refused(tmp_path: Path) -> None:
    other = as_json(head("org/c"), sample("q", "C", input="something else?"))
    with pytest.raises(
        DataError, match=r"c\.json: sample 1: another model was asked something else"
    ):
        drafts(write(tmp_path, {**GOOD, "logs/c.json": other}))


def test_bad_samples_are_listed(tmp_path: Path) -> None:
    rows = [sample("q", "C", id=None), sample(2, "maybe"), sample(3, [])]
    path = write(tmp_path, {"a.json": as_json(head("m"), *rows)})
    with pytest.raises(DataError) as error:
        drafts(path)
    listed = [line.split("a.json: ")[1] for line in str(error.value).splitlines()[1:]]
    assert listed[0] == "sample 1: 'id' is None; it should be a name"
    assert listed[1].startswith(
        "sample 2: match 'maybe' is not a number; the grades that are known"
    )
    assert listed[2] == "sample 3: match is of type list, not a number"


def test_a_log_without_scores_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, {**GOOD, "c.json": as_json(head("org/c"), sample("q", "", scores={}))})
    with pytest.raises(DataError, match=r"c\.json: no sample of it is scored; try: inspect score"):
        drafts(path)
    with pytest.raises(DataError, match="there is no score"):
        drafts(write(tmp_path / "x", {"d.json": as_json(head("m", status="error"))}))


def test_what_is_no_log_is_not_recognised(tmp_path: Path) -> None:
    assert not recognise(tmp_path)
    assert not recognise(tmp_path / "absent")
    path = write(tmp_path, {"a.json": b'{"a": 1}', "b.txt": b"x"})
    assert not recognise(path)
    with pytest.raises(DataError, match="holds no Inspect log"):
        drafts(path)


@pytest.mark.parametrize("n_bytes", [0, 10, 200, -30])
def test_an_archive_that_was_cut_is_refused(tmp_path: Path, n_bytes: int) -> None:
    with pytest.raises(DataError, match=r"a\.eval is no \.eval archive"):
        drafts(write(tmp_path, {"a.eval": GOOD["logs/a.eval"][:n_bytes]}))


def test_another_archive_is_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("x.txt", "x")
    with pytest.raises(DataError, match=r"holds no header\.json"):
        drafts(write(tmp_path, {"a.eval": stream.getvalue()}))


def test_a_sample_of_unreasonable_size_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspect_files, "LARGEST", 1000)
    big = as_eval(head("m"), sample("q", "C", target="x" * 1000), sample(2, "C"))
    path = write(tmp_path, {"a.eval": big})
    with pytest.raises(DataError, match=r"samples/q_epoch_1\.json: is larger than"):
        drafts(path)
    path = write(
        tmp_path / "j", {"a.json": as_json(head("m"), sample("q", "C", target="x" * 1000))}
    )
    with pytest.raises(DataError, match="inspect log convert"):
        drafts(path)


def test_an_archive_that_unpacks_to_far_more_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_files, "SMALL_INFLATED", 1000)
    bomb = as_eval(head("m"), sample("q", "C", target="0" * 3_000_000))
    with pytest.raises(DataError, match="unpacks to more than 0 MB"):
        drafts(write(tmp_path, {"a.eval": bomb}))


@settings(max_examples=examples(120), deadline=None)
@given(mutated(GOOD))
def test_damaged_files_end_in_records_or_in_our_errors(files: Files) -> None:
    assert import_or_refuse(files, recognise, read) in {True, False}  # no other error


# Zstandard


def stored_frame(content: bytes) -> bytes:
    """A Zstandard frame of one raw block (RFC 8878), which needs no compressor to make."""
    block = struct.pack("<I", len(content) << 3 | 1)[:3] + content
    return b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(content)) + block


def zstandard_eval(*members: tuple[str, bytes]) -> bytes:
    """An archive with the compression method 93, written by hand."""
    body, directory = b"", b""
    for name, content in members:
        packed = stored_frame(content)
        sizes = (zlib.crc32(content), len(packed), len(content), len(name), 0)
        common = struct.pack("<HHHHHIIIHH", 63, 0, 93, 0, 33, *sizes)
        directory += b"PK\x01\x02" + struct.pack("<H", 63) + common
        directory += struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + name.encode()
        body += b"PK\x03\x04" + common + name.encode() + packed
    n = len(members)
    end = struct.pack("<HHHHIIH", 0, 0, n, n, len(directory), len(body), 0)
    return body + directory + b"PK\x05\x06" + end


ZSTANDARD = zstandard_eval(
    ("header.json", json.dumps(head("org/z")).encode()),
    ("samples/q_epoch_1.json", json.dumps(sample("q", "C")).encode()),
)


def test_zstandard_is_read_if_it_can_be(tmp_path: Path) -> None:
    if sys.version_info < (3, 14):
        pytest.importorskip("zstandard")
    draft = only(write(tmp_path, {"z.eval": ZSTANDARD}))
    assert draft.models == ["org/z"]
    assert draft.scores.tolist() == [[1.0]]
    broken = ZSTANDARD.replace(b'"org/z"', b'"org/y"')
    with pytest.raises(DataError, match="cannot be unpacked"):
        drafts(write(tmp_path, {"z.eval": broken}))


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="zipfile reads it there")
def test_without_zstandard_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(MissingDependencyError, match=r"routereval\[inspect\]"):
        drafts(write(tmp_path, {"z.eval": ZSTANDARD}))
