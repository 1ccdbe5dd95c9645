"""The achievable ceiling: what it finds, what it cannot see, and what must not leak into it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.records import Records
from routereval.sources import open_records
from routereval.studies.advise.ceiling import best_by_fold, ceiling, hold_out, predict
from routereval.studies.advise.guessing import chance_levels, count_options
from routereval.studies.advise.score_table import (
    answers_by_habit,
    correlations,
    join,
    score_table_of,
    shared_luck,
)
from routereval.tasks.folds import folds_of

pytestmark = pytest.mark.once

SHARED = next(
    (p / "shared" for p in Path(__file__).parents if (p / "shared").exists()), Path("/nowhere")
)
Floats = NDArray[np.float64]


def named(n: int) -> list[str]:
    return [f"llm-{i}" for i in range(n)]


def two_kinds(n: int = 1500, seed: int = 0, subsets: bool = False) -> Records:
    """Two kinds of prompts; even models are good at one, odd models at the other."""
    rng = np.random.default_rng(seed)
    kind = rng.random(n) < 0.5
    good, bad = 0.85, 0.3
    even = np.where(kind, good, bad)[:, None]
    odd = np.where(kind, bad, good)[:, None]
    chance = np.where(np.arange(8) % 2 == 0, even, odd)
    scores = (rng.random((n, 8)) < chance).astype(float)
    names = np.where(kind, "x", "y").tolist() if subsets else None
    return Records.from_arrays("two", scores, named(8), subsets=names)


def luck(n: int = 1500, n_models: int = 10, seed: int = 0) -> Records:
    """Prompts of one difficulty: whoever is right is right by luck."""
    rng = np.random.default_rng(seed)
    return Records.from_arrays("luck", (rng.random((n, n_models)) < 0.5) * 1.0, named(n_models))


def test_what_the_others_tell_is_found() -> None:
    found = ceiling(two_kinds(), ["llm-0", "llm-1"])
    assert found.best_single.value < 0.62
    assert found.gain.low > 0.1
    assert found.ceiling.value < 0.86 < found.oracle.value
    assert found.n_outside == 6


def test_luck_is_not() -> None:
    found = ceiling(luck(), ["llm-0", "llm-1", "llm-2"])
    assert found.oracle.value > 0.85
    assert found.gain.low < 0.01
    assert abs(found.gain.value) < 0.05


def test_twenty_right_of_twenty_are_not_certain() -> None:
    scores = np.ones((20, 4))
    scores[:4, 2:] = 0.0
    found = ceiling(Records.from_arrays("easy", scores, named(4)), ["llm-0", "llm-1"])
    assert found.ceiling.value == 1.0
    assert found.ceiling.low < 0.9
    assert found.gain.low < 0.0 < found.gain.high


def test_a_near_duplicate_outside_tells_luck_until_it_is_left_out() -> None:
    scores = luck().dense()
    twins = np.column_stack([scores, scores[:, 0], scores[:, 1]])
    found = ceiling(Records.from_arrays("twins", twins, named(12)), ["llm-0", "llm-1"])
    assert found.near == ("llm-10", "llm-11")
    assert found.ceiling.value == pytest.approx(found.oracle.value)
    assert abs(found.gain_apart.value) < 0.05


def test_the_subset_is_known_too() -> None:
    alone = two_kinds(subsets=True).select(models=["llm-0", "llm-1"])
    assert ceiling(alone, alone.models).gain.low > 0.1
    blind = two_kinds().select(models=["llm-0", "llm-1"])
    assert ceiling(blind, blind.models).gain.value == pytest.approx(0.0, abs=1e-12)


def test_rows_are_the_prompts_evaluated() -> None:
    records = two_kinds()
    whole = ceiling(records, ["llm-0", "llm-1"])
    rows = np.arange(0, 1500, 5)
    part = ceiling(records, ["llm-0", "llm-1"], rows=rows)
    assert part.n_prompts == 300
    truth = records.dense()[rows][:, :2]
    assert part.oracle.value == pytest.approx(truth.max(axis=1).mean())
    assert part.gain.high - part.gain.low > whole.gain.high - whole.gain.low
    with pytest.raises(DataError, match="no prompt to evaluate"):
        ceiling(records, ["llm-0"], rows=np.array([], dtype=np.int64))


def test_missing_cells() -> None:
    scores = two_kinds().dense()
    rng = np.random.default_rng(1)
    scores[:, 2:][rng.random((1500, 6)) < 0.3] = np.nan
    scores[:100, 0] = np.nan
    found = ceiling(Records.from_arrays("holes", scores, named(8)), ["llm-0", "llm-1"])
    assert found.n_prompts == 1400
    assert found.gain.low > 0.08


def test_the_same_call_gives_the_same_numbers() -> None:
    records = two_kinds(400)
    assert ceiling(records, ["llm-0", "llm-1"]) == ceiling(records, ["llm-0", "llm-1"])


def test_what_is_no_pool_is_refused() -> None:
    with pytest.raises(DataError, match="unknown model 'nobody'"):
        ceiling(luck(50), ["nobody"])
    with pytest.raises(SpecError, match="2 folds"):
        ceiling(luck(50), ["llm-0"], folds=1)
    with pytest.raises(DataError, match="too few"):
        ceiling(luck(3), ["llm-0"])


def test_no_prompt_is_predicted_from_itself() -> None:
    """Labels of a fold that are turned round change no prediction of that fold."""
    records = two_kinds(500)
    table = score_table_of(records, ["llm-0", "llm-1"])
    fold = folds_of(table.subsets, 5, 0)
    pools = [np.array([0, 1])] * 5
    before = hold_out(table, pools, fold).predicted
    scores = records.dense()
    scores[fold == 2, :2] = 1 - scores[fold == 2, :2]
    turned = score_table_of(Records.from_arrays("two", scores, named(8)), ["llm-0", "llm-1"])
    after = hold_out(turned, pools, fold).predicted
    np.testing.assert_array_equal(before[fold == 2], after[fold == 2])
    assert (before[fold != 2] != after[fold != 2]).any()


@given(st.integers(0, 1000), st.integers(20, 60), st.integers(1, 90))
@settings(max_examples=25)
def test_ridge_is_ridge(seed: int, n: int, d: int) -> None:
    """Both ways of solving, wide and tall, give scikit-learn's coefficients for some penalty."""
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(seed)
    X, T, Z = rng.normal(size=(n, d)), rng.normal(size=(n, 2)), rng.normal(size=(7, d))
    ours = predict(X, T, Z)
    theirs = [Ridge(alpha).fit(X, T).predict(Z) for alpha in 10.0 ** np.arange(-1, 6)]
    assert min(float(np.abs(ours - other).max()) for other in theirs) < 1e-6


def test_folds_spread_every_subset() -> None:
    subsets = np.repeat(np.arange(7), [3, 50, 11, 8, 1, 20, 30])
    fold = folds_of(subsets, 5, 3)
    for code in range(7):
        counts = np.bincount(fold[subsets == code], minlength=5)
        assert counts.max() - counts.min() <= 1
    assert np.ptp(np.bincount(fold)) <= 1


def test_the_best_single_is_that_of_the_other_folds() -> None:
    truth = np.array([[1.0, 0], [0, 1], [0, 1], [1, 0]])
    # in either fold, the model that is best on the other fold is wrong
    assert best_by_fold(np.array([[1.0, 0], [0, 1]]), np.array([0, 1])).tolist() == [0, 0]
    assert best_by_fold(truth, np.array([0, 1, 1, 0])).tolist() == [0, 0, 0, 0]


def test_llms_that_prefer_an_option_are_found() -> None:
    rng = np.random.default_rng(0)
    key = rng.random(800) < 0.5
    knows = rng.random(800) < 0.7
    good = knows | (rng.random(800) < 0.5)
    fair = (rng.random(800) < 0.3) | (rng.random(800) < 0.5)
    leaning = np.where(key, rng.random(800) < 0.95, rng.random(800) < 0.25)
    scores = np.column_stack([key, ~key, good, fair, leaning]).astype(float)
    subsets, chance = np.zeros(800, dtype=np.int64), np.full(800, 0.5)
    habit = answers_by_habit(scores, chance, subsets)
    assert habit.tolist() == [True, True, False, False, False]
    opposed = np.column_stack([good, fair, leaning, ~key & (rng.random(800) < 0.98)])
    opposed[:, 3] |= key & (rng.random(800) < 0.3)
    weaker = 2 + int(opposed[:, 2:].mean(axis=0).argmin())
    found = answers_by_habit(opposed.astype(float), chance, subsets)
    assert np.flatnonzero(found).tolist() == [weaker]
    assert not answers_by_habit(scores, np.zeros(800), subsets).any()
    assert not answers_by_habit(scores, np.full(800, np.nan), subsets).any()


def test_someone_is_always_left() -> None:
    scores = (np.random.default_rng(0).random((200, 4)) < 0.25).astype(float)
    habit = answers_by_habit(scores, np.full(200, 0.25), np.zeros(200, dtype=np.int64))
    assert habit.sum() == 3
    assert not habit[int(scores.mean(axis=0).argmax())]


def test_opposites_give_no_headroom() -> None:
    """Models that always answer A and B: an oracle over them is right on every prompt."""
    rng = np.random.default_rng(0)
    key = rng.random(1200) < 0.5
    good = (rng.random((1200, 4)) < 0.5) | (rng.random((1200, 4)) < 0.5)
    scores = np.column_stack([good, key, ~key, key, ~key]).astype(float)
    records = Records.from_arrays("winogrande", scores, named(8))
    table = score_table_of(records)
    assert table.set_aside == ("llm-4", "llm-5", "llm-6", "llm-7")
    assert table.models == ("llm-0", "llm-1", "llm-2", "llm-3")
    kept = score_table_of(records, ["llm-0", "llm-4"])
    assert "llm-4" in kept.models
    assert "llm-5" not in kept.models


def test_benchmarks_are_joined_on_their_common_llms() -> None:
    rng = np.random.default_rng(0)
    key = rng.random(400) < 0.5
    free = (rng.random((300, 4)) < 0.6).astype(float)
    choice = np.column_stack([rng.random((400, 3)) < 0.8, key]).astype(float)
    one = Records.from_arrays("free", free, ["a", "b", "c", "d"], costs=np.ones((300, 4)))
    two = Records.from_arrays("winogrande", choice, ["b", "c", "e", "d"], costs=np.ones((400, 4)))
    table = join([one, two])
    assert table.models == ("b", "c", "d")
    assert table.n_prompts == 700
    assert table.subsets.tolist() == [0] * 300 + [1] * 400
    assert table.costs is not None
    assert table.by_habit is not None
    assert table.by_habit.any(axis=0).tolist() == [False, False, True]
    assert not table.by_habit[:300].any()
    habit = table.trusted(np.arange(300, 700), np.array([2]))
    assert (habit == 0.5).all()
    assert table.features.shape == (700, 3 + 2)
    assert np.unique(table.features[300:, 2]).size == 1
    with pytest.raises(DataError, match="no model"):
        join([one, Records.from_arrays("other", free, ["p", "q", "r", "s"])])


def test_correlations_are_numpys() -> None:
    rng = np.random.default_rng(0)
    scores = (rng.random((200, 5)) < rng.random((200, 1))).astype(float)
    found = correlations(scores, scores[:, :3])
    np.testing.assert_allclose(found, np.corrcoef(scores.T)[:, :3], atol=1e-5)
    assert (correlations(np.ones((10, 1)), scores[:10]) == 0).all()


def test_shared_luck_is_not_shared_difficulty() -> None:
    rng = np.random.default_rng(0)
    easy = rng.random(3000) < 0.5
    scores = (rng.random((3000, 8)) < np.where(easy, 0.95, 0.1)[:, None]).astype(float)
    copy = np.where(rng.random(3000) < 0.9, scores[:, 0], scores[:, 1])
    both = np.column_stack([scores, copy])
    found = shared_luck(both, np.arange(1, 9), np.array([0])).ravel()
    assert correlations(both[:, 1:8], both[:, :1]).min() > 0.6
    assert found[-1] > 0.6
    assert np.abs(found[:-1]).max() < 0.4
    by_hand = both - both.mean(axis=0)
    rest = by_hand[:, 1:-1].mean(axis=1)
    residuals = [by_hand[:, c] - rest * (rest @ by_hand[:, c]) / (rest @ rest) for c in (0, 8)]
    assert found[-1] == pytest.approx(np.corrcoef(*residuals)[0, 1], abs=1e-9)
    pair = shared_luck(both[:, [0, 8]], np.array([1]), np.array([0]))
    assert pair.item() == pytest.approx(np.corrcoef(both[:, 0], copy)[0, 1])
    assert shared_luck(np.ones((9, 3)), np.array([1]), np.array([0])).item() == 0


def test_chance_is_recorded_published_or_counted() -> None:
    recorded = Records.from_arrays("gsm8k", np.eye(4), named(4))
    assert chance_levels(recorded).levels.tolist() == [0.0] * 4
    texts = ["Q?\nA. x\nB. y\nC. z\nD. w", "Q?\n(A) x\n(B) y", "Q?\nA) x\nB) y\nC) z"]
    counted = chance_levels(Records.from_arrays("mine", np.eye(3), named(3), texts))
    assert counted.levels.tolist() == [1 / 4, 1 / 2, 1 / 3]
    assert "counted" in counted.source
    free = chance_levels(Records.from_arrays("mine", np.eye(3), named(3), ["p", "q", "r"]))
    assert np.isnan(free.levels).all()
    assert free.source == ""


def test_only_the_last_list_of_options_counts() -> None:
    shots = "One?\nA. a\nB. b\nC. c\nD. d\nAnswer: B\n\nTwo?\nA. a\nB. b\nAnswer:"
    assert count_options(shots) == 2
    assert count_options("A man walks. Why?") == 0
    assert count_options("A. only\nC. jumped") == 1


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "data" / "mmlu_pro").exists(), reason="no real records here")
def test_most_of_the_oracles_lead_on_mmlu_pro_is_luck() -> None:
    records = open_records(SHARED / "data" / "mmlu_pro")
    pool = ["Meta-Llama-3_1-70B-Instruct", "gemini-1.5-flash-002", "gemini-1.5-pro-002"]
    found = ceiling(records, pool, n_boot=200)
    lead = found.oracle.value - found.best_single.value
    assert found.best_single.value == pytest.approx(0.7024, abs=1e-4)
    assert found.oracle.value == pytest.approx(0.8271, abs=1e-4)
    assert 0 < found.gain.low < found.gain.value < 0.25 * lead


def test_equal_prompts_are_in_one_fold() -> None:
    subsets = np.repeat([0, 1], 50)
    groups = np.random.default_rng(0).integers(40, size=100)
    fold = folds_of(subsets, 5, 3, groups)
    for group in range(40):
        assert len(set(fold[groups == group].tolist())) <= 1
    assert set(fold.tolist()) == set(range(5))
    assert np.array_equal(folds_of(subsets, 5, 3, np.arange(100)), folds_of(subsets, 5, 3))
    with pytest.raises(DataError, match="3 prompts are too few for 5 folds"):
        folds_of(subsets, 5, 3, np.arange(100) % 3)
