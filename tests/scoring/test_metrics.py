from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routereval.errors import SpecError
from routereval.scoring import (
    METRICS,
    Evidence,
    Means,
    Metric,
    compute,
    gather,
    metric,
    register,
    replicates,
    resamples,
)

NAN = float("nan")

# four prompts, three models, worked out by hand
SCORES = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0.5]])
CHOICE = [0, 1, 2, 0]
DISTRIBUTION = np.array([[0.5, 0.5, 0], [1, 0, 0], [0.5, 0.25, 0.25], [0, 1, 0]])
COSTS = [[1, 2, 4]] * 4
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
    "cost": 2.0,  # (1 + 2 + 4 + 1) / 4
}


def by_hand() -> Evidence:
    return gather(
        SCORES,
        np.eye(3)[CHOICE],
        DISTRIBUTION,
        best_single=2,
        strata=[0, 0, 0, 0],
        reference=0.8,
        costs=COSTS,
    )


def averages(**given: float) -> Means:
    names = ("quality", "oracle", "uniform", "best_single", "best_test", "entropy", "cost")
    values = {name: np.asarray(given.get(name, NAN)) for name in names}
    return Means(**values, share=np.ones(1), reference=given.get("reference", NAN))


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_by_hand(name: str) -> None:
    assert compute(by_hand())[name] == pytest.approx(BY_HAND[name], abs=1e-12)


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
        evidence = gather(
            rng.integers(0, 2, (n, m)),
            np.eye(m)[p.argmax(axis=1)],
            p,
            best_single=0,
            strata=np.zeros(n),
            reference=0.7,
            costs=rng.random((n, m)),
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
    evidence = gather(scores, weights, weights, best_single=0, strata=np.zeros(13))
    assert compute(evidence, ["p_star"])["p_star"] == pytest.approx(p, abs=1e-9)


@given(st.integers(1, 6), st.integers(1, 10), st.integers(0, 2**32 - 1))
def test_the_order_of_the_models_does_not_matter(m: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, costs = rng.random((n, m)), rng.random((n, m))
    p = rng.dirichlet(np.ones(m), n)
    weights = np.eye(m)[p.argmax(axis=1)]
    order = rng.permutation(m)
    plain = gather(scores, weights, p, best_single=0, strata=np.zeros(n), costs=costs)
    mixed = gather(
        scores[:, order],
        weights[:, order],
        p[:, order],
        best_single=int(np.flatnonzero(order == 0)[0]),
        strata=np.zeros(n),
        costs=costs[:, order],
    )
    assert compute(mixed) == pytest.approx(compute(plain), nan_ok=True)


def test_one_model_leaves_nothing_to_choose() -> None:
    one = np.ones((3, 1))
    values = compute(gather([[1], [0], [1]], one, one, best_single=0, strata=[0, 0, 0]))
    assert values["mu"] == pytest.approx(2 / 3)
    assert values["selection_entropy"] == 0
    assert values["e_p"] == 0
    assert values["top1_share"] == 1
    assert values["v_b"] == 1
    assert values["regret"] == 0
    undefined = {name for name, value in values.items() if math.isnan(value)}
    assert undefined == {"p_star", "gap_closed", "v_r", "cost"}


def test_no_model_is_ever_right() -> None:
    half = np.full((2, 2), 0.5)
    values = compute(
        gather(np.zeros((2, 2)), half, half, best_single=0, strata=[0, 0], reference=0.5)
    )
    undefined = {name for name, value in values.items() if math.isnan(value)}
    ratios = {"v_b", "p_star", "gap_closed", "gap_oracle", "gain_random", "gain_best"}
    assert undefined == ratios | {"cost"}
    assert all(METRICS[name].undefined for name in undefined)
    assert values["v_r"] == 0


def test_a_gap_of_rounding_errors_is_no_gap_on_resamples_either() -> None:
    """Constant prompts: oracle and uniform are equal, and stay so however they are weighted."""
    scores = np.repeat(np.random.default_rng(0).random((50, 1)), 3, axis=1)
    weights = np.eye(3)[np.arange(50) % 3]
    evidence = gather(scores, weights, weights, best_single=0, strata=np.zeros(50))
    drawn = replicates(evidence, resamples(evidence.strata, 200), ["p_star", "gap_closed"])
    assert np.isnan(drawn["p_star"]).all()
    assert np.isnan(drawn["gap_closed"]).all()


def test_register_refuses_a_name_twice() -> None:
    with pytest.raises(SpecError, match="'mu' is already registered"):
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
