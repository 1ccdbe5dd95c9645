"""Scoring: metrics and their statistics, as pure functions on arrays."""

from __future__ import annotations

from routereval.scoring.evidence import Evidence, Means, gather, means
from routereval.scoring.metrics import METRICS, Metric, metric, register
from routereval.scoring.statistics import (
    Comparison,
    Interval,
    compute,
    holm,
    interval,
    intervals,
    paired_test,
    replicates,
    resamples,
)

__all__ = [
    "METRICS",
    "Comparison",
    "Evidence",
    "Interval",
    "Means",
    "Metric",
    "compute",
    "gather",
    "holm",
    "interval",
    "intervals",
    "means",
    "metric",
    "paired_test",
    "register",
    "replicates",
    "resamples",
]
