"""Predicted against fed-back scores, week by week."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routereval.errors import DataError
from routereval.importers.gateway_log import Logged
from routereval.routers import save_router
from routereval.studies.log_drift import log_drift, week_of
from tests.conftest import CommandLine
from tests.studies.test_offpolicy import trained

WEEK_S = 7 * 86_400.0


def logged(weeks: int, each: int, seed: int, worse: dict[int, float] | None = None) -> list[Logged]:
    """Scores of which .7 are right, as predicted, and fewer in some weeks."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(weeks * each):
        week = number // each
        model = ("euclid", "portia")[number % 2]
        right = rng.random() < 0.7 - (worse or {}).get(week, 0.0)
        fields: dict[str, Any] = {
            "request_id": f"r{number:05}",
            "time": WEEK_S * (100 + week) + 7 * number,
            "prompt": "p",
            "text": "prove the lemma",
            "router": "knn",
            "lam": 0.0,
            "scores": {"euclid": 0.7, "portia": 0.7},
            "allowed": ("euclid", "portia"),
            "choice": model,
            "propensity": 1.0,
            "model": model,
            "cost": 0.01,
            "score": float(right),
            "unfamiliar": number % 10 == 0,
            "conversation": f"t{number // 2}",
        }
        rows.append(Logged(**fields))
    return rows


def test_noise_names_no_week() -> None:
    named = [len(log_drift(logged(3, 80, seed)).moved) > 0 for seed in range(40)]
    assert np.mean(named) <= 0.125  # 5 % but for 40 logs


def test_a_week_that_keeps_less_is_named_with_its_figures() -> None:
    found = log_drift(logged(4, 200, 1, {2: 0.3}))
    assert [week.name for week in found.moved] == [week_of(WEEK_S * 102)]
    week = found.weeks[2]
    assert (week.n, week.n_scored) == (200, 200)
    assert week.predicted == pytest.approx(0.7)
    assert week.gap == pytest.approx(week.score - 0.7)
    assert week.interval.low < week.gap < week.interval.high < 0
    assert week.unfamiliar == 0.1
    assert week.shares == {"euclid": 0.5, "portia": 0.5}
    assert "scores lay 0.3" in str(found).replace("\n", " ")


def test_new_prompts_are_named() -> None:
    rows = logged(2, 100, 2)
    rows = [*rows[:100], *(replace(row, unfamiliar=True) for row in rows[100:])]
    found = log_drift(rows)
    assert [week.name for week in found.stranger] == [found.weeks[1].name]
    assert "100.0 % of the prompts were unlike" in " ".join(str(found).split())


def test_without_feedback_only_traffic_is_told() -> None:
    rows = [replace(row, score=math.nan, model="other") for row in logged(2, 40, 3)]
    found = log_drift(rows)
    assert [week.n_scored for week in found.weeks] == [0, 0]
    assert "too little feedback" in str(found)
    assert "no two have 30 scored conversations each" in " ".join(str(found).split())
    assert "80 answers came from another model" in found.render("table")
    assert "nan" not in found.render("table")
    with pytest.raises(DataError, match="no request in the log"):
        log_drift([])


def test_one_week_has_no_other_to_be_compared_with() -> None:
    text = str(log_drift(logged(1, 60, 5)))
    assert "There is one week" in text
    assert "1 week\n" in text


def test_a_router_predicts_anew() -> None:
    rows = [replace(row, scores={"euclid": 0.1, "x": 0.1}) for row in logged(1, 60, 4)]
    found = log_drift(rows, trained(), "mine")
    assert found.weeks[0].predicted == pytest.approx((0.9 + 0.3) / 2)
    assert found.router == "mine"
    with pytest.raises(DataError, match="mine needs the prompts' texts"):
        log_drift([replace(rows[0], text=None)], trained(), "mine")


def test_the_command_takes_logs_and_records(tmp_path: Path, command_line: CommandLine) -> None:
    lines = []
    for row in logged(2, 40, 5):
        held = {"id": row.request_id, "asked": "auto", "attempts": [], "usd": 0.01, "key": ""}
        for name in ("time", "prompt", "text", "router", "scores", "choice", "propensity", "model"):
            held[name] = getattr(row, name)
        score = {"feedback": row.request_id, "time": row.time, "key": "", "score": row.score}
        lines += [held | {"allowed": list(row.allowed)}, score]
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    answer = command_line("drift", log, "--format", "json")
    assert answer.status == 0, answer.err
    assert [week["n"] for week in json.loads(answer.out)["weeks"]] == [40, 40]
    save_router(trained(), tmp_path / "router")
    again = command_line("drift", log, tmp_path / "router")
    assert again.status == 0, again.err
    assert "predicted" in again.out
