from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routereval.errors import DataError, SpecError
from routereval.scoring.abstention import abstention_threshold, risk_coverage


def test_the_curve_by_hand() -> None:
    found = risk_coverage([0.9, 0.1, 0.5, 0.7], [0, 1, 1, 0])
    assert found.coverage.tolist() == [0.25, 0.5, 0.75, 1]
    assert found.risk.tolist() == pytest.approx([0, 0, 1 / 3, 1 / 2])
    assert found.aurc == found.best == pytest.approx((1 / 3 + 1 / 2) / 4)


def test_equal_confidences_tell_nothing() -> None:
    loss = [0, 1, 1, 0, 0, 1, 0, 0]
    assert risk_coverage(np.ones(8), loss).risk.tolist() == pytest.approx([3 / 8] * 8)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.floats(0, 1)), min_size=1, max_size=40),
    st.randoms(use_true_random=False),
)
def test_no_confidence_is_better_than_the_best(pairs: list[tuple[int, float]], rng: object) -> None:
    sure, loss = np.array(pairs).T
    found = risk_coverage(sure, loss)
    assert found.best - 1e-12 <= found.aurc <= 1 + 1e-12
    assert found.risk[-1] == pytest.approx(loss.mean())
    order = np.random.default_rng(0).permutation(len(sure))
    again = risk_coverage(sure[order], loss[order])
    np.testing.assert_allclose(again.risk, found.risk)


def brute_force(sure: np.ndarray, loss: np.ndarray, risk: float) -> float:
    for threshold in [-np.inf, *sorted(set(sure.tolist()))]:
        n = len(loss)
        mean = loss[sure > threshold].sum() / n
        if n / (n + 1) * mean + 1 / (n + 1) <= risk + 1e-12:
            return float(threshold)
    return np.inf


@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0.0, 0.5, 1.0])), min_size=1),
    st.floats(0.01, 0.99),
)
def test_the_threshold_is_the_least_that_is_allowed(
    pairs: list[tuple[float, float]], risk: float
) -> None:
    sure, loss = np.array(pairs).T
    assert abstention_threshold(sure, loss, risk) == brute_force(sure, loss, risk)


def drawn(rng: np.random.Generator, n: int, skill: float) -> tuple[np.ndarray, np.ndarray]:
    """Confidences and losses; rounded, so that there are ties."""
    hard = rng.random(n)
    sure = np.round(1 - skill * hard - (1 - skill) * rng.random(n), 2)
    return sure, (rng.random(n) < 0.6 * hard).astype(float)


@pytest.mark.parametrize("skill", [0.0, 0.7])
@pytest.mark.parametrize("n", [20, 150])
@pytest.mark.parametrize("risk", [0.1, 0.2])
def test_the_guarantee_holds_in_expectation(skill: float, n: int, risk: float) -> None:
    """A new prompt, exchangeable with the calibration prompts: over 1,000 draws of both."""
    rng = np.random.default_rng([n, int(10 * risk), int(10 * skill)])
    losses = []
    for _ in range(1000):
        sure, loss = drawn(rng, n + 1, skill)
        threshold = abstention_threshold(sure[:-1], loss[:-1], risk)
        losses.append(loss[-1] * (sure[-1] > threshold))
    error = np.std(losses) / np.sqrt(len(losses))
    assert np.mean(losses) <= risk + 3 * error
    # and it gives away little: at most what one prompt more or less weighs, and ties
    assert np.mean(losses) >= risk - 2.5 / (n + 1) - 0.02 - 3 * error


def test_a_threshold_without_the_correction_would_break_the_promise() -> None:
    """The plain empirical one, on few prompts: so the test above can fail."""
    rng = np.random.default_rng(5)
    losses = []
    for _ in range(4000):
        sure, loss = drawn(rng, 5, 0.7)
        known = [loss[:-1][sure[:-1] > t].sum() / 4 for t in np.sort(sure[:-1])]
        least = np.sort(sure[:-1])[int(np.argmax(np.array(known) <= 0.1))]
        losses.append(loss[-1] * (sure[-1] > least))
    assert np.mean(losses) > 0.1 + 3 * np.std(losses) / np.sqrt(4000)


def test_few_prompts_promise_nothing() -> None:
    assert abstention_threshold(np.arange(8), np.zeros(8), 0.1) == np.inf
    assert abstention_threshold(np.arange(9), np.zeros(9), 0.1) == -np.inf


def test_what_does_not_fit_is_refused() -> None:
    for risk in (0.0, 1.0, 5.0):
        with pytest.raises(SpecError, match="a risk lies between 0 and 1"):
            abstention_threshold([0.5], [0.0], risk)
    with pytest.raises(DataError, match="a loss for each confidence"):
        risk_coverage([0.5], [])
    with pytest.raises(DataError, match="NaN"):
        risk_coverage([np.nan], [0.0])
    with pytest.raises(DataError, match=r"a loss lies in \[0, 1\]"):
        risk_coverage([0.5], [2.0])
