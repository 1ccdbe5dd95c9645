from __future__ import annotations

import re

from routereval.gateway.observe.metrics import BUCKETS, Metrics
from routereval.gateway.protocols import Attempt, LogEntry, Usage
from routereval.routers.trained import Decision

SAMPLE = re.compile(
    r'^[a-z_]+(\{[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*\})? '
    r"(\d+(\.\d+)?(e[-+]\d+)?)$"
)


def made() -> Metrics:
    metrics = Metrics()
    decision = Decision("large", 0, (0.9, 0.5), (0.02, 0.01), "")
    common = {"decision": decision, "router": "knn", "decided_s": 0.0004, "key": "alice"}
    for number in range(3):
        metrics.record(
            LogEntry(
                f"r{number}",
                0.0,
                model="large",
                status=200,
                usage=Usage(10, 5),
                usd=0.25,
                total_s=0.3,
                attempts=[Attempt("large")],
                **common,  # type: ignore[arg-type]
            )
        )
    metrics.record(
        LogEntry(
            "r4",
            0.0,
            model="small",
            status=200,
            usd=0.125,
            total_s=500.0,
            attempts=[Attempt("large", "timeout"), Attempt("small")],
            **common,  # type: ignore[arg-type]
        )
    )
    metrics.record(LogEntry("r5", 0.0, status=429, error="rate_limit_exceeded"))
    return metrics


def test_counts() -> None:
    metrics = made()
    metrics.feedback(0.5)
    lines = metrics.text({"large": True, 'we"ird\\\n': False}, in_flight=7).splitlines()
    for line in (
        'routereval_requests_total{model="large",status="200"} 3',
        'routereval_requests_total{model="",status="429"} 1',
        'routereval_errors_total{code="rate_limit_exceeded"} 1',
        'routereval_upstream_faults_total{model="large"} 1',
        'routereval_fallbacks_total{chosen="large",model="small"} 1',
        'routereval_choices_total{router="knn",model="large"} 4',
        'routereval_tokens_total{model="large",direction="in"} 30',
        'routereval_tokens_total{model="large",direction="out"} 15',
        'routereval_spend_usd_total{model="large",key="alice"} 0.75',
        'routereval_feedback_total{what="count"} 1',
        'routereval_feedback_total{what="sum"} 0.5',
        'routereval_request_seconds_bucket{model="large",le="0.25"} 0',
        'routereval_request_seconds_bucket{model="large",le="0.5"} 3',
        'routereval_request_seconds_bucket{model="small",le="120"} 0',
        'routereval_request_seconds_bucket{model="small",le="+Inf"} 1',
        'routereval_request_seconds_sum{model="small"} 500',
        "routereval_decision_seconds_count 4",
        'routereval_cooldown{model="large"} 1',
        'routereval_cooldown{model="we\\"ird\\\\\\n"} 0',
        "routereval_in_flight 7",
    ):
        assert line in lines, line


def test_the_text_is_what_prometheus_reads() -> None:
    """Every family has one head before its samples; a histogram's buckets never fall."""
    seen: list[str] = []
    for line in made().text({"large": False}).splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name not in seen
            assert kind in {"counter", "gauge", "histogram"}
            seen.append(name)
        elif not line.startswith("# HELP "):
            assert SAMPLE.match(line), line
            assert line.startswith(seen[-1])
    buckets = re.findall(r'request_seconds_bucket\{model="large",.*\} (\d+)', made().text())
    assert len(buckets) == len(BUCKETS) + 1
    assert buckets == sorted(buckets, key=int)
