"""Texts of prompts from a file of their own, for results that name them by ids."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from routereval.errors import DataError
from routereval.importers import import_records
from routereval.importers.registry import importer
from routereval.records import Draft

SCORES = "id,gpt-x,claude-y\n1,1,0\n2,0,1\n3,1,1\n"
TEXTS = "id,question,category\n1.0,Why?,a\n2,How?,b\n9,Who?,b\n"


def read(path: Path, prompts: str, name: str = "texts.csv", scores: str = SCORES) -> Draft:
    (path / name).write_text(prompts)
    (path / "in.csv").write_text(scores)
    found = importer("auto", path / "in.csv")
    [draft] = found.drafts(path / "in.csv", prompt_texts=str(path / name))
    return draft.checked()


def test_texts_and_subsets_come_by_id(tmp_path: Path) -> None:
    draft = read(tmp_path, TEXTS)
    assert draft.prompts["text"].to_list() == ["Why?", "How?", None]
    assert draft.prompts["subset"].to_list() == ["a", "b", "in"]
    assert "texts: 2 of 3 prompts by texts.csv" in draft.facts
    assert "texts.csv has no text of 1 prompts, such as '3'" in draft.warnings


@pytest.mark.parametrize(
    "content",
    [
        {"1": "Why?", "2": "How?", "3": "Who?"},
        [{"question_id": n, "prompt": t} for n, t in enumerate(("Why?", "How?", "Who?"), 1)],
        {"questions": [{"id": "1", "text": "Why?"}, {"id": "2", "text": "How?"}]},
        [{"id": 1, "input": [{"role": "user", "content": "Why?"}]}],
    ],
)
def test_forms_of_such_files(content: object, tmp_path: Path) -> None:
    draft = read(tmp_path, json.dumps(content), "texts.json")
    assert draft.prompts["text"].to_list()[0] == "Why?"


def test_texts_that_are_there_stay_and_subsets_too(tmp_path: Path) -> None:
    scores = "id,question,subject,gpt-x,claude-y\n1,Mine?,law,1,0\n2,,law,0,1\n"
    draft = read(tmp_path, TEXTS, scores=scores)
    assert draft.prompts["text"].to_list() == ["Mine?", "How?"]
    assert draft.prompts["subset"].to_list() == ["law", "law"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("id,question\n7,Why?\n", "knows none of its prompts, such as '1'; it has '7'"),
        ("number,question\n1,Why?\n", "no column for prompt_id"),
        ("id,answer\n1,Why?\n", "no column for prompt .*it has: id, answer"),
        ("id,question\n1,Why?\n1,How?\n", "prompt '1' has two texts"),
    ],
)
def test_files_that_are_none_are_refused(content: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=sentence):
        read(tmp_path, content)


def test_every_format_takes_such_a_file(tmp_path: Path) -> None:
    for name, content in (("scores.csv", SCORES), ("texts.csv", TEXTS + "3,What?,b\n")):
        (tmp_path / name).write_text(content)
    texts = tmp_path / "texts.csv"
    [records] = import_records(
        "auto", tmp_path / "scores.csv", tmp_path / "out", prompt_texts=texts
    )
    assert records.has_text
    with pytest.raises(DataError, match="is no file"):
        import_records("auto", tmp_path / "scores.csv", tmp_path / "more", prompt_texts=tmp_path)
