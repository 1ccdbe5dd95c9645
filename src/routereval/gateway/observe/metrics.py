"""Metrics for Prometheus: requests, errors, fallbacks, latencies, tokens and money.

All of it is in a registry of its own. Where the environment variable ``PROMETHEUS_MULTIPROC_DIR``
names a folder, prometheus_client keeps values in files there, and `Metrics.text` then adds up those
of all processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary
from prometheus_client.exposition import generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from routereval.gateway.protocols import LogEntry

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""Seconds, as Prometheus's clients have them, with longer ones: models take their time."""
_DECISION_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1)
AT_A_TIME = 32
"""Requests that are counted together, which is cheaper than one by one."""
LATEST_S = 0.01
"""After how long a request is counted, so that other workers of its machine can tell of it."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


M = TypeVar("M", Counter, Histogram)


class _Labelled(Generic[M]):
    """A metric whose children are looked up once: prometheus_client checks labels each time."""

    def __init__(self, metric: M) -> None:
        self._metric: M = metric
        self._children: dict[tuple[object, ...], M] = {}

    def labels(self, *values: object) -> M:
        """The metric of these labels."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = self._metric.labels(*values)
        return child


Sums = dict[tuple[_Labelled[Counter], tuple[object, ...]], float]
"""What is to be added to series: by counter and labels."""


class Metrics:
    """Counts every request when it is over; see `protocols.Observer`.

    >>> metrics = Metrics()
    >>> metrics.record(LogEntry("r", 0.0, model="llama", status=200, usd=0.5))
    >>> [line for line in metrics.text().splitlines() if line.startswith("routereval_requests")]
    ['routereval_requests_total{model="llama",status="200"} 1.0']
    """

    def __init__(self) -> None:
        self._entries: list[LogEntry] = []
        self._registry = CollectorRegistry(auto_describe=False)
        counter, registry = self._counter, self._registry
        self._requests = counter("requests", "Requests by who answered.", "model", "status")
        self._errors = counter("errors", "Errors that clients got.", "code")
        self._upstream_errors = counter("upstream_errors", "Errors of upstreams.", "model")
        self._fallbacks = counter(
            "fallbacks", "Requests answered by another model than chosen.", "chosen", "model"
        )
        self._switches = counter("switches", "Conversations that went to another model.", "model")
        self._cold_usd = counter(
            "cold_cache_usd", "USD of prompts that a switch read anew.", "model"
        )
        self._choices = counter("choices", "Choices of routers.", "router", "model")
        self._rules = counter("rules", "Requests under rules of the gateway.", "rule")
        self._tokens = counter("tokens", "Tokens as upstreams count.", "model", "direction")
        self._usd = counter("spend_usd", "USD by configured prices.", "model", "key")
        self._estimated_usd = counter(
            "spend_estimated_usd",
            "USD of that for tokens that no upstream told, and for answers that nobody got.",
            "model",
            "key",
        )
        self._feedback = Summary(
            "routereval_feedback_score", "Scores of answers, by feedback.", registry=registry
        )
        seconds = Histogram(
            "routereval_request_seconds",
            "Seconds from request to last byte.",
            ["model"],
            buckets=BUCKETS,
            registry=registry,
        )
        self._seconds = _Labelled(seconds)
        self._decisions = Histogram(
            "routereval_decision_seconds",
            "Seconds from request to decision.",
            buckets=_DECISION_BUCKETS,
            registry=registry,
        )
        self._cooldown = Gauge(
            "routereval_cooldown",
            "1 for an upstream that is left alone for a while, if only by some clients.",
            ["model"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._in_flight = Gauge(
            "routereval_in_flight",
            "Requests under way.",
            registry=registry,
            multiprocess_mode="livesum",
        )

    def record(self, entry: LogEntry) -> None:
        """Count a request, with others: `AT_A_TIME`, after `LATEST_S`, or as soon as one looks."""
        self._entries.append(entry)
        if len(self._entries) >= AT_A_TIME:
            self._count_entries()
        elif len(self._entries) == 1:
            with contextlib.suppress(
                RuntimeError
            ):  # there is no loop: it is counted when looked at
                asyncio.get_running_loop().call_later(LATEST_S, self._count_entries)

    def _count_entries(self) -> None:
        """Count what was recorded: the sum of each series is added once."""
        entries, self._entries = self._entries, []
        sums: Sums = {}
        for entry in entries:
            self._add(entry, sums)
        for (counter, labels), amount in sums.items():
            counter.labels(*labels).inc(amount)

    def _add(self, entry: LogEntry, sums: Sums) -> None:
        model = entry.model
        _add(sums, self._requests, 1, model, entry.status)
        for rule in entry.rules:
            _add(sums, self._rules, 1, rule)
        if entry.error:
            _add(sums, self._errors, 1, entry.error)
        self._add_attempts(entry, sums)
        if entry.decision is not None:
            _add(sums, self._choices, 1, entry.router, entry.decision.model)
            self._decisions.observe(entry.decided_s)
            if model and model != entry.decision.model:
                _add(sums, self._fallbacks, 1, entry.decision.model, model)
        if entry.switch is not None:
            _add(sums, self._switches, 1, model)
            _add(sums, self._cold_usd, max(entry.switch.cold_usd, 0.0), model)
        if model:
            self._add_answer(entry, sums)

    def _add_attempts(self, entry: LogEntry, sums: Sums) -> None:
        for attempt in entry.attempts:
            if attempt.error:
                _add(sums, self._upstream_errors, 1, attempt.model)
            if attempt.lost_usd:
                _add(sums, self._usd, attempt.lost_usd, attempt.model, entry.key)
                _add(sums, self._estimated_usd, attempt.lost_usd, attempt.model, entry.key)

    def feedback(self, score: float) -> None:
        """Count a feedback."""
        self._feedback.observe(score)

    def gauges(self, resting: Mapping[str, bool], in_flight: int) -> None:
        """Take note of how things are.

        Args:
            resting: for each upstream whether it is left alone for a while.
            in_flight: requests that are under way.
        """
        self._count_entries()
        for model, rests in resting.items():
            self._cooldown.labels(model).set(rests)
        self._in_flight.set(in_flight)

    def text(self) -> str:
        """All of it in Prometheus's text format."""
        self._count_entries()
        return generate_latest(_Exposed(self._collected())).decode()

    def _add_answer(self, entry: LogEntry, sums: Sums) -> None:
        model, usage = entry.model, entry.usage
        _add(sums, self._tokens, usage.tokens_in, model, "in")
        _add(sums, self._tokens, usage.tokens_out, model, "out")
        usd = max(entry.usd - entry.lost_usd, 0.0)
        _add(sums, self._usd, usd, model, entry.key)
        if usage.estimated:
            _add(sums, self._estimated_usd, usd, model, entry.key)
        self._seconds.labels(model).observe(entry.total_s)

    def _counter(self, name: str, meaning: str, *labels: str) -> _Labelled[Counter]:
        return _Labelled(Counter(f"routereval_{name}", meaning, labels, registry=self._registry))

    def _collected(self) -> CollectorRegistry:
        """This process's registry, or one that reads the files of all processes."""
        if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            return self._registry
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return registry


def _add(sums: Sums, counter: _Labelled[Counter], amount: float, *labels: object) -> None:
    series = (counter, labels)
    sums[series] = sums.get(series, 0) + amount


class _Exposed:
    """A registry without the times at which its series began, which nobody asks for."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        for family in self._registry.collect():
            family.samples = [s for s in family.samples if not s.name.endswith("_created")]
            yield family
