"""Tables as people hold them: each is read right, warned of, or refused with what mends it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from routereval.errors import DataError
from routereval.importers.registry import IMPORTERS, import_records, importer
from routereval.records import Draft
from tests.importers.table_mutations import cells, costs
from tests.importers.test_table_forms import workbook

PAIR = {("q1", "a"): 1.0, ("q1", "b"): 0.0, ("q2", "a"): 0.0, ("q2", "b"): 1.0}
ROWS = [("a", "q1", 1), ("b", "q1", 0), ("a", "q2", 0), ("b", "q2", 1)]


def read(path: Path, content: str, name: str = "in.csv", **options: str) -> Draft:
    """The one draft of a file of that content, with what is said of it."""
    file = path / name
    file.write_text(content)
    [draft] = importer("auto", file).drafts(file, **options)
    return draft.checked()


def refusal(path: Path, content: str, **options: str) -> str:
    """Why a file of that content is refused."""
    (path / "in.csv").write_text(content)
    with pytest.raises(DataError) as caught:
        list(importer("auto", path / "in.csv").drafts(path / "in.csv", **options))
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("in.csv", "model,id,score,,\na,q1,1,,\nb,q1,0,,\na,q2,0,,\nb,q2,1,,\n"),
        ("in.csv", "\n\nid,a,b\nq1,1,0\nq2,0,1\n"),
        ("in.csv", ",a,b\nq1,1,0\nq2,0,1\n"),
        ("in.csv", "Unnamed: 0,id,a,b\n0,q1,1,0\n1,q2,0,1\n"),
        ("in.csv", "id,a,b\nq1,✓,✗\nq2,❌,✅\n"),
        ("in.csv", "id,score_a,score_b\nq1,1,0\nq2,0,1\n"),
        ("in.csv", "model,id,metrics.acc\na,q1,1\nb,q1,0\na,q2,0\nb,q2,1\n"),
        (
            "in.json",
            json.dumps({"columns": ["model", "id", "score"], "index": [0, 1, 2, 3], "data": ROWS}),
        ),
        (
            "in.json",
            json.dumps(
                {
                    key: {str(n): row[k] for n, row in enumerate(ROWS)}
                    for k, key in enumerate(("model", "id", "score"))
                }
            ),
        ),
        (
            "in.json",
            json.dumps(
                {str(n): {"model": m, "id": q, "score": s} for n, (m, q, s) in enumerate(ROWS)}
            ),
        ),
        ("in.json", json.dumps({"a": {"q1": 1, "q2": 0}, "b": {"q1": 0, "q2": 1}})),
        (
            "in.json",
            json.dumps(
                {m: [{"id": q, "score": s} for n, q, s in ROWS if n == m] for m in ("a", "b")}
            ),
        ),
        (
            "in.jsonl",
            '{"id": "q1", "results": {"a": {"score": 1}, "b": {"score": 0}}}\n'
            '{"id": "q2", "results": {"a": {"score": 0}, "b": {"score": 1}}}\n',
        ),
        (
            "in.jsonl",
            '{"id": "q1", "a": {"score": 1}, "b": {"score": 0}}\n'
            '{"id": "q2", "a": {"score": 0}, "b": {"score": 1}}\n',
        ),
        (
            "in.jsonl",
            "".join(
                f'{{"model": "{m}", "id": "{q}", "metrics": {{"acc": {s}}}}}\n' for m, q, s in ROWS
            ),
        ),
    ],
)
def test_one_table_in_many_shapes(name: str, content: str, tmp_path: Path) -> None:
    draft = read(tmp_path, content, name)
    assert cells(draft) == PAIR
    assert not draft.warnings


def test_what_stands_beside_a_score_in_an_object_is_kept(tmp_path: Path) -> None:
    row = {"score": 1, "cost": 0.01, "latency_ms": 12, "input_tokens": 5}
    draft = read(tmp_path, json.dumps({"id": "q1", "results": {"a": row}}), "in.jsonl")
    assert costs(draft) == {("q1", "a"): 0.01}
    assert {axis: held.item() for axis, held in draft.axes.items()} == {
        "latency_ms": 12,
        "tokens_in": 5,
    }


@pytest.mark.parametrize(
    "column",
    [
        *("average", "best", "std", "difficulty", "weight", "year", "n_votes", "is_hard"),
        *("a_confidence", "confidence_a", "a_rank", "a_loss", "logprob"),
    ],
)
def test_columns_that_are_no_models_are_none(column: str, tmp_path: Path) -> None:
    draft = read(tmp_path, f"id,a,b,{column}\nq1,1,0,0.5\nq2,0,1,0.5\n")
    assert cells(draft) == PAIR
    assert f"taken for no models: the columns {column}" in draft.facts


def test_models_that_are_called_like_metadata_stay_models(tmp_path: Path) -> None:
    draft = read(tmp_path, "id,qwen-max,gpt-4,gpt-4.1,best-of-n\nq1,1,0,1,1\n")
    assert draft.models == ["qwen-max", "gpt-4", "gpt-4.1", "best-of-n"]
    assert not draft.warnings


WARNED = {
    "id,a,b\nq1,1,0\nq2,0,1\nAverage,0.5,0.5\n": "rows of prompt 'Average' hold what sums up",
    "id,a,b,a.1\nq1,1,0,1\nq2,0,1,1\n": "'a' and 'a.1' are taken for 2 models, but pandas",
    "model,id,score,date\na,q1,1,1\na,q1,1,2\n": "1 scores of a model on a prompt stand again",
    "id,gold,a,b\nq1,yes,yes,no\nq2,no,no,no\n": "column 'gold' holds what the models' columns",
    "id,label,a,b\nq1,1,1,0\nq2,0,0,1\n": "column 'label' holds what the models' columns hold",
    "model,id,score,status\na,q1,1,ok\na,q2,0,error\n": "column 'status' says that some answers",
    "model,id,score,error\na,q1,1,\na,q2,0,timeout\n": "column 'error' says that some answers",
    "model,id,score,cost_cents\na,q1,1,3\n": "column 'cost_cents' may be a cost, but does not say",
    "model,id,score,latency_ms\na,q1,1,9 ms\n": "column 'latency_ms' does not hold plain numbers",
}


@pytest.mark.parametrize("content", WARNED)
def test_what_may_not_be_meant_is_a_warning(content: str, tmp_path: Path) -> None:
    draft = read(tmp_path, content)
    assert [line for line in draft.warnings if line.startswith(WARNED[content])]
    assert "Average" not in draft.prompts["prompt_id"].to_list()


def test_a_parquet_file_is_warned_of_likewise(tmp_path: Path) -> None:
    import polars as pl

    frame = pl.DataFrame({"model": ["a", "a", "a"], "id": ["q1", "q1", "mean"], "score": [1, 1, 1]})
    frame.write_parquet(tmp_path / "in.parquet")
    [draft] = IMPORTERS["table"].drafts(tmp_path / "in.parquet")
    again, summary = draft.warnings
    assert again.startswith("1 scores of a model on a prompt stand again with the same value")
    assert summary.startswith("rows of prompt 'mean' hold what sums up the others, by its name")
    assert draft.prompts["prompt_id"].to_list() == ["q1"]


def test_a_score_that_is_better_the_lower_is_warned_of(tmp_path: Path) -> None:
    text = "model,id,error_rate\na,q1,0.2\n"
    (tmp_path / "in.csv").write_text(text)
    with pytest.raises(DataError, match="--columns score=COLUMN"):
        import_records("auto", tmp_path / "in.csv", tmp_path / "none")
    [records] = import_records(
        *("auto", tmp_path / "in.csv", tmp_path / "out"), columns="score=error_rate", scale="1,0"
    )
    assert records.scores.dense().tolist() == [[pytest.approx(0.8)]]
    assert records.meta["import"]["warnings"] == []
    [draft] = IMPORTERS["table"].drafts(tmp_path / "in.csv", columns="score=error_rate")
    assert "'error_rate' is the better the lower it is" in draft.warnings[0]


def test_models_on_another_scale_than_the_rest_are_warned_of(tmp_path: Path) -> None:
    text = "id,a,b\nq1,0.5,80\nq2,0.75,60\n"
    draft = read(tmp_path, text, scale="0,100")
    assert draft.warnings == [
        "no score of a exceeds 1 on a scale to 100: they may be on another scale than those of the "
        "other models; bring all to one"
    ]


REFUSED = {
    "id,accuracy,,,cost\n,a,b,c,a\nq1,1,0,1,1\n": "several columns have no name",
    "Results of March,,\nid,a,b\nq1,1,0\nq2,1,0\n": "holds 'a' in a column without a name",
    "# exported\nmodel,id,score\na,q1,1\n": "above the line of names there may be no other line",
    "model,id,score\na,q1,1\nmodel,id,score\nb,q1,1\n": "is the line of names again; remove it",
    "category,id,model,score\nlaw,1,a,1\nmath,1,a,1\n": "--columns benchmark=category",
    "model,id,metric,score\na,q1,acc,1\na,q1,f1,0.5\n": "names several metrics (acc, f1)",
    "id,a_loss,b_loss\nq1,0.1,0.2\n": "--columns 'models=a_loss|b_loss'",
    "id,a,b,stars\nq1,1,0,4\n": "--columns ignore=stars if it is no model",
    "model,id,score\na,q1,C\n": "'C' is not a number; give a number, or leave it empty",
    "dataset,model,id,score\nx,a,1,1\n,a,2,1\n": "'dataset' is empty; fill it in, or --columns",
    "model,accuracy\na,0.5\n": "records hold a score for each prompt",
}


@pytest.mark.parametrize("content", REFUSED)
def test_what_cannot_be_decided_is_refused_with_what_decides_it(
    content: str, tmp_path: Path
) -> None:
    assert REFUSED[content] in refusal(tmp_path, content)


def test_ids_that_are_each_files_row_numbers_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,question,correct\n0,one?,1\n1,two?,0\n")
    (tmp_path / "b.csv").write_text("id,question,correct\n0,two?,1\n1,one?,0\n")
    with pytest.raises(DataError, match=r"by their text \(--columns prompt_id=question\)"):
        list(IMPORTERS["table"].drafts(tmp_path))
    [draft] = IMPORTERS["table"].drafts(tmp_path, columns="prompt_id=question")
    assert cells(draft) == {
        ("one?", "a"): 1,
        ("two?", "a"): 0,
        ("two?", "b"): 1,
        ("one?", "b"): 0,
    }


def test_what_is_often_to_be_done_stands_once(tmp_path: Path) -> None:
    why = refusal(tmp_path, "model,id,score\na,q1,40\nb,q1,50\n")
    assert why.count("--scale LOW,HIGH") == 1
    assert why.endswith("in.csv:3: score 50 lies outside [0, 1]")


def test_only_a_name_that_says_what_another_models_is_is_warned_of(tmp_path: Path) -> None:
    rows = "\n".join(f"{m},q1,1" for m in ("org/3-epoch", "best-for-q-loss", "a", "a_loss", "rank"))
    draft = read(tmp_path, f"model,id,score\n{rows}\n")
    assert draft.warnings == [
        "a_loss, rank: taken for models; leave out what is none by ignore=NAME"
    ]


def test_cells_of_a_workbook_are_read_one_by_one(tmp_path: Path) -> None:
    pytest.importorskip("fastexcel")
    rows: list[list[Any]] = [
        [],
        ["id", "a", "b"],
        ["q1", 1, 0],
        ["q2", 0, 1],
        ["q3", "N/A", "PASS"],
    ]
    workbook(tmp_path / "in.xlsx", rows)
    [draft] = IMPORTERS["table"].drafts(tmp_path / "in.xlsx")
    assert cells(draft) == PAIR | {("q3", "b"): 1.0}
    assert "column 'a': 1 'N/A' as not observed" in draft.facts
    workbook(tmp_path / "in.xlsx", [["id", "a", "a"], ["q1", 1, 0]])
    with pytest.raises(DataError, match="two columns are named 'a'"):
        list(IMPORTERS["table"].drafts(tmp_path / "in.xlsx"))


def test_other_sheets_of_a_workbook_are_named(tmp_path: Path) -> None:
    pytest.importorskip("fastexcel")
    workbook(tmp_path / "in.xlsx", [["id", "a"], ["q1", 1]], sheets=("s", "more"))
    [draft] = IMPORTERS["table"].drafts(tmp_path / "in.xlsx")
    assert draft.warnings[0].startswith("in.xlsx: only the first sheet is read, not more")
    workbook(tmp_path / "in.xlsx", [["model", "accuracy"], ["a", 1]], sheets=("s", "more"))
    with pytest.raises(DataError, match="only the first sheet is read, not more"):
        list(IMPORTERS["table"].drafts(tmp_path / "in.xlsx"))


@pytest.mark.parametrize("ends", [".jsonl", ".json"])
def test_a_key_that_stands_twice_in_an_object_is_warned_of(tmp_path: Path, ends: str) -> None:
    """JSON's parsers take the last of its values without a word."""
    row = '{"id": "q1", "model": "a", "score": 1, "score": 0}'
    rows = [row, row.replace("q1", "q2"), '{"id": "q3", "model": "a", "score": 1}']
    text = "\n".join(rows) if ends == ".jsonl" else f"[{', '.join(rows)}]"
    (tmp_path / f"in{ends}").write_text(text)
    [draft] = IMPORTERS["table"].drafts(tmp_path / f"in{ends}")
    assert "'score' stands twice in 2 objects of JSON: the last value counts" in draft.warnings
    assert draft.scores.ravel().tolist() == [0, 0, 1]


BY_MODEL = {
    "a": {"q1": {"bleu": 1.0, "f1": 0.5}, "q2": {"bleu": 0.0, "f1": 0.1}},
    "b": {"q1": {"bleu": 0.0, "f1": 0.2}, "q2": {"bleu": 1.0, "f1": 0.9}},
}
IN_ROWS = [{"id": q, **{m: BY_MODEL[m][q] for m in BY_MODEL}} for q in ("q1", "q2")]
IN_RESULTS = [{"id": q, "results": {m: BY_MODEL[m][q] for m in BY_MODEL}} for q in ("q1", "q2")]
IN_LISTS = [
    {"id": q, "runs": [{"model": m, **BY_MODEL[m][q]} for m in BY_MODEL]} for q in ("q1", "q2")
]


@pytest.mark.parametrize("held", [BY_MODEL, IN_ROWS, IN_RESULTS, IN_LISTS])
def test_the_score_of_a_models_object_may_have_any_name(tmp_path: Path, held: object) -> None:
    draft = named(tmp_path, held, "bleu")
    assert cells(draft) == PAIR
    assert {"score: 'bleu' of each object", "not read of the objects: f1"} <= set(draft.facts)


def named(path: Path, held: object, score: str) -> Draft:
    (path / "in.json").write_text(json.dumps(held))
    [draft] = importer("table", path).drafts(path / "in.json", columns=f"score={score}")
    return draft.checked()


def test_which_key_is_the_score_is_said_where_it_is_known(tmp_path: Path) -> None:
    held = json.dumps(IN_ROWS).replace("bleu", "accuracy")
    draft = read(tmp_path, held, "in.json")
    assert cells(draft) == PAIR
    assert {"score: 'accuracy' of each object", "not read of the objects: f1"} <= set(draft.facts)


def test_objects_without_a_known_score_are_refused_with_what_they_hold(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"objects a, b hold bleu, f1: .*--columns score=bleu"):
        read(tmp_path, json.dumps(BY_MODEL), "in.json")


def test_a_name_that_no_object_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column 'rouge' for score"):
        named(tmp_path, BY_MODEL, "rouge")


def test_a_model_of_which_no_row_has_a_score_is_named(tmp_path: Path) -> None:
    rows = "".join(f"{model},{prompt},{score}\n" for model, prompt, score in ROWS)
    draft = read(tmp_path, f"model,id,score\n{rows}c,q1,\nc,q2,\n")
    assert cells(draft) == PAIR
    assert "no row of c has a score: left out" in draft.warnings
