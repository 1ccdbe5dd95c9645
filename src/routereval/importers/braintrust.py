"""Braintrust: the events of experiments, as exported or fetched.

An event is ``{id, experiment_id, span_id, root_span_id, is_root, input, output, expected, scores:
{name: number}, metadata: {model}, metrics: {start, end, prompt_tokens, completion_tokens}, error,
origin}``; the root of a trace has the scores, the spans below it of type ``llm`` the calls. Fields
after the package ``braintrust`` (``ExperimentEvent``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from routereval.importers.eval_logs import first_files
from routereval.importers.importer import Importer
from routereval.importers.rows import axis_in, some_files
from routereval.importers.run_answers import part_of
from routereval.importers.scale import Rescale
from routereval.importers.scored_calls import (
    Call,
    asked_text,
    first_row,
    first_text,
    objects_in,
)
from routereval.importers.traces import Span, drafts_of_traces, model_of, with_objects
from routereval.records.draft import Draft

_PATTERNS = tuple(f"{folder}*.{end}" for folder in ("", "*/") for end in ("jsonl", "json", "csv"))
_OBJECTS = ("input", "scores", "metadata", "metrics", "origin", "span_attributes")
_TOKENS = {
    "tokens_in": "prompt_tokens",
    "tokens_out": "completion_tokens",
    "tokens_cached": "prompt_cached_tokens",
    "tokens_reasoning": "completion_reasoning_tokens",
}
_COSTS = ("estimated_cost", "cost")

_Row = Mapping[str, Any]


def recognise(path: Path) -> bool:
    """True for such a file, or a folder with one at most one folder down."""
    return any(map(_is_ours, first_files(path, *_PATTERNS)))


def read(path: Path, *, score: str | None = None, rescale: Rescale = False) -> Iterator[Draft]:
    """One draft; an experiment whose events name no model is itself what was tried.

    Args:
        path: a file of events, or a folder of them.
        score: which score counts, in order of preference, where there are several.
        rescale: the scale of the scores, or True for the range that is observed.

    Raises:
        DataError: if there is no score, several and none chosen, or rows cannot be read.
    """
    yield from drafts_of_traces(
        path,
        filter(_is_ours, some_files(path, "events of Braintrust", *_PATTERNS)),
        _events,
        lambda event: first_text(event.get("root_span_id")),
        _calls,
        score=score,
        rescale=rescale,
        unscored="give the experiment's scores: its root spans have them",
    )


def _is_ours(file: Path) -> bool:
    keys = _keys(first_row(file))
    return {"input", "scores"} <= keys and bool(keys & {"experiment_id", "root_span_id", "span_id"})


def _keys(row: _Row) -> set[str]:
    """The fields of a row; of a fetched page those of its first event."""
    events = objects_in(row.get("events"))
    return set(events[0] if events else row)


def _events(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The event that a row is, or those of a fetched page."""
    for event in objects_in(row.get("events")) or [row]:
        yield with_objects(event, _OBJECTS)


def _calls(events: Sequence[Span]) -> Iterator[Call]:
    """The call of a trace: its root has the scores, the spans below it the model and its tokens."""
    roots = [event for event in events if _is_root(event.row)] or list(events[:1])
    for file, line, root in roots:
        below = [row for _, _, row in events if row is not root and _is_call(row)]
        own, *models = (first_text(part_of(r, "metadata", "model")) for r in (root, *below))
        scores = root.get("scores")
        yield Call(
            file,
            line,
            model_of(own, models, _experiment(file, root)),
            first_text(part_of(root, "origin", "id"), root.get("dataset_record_id")),
            asked_text(root.get("input")),
            {k: v for k, v in scores.items() if v is not None} if isinstance(scores, dict) else {},
            failed=bool(root.get("error")),
            cost=_total(root, below, _COSTS),
            axes=_axes(root, below),
        )


def _is_root(row: _Row) -> bool:
    if row.get("is_root") is not None:
        return row["is_root"] in (True, "true", "True")
    return not row.get("span_id") or row.get("span_id") == row.get("root_span_id")


def _is_call(row: _Row) -> bool:
    return bool(part_of(row, "span_attributes", "type") == "llm")


def _experiment(file: Path, row: _Row) -> str:
    return first_text(row.get("experiment_name"), part_of(row, "experiment", "name"), file.stem)


def _axes(root: _Row, below: Sequence[_Row]) -> dict[str, object]:
    start, end = (_metric(root, (key,)) for key in ("start", "end"))
    totals = {axis: _total(root, below, (key,)) for axis, key in _TOKENS.items()}
    axes: dict[str, object] = {axis: n for axis, n in totals.items() if n is not None}
    if start is not None and end is not None and end >= start:
        axes["latency_ms"] = (end - start) * 1000
    return axes


def _total(root: _Row, below: Sequence[_Row], keys: Sequence[str]) -> float | None:
    """The sum of a metric over the calls below a root; its own where no call has it."""
    found = [number for row in below if (number := _metric(row, keys)) is not None]
    return sum(found) if found else _metric(root, keys)


def _metric(row: _Row, keys: Sequence[str]) -> float | None:
    """The first of some metrics that a span has; None if it has none."""
    numbers = (axis_in(part_of(row, "metrics", key)) for key in keys)
    return next((n for n in numbers if n is not None and not math.isnan(n)), None)


def _sampled(model: str, question: int, score: float) -> list[dict[str, Any]]:
    span = f"{model}{question}"
    return [
        {
            "id": span,
            "experiment_id": f"e-{model}",
            "span_id": span,
            "root_span_id": span,
            "is_root": True,
            "input": {"question": f"What is {question}?"},
            "output": "x",
            "expected": "x",
            "scores": {"correct": score},
            "metadata": {},
            "metrics": {"start": 1700000000.0, "end": 1700000000.5},
            "span_attributes": {"name": "eval", "type": "eval"},
        },
        {
            "id": f"{span}-call",
            "experiment_id": f"e-{model}",
            "span_id": f"{span}-call",
            "root_span_id": span,
            "is_root": False,
            "input": [{"role": "user", "content": f"What is {question}?"}],
            "scores": None,
            "metadata": {"model": model},
            "metrics": {"prompt_tokens": 30, "completion_tokens": 2, "estimated_cost": 0.001},
            "span_attributes": {"name": "chat", "type": "llm"},
        },
    ]


SAMPLE = {
    f"{model}.jsonl": [
        event for n, score in enumerate(scores) for event in _sampled(model, n, score)
    ]
    for model, scores in {"a": (1, 0), "b": (0.5, 1)}.items()
}

IMPORTER = Importer(
    name="braintrust",
    summary="Braintrust: events of experiments, JSON, JSON Lines or CSV",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
