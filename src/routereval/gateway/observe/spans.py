"""Spans of OpenTelemetry's GenAI conventions, one per request, sent to a collector.

A request that came with ``traceparent`` is a part of its client's trace. Nothing that was said goes
into a span: no prompt, no answer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from routereval.errors import MissingDependencyError
from routereval.gateway.config import TelemetryConfig
from routereval.gateway.protocols import LogEntry

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

_OPERATIONS = {
    "/v1/completions": "text_completion",
    "/v1/embeddings": "embeddings",
}
_LONGEST = 200
_NANO = 1e9


class Spans:
    """Makes a span of each request when it is over; see `protocols.Observer`.

    Args:
        settings: where spans go, and what the service is called.
        exporter: what sends them; one for OTLP over HTTP unless given.

    Raises:
        MissingDependencyError: if the extra is not installed.
    """

    def __init__(self, settings: TelemetryConfig, exporter: SpanExporter | None = None) -> None:
        self._provider = _provider(settings, exporter)
        self._tracer = self._provider.get_tracer("routereval")

    def record(self, entry: LogEntry) -> None:
        """Make a span of a request that is over; a thread of its own sends it."""
        from opentelemetry.trace import SpanKind, Status, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        parent = TraceContextTextMapPropagator().extract({"traceparent": entry.traceparent})
        span = self._tracer.start_span(
            f"{operation_of(entry)} {entry.asked[:_LONGEST]}".rstrip(),
            parent,
            SpanKind.SERVER,
            span_attributes(entry),
            start_time=round(entry.time * _NANO),
        )
        if entry.error:
            span.set_status(Status(StatusCode.ERROR, entry.error))
        span.end(round((entry.time + entry.total_s) * _NANO))

    async def close(self) -> None:
        """Send what is left."""
        await asyncio.to_thread(self._provider.shutdown)


def operation_of(entry: LogEntry) -> str:
    """What was asked for, in the words of the conventions.

    >>> operation_of(LogEntry("r", 0.0, path="/v1/chat/completions"))
    'chat'
    """
    return _OPERATIONS.get(entry.path, "chat")


def span_attributes(entry: LogEntry) -> dict[str, Any]:
    """The attributes of a request's span; what is not known is left out."""
    decision = entry.decision
    held = {
        "gen_ai.operation.name": operation_of(entry),
        "gen_ai.provider.name": "routereval",
        "gen_ai.request.model": entry.asked[:_LONGEST],
        "gen_ai.response.model": entry.model,
        "gen_ai.response.id": entry.request_id,
        "gen_ai.conversation.id": entry.conversation,
        "gen_ai.usage.input_tokens": entry.usage.tokens_in,
        "gen_ai.usage.output_tokens": entry.usage.tokens_out,
        "gen_ai.usage.cache_read.input_tokens": entry.usage.cached,
        "error.type": entry.error,
        "http.route": entry.path,
        "http.response.status_code": entry.status,
        "routereval.key": entry.key,
        "routereval.router": entry.router,
        "routereval.reason": entry.reason,
        "routereval.choice": decision.model if decision is not None else "",
        "routereval.deployment": entry.deployment,
        "routereval.rules": entry.rules,
        "routereval.attempts": tuple(
            f"{one.model}: {one.error or 'answered'}" for one in entry.attempts
        ),
        "routereval.cost_usd": entry.usd,
        "routereval.first_byte_s": entry.first_byte_s,
    }
    return {name: _plain(value) for name, value in held.items() if value}


def _plain(value: object) -> object:
    """A text without what UTF-8 has no bytes for."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return value


def _provider(settings: TelemetryConfig, exporter: SpanExporter | None) -> TracerProvider:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise MissingDependencyError.of("opentelemetry-sdk", "otel") from None
    provider = TracerProvider(
        resource=Resource.create({"service.name": settings.service}), shutdown_on_exit=False
    )
    sender = exporter or OTLPSpanExporter(settings.endpoint)
    provider.add_span_processor(BatchSpanProcessor(sender))
    return provider
