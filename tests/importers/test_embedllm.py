from __future__ import annotations

from pathlib import Path

import pytest

from routereval.errors import DataError
from routereval.importers import embedllm
from tests.importers.table_mutations import cells

TRAIN = """\
prompt_id,model_id,category_id,label,prompt,model_name,category
0,0,3,1,"Why, then?",org__a,law
0,1,3,0,"Why, then?",org__b,law
0,1,4,1,"Why, then?",org__b,art
"""
TEST = """\
prompt_id,model_id,category_id,label,prompt,model_name,category
1,0,4,0,How?,org__a,art
"""
BARE = "prompt_id,model_id,category_id,label,prompt\n5,7,3,1,Why?\n5,8,3,0,Why?\n"


def test_a_folder_is_read_without_the_files_that_hold_no_labels(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(TRAIN)
    (tmp_path / "test.csv").write_text(TEST)
    (tmp_path / "model_order.csv").write_text("model_id,model_name\n0,org__a\n")
    assert embedllm.recognise(tmp_path)
    (draft,) = embedllm.read(tmp_path)
    assert draft.name == "embedllm"
    assert cells(draft) == {("0", "org__a"): 1, ("0", "org__b"): 1, ("1", "org__a"): 0}
    assert set(draft.prompts.rows()) == {
        ("0", "law", "Why, then?", None),
        ("1", "art", "How?", None),
    }


def test_numbers_name_the_llms_where_there_are_no_names(tmp_path: Path) -> None:
    file = tmp_path / "train.csv"
    file.write_text(BARE)
    assert embedllm.recognise(file)
    (draft,) = embedllm.read(file)
    assert cells(draft) == {("5", "7"): 1, ("5", "8"): 0}
    assert draft.prompts["subset"].to_list() == ["3"]


def test_bad_input_is_told(tmp_path: Path) -> None:
    file = tmp_path / "train.csv"
    file.write_text(BARE.replace("3,1", "3,maybe").replace("8,3,0", ",3,2"))
    with pytest.raises(DataError, match="2 rows cannot be read") as caught:
        list(embedllm.read(file))
    assert f"{file}:2: score 'maybe' is not a number" in str(caught.value)
    assert f"{file}:3: 'model_id' is ''" in str(caught.value)
    file.write_text("prompt_id,label\n1,1\n")
    assert not embedllm.recognise(file)
    with pytest.raises(DataError, match="files have the columns prompt_id, label"):
        list(embedllm.read(file))
    with pytest.raises(DataError, match="holds no CSV file"):
        list(embedllm.read(tmp_path / "none"))
