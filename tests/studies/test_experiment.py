"""A second router and shadows, judged on live traffic at any time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from routereval.errors import DataError, SpecError
from routereval.importers.gateway_log import Logged
from routereval.routers import load_router, save_router
from routereval.studies.experiment import experiment_status, promote
from tests.conftest import CommandLine
from tests.studies.test_offpolicy import trained

PREDICTED = {"old": 0.5, "new": 0.5}


def split(n: int, difference: float, seed: int = 0, share: float = 0.5) -> list[Logged]:
    """Two routers side by side; the second is right more often by the difference."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        second = bool(rng.random() < share)
        right = rng.random() < 0.5 + difference * second
        rows.append(
            Logged(
                *(f"r{number:05}", float(number), "p", None, "b" if second else "a", 0.0),
                *(PREDICTED, ("old", "new"), "old", 1.0, "old", 0.01),
                score=float(right),
                share=share if second else 1 - share,
                against="a",
                conversation=f"t{number}",
            )
        )
    return rows


def shadowed(n: int, gain: float, explore: float, seed: int = 0) -> list[Logged]:
    """A shadow that would always ask the new model, which is right more often by the gain."""
    rng = np.random.default_rng(seed)
    rows = []
    for row in split(n, 0.0, seed):
        choice = str(rng.choice(["old", "new"])) if rng.random() < explore else "old"
        right = rng.random() < 0.5 + gain * (choice == "new")
        rows.append(
            replace(
                row,
                router="a",
                share=1.0,
                against="",
                choice=choice,
                model=choice,
                propensity=explore / 2 + (1 - explore) * (choice == "old"),
                shadows={"b": "new"},
                score=float(right),
                explore=explore,
            )
        )
    return rows


@pytest.mark.parametrize(
    ("difference", "verdict"), [(0.3, "better"), (-0.3, "worse"), (0.01, "not yet")]
)
def test_a_second_router_is_judged_against_the_one_that_serves(
    difference: float, verdict: str
) -> None:
    (row,) = experiment_status(split(600, difference)).rows
    assert (row.name, row.against, row.n, row.verdict) == ("b", "a", 600, verdict)
    assert row.interval.low <= difference <= row.interval.high
    assert (row.called_at is None) == (verdict == "not yet")
    (other,) = experiment_status(split(600, difference), baseline="b").rows
    assert other.name == "a"
    assert other.difference == pytest.approx(-row.difference, abs=1e-9)


@pytest.mark.parametrize(("gain", "verdict"), [(0.4, "better"), (-0.4, "worse"), (0.0, "not yet")])
def test_a_shadow_is_judged_by_what_was_explored(gain: float, verdict: str) -> None:
    (row,) = experiment_status(shadowed(500, gain, 0.4)).rows
    assert (row.name, row.verdict, row.unknown) == ("b", verdict, 0)
    assert row.interval.low <= 0.8 * gain <= row.interval.high


def test_without_exploration_no_shadow_is_ever_proved() -> None:
    for gain in (0.5, -0.5):
        found = experiment_status(shadowed(400, gain, 0.0))
        (row,) = found.rows
        assert (row.verdict, row.unknown, row.needed) == ("not yet", 400, None)
        assert row.interval.low < 0 < row.interval.high
        assert "its choice had no chance" in " ".join(str(found).split())


def test_shares_that_are_not_halves_are_made_up_for() -> None:
    (row,) = experiment_status(split(1500, 0.3, share=0.2)).rows
    assert row.verdict == "better"
    assert row.difference == pytest.approx(0.3, abs=0.1)


def test_a_conversation_counts_once_by_its_first_feedback() -> None:
    rows = split(200, 0.3)
    again = [
        replace(row, request_id=f"x{n}", time=row.time + 1e6, score=1 - row.score)
        for n, row in enumerate(rows)
    ]
    once = experiment_status(rows).rows
    assert experiment_status([*again, *rows]).rows == once
    changed = [replace(row, scorings=((row.time, row.score), (9e9, 0.0))) for row in rows]
    assert experiment_status(changed).rows == once
    later = [replace(row, scorings=((1e6 - row.time, row.score),)) for row in rows]
    assert experiment_status(later).rows != once  # in the order in which feedback came


def test_no_false_call_and_no_worse_one_promoted() -> None:
    """A small form of benchmarks/experiments.py."""
    verdicts = [experiment_status(split(300, 0.0, seed)).rows[0].verdict for seed in range(20)]
    assert verdicts.count("not yet") >= 18
    for seed in range(10):
        assert experiment_status(split(300, -0.05, seed)).rows[0].verdict != "better"


def test_what_is_no_experiment_is_said() -> None:
    rows = split(30, 0.0)
    alone = [replace(row, router="a", share=1.0, against="") for row in rows]
    with pytest.raises(DataError, match="the log holds no experiment"):
        experiment_status(alone)
    with pytest.raises(DataError, match="none of 30 logged requests has feedback"):
        experiment_status([replace(row, score=float("nan")) for row in rows])
    with pytest.raises(SpecError, match="unknown router in the log 'c'"):
        experiment_status(rows, baseline="c")
    with pytest.raises(SpecError, match="alpha"):
        experiment_status(rows, 0.0)
    third = [replace(row, router="c", conversation=f"c{n}") for n, row in enumerate(rows)]
    with pytest.raises(DataError, match=r"several experiments, one after the other \(a, b, c\)"):
        experiment_status([*rows, *third])
    old = [replace(row, share=1.0, against="", shadows={"s": "old"}) for row in rows]
    found = experiment_status([replace(row, conversation="") for row in old])
    assert "30 requests do not say which share" in found.render("table")
    assert "does not know the conversation" in found.render("table")


def written(path: Path, rows: list[Logged], name: str) -> Path:
    lines = []
    for row in rows:
        held = {"id": row.request_id, "asked": "auto", "attempts": [], "usd": 0.01, "key": ""}
        for field in ("time", "prompt", "scores", "choice", "propensity", "model", "share"):
            held[field] = getattr(row, field)
        held |= {"router": row.router.replace("b", name), "against": "a", "allowed": ["old", "new"]}
        held |= {"conversation": row.conversation}
        score = {"feedback": row.request_id, "time": row.time, "key": "", "score": row.score}
        lines += [held, score]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_router_is_promoted_if_it_is_better_and_only_then(
    tmp_path: Path, command_line: CommandLine
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    save_router(trained(), old)
    save_router(replace(trained(), about={"new": True}), new)
    before = sorted((file.name, file.read_bytes()) for file in old.iterdir())
    worse = written(tmp_path / "worse.jsonl", split(400, -0.3), str(new))
    answer = command_line("experiment", "promote", worse, new, "--to", old)
    assert answer.status == 2
    assert "is worse" in answer.err
    assert sorted((file.name, file.read_bytes()) for file in old.iterdir()) == before
    better = written(tmp_path / "better.jsonl", split(400, 0.3), str(new))
    status = command_line("experiment", "status", better, "--format", "json")
    assert [row["verdict"] for row in json.loads(status.out)["rows"]] == ["better"]
    with pytest.raises(SpecError, match="unknown contender in the log 'other'"):
        promote(better, "other", old)
    answer = command_line("experiment", "promote", better, new, "--to", old)
    assert answer.status == 0, answer.err
    assert "which is better by +0." in answer.err
    assert load_router(old).about["new"] is True
