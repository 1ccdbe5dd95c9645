"""Tables as people have them: delimiters, encodings, words for scores, nested JSON, files."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routereval.errors import DataError, SpecError
from routereval.importers import import_records, table
from routereval.importers.cells import number_of, read_cost
from routereval.importers.importer import write_sample
from routereval.importers.registry import IMPORTERS, importer
from routereval.importers.scale import Scale
from routereval.records import Draft
from tests.importers.table_mutations import cells, costs

LONG = "model,id,score\na,q1,1\nb,q1,0\na,q2,0.5\nb,q2,1\n"
WANTED = {("q1", "a"): 1.0, ("q1", "b"): 0.0, ("q2", "a"): 0.5, ("q2", "b"): 1.0}
ROWS = [
    {"model": "a", "id": "q1", "score": 1},
    {"model": "b", "id": "q1", "score": 0},
    {"model": "a", "id": "q2", "score": 0.5},
    {"model": "b", "id": "q2", "score": 1},
]


def read(path: Path, content: str | bytes, **options: str) -> Draft:
    """The one draft of a file of that content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert importer("auto", path).name == "table"
    [draft] = importer("table", path).drafts(path, **options)
    return draft.checked()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", LONG),
        ("a.CSV", LONG),
        ("a.tsv", LONG.replace(",", "\t")),
        ("a.csv", LONG.replace(",", "|")),
        ("a.csv", LONG.replace(",", ";").replace("0.5", "0,5")),
        ("a.csv", "sep=;\n" + LONG.replace(",", ";").replace("0.5", "0,5")),
        ("a.csv", LONG.replace("\n", "\r\n")),
        ("a.csv", b"\xef\xbb\xbf" + LONG.encode()),
        ("a.csv", LONG.encode("utf-16")),
        ("a.csv", LONG.encode("utf-16-le")),
        ("a.csv.gz", gzip.compress(LONG.encode(), mtime=0)),
        ("a.json", json.dumps(ROWS)),
        ("a.json", json.dumps({"version": 1, "rows": ROWS})),
        ("a.json", json.dumps({key: [row[key] for row in ROWS] for key in ROWS[0]})),
        ("a.json", "\n".join(map(json.dumps, ROWS))),
        ("a.jsonl.gz", gzip.compress("\n".join(map(json.dumps, ROWS)).encode(), mtime=0)),
    ],
)
def test_one_table_in_every_file(name: str, content: str | bytes, tmp_path: Path) -> None:
    draft = read(tmp_path / name, content)
    assert cells(draft) == WANTED
    assert draft.name == "a"


def test_excel_workbooks_are_read(tmp_path: Path) -> None:
    pytest.importorskip("fastexcel")
    file = workbook(tmp_path / "a.xlsx", [list(ROWS[0]), *(list(row.values()) for row in ROWS)])
    [draft] = table.read(file)
    assert cells(draft) == WANTED
    file.write_bytes(b"PK\x03\x04nonsense")
    with pytest.raises(DataError, match="is no Excel workbook"):
        list(table.read(file))


def workbook(
    file: Path, rows: list[list[Any]], sheets: tuple[str, ...] = ("s",), after: str = ""
) -> Path:
    """The smallest workbook that is one, each of whose sheets has these rows."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"

    def cell(value: object) -> str:
        if isinstance(value, str) and value.startswith("<c "):
            return value
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
        return f"<c><v>{value}</v></c>"

    lines = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType='
        '"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        + "".join(
            f'<sheet name="{name}" sheetId="{n}" r:id="r1"/>' for n, name in enumerate(sheets, 1)
        )
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/s.xml"/>'
        "</Relationships>",
        "xl/worksheets/s.xml": f'<worksheet xmlns="{main}"><sheetData>{lines}</sheetData>'
        f"{after}</worksheet>",
    }
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file


def test_windows_text_keeps_its_umlauts(tmp_path: Path) -> None:
    text = "model,id,score,prompt\na,q1,1,Größe?\nb,q1,0,Größe?\n"
    assert read(tmp_path / "a.csv", text.encode("cp1252")).prompts["text"].to_list() == ["Größe?"]


@pytest.mark.parametrize(
    ("one", "zero", "half"),
    [
        ("Yes", "No", "0.5"),
        ("PASS", "FAIL", "50%"),
        ("true", "FALSE", "50 %"),
        ("100%", "0%", "50%"),
        ("correct", "wrong", ".5"),
    ],
)
def test_scores_in_words_and_percent(one: str, zero: str, half: str, tmp_path: Path) -> None:
    lines = [f"a,q1,{one}", f"b,q1,{zero}", f"a,q2,{half}", f"b,q2,{one}"]
    assert cells(read(tmp_path / "a.csv", "\n".join(["model,id,score", *lines]))) == WANTED


@pytest.mark.parametrize("none", ["", "N/A", "NA", "#N/A", "-", "nan", "null", "None"])
def test_words_for_no_score_are_not_observed(none: str, tmp_path: Path) -> None:
    draft = read(tmp_path / "a.csv", LONG.replace("a,q2,0.5", f"a,q2,{none}"))
    assert cells(draft) == {key: value for key, value in WANTED.items() if key != ("q2", "a")}
    assert any("not every model was asked" in line for line in draft.warnings)


def test_one_odd_cell_does_not_make_a_model_vanish(tmp_path: Path) -> None:
    rows = [f"q{n},{n % 2},{'PASS' if n % 2 else 'FAIL'},1" for n in range(150)]
    text = "\n".join(["id,gpt,haiku,mix", *rows])
    draft = read(tmp_path / "a.csv", text.replace("q3,1", "q3,N/A"))
    assert list(draft.models) == ["gpt", "haiku", "mix"]
    assert np.isnan(draft.scores).sum() == 1
    with pytest.raises(DataError, match=r"a.csv:5: 'gpt': score 'ERROR' is not a number"):
        read(tmp_path / "a.csv", text.replace("q3,1", "q3,ERROR"))
    draft = read(tmp_path / "a.csv", text.replace("q3,1", "q3,ERROR"), missing="ERROR")
    assert np.isnan(draft.scores).sum() == 1


def test_yes_and_no_beside_numbers_may_be_answers_and_is_told(tmp_path: Path) -> None:
    text = "id,gpt,reply\nq1,1,yes\nq2,0,no\n"
    draft = read(tmp_path / "a.csv", text)
    assert list(draft.models) == ["gpt"]
    assert any("columns of yes and no are left out: reply" in line for line in draft.warnings)
    assert list(read(tmp_path / "a.csv", text, columns="models=gpt|reply").models) == [
        "gpt",
        "reply",
    ]


def test_metadata_of_a_wide_table_are_no_models(tmp_path: Path) -> None:
    text = (
        "id,prompt,gpt,haiku,gpt_cost,haiku_cost,gpt_latency_s,temperature,seed,winner_tie,"
        "evaluation_order,total_tokens\n"
        "q1,Why?,1,0,$0.02,$0.001,0.3,0.7,1,0,1,9\nq2,How?,0,1,0.02,,0.3,0.7,1,0,2,9\n"
    )
    draft = read(tmp_path / "a.csv", text)
    assert list(draft.models) == ["gpt", "haiku"]
    assert costs(draft) == {("q1", "gpt"): 0.02, ("q1", "haiku"): 0.001, ("q2", "gpt"): 0.02}
    assert any("taken for no models" in line and "temperature" in line for line in draft.facts)


def test_columns_of_a_score_for_each_model(tmp_path: Path) -> None:
    text = "inputs,gpt-4o_correctness,haiku_correctness,gpt-4o_latency\nWhy?,1,0,0.3\nHow?,0,1,.2"
    draft = read(tmp_path / "a.csv", text)
    assert list(draft.models) == ["gpt-4o", "haiku"]
    assert draft.prompts["prompt_id"].to_list() == ["Why?", "How?"]


@pytest.mark.parametrize(
    "text",
    [
        "id,model_a,model_b,winner_model_a,winner_model_b,winner_tie\n1,x,y,1,0,0\n",
        "question_id,model_1,model_2,g1_winner,turn,tstamp\n81,x,y,model_1,1,1687.5\n",
        "id,prompt,chosen,rejected,margin\n1,Why?,x,y,0.5\n",
    ],
)
def test_pairs_are_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(text)
    with pytest.raises(DataError, match="pairs of answers"):
        list(table.read(file))
    assert not table.recognise(file)


def test_a_label_is_no_score_and_is_correct_is(tmp_path: Path) -> None:
    draft = read(tmp_path / "a.csv", "model,id,label,is_correct\na,q1,3,True\nb,q1,3,False\n")
    assert cells(draft) == {("q1", "a"): 1, ("q1", "b"): 0}
    file = tmp_path / "b.csv"
    file.write_text("model,id,label\na,q1,1\n")
    with pytest.raises(DataError, match=r"no column for score .*--columns score="):
        list(table.read(file))


def test_two_columns_of_scores_are_told(tmp_path: Path) -> None:
    draft = read(tmp_path / "a.csv", "model,id,accuracy,score\na,q1,1,0.4\nb,q1,0,0.3\n")
    assert cells(draft)["q1", "a"] == 0.4
    assert any("'accuracy' may be a score too" in line for line in draft.warnings)


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_scores_in_an_object_or_a_list(name: str, tmp_path: Path) -> None:
    nested: list[dict[str, Any]] = [
        {"prompt": "Why?", "scores": {"a": 1, "b": 0}, "costs": {"a": 0.1}},
        {"prompt": "How?", "scores": {"a": 0.5, "b": 1}, "costs": {"a": 0.2}},
    ]
    listed = [
        {
            "prompt": row["prompt"],
            "responses": [
                {"model": m, "response": "x", "score": s, "cost": row["costs"].get(m)}
                for m, s in row["scores"].items()
            ],
        }
        for row in nested
    ]
    for rows in (nested, listed):
        text = json.dumps(rows) if name == "a.json" else "\n".join(map(json.dumps, rows))
        draft = read(tmp_path / name, text)
        assert cells(draft) == {
            ("Why?", "a"): 1,
            ("Why?", "b"): 0,
            ("How?", "a"): 0.5,
            ("How?", "b"): 1,
        }
        assert costs(draft) == {("Why?", "a"): 0.1, ("How?", "a"): 0.2}


def test_chat_messages_are_the_text(tmp_path: Path) -> None:
    chat = [{"role": "system", "content": "Brief."}, {"role": "user", "content": "Why?"}]
    rows = [{"model": m, "id": "q", "score": 1, "prompt": chat} for m in "ab"]
    draft = read(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    assert draft.prompts["text"].to_list() == ["Brief.\n\nWhy?"]
    pl.DataFrame(rows).write_parquet(tmp_path / "b.parquet")
    [draft] = table.read(tmp_path / "b.parquet")
    assert draft.prompts["text"].to_list() == ["Brief.\n\nWhy?"]


@pytest.mark.parametrize("column", ["correct", "acc", "passed", "is_correct"])
@pytest.mark.parametrize("folders", [False, True])
def test_a_file_per_model(column: str, folders: bool, tmp_path: Path) -> None:
    for model, marks in {"gpt-4o": (1, 0), "haiku.v2": (0, 1)}.items():
        name = f"{model}/results.csv" if folders else f"{model}.csv"
        (tmp_path / name).parent.mkdir(exist_ok=True)
        rows = [f"q{n},{mark}" for n, mark in enumerate(marks)]
        (tmp_path / name).write_text("\n".join([f"id,{column}", *rows]))
    [draft] = importer("auto", tmp_path).drafts(tmp_path)
    assert cells(draft) == {
        ("q0", "gpt-4o"): 1,
        ("q1", "gpt-4o"): 0,
        ("q0", "haiku.v2"): 0,
        ("q1", "haiku.v2"): 1,
    }
    assert "model: the file's name" in draft.facts


def test_one_model_alone_is_refused_with_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "gpt.csv"
    file.write_text("id,correct\nq,1\n")
    with pytest.raises(DataError, match="give their folder"):
        list(table.read(file))


def test_a_score_of_nobody_is_not_taken_for_a_number_of_somebody(tmp_path: Path) -> None:
    file = tmp_path / "gpt.csv"
    file.write_text("id,correct,hardness\nq,1,0.3\nr,0,0.9\n")
    with pytest.raises(DataError, match="'correct' holds scores, but no column says whose"):
        list(table.read(file))
    [draft] = table.read(file, columns="models=hardness")
    assert list(draft.models) == ["hardness"]
    draft = read(tmp_path / "a.csv", "id,correct,gpt,haiku\nq,1,0,1\nr,0,1,1\n")
    assert list(draft.models) == ["gpt", "haiku"]
    assert any("'correct' may be a score, but no column says whose" in w for w in draft.warnings)


def test_long_ids_and_whole_numbers_are_kept(tmp_path: Path) -> None:
    big = 1234567890123456789
    rows = [{"model": m, "id": big + n, "score": 1} for m in "ab" for n in range(2)]
    draft = read(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    assert draft.prompts["prompt_id"].to_list() == [str(big), str(big + 1)]
    draft = read(tmp_path / "a.csv", "model,id,score\na,3,1\nb,3.0,0\na,v1.0,1\nb,v1.0,1\n")
    assert draft.prompts["prompt_id"].to_list() == ["3", "v1.0"]


def test_names_that_hardly_differ_are_told(tmp_path: Path) -> None:
    draft = read(tmp_path / "a.csv", "model,id,score\ngpt-4o,1,1\nGPT-4o ,2,1\ngpt-4o ,3,0\n")
    assert list(draft.models) == ["gpt-4o", "GPT-4o"]
    assert any("'gpt-4o' and 'GPT-4o' are taken for 2 models" in w for w in draft.warnings)


def test_ids_that_start_anew_are_not_merged(tmp_path: Path) -> None:
    text = "id,prompt,a,b\n0,Why?,1,0\n1,How?,1,0\n0,Who?,1,0\n1,When?,1,0\n"
    with pytest.raises(DataError, match=r"a.csv:4: prompt '0' has another 'prompt' than before"):
        read(tmp_path / "a.csv", text)
    whole = "set," + text.replace("\n0,", "\nx,0,", 1).replace("\n1,", "\nx,1,", 1)
    whole = whole.replace("\n0,", "\ny,0,").replace("\n1,", "\ny,1,")
    (tmp_path / "b.csv").write_text(whole)
    drafts = list(table.read(tmp_path / "b.csv", columns="benchmark=set"))
    assert [draft.prompts.height for draft in drafts] == [2, 2]


def test_the_text_of_answers_is_not_the_prompt(tmp_path: Path) -> None:
    draft = read(tmp_path / "a.csv", "model,id,score,text\na,q,1,Because.\nb,q,0,Dunno.\n")
    assert draft.prompts["text"].to_list() == [None]
    assert any("differs between rows of one prompt" in line for line in draft.warnings)


def test_ids_of_rows_are_told(tmp_path: Path) -> None:
    rows = [f"{n},{m},{p},1" for n, (m, p) in enumerate([(m, p) for p in "xyz" for m in "ab"])]
    assert read(tmp_path / "a.csv", "\n".join(["id,model,prompt,score", *rows])).scores.shape == (
        3,
        2,
    )
    text = "\n".join(["sample_id,model,prompt,score", *rows])
    draft = read(tmp_path / "a.csv", text)
    assert any("name prompts by their text" in line for line in draft.warnings)
    draft = read(tmp_path / "a.csv", text, columns="prompt_id=prompt")
    assert draft.scores.shape == (3, 2)


def test_repeats_that_name_no_run_are_refused_unless_told(tmp_path: Path) -> None:
    text = "model,id,score\na,q,1\na,q,0\nb,q,1\nb,q,1\n"
    with pytest.raises(DataError, match="repeats=trials"):
        read(tmp_path / "a.csv", text)
    averaged = read(tmp_path / "a.csv", text, repeats="mean")
    assert cells(averaged) == {("q", "a"): 0.5, ("q", "b"): 1}
    assert averaged.trials is None
    kept = read(tmp_path / "a.csv", text, repeats="trials")
    assert kept.trials is not None
    assert kept.trials.tolist() == [[[1, 1]], [[0, 1]]]


# The declared scale


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.jsonl"])
def test_the_declared_scale_is_mapped_not_the_range_that_is_seen(name: str, tmp_path: Path) -> None:
    frame = pl.DataFrame({"model": ["a", "b", "a"], "id": ["q", "q", "r"], "score": [40, 86, -1]})
    file = tmp_path / name
    if file.suffix == ".csv":
        frame.write_csv(file)
    elif file.suffix == ".parquet":
        frame.write_parquet(file)
    else:
        frame.write_ndjson(file)
    found = importer("auto", file)
    with pytest.raises(DataError, match="lies outside"):
        list(found.drafts(file))
    with pytest.raises(SpecError, match="give it with --scale"):
        list(found.drafts(file, rescale=True))
    [draft] = found.drafts(file, scale="0,100", missing="-1")
    assert cells(draft) == pytest.approx({("q", "a"): 0.4, ("q", "b"): 0.86})
    assert any("0 to 100 mapped onto 0 to 1; -1 not observed" in line for line in draft.facts)
    [draft] = found.drafts(file, clip=True)
    assert cells(draft) == {("q", "a"): 1, ("q", "b"): 1, ("r", "a"): 0}
    [draft] = found.drafts(file, scale="100,0", missing="-1")
    assert cells(draft) == pytest.approx({("q", "a"): 0.6, ("q", "b"): 0.14})


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_a_score_on_its_scale_lies_between_0_and_1(low: float, high: float, score: float) -> None:
    if low == high:
        return
    mapped = Scale(low, high, clip=True).score(score)
    assert 0 <= mapped <= 1
    matrix = Scale(low, high, clip=True).matrix(np.array([[score]]), "x")
    assert matrix[0, 0] == pytest.approx(mapped)


@pytest.mark.parametrize("text", ["1", "1,1", "a,b", "0,inf", "0,1,2"])
def test_a_scale_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="LOW,HIGH"):
        Scale.of(text)


def test_cells_that_are_no_numbers_are_named() -> None:
    assert number_of("1.234,5", "score", comma=True) == 1234.5
    for cell in ("0,5,5", "%", "1%%", "good"):
        with pytest.raises(ValueError, match="is not a number"):
            number_of(cell, "score")
    with pytest.raises(ValueError, match="not in USD"):
        read_cost("€0.01")


# The report


def warned(tmp_path: Path) -> Path:
    (tmp_path / "in.csv").write_text("model,id,score\ngpt,1,1\nGPT,1,0\n")
    return tmp_path / "in.csv"


def test_the_report_is_kept_and_warnings_can_be_errors(tmp_path: Path) -> None:
    [records] = import_records("auto", warned(tmp_path), tmp_path / "out")
    report = records.meta["import"]
    assert report["format"] == "table"
    assert "models (2): gpt, GPT" in report["facts"]
    assert "score: column 'score'" in report["facts"]
    assert len(report["warnings"]) == 1
    with pytest.raises(DataError, match=r"strict:\nin: 'gpt' and 'GPT' are taken for 2 models"):
        import_records("auto", warned(tmp_path), tmp_path / "strict", strict=True)
    assert not (tmp_path / "strict").exists()


def facts(path: Path, content: str, **options: str) -> list[str]:
    """What the report says of columns whose cells were no plain numbers."""
    return [line for line in read(path, content, **options).facts if line.startswith("column")]


def test_the_report_says_what_became_of_words(tmp_path: Path) -> None:
    text = "id,a,b\n1,PASS,1\n2,PASS,\n3,Fail,85%\n4,N/A,-\n"
    assert facts(tmp_path / "in.csv", text) == [
        "column 'a': 2 'PASS' as 1, 1 'Fail' as 0, 1 'N/A' as not observed",
        "column 'b': 1 blank as not observed, 1 like '85%' as 0.85, 1 '-' as not observed",
    ]
    assert facts(tmp_path / "in.csv", LONG) == []


def test_the_report_says_what_became_of_signs_and_separators(tmp_path: Path) -> None:
    text = 'model,id,score,usd,input_tokens\na,1,0.5,$0.01,"1,234"\nb,1,0.25,,12\n'
    file = tmp_path / "in.csv"
    assert facts(file, text) == [
        "column 'input_tokens': 1 like '1,234' as 1234",
        "column 'usd': 1 like '$0.01' as 0.01, 1 blank as unknown",
    ]
    draft = read(file, text)
    assert costs(draft) == {("1", "a"): 0.01}
    assert draft.axes["tokens_in"].tolist() == [[1234, 12]]


def test_the_report_says_what_became_of_marks_and_of_what_lies_beyond(tmp_path: Path) -> None:
    text = "model,id,score\na,1,-1\nb,1,ERROR\na,2,120\nb,2,50\n"
    options = {"scale": "0,100", "missing": "-1,ERROR", "clip": "yes"}
    assert facts(tmp_path / "in.csv", text, **options) == [
        "column 'score': 1 '-1' as not observed, 1 'ERROR' as not observed, 1 like '120' as the "
        "end of the scale"
    ]


def test_many_columns_are_told_in_one_line(tmp_path: Path) -> None:
    names = ",".join(f"m{n}" for n in range(8))
    text = f"id,{names}\n1{',PASS' * 8}\n2{',1' * 8}\n"
    assert facts(tmp_path / "in.csv", text) == [
        "columns 'm0', 'm1', 'm2', 'm3', 'm4', 'm5' and 2 more: 8 'PASS' as 1"
    ]


@pytest.mark.parametrize(
    ("text", "comma", "number"),
    [
        ("0,85", True, 0.85),
        ("12,5%", True, 0.125),
        ("1,2E-05", True, 1.2e-5),
        ("1.234.567", True, 1234567),
        ("1 234,5", True, 1234.5),
        ("1\u202f234", False, 1234),
        ("1'234.5", False, 1234.5),
        ("1,234,567.5", False, 1234567.5),
        ("US$0.02", False, 0.02),
        ("usd 0.02", False, 0.02),
        ("$1,234", False, 1234),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, comma: bool, number: float) -> None:
    assert read_cost(text, comma=comma).number == pytest.approx(number)


def test_a_harness_is_told_of_its_words_too(tmp_path: Path) -> None:
    write_sample(IMPORTERS["promptfoo"].sample, tmp_path)
    file = tmp_path / "results.json"
    file.write_text(file.read_text().replace('"score": 0.25', '"score": "pass"'))
    [draft] = IMPORTERS["promptfoo"].drafts(file)
    assert "column 'score': 1 'pass' as 1" in draft.facts


@pytest.mark.parametrize("text", [LONG, "id,prompt,a,b\n1,Why?,1,0\n2,How?,0,1\n"])
def test_a_plain_table_gives_no_warning(text: str, tmp_path: Path) -> None:
    assert not read(tmp_path / "a.csv", text).warnings
