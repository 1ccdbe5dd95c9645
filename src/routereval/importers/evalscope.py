"""EvalScope: the reviews of each sample, ``reviews/<model>/<dataset>_<subset>.jsonl``.

A line is ``{index, target, messages | input, sample_score: {score: {value: {metric: number},
main_score_name, status}, sample_id, group_id}}``; samples of one ``group_id`` are repetitions. The
line of the same ``index`` in ``predictions/<model>/`` has the call's usage, time and error. Before
1.0 a line was ``{choices: [{message, review: {gold, pred, result}}], raw_input, usage, index}``.
Repository: ``modelscope/evalscope``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from routereval.errors import DataError
from routereval.importers.arms import Run
from routereval.importers.eval_logs import down_to, first_files, names_of, prompt_text
from routereval.importers.importer import Importer
from routereval.importers.metric_choice import choose_metrics
from routereval.importers.rows import (
    BadRows,
    field_in,
    files_in,
    first_object,
    json_objects,
    name_of,
    some_files,
    text_of,
)
from routereval.importers.run_answers import (
    Answer,
    drafts_of_runs,
    family_of,
    file_in,
    folder_above,
    milliseconds,
    object_in,
    part_of,
)
from routereval.importers.scale import Rescale
from routereval.importers.scored_calls import asked_text, objects_in
from routereval.records.draft import Draft

SETS = (
    *("mmlu_pro", "mmlu_redux", "mmlu", "cmmlu", "ceval", "bbh", "arc", "race", "gpqa_diamond"),
    *("math_500", "competition_math", "super_gpqa", "multi_if", "live_code_bench", "longbench_v2"),
)
"""Data sets of several subsets, for where no report names the data set."""

_SINGLE = ("default", "main", "test", "validation", "val", "all")
_PATTERNS = (*down_to(3, "reviews/*/*.jsonl"), "*/*.jsonl", "*.jsonl")
_RESULT = "result"
_USABLE = ("success", "fallback")
_LONGEST_LOOK = 50
_USAGE = {
    "tokens_in": "input_tokens",
    "tokens_out": "output_tokens",
    "tokens_cached": "input_tokens_cache_read",
    "tokens_reasoning": "reasoning_tokens",
}


def recognise(path: Path) -> bool:
    """True for such a file, or a folder with ``reviews/<model>/*.jsonl``."""
    return any(map(_is_ours, first_files(path, *_PATTERNS)))


def read(path: Path, *, metric: str | None = None, rescale: Rescale = False) -> Iterator[Draft]:
    """One draft per data set.

    Args:
        path: a file of reviews, or a folder that holds some.
        metric: which of the values is the score, in order of preference; by default the main one
            of each data set.
        rescale: the scale of the scores, or True for the range that is observed.

    Raises:
        DataError: if there is no score, or lines cannot be read, with up to 20 listed.
    """
    files = [f for f in some_files(path, "reviews of EvalScope", *_PATTERNS) if _is_ours(f)]
    if not files:
        raise DataError(f"{path} holds no reviews of EvalScope, of reviews/<model>/")
    runs = list(map(_run, files))
    mains: dict[str, list[str]] = {}
    for run in runs:
        mains.setdefault(run.task, []).extend(_metrics(run)[:1])
    choice = choose_metrics(runs, _metrics, names_of(metric), mains.__getitem__, rescale)
    yield from drafts_of_runs(
        path,
        runs,
        _rows,
        partial(_answers, choice.metric_of, _sets(files)),
        unscored="run the evaluation to its end, which writes the reviews",
        rescale=rescale,
        licence="Apache-2.0",
        facts=choice.facts,
        warnings=choice.warnings,
    )


def _is_ours(file: Path) -> bool:
    row = first_object(file)
    return "sample_score" in row or ("choices" in row and "reviewed" in row)


def _run(file: Path) -> Run:
    model, time = folder_above(file, 1).name, folder_above(file, 3).name
    return Run(file, text_of(model) or "model", text_of(file.stem) or "data", time)


def _metrics(run: Run) -> list[str]:
    """The names of a run's values, the main one first; from the first of its reviews with any."""
    lenient = BadRows(most=1 << 62)
    for number, (_, row) in enumerate(_reviews(run.file, lenient)):
        score = part_of(row, "sample_score", "score")
        values, main = part_of(score, "value"), part_of(score, "main_score_name")
        if isinstance(values, dict) and values:
            names = [name for name in values if name != main]
            return [main, *names] if isinstance(main, str) and main in values else names
        if number >= _LONGEST_LOOK:
            break
    return []


def _sets(files: Sequence[Path]) -> tuple[str, ...]:
    """The data sets that reports are named by, and those that are known to have subsets."""
    folders = dict.fromkeys(folder_above(file, 3) for file in files)
    reported = [
        report.stem for folder in folders for report in files_in(folder, "reports/*/*.json")
    ]
    return *dict.fromkeys(reported), *SETS


def _rows(run: Run, bad: BadRows) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The reviews, each with the call that it reviews."""
    calls = _calls(run.file)
    for line, row in _reviews(run.file, bad):
        yield line, {"review": row, "call": row.get("call") or calls.get(str(row.get("index")))}


def _reviews(file: Path, bad: BadRows) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The reviews of a file as they are written since 1.0."""
    for line, row in json_objects(file, bad):
        if "sample_score" in row or "choices" not in row:
            yield line, row
        else:
            for choice in objects_in(row["choices"]):
                yield line, _renewed(row, choice, line)


def _renewed(row: Mapping[str, Any], choice: Mapping[str, Any], line: int) -> dict[str, Any]:
    """A review of before 1.0 in the form of today; what it was asked is compared where that is."""
    review, asked = choice.get("review"), row.get("raw_input")
    result = part_of(review, "result")
    usage = row.get("usage")
    return {
        "index": row.get("index", line - 1),
        "target": asked_text(asked),
        "input": asked_text(asked),
        "sample_score": {
            "score": {"value": result if isinstance(result, dict) else {_RESULT: result}}
        },
        "call": {
            "usage": {
                "input_tokens": part_of(usage, "prompt_tokens"),
                "output_tokens": part_of(usage, "completion_tokens"),
            }
        },
    }


def _calls(file: Path) -> dict[str, Mapping[str, Any]]:
    """What the predictions beside the reviews tell of each call, by the sample's index."""
    model = folder_above(file, 1).name
    predictions = file_in(folder_above(file, 3), "predictions", model, file.name)
    if predictions is None:
        return {}
    bad, found = BadRows(), dict[str, Mapping[str, Any]]()
    for _, row in json_objects(predictions, bad):
        output = part_of(row, "model_output")
        found[str(row.get("index"))] = {
            "usage": part_of(output, "usage"),
            "time": part_of(output, "time"),
            "error": bool(part_of(output, "error")),
        }
    bad.check()
    return found


def _answers(
    metric_of: Mapping[str, str], sets: tuple[str, ...], row: Mapping[str, Any], run: Run
) -> Iterator[Answer]:
    review, call = row["review"], row["call"]
    sample = object_in(field_in(review, "sample_score"), "'sample_score'")
    score = object_in(field_in(sample, "score"), "'score'")
    benchmark, subset = _set_and_subset(run.task, sets)
    names = (sample.get("group_id"), sample.get("sample_id"), review.get("index"))
    name = name_of(next((name for name in names if name is not None), None), "the sample's id")
    status = score.get("status")
    usage = {axis: part_of(call, "usage", key) or None for axis, key in _USAGE.items()}
    yield Answer(
        f"{subset}/{name}" if subset else name,
        part_of(score, "value", metric_of[run.task]),
        benchmark=benchmark,
        failed=bool(part_of(call, "error")) or (status is not None and status not in _USABLE),
        text=_text(review),
        asked=text_of(review.get("target")),
        subset=subset or None,
        axes=usage | {"latency_ms": milliseconds(part_of(call, "time"))},
    )


def _set_and_subset(stem: str, sets: tuple[str, ...]) -> tuple[str, str]:
    """The data set and the subset that a file is named by.

    >>> _set_and_subset("gsm8k_main", ()), _set_and_subset("arc_ARC-Easy", ("arc",))
    (('gsm8k', 'main'), ('arc', 'ARC-Easy'))
    """
    begin, _, end = stem.rpartition("_")
    if begin and end in _SINGLE and begin not in sets:
        return begin, end
    benchmark, _ = family_of(stem, sets)
    return benchmark, stem[len(benchmark) :].lstrip("_-")


def _text(review: Mapping[str, Any]) -> str | None:
    """What was said before the model's first answer."""
    messages = review.get("messages")
    if isinstance(messages, list):
        asked = []
        for message in messages:
            if part_of(message, "role") == "assistant":
                break
            asked.append(message)
        return prompt_text(asked)
    text = text_of(review.get("input"))
    return None if text is None else text.removeprefix("**User**: ").strip() or None


SAMPLE = {
    f"20250901_120000/{kind}/{model}/gsm8k_main.jsonl": rows
    for model, scores in {"a": (1.0, 0.0), "b": (0.0, 1.0)}.items()
    for kind, rows in {
        "reviews": [
            {
                "index": number,
                "target": "4",
                "messages": [
                    {"role": "user", "content": f"How many {number}?"},
                    {"role": "assistant", "content": "4"},
                ],
                "sample_score": {
                    "score": {
                        "value": {"acc": score},
                        "status": "success",
                        "prediction": "4",
                        "main_score_name": "acc",
                    },
                    "sample_id": number,
                    "group_id": number,
                },
            }
            for number, score in enumerate(scores)
        ],
        "predictions": [
            {
                "index": number,
                "model": model,
                "model_output": {
                    "usage": {"input_tokens": 30, "output_tokens": 2},
                    "time": 0.5,
                    "error": None,
                },
            }
            for number in range(2)
        ],
    }.items()
}

IMPORTER = Importer(
    name="evalscope",
    summary="EvalScope's reviews: reviews/<model>/<dataset>_<subset>.jsonl",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
