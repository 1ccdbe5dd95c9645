"""Scoring: metrics, curves and their statistics, as pure functions on arrays."""

from __future__ import annotations

# the modules of metrics are imported for what they register
from routereval.scoring import cost_metrics, pair_metrics, quality_metrics  # noqa: F401
from routereval.scoring.bootstrap import N_BOOT, Interval, interval, resamples
from routereval.scoring.collect import collect_evidence
from routereval.scoring.comparison import Comparison, holm, paired_test
from routereval.scoring.curve import Curve, Plane
from routereval.scoring.estimates import compute, doubtful, intervals, mean_interval, replicates
from routereval.scoring.evidence import Column, Evidence
from routereval.scoring.means import Means, means
from routereval.scoring.metrics import METRICS, Metric, Option, all_metrics, metric, register
from routereval.scoring.observations import Observations
from routereval.scoring.pair import Pair, PairMeans
from routereval.scoring.pareto import front, hull

OWN_METRICS = frozenset(METRICS)
"""The names of the metrics of this package, with their parameters as by default."""

__all__ = [
    "METRICS",
    "N_BOOT",
    "OWN_METRICS",
    "Column",
    "Comparison",
    "Curve",
    "Evidence",
    "Interval",
    "Means",
    "Metric",
    "Observations",
    "Option",
    "Pair",
    "PairMeans",
    "Plane",
    "all_metrics",
    "collect_evidence",
    "compute",
    "doubtful",
    "front",
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
