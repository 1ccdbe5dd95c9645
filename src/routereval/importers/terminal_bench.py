"""Terminal-Bench: the results of its harness, ``<run>/results.json`` and ``run_metadata.json``.

``results`` is a list of attempts, ``{"task_id", "instruction", "is_resolved", …}``, several for
each task, which are its trials; ``run_metadata.json`` beside it says which model ran.
``resolved_ids`` of the same file names a task once for each attempt, so it is not read.
Repository: ``laude-institute/terminal-bench``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from routereval.errors import DataError
from routereval.importers.axis_fields import axes_in, milliseconds
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
from routereval.importers.table_format import Cell, Place, Row, TableFormat
from routereval.records.draft import Draft

_FILE, _ABOUT = "results.json", "run_metadata.json"


def _is_ours(file: Path) -> bool:
    head = peek(file)
    return all(f'"{key}"' in head for key in ("results", "task_id", "is_resolved"))


def _rows(file: Path, bad: BadRows) -> Iterator[tuple[int, Row]]:
    """Each attempt as ``{"attempt": attempt, "model": that of the run}``."""
    whole, about = json_file(file), _about(file)
    results = whole.get("results") if isinstance(whole, dict) else None
    if not isinstance(results, list):
        raise DataError(f"{file} is no result of Terminal-Bench: it holds no list 'results'")
    for number, attempt in enumerate(results, 1):
        with bad.row(file, number):
            if not isinstance(attempt, dict):
                raise RowError("is not a JSON object")
            yield number, {"attempt": attempt, "model": name_in(about, "model_name")}


def _about(file: Path) -> Mapping[str, Any]:
    beside = file.with_name(_ABOUT)
    about = json_file(beside) if beside.is_file() else None
    if not isinstance(about, dict):
        raise DataError(f"{beside} should say which model ran, as 'model_name'")
    return about


def _cells(row: Row, _: Place) -> Iterator[Cell]:
    attempt = row["attempt"]
    resolved = field_in(attempt, "is_resolved")
    if resolved is not None and not isinstance(resolved, bool):
        raise RowError("'is_resolved' is not true or false")
    text = text_of(attempt.get("instruction"))
    yield Cell(
        "terminal-bench",
        name_in(attempt, "task_id"),
        row["model"],
        resolved,
        text=text,
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


FORMAT = TableFormat(
    title="Terminal-Bench",
    kind=_FILE,
    forms=(_FILE, f"*/{_FILE}", f"*/*/{_FILE}"),
    is_ours=_is_ours,
    licence="Apache-2.0",
    rows=_rows,
    repeats="trials",
    n_first=20,
    unscored="run its harness to the end",
)
recognise = FORMAT.recognise


def read(path: Path) -> Iterator[Draft]:
    """One draft, whose prompts are the tasks; the score is the mean over a task's attempts.

    Args:
        path: a results.json, the folder of a run, or one that holds such folders.

    Raises:
        DataError: if the model is not named, or an attempt cannot be read.
    """
    files = [file for file in some_files(path, FORMAT.kind, *FORMAT.forms) if _is_ours(file)]
    if not files:
        raise DataError(f"{path} holds no results of Terminal-Bench")
    yield from FORMAT.read(path, _cells, files=files)


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
