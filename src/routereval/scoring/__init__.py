"""Scoring: metrics, curves and their statistics, as pure functions on arrays."""

from __future__ import annotations

# the modules of metrics are imported for what they register
from routereval.scoring import quality, spending, strong_weak  # noqa: F401
from routereval.scoring.bootstrap import N_BOOT, Interval, interval, resamples
from routereval.scoring.comparison import Comparison, holm, paired_test
from routereval.scoring.curve import Curve, Plane
from routereval.scoring.estimates import compute, doubtful, intervals, mean_interval, replicates
from routereval.scoring.evidence import Evidence, Means, means
from routereval.scoring.gathering import gather
from routereval.scoring.metrics import METRICS, Metric, Option, metric, register
from routereval.scoring.pair import Pair, PairMeans
from routereval.scoring.planar import front, hull

__all__ = [
    "METRICS",
    "N_BOOT",
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
    "doubtful",
    "front",
    "gather",
    "holm",
    "hull",
    "interval",
    "intervals",
    "mean_interval",
    "means",
    "metric",
    "paired_test",
    "register",
    "replicates",
    "resamples",
]
