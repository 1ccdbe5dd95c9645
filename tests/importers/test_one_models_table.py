"""Tables of one model's answers: what was found of these passes for no models."""

from __future__ import annotations

from pathlib import Path

import pytest

from routereval.errors import DataError
from routereval.importers.registry import importer
from tests.importers.test_table_published import draft_of, folder
from tests.importers.test_table_surprises import read, refusal

JUDGED = "id,question,{},follows,worked\n1,why?,so,1,0\n2,how?,thus,0,1\n"


@pytest.mark.parametrize(
    "column", ["response", "Model Answer", "generated_text", "actual_output", "llm response"]
)
def test_beside_one_models_answers_columns_of_numbers_are_no_models(
    column: str, tmp_path: Path
) -> None:
    why = refusal(tmp_path, JUDGED.format(column))
    assert f"{column!r} holds the answers of one model, so follows, worked may be" in why
    assert "--columns 'models=follows|worked'" in why
    file = tmp_path / "in.csv"
    [told] = importer("table", file).drafts(file, columns="models=follows|worked")
    assert told.models == ["follows", "worked"]


def test_such_files_are_models_once_their_score_is_named(tmp_path: Path) -> None:
    text = JUDGED.format("response")
    path = folder(tmp_path / "in", {"gpt-x.csv": text, "claude-y.csv": text})
    with pytest.raises(DataError, match="where each file is a model's, name the score's column"):
        draft_of(path)
    [draft] = importer("table", path).drafts(path, columns="score=worked")
    assert draft.models == ["claude-y", "gpt-x"]
    assert draft.scores.tolist() == [[0, 0], [1, 1]]


def test_models_beside_one_models_answers_may_be_judges(tmp_path: Path) -> None:
    draft = read(tmp_path, "id,response,gpt-x,claude-y\n1,so,1,0\n2,thus,0,1\n")
    assert any("if gpt-x, claude-y judged these" in line for line in draft.warnings)
    right_ones = read(tmp_path, "id,answer,gpt-x,claude-y\n1,so,1,0\n2,thus,0,1\n")
    assert right_ones.warnings == []
    why = refusal(tmp_path, "id,response,gpt-x\n1,so,1\n2,thus,0\n")
    assert "holds the answers of one model" in why


@pytest.mark.parametrize(
    "column",
    [
        *("true_label", "predicted_label", "gpt-x_label", "processing_time", "segment_index"),
        *("number_of_queries", "node count", "top_p", "top-k", "gpt-x top_p", "presence_penalty"),
        *("num_params", "model_parameters", "word_number"),
    ],
)
def test_what_runs_note_is_no_model(column: str, tmp_path: Path) -> None:
    draft = read(tmp_path, f"id,gpt-x,claude-y,{column}\n1,1,0,0.5\n2,0,1,0.5\n")
    assert draft.models == ["gpt-x", "claude-y"]


def test_criteria_are_metrics_of_nobody(tmp_path: Path) -> None:
    why = refusal(tmp_path, "id,question,correctness,tone\n1,why?,1,0\n2,how?,0,1\n")
    assert "correctness, tone are metrics, and no column says whose" in why
    why = refusal(tmp_path, "id,jailbroken,jailbroken_llama_guard\n1,1,0\n2,0,1\n")
    assert "jailbroken, jailbroken_llama_guard" not in why
    assert "are metrics" in why or "is a metric" in why
    path = folder(tmp_path / "in", {"a.csv": "id,tone\n1,1\n", "b.csv": "id,tone\n1,0\n"})
    with pytest.raises(DataError, match=r"\(--columns score=COLUMN\)"):
        draft_of(path)


def test_a_score_that_nobody_owns_comes_before_its_metrics(tmp_path: Path) -> None:
    why = refusal(tmp_path, "id,score,helpful,polite\n1,.3,.5,.2\n2,.1,.7,1\n")
    assert "'score' holds scores, but no column says whose" in why


def test_grades_are_told_what_to_say_of_them(tmp_path: Path) -> None:
    text = "problem,target,predicted_answer,grade\nwhy?,so,so,A\nhow?,thus,so,B\n"
    path = folder(tmp_path / "in", {"gpt-x.csv": text, "claude-y.csv": text})
    with pytest.raises(DataError, match="--columns score=grade --worth 'A=…,B=…'"):
        draft_of(path)


def test_prompts_that_no_two_models_share_are_warned_of(tmp_path: Path) -> None:
    own = "model,id,prompt,score\na,1,why?,1\na,2,how?,0\nb,3,who?,1\nb,4,when?,0\n"
    for text in (own, own.replace("prompt", "note")):
        draft = read(tmp_path, text)
        assert any("put to one model only" in line for line in draft.warnings)


def test_files_called_as_runs_are_no_models(tmp_path: Path) -> None:
    text = "question_id,response,is_correct\n1,so,1\n2,thus,0\n"
    names = [f"temp0.{t}_run{n}_results.csv" for t in (0, 7) for n in (1, 2)]
    runs = dict.fromkeys(names, text)
    with pytest.raises(DataError, match="called as runs or parts are"):
        draft_of(folder(tmp_path / "one", runs))
    of_models = {f"{m}/{name}": text for m in ("gpt-x", "claude-y") for name in names}
    path = folder(tmp_path / "both", of_models)
    drafts = list(importer("auto", path).drafts(path))
    assert {tuple(draft.models) for draft in drafts} == {("claude-y", "gpt-x")}
    assert all(any("write a column 'trial'" in w for w in draft.warnings) for draft in drafts)
    parts = {f"part-{n}.csv": f"id,score\n{n},1\n" for n in range(3)}
    with pytest.raises(DataError, match="write columns 'model' and 'trial'"):
        draft_of(folder(tmp_path / "parts", parts))
    versions = {"o1.csv": "id,score\n1,1\n", "gpt-4.csv": "id,score\n1,0\n"}
    assert draft_of(folder(tmp_path / "named", versions)).models == ["gpt-4", "o1"]


def test_the_model_that_answered_is_told_from_the_one_that_judged(tmp_path: Path) -> None:
    names = "id,prompt,response_model_name,eval_model_name,score"
    rows = [f"{p},why?{p},{m},judge-z,{p % 2}" for p in (1, 2) for m in ("gpt-x", "claude-y")]
    draft = read(tmp_path, "\n".join([names, *rows]))
    assert draft.models == ["gpt-x", "claude-y"]
    why = refusal(tmp_path, "id,system_prompt,my_model,eval_llm,score\n1,so,gpt-x,j,1\n")
    assert "it may be my_model;" in why
