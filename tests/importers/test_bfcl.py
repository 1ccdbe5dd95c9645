"""BFCL: what failed, and the results or the data set that name the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routereval.errors import DataError
from routereval.importers import bfcl, write_sample
from routereval.records import Draft


def lines(*rows: object) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def scores(n_right: int, n: int, *failed: object) -> str:
    header = {"accuracy": n_right / n, "correct_count": n_right, "total_count": n}
    return lines(header, *({"id": name, "valid": False} for name in failed))


def only(folder: Path, files: dict[str, Any], **options: str) -> Draft:
    source = write_sample(files, folder)
    assert bfcl.recognise(source)
    (draft,) = bfcl.IMPORTER.drafts(source, **options)
    return draft


def test_the_sample_is_read(tmp_path: Path) -> None:
    draft = only(tmp_path, dict(bfcl.SAMPLE))
    assert (draft.name, list(draft.models)) == ("bfcl_v4", ["a-FC", "b-FC"])
    assert draft.scores.tolist() == [[0, 0], [1, 0], [1, 1]]
    assert draft.prompts["text"].to_list() == ["Compute 0.", "Compute 1.", None]
    assert set(draft.prompts["subset"]) == {"simple_python"}
    assert {axis: held[0, 0] for axis, held in draft.axes.items()} == {
        "latency_ms": 500,
        "tokens_in": 90,
        "tokens_out": 24,
    }


def test_reruns_are_trials_and_what_was_only_scored_again_is_superseded(tmp_path: Path) -> None:
    files = {
        f"{run}/{kind}/m/BFCL_v4_live_{kind}.json": content
        for run, said, failed in (("1", "x", ["a", "b"]), ("2", "y", ["b"]), ("3", "y", ["a"]))
        for kind, content in {
            "score": scores(2 - len(failed), 2, *failed),
            "result": lines(*({"id": n, "result": said, "latency": int(run)} for n in "ab")),
        }.items()
    }
    draft = only(tmp_path, files)
    assert draft.trials is not None
    assert [sorted(held) for held in draft.trials[:, :, 0].T.tolist()] == [[0, 0], [0, 1]]
    folder = "live_score.json"
    assert [line for line in draft.facts if line.startswith("m: ")] == [
        f"m: 2 prompts of 2/score/m/BFCL_v4_{folder} are superseded by newer runs, such as "
        f"3/score/m/BFCL_v4_{folder}",
        f"m: joined are the prompts of 3/score/m/BFCL_v4_{folder}, 1/score/m/BFCL_v4_{folder}; "
        "2 prompts that several answered have trials",
    ]


def test_calls_that_failed_are_not_observed(tmp_path: Path) -> None:
    results = lines({"id": "a", "result": "Error during inference: 503"}, {"id": "b", "result": ""})
    draft = only(
        tmp_path,
        {
            "score/m/BFCL_v3_live_score.json": scores(0, 2, "a", "b"),
            "result/m/BFCL_v3_live_result.json": results,
        },
    )
    assert np.isnan(draft.scores[:, 0]).tolist() == [True, False]
    assert any("1 of 2 answers ended in an error" in line for line in draft.warnings)


def test_the_data_set_names_what_results_do_not(tmp_path: Path) -> None:
    data = lines(*({"id": n, "question": [[{"role": "user", "content": n}]]} for n in "ab"))
    write_sample({"BFCL_v4_multiple.json": data}, tmp_path / "data")
    files = {"m/BFCL_v4_multiple_score.json": scores(1, 2, "b")}
    draft = only(tmp_path / "in", files, entries=str(tmp_path / "data"))
    assert draft.scores.tolist() == [[1], [0]]
    assert draft.prompts["text"].to_list() == ["a", "b"]
    with pytest.raises(DataError, match=r"lists only what failed, .* which 2 samples"):
        only(tmp_path / "in", files)


def test_scores_and_results_of_two_runs_are_refused(tmp_path: Path) -> None:
    files = {
        "score/m/live/BFCL_v4_x_score.json": scores(2, 3, "a"),
        "result/m/live/BFCL_v4_x_result.json": lines({"id": "a"}, {"id": "b"}),
    }
    with pytest.raises(DataError, match=r"says that 2 of 3 were right, but .* makes 1 of 2"):
        only(tmp_path, files)
