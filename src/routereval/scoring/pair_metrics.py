"""Metrics of a pool of two models: the strong one is the better on the training prompts."""

from __future__ import annotations

from math import inf, sqrt

import numpy as np

from routereval.scoring.evidence import Evidence
from routereval.scoring.means import Means, Values
from routereval.scoring.metrics import ZERO, Metric, Option, ratio, register

_TWO = "unless the pool has two models, of which the strong one is better on these prompts"
_TENTHS = np.linspace(0, 1, 11)


def _no_clear_gap(of: Evidence) -> bool:
    """Whether the strong model is ahead by less than twice the standard error."""
    if of.pair is None:
        return False
    lead = of.pair.strong - of.pair.weak
    return float(lead.mean()) < 2 * float(lead.std()) / sqrt(of.n_units)


def _gap(of: Means) -> Values:
    """What the strong model is ahead by; NaN unless it is."""
    if of.pair is None:
        return of.undefined
    return np.where(of.pair.gap > ZERO, of.pair.gap, np.nan)


def _pgr(of: Means) -> Values:
    if of.pair is None:
        return of.undefined
    quality = of.of(of.evidence.quality)  # without pseudo-prompts, as the pair is
    return ratio(quality - of.pair.weak, _gap(of))


def _apgr(of: Means, *, variant: str) -> Values:
    if of.pair is None:
        return of.undefined
    if variant == "paper":
        height = of.pair.at(_TENTHS[1:]).mean(axis=-1)
    elif variant == "code":
        height = np.trapezoid(of.pair.at(_TENTHS), _TENTHS, axis=-1)
    else:
        height = np.trapezoid(of.pair.quality, of.pair.share, axis=-1)
    return ratio(height - of.pair.weak, _gap(of))


def _cpt(of: Means, *, at: float) -> Values:
    if of.pair is None:
        return of.undefined
    gap = _gap(of)
    share = of.pair.reaching(of.pair.weak + at * np.nan_to_num(gap))
    return np.where(np.isnan(gap), np.nan, share)


register(
    Metric(
        name="pgr",
        symbol="PGR",
        latex=r"\mathrm{PGR}",
        formula=_pgr,
        meaning="performance gap recovered: share of the way from the weak model to the strong one",
        source="RouteLLM",
        group="two models",
        low=-inf,
        high=inf,
        undefined=_TWO,
        doubtful=_no_clear_gap,
    )
)
register(
    Metric(
        name="apgr",
        symbol="APGR",
        latex=r"\mathrm{APGR}",
        formula=_apgr,
        meaning="mean PGR over all shares of strong calls (exact), over 10 %, 20 %, …, 100 % "
        "(paper), or the trapezoids between 0 %, 10 %, …, 100 % (code)",
        source="RouteLLM",
        group="two models",
        low=-inf,
        high=inf,
        undefined=_TWO,
        doubtful=_no_clear_gap,
        options={"variant": Option("exact", among=("exact", "paper", "code"))},
    )
)
register(
    Metric(
        name="cpt",
        symbol="CPT",
        latex=r"\mathrm{CPT}",
        formula=_cpt,
        meaning="call-performance threshold: least share of strong calls that reaches that PGR",
        source="RouteLLM",
        group="two models",
        higher_is_better=False,
        high=inf,
        undefined=_TWO,
        doubtful=_no_clear_gap,
        options={"at": Option(0.5, low=0.0)},
    )
)
