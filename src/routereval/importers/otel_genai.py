"""OpenTelemetry: traces of calls of models with evaluations, after the GenAI conventions.

OTLP as JSON, one export a line or a file: spans in ``resourceSpans`` with ``gen_ai.request.model``,
``gen_ai.input.messages``, ``gen_ai.usage.*``; results as events ``gen_ai.evaluation.result`` of a
span, or as records in ``resourceLogs`` that name it by its ids or by ``gen_ai.response.id``, with
``gen_ai.evaluation.name`` and ``gen_ai.evaluation.score.value``. Prompts in
``gen_ai.prompt.N.content`` (OpenLLMetry) too. Spans and results may also come one a line with plain
attributes, as Python's SDK (``to_json``) and Amazon Bedrock AgentCore write them. Repository
``open-telemetry/semantic-conventions-genai``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from routereval.importers.axis_fields import milliseconds
from routereval.importers.eval_logs import down_to, first_files
from routereval.importers.importer import Importer
from routereval.importers.rows import BadRows, axis_in, first_object, some_files, text_of
from routereval.importers.run_answers import part_of
from routereval.importers.scale import Rescale
from routereval.importers.scored_calls import (
    Call,
    asked_text,
    drafts_of_calls,
    first_text,
    json_in,
    objects_in,
)
from routereval.importers.table_files import rows_of
from routereval.records.draft import Draft

_PATTERNS = down_to(2, "*.jsonl", "*.json")
_ROOTS = ("resourceSpans", "resourceLogs")
_RESULT = "gen_ai.evaluation.result"
_NAME, _SCORE = "gen_ai.evaluation.name", "gen_ai.evaluation.score.value"
_LABEL = "gen_ai.evaluation.score.label"
_MODELS = ("gen_ai.request.model", "gen_ai.response.model")
_RESPONSE = "gen_ai.response.id"
_TOKENS = {
    "tokens_in": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    "tokens_out": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    "tokens_cached": ("gen_ai.usage.cache_read.input_tokens",),
    "tokens_reasoning": ("gen_ai.usage.reasoning.output_tokens",),
}
_PROMPT = re.compile(r"gen_ai\.prompt\.([0-9]{1,6})\.content")
_FAILED = {"2", "STATUS_CODE_ERROR", "ERROR"}
_ITEM = ("gen_ai.evaluation.case_id", "gen_ai.dataset.item.id")
_CAPTURE = (
    "record evaluations (gen_ai.evaluation.result), and what was asked: "
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true"
)

_Attributes = dict[str, Any]
_Ids = tuple[str, str]


def recognise(path: Path) -> bool:
    """True for such a file, or a folder with one at most two folders down."""
    return any(map(_is_ours, first_files(path, *_PATTERNS)))


def read(path: Path, *, score: str | None = None, rescale: Rescale = False) -> Iterator[Draft]:
    """One draft: the calls that were evaluated.

    Args:
        path: a file of OTLP as JSON, or a folder of traces and logs.
        score: which evaluation counts, in order of preference, where there are several.
        rescale: the scale of the scores, or True for the range that is observed.

    Raises:
        DataError: if there is no evaluation, several and none chosen, or lines cannot be read.
    """
    bad, held = BadRows(), _Traces()
    for file in some_files(path, "traces of OpenTelemetry (OTLP as JSON)", *_PATTERNS):
        if _is_ours(file):
            for line, row in rows_of(file, bad):
                held.add(file, line, row)
    yield from drafts_of_calls(
        path, held.calls(), bad, score=score, rescale=rescale, unscored=_CAPTURE
    )


def _is_ours(file: Path) -> bool:
    row = first_object(file)
    held = row.get("attributes")
    plain = isinstance(held, dict) and any(key.startswith("gen_ai.") for key in held)
    return plain or any(root in row for root in _ROOTS)


@dataclass
class _Traces:
    """Spans and evaluations, until all are read and can be joined."""

    spans: dict[_Ids, tuple[Path, int, Mapping[str, Any], _Attributes]] = field(
        default_factory=dict
    )
    of_response: dict[str, _Ids] = field(default_factory=dict)
    of_trace: dict[str, list[_Ids]] = field(default_factory=lambda: defaultdict(list))
    scores: dict[_Ids, dict[str, object]] = field(default_factory=lambda: defaultdict(dict))
    later: list[tuple[str, _Attributes]] = field(default_factory=list)

    def add(self, file: Path, line: int, row: Mapping[str, Any]) -> None:
        plain = [row] if isinstance(row.get("attributes"), dict) else []
        for span in (*_records(row, "resourceSpans", "scopeSpans", "spans"), *plain):
            self._add_span(file, line, span)
        for record in (*_records(row, "resourceLogs", "scopeLogs", "logRecords"), *plain):
            attributes = _attributes(record.get("attributes"))
            names = (record.get(key) for key in ("eventName", "event_name", "name"))
            if _RESULT in (*names, attributes.get("event.name")):
                self._evaluate(_ids(record), attributes)

    def _add_span(self, file: Path, line: int, span: Mapping[str, Any]) -> None:
        attributes, ids = _attributes(span.get("attributes")), _ids(span)
        is_result = _RESULT in (span.get("name"), attributes.get("event.name"))
        if any(name in attributes for name in _MODELS) and not is_result:
            self.spans[ids] = file, line, span, attributes
            self.of_trace[ids[0]].append(ids)
            if response := first_text(attributes.get(_RESPONSE)):
                self.of_response[response] = ids
        for event in objects_in(span.get("events")):
            if event.get("name") == _RESULT:
                self._evaluate(ids, _attributes(event.get("attributes")))

    def _evaluate(self, ids: _Ids, attributes: _Attributes) -> None:
        value = attributes.get(_SCORE)
        value = attributes.get(_LABEL) if value is None else value
        name = first_text(attributes.get(_NAME))
        if name and value is not None:
            self.scores[ids][name] = value
            if response := first_text(attributes.get(_RESPONSE)):
                self.later.append((response, {name: value}))

    def calls(self) -> list[Call]:
        for response, scores in self.later:
            ids = self.of_response.get(response)
            if ids is not None:
                self.scores[ids] |= scores
        for (trace, span), scores in list(self.scores.items()):
            if not span and len(self.of_trace[trace]) == 1:  # of a trace with one call
                self.scores[self.of_trace[trace][0]] |= scores
        return [
            _call(file, line, span, attributes, self.scores[ids])
            for ids, (file, line, span, attributes) in self.spans.items()
            if ids in self.scores
        ]


def _call(
    file: Path,
    line: int,
    span: Mapping[str, Any],
    attributes: _Attributes,
    scores: Mapping[str, object],
) -> Call:
    axes: dict[str, object] = {}
    for axis, names in _TOKENS.items():
        found = [attributes[name] for name in names if name in attributes]
        axes |= {axis: found[0]} if found else {}
    nanoseconds = _nanoseconds(span)
    took = milliseconds(span.get("start_time"), span.get("end_time"))
    if nanoseconds is not None or took is not None:
        axes["latency_ms"] = took if nanoseconds is None else nanoseconds / 1e6
    return Call(
        file,
        line,
        first_text(*(attributes.get(name) for name in _MODELS)),
        first_text(*(attributes.get(name) for name in _ITEM)),
        _text(span, attributes),
        scores,
        failed=_status(span) in _FAILED,
        cost=attributes.get("gen_ai.usage.cost"),
        axes=axes,
    )


def _status(span: Mapping[str, Any]) -> str:
    return str(part_of(span, "status", "code") or part_of(span, "status", "status_code"))


def _nanoseconds(span: Mapping[str, Any]) -> float | None:
    """How long a span took; None if it does not say when it began and ended."""
    try:
        took = int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])
        return float(took) if took >= 0 else None
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _text(span: Mapping[str, Any], attributes: _Attributes) -> str | None:
    """What was asked: messages with their parts, OpenLLMetry's prompts, or older events."""
    messages = json_in(attributes.get("gen_ai.input.messages"))
    if isinstance(messages, list):
        texts = [text for message in messages for text in _parts(message)]
        return "\n\n".join(texts) or None
    numbered = sorted(
        (int(match[1]), held)
        for key, held in attributes.items()
        if (match := _PROMPT.fullmatch(key)) and isinstance(held, str)
    )
    if numbered:
        return "\n\n".join(text_of(held) or "" for _, held in numbered)
    events = [
        asked_text(_attributes(event.get("attributes")).get("content"))
        for event in objects_in(span.get("events"))
        if event.get("name") in ("gen_ai.system.message", "gen_ai.user.message")
    ]
    return "\n\n".join(text for text in events if text) or None


def _parts(message: object) -> Iterator[str]:
    """The texts of a message."""
    for part in objects_in(part_of(message, "parts")):
        if part.get("type") == "text" and (text := text_of(part.get("content"))):
            yield text
    if isinstance(message, dict) and (text := text_of(message.get("content"))):
        yield text


def _records(row: Mapping[str, Any], *path: str) -> Iterator[dict[str, Any]]:
    """The objects that lie under lists of objects, level by level."""
    found = [dict(row)]
    for key in path:
        found = [inner for held in found for inner in objects_in(held.get(key))]
    yield from found


def _ids(record: Mapping[str, Any]) -> _Ids:
    """Trace and span, in hexadecimal."""
    trace, span = (
        first_text(record.get(key), record.get(plain), part_of(record, "context", plain))
        for key, plain in (("traceId", "trace_id"), ("spanId", "span_id"))
    )
    return trace.removeprefix("0x"), span.removeprefix("0x")


def _attributes(held: object) -> _Attributes:
    """Attributes by name, their values as Python's."""
    if isinstance(held, dict):
        return dict(held)
    return {
        pair["key"]: _value(pair.get("value"))
        for pair in objects_in(held)
        if isinstance(pair.get("key"), str)
    }


def _value(held: object) -> object:
    """The value of an attribute, which stands under the name of its type."""
    if not isinstance(held, dict) or len(held) != 1:
        return None
    (kind, value) = next(iter(held.items()))
    if kind == "intValue":  # 64 bits, as text
        return axis_in(value)
    if kind == "arrayValue":
        return [_value(item) for item in objects_in(part_of(value, "values"))]
    if kind == "kvlistValue":
        return _attributes(part_of(value, "values"))
    return value


def _pairs(attributes: Mapping[str, object]) -> list[dict[str, Any]]:
    kinds = {int: "intValue", float: "doubleValue", str: "stringValue"}
    return [
        {"key": key, "value": {kinds[type(value)]: str(value) if type(value) is int else value}}
        for key, value in attributes.items()
    ]


def _span(model: str, question: int) -> dict[str, Any]:
    asked = f'[{{"role": "user", "parts": [{{"type": "text", "content": "What is {question}?"}}]}}]'
    return {
        "traceId": f"t{model}",
        "spanId": f"s{model}{question}",
        "name": f"chat {model}",
        "startTimeUnixNano": "1700000000000000000",
        "endTimeUnixNano": "1700000000500000000",
        "attributes": _pairs(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": model,
                "gen_ai.input.messages": asked,
                "gen_ai.usage.input_tokens": 30,
                "gen_ai.usage.output_tokens": 2,
            }
        ),
        "status": {},
    }


def _result(score: float) -> list[dict[str, Any]]:
    return _pairs({_NAME: "correctness", _SCORE: float(score)})


SAMPLE = {
    "traces.jsonl": [
        {
            "resourceSpans": [
                {
                    "scopeSpans": [
                        {
                            "spans": [
                                {
                                    **_span("a", n),
                                    "events": [{"name": _RESULT, "attributes": _result(score)}],
                                }
                                for n, score in enumerate((1, 0))
                            ]
                        }
                    ]
                }
            ]
        },
        {"resourceSpans": [{"scopeSpans": [{"spans": [_span("b", n) for n in range(2)]}]}]},
    ],
    "logs.jsonl": [
        {
            "resourceLogs": [
                {
                    "scopeLogs": [
                        {
                            "logRecords": [
                                {
                                    "traceId": "tb",
                                    "spanId": f"sb{n}",
                                    "eventName": _RESULT,
                                    "attributes": _result(score),
                                }
                                for n, score in enumerate((0.5, 1))
                            ]
                        }
                    ]
                }
            ]
        }
    ],
}

IMPORTER = Importer(
    name="otel-genai",
    summary="OpenTelemetry GenAI traces with evaluations, OTLP as JSON",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
