"""Exploration with known propensities, routers side by side, shadows that only watch."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from routereval.errors import DataError
from routereval.gateway.decisions.experiment import Arm, Experiment
from routereval.gateway.observe.decision_log import DecisionLog
from routereval.gateway.observe.shadows import MAX_PENDING, ShadowRouters
from routereval.gateway.protocols import NO_SURCHARGES, LogEntry, RouterChoice
from routereval.routers.trained import Decision

POOL = ("a", "b", "c")


class Always:
    """A router with one idea."""

    def __init__(self, model: str, pool: tuple[str, ...] = POOL, pause: float = 0.0) -> None:
        self.model, self.pool, self.pause = model, pool, pause
        self.asked = 0

    async def decide(
        self,
        text: str,
        lam: float,
        allowed: Sequence[str],
        *,
        unit: str = "",
        surcharges: Mapping[str, float] = NO_SURCHARGES,
    ) -> RouterChoice:
        self.asked += 1
        await asyncio.sleep(self.pause)
        if self.model not in allowed:
            raise DataError("nothing that I know is allowed")
        column = self.pool.index(self.model)
        return RouterChoice(
            Decision(self.model, column, (0.5, 0.6, 0.7), (1.0, 1.0, 1.0), "always")
        )


def decided(test: Experiment, n: int, allowed: Sequence[str] = POOL) -> list[RouterChoice]:
    async def story() -> list[RouterChoice]:
        return [await test.decide("text", 0.0, allowed, unit=f"c{i}") for i in range(n)]

    return asyncio.run(story())


def test_without_exploration_nothing_changes() -> None:
    for routed in decided(Experiment([Arm("only", Always("b"), POOL)]), 20):
        assert (routed.decision.model, routed.decision.reason) == ("b", "always")
        assert (routed.router, routed.propensity) == ("only", 1.0)


def test_propensities_are_how_often_it_happens() -> None:
    test = Experiment([Arm("x", Always("b"), POOL)], 0.3, random.Random(1))  # noqa: S311
    found = decided(test, 6_000)
    told = {routed.decision.model: routed.propensity for routed in found}
    assert told == pytest.approx({"a": 0.1, "b": 0.8, "c": 0.1})
    counts = Counter(routed.decision.model for routed in found)
    for model, propensity in told.items():
        assert counts[model] / 6_000 == pytest.approx(propensity, abs=0.02)
    explored = next(routed.decision for routed in found if routed.decision.model == "c")
    assert (explored.column, explored.reason) == (2, "explored, against b")


def test_only_what_is_allowed_is_explored() -> None:
    test = Experiment([Arm("x", Always("b"), POOL)], 1.0, random.Random(1))  # noqa: S311
    found = decided(test, 200, allowed=["b", "c", "stranger"])
    assert {(r.decision.model, r.propensity) for r in found} == {("b", 0.5), ("c", 0.5)}
    assert {r.propensity for r in decided(test, 20, allowed=["b"])} == {1.0}


def test_traffic_is_split_by_conversation() -> None:
    other = ("c", "a", "b")
    arms = [Arm("old", Always("a"), POOL, 0.75), Arm("new", Always("b", other), other, 0.25)]
    found = decided(Experiment(arms), 4_000)
    assert [r.router for r in found] == [r.router for r in decided(Experiment(arms), 4_000)]
    assert Counter(r.router for r in found)["new"] / 4_000 == pytest.approx(0.25, abs=0.03)
    assert all(r.propensity == 1.0 for r in found)
    assert {(r.router, r.decision.model) for r in found} == {("old", "a"), ("new", "b")}


def test_arms_that_do_not_fit() -> None:
    one = Arm("x", Always("a"), POOL)
    for arms, explore, part in [
        ([], 0.0, "at least one router"),
        ([one, one], 0.0, "two routers are called 'x'"),
        ([one, Arm("y", Always("a"), ("a", "b", "d"))], 0.0, r"different models \(c, d\)"),
        ([Arm("x", Always("a"), POOL, 0.0)], 0.0, "a share is more than 0, not 0"),
        ([one], 1.5, "explore is a share from 0 to 1, not 1.5"),
    ]:
        with pytest.raises(DataError, match=part):
            Experiment(arms, explore)


def entry(number: int, allowed: tuple[str, ...] = POOL) -> LogEntry:
    decision = Decision("a", 0, (0.5, 0.6, 0.7), (1.0, 1.0, 1.0), "")
    return LogEntry(f"r{number}", 1.0, text="hi", decision=decision, allowed=allowed, model="a")


def shadowed(folder: Path, shadow: Always, entries: list[LogEntry]) -> list[dict[str, object]]:
    async def story() -> None:
        shadows = ShadowRouters({"new": shadow}, DecisionLog(folder, {}))
        await shadows.open()
        for one in entries:
            shadows.record(one)
        await shadows.close()

    asyncio.run(story())
    lines = [line for file in folder.iterdir() for line in file.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def test_shadows_are_logged_and_wait_for_nobody(tmp_path: Path) -> None:
    entries = [entry(1), entry(2, allowed=("a", "c")), LogEntry("r3", 1.0, model="a")]
    lines = shadowed(tmp_path, Always("b", pause=0.02), entries)
    assert {line["id"]: line.get("shadows") for line in lines} == {
        "r1": {"new": "b"},
        "r2": None,  # it could not decide
        "r3": None,  # nothing was decided
    }


def test_a_slow_shadow_holds_nothing_up(tmp_path: Path) -> None:
    shadow = Always("b", pause=0.02)
    lines = shadowed(tmp_path, shadow, [entry(n) for n in range(MAX_PENDING + 50)])
    assert len(lines) == MAX_PENDING + 50
    assert shadow.asked == sum("shadows" in line for line in lines) == MAX_PENDING
