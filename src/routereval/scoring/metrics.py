"""The metrics: each one a value with a name, a formula on means, and what it means.

    >>> metric("v_b").meaning
    'mean score relative to the single model that is best on the same test prompts'

`METRICS` holds them by name; `register` adds one. A formula reads `Means` and nothing else, so the
same line gives the number itself and all of its bootstrap replicates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routereval.errors import SpecError, unknown
from routereval.scoring.evidence import Means, Values, entropy_bits

_ZERO = 1e-12


@dataclass(frozen=True, repr=False)
class Metric:
    """One number about a router, as a function of means over prompts.

    Attributes:
        name: how it is named in Python, on the command line and in files.
        symbol: how it is written in a table.
        latex: the same for LaTeX, in math mode.
        formula: from `Means` to values of shape () or (n_boot,).
        meaning: one line of plain English.
        source: whose definition it is.
        higher_is_better: True, False, or None where neither is better.
        low: the least value it can take.
        high: the greatest value it can take.
        unit: of the value; empty for a pure number.
        undefined: when it is NaN; empty if never.
    """

    name: str
    symbol: str
    latex: str
    formula: Callable[[Means], Values] = field(compare=False)
    meaning: str
    source: str
    higher_is_better: bool | None = True
    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    undefined: str = ""

    def __repr__(self) -> str:
        return f"metric({self.name!r})"

    def __str__(self) -> str:
        return self.name


METRICS: dict[str, Metric] = {}
"""Every known metric by name."""


def register(new: Metric) -> Metric:
    """Add a metric to `METRICS`.

    Args:
        new: the metric.

    Returns:
        The metric itself.

    Raises:
        SpecError: if another metric has its name.
    """
    if new.name in METRICS:
        raise SpecError(f"metric {new.name!r} is already registered; give the new one another name")
    METRICS[new.name] = new
    return new


def metric(name: str | Metric) -> Metric:
    """Look a metric up by name; a `Metric` passes through.

    Raises:
        SpecError: if no metric is called that.

    >>> metric("p_star").symbol
    'p*'
    >>> metric(metric("mu"))
    metric('mu')
    """
    if isinstance(name, Metric):
        return name
    if name not in METRICS:
        raise unknown("metric", name, METRICS)
    return METRICS[name]


def _ratio(top: ArrayLike, bottom: ArrayLike) -> NDArray[np.float64]:
    """``top / bottom``; NaN, without a warning, where the bottom is zero or itself NaN.

    Zero is anything below 1e-12: two columns that are equal may have means that differ by a
    rounding error once they are resampled.
    """
    below = np.asarray(bottom, np.float64)
    defined = np.abs(below) > _ZERO
    return np.asarray(np.where(defined, np.asarray(top) / np.where(defined, below, 1.0), np.nan))


register(
    Metric(
        name="mu",
        symbol="μ_o",
        latex=r"\mu_o",
        formula=lambda of: of.quality,
        meaning="mean score of the chosen models",
        source="RouterEval",
    )
)
register(
    Metric(
        name="v_r",
        symbol="V_R",
        latex="V_R",
        formula=lambda of: _ratio(of.quality, of.reference),
        meaning="mean score relative to the fixed strong reference model",
        source="RouterEval",
        high=inf,
        undefined="without a reference score",
    )
)
register(
    Metric(
        name="v_b",
        symbol="V_B",
        latex="V_B",
        formula=lambda of: _ratio(of.quality, of.best_test),
        meaning="mean score relative to the single model that is best on the same test prompts",
        source="RouterEval",
        high=inf,
        undefined="where no model is ever right",
    )
)
register(
    Metric(
        name="e_p",
        symbol="E_p",
        latex="E_p",
        formula=lambda of: of.entropy,
        meaning="mean entropy of the predicted distribution; not comparable across routers",
        source="RouterEval",
        higher_is_better=None,
        high=inf,
        unit="bits",
    )
)
register(
    Metric(
        name="p_star",
        symbol="p*",
        latex=r"p^{\ast}",
        formula=lambda of: _ratio(of.quality - of.uniform, of.oracle - of.uniform),
        meaning="the p at which the noisy oracle r_o(p) scores the same; random is 0, the oracle 1",
        source="derived from RouterEval's r_o(p)",
        low=-inf,
        undefined="where the models score alike on every prompt",
    )
)
register(
    Metric(
        name="gap_closed",
        symbol="gap closed",
        latex=r"\mathrm{gap\ closed}",
        formula=lambda of: _ratio(of.quality - of.best_single, of.oracle - of.best_single),
        meaning="share of the way from the best single model (chosen on train) to the oracle",
        source="algorithm selection",
        low=-inf,
        undefined="where the best single model is as good as the oracle",
    )
)
register(
    Metric(
        name="selection_entropy",
        symbol="H(choice)",
        latex=r"H(\mathrm{choice})",
        formula=lambda of: entropy_bits(of.share),
        meaning="entropy of the shares of prompts that the models receive; 0 for a constant router",
        source="comparable replacement of E_p",
        higher_is_better=None,
        high=inf,
        unit="bits",
    )
)
register(
    Metric(
        name="top1_share",
        symbol="top-1 share",
        latex=r"\mathrm{top\text{-}1\ share}",
        formula=lambda of: np.asarray(of.share.max(axis=-1)),
        meaning="share of prompts that the most chosen model receives",
        source="comparable replacement of E_p",
        higher_is_better=None,
    )
)
register(
    Metric(
        name="regret",
        symbol="regret",
        latex=r"\mathrm{regret}",
        formula=lambda of: np.asarray(of.oracle - of.quality),
        meaning="mean score lost to the oracle",
        source="online learning",
        higher_is_better=False,
    )
)
register(
    Metric(
        name="gap_oracle",
        symbol="gap@O",
        latex=r"\mathrm{Gap@O}",
        formula=lambda of: 1.0 - _ratio(of.quality, of.oracle),
        meaning="share of the oracle's score that is lost",
        source="LLMRouterBench",
        higher_is_better=False,
        undefined="where no model is ever right",
    )
)
register(
    Metric(
        name="gain_random",
        symbol="gain@R",
        latex=r"\mathrm{Gain@R}",
        formula=lambda of: _ratio(of.quality, of.uniform) - 1.0,
        meaning="relative gain over sending every prompt to a random model",
        source="LLMRouterBench",
        low=-1.0,
        high=inf,
        undefined="where no model is ever right",
    )
)
register(
    Metric(
        name="gain_best",
        symbol="gain@B",
        latex=r"\mathrm{Gain@B}",
        formula=lambda of: _ratio(of.quality, of.best_single) - 1.0,
        meaning="relative gain over the best single model (chosen on train)",
        source="LLMRouterBench",
        low=-1.0,
        high=inf,
        undefined="where the best single model is never right",
    )
)
register(
    Metric(
        name="cost",
        symbol="cost",
        latex=r"\mathrm{cost}",
        formula=lambda of: of.cost,
        meaning="mean cost of the chosen models",
        source="RouteLLM",
        higher_is_better=False,
        high=inf,
        unit="USD a call",
        undefined="where the cost of a choice is unknown",
    )
)
