"""Metrics of quality: how good the choices are, whatever they cost."""

from __future__ import annotations

from math import inf, sqrt

import numpy as np

from routereval.scoring.evidence import Evidence
from routereval.scoring.means import Means, Values
from routereval.scoring.metrics import Metric, Option, ratio, register
from routereval.scoring.observations import entropy_bits

SMALL_SUBSET = 50
"""Of a subset of fewer prompts the best model is mostly luck."""

FEW_PROMPTS = 10


def _recall_failure(of: Means, *, r: int) -> Values:
    n_right = of.evidence.n_right
    rare = ((n_right >= 1) & (n_right <= r)).astype(np.float64)
    failed = of.of((1 - of.evidence.quality) * rare, (0.0, 0.0, 0.0, 1.0))
    return ratio(failed, of.of(rare, (0.0, 0.0, 1.0, 1.0)))


def _hallucinated(of: Means) -> Values:
    marked = np.nan_to_num(of.evidence.truthful)
    if not marked.any():
        return of.undefined
    failed = of.of((1 - of.evidence.quality) * marked, (0.0, 1.0, 0.0, 1.0))
    return ratio(failed, of.of(marked, (1.0, 1.0, 1.0, 1.0)))


def _ties_for_best(of: Evidence) -> bool:
    """Whether luck lifts the model that is best on these prompts by more than half its error."""
    lift = float(of.best_test.mean() - of.best_apart.mean())
    return lift > 0.5 * float(of.best_test.std()) / sqrt(of.n_units)


def small_subsets(of: Evidence) -> bool:
    """Whether the best model of a subset is mostly luck, for its few prompts."""
    sizes = np.unique(of.subsets, return_counts=True)[1]
    return len(sizes) > 1 and int(sizes.min()) < SMALL_SUBSET


def _ties_for_choice(of: Evidence) -> bool:
    """Whether the two models that are chosen most could be the other way round."""
    if of.n_models < 2 or of.choice.min() < 0:
        return False
    second, first = np.sort(of.share)[-2:]
    return float(first - second) < 2 * sqrt(float(first + second) / of.n_units)


def _few_rare(of: Evidence) -> bool:
    return int((of.n_right == 1).sum()) < FEW_PROMPTS


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
        formula=lambda of: ratio(of.quality, of.reference),
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
        formula=lambda of: ratio(of.quality, of.best_test),
        meaning="mean score relative to the single model that is best on the same test prompts",
        source="RouterEval",
        high=inf,
        undefined="where no model is ever right",
        high_formula=lambda of: ratio(of.quality, np.maximum(of.best_apart, of.best_single)),
        doubtful=_ties_for_best,
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
        formula=lambda of: ratio(of.quality - of.uniform, of.oracle - of.uniform),
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
        formula=lambda of: ratio(of.quality - of.best_single, of.oracle - of.best_single),
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
        doubtful=_ties_for_choice,
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
        formula=lambda of: 1.0 - ratio(of.quality, of.oracle),
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
        formula=lambda of: ratio(of.quality, of.uniform) - 1.0,
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
        formula=lambda of: ratio(of.quality, of.best_single) - 1.0,
        meaning="relative gain over the best single model (chosen on train)",
        source="LLMRouterBench",
        low=-1.0,
        high=inf,
        undefined="where the best single model is never right",
    )
)
register(
    Metric(
        name="gain_dataset",
        symbol="gain@D",
        latex=r"\mathrm{Gain@D}",
        formula=lambda of: ratio(of.quality, of.best_subset) - 1.0,
        meaning="relative gain over the model that is best on each subset of the same test prompts",
        source="LLMRouterBench",
        low=-1.0,
        high=inf,
        undefined="where no model is ever right",
        doubtful=small_subsets,
    )
)
register(
    Metric(
        name="routing_accuracy",
        symbol="acc(choice)",
        latex=r"\mathrm{acc(choice)}",
        formula=lambda of: of.top,
        meaning="share of prompts sent to a model with the highest score",
        source="EmbedLLM",
    )
)
register(
    Metric(
        name="model_recall_failure",
        symbol="MRF",
        latex=r"\mathrm{MRF}",
        formula=_recall_failure,
        meaning="error rate on the prompts that at least one and at most r models get right",
        source="LLMRouterBench",
        higher_is_better=False,
        undefined="where there is no such prompt",
        doubtful=_few_rare,
        options={"r": Option(1, low=1)},
    )
)
register(
    Metric(
        name="hallucination_rate",
        symbol="halluc.",
        latex=r"\mathrm{halluc.}",
        formula=_hallucinated,
        meaning="1 − mean score, on benchmarks of truthfulness such as TruthfulQA",
        source="RouterEval",
        higher_is_better=False,
        undefined="on every other benchmark",
        partial=True,
    )
)
