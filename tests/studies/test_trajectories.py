"""Policies on trajectories: against sums by hand, all paths, and worlds of known truth."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from routereval.cli.main import cli
from routereval.errors import DataError, SpecError
from routereval.records.prices import Price, PriceList
from routereval.records.steps import StepRecords
from routereval.simulation.trajectories import (
    ARMS,
    HARD,
    RUN_SCORES,
    STEP_SCORES,
    simulate_steps,
)
from routereval.studies.step_policies import (
    cache_counted,
    cheapest_right,
    constant,
    escalated,
    stepwise,
)
from routereval.studies.step_table import read_steps
from routereval.studies.trajectories import trajectories

pytestmark = pytest.mark.once


def shared(
    scores: Sequence[Sequence[float]],
    costs: Sequence[Sequence[float]],
    cold: Sequence[Sequence[float]],
    lengths: Sequence[int],
) -> StepRecords:
    starts = np.cumsum([0, *lengths[:-1]])
    held = np.array(scores, float)
    return StepRecords(
        name="by hand",
        trajectories=tuple(f"t{i}" for i in range(len(lengths))),
        arms=tuple("abc"[: held.shape[1]]),
        shared=True,
        trajectory=np.repeat(np.arange(len(lengths)), lengths),
        costs=np.array(costs, float),
        cold=np.array(cold, float),
        scores=held,
        outcome=np.multiply.reduceat(held, starts, axis=0),
        groups=np.arange(len(lengths)),
        texts=("",) * len(held),
    )


def test_the_cold_cache_of_a_change_is_paid() -> None:
    records = shared(
        [[1, 1], [0, 1], [1, 1]], [[1, 5], [1, 5], [1, 5]], [[1, 5], [2, 30], [3, 40]], [3]
    )
    found = stepwise(records, np.array([0, 1, 0]))
    assert found.score.tolist() == [1.0]
    assert found.usd.tolist() == [1 + 30 + 3]
    assert found.cold.tolist() == [25 + 2]
    assert found.changes.tolist() == [2]
    assert constant(records, 0).score.tolist() == [0.0]


def test_a_switch_that_costs_more_than_it_saves_is_a_loss() -> None:
    """Cold prefill of $0.625 to save $0.05 of the step itself."""
    records = shared([[1, 1], [1, 1]], [[0.30, 0.25], [0.30, 0.25]], [[0.3, 0.25], [1, 0.875]], [2])
    stay, change = stepwise(records, np.array([0, 0])), stepwise(records, np.array([0, 1]))
    assert change.usd[0] - stay.usd[0] == pytest.approx(0.575)
    assert cache_counted(records, -records.costs, 1.0).tolist() == [1, 1]
    assert cache_counted(records, np.array([[1.0, 0.0], [0.0, 0.05]]), 1.0).tolist() == [0, 0]
    assert cache_counted(records, np.array([[1.0, 0.0], [0.0, 0.7]]), 1.0).tolist() == [0, 1]


def test_no_change_between_trajectories() -> None:
    records = shared([[1, 1]] * 3, [[1, 2]] * 3, [[9, 9]] * 3, [1, 2])
    found = stepwise(records, np.array([0, 1, 1]))
    assert found.usd.tolist() == [1, 4]
    assert found.changes.tolist() == [0, 0]


@given(st.data())
@settings(max_examples=30)
def test_the_oracle_is_the_cheapest_of_all_paths(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    lengths = rng.integers(1, 4, 2).tolist()
    n = sum(lengths)
    scores = rng.integers(0, 2, (n, 3)).astype(float)
    costs = rng.integers(1, 9, (n, 3)).astype(float)
    records = shared(
        scores.tolist(),
        costs.tolist(),
        (costs + rng.integers(0, 9, (n, 3))).tolist(),
        lengths,
    )
    found = cheapest_right(records)
    best = scores.max(axis=1)
    for own in range(2):
        rows = np.flatnonzero(records.trajectory == own)
        allowed = [np.flatnonzero(scores[row] == best[row]) for row in rows]
        cheapest = np.inf
        for path in itertools.product(*allowed):
            choice = np.zeros(n, np.int64)
            choice[rows] = path
            cheapest = min(cheapest, float(stepwise(records, choice).usd[own]))
        assert found.usd[own] == pytest.approx(cheapest)
        assert found.score[own] == best[rows].prod()


def test_a_whole_run_that_is_abandoned_is_paid_and_the_other_starts_over() -> None:
    nan = np.nan
    records = StepRecords(
        name="runs",
        trajectories=("short", "long"),
        arms=("a", "b"),
        shared=False,
        trajectory=np.array([0, 0, 1, 1, 1]),
        costs=np.array([[1, 10], [1, 10], [1, 10], [1, nan], [1, nan]]),
        cold=np.full((5, 2), 99.0),
        scores=np.full((5, 2), nan),
        outcome=np.array([[1.0, 1.0], [0.0, 1.0]]),
        groups=np.array([0, 1]),
        texts=("",) * 5,
    )
    found = escalated(records, 0, 1, 2)
    assert found.score.tolist() == [1, 1]
    assert found.usd.tolist() == [2, 2 + 10]
    assert found.cold.tolist() == [0, 2]
    assert escalated(records, 0, 1, 0).usd.tolist() == [20, 10]
    assert escalated(records, 0, 1, 3).usd.tolist() == [2, 3]
    assert cheapest_right(records).usd.tolist() == [2, 10]


@pytest.fixture(scope="module")
def many() -> StepRecords:
    return simulate_steps(4000, seed=3)


def test_what_is_found_is_what_is_true(many: StepRecords) -> None:
    step = (1 - HARD) * STEP_SCORES[0] + HARD * STEP_SCORES[1]
    lengths = many.lengths[:, 0]
    true = (step[:, None] ** lengths).mean(axis=1)
    assert np.allclose(many.outcome.mean(axis=0), true, atol=0.02)
    runs = simulate_steps(4000, shared=False, seed=3)
    assert np.allclose(runs.outcome.mean(axis=0), RUN_SCORES.mean(axis=0), atol=0.02)


def test_waiting_from_none_to_all_is_one_arm_and_then_the_other() -> None:
    found = trajectories(simulate_steps(40, seed=4, shared=False), n_boot=50)
    first, last = found.waiting[0], found.waiting[-1]
    by_name = {one.name: one for one in found.policies}
    assert (first.k, first.changed, first.usd.value) == (0, 0.0, by_name[found.strong].usd.value)
    assert (last.changed, last.score.value) == (0.0, by_name[found.cheap].score.value)
    assert found.policies[0].name == found.best
    assert found.policies[-1].kind == "oracle"
    assert all(one.score.value <= found.policies[-1].score.value for one in found.policies)


@pytest.mark.slow
def test_waiting_pays_where_failures_drag_on() -> None:
    found = trajectories(simulate_steps(600, shared=False, seed=2), n_boot=300)
    assert "escalate, chosen on other folds" in [one.name for one in found.cheaper]
    assert found.waiting[5].gain.low > 0


def test_equal_arms_give_no_yes() -> None:
    rng = np.random.default_rng(0)
    held = simulate_steps(60, shared=False, seed=1)
    luck = (rng.random(held.outcome.shape) < 0.6).astype(float)
    flat = np.where(np.isnan(held.costs), np.nan, 0.01)
    made = StepRecords(**{**vars(held), "outcome": luck, "costs": flat, "cold": flat})
    assert not trajectories(made, n_boot=100).better


def test_the_intervals_are_over_tasks() -> None:
    held = simulate_steps(42, shared=False, seed=1)
    few = StepRecords(**{**vars(held), "groups": np.arange(42) // 6})
    wide, narrow = (
        trajectories(one, n_boot=50, router="best_single").policies[0].usd for one in (few, held)
    )
    assert wide.value == narrow.value
    assert wide != narrow


ROWS = [
    ("t1", 0, "a", 0.1, 100, 1.0),
    ("t1", 1, "a", 0.2, 1000, 1.0),
    ("t1", 0, "b", 1.0, 0, 1.0),
    ("t1", 1, "b", 2.0, 1_000_000, 0.5),
    ("t2", 0, "a", 0.1, 0, 0.0),
    ("t2", 0, "b", 1.0, 0, 1.0),
]


def table(**more: object) -> pl.DataFrame:
    names = ["session_id", "turn", "model", "cost_usd", "cached_tokens", "score"]
    held = pl.DataFrame(ROWS, schema=names, orient="row")
    return held.with_columns(**{name: pl.lit(value) for name, value in more.items()})


def test_a_table_is_read_in_any_order_with_its_cold_costs(tmp_path: Path) -> None:
    table().reverse().write_csv(tmp_path / "steps.csv")
    prices = PriceList("2026-01-01", "made", {"b": Price(5.0, 20.0, 0.5)}, 0)
    found = read_steps(tmp_path / "steps.csv", prices)
    assert found.trajectories == ("t2", "t1")
    assert found.arms == ("b", "a")
    assert found.shared
    assert found.outcome.tolist() == [[1, 0], [0.5, 1]]
    assert found.cold[2].tolist() == [pytest.approx(2.0 + 4.5), pytest.approx(0.2)]
    assert "is not known of 3 of 6 steps" in " ".join(found.notes)


def test_whole_runs_lack_nothing_but_what_is_said(tmp_path: Path) -> None:
    held = table(effort="low", mood="good").rename({"score": "resolved"})
    held = held.filter(~((pl.col("session_id") == "t2") & (pl.col("model") == "b")))
    held.write_ndjson(tmp_path / "steps.jsonl")
    found = read_steps(tmp_path / "steps.jsonl")
    assert not found.shared
    assert found.arms == ("a@low", "b@low")
    assert found.trajectories == ("t1",)
    assert any("1 of 2 trajectories lack the outcome of some arm" in note for note in found.notes)
    assert any("not read: mood" in note for note in found.notes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (pl.col("score") * 3, "score lies between 0 and 1, not 3"),
        (pl.col("cost_usd") * -1, "negative or infinite"),
        (pl.lit("x").alias("turn"), "6 rows have no step"),
        (pl.lit(0).alias("turn"), "has step 0 of 'a' twice"),
    ],
)
def test_what_cannot_be_is_refused(change: pl.Expr, words: str, tmp_path: Path) -> None:
    table().with_columns(change).write_csv(tmp_path / "steps.csv")
    with pytest.raises(DataError, match=words):
        read_steps(tmp_path / "steps.csv")


def test_a_table_without_scores_says_what_it_needs(tmp_path: Path) -> None:
    table().drop("score").write_csv(tmp_path / "steps.csv")
    with pytest.raises(DataError, match="needs a column 'score'"):
        read_steps(tmp_path / "steps.csv")
    table().drop("model").write_csv(tmp_path / "steps.csv")
    with pytest.raises(DataError, match="no column 'arm'; it has"):
        read_steps(tmp_path / "steps.csv")


def test_the_command_says_who_does_best(tmp_path: Path) -> None:
    table().write_csv(tmp_path / "steps.csv")
    done = CliRunner().invoke(cli, ["trajectories", str(tmp_path / "steps.csv"), "--n-boot", "50"])
    assert done.exit_code == 0, done.output
    assert "shared steps" in done.output
    assert "No policy is shown" in done.output


def test_an_unknown_arm_is_named() -> None:
    with pytest.raises(SpecError, match="did you mean 'small'"):
        trajectories(simulate_steps(20), arms=("smal", ARMS[2]))
    with pytest.raises(SpecError, match="lam"):
        trajectories(simulate_steps(20), lam=-1.0)
