from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from routereval.errors import DataError
from routereval.routers.policy import along, choose, passings, sweep, trade_offs
from routereval.scoring import Curve, Evidence, collect_evidence, compute, replicates
from routereval.studies.cost_quality import decisive_prices
from tests.made import Floats

# Three models: cheap and poor, middling, dear and good; each prompt's costs are the same.
SCORES = np.array([[0, 1, 1], [1, 1, 1], [0, 0, 1], [0, 1, 0]], float)
COSTS = np.tile([1.0, 2.0, 5.0], (4, 1))
BEST = 2  # on train


def evidence(curve: Curve) -> Evidence:
    n, m = curve.model_quality.shape
    sent = np.eye(m)[np.zeros(n, int)]
    options: dict[str, Any] = {"best_single": BEST, "subsets": np.zeros(n), "curve": curve}
    return collect_evidence(curve.model_quality, sent, sent, **options)


def of_choices(choices: list[list[int]]) -> Curve:
    lam = np.linspace(0, 1, len(choices))
    return Curve.of(lam, np.array(choices).T, SCORES, COSTS, BEST)


READ_OUTS = [
    "aiq",
    "aiq(variant=code)",
    "over_zero",
    "nauc",
    "hypervolume",
    "qnc",
    "qnc(best=test)",
    "cost_save",
    "cost_save(variant=paper)",
    "peak",
    "perf_gain",
]


def test_every_read_out_by_hand() -> None:
    # Points: (3.5, 1.0) and (1.25, 0.5). Singles: (1, 0.25), (2, 0.75), (5, 0.75); best on train
    # and dearest is the third.
    curve = of_choices([[1, 1, 2, 1], [0, 0, 0, 1]])
    cost, quality = curve.points
    assert cost.tolist() == [2.75, 1.25]
    assert quality.tolist() == [1.0, 0.5]
    under = 0.25 * 0.375 + 1.5 * 0.75 + 2.25  # from 1 to 1.25, to 2.75, to 5
    zero = 1 * 0.5 + 3 * 0.75
    assert compute(evidence(curve), READ_OUTS) == pytest.approx(
        {
            "aiq": under / 4,
            "aiq(variant=code)": under / 5,
            "over_zero": (under - zero) / 4,
            "nauc": under / 5,  # these points are their own hull
            "hypervolume": (0.25 * 0.25 + 1.5 * 0.5 + 2.25) / 5,
            "qnc": 2.75 / 5,
            "qnc(best=test)": 2.75 / 5,  # the second model: as good as the third
            "cost_save": 1 - 2.75 / 5,
            "cost_save(variant=paper)": 1 - 2.75 / 5,
            "peak": 1.0,
            "perf_gain": 1 / 3,
        }
    )


def test_a_curve_that_never_is_as_good() -> None:
    curve = of_choices([[0, 0, 0, 1], [0, 0, 0, 0]])
    values = compute(evidence(curve), READ_OUTS)
    assert values["qnc"] == values["qnc(best=test)"] == np.inf
    assert values["cost_save"] == 0
    assert values["cost_save(variant=paper)"] == -np.inf
    assert values["peak"] == 0.5
    assert values["perf_gain"] == pytest.approx(-1 / 3)
    assert values["over_zero"] < 0


def test_the_zero_router_is_the_hull_of_the_single_models() -> None:
    zero = of_choices([[0, 1, 2, 0]]).zero
    assert zero.points[0].tolist() == [1, 2, 5]
    assert [c.tolist() for c in zero.hull] == [[1, 2], [0.25, 0.75]]
    values = compute(evidence(zero), READ_OUTS)
    assert values["over_zero"] == pytest.approx(0)
    assert values["qnc"] == pytest.approx(2 / 5)
    assert zero.front.tolist() == [True, True, False]


def test_models_that_cost_the_same_or_nothing() -> None:
    for spent, defined in ((1.0, {"nauc", "hypervolume", "qnc", "cost_save"}), (0.0, set())):
        curve = Curve.of([0], [[0]] * 4, SCORES, np.full((4, 3), spent), BEST)
        values = compute(evidence(curve), READ_OUTS)
        known = {name for name, value in values.items() if not np.isnan(value)}
        also = {f"{n}({p})" for n in defined for p in ("best=test", "variant=paper")}
        assert known == {"peak", "perf_gain"} | defined | (also & set(READ_OUTS))


def test_one_model_has_a_curve_of_one_point() -> None:
    curve = Curve.of([0, np.inf], [[0, 0]] * 4, SCORES[:, 1:2], COSTS[:, 1:2], 0)
    assert [c.tolist() for c in curve.hull] == [[2], [0.75]]
    assert np.isnan(compute(gather_one(curve), ["aiq"])["aiq"])
    assert compute(gather_one(curve), ["qnc", "cost_save"]) == {"qnc": 1.0, "cost_save": 0.0}


def gather_one(curve: Curve) -> Evidence:
    one = np.ones((4, 1))
    return collect_evidence(
        curve.model_quality, one, one, best_single=0, subsets=np.zeros(4), curve=curve
    )


def made(n: int = 40, m: int = 4, seed: int = 0) -> tuple[Floats, Floats, Floats]:
    """Predicted scores, true scores and true costs."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, (n, m)).astype(float)
    return (
        truth + rng.normal(scale=0.7, size=(n, m)),
        truth,
        rng.random((n, m)) * (1 + np.arange(m)),
    )


def swept(predicted: Floats, truth: Floats, costs: Floats, most: int = 32) -> Curve:
    expected = costs.mean(axis=0)
    lam = trade_offs(predicted, expected, most)
    return Curve.of(lam, sweep(predicted, expected, lam), truth, costs, 0)


def test_replicates_are_those_of_the_drawn_prompts() -> None:
    curve = swept(*made())
    W = np.random.default_rng(0).multinomial(40, np.full(40, 1 / 40), 6) / 40
    drawn = replicates(evidence(curve), W, READ_OUTS)
    best_test = int(curve.model_quality.mean(axis=0).argmax())
    for row in range(6):
        picked = np.repeat(np.arange(40), np.rint(W[row] * 40).astype(int))
        again = Curve(
            curve.lam,
            curve.quality[picked],
            curve.cost[picked],
            curve.model_quality[picked],
            curve.model_cost[picked],
            curve.best_single,
        )
        for name, value in compute(evidence(again), READ_OUTS).items():
            if "best=test" in name and again.plane.best_test != best_test:
                continue  # which is best is not settled anew
            assert drawn[name][row] == pytest.approx(value, rel=1e-5), name


@given(st.integers(1, 12), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_the_sweep_goes_from_the_best_to_the_cheapest(n: int, m: int, seed: int) -> None:
    predicted, _, costs = made(n, m, seed)
    for expected in (costs, costs.mean(axis=0)):
        lam = trade_offs(predicted, expected)
        choices = sweep(predicted, expected, lam)
        assert (lam[0], lam[-1]) == (0, np.inf)
        assert (np.diff(lam) > 0).all()
        assert choices[:, 0].tolist() == predicted.argmax(axis=1).tolist()
        whole = np.broadcast_to(expected, costs.shape)
        assert choices[:, -1].tolist() == whole.argmin(axis=1).tolist()
        paid = np.take_along_axis(whole, choices, axis=1)
        assert (np.diff(paid, axis=1) <= 1e-12).all()
        assert choices.tolist() == [
            [int(choose(predicted, expected, float(price))[row]) for price in lam]
            for row in range(n)
        ]


@given(st.integers(1, 8), st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_the_sweep_meets_every_choice_that_any_price_leads_to(n: int, m: int, seed: int) -> None:
    predicted, _, costs = made(n, m, seed)
    lam = trade_offs(predicted, costs, most=10_000)
    met = {tuple(column) for column in sweep(predicted, costs, lam).T}
    for price in np.logspace(-4, 4, 60):
        assert tuple(choose(predicted, costs, float(price))) in met


def test_few_prices_stand_for_many() -> None:
    predicted, truth, costs = made(400, 5)
    lam = trade_offs(predicted, costs.mean(axis=0), most=32)
    assert len(lam) <= 33
    few, all_ = (swept(predicted, truth, costs, most) for most in (32, 10_000))
    assert len(all_.lam) > 300
    for name in ("aiq", "nauc", "peak"):
        one, other = (compute(evidence(c), [name])[name] for c in (few, all_))
        assert one == pytest.approx(other, abs=0.01), name


def test_at_an_infinite_price_scores_break_ties() -> None:
    scores, costs = np.array([[0.1, 0.5, 0.9]]), np.array([1.0, 1.0, 2.0])
    assert choose(scores, costs, np.inf).tolist() == [1]
    assert choose(np.array([[np.nan, 0.5, 0.9]]), costs, np.inf).tolist() == [1]
    assert choose(scores, np.array([np.nan, 3.0, 2.0]), np.inf).tolist() == [2]
    assert choose(scores, None, np.inf).tolist() == [2]


@given(st.integers(1, 10), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_permuting_the_models_permutes_the_choices(n: int, m: int, seed: int) -> None:
    predicted, _, costs = made(n, m, seed)
    order = np.random.default_rng(seed).permutation(m)
    lam = trade_offs(predicted, costs)
    np.testing.assert_allclose(trade_offs(predicted[:, order], costs[:, order]), lam)
    moved = sweep(predicted[:, order], costs[:, order], lam)
    assert order[moved].tolist() == sweep(predicted, costs, lam).tolist()


@given(st.integers(2, 12), st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_no_curve_peaks_above_the_oracles(n: int, m: int, seed: int) -> None:
    predicted, truth, costs = made(n, m, seed)
    router, oracle = (swept(p, truth, costs) for p in (predicted, truth))
    peaks = [compute(evidence_of(c), ["peak"])["peak"] for c in (router, oracle)]
    assert peaks[0] <= peaks[1] + 1e-9
    assert peaks[1] == pytest.approx(truth.max(axis=1).mean())


def evidence_of(curve: Curve) -> Evidence:
    n, m = curve.model_quality.shape
    sent = np.eye(m)[np.zeros(n, int)]
    return collect_evidence(
        curve.model_quality, sent, sent, best_single=0, subsets=np.zeros(n), curve=curve
    )


def test_a_policy_that_mixes_has_one_point() -> None:
    curve = Curve.mixed(np.full((4, 3), 1 / 3), SCORES, COSTS, BEST)
    cost, quality = curve.points
    assert (cost.tolist(), quality.tolist()) == (
        pytest.approx([8 / 3]),
        pytest.approx([SCORES.mean()]),
    )


def test_columns_rebuild_the_curve() -> None:
    curve = swept(*made())
    again = Curve.from_columns(curve.columns())
    assert again is not None
    assert again.columns().keys() == curve.columns().keys()
    for name, held in curve.columns().items():
        np.testing.assert_array_equal(again.columns()[name], held)
    assert Curve.from_columns({"quality": [1.0]}) is None
    with pytest.raises(DataError, match="lacks cost"):
        Curve.from_columns({k: v for k, v in curve.columns().items() if k != "curve_cost"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"choices": [[0]] * 3}, "do not fit scores"),
        ({"costs": COSTS[:, :2]}, "do not fit scores"),
        ({"costs": np.full((4, 3), np.nan)}, "cost holds NaN"),
    ],
)
def test_what_makes_no_curve_is_refused(change: dict[str, Any], words: str) -> None:
    fits: dict[str, Any] = {"choices": [[0]] * 4, "scores": SCORES, "costs": COSTS}
    with pytest.raises(DataError, match=words):
        Curve.of([0], best_single=0, **(fits | change))


def test_a_curve_draws_its_hull_and_its_points() -> None:
    ax = Figure().add_subplot()
    curve = of_choices([[1, 1, 2, 1], [0, 0, 0, 1]])
    assert curve.plot(ax, label="knn", color="red") is ax
    line, dots = ax.lines
    assert line.get_label() == "knn"
    x, y, spent = (np.asarray(data, np.float64) for data in (*line.get_data(), dots.get_xdata()))
    assert (x[0], x[-1]) == (1000, 5000)
    for corner, height in ((1000, 0.25), (1250, 0.5), (2750, 1.0), (5000, 1.0)):
        assert y[x.tolist().index(corner)] == pytest.approx(height)
    np.testing.assert_allclose(y, np.interp(x, [1000, 1250, 2750], [0.25, 0.5, 1.0]))
    np.testing.assert_allclose(spent, [2750, 1250])
    assert dots.get_color() == "red"


def test_the_line_of_a_free_model_begins_at_nothing() -> None:
    x, y = Curve.of([0], [[1]] * 4, SCORES, COSTS * [0, 1, 1], BEST).line()
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0.25, 5, 0.75)


EXACTLY = (
    *("aiq", "aiq(variant=code)", "over_zero", "qnc", "qnc(best=test)", "cost_save"),
    *("cost_save(variant=paper)", "cost_save(best=test)", "peak", "perf_gain"),
)


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize(("n", "m", "seed"), [(20, 3, 0), (60, 4, 1), (400, 5, 2), (400, 5, 3)])
def test_the_sweep_is_exact_beside_brute_force(n: int, m: int, seed: int, binary: bool) -> None:
    predicted, truth, costs = made(n, m, seed)
    if not binary:
        truth = np.random.default_rng(seed).random((n, m))
    for expected in (costs.mean(axis=0), costs):
        best = int(np.random.default_rng(seed).integers(m))
        every = trade_offs(predicted, expected, most=10**6)
        kept = decisive_prices(predicted, expected, truth, costs, best)
        assert set(kept) <= set(every)
        assert len(kept) == len(every) or len(kept) < 128 < len(every)
        whole, few = (
            Curve.of(lam, sweep(predicted, expected, lam), truth, costs, best)
            for lam in (every, kept)
        )
        one, other = (compute(evidence(curve), EXACTLY) for curve in (whole, few))
        for name in EXACTLY:
            assert other[name] == pytest.approx(one[name], abs=1e-9, nan_ok=True), name
        for name in ("nauc", "hypervolume"):
            one, other = (compute(evidence(curve), [name]) for curve in (whole, few))
            assert other[name] == pytest.approx(one[name], abs=0.02), name


@given(st.integers(1, 30), st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_means_along_the_sweep_are_those_of_its_choices(n: int, m: int, seed: int) -> None:
    predicted, truth, costs = made(n, m, seed)
    for expected in (costs, costs.mean(axis=0)):
        if not len(passings(predicted, expected).lam):
            continue
        lam = trade_offs(predicted, expected, most=10**6)
        chosen = sweep(predicted, expected, lam)
        for values, found in zip(
            (truth, costs), along(predicted, expected, truth, costs), strict=True
        ):
            means = np.take_along_axis(values, chosen, axis=1).mean(axis=0)
            np.testing.assert_allclose(found, means, atol=1e-12)


def test_the_prices_of_many_prompts_are_found_without_sweeping_all() -> None:
    """10,000 prompts × 8 models have some 13,000 prices; a full sweep would hold 1 GB."""
    predicted, truth, costs = made(10_000, 8, 0)
    kept = decisive_prices(predicted, costs.mean(axis=0), truth, costs, 0)
    assert len(trade_offs(predicted, costs.mean(axis=0), most=10**9)) > 10_000
    assert len(kept) < 128
