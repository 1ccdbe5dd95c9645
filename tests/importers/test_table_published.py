"""Tables in shapes in which results are published: a model beside rows, runs by prompt, words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from routereval.errors import DataError, SpecError
from routereval.importers.examined import examined
from routereval.importers.json_tables import rows_inside
from routereval.importers.registry import importer
from routereval.importers.scale import Scale
from routereval.records import Draft
from routereval.sources import open_source
from tests.importers.test_table_surprises import read, refusal

MODELS = ("gpt-x", "claude-y")
PROMPTS = ("p-one", "p-two")
RIGHT = {("p-one", "gpt-x"): 1, ("p-two", "gpt-x"): 0, ("p-one", "claude-y"): 0.5}
RIGHT[("p-two", "claude-y")] = 1


def folder(path: Path, files: dict[str, Any]) -> Path:
    """A folder of those files: texts as they are, all else as JSON."""
    for name, content in files.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def draft_of(path: Path, **options: str) -> Draft:
    [draft] = importer("auto", path).drafts(path, **options)
    return draft.checked()


def scores(draft: Draft) -> dict[tuple[str, str], float]:
    ids = draft.prompts["prompt_id"].to_list()
    return {
        (prompt, model): draft.scores[row, column]
        for row, prompt in enumerate(ids)
        for column, model in enumerate(draft.models)
    }


def rows(model: str, **more: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any cell
    return [{"question_id": p, "score": RIGHT[p, model], **more} for p in PROMPTS]


SHAPES: dict[str, dict[str, Any]] = {
    "a list of rows among other lists": {
        f"{model}.json": {"model": model, "results": rows(model), "groups": [{"name": "x"}]}
        for model in MODELS
    },
    "rows by prompt, with the model beside": {
        f"run{n}.json": {
            "model_name": model,
            "made": "today",
            "results": {p: {"correct": RIGHT[p, model]} for p in PROMPTS},
        }
        for n, model in enumerate(MODELS)
    },
    "runs by prompt, with the model beside": {
        f"run{n}.json": {
            "model": model,
            "runs": {p: [{"score": RIGHT[p, model]}] * 2 for p in PROMPTS},
        }
        for n, model in enumerate(MODELS)
    },
    "a list of models with their rows": {
        "all.json": {"made": 1, "runs": [{"model": m, "results": rows(m)} for m in MODELS]}
    },
    "models with their rows, a line each": {
        "all.jsonl": "\n".join(json.dumps({"id": m, "model": m, "rows": rows(m)}) for m in MODELS)
    },
    "rows by model and prompt, beside the questions": {
        "all.json": {
            "questions": [{"id": p, "text": "why?"} for p in PROMPTS],
            "results": {m: {p: {"score": RIGHT[p, m]} for p in PROMPTS} for m in MODELS},
        }
    },
    "scores by prompt and model, beside what was set": {
        "all.json": {
            "config": {"shots": 5},
            "scores": {p: {m: RIGHT[p, m] for m in MODELS} for p in PROMPTS},
        }
    },
    "runs by prompt and model": {
        "all.json": {
            p: {m: [{"total_score": RIGHT[p, m], "original_question": p}] * 2 for m in MODELS}
            for p in PROMPTS
        }
    },
    "runs by model and prompt": {
        "all.json": {
            m: {p: [{"total_score": RIGHT[p, m], "feedback": "so"}] for p in PROMPTS}
            for m in MODELS
        }
    },
    "a file per model with a word that all have": {
        f"my_output_{model}_results.json": rows(model) for model in MODELS
    },
    "a README beside the one folder": {
        "README.md": "# What it is",
        **{f"latest/{model}.json": rows(model) for model in MODELS},
    },
}


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_of_published_results_are_read(shape: str, tmp_path: Path) -> None:
    draft = draft_of(folder(tmp_path / "in", SHAPES[shape]))
    assert scores(draft) == RIGHT
    assert (draft.trials is not None) == ("runs by prompt" in shape)


def test_runs_are_trials_and_rows_with_ids_of_their_own_are_none() -> None:
    runs = {"model": "gpt-x", "runs": {"p": [{"score": 1}, {"score": 0}], "q": [{"score": 1}]}}
    assert [row["trial"] for row in rows_inside(runs)] == [1, 2, 1]
    listed = {"model": "gpt-x", "runs": {"law": rows("gpt-x"), "art": rows("gpt-x")}}
    found = list(rows_inside(listed))
    assert [row["subset"] for row in found] == ["law", "law", "art", "art"]
    assert not any("trial" in row for row in found)


def test_means_by_model_are_no_prompts(tmp_path: Path) -> None:
    means = {"version": "1", "results": {m: {"accuracy": 0.5} for m in MODELS}}
    assert "no column for prompt_id" in refusal_of(tmp_path, means)
    by_benchmark = {"model": "gpt-x", "results": {"mmlu": {"acc": 1}, "gsm8k": {"acc": 0}}}
    assert "no column for prompt_id" in refusal_of(tmp_path, by_benchmark)
    by_topic = {"model": "gpt-x", "results": {"law": {"acc": 0.5}, "art": {"acc": 0.25}}}
    assert "no column for prompt_id" in refusal_of(tmp_path, by_topic)
    by_both = {"made": 1, "results": {m: {"mmlu": 0.5, "gsm8k": 0.25} for m in MODELS}}
    assert "its rows are benchmarks" in refusal_of(tmp_path, by_both)


def test_columns_that_may_name_the_models_are_named(tmp_path: Path) -> None:
    for name in ("asked_model", "system"):
        text = f"question_id,{name},is_correct\nq1,gpt-x,1\nq1,claude-y,0\n"
        assert f"it may be {name}" in refusal(tmp_path, text)


def test_how_sure_an_answer_was_is_no_score(tmp_path: Path) -> None:
    header = ",".join(f"{m}_confidence_score,{m}_correctness" for m in MODELS)
    draft = read(tmp_path, f"id,{header}\nq1,0.9,1,0.8,0\nq2,0.7,0,0.6,1\n")
    assert draft.models == list(MODELS)
    assert draft.scores.tolist() == [[1, 0], [0, 1]]


def test_columns_that_are_no_list_are_no_tables(tmp_path: Path) -> None:
    odd = {"columns": 3, "data": [[1]], "more": [2, 3]}
    assert "no column for prompt_id" in refusal_of(tmp_path, odd)


def test_many_keys_and_few_are_prompts_and_models(tmp_path: Path) -> None:
    content = {f"puzzle {n:c}": {"mine": [{"score": 1}]} for n in range(65, 90)}
    draft = read(tmp_path, json.dumps(content), "in.json")
    assert draft.models == ["mine"]
    few = {f"puzzle {n:c}": {"mine": [{"score": 1}]} for n in range(65, 70)}
    with pytest.raises(DataError, match="which keys are the models"):
        read(tmp_path, json.dumps(few), "in.json")


def test_folders_called_as_benchmarks_hold_one_each(tmp_path: Path) -> None:
    files = {f"{b}/{m}.json": rows(m) for b in ("gsm8k", "mmlu") for m in MODELS}
    drafts = list(importer("auto", folder(tmp_path, files)).drafts(tmp_path))
    assert [draft.name for draft in drafts] == ["gsm8k", "mmlu"]
    assert all(scores(draft) == RIGHT for draft in drafts)


@pytest.mark.parametrize("models_first", [True, False])
def test_folders_with_the_same_files_are_models_or_benchmarks(
    models_first: bool, tmp_path: Path
) -> None:
    places = [f"{m}/{t}" if models_first else f"{t}/{m}" for m in MODELS for t in ("law", "art")]
    files = {f"{p}.json": rows(next(m for m in MODELS if m in p)) for p in places}
    drafts = list(importer("auto", folder(tmp_path, files)).drafts(tmp_path))
    assert sorted(draft.name for draft in drafts) == ["art", "law"]
    assert all(scores(draft) == RIGHT for draft in drafts)


def test_tables_in_several_folders_are_told_where_they_lie(tmp_path: Path) -> None:
    files = {f"{name}/{m}-{name}.json": rows(m) for name in ("first", "second") for m in MODELS}
    with pytest.raises(DataError, match=r"lie in 2 folders below it \(first, second\)"):
        importer("auto", folder(tmp_path, files))


def test_files_of_another_kind_in_a_folder_are_named(tmp_path: Path) -> None:
    files = {"a.json": rows("gpt-x"), "b.json": [{"id": "p-one", "gpt-x": 0.5, "claude-y": 0.2}]}
    with pytest.raises(DataError, match=r"b\.json: holds the scores of several models in each row"):
        draft_of(folder(tmp_path, files))


LABELS = "model,question,label\ngpt-x,why?,Correct Answer\nclaude-y,why?,{}\n"


def test_words_that_say_how_answers_were_are_the_score(tmp_path: Path) -> None:
    assert read(tmp_path, LABELS.format("Incorrect Answer")).scores.tolist() == [[1, 0]]
    refused = LABELS.format("Refusal")
    assert "--worth 'refusal=0" in refusal(tmp_path, refused)
    draft = read(tmp_path, refused, worth="refusal=0.25")
    assert draft.scores.tolist() == [[1, 0.25]]
    assert any("1 'Refusal' as 0.25" in fact for fact in draft.facts)


def test_a_column_of_right_answers_is_no_score(tmp_path: Path) -> None:
    text = "model,question,label\ngpt-x,why?,true\nclaude-y,why?,false\n"
    assert "no column for score" in refusal(tmp_path, text)
    text = "model,claim,id,label,prediction\ngpt-x,c,1,correct,incorrect\n"
    assert "no column for score" in refusal(tmp_path, text)


def test_what_a_word_is_worth_is_on_the_scale() -> None:
    scale = Scale.of("1,5", worth="partial = 3, None at all=1")
    assert scale.score("Partial") == 0.5
    assert scale.score("none at all") == 0
    assert "'partial' worth 3" in str(scale)
    with pytest.raises(SpecError, match="should be WORD=NUMBER, as in refusal=0"):
        Scale.of(worth="refusal")


CELLS = [("gpt-x", "q1", 1), ("gpt-x", "q1", 0), ("claude-y", "q1", 0), ("claude-y", "q1", 1)]


def test_two_scores_are_refused_with_what_tells_them_apart(tmp_path: Path) -> None:
    kinds = ("short", "long", "short", "long")
    lines = [f"{m},{p},{s},{kind}" for (m, p, s), kind in zip(CELLS, kinds, strict=True)]
    text = "\n".join(["model,id,score,style", *lines])
    assert "column 'style' tells them apart (long, short): --columns effort=style" in refusal(
        tmp_path, text
    )
    assert len(read(tmp_path, text, columns="effort=style").models) == 4
    numbered = text.replace("short", "1").replace("long", "2")
    assert "--columns trial=style if these are runs or --columns effort=style" in refusal(
        tmp_path, numbered
    )


def test_what_tells_runs_of_one_name_apart_is_found(tmp_path: Path) -> None:
    lines = [f"{m},q1,{n % 2},{n},{k}" for m in MODELS for n in (1, 2) for k in ("x", "y")]
    lines[1] = lines[1].replace(",q1,1,", ",q1,0,")
    text = "\n".join(["model,id,score,trial,style", *lines])
    assert "column 'style' tells them apart (x, y)" in refusal(tmp_path, text)
    arms = text.replace("style", "arm").replace("trial", "run_idx")
    assert len(read(tmp_path, arms).models) == 4


def test_a_cell_with_many_scores_is_listed_once(tmp_path: Path) -> None:
    lines = ["model,id,score", *(f"gpt-x,q1,{n / 9}" for n in range(9)), "claude-y,q1,1"]
    assert refusal(tmp_path, "\n".join(lines)).count("prompt 'q1'") == 1


def test_answers_beside_the_right_ones_are_no_scores(tmp_path: Path) -> None:
    text = "id,answer,pred\nq1,A,B\nq2,C,C\n"
    sentence = "'pred' holds answers and 'answer' the right ones: add a column 'score'"
    assert sentence in refusal(tmp_path, text)
    text = "id,gpt-x,claude-y,gold\nq1,A,B,A\nq2,C,C,C\n"
    assert "gpt-x, claude-y may hold answers, and 'gold' the right ones" in refusal(tmp_path, text)
    listed = [{"model": "gpt-x", "id": 1, "standard_answer": "A", "model_answer": "B"}]
    assert "'model_answer' holds answers" in refusal_of(tmp_path, listed)


def test_two_scores_in_two_files_are_told_so(tmp_path: Path) -> None:
    files = {f"{n}.csv": f"model,id,score\ngpt-x,q1,{n}\ngpt-x,q2,1\n" for n in (0, 1)}
    with pytest.raises(DataError, match="comes from another file: --columns ignore=MODEL"):
        draft_of(folder(tmp_path, files))
    assert draft_of(tmp_path, columns="ignore=model").models == ["0", "1"]


def test_runs_that_have_one_name_twice_are_kept_where_repeats_are_trials(tmp_path: Path) -> None:
    lines = [f"{m},{p},{s},1" for m, p, s in CELLS]
    text = "\n".join(["model,id,score,trial", *lines])
    assert "-O repeats=trials" in refusal(tmp_path, text)
    draft = read(tmp_path, text, repeats="trials")
    assert draft.trials is not None
    assert draft.scores.tolist() == [[0.5, 0.5]]


def test_tasks_of_numbered_runs_are_the_prompts(tmp_path: Path) -> None:
    lines = [f"{m},{t},{n},{n % 2}" for m in MODELS for t in ("tidy", "sort") for n in (1, 2)]
    draft = read(tmp_path, "\n".join(["model,task,trial,solved", *lines]))
    assert draft.prompts["prompt_id"].to_list() == ["tidy", "sort"]
    means = "\n".join(["model,task,seed,score", "gpt-x,tidy,1,0.31", "gpt-x,sort,1,0.5"])
    assert "no column for prompt_id" in refusal(tmp_path, means)


@pytest.mark.parametrize(
    ("header", "key"), [("model,pid,question,score", "pid"), ("model,bench_id,score", "bench_id")]
)
def test_keys_name_prompts(header: str, key: str, tmp_path: Path) -> None:
    cells = ["gpt-x,k1,why?,1", "claude-y,k1,why?,0", "gpt-x,k2,why?,0", "claude-y,k2,why?,1"]
    cells = cells if "question" in header else [cell.replace("why?,", "") for cell in cells]
    draft = read(tmp_path, "\n".join([header, *cells]))
    assert draft.prompts["prompt_id"].to_list() == ["k1", "k2"]
    assert f"prompt_id: column {key!r}" in draft.facts


def test_scores_by_judge_are_no_models(tmp_path: Path) -> None:
    listed = [{"id": p, "judge_scores": {m: {"score": 1} for m in MODELS}} for p in PROMPTS]
    assert "no column" in refusal_of(tmp_path, listed) or "neither" in refusal_of(tmp_path, listed)


def refusal_of(path: Path, content: object) -> str:
    (path / "in.json").write_text(json.dumps(content))
    with pytest.raises(DataError) as caught:
        list(importer("auto", path / "in.json").drafts(path / "in.json"))
    return str(caught.value)


def test_judges_whose_number_comes_first_are_warned_of(tmp_path: Path) -> None:
    header = ",".join(f"rater{n}_{m}" for n in (1, 2) for m in MODELS)
    draft = read(tmp_path, f"id,{header}\nq1,1,0,1,0\nq2,0,1,1,1\n")
    assert any("if they are runs or judges of one" in w for w in examined(draft).warnings)


def test_one_object_with_a_success_of_its_own_is_no_model(tmp_path: Path) -> None:
    listed = [
        {"input": {"ask": p}, "reply": {"success": True}, "row_id": n} for n, p in enumerate("ab")
    ]
    assert "neither a column for the model" in refusal_of(tmp_path, listed)
    for row in listed:
        row["chatgpt_evaluation"] = row.pop("reply")
    assert "neither a column for the model" in refusal_of(tmp_path, listed)


def test_a_prompt_that_is_an_object_is_its_json(tmp_path: Path) -> None:
    listed = [{"model": m, "input": {"ask": "why?"}, "score": 1} for m in MODELS]
    draft = read(tmp_path, json.dumps(listed), "in.json")
    assert draft.prompts["text"].to_list() == ['{"ask": "why?"}']


def test_a_lone_metric_is_warned_of_and_refused_in_folders(tmp_path: Path) -> None:
    text = "id,worked\nq1,0.5\nq2,0.25\n"
    assert any("only column 'worked'" in line for line in read(tmp_path, text).warnings)
    with pytest.raises(DataError, match="name the score's column"):
        draft_of(folder(tmp_path / "in", {"a.csv": text, "b.csv": text}))
    found = importer("table", tmp_path / "in").drafts(tmp_path / "in", columns="score=worked")
    assert [draft.models for draft in found] == [["a", "b"]]


def test_numbers_beside_a_score_of_nobody_are_refused_by_name(tmp_path: Path) -> None:
    text = "prompt,correct,base,bonus\nwhy?,True,11,3\nhow?,False,28,4\n"
    assert "'correct' holds scores, but no column says whose" in refusal(tmp_path, text)


def test_scores_that_are_all_the_same_are_warned_of(tmp_path: Path) -> None:
    lines = [f"{m},q{n},1" for m in MODELS for n in range(30)]
    draft = read(tmp_path, "\n".join(["model,id,success", *lines]))
    assert any("every one of 60 scores is 1" in line for line in draft.warnings)


def test_a_manifest_of_another_program_is_no_sign_of_records(tmp_path: Path) -> None:
    files = {"manifest.json": {"files": 2}, "a.csv": "id,gpt-x,claude-y\nq1,1,0\nq2,0,1\n"}
    [records] = open_source(folder(tmp_path / "in", files))
    assert records.models == ("gpt-x", "claude-y")


def test_options_that_mend_are_said_to_be_those_of_import(tmp_path: Path) -> None:
    (tmp_path / "a b.csv").write_text("id,gpt-x,claude-y\nq1,3,4\nq2,5,1\n")
    with pytest.raises(DataError, match=r"options of import: routereval import auto '.*a b\.csv'"):
        open_source(tmp_path / "a b.csv")
