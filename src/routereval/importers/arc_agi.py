"""ARC-AGI: the scored submissions of a model, ``<model>/results.json``.

``task_results`` is ``{task: {score, cost, attempts, prompt_tokens, reasoning_tokens, output_tokens,
duration}}``; a score is the share of a task's test pairs that one of the attempts solved.
Repository: ``arcprize/arc-agi-benchmarking``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from routereval.errors import DataError
from routereval.importers.arms import Run
from routereval.importers.eval_logs import down_to, first_files
from routereval.importers.importer import Importer
from routereval.importers.rows import BadRows, json_file, name_of, peek, some_files, text_of
from routereval.importers.run_answers import (
    Answer,
    digest_of,
    drafts_of_runs,
    milliseconds,
    object_in,
    part_of,
)
from routereval.records.draft import Draft

_FILE = "results.json"
_PATTERNS = down_to(3, _FILE)
_TOKENS = {
    "tokens_in": "prompt_tokens",
    "tokens_out": "output_tokens",
    "tokens_reasoning": "reasoning_tokens",
}


def recognise(path: Path) -> bool:
    """True for such a file, or a folder with one at most three folders down."""
    return any(map(_is_ours, first_files(path, *_PATTERNS)))


def read(path: Path) -> Iterator[Draft]:
    """One draft, whose prompts are the tasks; the model is the folder of its results.

    Args:
        path: such a file, or a folder with some at most three folders down.

    Raises:
        DataError: if there is no task, or one cannot be read.
    """
    files = [file for file in some_files(path, "results of ARC-AGI", *_PATTERNS) if _is_ours(file)]
    if not files:
        raise DataError(f"{path} holds no scored submissions of ARC-AGI; score them first")
    yield from drafts_of_runs(
        path,
        map(_run, files),
        _rows,
        lambda row, _: [_answer(*row)],
        unscored="score the submissions first",
        licence="Apache-2.0",
        digest=lambda run: digest_of(_tasks(run.file)),
    )


def _is_ours(file: Path) -> bool:
    head = peek(file)
    return all(f'"{key}"' in head for key in ("task_results", "total_attempts"))


def _run(file: Path) -> Run:
    model = text_of(file.absolute().parent.name) or ""
    return Run(file, model.strip() or "model", "arc-agi", str(file))


def _tasks(file: Path) -> dict[str, Any]:
    tasks = part_of(json_file(file), "task_results")
    if not isinstance(tasks, dict):
        raise DataError(f"{file} holds no results of ARC-AGI: 'task_results' is no JSON object")
    return tasks


def _rows(run: Run, bad: BadRows) -> Iterator[tuple[int, tuple[str, Mapping[str, Any]]]]:
    for number, (task, result) in enumerate(_tasks(run.file).items(), 1):
        with bad.row(run.file, number):
            yield number, (name_of(task, "the task"), object_in(result, f"the result of {task!r}"))


def _answer(task: str, result: Mapping[str, Any]) -> Answer:
    return Answer(
        task,
        result.get("score"),
        cost=result.get("cost"),
        axes={
            "latency_ms": milliseconds(result.get("duration")),
            **{axis: result.get(key) for axis, key in _TOKENS.items()},
        },
    )


SAMPLE = {
    f"results/{model}/{_FILE}": {
        "score": sum(scores),
        "total_tasks": 2,
        "total_cost": 0.5,
        "total_attempts": 4,
        "task_results": {
            task: {
                "score": score,
                "cost": 0.25,
                "attempts": 2,
                "prompt_tokens": 900,
                "reasoning_tokens": 40,
                "output_tokens": 90,
                "duration": 2.5,
            }
            for task, score in zip(("00576224", "66e6c45b"), scores, strict=True)
        },
    }
    for model, scores in {"a-high": (1.0, 0.5), "b-low": (0.0, 1.0)}.items()
}

IMPORTER = Importer(
    name="arc-agi",
    summary="ARC-AGI: results.json of each model's scored submissions",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
