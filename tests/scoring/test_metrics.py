from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from routereval.errors import SpecError
from routereval.routers.policy import sweep, trade_offs
from routereval.scoring import (
    METRICS,
    Curve,
    Evidence,
    Means,
    Metric,
    Pair,
    collect_evidence,
    compute,
    intervals,
    means,
    metric,
    register,
    replicates,
    resamples,
)
from routereval.scoring.evidence import AVERAGED
from routereval.spec import parse_spec
from tests.made import Floats

NAN = float("nan")

# four prompts, three models, worked out by hand
SCORES = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0.5]])
CHOICE = [0, 1, 2, 0]
DISTRIBUTION = np.array([[0.5, 0.5, 0], [1, 0, 0], [0.5, 0.25, 0.25], [0, 1, 0]])
COSTS = [[1, 2, 4]] * 4
SUBSETS = [0, 0, 0, 0]

# what each prompt's choice scores and costs, at no price of cost and where only cost counts
CURVE = Curve.of([0, np.inf], [[0, 0], [1, 0], [2, 0], [0, 0]], SCORES, COSTS, 2)
BY_HAND = {
    "mu": 0.5,
    "v_r": 0.625,  # reference 0.8
    "v_b": 1.0,  # the best on test scores 0.5
    "e_p": 0.625,  # (1 + 0 + 1.5 + 0) / 4
    "p_star": 0.25,  # (0.5 - 0.375) / (0.875 - 0.375)
    "gap_closed": 0.5,  # (0.5 - 0.125) / (0.875 - 0.125)
    "selection_entropy": 1.5,  # shares 1/2, 1/4, 1/4
    "top1_share": 0.5,
    "regret": 0.375,
    "gap_oracle": 3 / 7,
    "gain_random": 1 / 3,
    "gain_best": 3.0,  # the best on train scores 0.125
    "gain_dataset": 0.0,  # one subset, so as against the best on test
    "routing_accuracy": 0.5,  # prompts 1 and 2
    "model_recall_failure": 1 / 3,  # one model is right on prompts 1, 2, 4: 0.5 counts as right
    "hallucination_rate": 0.5,  # truthful are prompts 2 and 3
    "cost": 2.0,  # (1 + 2 + 4 + 1) / 4
    # single models: (cost, score) (1, .5), (2, .5), (4, .125); points (2, .5) and (1, .5)
    "aiq": 0.5,
    "over_zero": 0.0,
    "nauc": 0.375,  # 0.5 over [1/4, 1]
    "hypervolume": 0.375,
    "qnc": 0.25,  # the cheapest model is better than the best on train
    "cost_save": 0.75,
    "peak": 0.5,
    "perf_gain": 3.0,
    "rci": 0.5,  # prompts 3 and 4 miss the highest score
    "arena": NAN,  # see below
    "opt_sel": 0.5,  # prompts 1 and 2
    "opt_cost": 1.0,  # (1 + 2 + 1 + 4) / (1 + 2 + 4 + 1)
    "opt_acc": 4 / 7,
    "reward": 0.25 - 1 / 6,  # scores 1, 1, 0, 0; costs 0, 1/3, 1, 0
    "avengers": 5 / 6,  # score (0.5 - 0.125) / 0.375, cost (2 - 1) / 3
    "pgr": NAN,
    "apgr": NAN,
    "cpt@0.5": NAN,
}


NEED_MORE = {m.name for m in METRICS.values() if m.group in {"cost", "two models"}} - {"opt_acc"}
NEED_MORE |= {"hallucination_rate"}


def by_hand() -> Evidence:
    return collect_evidence(
        SCORES,
        np.eye(3)[CHOICE],
        DISTRIBUTION,
        best_single=2,
        subsets=SUBSETS,
        reference=0.8,
        costs=COSTS,
        unit="calls",
        truthful=[False, True, True, False],
        curve=CURVE,
    )


def priced(rng: np.random.Generator, scores: Floats, choice: NDArray[np.int64]) -> dict[str, Any]:
    """Costs, and what else a gathering takes with them, of a router with two operating points."""
    costs = rng.random(scores.shape) + 1e-3
    both = np.stack([choice, costs.argmin(axis=1)], axis=1)
    margin = rng.random(len(scores))
    pair = Pair.of(margin, scores[:, 0], scores[:, 1]) if scores.shape[1] == 2 else None
    curve = Curve.of([0, np.inf], both, scores, costs, 0)
    return {"costs": costs, "curve": curve, "pair": pair, "truthful": margin > 0.5}


def averages(reference: float = NAN, **given: float) -> Means:
    """Means of which only some are known."""
    whole = means(replace(by_hand(), reference=reference))
    values: dict[str, Any] = {name: np.asarray(given.get(name, NAN)) for name in AVERAGED}
    return replace(whole, **values)


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_by_hand(name: str) -> None:
    assert compute(by_hand())[name] == pytest.approx(BY_HAND[name], abs=1e-7, nan_ok=True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        # the curve falls to the single models' hull, so the area is 0.5 · 3 over the dearest's 4
        ("aiq(variant=code)", 0.375),
        ("qnc(best=test)", 0.25),
        ("cost_save(best=test)", 0.0),  # the best on test is the cheapest
        ("cost_save(variant=paper)", 0.75),
        ("perf_gain(best=test)", 0.0),
        ("model_recall_failure(r=2)", 0.5),  # prompt 3 too, where two are right
        ("reward(alpha=1, beta=0)", 0.5),
        ("reward(alpha=0.2, beta=0.8)", 0.1 - 4 / 15),
        ("avengers(alpha=1)", 1.0),
        ("avengers(alpha=0)", 2 / 3),
    ],
)
def test_metrics_with_parameters_by_hand(name: str, value: float) -> None:
    assert compute(by_hand(), [name])[str(metric(name))] == pytest.approx(value, abs=1e-7)


@pytest.mark.parametrize("one", METRICS.values(), ids=str)
def test_every_metric_describes_itself(one: Metric) -> None:
    assert METRICS[one.name] is one
    assert one.meaning
    assert one.source
    assert one.symbol
    assert one.latex
    assert one.low < one.high
    assert repr(one) == f"metric({one.name!r})"
    assert len({one, metric(one.name)}) == 1


@pytest.mark.parametrize("name", METRICS)
def test_values_lie_in_the_stated_range(name: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        n, m = int(rng.integers(1, 30)), int(rng.integers(1, 8))
        p = rng.dirichlet(np.ones(m), n)
        scores, choice = rng.integers(0, 2, (n, m)).astype(float), p.argmax(axis=1)
        evidence = collect_evidence(
            scores,
            np.eye(m)[choice],
            p,
            best_single=0,
            subsets=np.zeros(n),
            reference=0.7,
            **priced(rng, scores, choice),
        )
        value = compute(evidence, [name])[name]
        assert math.isnan(value) or METRICS[name].low - 1e-9 <= value <= METRICS[name].high + 1e-9


@pytest.mark.parametrize(
    ("right", "best", "mu", "v_r", "v_b"),
    [
        (109, 116, 0.8258, 0.8976, 0.9397),
        (60, 53, 0.4545, 0.4941, 1.1321),
        (112, 120, 0.8485, 0.9223, 0.9333),
    ],
    ids=["all-strong", "all-weak", "strong-to-weak"],
)
def test_the_published_gsm8k_cells_of_knn(
    right: int, best: int, mu: float, v_r: float, v_b: float
) -> None:
    """RouterEval, GSM8K, kNN with k = 5, m = 5: how many of 132 prompts were answered right."""
    of = averages(quality=right / 132, best_test=best / 132, reference=0.92)
    assert round(float(metric("mu").formula(of)), 4) == mu
    assert round(float(metric("v_r").formula(of)), 4) == v_r
    assert round(float(metric("v_b").formula(of)), 4) == v_b


@pytest.mark.parametrize(
    ("m", "router", "mu", "p_star"),
    [
        (3, "linear", 0.618, 0.33),
        (3, "knn", 0.590, 0.22),
        (5, "linear", 0.617, 0.31),
        (5, "knn", 0.578, 0.19),
        (3, "oracle", 0.785, 1.0),
        (3, "random", 0.534, 0.0),
        (3, "r_o(0.5)", 0.660, 0.50),
        (5, "r_o(0.5)", 0.676, 0.50),
    ],
)
def test_p_star_of_the_published_means(m: int, router: str, mu: float, p_star: float) -> None:
    oracle, uniform = {3: (0.785, 0.534), 5: (0.838, 0.517)}[m]
    of = averages(quality=mu, oracle=oracle, uniform=uniform)
    assert float(metric("p_star").formula(of)) == pytest.approx(p_star, abs=0.006), router


@given(st.floats(0, 1), st.integers(2, 7), st.integers(0, 2**32 - 1))
def test_p_star_of_the_noisy_oracle_is_its_p(p: float, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = np.vstack([rng.random((12, m)), np.eye(m)[:1]])
    best = np.eye(m)[scores.argmax(axis=1)]
    weights = p * best + (1 - p) / m
    evidence = collect_evidence(scores, weights, weights, best_single=0, subsets=np.zeros(13))
    assert compute(evidence, ["p_star"])["p_star"] == pytest.approx(p, abs=1e-9)


@given(st.integers(1, 6), st.integers(1, 10), st.integers(0, 2**32 - 1))
def test_the_order_of_the_models_does_not_matter(m: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, costs = rng.random((n, m)), rng.random((n, m))
    p = rng.dirichlet(np.ones(m), n)
    weights = np.eye(m)[p.argmax(axis=1)]
    order = rng.permutation(m)
    lam = trade_offs(p, costs)
    plain = collect_evidence(
        scores,
        weights,
        p,
        best_single=0,
        subsets=np.zeros(n),
        costs=costs,
        curve=Curve.of(lam, sweep(p, costs, lam), scores, costs, 0),
    )
    moved = sweep(p[:, order], costs[:, order], lam)
    first = int(np.flatnonzero(order == 0)[0])
    mixed = collect_evidence(
        scores[:, order],
        weights[:, order],
        p[:, order],
        best_single=first,
        subsets=np.zeros(n),
        costs=costs[:, order],
        curve=Curve.of(lam, moved, scores[:, order], costs[:, order], first),
    )
    assert compute(mixed) == pytest.approx(compute(plain), nan_ok=True)


def test_one_model_leaves_nothing_to_choose() -> None:
    one = np.ones((3, 1))
    values = compute(collect_evidence([[1], [0], [1]], one, one, best_single=0, subsets=[0, 0, 0]))
    assert values["mu"] == pytest.approx(2 / 3)
    assert values["selection_entropy"] == 0
    assert values["e_p"] == 0
    assert values["top1_share"] == 1
    assert values["v_b"] == 1
    assert values["regret"] == 0
    undefined = {name for name, value in values.items() if math.isnan(value)}
    assert undefined == {"p_star", "gap_closed", "v_r"} | NEED_MORE


def test_no_model_is_ever_right() -> None:
    half = np.full((2, 2), 0.5)
    values = compute(
        collect_evidence(np.zeros((2, 2)), half, half, best_single=0, subsets=[0, 0], reference=0.5)
    )
    undefined = {name for name, value in values.items() if math.isnan(value)}
    ratios = {"v_b", "p_star", "gap_closed", "gap_oracle", "gain_random", "gain_best"}
    ratios |= {"gain_dataset", "opt_acc", "model_recall_failure"}
    assert undefined == ratios | NEED_MORE
    assert all(METRICS[name].undefined for name in undefined)
    assert values["v_r"] == 0


def test_a_gap_of_rounding_errors_is_no_gap_on_resamples_either() -> None:
    """Constant prompts: oracle and uniform are equal, and stay so however they are weighted."""
    scores = np.repeat(np.random.default_rng(0).random((50, 1)), 3, axis=1)
    weights = np.eye(3)[np.arange(50) % 3]
    evidence = collect_evidence(scores, weights, weights, best_single=0, subsets=np.zeros(50))
    drawn = replicates(evidence, resamples(evidence.subsets, 200), ["p_star", "gap_closed"])
    assert np.isnan(drawn["p_star"]).all()
    assert np.isnan(drawn["gap_closed"]).all()


def test_register_refuses_a_name_twice() -> None:
    with pytest.raises(SpecError, match="'mu' is registered already"):
        register(metric("mu"))


def test_a_registered_metric_is_found_and_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routereval.scoring.metrics.METRICS", METRICS.copy())
    new = register(
        Metric(
            name="headroom",
            symbol="headroom",
            latex=r"\mathrm{headroom}",
            formula=lambda of: np.asarray(of.oracle - of.best_single),
            meaning="mean score between the best single model and the oracle",
            source="here",
        )
    )
    assert metric("headroom") is new
    assert compute(by_hand(), [new, "mu"]) == pytest.approx({"headroom": 0.75, "mu": 0.5})


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(SpecError, match="did you mean 'regret'"):
        metric("regrett")


def test_parameters_are_part_of_the_value() -> None:
    assert metric("aiq") is METRICS["aiq"]
    assert metric("aiq(variant=paper)") == metric("aiq") != metric("aiq(variant=code)")
    assert metric("cpt") == metric("cpt@0.5") == METRICS["cpt@0.5"] != metric("cpt@0.8")
    assert metric("cost_save(best=test, variant=paper)").params == (
        ("variant", "paper"),
        ("best", "test"),
    )


@pytest.mark.parametrize(
    "text",
    [
        *METRICS,
        "aiq(variant=code)",
        "qnc(best=test)",
        "arena(beta=0.25)",
        "cpt@0.8",
        "cpt@1.0",
        "model_recall_failure(r=3)",
        "reward(alpha=1.0)",
        "cost_save(variant=paper, best=test)",
    ],
)
def test_the_text_of_a_metric_is_read_back(text: str) -> None:
    one = metric(text)
    assert str(one) == text
    assert metric(str(one)) == metric(parse_spec(text)) == eval(repr(one)) == one  # noqa: S307
    assert metric(str(one)).name == next(iter(compute(by_hand(), [text])))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mu(k=1)", "metric 'mu' has no parameter 'k'; it has: none"),
        ("aiq(variant=mean)", "metric aiq: variant must be paper or code, not 'mean'"),
        ("arena(beta=-1)", "metric arena: beta must be a number from 0 to inf, not -1"),
        ("model_recall_failure(r=0.5)", "r must be a whole number from 1 to inf, not 0.5"),
        ("avengers(alpha=2)", "alpha must be a number from 0 to 1, not 2"),
        ("cpt@much", "at must be a number from 0 to inf, not 'much'"),
        ("aiq(", "cannot read"),
    ],
)
def test_what_a_metric_cannot_be_is_said(text: str, words: str) -> None:
    with pytest.raises(SpecError, match=re.escape(words)):
        metric(text)


@pytest.mark.parametrize(
    ("accuracy", "cost", "score"),
    [
        (0.7851, 0.4905, 0.757499),  # published as 75.75
        (0.5, 0.0044, 1.1 * 0.5 / (0.05 + 1)),
        (0.5, 1e-6, 1.1 * 0.5 / (0.05 + 1)),  # clamped
        (0.5, 200, 0.0),
        (0.5, 5000, 0.0),
        (0.0, 200, 0.0),
    ],
)
def test_the_arena_score(accuracy: float, cost: float, score: float) -> None:
    of = averages(quality=accuracy, cost=cost / 1000)
    of = replace(of, evidence=replace(of.evidence, unit="USD"))
    assert float(metric("arena").formula(of)) == pytest.approx(score, abs=5e-5)


def test_the_arena_score_needs_dollars() -> None:
    assert math.isnan(compute(by_hand(), ["arena"])["arena"])
    dollars = replace(by_hand(), unit="USD")  # 2,000 USD per 1,000 prompts: no thrift at all
    assert compute(dollars, ["arena"])["arena"] == 0


def test_gain_and_gap_of_the_published_means_of_llmrouterbench() -> None:
    """15 datasets, 20 models: random 48.79, per-dataset best 73.10, oracle 91.64."""
    for router, gain, gap in (
        (61.33, 0.2570, 0.3308),
        (70.29, 0.4407, 0.2330),
        (71.24, 0.4601, 0.2226),
        (71.94, 0.4745, 0.2150),
    ):
        of = averages(quality=router, uniform=48.79, oracle=91.64, best_subset=73.10)
        values = {name: float(metric(name).formula(of)) for name in ("gain_random", "gap_oracle")}
        assert values["gain_random"] == pytest.approx(gain, abs=1e-4)
        assert values["gap_oracle"] == pytest.approx(gap, abs=1e-4)
        assert float(metric("opt_acc").formula(of)) == pytest.approx(1 - gap, abs=1e-4)
        assert float(metric("gain_dataset").formula(of)) == pytest.approx(router / 73.10 - 1)


def test_a_hallucination_is_a_wrong_answer_where_truth_is_asked_for() -> None:
    everywhere = replace(by_hand(), truthful=np.ones(4))
    assert compute(everywhere, ["hallucination_rate"])["hallucination_rate"] == 0.5
    nowhere = replace(by_hand(), truthful=np.zeros(4))
    assert math.isnan(compute(nowhere, ["hallucination_rate"])["hallucination_rate"])


@given(st.integers(2, 6), st.integers(5, 20), st.integers(0, 2**32 - 1))
def test_a_dominated_model_never_lowers_the_oracle(m: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.random((n, m))
    worse = np.hstack([scores, scores[:, :1] * rng.random((n, 1))])
    options: dict[str, Any] = {"best_single": 0, "subsets": np.zeros(n)}
    few, more = (
        collect_evidence(s, np.eye(s.shape[1])[s.argmax(axis=1)], s, **options)
        for s in (scores, worse)
    )
    assert compute(more, ["mu"])["mu"] >= compute(few, ["mu"])["mu"]


def test_every_interval_contains_its_number() -> None:
    rng = np.random.default_rng(3)
    for m in (2, 5):
        scores = rng.integers(0, 2, (40, m)).astype(float)
        choice = rng.integers(0, m, 40)
        evidence = collect_evidence(
            scores,
            np.eye(m)[choice],
            np.full((40, m), 1 / m),
            best_single=0,
            subsets=np.arange(40) % 2,
            **priced(rng, scores, choice),
        )
        found = intervals(evidence, resamples(evidence.subsets, 200))
        for name, value in compute(evidence).items():
            low, high = found[name]
            assert math.isnan(value) == math.isnan(low) == math.isnan(high), name
            assert math.isnan(value) or low <= value <= high, name
