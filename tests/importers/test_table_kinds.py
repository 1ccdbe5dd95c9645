"""Kinds of tables in which something else than a model's score may be taken for one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from routereval.errors import DataError
from routereval.importers import import_records
from routereval.importers.column_words import is_metadata
from routereval.importers.examined import examined
from routereval.importers.registry import IMPORTERS, importer
from routereval.records import Draft
from tests.importers.table_mutations import SHARED, cells, costs
from tests.importers.test_table_forms import workbook
from tests.importers.test_table_surprises import PAIR, ROWS, read, refusal

WIDE = [("q1", 1, 0), ("q2", 0, 1)]


def drafts_of(path: Path, **options: str) -> list[Draft]:
    return [draft.checked() for draft in importer("auto", path).drafts(path, **options)]


def beside(*columns: str, value: float = 0.5) -> str:
    """A wide table of `PAIR` with more columns of numbers."""
    lines = [",".join(["id", "a", "b", *columns])]
    lines += [",".join([q, str(a), str(b), *[str(value)] * len(columns)]) for q, a, b in WIDE]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "column",
    [
        *(
            "Average score",
            "Mean of models",
            "Ensemble avg",
            "Any correct",
            "Max score",
            "# correct",
        ),
        *(
            "Std. dev.",
            "Pool mean",
            "Spread",
            "agreement",
            "version",
            "fold",
            "shots",
            "answer_idx",
        ),
        *(
            "gold_index",
            "correct_option",
            "target_id",
            "batch",
            "k",
            "n",
            "flag",
            "valid",
            "p_value",
        ),
        *("toxicity", "readability", "discrimination", "guessing", "random_chance", "created_at"),
        *(
            "category_id",
            "cluster",
            "domain_code",
            "Unnamed: 0.1",
            "level_0",
            "a_vs_b",
            "No.",
            "S.No",
        ),
        *("a_stderr", "a_se", "a_ci_low", "a_time", "a_ttft", "a_runtime", "a price"),
        *(
            "a_response_len",
            "a_n_words",
            "a tokens",
            "a_p_correct",
            "a_conf",
            "a_refused",
            "a_parsed",
        ),
    ],
)
def test_a_column_is_known_by_its_words(column: str, tmp_path: Path) -> None:
    draft = read(tmp_path, beside(column))
    assert cells(draft) == PAIR
    index = column == "level_0"
    assert index or f"taken for no models: the columns {column}" in draft.facts


def test_no_published_name_of_a_model_is_taken_for_another_thing() -> None:
    files = [*SHARED.glob("*/scores.parquet")]
    names = {name for file in files for name in pl.read_parquet_schema(file)} - {"prompt_id"}
    names |= {"best-of-n", "qwen-max", "o1-mini", "seed-oss-36b", "org/llama-3-epoch", "model_1"}
    names |= {"command-r", "claude-3-5-haiku", "gpt-4.1", "LLM 2", "mistral-large", "llama-3-8b"}
    assert [name for name in sorted(names) if is_metadata(name, names)] == []


@pytest.mark.parametrize(
    "column", ["{} cost ($)", "{} (cost)", "cost({})", "{}-cost", "{}Cost", "{}_total_cost_usd"]
)
def test_costs_are_known_however_they_are_written(column: str, tmp_path: Path) -> None:
    draft = read(tmp_path, beside(column.format("a"), column.format("b"), value=0.25))
    assert cells(draft) == PAIR
    assert costs(draft) == dict.fromkeys(PAIR, 0.25)


@pytest.mark.parametrize(
    ("column", "ms"), [("a time (s)", 500), ("a latency [s]", 500), ("a Latency (ms)", 0.5)]
)
def test_latencies_are_known_however_they_are_written(
    column: str, ms: float, tmp_path: Path
) -> None:
    assert read(tmp_path, beside(column)).axes["latency_ms"][:, 0].tolist() == [ms, ms]


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ("Prompt ID,Model Name,Is Correct,Cost (USD),Latency (ms)", "q1,a,1,1,2\nq1,b,0,1,2"),
        ("promptId,modelName,isCorrect,costUsd,latencyMs", "q1,a,1,1,2\nq1,b,0,1,2"),
        ("prompt-id,model-name,score,total_cost_usd,latency-ms", "q1,a,1,1,2\nq1,b,0,1,2"),
        ("id,model,correct,is_correct,cost,latency_ms", "q1,a,B,1,1,2\nq1,b,B,0,1,2"),
        ("id,model,score,correct,cost,latency_ms", "q1,a,,1,1,2\nq1,b,,0,1,2"),
        ('"id", "model", "score", "cost", "latency_ms"', '"q1", "a", 1, 1, 2\n"q1", "b", 0, 1, 2'),
        ("'id','model','score','cost','latency_ms'", "'q1','a',1,1,2\n'q1','b',0,1,2"),
    ],
)
def test_columns_are_named_as_people_name_them(header: str, rows: str, tmp_path: Path) -> None:
    draft = read(tmp_path, f"{header}\n{rows}\n")
    assert cells(draft) == {("q1", "a"): 1, ("q1", "b"): 0}
    assert costs(draft) == dict.fromkeys([("q1", "a"), ("q1", "b")], 1)
    assert draft.axes["latency_ms"].tolist() == [[2, 2]]


@pytest.mark.parametrize(
    "form",
    [
        *("{} ± 0.1", "{} +/- 0.1", "{} (3)", "{} [0.1, 0.9]", "{}*", "{}†", "**{}**", "<u>{}</u>"),
        *(r"\textbf{{{}}}", "{}[1]", "{}¹", "{} ↑", "🥇 {}"),
    ],
)
def test_marks_beside_a_number_are_left_out_and_told(form: str, tmp_path: Path) -> None:
    shown = [form.format(score) for score in (0.25, 1.0)]
    draft = read(tmp_path, f'id,a,b\nq1,1,"{shown[0]}"\nq2,0,"{shown[1]}"\n')
    assert cells(draft) == PAIR | {("q1", "b"): 0.25}
    assert f"column 'b': 2 like {shown[0]!r} as 0.25" in draft.facts


@pytest.mark.parametrize("form", ["5/20", "5 of 20", "5 out of 20", "25.0 % ± 1.2 %"])
def test_shares_say_their_own_scale(form: str, tmp_path: Path) -> None:
    assert cells(read(tmp_path, f"model,id,score\na,q1,{form}\n"))["q1", "a"] == 0.25
    scaled = read(tmp_path, f"model,id,score\na,q1,{form}\nb,q1,50\n", scale="0,100")
    assert cells(scaled) == {("q1", "a"): 0.25, ("q1", "b"): 0.5}


@pytest.mark.parametrize("cell", ["7/5", "0/0", "1/2/2024", "~0.5", ">0.5", "0.5 pts", "★★", "**"])
def test_what_is_no_number_with_a_mark_is_none(cell: str, tmp_path: Path) -> None:
    assert "is not a number" in refusal(tmp_path, f"model,id,score\na,q1,{cell}\n")


@pytest.mark.parametrize("marks", ["~0.5 >0.4", "win loss", "ja nein", "T F", "x x", "A B"])
def test_a_column_of_other_marks_does_not_vanish_in_silence(marks: str, tmp_path: Path) -> None:
    one, two = marks.split()
    draft = read(tmp_path, f"id,a,b\nq1,1,{one}\nq2,0,{two}\n")
    assert draft.models == ["a"]
    assert draft.warnings[0].startswith("column 'b' is left out, as its cells")


@pytest.mark.parametrize(
    "name",
    [
        *("Average score", "Avg.", "Total (n=4)", "Mean ± SD", "Accuracy (%)", "TOTAL:", "Summe"),
        *("25%", "Macro avg", "Std. dev."),
    ],
)
def test_rows_that_sum_up_are_left_out(name: str, tmp_path: Path) -> None:
    for draft in (
        read(tmp_path, f"id,a,b\nq1,1,0\nq2,0,1\n{name},0.5,0.5\n"),
        *_as_parquet(tmp_path, {"id": ["q1", "q2", name], "a": [1, 0, 0.5], "b": [0, 1, 0.5]}),
    ):
        assert cells(draft) == PAIR
        assert draft.warnings == [
            f"rows of prompt {name!r} hold what sums up the others, by its name: they are left out"
        ]


def _as_parquet(path: Path, columns: dict[str, Any]) -> list[Draft]:
    pl.DataFrame(columns, strict=False).write_parquet(path / "p.parquet")
    return drafts_of(path / "p.parquet")


REFUSED = {
    ",MMLU,GSM8K,ARC-C\na,.9,.7,.8\nb,.4,.6,.5\n": "its columns are benchmarks (MMLU, ",
    "id,mmlu,gsm8k\norg/a,.9,.7\norg/b,.4,.6\n": "its columns are benchmarks",
    ",a,b\nmmlu,.9,.4\ngsm8k,.7,.6\n": "its rows are benchmarks (mmlu, gsm8k)",
    ",a,b\na,1,.5\nb,.5,1\n": "its rows are models as its columns are",
    ",why,how\ngpt-4,1,0\nllama,0,1\n": "turn the table: a row per prompt, a column per model",
    ",q1,q2\na,1,0\nb,0,1\n": "turn the table: a row per prompt, a column per model",
    "model,q1,q2\na,1,0\nb,0,1\n": "turn the table: a row per prompt, a column per model",
    "id,bleu,rouge\nq1,.1,.2\n": "bleu, rouge are metrics, and no column says whose",
    "id,pass@1,pass@5\nq1,.1,.2\n": "pass@1, pass@5 are metrics",
    "id,exact_match,f1,rouge_l\nq1,1,.2,.3\n": "'exact_match' holds scores, but no column says",
    "id,a_bleu,a_rouge,b_bleu,b_rouge\nq1,.1,.2,.3,.4\n": "--columns 'models=a_bleu|b_bleu'",
    "id,a_pass@1,b_pass@1,a_pass@5,b_pass@5\nq1,.1,.2,.3,.4\n": "several metrics for each model",
    "model,id,score,max_score\na,q1,1,4\n": "says what the scores are out of, such as 4",
    "model,id,score\na,q1,\nb,q1,\n": "no cell of in holds a score",
    "id,a\n1.23457E+18,1\n1.23457E+18,0\n": "a number whose last digits are lost",
    "id,a,a\n,score,cost\nq1,1,.1\n": "of two lines of names, join those of each column",
    ",a,b\ncount,1,1\nmean,.5,.5\n50%,.5,.5\n": "no rows of prompts, only what sums them up",
    "Model A,Model B,id,winner\na,b,q1,A\n": "pairs of answers",
}


@pytest.mark.parametrize("content", REFUSED)
def test_what_holds_no_score_of_each_model_is_refused(content: str, tmp_path: Path) -> None:
    assert REFUSED[content] in refusal(tmp_path, content)


def test_one_metric_of_each_model_is_its_score(tmp_path: Path) -> None:
    for header in ("id,a passed?,b passed?", "id,score: a,score: b", "id,a,b_score"):
        found = cells(read(tmp_path, f"{header}\nq1,1,0\nq2,0,1\n"))
        assert list(found.values()) == list(PAIR.values())
    draft = read(tmp_path, "id,a_f1,b_f1\nq1,1,0\nq2,0,1\n")
    assert cells(draft) == PAIR
    draft = read(tmp_path, "id,a_acc,b_acc,a_f1,b_f1\nq1,1,0,.5,.5\nq2,0,1,.5,.5\n")
    assert cells(draft) == PAIR
    assert "taken for no models: the columns a_f1, b_f1" in draft.facts
    draft = read(tmp_path, "Question,a answer,a correct,b answer,b correct\nWhy?,42,1,7,0\n")
    assert cells(draft) == {("Why?", "a"): 1, ("Why?", "b"): 0}


def test_metrics_are_told_apart_beyond_the_first_rows(tmp_path: Path) -> None:
    rows = [("a", f"q{n}", "acc", 1.0) for n in range(120)] + [("a", "r", "f1", 0.5)]
    frame = pl.DataFrame(rows, schema=["model", "id", "metric", "score"], orient="row")
    for write, name in ((frame.write_csv, "m.csv"), (frame.write_parquet, "m.parquet")):
        write(tmp_path / name)
        [draft] = _as_parquet(tmp_path, frame[:120].to_dict(as_series=False))
        assert draft.prompts.height == 120
        with pytest.raises(DataError, match=r"names several metrics \(acc, f1\)"):
            drafts_of(tmp_path / name)


def test_metrics_in_an_object_are_no_models(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text('{"model": "a", "id": "q1", "scores": {"f1": 1, "em2": 0}}')
    with pytest.raises(DataError, match=r"it may be scores\.f1 or scores\.em2"):
        list(IMPORTERS["table"].drafts(tmp_path / "m.jsonl"))
    [draft] = IMPORTERS["table"].drafts(tmp_path / "m.jsonl", columns="score=scores.f1")
    assert cells(draft) == {("q1", "a"): 1}


@pytest.mark.parametrize(
    "models",
    [
        *("gpt_seed1 gpt_seed2", "gpt-run-1 gpt-run-2", "gpt_judge1 gpt_judge2", "gpt gpt_copy1"),
        *("a_1 a_2 b_1 b_2", "modèle mode\u0300le", "gpt-4o gpt–4o", "gpt-4o gpt-4o\u200b"),
        *("gpt-4o openai/gpt-4o", "claude-3.5 claude-3-5"),
    ],
)
def test_names_that_may_be_one_model_are_warned_of(models: str, tmp_path: Path) -> None:
    names = models.split(" ")
    draft = read(tmp_path, ",".join(["id", *names]) + "\nq1" + ",1" * len(names))
    assert f"{names[0]!r} and {names[1]!r} are taken for 2 models" in draft.warnings[0]


@pytest.mark.parametrize(
    "models",
    [
        *(
            "gpt-4 gpt-5",
            "llama_2 llama_3 phi_3",
            "x/gpt y/gpt gpt",
            "qwen qwen-max qwen-reasoning",
        ),
        *("o3 o3-high o3-low", "Model 1,Model 2", "M1 M2 M3", "v1 v2", "best-of-n a"),
        *("average-joe-7b total-7b", "rank-zephyr zephyr", "llama llama-prompt llama-in"),
    ],
)
def test_versions_of_a_model_are_several(models: str, tmp_path: Path) -> None:
    names = models.split("," if "," in models else None)
    draft = read(tmp_path, ",".join(["id", *names]) + "\nq1" + ",1" * len(names))
    assert (draft.models, draft.warnings) == (names, [])


@pytest.mark.parametrize("sign", [" ", "_", "(", "'", "-p", "(''"])
def test_names_without_end_are_read_at_once(sign: str, tmp_path: Path) -> None:
    draft = read(tmp_path, f"id,a{sign * 90}b,c{sign * 90}d\nq1,1,0\n")
    assert [name[0] for name in draft.models] == ["a", "c"]
    with pytest.raises(DataError, match="characters, and may have 1,000"):
        read(tmp_path, f"id,a{sign * 10_000}b,c\nq1,1,0\n")


def test_who_is_no_model_of_a_router_is_warned_of(tmp_path: Path) -> None:
    draft = read(tmp_path, "id,a,human,random\nq1,1,1,0\n")
    assert draft.models == ["a", "human", "random"]
    assert draft.warnings[0].startswith(
        "human, random: taken for models; if a router cannot choose"
    )


JSON: dict[str, Any] = {
    "by prompt": {"q1": {"a": 1, "b": 0}, "q2": {"a": 0, "b": 1}},
    "by prompt, with objects": {q: {"a": {"score": a}, "b": {"score": b}} for q, a, b in WIDE},
    "models and prompts by their names": {"gpt-4": {"why": 1}, "phi": {"why": 0}, "yi": {"why": 1}},
    "split with its index": {
        "columns": ["a", "b"],
        "index": ["q1", "q2"],
        "data": [[1, 0], [0, 1]],
    },
    "named as pairs": [{"id": q, "('a', 'score')": a, "('b', 'score')": b} for q, a, b in WIDE],
}


@pytest.mark.parametrize("name", JSON)
def test_json_is_read_by_prompt(name: str, tmp_path: Path) -> None:
    found = cells(read(tmp_path, json.dumps(JSON[name]), "in.json"))
    by_name = {("why", "gpt-4"): 1.0, ("why", "phi"): 0.0, ("why", "yi"): 1.0}
    assert found == (by_name if name.startswith("models") else PAIR)


def test_json_whose_keys_do_not_tell_models_from_prompts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text('{"why": {"a": 1, "b": 0}, "how": {"a": 0, "b": 1}}')
    with pytest.raises(
        DataError, match=r"in.json: which keys are the models, the outer \(why, how"
    ):
        list(IMPORTERS["table"].drafts(tmp_path / "in.json"))


def test_what_stands_beside_a_list_is_of_all_its_rows(tmp_path: Path) -> None:
    for number, model in enumerate("ab"):
        rows = [{"id": q, "score": s} for m, q, s in ROWS if m == model]
        about = {"model": model} if number else {"config": {"model": model}}
        text = json.dumps({**about, "dataset": "toy", "results": rows})
        (tmp_path / f"run{number}.json").write_text(text)
    [draft] = drafts_of(tmp_path)
    assert (draft.name, cells(draft)) == ("toy", PAIR)


def test_lists_of_rows_by_benchmark(tmp_path: Path) -> None:
    rows = [{"model": m, "id": q, "score": s} for m, q, s in ROWS]
    wide = [{"id": q, "a": a, "b": b} for q, a, b in WIDE]
    (tmp_path / "in.json").write_text(json.dumps({"mmlu": rows, "toy": rows[:3]}))
    one, two = drafts_of(tmp_path / "in.json")
    assert (one.name, cells(one), two.name, len(cells(two))) == ("mmlu", PAIR, "toy", 3)
    (tmp_path / "in.json").write_text(json.dumps({"mmlu": wide, "toy": wide}))
    assert [cells(draft) for draft in drafts_of(tmp_path / "in.json")] == [PAIR, PAIR]


# Folders


def _wide_file(file: Path) -> None:
    file.write_text("id,a,b\nq1,1,0\nq2,0,1\n")


def _file_of(model: int) -> Callable[[Path], object]:
    def write(file: Path) -> None:
        rows = [{"id": row[0], "correct": row[1 + model]} for row in WIDE]
        frame = pl.DataFrame(rows)
        frame.write_parquet(file) if file.suffix == ".parquet" else frame.write_csv(file)

    return write


FOLDERS: dict[str, tuple[dict[str, Callable[[Path], object]], list[str]]] = {
    "partitions by model": (
        {"model=a/x1.parquet": _file_of(0), "model=b/x2.parquet": _file_of(1)},
        ["f"],
    ),
    "partitions of two kinds": (
        {"task=toy/model=a/p.csv": _file_of(0), "task=toy/model=b/p.csv": _file_of(1)},
        ["toy"],
    ),
    "the Hub's data": ({"data/train-0.csv": _wide_file}, ["f"]),
    "a file per benchmark": ({"mmlu.csv": _wide_file, "gsm8k.csv": _wide_file}, ["gsm8k", "mmlu"]),
    "a folder per model, a file per benchmark": (
        {
            **{f"a/{name}.csv": _file_of(0) for name in ("mmlu", "bbh")},
            **{f"b/{name}.csv": _file_of(1) for name in ("mmlu", "bbh")},
        },
        ["bbh", "mmlu"],
    ),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_folders_say_what_holds_for_their_files(name: str, tmp_path: Path) -> None:
    files, benchmarks = FOLDERS[name]
    for file, write in files.items():
        (tmp_path / "f" / file).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / "f" / file)
    drafts = drafts_of(tmp_path / "f")
    assert [draft.name for draft in drafts] == benchmarks
    assert [cells(draft) for draft in drafts] == [PAIR] * len(benchmarks)


def test_tables_of_another_kind_are_not_left_out_in_silence(tmp_path: Path) -> None:
    _file_of(0)(tmp_path / "a.csv")
    (tmp_path / "b.json").write_text('[{"id": "q1", "correct": 0}]')
    (tmp_path / "config.json").write_text('{"temperature": 0}')
    [draft] = drafts_of(tmp_path)
    assert draft.models == ["a"]
    assert draft.warnings[0].startswith("not read, as a folder's tables are of one kind: b.json;")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("a.csv.zip", "unpack it"),
        ("a.feather", "save it as Parquet"),
        ("a.xls", "save it as .xlsx"),
    ],
)
def test_files_of_other_kinds_are_refused_with_what_to_do(
    name: str, remedy: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(b"?")
    for path in (tmp_path, tmp_path / name):
        with pytest.raises(DataError, match=f"{name} is of a kind that is not read: {remedy}"):
            importer("auto", path)


# Parquet


@pytest.mark.parametrize(("column", "why"), [("prompt", "name the data"), ("subject", "data sets")])
def test_an_id_of_two_texts_or_subsets_is_refused_in_parquet(
    column: str, why: str, tmp_path: Path
) -> None:
    rows = {"model": ["a", "a", "b"], "id": ["1", "2", "1"], "score": [1, 0, 1]}
    assert len(_as_parquet(tmp_path, {**rows, column: ["x y", "z", "x y"]})) == 1
    with pytest.raises(DataError, match=rf"p.parquet:3: prompt '1' has another '{column}'.*{why}"):
        _as_parquet(tmp_path, {**rows, column: ["x y", "z", "w"]})
    if column == "prompt":
        assert len(_as_parquet(tmp_path, {**rows, column: ["x y", "z", " x  y"]})) == 1


def test_texts_of_answers_are_left_out_of_parquet(tmp_path: Path) -> None:
    rows = {"model": ["a", "b"], "id": ["1", "1"], "score": [1, 0], "text": ["Because.", "Dunno."]}
    [draft] = _as_parquet(tmp_path, rows)
    assert draft.prompts["text"].to_list() == [None]
    assert "column 'text' differs between rows of one prompt" in draft.warnings[0]


def test_decimals_and_blanks_in_parquet(tmp_path: Path) -> None:
    columns = {"model": ["a", "b "], "id": ["q", "q"], "score": pl.Series([1, 0], dtype=pl.Decimal)}
    for more in ({}, {"seed": [1, 1]}):  # seeds are read row by row
        [draft] = _as_parquet(tmp_path, {**columns, **more})
        assert cells(draft) == {("q", "a"): 1, ("q", "b"): 0}


# Workbooks


def test_what_a_workbook_loses_is_told(tmp_path: Path) -> None:
    pytest.importorskip("fastexcel")
    formula, error = "<c r='B2'><f>1-C2</f></c>", "<c r='C3' t='e'><v>#DIV/0!</v></c>"
    rows: list[list[Any]] = [["id", "a", "b"], ["q1", formula, 0], ["q2", 0, error]]
    workbook(tmp_path / "in.xlsx", rows, after='<mergeCells><mergeCell ref="A2:A3"/></mergeCells>')
    [draft] = drafts_of(tmp_path / "in.xlsx")
    assert cells(draft) == {("q1", "b"): 0, ("q2", "a"): 0}
    merged, formulas, errors, *_ = draft.warnings
    assert "cells are merged over several rows (A2:A3)" in merged
    assert "formulas hold no value (B2), and are read as empty" in formulas
    assert "cells hold an error (#DIV/0! in C3), and are read as empty" in errors


def test_sheets_of_one_shape_are_models_or_benchmarks(tmp_path: Path) -> None:
    pytest.importorskip("fastexcel")
    file = workbook(tmp_path / "in.xlsx", [["id", "a", "b"], *map(list, WIDE)], ("mmlu", "gsm8k"))
    drafts = drafts_of(file)
    assert [draft.name for draft in drafts] == ["mmlu", "gsm8k"]
    assert [cells(draft) for draft in drafts] == [PAIR, PAIR]
    rows: list[list[Any]] = [["id", "correct"], ["q1", 1], ["q2", 0]]
    [draft] = drafts_of(workbook(tmp_path / "in.xlsx", rows, ("gpt", "phi")))
    assert cells(draft) == {(q, m): s for q, s in (("q1", 1), ("q2", 0)) for m in ("gpt", "phi")}
    assert not draft.warnings


def test_rows_that_lack_a_subset_or_an_effort_are_warned_of(tmp_path: Path) -> None:
    draft = read(tmp_path, "id,subject,a,b\nq1,law,1,0\nq2,,0,1\n")
    assert draft.warnings[0].startswith("1 of 2 prompts name no subset, as the others do")
    draft = read(tmp_path, "model,id,effort,score\no3,q1,low,1\no3,q2,,0\nplain,q1,,1\n")
    assert any("some rows of o3 name no effort" in line for line in draft.warnings)


def test_another_encoding_than_utf8_is_told(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes("id,größe\nq1,1\n".encode("cp1252"))
    [draft] = drafts_of(tmp_path / "in.csv")
    assert (draft.models, "encoding: Windows-1252" in draft.facts) == (["größe"], True)
    assert examined(draft).models == ["größe"]


def test_numbers_on_another_scale_are_told_in_one_line(tmp_path: Path) -> None:
    rows = "".join(f"p{i},m{i % 2},{1 + i % 5}\n" for i in range(60))
    (tmp_path / "ratings.csv").write_text("prompt_id,model,score\n" + rows)
    with pytest.raises(DataError, match="import with --scale") as caught:
        import_records("table", tmp_path / "ratings.csv", tmp_path / "out")
    [line] = str(caught.value).splitlines()
    assert (
        "score 2 lies outside [0, 1], one of 20 or more such numbers, from 2 to 5; import with"
        in line
    )
    (tmp_path / "ratings.csv").write_text("id,a,b\np1,4,0\np2,0.5,x\np3,1,7\np4,9,1\np5,-3,1\n")
    with pytest.raises(DataError, match="rows cannot be read") as caught:
        import_records("table", tmp_path / "ratings.csv", tmp_path / "out")
    head, outside, word = str(caught.value).splitlines()
    assert (head[:6], "'x' is not a number" in word) == ("5 rows", True)
    assert "'a': score 4 lies outside [0, 1], one of 4 such numbers, from -3 to 9" in outside
    assert "--columns ignore" not in outside  # of one of the columns alone
