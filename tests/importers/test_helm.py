"""HELM's runs: statistics per instance, perturbation and trial."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from routereval.errors import DataError
from routereval.importers import helm, write_sample
from routereval.records import Draft


def stats(**means: float) -> list[dict[str, Any]]:
    return [
        {"name": {"name": name, "split": "test"}, "mean": value} for name, value in means.items()
    ]


def run(name: str, entries: object, **beside: object) -> dict[str, Any]:
    """The files of a run."""
    files = {"per_instance_stats.json": entries, **{f"{k}.json": v for k, v in beside.items()}}
    return {f"runs/v1/{name}/{file}": content for file, content in files.items() if content}


def drafts(folder: Path, *runs: dict[str, Any], **options: str) -> dict[str, Draft]:
    source = write_sample({k: v for one in runs for k, v in one.items()}, folder)
    assert helm.recognise(source)
    return {draft.name: draft for draft in helm.IMPORTER.drafts(source, **options)}


def test_the_sample_is_read(tmp_path: Path) -> None:
    (draft,) = helm.read(write_sample(helm.SAMPLE, tmp_path))
    assert (draft.name, list(draft.models)) == ("mmlu", ["org/a", "org/b"])
    assert draft.scores.tolist() == [[1, 0], [0, 1]]
    assert draft.prompts["prompt_id"].to_list() == ["anatomy/id0", "anatomy/id1"]
    assert draft.prompts["text"].to_list() == ["What is 0?", "What is 1?"]
    assert draft.prompts["chance"].to_list() == [0.5, 0.5]
    assert draft.prompts["subset"].to_list() == ["anatomy", "anatomy"]


def test_trials_of_a_prompt_are_of_one_cell_and_perturbations_stand_apart(tmp_path: Path) -> None:
    entries = [
        {"instance_id": "i", "train_trial_index": 0, "stats": stats(num_bytes=9)},
        {"instance_id": "i", "train_trial_index": 0, "stats": stats(exact_match=1)},
        {"instance_id": "i", "train_trial_index": 1, "stats": stats(exact_match=0)},
        {
            "instance_id": "i",
            "train_trial_index": 0,
            "perturbation": {"name": "dialect", "robustness": True, "prob": 1.0, "source": "SAE"},
            "stats": stats(exact_match=0),
        },
    ]
    found = drafts(tmp_path, run("boolq:model=org_m", entries))
    assert found["boolq"].scores.tolist() == [[0.5]]
    assert found["boolq [dialect source=SAE]"].scores.tolist() == [[0]]
    assert list(found["boolq"].models) == ["org/m"]


def test_texts_may_stand_in_the_state_and_scores_in_the_display(tmp_path: Path) -> None:
    state = {"request_states": [{"instance": {"id": "i", "input": {"text": "Why?"}}}]}
    entries = [{"instance_id": "i", "stats": {"quasi_exact_match": 1, "f1_score": 0.5}}]
    name = "natural_qa:mode=closedbook,model=org_m"
    files = run(name, None, scenario_state=state, display_predictions=entries)
    found = drafts(tmp_path / "one", files)["natural_qa"]
    assert found.scores.tolist() == [[0.5]]
    assert found.prompts["text"].to_list() == ["Why?"]
    assert found.prompts["prompt_id"].to_list() == ["closedbook/i"]
    chosen = drafts(tmp_path / "two", files, metric="quasi_exact_match")["natural_qa"]
    assert chosen.scores.tolist() == [[1]]
    assert "score: metric quasi_exact_match; -O metric=NAME takes another" in chosen.facts


def test_one_model_run_in_two_ways_is_two_arms(tmp_path: Path) -> None:
    entries = [{"instance_id": "i", "stats": stats(exact_match=1)}]
    ways = {
        method: {"adapter_spec": {"model": "org/m", "method": method}}
        for method in ("generation", "multiple_choice_joint")
    }
    runs = [
        run(f"mmlu:subject=law,method={method},model=org_m", entries, run_spec=spec)
        for method, spec in ways.items()
    ]
    found = drafts(tmp_path, *runs)["mmlu"]
    assert list(found.models) == [
        "org/m [method=generation]",
        "org/m [method=multiple_choice_joint]",
    ]
    assert found.model_info is not None
    assert found.model_info["base_model"].to_list() == ["org/m", "org/m"]


def test_links_that_lead_out_of_a_run_are_refused(tmp_path: Path) -> None:
    entries = [{"instance_id": "i", "stats": stats(exact_match=1)}]
    files = run("x:model=m", entries)
    source = write_sample(files, tmp_path / "in")
    (tmp_path / "elsewhere.json").write_text("[]")
    (source / "runs/v1/x:model=m/instances.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(DataError, match=r"instances\.json is a link to"):
        list(helm.read(source))


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ({}, "is no list of HELM's statistics"),
        ([{"instance_id": "i", "stats": stats(a=1, b=1)}], "not known; there are 'a', 'b'; choose"),
        ([{"instance_id": "i", "stats": []}], "no metric was logged"),
        ([{"instance_id": "i", "stats": stats(bits_per_byte=1)}], "is the better the lower it is"),
        ([{"instance_id": "i", "stats": stats(accuracy=3)}], r"lies outside \[0, 1\]; import with"),
        ([{"stats": stats(accuracy=1)}], "there is no 'instance_id'"),
    ],
)
def test_what_cannot_be_read_is_told(entries: object, why: str, tmp_path: Path) -> None:
    file = tmp_path / "per_instance_stats.json"
    write_sample({file.name: entries}, tmp_path)
    with pytest.raises(DataError, match=why):
        list(helm.read(file))


def test_other_questions_under_one_id_are_refused(tmp_path: Path) -> None:
    entries = [{"instance_id": "i", "stats": stats(exact_match=1)}]
    runs = [
        run(f"x:model=m{n}", entries, instances=[{"id": "i", "input": {"text": f"Q{n}"}}])
        for n in range(2)
    ]
    with pytest.raises(DataError, match="was asked something else"):
        drafts(tmp_path, *runs)


def test_splits_are_told_and_one_may_be_taken(tmp_path: Path) -> None:
    entries = [
        {"instance_id": split, "stats": [{"name": {"name": "f1_score", "split": split}, "mean": 1}]}
        for split in ("valid", "test")
    ]
    files = run("x:model=m", entries)
    both = drafts(tmp_path / "one", files)["x"]
    assert both.prompts.height == 2
    assert "splits: valid, test; -O split=NAME takes one" in both.facts
    assert drafts(tmp_path / "two", files, split="test")["x"].prompts["prompt_id"][0] == "test"
    with pytest.raises(DataError, match="has no split 'dev'; it has: 'valid', 'test'"):
        drafts(tmp_path / "three", files, split="dev")
