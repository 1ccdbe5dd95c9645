"""Langfuse: exported observations with their scores.

Scheduled exports hold ``observations_v2/`` (or ``observations/``: ``{id, trace_id, type,
provided_model_name, input, total_cost, latency, usage_details, level}``) and ``scores/``
(``{trace_id, observation_id, name, value, data_type}``); a trace downloaded as JSON holds
``observations`` and ``scores`` in it; a table exported as CSV has columns ``scores.NAME``. Fields
after Langfuse's "Blob storage export field reference"; repository ``langfuse/langfuse``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from routereval.errors import SpecError
from routereval.importers.axis_fields import milliseconds
from routereval.importers.eval_logs import first_files
from routereval.importers.importer import Importer
from routereval.importers.rows import BadRows, axis_in, some_files
from routereval.importers.run_answers import part_of
from routereval.importers.scale import Rescale
from routereval.importers.scored_calls import (
    Call,
    asked_text,
    drafts_of_calls,
    first_row,
    first_text,
    json_in,
    objects_in,
)
from routereval.importers.table_files import rows_of
from routereval.records.draft import Draft

_ENDS = ("jsonl", "json", "csv", "parquet", "jsonl.gz", "json.gz", "csv.gz")
_FOLDERS = ("observations_v2/**/", "observations/**/", "scores/**/", "traces/**/")
_PATTERNS = tuple(f"{folder}*.{end}" for folder in (*_FOLDERS, "") for end in _ENDS)
_COLUMN = "scores."
_USAGE = {
    "tokens_in": ("input",),
    "tokens_out": ("output",),
    "tokens_cached": ("input_cached_tokens", "cache_read_input_tokens"),
    "tokens_reasoning": ("reasoning_tokens", "output_reasoning_tokens"),
}
_TIMES = (("start_time", "startTime"), ("end_time", "endTime"))
_LONG_S = 300.0
_NUMBERS = {"", "NUMERIC", "BOOLEAN"}
_ITEM = ("dataset_item_id", "datasetItemId", "experiment_item_id")

_Row = Mapping[str, Any]


def recognise(path: Path) -> bool:
    """True for such a file, or a folder that holds an export."""
    return any(map(_is_ours, first_files(path, *_PATTERNS)))


def read(
    path: Path, *, score: str | None = None, latency: str = "s", rescale: Rescale = False
) -> Iterator[Draft]:
    """One draft: the generations that were scored, or whose trace calls one model only.

    Args:
        path: a file, or the folder that holds ``observations_v2/`` and ``scores/``.
        score: which score counts, in order of preference, where there are several.
        latency: ``s`` or ``ms``: what `latency` counts where an observation has no times of its
            start and end, which say it themselves.
        rescale: the scale of the scores, or True for the range that is observed.

    Raises:
        DataError: if there is no score, several and none chosen, or rows cannot be read.
        SpecError: if `latency` is neither.
    """
    if latency not in {"s", "ms"}:
        raise SpecError(f"latency {latency!r} should be s or ms")
    bad, held = BadRows(), _Export(1000.0 if latency == "s" else 1.0)
    for file in some_files(path, "export of Langfuse", *_PATTERNS):
        if path == file or _is_ours(file):
            for line, row in rows_of(file, bad):
                held.add(file, line, row)
    calls = [call for part in held.parts() for call in part]
    for draft in drafts_of_calls(
        path,
        calls,
        bad,
        score=score,
        rescale=rescale,
        unscored="export the scores too; only NUMERIC and BOOLEAN ones are read",
    ):
        yield replace(draft, warnings=[*draft.warnings, *held.warnings()])


def _is_ours(file: Path) -> bool:
    keys = set(first_row(file))
    return (
        {"trace_id", "provided_model_name"} <= keys
        or {"trace_id", "observation_id", "name", "value"} <= keys
        or {"observations", "scores"} <= keys
        or ("model" in keys and any(key.startswith(_COLUMN) for key in keys))
    )


@dataclass
class _Export:
    """The rows of an export, until all are read and can be joined.

    Attributes:
        unit: how many milliseconds a latency of 1 is, where no times tell it.
    """

    unit: float
    unsure: list[float] = field(default_factory=list)
    unread: Counter[tuple[str, str]] = field(default_factory=Counter)
    observations: dict[str, tuple[Path, int, _Row]] = field(default_factory=dict)
    of_trace: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    scores: list[_Row] = field(default_factory=list)
    wide: list[Call] = field(default_factory=list)

    def add(self, file: Path, line: int, row: _Row) -> None:
        trace = row.get("trace") if isinstance(row.get("trace"), dict) else row
        nested = objects_in(row.get("observations")) or objects_in(part_of(trace, "observations"))
        if nested or isinstance(row.get("observations"), list):
            of = first_text(part_of(trace, "id"))
            for observation in nested:
                self._observe(file, line, {"trace_id": of, **observation})
            found = objects_in(row.get("scores")) or objects_in(part_of(trace, "scores"))
            self.scores += [{"trace_id": of, **score} for score in found]
        elif "value" in row and "name" in row:
            self.scores.append(row)
        elif any(key.startswith(_COLUMN) for key in row):
            self.wide.append(_call(file, line, row, _scores_beside(row), self._latency(row)))
        elif "trace_id" in row or "traceId" in row:
            self._observe(file, line, row)

    def _observe(self, file: Path, line: int, row: _Row) -> None:
        name = first_text(row.get("id"))
        if name and _model(row):
            self.observations[name] = file, line, row
            self.of_trace[_trace(row)].append(name)

    def parts(self) -> Iterator[list[Call]]:
        """The calls of tables, those with scores, and those of traces that call several models."""
        yield self.wide
        scored: dict[str, dict[str, object]] = defaultdict(dict)
        for score in self.scores:
            kind = first_text(score.get("data_type"), score.get("dataType"))
            if kind not in _NUMBERS:
                self.unread[first_text(score.get("name")), kind] += 1
            else:
                for name in self._scored(score):
                    scored[name][first_text(score.get("name"))] = score.get("value")
        yield [
            _call(file, line, row, scored[name], self._latency(row))
            for name, (file, line, row) in self.observations.items()
            if name in scored
        ]

    def _latency(self, row: _Row) -> float | None:
        """Milliseconds from start to end, else the latency in the unit that is given."""
        elapsed = _elapsed(*(row.get(snake) or row.get(camel) for snake, camel in _TIMES))
        if elapsed is not None and elapsed > 0:
            return elapsed
        given = axis_in(row.get("latency"))
        if given is None or not given > 0:
            return given
        self.unsure.append(given)
        return given * self.unit

    def warnings(self) -> Iterator[str]:
        """Warnings of scores that are no numbers, and of latencies that are hardly seconds."""
        for (name, kind), n in self.unread.items():
            yield f"left out: {n:,} scores {name!r} of type {kind}, which are no numbers"
        middle = median(self.unsure) if self.unsure and self.unit > 1 else 0.0
        if middle > _LONG_S:
            yield (
                f"half of the latencies exceed {middle:.0f} and are taken for seconds, as recent "
                "exports have them; -O latency=ms takes them for milliseconds"
            )

    def _scored(self, score: _Row) -> list[str]:
        """The observation that a score is of; that of a whole trace is its one generation's."""
        own = first_text(score.get("observation_id"), score.get("observationId"))
        if own:
            return [own] if own in self.observations else []
        names = self.of_trace.get(_trace(score), [])
        return names if len(names) == 1 else []


def _elapsed(start: object, end: object) -> float | None:
    """Milliseconds between two times, written as such or as seconds, ms or µs since 1970."""
    since, until = axis_in(start), axis_in(end)
    if not since or not until:
        return milliseconds(str(start), str(end))
    return (until - since) * (1000.0 if since < 1e11 else 1.0 if since < 1e14 else 0.001)


def _trace(row: _Row) -> str:
    return first_text(row.get("trace_id"), row.get("traceId"))


def _model(row: _Row) -> str:
    names = ("provided_model_name", "providedModelName", "model")
    return first_text(*(row.get(name) for name in names))


def _call(
    file: Path, line: int, row: _Row, scores: Mapping[str, object], latency_ms: float | None
) -> Call:
    usage = json_in(row.get("usage_details") or row.get("usageDetails"))
    details = {
        axis: next((part_of(usage, key) for key in keys if part_of(usage, key) is not None), None)
        for axis, keys in _USAGE.items()
    }
    costs = (row.get(key) for key in ("total_cost", "totalCost", "calculatedTotalCost"))
    known = {axis: number for axis, number in details.items() if number is not None}
    about = json_in(row.get("metadata"))
    return Call(
        file,
        line,
        _model(row),
        first_text(*(row.get(key) or part_of(about, key) for key in _ITEM)),
        asked_text(row.get("input")),
        scores,
        failed=row.get("level") == "ERROR",
        cost=next((cost for cost in costs if cost not in (None, "")), None),
        axes={**({} if latency_ms is None else {"latency_ms": latency_ms}), **known},
    )


def _scores_beside(row: _Row) -> dict[str, object]:
    """The scores of a row that has a column for each."""
    return {
        key.removeprefix(_COLUMN): cell
        for key, cell in row.items()
        if key.startswith(_COLUMN) and cell not in (None, "")
    }


def _observation(trace: str, model: str, question: str) -> dict[str, Any]:
    return {
        "id": f"o-{trace}",
        "trace_id": trace,
        "type": "GENERATION",
        "level": "DEFAULT",
        "input": f'[{{"role": "user", "content": "{question}"}}]',
        "provided_model_name": model,
        "usage_details": {"input": 30, "output": 2, "total": 32},
        "total_cost": 0.001,
        "latency": 0.5,
    }


_CALLS = [(f"t{n}", model, f"q{n // 2}?") for n, model in enumerate(("a", "b", "a", "b"))]
SAMPLE = {
    "observations_v2/1.jsonl": [_observation(*call) for call in _CALLS],
    "scores/1.jsonl": [
        {
            "id": f"s-{trace}",
            "trace_id": trace,
            "observation_id": f"o-{trace}" if n % 2 else None,
            "name": "correctness",
            "value": value,
            "data_type": "NUMERIC",
        }
        for n, ((trace, _, _), value) in enumerate(zip(_CALLS, (1, 0, 0.5, 1), strict=True))
    ],
}

IMPORTER = Importer(
    name="langfuse",
    summary="Langfuse: exported observations and scores, or a table with a column per score",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
