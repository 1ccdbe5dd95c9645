"""lm-evaluation-harness: sample logs of several models, versions and filters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routereval.errors import DataError
from routereval.importers import lm_eval
from routereval.importers.lm_eval import read, recognise
from routereval.importers.scale import Scale
from routereval.records import Draft
from tests.importers.mutating import Files, write

TIME, LATER = "2024-07-01T10-00-00.000001", "2024-07-02T10-00-00.000001"


def choice(number: int, acc: float, *, options: int = 4, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """A multiple-choice sample as versions from 0.4.7 on log it."""
    names = [f"option {n}" for n in range(options)]
    question = f"Q{number}?"
    sent = {
        f"gen_args_{n}": {"arg_0": f"Say: {question}", "arg_1": f" {names[n]}"}
        for n in range(options)
    }
    return {
        "doc_id": number,
        "doc": {"question": question, "choices": names, "answer": 1},
        "target": "1",
        "arguments": sent,
        "resps": [[["-1.0", "False"]]] * options,
        "filtered_resps": [["-1.0", "False"]] * options,
        "filter": "none",
        "metrics": ["acc", "acc_norm"],
        "doc_hash": f"hash of {number}",
        "acc": acc,
        "acc_norm": 1.0 - acc,
    } | more


def free(doc: int, kind: str, score: float, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """A sample of a generated answer."""
    return {
        "doc_id": doc,
        "doc": {"question": f"How many {doc}?", "answer": "#### 4"},
        "arguments": {
            "gen_args_0": {"arg_0": f"Count. How many {doc}?", "arg_1": {"until": ["Q"]}}
        },
        "filter": kind,
        "metrics": ["exact_match"],
        "doc_hash": f"count {doc}",
        "exact_match": score,
    } | more


def jsonl(*rows: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def gsm8k(strict: float, flexible: float) -> bytes:
    kinds = (("strict-match", strict), ("flexible-extract", flexible))
    return jsonl(*(free(doc, kind, score) for kind, score in kinds for doc in range(2)))


GOOD: Files = {
    f"org__a/samples_mmlu_anatomy_{TIME}.jsonl": jsonl(choice(0, 1.0), choice(1, 0.0)),
    f"org__a/samples_mmlu_virology_{TIME}.jsonl": jsonl(choice(0, 1.0, options=5)),
    f"org__a/samples_gsm8k_{TIME}.jsonl": gsm8k(0.0, 1.0),
    f"org__a/results_{TIME}.json": json.dumps({"model_name": "org/a", "results": {}}).encode(),
    f"org__b/samples_mmlu_anatomy_{TIME}.jsonl": jsonl(choice(1, 0.0), choice(0, 0.0)),
    f"org__b/samples_mmlu_anatomy_{LATER}.jsonl": jsonl(choice(1, 1.0), choice(0, 0.0)),
    f"org__b/samples_gsm8k_{TIME}.jsonl": gsm8k(1.0, 1.0),
}


def drafts(path: Path, **options: Any) -> dict[str, Draft]:  # noqa: ANN401
    return {draft.name: draft.checked() for draft in read(path, **options)}


def only(path: Path, **options: Any) -> Draft:  # noqa: ANN401
    (draft,) = drafts(path, **options).values()
    return draft


# What it becomes


def test_tasks_of_a_family_are_one_benchmark(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    assert recognise(path)
    found = drafts(path, metric="acc,exact_match")
    assert sorted(found) == ["gsm8k", "mmlu"]
    mmlu = found["mmlu"]
    assert mmlu.models == ["org/a", "org/b"]
    table = mmlu.prompts.to_dict(as_series=False)
    assert table["prompt_id"] == ["mmlu_anatomy/0", "mmlu_anatomy/1", "mmlu_virology/0"]
    assert table["subset"] == ["mmlu_anatomy", "mmlu_anatomy", "mmlu_virology"]
    assert table["text"] == ["Say: Q0?", "Say: Q1?", "Say: Q0?"]
    assert table["chance"] == [0.25, 0.25, 0.2]
    # the later run of org/b counts
    np.testing.assert_array_equal(mmlu.scores, [[1, 0], [0, 1], [1, np.nan]])


def test_the_first_filter_counts_unless_another_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    assert drafts(path)["gsm8k"].scores.tolist() == [[0, 1], [0, 1]]
    found = drafts(path, filter="flexible-extract,none")
    assert found["gsm8k"].scores.tolist() == [[1, 1], [1, 1]]
    assert found["gsm8k"].prompts["chance"].to_list() == [None, None]
    assert "mmlu" in found
    with pytest.raises(DataError, match="no filter 'flexible-extract'; it has: 'none'"):
        drafts(path, filter="flexible-extract")


def test_the_metric_is_acc_norm_unless_another_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, {"m/samples_arc_easy.jsonl": jsonl(choice(0, 0.25))})
    assert only(path).scores.tolist() == [[0.75]]
    assert only(path, metric="acc").scores.tolist() == [[0.25]]
    with pytest.raises(DataError, match="no metric f1; it has 'acc', 'acc_norm'; choose with"):
        drafts(path, metric="f1")


def test_a_metric_of_a_task_of_its_own_and_a_list_of_truths(tmp_path: Path) -> None:
    own = free(0, "none", 0, metrics=["kindness"], kindness=True)
    del own["exact_match"]
    assert only(write(tmp_path, {"m/samples_own.jsonl": jsonl(own)})).scores.tolist() == [[1]]
    several = free(0, "none", 0, inst_level_strict_acc=[True, False, True, True])
    path = write(tmp_path / "b", {"m/samples_ifeval.jsonl": jsonl(several)})
    assert only(path, metric="inst_level_strict_acc").scores.tolist() == [[0.75]]


def test_the_text_can_be_a_field_of_the_document(tmp_path: Path) -> None:
    found = drafts(write(tmp_path, GOOD), prompt="question", families="")
    assert found["mmlu_anatomy"].prompts["text"].to_list() == ["Q0?", "Q1?"]
    assert found["mmlu_anatomy"].prompts["subset"].to_list() == ["mmlu_anatomy"] * 2
    assert set(found) == {"mmlu_anatomy", "mmlu_virology", "gsm8k"}


def test_older_logs_name_no_filter_and_hold_lists(tmp_path: Path) -> None:
    rows = []
    for row in (free(0, "", 0.0), free(1, "", 1.0), free(0, "", 1.0), free(1, "", 1.0)):
        del row["filter"], row["metrics"]
        rows.append(row | {"arguments": [[f"Count {row['doc_id']}", {"until": []}]]})
    path = write(tmp_path, {"org__m/samples_gsm8k.json": json.dumps(rows, indent=2).encode()})
    assert recognise(path)
    draft = only(path)
    assert draft.models == ["org/m"]
    assert draft.scores.tolist() == [[0.0], [1.0]]
    assert draft.prompts["text"].to_list() == ["Count 0", "Count 1"]


def test_continuations_tell_the_number_of_options(tmp_path: Path) -> None:
    row = choice(0, 1.0, options=2, doc={"sentence": "_ is one"})
    shares = choice(1, 0.4, doc={"mc2_targets": {"choices": ["a", "b"]}})
    draft = only(write(tmp_path, {"m/samples_winogrande.jsonl": jsonl(row, shares)}))
    assert draft.prompts["chance"].to_list() == [0.5, None]


def test_chat_messages_are_text_too(tmp_path: Path) -> None:
    chat = {"gen_args_0": {"arg_0": [{"role": "user", "content": "Hi"}], "arg_1": {}}}
    path = write(tmp_path, {"m/samples_t.jsonl": jsonl(free(0, "none", 1, arguments=chat))})
    assert only(path).prompts["text"].to_list() == ["Hi"]


def test_one_file_alone_and_its_results(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD) / "org__a" / f"samples_gsm8k_{TIME}.jsonl"
    assert recognise(path)
    assert only(path).models == ["org/a"]
    (path.parent / f"results_{TIME}.json").write_text('{"model_name": "other"}')
    assert only(path).models == ["other"]
    (path.parent / f"results_{TIME}.json").write_text('{"model_name": "oth')
    with pytest.raises(DataError, match=r"results_.* is it cut short"):
        drafts(path)


# What is refused


def test_other_prompts_under_one_number_are_refused(tmp_path: Path) -> None:
    other = jsonl(choice(0, 1.0, doc_hash="another"))
    path = write(tmp_path, {**GOOD, f"c/samples_mmlu_anatomy_{TIME}.jsonl": other})
    with pytest.raises(
        DataError, match=r"jsonl:1: another model was asked something else as prompt"
    ):
        drafts(path)


def test_the_metric_is_one_that_all_logs_have(tmp_path: Path) -> None:
    row = choice(0, 1.0)
    del row["acc_norm"]
    path = write(tmp_path, {**GOOD, f"z/samples_mmlu_anatomy_{TIME}.jsonl": jsonl(row)})
    mmlu = drafts(path)["mmlu"]
    assert any("some logs have acc_norm, but the score is acc" in w for w in mmlu.warnings)
    del row["acc"]
    path = write(tmp_path, {**GOOD, f"z/samples_mmlu_anatomy_{TIME}.jsonl": jsonl(row)})
    with pytest.raises(DataError, match="there is no 'acc_norm', the metric of mmlu_anatomy"):
        drafts(path)


def one(doc: int, **values: Any) -> dict[str, Any]:  # noqa: ANN401
    """A sample with that score, under that metric."""
    row = choice(doc, 1.0)
    return {**{k: v for k, v in row.items() if k not in {"acc", "acc_norm"}}, **values}


def logs(*runs: tuple[str, str, dict[str, Any], list[dict[str, Any]]]) -> Files:
    """Logs of one task, by folder, time and what the results say beside the model's name."""
    files: dict[str, bytes] = {}
    for folder, time, results, rows in runs:
        files[f"{folder}/samples_toy_{time}.jsonl"] = jsonl(*rows)
        about = {"model_name": folder, "results": {}, **results}
        files[f"{folder}/results_{time}.json"] = json.dumps(about).encode()
    return files


def test_what_was_right_and_what_was_said_are_a_score_if_they_agree(tmp_path: Path) -> None:
    rows = [one(doc, metrics=["mcc"], mcc=pair) for doc, pair in enumerate(([0, 0], [0, 1]))]
    assert only(write(tmp_path, logs(("a", TIME, {}, rows)))).scores.tolist() == [[1], [0]]


def test_what_is_computed_over_all_samples_is_no_score_of_one(tmp_path: Path) -> None:
    pair = {"metrics": ["word_perplexity"], "word_perplexity": [-300.0, 100]}
    path = write(tmp_path, logs(("a", TIME, {}, [one(0, **pair)])))
    for options in ({}, {"rescale": Scale(0, 100)}, {"rescale": True}):
        with pytest.raises(DataError, match="one number for all samples"):
            drafts(path, **options)


def test_what_is_better_the_lower_is_inverted_only_when_asked(tmp_path: Path) -> None:
    rows = [one(doc, metrics=["wer"], wer=value) for doc, value in enumerate((0.0, 0.25))]
    path = write(tmp_path, logs(("a", TIME, {}, rows)))
    with pytest.raises(DataError, match="wer is the better the lower it is"):
        drafts(path)
    assert only(path, rescale=Scale(1, 0)).scores.tolist() == [[1], [0.75]]


def test_one_model_at_two_settings_is_two_arms(tmp_path: Path) -> None:
    def told(thinking: bool) -> dict[str, Any]:
        args = f"pretrained=org/m,enable_thinking={thinking},device=cuda:{int(thinking)}"
        return {"config": {"model_args": args}, "n-shot": {"toy": 0}}

    runs = [
        ("m", TIME, told(True), [one(0, acc=1.0), one(1, acc=1.0)]),
        ("m", LATER, told(False), [one(0, acc=0.0), one(1, acc=1.0)]),
        ("other", TIME, told(True), [one(0, acc=0.0), one(1, acc=0.0)]),
    ]
    draft = only(write(tmp_path, logs(*runs)))
    assert list(draft.models) == ["m [enable_thinking=True]", "m [enable_thinking=False]", "other"]
    assert draft.scores.tolist() == [[1, 0, 0], [1, 1, 0]]
    assert draft.model_info is not None
    assert draft.model_info.rows() == [
        ("m [enable_thinking=True]", "m", "enable_thinking=True"),
        ("m [enable_thinking=False]", "m", "enable_thinking=False"),
    ]


def test_runs_of_disjoint_prompts_are_joined_and_reruns_superseded(tmp_path: Path) -> None:
    runs: list[tuple[str, str, dict[str, Any], list[dict[str, Any]]]] = [
        ("m", TIME, {}, [one(0, acc=0.0), one(1, acc=0.0)]),
        ("m", LATER, {}, [one(1, acc=1.0), one(2, acc=1.0)]),
    ]
    draft = only(write(tmp_path, logs(*runs)))
    assert sorted(zip(draft.prompts["prompt_id"], draft.scores[:, 0].tolist(), strict=True)) == [
        ("toy/0", 0.0),
        ("toy/1", 1.0),
        ("toy/2", 1.0),
    ]
    facts = "\n".join(draft.facts)
    assert f"1 prompts of samples_toy_{TIME}.jsonl are superseded" in facts
    assert "joined are the prompts of" in facts


def test_variants_of_mmlu_stay_apart() -> None:
    tasks = ["mmlu_anatomy", "mmlu_llama_anatomy", "mmlu_prox_de_law", "mmlu_pro_law", "mmlu_x"]
    assert [lm_eval._family(task, lm_eval.FAMILIES) for task in tasks] == [
        *("mmlu", "mmlu_llama", "mmlu_prox_de", "mmlu_pro", "mmlu_x")
    ]


def test_bad_lines_are_listed_with_their_place(tmp_path: Path) -> None:
    rows = b'{"doc_id": 0, "filter": "none"}\n[1]\n' + jsonl(
        choice(1, 1.0, doc_id=None), choice(2, -3.0)
    )
    path = write(tmp_path, {"m/samples_t.jsonl": rows})
    with pytest.raises(DataError) as error:
        drafts(path)
    listed = str(error.value).splitlines()[1:]
    assert [place.split(": ", 1)[1][:30] for place in listed] == [
        "there is no metric any known n",
        "is not a JSON object",
        "'doc_id' is None; it should be",
        "acc_norm 4 lies outside [0, 1]",
        "none of its samples has a scor",
    ]
    assert [place.split(":")[1] for place in listed[:4]] == ["1", "2", "3", "4"]


def test_at_most_twenty_bad_lines_are_listed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the first 20 rows") as error:
        drafts(write(tmp_path, {"m/samples_t.jsonl": b"x\n" * 1000}))
    assert len(str(error.value).splitlines()) == 21


def test_an_empty_log_is_refused_not_dropped(tmp_path: Path) -> None:
    path = write(tmp_path, {**GOOD, f"c/samples_gsm8k_{TIME}.jsonl": b""})
    with pytest.raises(DataError, match="holds no sample"):
        drafts(path)


def test_no_logs_are_refused(tmp_path: Path) -> None:
    assert not recognise(tmp_path)
    assert not recognise(tmp_path / "absent")
    with pytest.raises(DataError, match="holds no sample logs"):
        drafts(tmp_path)
