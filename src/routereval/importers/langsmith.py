"""LangSmith: runs with the feedback on them, as listed, exported, or fetched with their examples.

A run is ``{id, trace_id, parent_run_id, run_type, inputs, reference_example_id, session_name,
feedback_stats: {key: {n, avg}}, prompt_tokens, completion_tokens, total_cost, start_time, end_time,
error, extra: {metadata: {ls_model_name}}}``; an example fetched with its runs has them in
``runs``. Fields after the package ``langsmith`` (``schemas.Run``). Comparisons downloaded as CSV
are plain tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from routereval.importers.axis_fields import milliseconds
from routereval.importers.eval_logs import first_files
from routereval.importers.importer import Importer
from routereval.importers.rows import some_files
from routereval.importers.run_answers import part_of
from routereval.importers.scale import Rescale
from routereval.importers.scored_calls import (
    Call,
    asked_text,
    first_row,
    first_text,
    json_in,
    objects_in,
)
from routereval.importers.traces import Span, drafts_of_traces, model_of, with_objects
from routereval.records.draft import Draft

_PATTERNS = tuple(
    f"{folder}*.{end}" for folder in ("", "*/") for end in ("jsonl", "json", "csv", "parquet")
)
_OBJECTS = ("inputs", "outputs", "extra", "feedback_stats", "metadata")
_RUN = {"run_type", "inputs", "trace_id"}
_TOKENS = {"tokens_in": "prompt_tokens", "tokens_out": "completion_tokens"}
_MODEL = ("ls_model_name", "model", "model_name")

_Row = dict[str, Any]


def recognise(path: Path) -> bool:
    """True for such a file, or a folder with one at most one folder down."""
    return any(map(_is_ours, first_files(path, *_PATTERNS)))


def read(path: Path, *, score: str | None = None, rescale: Rescale = False) -> Iterator[Draft]:
    """One draft; an experiment whose runs name no model is itself what was tried.

    Args:
        path: a file of runs, or a folder of them.
        score: which feedback counts, in order of preference, where there are several.
        rescale: the scale of the scores, or True for the range that is observed.

    Raises:
        DataError: if there is no feedback, several and none chosen, or rows cannot be read.
    """
    yield from drafts_of_traces(
        path,
        filter(_is_ours, some_files(path, "runs of LangSmith", *_PATTERNS)),
        _runs,
        lambda run: first_text(run.get("trace_id"), run.get("id")),
        _calls,
        score=score,
        rescale=rescale,
        unscored="list the runs with their feedback_stats",
    )


def _is_ours(file: Path) -> bool:
    row = first_row(file)
    within = objects_in(json_in(row.get("runs")))
    alone = bool(_RUN & set(row)) and "feedback_stats" in row
    return alone or any("feedback_stats" in run for run in within)


def _runs(row: _Row) -> Iterator[_Row]:
    """The runs of a row: itself, or those of an example, which has what was asked."""
    within = objects_in(json_in(row.get("runs")))
    for run in within or [row]:
        held = with_objects(run, _OBJECTS)
        if within:
            held.setdefault("reference_example_id", row.get("id"))
            held["inputs"] = json_in(row.get("inputs")) or held.get("inputs")
        yield held
        for child in objects_in(held.get("child_runs")):
            yield {"trace_id": held.get("trace_id") or held.get("id"), **child}


def _calls(runs: Sequence[Span]) -> Iterator[Call]:
    """The calls of a trace: runs with feedback, with the model of those below that called one."""
    models = [_model(run) for _, _, run in runs]
    for file, line, run in runs:
        scores = _scores(run)
        if not scores and run.get("parent_run_id"):
            continue
        yield Call(
            file,
            line,
            model_of(_model(run), models, _experiment(run)),
            first_text(run.get("reference_example_id")),
            asked_text(run.get("inputs")),
            scores,
            failed=bool(run.get("error")),
            cost=run.get("total_cost"),
            axes={
                **{axis: run.get(key) for axis, key in _TOKENS.items()},
                "latency_ms": milliseconds(run.get("start_time"), run.get("end_time")),
            },
        )


def _model(run: _Row) -> str:
    about = part_of(run, "extra", "metadata") or run.get("metadata")
    return first_text(*(part_of(about, key) for key in _MODEL))


def _experiment(run: _Row) -> str:
    return first_text(run.get("session_name"), run.get("session_id"))


def _scores(run: _Row) -> dict[str, object]:
    """The mean feedback of each kind; that of categories alone has none."""
    stats = run.get("feedback_stats")
    means = (
        {key: part_of(held, "avg") for key, held in stats.items()}
        if isinstance(stats, dict)
        else {}
    )
    return {key: mean for key, mean in means.items() if mean is not None}


def _sampled(model: str, question: int, score: float) -> _Row:
    return {
        "id": f"{model}-{question}",
        "trace_id": f"{model}-{question}",
        "parent_run_id": None,
        "name": "Target",
        "run_type": "llm",
        "start_time": "2025-07-01T10:00:00+00:00",
        "end_time": "2025-07-01T10:00:00.500000+00:00",
        "inputs": {"messages": [{"role": "user", "content": f"What is {question}?"}]},
        "outputs": {"answer": "x"},
        "error": None,
        "reference_example_id": f"example-{question}",
        "session_name": f"{model}-experiment",
        "extra": {"metadata": {"ls_model_name": model}},
        "feedback_stats": {"correctness": {"n": 1, "avg": score}},
        "prompt_tokens": 30,
        "completion_tokens": 2,
        "total_cost": "0.001",
    }


SAMPLE = {
    "runs.jsonl": [
        _sampled(model, question, score)
        for model, scores in {"a": (1, 0), "b": (0.5, 1)}.items()
        for question, score in enumerate(scores)
    ]
}

IMPORTER = Importer(
    name="langsmith",
    summary="LangSmith: runs with feedback_stats, or examples with their runs",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
