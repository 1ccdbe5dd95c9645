"""OpenAI Evals: the record that ``oaieval`` writes, a JSON Lines file per run.

Its first line is the ``spec`` (``eval_name``, ``completion_fns``); then come events with
``sample_id``, ``type`` and ``data``, and a ``final_report``. The score of a sample is ``correct``
of its ``match`` events, or a field of its ``metrics``; its text is its first ``prompt`` that was
sampled.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from routereval.errors import DataError
from routereval.importers.eval_logs import (
    Mean,
    first_files,
    listed,
    names_of,
    prompt_text,
    refuse_unscored,
    reruns,
    tell_word,
    value_in,
)
from routereval.importers.importer import Importer
from routereval.importers.long_table import LongTable
from routereval.importers.rows import (
    BadRows,
    RowError,
    field_in,
    files_in,
    first_object,
    json_objects,
    name_in,
    name_of,
    text_of,
)
from routereval.importers.scale import Rescale
from routereval.records.draft import Draft

METRICS = ("correct", "score", "accuracy", "f1_score", "fuzzy_match")
"""Which field of a sample's events is its score: the first of these that the run has."""

_PATTERNS = ("*.jsonl", "*/*.jsonl")
_EVENTS = ("match", "metrics")


def recognise(path: Path) -> bool:
    """True for a record, or a folder of them, by the first line of the first files."""
    return any(map(_is_record, first_files(path, *_PATTERNS)))


def read(path: Path, *, metric: str | None = None, rescale: Rescale = False) -> Iterator[Draft]:
    """One draft per eval; several runs by one model are trials.

    Several events of a sample in one run are averaged.

    Args:
        path: a record, or a folder with records at most one folder down.
        metric: which field of ``match`` and ``metrics`` events is the score, in order of
            preference; by default `METRICS`.
        rescale: the scale of the scores, or True for the range that is observed.

    Raises:
        DataError: if there is no score, or lines cannot be read, with up to 20 listed.
    """
    files = [path] if path.is_file() else [f for f in files_in(path, *_PATTERNS) if _is_record(f)]
    if not files:
        raise DataError(
            f"{path} holds no records of OpenAI Evals; give such a .jsonl or its folder"
        )
    bad, table, n_scores = BadRows(), LongTable(rescale=rescale is True, repeats="trials"), 0
    wanted = names_of(metric) or METRICS
    for runs in reruns(((run.name, run.model), run.stamp, run) for run in _runs(files, bad)):
        for run in runs:
            n_scores += _add(table, run, _samples(run, bad), wanted, bad, rescale)
        if len(runs) > 1:
            names = ", ".join(run.file.name for run in runs)
            table.note(runs[0].name, f"{runs[0].model}: {len(runs)} runs are trials: {names}")
    bad.check()
    refuse_unscored(path, n_scores, files, "choose a field of the events with the option metric")
    yield from table.drafts(str(path), licence="MIT")


@dataclass(frozen=True)
class _Run:
    """The first line of a record."""

    file: Path
    name: str
    model: str
    stamp: str


@dataclass
class _Sample:
    """What the events of a sample come to: its values by field, with the line of the first."""

    values: dict[str, list[tuple[int, object]]] = field(default_factory=dict)
    text: str | None = None


def _is_record(file: Path) -> bool:
    spec = first_object(file).get("spec")
    return isinstance(spec, dict) and "eval_name" in spec


def _runs(files: list[Path], bad: BadRows) -> Iterator[_Run]:
    for file in files:
        spec = first_object(file).get("spec")
        with bad.row(file, 1):
            if not isinstance(spec, dict):
                raise RowError("is no 'spec', which is the first line of a record")
            stamp = text_of(spec.get("created_at")) or ""
            yield _Run(file, name_in(spec, "eval_name"), _model(spec), stamp)


def _model(spec: Mapping[str, Any]) -> str:
    """The model's name: what was asked, several joined by a comma."""
    functions = spec.get("completion_fns")
    if isinstance(functions, list) and functions:
        return ",".join(name_of(name, "a completion_fn") for name in functions)
    return name_in(spec, "model_name")  # records of 2023


def _samples(run: _Run, bad: BadRows) -> dict[str, _Sample]:
    found: dict[str, _Sample] = {}
    for line, event in json_objects(run.file, bad):
        with bad.row(run.file, line):
            if "type" in event and event.get("sample_id") is not None:
                sample = found.setdefault(name_in(event, "sample_id"), _Sample())
                _note(sample, line, field_in(event, "type"), event.get("data"))
    return found


def _note(sample: _Sample, line: int, kind: object, data: object) -> None:
    if not isinstance(data, dict):
        return
    if kind == "sampling" and sample.text is None:
        sample.text = prompt_text(data.get("prompt"))
    if kind in _EVENTS:
        for name, value in data.items():
            sample.values.setdefault(name, []).append((line, value))


def _add(
    table: LongTable,
    run: _Run,
    samples: Mapping[str, _Sample],
    metrics: tuple[str, ...],
    bad: BadRows,
    rescale: Rescale,
) -> int:
    """Add a run's samples; how many have a score."""
    has = {name for sample in samples.values() for name in sample.values}
    metric = next((name for name in metrics if name in has), None)
    if metric is None:
        known = f"; its fields: {listed(sorted(has))}" if has else ""
        bad.add(run.file, 0, f"has no score {' or '.join(metrics)}{known}")
        return 0
    n_scores = 0
    for name, sample in samples.items():
        mean = Mean()
        for line, value in sample.values.get(metric, ()):
            with bad.row(run.file, line):
                mean.add(_number(table, run.name, metric, value, rescale))
        n_scores += not math.isnan(mean.value)
        table.add(run.name, name, run.model, mean.value, text=sample.text)
    return n_scores


def _number(
    table: LongTable, benchmark: str, metric: str, value: object, rescale: Rescale
) -> float:
    """A score; the report says what a word became."""
    number = value_in(value, rescale=rescale, what=metric)
    tell_word(table.forms(benchmark), metric, value, number)
    return number


SAMPLE = {
    f"{model}.jsonl": [
        {
            "spec": {
                "completion_fns": [model],
                "eval_name": "toy.s1.v0",
                "base_eval": "toy",
                "run_id": "1",
                "created_at": "2023-05-01 10:00:00",
            }
        },
        *(
            {
                "run_id": "1",
                "event_id": 0,
                "sample_id": f"toy.{number}",
                "type": "match",
                "data": {"correct": right, "expected": "4", "picked": "5"},
            }
            for number, right in enumerate(answers)
        ),
        {"final_report": {"accuracy": 0.5}, "run_id": "1"},
    ]
    for model, answers in {"gpt-a": (True, False), "gpt-b": (True, True)}.items()
}

IMPORTER = Importer(
    name="openai-evals",
    summary="OpenAI Evals records: a JSONL file of events a run",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
