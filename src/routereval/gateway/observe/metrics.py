"""What Prometheus may ask for: counts of requests, answers, faults, tokens and money."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from routereval.gateway.protocols import LogEntry

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""Seconds, as Prometheus's clients have them, with longer ones: LLMs take their time."""
_DECISION = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[str, ...]


class Histogram:
    """Counts of values up to each bound.

    >>> histogram = Histogram((0.1, 1.0))
    >>> for value in (0.05, 0.1, 0.5, 7):
    ...     histogram.add(value)
    >>> histogram.cumulative(), histogram.count
    ([2, 3], 4)
    """

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.counts)

    def cumulative(self) -> list[int]:
        """How many there were up to each bound."""
        total, found = 0, []
        for count in self.counts[:-1]:
            total += count
            found.append(total)
        return found


class Metrics:
    """Counts every request when it is over; see `protocols.Observer`. One worker's own.

    >>> metrics = Metrics()
    >>> metrics.record(LogEntry("r", 0.0, model="llama", status=200, usd=0.5))
    >>> [line for line in metrics.text().splitlines() if line.startswith("routereval_requests")]
    ['routereval_requests_total{model="llama",status="200"} 1']
    """

    def __init__(self) -> None:
        self._requests: defaultdict[Labels, float] = defaultdict(float)
        self._errors: defaultdict[Labels, float] = defaultdict(float)
        self._faults: defaultdict[Labels, float] = defaultdict(float)
        self._fallbacks: defaultdict[Labels, float] = defaultdict(float)
        self._choices: defaultdict[Labels, float] = defaultdict(float)
        self._tokens: defaultdict[Labels, float] = defaultdict(float)
        self._usd: defaultdict[Labels, float] = defaultdict(float)
        self._feedback: defaultdict[Labels, float] = defaultdict(float)
        self._seconds: dict[str, Histogram] = {}
        self._decisions = Histogram(_DECISION)

    async def open(self) -> None:
        """Nothing to prepare."""

    async def close(self) -> None:
        """Nothing to keep."""

    def record(self, entry: LogEntry) -> None:
        """Count a request."""
        model = entry.model
        self._requests[model, str(entry.status)] += 1
        if entry.error:
            self._errors[(entry.error,)] += 1
        for attempt in entry.attempts:
            if attempt.fault:
                self._faults[(attempt.model,)] += 1
        if entry.decision is not None:
            self._choices[entry.router, entry.decision.model] += 1
            self._decisions.add(entry.decided_s)
            if model and model != entry.decision.model:
                self._fallbacks[entry.decision.model, model] += 1
        if model:
            self._paid(entry)

    def feedback(self, score: float) -> None:
        """Count a feedback."""
        self._feedback[("count",)] += 1
        self._feedback[("sum",)] += score

    def text(self, resting: Mapping[str, bool] | None = None, in_flight: int = 0) -> str:
        """All of it in Prometheus's text format.

        Args:
            resting: for each upstream whether it is left alone for a while.
            in_flight: requests that are under way.
        """
        return "".join(line + "\n" for line in self._lines(resting or {}, in_flight))

    def _paid(self, entry: LogEntry) -> None:
        model, usage = entry.model, entry.usage
        self._tokens[model, "in"] += usage.tokens_in
        self._tokens[model, "out"] += usage.tokens_out
        self._usd[model, entry.key] += entry.usd
        seconds = self._seconds.get(model)
        if seconds is None:
            seconds = self._seconds[model] = Histogram(BUCKETS)
        seconds.add(entry.total_s)

    def _lines(self, resting: Mapping[str, bool], in_flight: int) -> Iterator[str]:
        yield from _counter("requests", "by who answered", ("model", "status"), self._requests)
        yield from _counter("errors", "told to clients", ("code",), self._errors)
        yield from _counter("upstream_faults", "of upstreams", ("model",), self._faults)
        yield from _counter(
            "fallbacks", "answered by another than chosen", ("chosen", "model"), self._fallbacks
        )
        yield from _counter("choices", "of routers", ("router", "model"), self._choices)
        yield from _counter("tokens", "as upstreams count", ("model", "direction"), self._tokens)
        yield from _counter("spend_usd", "by prices and key", ("model", "key"), self._usd)
        yield from _counter("feedback", "number and sum of scores", ("what",), self._feedback)
        yield from _head("request_seconds", "from request to last byte", "histogram")
        for model, histogram in self._seconds.items():
            yield from _histogram("request_seconds", {"model": model}, histogram)
        yield from _head("decision_seconds", "from request to decision", "histogram")
        yield from _histogram("decision_seconds", {}, self._decisions)
        yield from _head("cooldown", "1 for an upstream that is left alone", "gauge")
        for model, rests in resting.items():
            yield f"routereval_cooldown{_labels({'model': model})} {int(rests)}"
        yield from _head("in_flight", "requests under way", "gauge")
        yield f"routereval_in_flight {in_flight}"


def _head(name: str, meaning: str, kind: str) -> Iterator[str]:
    yield f"# HELP routereval_{name} {meaning}"
    yield f"# TYPE routereval_{name} {kind}"


def _counter(
    name: str, meaning: str, labels: Labels, counts: Mapping[Labels, float]
) -> Iterator[str]:
    yield from _head(f"{name}_total", meaning, "counter")
    for values, count in counts.items():
        held = _labels(dict(zip(labels, values, strict=True)))
        yield f"routereval_{name}_total{held} {count:.12g}"


def _histogram(name: str, labels: Mapping[str, str], histogram: Histogram) -> Iterator[str]:
    bounds: Iterable[tuple[str, int]] = zip(
        (f"{bound:g}" for bound in histogram.bounds), histogram.cumulative(), strict=True
    )
    for bound, count in (*bounds, ("+Inf", histogram.count)):
        yield f"routereval_{name}_bucket{_labels({**labels, 'le': bound})} {count}"
    yield f"routereval_{name}_sum{_labels(labels)} {histogram.sum:.9g}"
    yield f"routereval_{name}_count{_labels(labels)} {histogram.count}"


_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def _labels(labels: Mapping[str, str]) -> str:
    inside = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""
