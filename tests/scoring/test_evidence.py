from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.scoring import Curve, Evidence, Pair, collect_evidence, compute, means, resamples
from routereval.scoring.evidence import AVERAGED
from routereval.scoring.observations import entropy_bits

GOLDEN = Path(__file__).parents[2] / "shared" / "reference" / "golden"
GOLDEN = (
    GOLDEN if GOLDEN.exists() else Path(__file__).parents[3] / "shared" / "reference" / "golden"
)


def made(n: int = 40, m: int = 4, seed: int = 0, *, mixed: bool = False) -> Evidence:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(m), n)
    weights = p if mixed else np.eye(m)[p.argmax(axis=1)]
    costs = rng.random((n, m)).astype(np.float32)
    scores = rng.random((n, m)).astype(np.float32)
    choices = np.stack([p.argmax(axis=1), costs.argmin(axis=1)], axis=1)
    return collect_evidence(
        scores,
        weights,
        p,
        best_single=1,
        subsets=np.arange(n) % 3,
        reference=0.9,
        costs=costs,
        curve=Curve.of([0, np.inf], choices, scores, costs, 1),
        pair=Pair.of(p[:, 0] - p[:, 1], scores[:, 0], scores[:, 1]),
    )


def test_columns_of_a_deterministic_choice() -> None:
    evidence = collect_evidence(
        [[1, 0, 0.5], [0, 0.25, 1]],
        [[0, 0, 1], [1, 0, 0]],
        [[0.5, 0.5, 0], [0.25, 0.25, 0.5]],
        best_single=1,
        subsets=[3, 3],
        costs=[[1.0, 2.0, 3.0], [4.0, np.nan, np.nan]],
    )
    assert evidence.quality.tolist() == [0.5, 0.0]
    assert evidence.oracle.tolist() == [1.0, 1.0]
    assert evidence.uniform.tolist() == pytest.approx([0.5, 1.25 / 3])
    assert evidence.best_single.tolist() == [0.0, 0.25]
    assert evidence.best_test.tolist() == [0.5, 1.0]
    assert evidence.entropy.tolist() == [1.0, 1.5]
    assert evidence.cost.tolist() == [3.0, 4.0]
    assert evidence.choice.tolist() == [2, 0]
    assert evidence.share.tolist() == [0.5, 0.0, 0.5]
    assert np.isnan(evidence.reference)


def test_a_mixing_policy_has_no_choice_and_pays_the_expected_cost() -> None:
    evidence = collect_evidence(
        [[1, 0], [1, 0]],
        [[0.25, 0.75], [1.0, 0.0]],
        [[0.5, 0.5]] * 2,
        best_single=0,
        subsets=[0, 0],
        costs=[[4.0, 8.0], [4.0, np.nan]],
    )
    assert evidence.quality.tolist() == [0.25, 1.0]
    assert evidence.cost.tolist() == [7.0, 4.0]
    assert evidence.choice.tolist() == [-1, 0]
    assert evidence.share.tolist() == [0.625, 0.375]


def test_an_unknown_cost_of_a_choice_is_unknown() -> None:
    evidence = collect_evidence(
        [[1, 0]], [[0, 1]], [[0.5, 0.5]], best_single=0, subsets=[0], costs=[[1, np.nan]]
    )
    assert np.isnan(evidence.cost).all()


def test_best_test_takes_the_lowest_column_on_ties() -> None:
    scores = [[0, 1, 0], [1, 0, 1], [1, 1, 1]]
    evidence = collect_evidence(scores, np.eye(3), np.eye(3), best_single=0, subsets=[0, 0, 0])
    assert evidence.best_test.tolist() == [0.0, 1.0, 1.0]


def test_the_entropy_floor_drops_small_terms() -> None:
    p = [[0.5, 0.5 - 5e-5, 5e-5]]
    low = collect_evidence([[1, 0, 0]], [[1, 0, 0]], p, best_single=0, subsets=[0])
    high = collect_evidence(
        [[1, 0, 0]], [[1, 0, 0]], p, best_single=0, subsets=[0], entropy_floor=1e-4
    )
    assert low.entropy[0] - high.entropy[0] == pytest.approx(-5e-5 * np.log2(5e-5))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scores": [[1, np.nan]]}, "1 of 2 test scores are missing"),
        ({"scores": [1.0, 0.0]}, "matrix"),
        ({"scores": np.empty((0, 2))}, "matrix"),
        ({"weights": [[1.0]]}, r"weights has shape \(1, 1\)"),
        ({"weights": [[0.6, 0.6]]}, "must be a distribution"),
        ({"weights": [[1.5, -0.5]]}, "must be a distribution"),
        ({"weights": [[np.nan, 1]]}, "must be a distribution"),
        ({"distribution": [[1, 0], [1, 0]]}, "distribution has shape"),
        ({"distribution": [[np.nan, 0]]}, "holds NaN"),
        ({"subsets": [0, 0]}, "subsets has shape"),
        ({"groups": [0, 0]}, "groups has shape"),
        ({"best_single": 2}, "column 2 of a pool of 2"),
        ({"best_single": -1}, "column -1"),
        ({"costs": [[1, 2, 3]]}, "costs has shape"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], words: str) -> None:
    fits: dict[str, Any] = {
        "scores": [[1, 0]],
        "weights": [[1, 0]],
        "distribution": [[0.5, 0.5]],
        "best_single": 0,
        "subsets": [0],
    }
    with pytest.raises(DataError, match=words):
        collect_evidence(**(fits | change))


def test_columns_rebuild_the_evidence() -> None:
    evidence = made()
    again = Evidence.from_columns(evidence.columns(), evidence.share, evidence.reference)
    assert compute(again) == pytest.approx(compute(evidence), rel=0, abs=0, nan_ok=True)
    for name, column in evidence.columns().items():
        np.testing.assert_array_equal(again.columns()[name], column)
        assert again.columns()[name].dtype == column.dtype


def test_groups_are_kept_and_each_prompt_is_its_own_by_default() -> None:
    evidence = made(n=3)
    assert evidence.groups.tolist() == [0, 1, 2]
    one = np.ones((3, 1))
    same = collect_evidence(one, one, one, best_single=0, subsets=[0, 0, 0], groups=[5, 5, 9])
    again = Evidence.from_columns(same.columns(), same.share)
    assert again.groups.tolist() == [5, 5, 9]


def test_missing_or_ragged_columns_are_refused() -> None:
    evidence = made()
    columns = evidence.columns()
    with pytest.raises(DataError, match=r"lacks the columns oracle"):
        Evidence.from_columns({k: v for k, v in columns.items() if k != "oracle"}, evidence.share)
    with pytest.raises(DataError, match="one length"):
        Evidence.from_columns(columns | {"oracle": np.zeros(3)}, evidence.share)


def test_weighted_means_are_the_means_of_the_resampled_prompts() -> None:
    evidence = made(n=6, m=3)
    counts = np.array([[1, 1, 1, 1, 1, 1], [3, 0, 0, 1, 2, 0], [0, 0, 6, 0, 0, 0]])
    weighted = means(evidence, counts / 6)
    for row, count in enumerate(counts):
        drawn = np.repeat(np.arange(6), count)
        for name in AVERAGED:
            expected = getattr(evidence, name)[drawn].mean()
            assert getattr(weighted, name)[row] == pytest.approx(expected)
        share = np.bincount(evidence.choice[drawn], minlength=3) / 6
        np.testing.assert_allclose(weighted.share[row], share)


def test_equal_weights_give_the_plain_means() -> None:
    evidence = made()
    plain, weighted = means(evidence), means(evidence, np.full((2, 40), 1 / 40))
    for name in (*AVERAGED, "share"):
        np.testing.assert_allclose(getattr(weighted, name)[0], getattr(plain, name))
    assert plain.quality.shape == ()
    assert weighted.quality.shape == (2,)


def test_the_shares_of_a_mixing_policy_do_not_vary() -> None:
    evidence = made(mixed=True)
    shares = means(evidence, resamples(evidence.subsets, 5)).share
    np.testing.assert_array_equal(shares, evidence.share)


def test_an_unknown_cost_leaves_the_other_means_alone() -> None:
    evidence = made()
    cost = np.full(40, np.nan)
    unknown = Evidence.from_columns(evidence.columns() | {"cost": cost}, evidence.share)
    W = resamples(evidence.subsets, 20)
    np.testing.assert_allclose(means(unknown, W).quality, means(evidence, W).quality)
    assert np.isnan(means(unknown, W).cost).all()


def test_resamples_of_another_task_are_refused() -> None:
    with pytest.raises(DataError, match=r"shape \(2, 3\) for 40 prompts"):
        means(made(), np.full((2, 3), 1 / 3))


@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 8), st.integers(1, 6)),
        elements=st.floats(0, 1, allow_subnormal=False),
    ),
    st.integers(0, 2**32 - 1),
)
def test_quality_lies_between_the_worst_and_the_oracle(
    scores: NDArray[np.float64], seed: int
) -> None:
    n, m = scores.shape
    weights = np.random.default_rng(seed).dirichlet(np.ones(m), n)
    evidence = collect_evidence(scores, weights, weights, best_single=m - 1, subsets=np.zeros(n))
    assert (evidence.quality <= evidence.oracle + 1e-9).all()
    assert (evidence.quality >= scores.min(axis=1) - 1e-9).all()
    assert (evidence.oracle >= evidence.uniform - 1e-9).all()
    assert evidence.best_test.mean() >= evidence.best_single.mean() - 1e-9
    assert (evidence.entropy >= 0).all()
    assert (evidence.entropy <= np.log2(m) + 1e-9).all()
    assert evidence.share.sum() == pytest.approx(1)


@given(st.integers(1, 64))
def test_the_entropy_of_a_uniform_distribution(m: int) -> None:
    assert entropy_bits(np.full(m, 1 / m)) == pytest.approx(np.log2(m))


@pytest.mark.skipif(not GOLDEN.exists(), reason="needs ../shared")
@pytest.mark.parametrize("benchmark", ["gsm8k", "winogrande", "arc", "hellaswag"])
def test_oracle_and_noisy_oracle_equal_the_reference(benchmark: str) -> None:
    files = {
        "gsm8k": "harness_gsm8k_5",
        "winogrande": "harness_winogrande_5",
        "arc": "harness_arc_challenge_25",
        "hellaswag": "harness_hellaswag_10",
    }
    golden = json.loads((GOLDEN / "golden.json").read_text())[benchmark]
    with (GOLDEN / "data/leaderboard_score/leaderboard_old.pkl").open("rb") as file:
        raw = pickle.load(file)  # noqa: S301 - made by us
    columns = {model: i for i, model in enumerate(raw["model"])}
    test = raw["data"][files[benchmark]]["correctness"][golden["split"]["test_indices"]]
    for cell in golden["cells"]:
        scores = test[:, [columns[model] for model in cell["models"]]].astype(float)
        n, m = scores.shape
        total = scores.sum(axis=1, keepdims=True)
        right = np.where(total > 0, scores / np.maximum(total, 1), 1 / m)
        best = np.eye(m)[scores.argmax(axis=1)]
        _check_cell(scores, best, right, cell["oracle"])
        if "r_o_0.5" in cell:
            noisy = cell["r_o_0.5"]
            mixed = (best + 1 / m) / 2
            # the mean of 1,000 simulations, whose error falls with the number of prompts
            _check_cell(scores, mixed, (right + 1 / m) / 2, noisy, error=0.1 / np.sqrt(n))
        evidence = collect_evidence(scores, best, right, best_single=0, subsets=np.zeros(n))
        assert evidence.best_test.mean() == pytest.approx(cell["best_single_test"])
        assert evidence.uniform.mean() == pytest.approx(cell["mean_test"])


def _check_cell(
    scores: NDArray[np.float64],
    weights: NDArray[np.float64],
    distribution: NDArray[np.float64],
    published: dict[str, float],
    error: float = 1e-12,
) -> None:
    evidence = collect_evidence(
        scores, weights, distribution, best_single=0, subsets=np.zeros(len(scores))
    )
    found = compute(evidence, ["mu", "v_b", "e_p"])
    assert found["mu"] == pytest.approx(published["mu"], abs=error)
    assert found["v_b"] == pytest.approx(published["vb"], abs=3 * error)
    assert found["e_p"] == pytest.approx(published["ep"], abs=1e-9)


def test_models_that_tie_in_cost_share_the_place() -> None:
    """Two identical models: which of the columns is chosen says nothing."""
    scores, costs = np.ones((3, 2)), np.full((3, 2), 0.25)
    for choice in (0, 1):
        sent = np.eye(2)[[choice] * 3]
        found = collect_evidence(scores, sent, sent, best_single=0, subsets=[0, 0, 0], costs=costs)
        assert found.optimal.tolist() == [1, 1, 1]
        assert found.collapsed.tolist() == [0, 0, 0]
        assert found.optimal_cost.tolist() == [0.25] * 3
    cheap = np.column_stack([np.full(3, 0.1), costs])
    for choice, optimal, collapsed in ((0, 1, 0), (1, 0, 1), (2, 0, 1)):
        sent = np.eye(3)[[choice] * 3]
        found = collect_evidence(
            np.ones((3, 3)), sent, sent, best_single=0, subsets=[0] * 3, costs=cheap
        )
        assert found.optimal.tolist() == [optimal] * 3
        assert found.collapsed.tolist() == [collapsed] * 3
