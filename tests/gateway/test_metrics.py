from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from routereval.gateway.observe.metrics import BUCKETS, Metrics
from routereval.gateway.protocols import Attempt, LogEntry, Switch, Usage
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
            switch=Switch("large", 100, 0.05, 0.625),
            attempts=[Attempt("large", "timeout"), Attempt("small")],
            **common,  # type: ignore[arg-type]
        )
    )
    metrics.record(LogEntry("r5", 0.0, status=429, error="rate_limit_exceeded"))
    return metrics


def test_counts() -> None:
    metrics = made()
    metrics.feedback(0.5)
    metrics.gauges({"large": True, 'we"ird\\\n': False}, 7)
    lines = metrics.text().splitlines()
    for line in (
        'routereval_requests_total{model="large",status="200"} 3.0',
        'routereval_requests_total{model="",status="429"} 1.0',
        'routereval_errors_total{code="rate_limit_exceeded"} 1.0',
        'routereval_upstream_errors_total{model="large"} 1.0',
        'routereval_fallbacks_total{chosen="large",model="small"} 1.0',
        'routereval_choices_total{model="large",router="knn"} 4.0',
        'routereval_switches_total{model="small"} 1.0',
        'routereval_cold_cache_usd_total{model="small"} 0.625',
        'routereval_tokens_total{direction="in",model="large"} 30.0',
        'routereval_tokens_total{direction="out",model="large"} 15.0',
        'routereval_spend_usd_total{key="alice",model="large"} 0.75',
        "routereval_feedback_score_count 1.0",
        "routereval_feedback_score_sum 0.5",
        'routereval_request_seconds_bucket{le="0.25",model="large"} 0.0',
        'routereval_request_seconds_bucket{le="0.5",model="large"} 3.0',
        'routereval_request_seconds_bucket{le="120.0",model="small"} 0.0',
        'routereval_request_seconds_bucket{le="+Inf",model="small"} 1.0',
        'routereval_request_seconds_sum{model="small"} 500.0',
        "routereval_decision_seconds_count 4.0",
        'routereval_cooldown{model="large"} 1.0',
        'routereval_cooldown{model="we\\"ird\\\\\\n"} 0.0',
        "routereval_in_flight 7.0",
    ):
        assert line in lines, line


def test_the_text_is_what_prometheus_reads() -> None:
    """Every family has one head before its samples; a histogram's buckets never fall."""
    seen: list[str] = []
    for line in made().text().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            assert name not in seen
            assert kind in {"counter", "gauge", "histogram", "summary"}
            seen.append(name)
        elif not line.startswith("# HELP "):
            assert SAMPLE.match(line), line
            assert line.startswith(seen[-1])
    buckets = re.findall(r'request_seconds_bucket\{.*model="large"\} (\d+)\.0', made().text())
    assert len(buckets) == len(BUCKETS) + 1
    assert buckets == sorted(buckets, key=int)


WORKER = """
import sys
from routereval.gateway.observe.metrics import Metrics
from routereval.gateway.protocols import LogEntry
metrics = Metrics()
for number in range(int(sys.argv[1])):
    metrics.record(LogEntry("r", 0.0, model="llama", status=200))
metrics.gauges({}, 1)
print(metrics.text(), end="")
"""


@pytest.mark.slow
def test_processes_that_share_a_folder_are_added_up(tmp_path: Path) -> None:
    """What several workers need is already there: prometheus_client's files."""
    shared = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    texts = [
        subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", WORKER, number],
            env=shared,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for number in ("2", "3")
    ]
    line = 'routereval_requests_total{model="llama",status="200"}'
    assert f"{line} 2.0\n" in texts[0]
    assert f"{line} 5.0\n" in texts[1]
