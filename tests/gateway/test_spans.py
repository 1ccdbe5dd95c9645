"""Spans for OpenTelemetry: one per request, of the client's trace, without its words."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk")
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from routereval.gateway.config import TelemetryConfig
from routereval.gateway.observe.spans import Spans, span_attributes
from routereval.gateway.protocols import LogEntry
from tests.gateway.loop import in_loop
from tests.gateway.stubs import Asked, Stub, rig

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@in_loop
async def test_a_request_is_a_span_of_its_clients_trace() -> None:
    kept = InMemorySpanExporter()
    messages = [{"role": "user", "content": "prove the secret lemma"}]
    async with rig(observers=(Spans(TelemetryConfig("x", "gate"), kept),)) as at:
        sent = {"model": "auto", "messages": messages}
        parent = f"00-{TRACE}-00f067aa0ba902b7-01"
        await at.post("/v1/chat/completions", sent, traceparent=parent)
        await at.ask("prove it", "no-such-model")
        spent = at.told[0].total_s
    spans = {span.name: span for span in kept.get_finished_spans()}
    first, second = spans["chat auto"], spans["chat no-such-model"]
    held: dict[str, Any] = dict(first.attributes or {})
    assert f"{first.context.trace_id:032x}" == TRACE
    assert first.parent is not None
    assert held["gen_ai.request.model"] == "auto"
    assert held["gen_ai.response.model"] == "euclid"
    assert held["gen_ai.usage.input_tokens"] == 7
    assert held["gen_ai.usage.output_tokens"] == 5
    assert held["routereval.attempts"] == ("euclid: answered",)
    assert "secret" not in first.to_json()
    assert first.resource.attributes["service.name"] == "gate"
    assert (first.end_time or 0) - (first.start_time or 0) == pytest.approx(spent * 1e9, abs=1e4)
    assert second.status.status_code is StatusCode.ERROR
    assert dict(second.attributes or {})["error.type"] == "model_not_found"
    assert second.parent is None


def test_what_is_not_known_is_left_out() -> None:
    found = span_attributes(LogEntry("r", 0.0, path="/v1/embeddings", asked="\ud800"))
    assert found == {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "routereval",
        "gen_ai.request.model": "\\ud800",
        "gen_ai.response.id": "r",
        "http.route": "/v1/embeddings",
    }


@pytest.mark.slow
@in_loop
async def test_a_collector_gets_them() -> None:
    async def take(asked: Asked) -> None:
        await asked.reply(200, b"", content_type="application/x-protobuf")

    collector = Stub(take)
    async with collector.running():
        port = collector.port
        telemetry = {"endpoint": f"http://127.0.0.1:{port}/v1/traces"}
        async with rig(telemetry=telemetry) as at:
            await at.ask("prove it")
    await asyncio.sleep(0)
    (asked,) = collector.asked
    assert asked.path == "/v1/traces"
    assert b"gen_ai.response.model" in asked.body
    assert b"euclid" in asked.body
