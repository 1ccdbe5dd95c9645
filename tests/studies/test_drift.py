"""Which models changed between two dates, and what two judges share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

import routereval as rv
from routereval.errors import DataError, SpecError
from routereval.records import Draft, Records
from routereval.studies.drift import drift, probes_needed
from routereval.studies.judges import judges

SHARED = Path(__file__).parents[3] / "shared" / "data" / "bfcl_2024_08"
Floats = NDArray[np.float64]
MODELS = ["a", "b", "c", "d"]


def records(scores: Floats, name: str = "made") -> Records:
    return Records.from_arrays(name, scores, MODELS[: scores.shape[1]])


def noisy(seed: int, n: int = 200) -> tuple[Floats, Floats]:
    """Two runs of the same models, on prompts of which some are tossed up."""
    rng = np.random.default_rng(seed)
    rate = rng.choice([0.02, 0.5, 0.98], (n, 4))
    first, second = ((rng.random((n, 4)) < rate).astype(float) for _ in range(2))
    return first, second


def test_noise_is_no_change() -> None:
    named = [len(drift(*map(records, noisy(seed))).changed) for seed in range(60)]
    assert np.mean([n > 0 for n in named]) <= 0.1  # 5 % but for 60 worlds
    assert drift(*map(records, noisy(0))).false_alarms <= 0.05


def test_a_change_is_named_and_only_that() -> None:
    first, second = noisy(1)
    second[:60, 2] = 0.0
    found = drift(records(first), records(second))
    assert [one.name for one in found.changed] == ["c"]
    assert "1 of 4 models changed by more than luck: c (-0." in found.render("table")


def test_changes_that_cancel_between_benchmarks_are_seen() -> None:
    first, second = noisy(2, 100)
    first[:40, 0], second[:40, 0] = 0.0, 1.0
    other_first, other_second = second.copy(), first.copy()
    found = drift(
        [records(first, "x"), records(other_first, "y")],
        [records(second, "x"), records(other_second, "y")],
    )
    top = found.models[0]
    assert (top.name, top.changed) == ("a", True)
    assert top.after == pytest.approx(top.before)


def test_equal_snapshots_have_no_drift() -> None:
    first, _ = noisy(3)
    found = drift(records(first), records(first))
    assert found.flips == 0.0
    assert found.changed == []
    assert "of none of 4 models" in str(found)


def test_probes_find_the_change_four_times_in_five() -> None:
    rng = np.random.default_rng(4)
    flips, change = 0.2, 0.1
    n = int(probes_needed(flips, change))
    d = rng.choice([1.0, -1.0, 0.0], (4000, n), p=[0.15, 0.05, 0.8])
    z = d.mean(axis=1) / (d.std(axis=1, ddof=1) / n**0.5)
    assert (np.abs(z) > 1.96).mean() == pytest.approx(0.8, abs=0.03)
    with pytest.raises(SpecError, match="between 0 and 1, not 0"):
        drift(records(np.eye(4)), change=0)


def test_versions_beside_the_scores_are_taken() -> None:
    first, second = noisy(5)
    second[:60, 1] = 1.0
    prompts = pl.DataFrame({"prompt_id": [f"q{n}" for n in range(len(first))]})
    held = Draft("two", MODELS, second, prompts, versions={"2024-01-01": first})
    found = drift(Records.from_draft(held))
    assert [one.name for one in found.changed] == ["b"]
    with pytest.raises(DataError, match="measured once"):
        drift(records(first))


def test_only_what_was_measured_twice_counts() -> None:
    first, second = noisy(6)
    fewer = Records.from_arrays("made", second[:, :2], ["a", "e"])
    found = drift(records(first), fewer)
    assert [one.name for one in found.models] == ["a"]
    assert found.notes == ("4 models were measured once, so left out",)
    with pytest.raises(DataError, match="no model was measured both times"):
        drift(records(first), Records.from_arrays("made", second[:, :1], ["z"]))


def test_a_certificate_expires_with_its_models(tmp_path: Path) -> None:
    first, second = noisy(7)
    texts = [f"prompt {n}" for n in range(len(first))]
    then = Records.from_arrays("made", first, MODELS, texts)
    rv.train(then, "best_single", embedder="tfidf(dims=4)").save(tmp_path / "router")
    same = drift(then, records(first), router=tmp_path / "router")
    assert "its certificate still holds" in same.render("table")
    second[:60, 3] = 0.0
    found = drift(then, records(second), router=tmp_path / "router")
    assert "d" in found.expired
    assert "has expired: d changed" in " ".join(str(found).split())


def two_judges(shared: float, n: int = 20_000) -> Records:
    """Judges that agree on a share of the prompts, and know nothing of each other on the rest."""
    rng = np.random.default_rng(8)
    man = rng.random((n, 4))
    machine = np.where(rng.random((n, 1)) < shared, man, rng.random((n, 4)))
    prompts = pl.DataFrame({"prompt_id": [f"q{n}" for n in range(n)]})
    held = Draft("two", MODELS, man, prompts, judge="man", judges={"machine": machine})
    return Records.from_draft(held)


@pytest.mark.parametrize("shared", [0.0, 0.4, 1.0])
def test_the_split_between_judges_is_that_of_known_shares(shared: float) -> None:
    found = judges(two_judges(shared), n_boot=2)
    assert found.own == pytest.approx((1 - shared, 1 - shared), abs=0.02)
    assert found.agreement == pytest.approx(shared, abs=0.02)


def test_what_one_judge_chooses_is_scored_by_each() -> None:
    found = judges(two_judges(0.5, 400), n_boot=50)
    assert [(one.trained_on, one.scored_by) for one in found.routed] == [
        ("man", "man"),
        ("man", "machine"),
        ("machine", "man"),
        ("machine", "machine"),
    ]
    same, crossed, *_ = found.routed
    assert same.oracle > crossed.oracle
    assert "Of the headroom that man sees" in str(found)
    with pytest.raises(DataError, match="one judge"):
        judges(records(np.eye(4)))


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared records")
def test_a_leaderboard_that_was_measured_twice() -> None:
    found = drift(SHARED)
    assert found.flips == pytest.approx(0.107, abs=0.001)
    assert found.false_alarms <= 0.05
    assert {"mistral-small-2402", "mistral-tiny-2312"} <= {one.name for one in found.changed}
