"""Calls of experiments that are looked at after every conversation, in worlds of known truth.

    python benchmarks/experiments.py             # 1,000 experiments of each kind, 20 minutes
    python benchmarks/experiments.py --experiments 50

A second router with half of the conversations, and a shadow that would choose another model for
three prompts in ten where a tenth of the choices is drawn; answers are right or wrong, seven in ten
right. Printed: how often a difference was called where there is none,
after how many conversations one of .05 was called, and how often a worse contender was promoted.
Exits with 1 if more than 5 % of the calls without a difference are made, if a difference of .05 is
not called within `WITHIN` conversations in nine of ten experiments, or if a worse one is promoted.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import NamedTuple

import numpy as np

from routereval.importers.gateway_log import Logged
from routereval.studies.experiment import Contender, experiment_status

RIGHT, OTHERWISE, EXPLORE = 0.7, 0.3, 0.1
WITHIN = {"router": 8_000, "shadow": 10_000}
MODELS = ("old", "new")
PREDICTED = {"old": 0.7, "new": 0.72}


class Plan(NamedTuple):
    """Experiments of one kind."""

    kind: str
    difference: float
    conversations: int


def split(rng: np.random.Generator, plan: Plan) -> list[Logged]:
    """Two routers side by side, of which the second one is right more often."""
    second = rng.random(plan.conversations) < 0.5
    right = rng.random(plan.conversations) < RIGHT + plan.difference * second
    return [
        Logged(
            *(f"r{n}", float(n), "p", None, "b" if two else "a", 0.0, PREDICTED, MODELS),
            *("old", 1.0, "old", 0.01),
            score=float(ok),
            share=0.5,
            against="a",
            conversation=f"t{n}",
        )
        for n, (two, ok) in enumerate(zip(second.tolist(), right.tolist(), strict=True))
    ]


def shadowed(rng: np.random.Generator, plan: Plan) -> list[Logged]:
    """One router that asks the old model, and a shadow that would ask the new one at times."""
    n = plan.conversations
    other, drawn, which = (
        rng.random(n) < OTHERWISE,
        rng.random(n) < EXPLORE,
        rng.integers(2, size=n),
    )
    chosen = np.where(drawn, which, 0)
    gain = plan.difference / OTHERWISE * other * (chosen == 1)
    right = rng.random(n) < RIGHT + gain
    rows = []
    for number in range(n):
        at = int(chosen[number])
        rows.append(
            Logged(
                *(f"r{number}", float(number), "p", None, "a", 0.0, PREDICTED, MODELS),
                *(MODELS[at], EXPLORE / 2 + (1 - EXPLORE) * (at == 0), MODELS[at], 0.01),
                shadows={"b": MODELS[int(other[number])]},
                score=float(right[number]),
                explore=EXPLORE,
                conversation=f"t{number}",
            )
        )
    return rows


WORLDS = {"router": split, "shadow": shadowed}


def contenders(plan: Plan, experiments: int) -> list[Contender]:
    found = []
    for seed in range(experiments):
        rng = np.random.default_rng([seed, list(WORLDS).index(plan.kind)])
        found.append(experiment_status(WORLDS[plan.kind](rng, plan)).rows[0])
    return found


def without_difference(kind: str, experiments: int) -> list[str]:
    found = contenders(Plan(kind, 0.0, WITHIN[kind] // 2), experiments)
    called = sum(one.verdict != "not yet" for one in found)
    missed = sum(not one.interval.low <= 0 <= one.interval.high for one in found)
    print(
        f"{kind}: no difference: {called} of {experiments} called at any time, "
        f"{missed} intervals miss at the end"
    )
    return [f"{kind}: {called} false calls"] if called > 0.05 * experiments else []


def with_difference(kind: str, experiments: int) -> list[str]:
    found = contenders(Plan(kind, 0.05, WITHIN[kind]), experiments)
    at = sorted(one.called_at or 10**9 for one in found if one.verdict == "better")
    share = sum(place <= WITHIN[kind] for place in at) / experiments
    half = at[len(at) // 2] if at else 0
    guessed = int(np.median([one.needed or 0 for one in found]))
    print(
        f"{kind}: a difference of .05: {share:.1%} called better within {WITHIN[kind]:,} "
        f"conversations, half of them within {half:,} ({guessed:,} foreseen)"
    )
    return [f"{kind}: only {share:.1%} called"] if share < 0.9 else []


def worse(kind: str, experiments: int) -> list[str]:
    found = contenders(Plan(kind, -0.02, WITHIN[kind] // 2), experiments)
    promoted = sum(one.verdict == "better" for one in found)
    known = sum(one.verdict == "worse" for one in found)
    print(f"{kind}: worse by .02: {promoted} of {experiments} promoted, {known} called worse")
    return [f"{kind}: {promoted} worse ones were promoted"] if promoted else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiments", type=int, default=1000)
    experiments, start = parser.parse_args().experiments, time.perf_counter()
    wrong = []
    for kind in WORLDS:
        sys.stdout.flush()
        wrong += without_difference(kind, experiments)
        wrong += with_difference(kind, min(experiments, 200))
        wrong += worse(kind, experiments)
    print(f"{time.perf_counter() - start:.0f} s")
    for one in wrong:
        print("WRONG:", one)
    print("all of it holds" if not wrong else f"{len(wrong)} things do not hold")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
