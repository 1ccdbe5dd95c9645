"""Terminal-Bench: the results of its harness, ``<run>/results.json`` and ``run_metadata.json``.

``results`` is a list of attempts, ``{"task_id", "instruction", "is_resolved", …}``, several for
each task, which are its trials; ``run_metadata.json`` beside it says which agent and model ran.
``resolved_ids`` of the same file names a task once for each attempt, so it is not read.
Repository: ``laude-institute/terminal-bench``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from routereval.errors import DataError
from routereval.importers.arms import Run, flat
from routereval.importers.axis_fields import axes_in, milliseconds
from routereval.importers.eval_logs import down_to, first_files
from routereval.importers.importer import Importer
from routereval.importers.rows import (
    BadRows,
    RowError,
    field_in,
    json_file,
    name_in,
    peek,
    some_files,
    text_of,
)
from routereval.importers.run_answers import (
    Answer,
    digest_of,
    drafts_of_runs,
    file_in,
    folder_above,
    object_in,
    part_of,
)
from routereval.records.draft import Draft

_FILE, _ABOUT = "results.json", "run_metadata.json"
_PATTERNS = down_to(4, _FILE)
_BENCHMARK = "terminal-bench"
_ALL_RUNS = ("runs", "output", "results")
"""Folders that hold runs of anything."""
_NOT_OBSERVED = ("agent_installation_failed", "unknown_agent_error")
"""Failures in which the model had no fair try."""
_FAILURES = (
    *("parse_error", "test_timeout", "agent_timeout", "fatal_llm_parse_error"),
    *("context_length_exceeded", "output_length_exceeded"),
)
"""Failures of what the agent left, which end without a verdict: Terminal-Bench counts them as 0."""
_FACT = f"attempts without a verdict that ended in {', '.join(_FAILURES[:3])} and the like are 0"


def recognise(path: Path) -> bool:
    """True for such a file, or a folder with one at most four folders down."""
    return any(map(_is_ours, first_files(path, *_PATTERNS)))


def read(path: Path) -> Iterator[Draft]:
    """One draft per data set, whose prompts are the tasks; attempts of all runs are trials.

    Args:
        path: a results.json, the folder of a run, or one that holds such folders.

    Raises:
        DataError: if the model is not named, or an attempt cannot be read.
    """
    files = [file for file in some_files(path, _FILE, *_PATTERNS) if _is_ours(file)]
    if not files:
        raise DataError(f"{path} holds no results of Terminal-Bench")
    runs = list(map(_run, files))
    yield from drafts_of_runs(
        path,
        runs,
        _rows,
        lambda row, _: [_answer(row)],
        unscored="run its harness to the end",
        licence="Apache-2.0",
        digest=_digest,
        facts={run.task: [_FACT] for run in runs},
        warnings=dict(_failures(runs)),
    )


def _is_ours(file: Path) -> bool:
    head = peek(file)
    return all(f'"{key}"' in head for key in ("results", "task_id", "is_resolved"))


def _run(file: Path) -> Run:
    beside = file_in(file.parent, _ABOUT)
    about = None if beside is None else json_file(beside)
    model = text_of(part_of(about, "model_name")) or _submission(file, about)
    if not model.strip():
        raise DataError(f"{file.with_name(_ABOUT)} should say which model ran, as 'model_name'")
    dataset = text_of(part_of(about, "dataset_name")) or ""
    task = _BENCHMARK if dataset.startswith(_BENCHMARK) else dataset.strip() or _BENCHMARK
    more = flat({"agent": part_of(about, "agent_name")})
    return Run(file, model, task, text_of(part_of(about, "start_time")) or str(file), more=more)


def _submission(file: Path, about: object) -> str:
    """The folder of a run whose agent names no model: that of several runs, or the run's own."""
    folder, run = folder_above(file, 1).name, part_of(about, "run_id")
    if about is None or run is None:
        return ""
    above = folder_above(file, 2).name if folder == run else folder
    return text_of(above if above not in _ALL_RUNS else part_of(about, "agent_name")) or ""


def _named_by_folder(runs: list[Run]) -> Iterator[tuple[str, str]]:
    """Warnings of models that are called by their folder, with the data set."""
    for run in runs:
        about = file_in(run.file.parent, _ABOUT)
        if about is not None and not text_of(part_of(json_file(about), "model_name")):
            yield run.task, f"{run.model}: its runs name no model, and are called by their folder"


def _attempts(file: Path) -> list[Any]:
    results = part_of(json_file(file), "results")
    if not isinstance(results, list):
        raise DataError(f"{file} is no result of Terminal-Bench: it holds no list 'results'")
    return results


def _rows(run: Run, bad: BadRows) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, attempt in enumerate(_attempts(run.file), 1):
        with bad.row(run.file, number):
            yield number, object_in(attempt, "the attempt")


def _digest(run: Run) -> str:
    """What tells a run from a copy of it."""
    return digest_of(
        [
            [part_of(attempt, key) for key in ("trial_name", "trial_started_at", "is_resolved")]
            for attempt in _attempts(run.file)
        ]
    )


def _failures(runs: list[Run]) -> Iterator[tuple[str, list[str]]]:
    """Warnings of what is not observed though its harness counts it, by data set."""
    for task in dict.fromkeys(run.task for run in runs):
        modes = [
            attempt.get("failure_mode")
            for run in runs
            if run.task == task
            for attempt in _attempts(run.file)
            if isinstance(attempt, dict) and _no_fair_try(attempt)
        ]
        yield (
            task,
            [
                f"{modes.count(mode)} attempts ended in {mode}: not observed here, failures to "
                "Terminal-Bench"
                for mode in _NOT_OBSERVED
                if mode in modes
            ]
            + [line for of, line in dict.fromkeys(_named_by_folder(runs)) if of == task],
        )


def _no_fair_try(attempt: Mapping[str, Any]) -> bool:
    return attempt.get("failure_mode") in _NOT_OBSERVED and not attempt.get("is_resolved")


def _answer(attempt: Mapping[str, Any]) -> Answer:
    resolved = field_in(attempt, "is_resolved")
    if resolved is not None and not isinstance(resolved, bool):
        raise RowError("'is_resolved' is not true or false")
    if resolved is None and attempt.get("failure_mode") in _FAILURES:
        resolved = False
    return Answer(
        name_in(attempt, "task_id"),
        resolved,
        failed=_no_fair_try(attempt),
        text=text_of(attempt.get("instruction")),
        axes=_axes(attempt),
    )


def _axes(attempt: Mapping[str, Any]) -> dict[str, object]:
    """Tokens of an attempt, and how long its agent took, or the whole attempt."""
    spans = [
        milliseconds(attempt.get(f"{what}_started_at"), attempt.get(f"{what}_ended_at"))
        for what in ("agent", "trial")
    ]
    took = next((span for span in spans if span is not None), None)
    return axes_in({"latency_ms": took}, attempt)


SAMPLE = {
    f"runs/{model}/{name}": content
    for model, marks in {"a": (True, False), "b": (True, None)}.items()
    for name, content in {
        _ABOUT: {"run_id": model, "model_name": f"org/{model}", "n_attempts": 2},
        _FILE: {
            "results": [
                {
                    "task_id": "hello",
                    "trial_name": f"hello.{n}-of-2",
                    "instruction": "Say it.",
                    "is_resolved": mark,
                }
                for n, mark in enumerate(marks, 1)
            ],
            "resolved_ids": ["hello"],
        },
    }.items()
}

IMPORTER = Importer(
    name="terminal-bench",
    summary="Terminal-Bench's runs: results.json with attempts (trials), run_metadata.json",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
