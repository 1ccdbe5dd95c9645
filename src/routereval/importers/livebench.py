"""LiveBench: the judgments of its tasks, ``<task>/model_judgment/ground_truth_judgment.jsonl``.

A line is ``{question_id, task, model, score, tstamp, category, turn, answer_id, eval_status,
error}``; ``<task>/question.jsonl`` beside it has the questions, ``{question_id, turns}``.
Repository: ``LiveBench/LiveBench``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from routereval.importers.arms import Run
from routereval.importers.eval_logs import down_to, first_files
from routereval.importers.importer import Importer
from routereval.importers.rows import (
    BadRows,
    first_object,
    json_objects,
    name_in,
    some_files,
    text_of,
)
from routereval.importers.run_answers import Answer, RowsOfRuns, drafts_of_runs, folder_above
from routereval.importers.scale import Rescale
from routereval.records.draft import Draft

_FILE = "ground_truth_judgment.jsonl"
_PATTERNS = down_to(6, _FILE)
_KEYS = {"question_id", "task", "model", "score", "tstamp", "category"}
_FAILED = ("api_error", "token_exhaustion", "eval_error")
"""What LiveBench notes with a score of 0 where the model gave no answer, or none was judged."""


def recognise(path: Path) -> bool:
    """True for such a file, or a folder with one at most six folders down."""
    return any(map(_is_ours, first_files(path, *_PATTERNS)))


def read(path: Path, *, rescale: Rescale = False) -> Iterator[Draft]:
    """One draft per category, a task being a subset; of an answer judged again the newest counts.

    Args:
        path: a file of judgments, or a folder with some at most six folders down.
        rescale: the scale of the scores, or True for the range that is observed.

    Raises:
        DataError: if there is no score, or lines cannot be read, with up to 20 listed.
    """
    bad, newest = BadRows(), dict[tuple[str, ...], tuple[Path, int, dict[str, Any]]]()
    n_again = 0
    for file in some_files(path, "judgments of LiveBench", *_PATTERNS):
        for line, row in json_objects(file, bad):
            with bad.row(file, line):
                key = *(name_in(row, k) for k in ("question_id", "model")), str(row.get("turn"))
                before = newest.get((*key, str(row.get("answer_id"))))
                n_again += before is not None
                if before is None or _time(before[2]) <= _time(row):
                    newest[*key, str(row.get("answer_id"))] = file, line, row
    bad.check()
    rows, texts = RowsOfRuns(), dict[str, str]()
    for file in dict.fromkeys(file for file, _, _ in newest.values()):
        texts |= _questions(folder_above(file, 2) / "question.jsonl")
    for file, line, row in newest.values():
        category = text_of(row.get("category")) or "livebench"
        rows.add(Run(file, name_in(row, "model"), category, str(file)), line, row)
    again = f"{n_again:,} judgments are superseded by newer ones of the same answer"
    yield from drafts_of_runs(
        path,
        rows.runs,
        rows.of,
        lambda row, _: [_answer(row, texts)],
        unscored="judge the answers with gen_ground_truth_judgment.py",
        rescale=rescale,
        licence="Apache-2.0",
        facts={run.task: [again] for run in rows.runs} if n_again else {},
    )


def _is_ours(file: Path) -> bool:
    return first_object(file).keys() >= _KEYS


def _time(row: Mapping[str, Any]) -> float:
    time = row.get("tstamp")
    return float(time) if isinstance(time, int | float) and abs(time) < 1e12 else 0.0


def _questions(file: Path) -> dict[str, str]:
    """The texts of questions by their ids; empty where they do not lie beside the judgments."""
    bad, found = BadRows(), dict[str, str]()
    for line, row in json_objects(file, bad) if file.is_file() else ():
        with bad.row(file, line):
            turns = row.get("turns")
            texts = [text_of(turn) or "" for turn in turns] if isinstance(turns, list) else []
            found[name_in(row, "question_id")] = "\n\n".join(texts)
    bad.check()
    return found


def _answer(row: Mapping[str, Any], texts: Mapping[str, str]) -> Answer:
    name = name_in(row, "question_id")
    return Answer(
        name,
        row.get("score"),
        failed=row.get("eval_status") in _FAILED or bool(row.get("error")),
        text=texts.get(name) or None,
        subset=text_of(row.get("subtask")) or text_of(row.get("task")),
    )


SAMPLE = {
    f"data/live_bench/math/olympiad/{name}": content
    for name, content in {
        "question.jsonl": [
            {
                "question_id": f"q{n}",
                "category": "math",
                "task": "olympiad",
                "turns": [f"Prove {n}."],
            }
            for n in range(2)
        ],
        f"model_judgment/{_FILE}": [
            {
                "question_id": f"q{n}",
                "task": "olympiad",
                "model": model,
                "score": score,
                "tstamp": 1750000000.0,
                "category": "math",
            }
            for model, scores in {"a": (1, 0.25), "b": (0, 1)}.items()
            for n, score in enumerate(scores)
        ],
    }.items()
}

IMPORTER = Importer(
    name="livebench",
    summary="LiveBench: model_judgment/ground_truth_judgment.jsonl of each task",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
