"""OpenCompass's details: by number or in a list, with a value for each repetition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from routereval.errors import DataError
from routereval.importers import opencompass, write_sample
from routereval.records import Draft


def result(
    dataset: str, details: object, model: str = "m", beside: object = None
) -> dict[str, Any]:
    files = {f"t/results/{model}/{dataset}.json": {"accuracy": 1.0, "details": details}}
    return files | ({f"t/predictions/{model}/{dataset}.json": beside} if beside else {})


def drafts(folder: Path, files: dict[str, Any], **options: str) -> dict[str, Draft]:
    source = write_sample(files, folder)
    assert opencompass.recognise(source)
    return {draft.name: draft for draft in opencompass.IMPORTER.drafts(source, **options)}


def test_the_sample_is_read(tmp_path: Path) -> None:
    found = drafts(tmp_path, dict(opencompass.SAMPLE))["gsm8k"]
    assert (list(found.models), found.scores.tolist()) == (["a", "b"], [[1, 0], [0, 1]])
    assert found.prompts["prompt_id"].to_list() == ["0", "1"]
    assert found.prompts["text"].to_list() == ["How many 0?", "How many 1?"]


def test_data_sets_of_a_family_are_subsets(tmp_path: Path) -> None:
    details = {"0": {"references": "A", "correct": True}}
    files = result("ceval-law", details) | result("ceval-art", details) | result("gsm8k", details)
    found = drafts(tmp_path / "one", files)
    assert list(found) == ["ceval", "gsm8k"]
    assert found["ceval"].prompts["prompt_id"].to_list() == ["ceval-art/0", "ceval-law/0"]
    assert found["ceval"].prompts["subset"].to_list() == ["ceval-art", "ceval-law"]
    assert list(drafts(tmp_path / "two", files, families="gsm")) == [
        *("ceval-art", "ceval-law", "gsm8k"),
    ]


def test_repetitions_are_trials_and_predictions_give_texts_and_tokens(tmp_path: Path) -> None:
    details = [{"example_abbr": "x_0", "answer": ["4", "4"], "is_correct": [True, False]}]
    sent = {"origin_prompt": "Why?", "all_input_length": 12, "res_length": 3}
    (found,) = drafts(tmp_path, result("x", details, beside={"0": sent})).values()
    assert found.scores.tolist() == [[0.5]]
    assert found.trials is not None
    assert found.prompts["text"].to_list() == ["Why?"]
    assert {axis: held.tolist() for axis, held in found.axes.items()} == {
        "tokens_in": [[12]],
        "tokens_out": [[3]],
    }


@pytest.mark.parametrize(
    ("details", "why"),
    [
        ({"0": {"references": "A", "predictions": "B"}}, "no metric was logged; choose"),
        (
            {"0": 1, "1": {"references": "A", "correct": True}},
            "details of '0' is not a JSON object",
        ),
        ({"0": {"references": "A", "score": 55}}, r"score 55 lies outside \[0, 1\]"),
        ("none", "holds no 'details'; evaluate with --dump-eval-details"),
    ],
)
def test_what_cannot_be_read_is_refused(details: object, why: str, tmp_path: Path) -> None:
    files = result("x", details)
    file = write_sample(files, tmp_path) / "t/results/m/x.json"
    with pytest.raises(DataError, match=why):
        list(opencompass.read(file)) if details != "none" else opencompass._details(file)


def test_other_references_under_one_number_are_refused(tmp_path: Path) -> None:
    files: dict[str, Any] = {}
    for answer in "AB":
        files |= result("x", {"0": {"references": answer, "correct": True}}, model=answer)
    with pytest.raises(DataError, match="was asked something else as prompt '0'"):
        drafts(tmp_path, files)
