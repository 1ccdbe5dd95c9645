from __future__ import annotations

from pathlib import Path

import pytest

from routereval.errors import DataError
from routereval.importers import routellm
from tests.importers.table_mutations import (
    SHARED,
    cells,
    equals_neutral,
)

MMLU = 'prompt,org/weak,strong\n"What is\nit?\nAnswer:",False,True\nAnd this?,True,True\n'
GSM8K = "prompt,org/weak,strong,org/weak_response,strong_response\nHow many?,False,True,6,7\n"


def _evals(folder: Path) -> Path:
    (folder / "mmlu" / "responses").mkdir(parents=True)
    (folder / "gsm8k").mkdir()
    (folder / "mmlu" / "responses" / "mmlu_law.csv").write_text(MMLU)
    (folder / "mmlu" / "responses" / "mmlu_art.csv").write_text(MMLU)
    (folder / "gsm8k" / "gsm8k_responses.csv").write_text(GSM8K)
    return folder


def test_files_become_benchmarks_and_subsets(tmp_path: Path) -> None:
    _evals(tmp_path / "routellm" / "evals")
    for folder in (tmp_path, tmp_path / "routellm", tmp_path / "routellm" / "evals"):
        assert routellm.recognise(folder)
        gsm8k, mmlu = routellm.read(folder)
        assert (gsm8k.name, mmlu.name) == ("gsm8k", "mmlu")
        assert gsm8k.models == mmlu.models == ["org/weak", "strong"]
        assert cells(gsm8k) == {("gsm8k/0", "org/weak"): 0, ("gsm8k/0", "strong"): 1}
        assert cells(mmlu)["mmlu/law/0", "org/weak"] == 0
        assert mmlu.prompts["subset"].to_list() == ["art", "art", "law", "law"]
        assert mmlu.prompts["text"].to_list() == ["What is\nit?\nAnswer:", "And this?"] * 2


def test_one_file_is_enough(tmp_path: Path) -> None:
    file = _evals(tmp_path) / "gsm8k" / "gsm8k_responses.csv"
    assert routellm.recognise(file)
    (draft,) = routellm.read(file)
    assert draft.scores.tolist() == [[0, 1]]


def test_other_tables_are_not_recognised(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    for text in ("", "prompt\nx\n", "prompt,a\nx,0.5\n", "id,a\nx,True\n", "prompt,a\n"):
        file.write_text(text)
        assert not routellm.recognise(file)
    assert not routellm.recognise(tmp_path / "none")


def test_bad_input_is_told(tmp_path: Path) -> None:
    file = tmp_path / "mmlu_law.csv"
    file.write_text(MMLU.replace("this?,True", "this?,maybe"))
    with pytest.raises(DataError, match=r"mmlu_law.csv:5: 'org/weak': score 'maybe' is not a num"):
        list(routellm.read(file))
    file.write_text("question,a\nx,True\n")
    with pytest.raises(DataError, match="have a column 'prompt'"):
        list(routellm.read(file))
    with pytest.raises(DataError, match="holds no CSV file"):
        list(routellm.read(tmp_path / "none"))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real files are not there")
def test_the_real_files_hold_the_scores_of_the_neutral_ones() -> None:
    folder = SHARED / "routellm"
    drafts = list(routellm.read(folder / "raw"))
    assert {draft.name: draft.prompts.height for draft in drafts} == {"mmlu": 14042, "gsm8k": 1319}
    assert [draft.reference for draft in drafts] == [0.92, 0.864]
    assert equals_neutral(drafts, folder) == 2 * (14042 + 1319)
