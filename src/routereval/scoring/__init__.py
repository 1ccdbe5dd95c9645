"""Scoring: metrics, curves and their statistics, as pure functions on arrays."""

from __future__ import annotations

# the modules of metrics are imported for what they register
from routereval.scoring import quality, spending, strong_weak  # noqa: F401
from routereval.scoring.comparison import Comparison, holm, paired_test
from routereval.scoring.curve import Curve, Plane
from routereval.scoring.evidence import Evidence, Means, means
from routereval.scoring.gathering import gather
from routereval.scoring.metrics import METRICS, Metric, Option, metric, register
from routereval.scoring.pair import Pair, PairMeans
from routereval.scoring.planar import front, hull
from routereval.scoring.statistics import (
    Interval,
    compute,
    interval,
    intervals,
    replicates,
    resamples,
)

__all__ = [
    "METRICS",
    "Comparison",
    "Curve",
    "Evidence",
    "Interval",
    "Means",
    "Metric",
    "Option",
    "Pair",
    "PairMeans",
    "Plane",
    "compute",
    "front",
    "gather",
    "holm",
    "hull",
    "interval",
    "intervals",
    "means",
    "metric",
    "paired_test",
    "register",
    "replicates",
    "resamples",
]
