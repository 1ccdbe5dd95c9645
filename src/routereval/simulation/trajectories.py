"""Made trajectories of agents: shared steps, or whole runs of each arm, of which all is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from routereval.records.steps import StepRecords

Floats = NDArray[np.float64]

ARMS = ("small", "medium", "large")
INPUT = np.array([0.25, 1.0, 5.0])
"""USD per million tokens of input; cached input costs a tenth, output four times as much."""

STEP_SCORES = np.array([[0.995, 0.995, 0.999], [0.80, 0.92, 0.97]])
"""How often a routine step, and a hard one, is good enough."""

HARD = 0.25
"""Share of the steps that are hard."""

TEXT_IS_TRUE = 0.9
"""How often the text says truly whether a step, or a task, is hard."""

RUN_SCORES = np.array([[0.85, 0.9, 0.92], [0.15, 0.4, 0.75]])
"""How often the run of an arm solves an easy task, and a hard one."""

_CACHED, _OUTPUT = 0.1, 4.0
_PREFIX, _NEW, _ANSWER = 3000, 900, 300  # tokens: at the start, per step, per answer
_WORDS = (("list", "open", "read"), ("prove", "debug", "race"))
_LENGTH, _MORE_STEPS = 4, 6.0
_RIGHT_STEPS, _WRONG_STEPS = 6.0, 20.0


def simulate_steps(n: int, *, shared: bool = True, seed: int = 0) -> StepRecords:
    """Simulated trajectories of three arms.

    Args:
        n: trajectories.
        shared: every arm at each step of one trajectory; else whole runs of each arm, of which
            those that fail are longer.
        seed: decides everything.
    """
    rng = np.random.default_rng(seed)
    return _shared(n, rng) if shared else _runs(n, rng)


def step_costs(step: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """(n, m) USD of steps with a warm cache and with a cold one, by their place from 0."""
    prefix = (_PREFIX + _NEW * step)[:, None] / 1e6
    new, answer = _NEW / 1e6, _ANSWER / 1e6
    out = answer * _OUTPUT * INPUT
    cold = prefix * INPUT + out
    warm = ((prefix - new) * _CACHED + new) * INPUT + out
    return np.where(step[:, None] > 0, warm, cold), cold


def _shared(n: int, rng: np.random.Generator) -> StepRecords:
    lengths = _LENGTH + rng.poisson(_MORE_STEPS, n)
    trajectory = np.repeat(np.arange(n), lengths)
    step = np.concatenate([np.arange(length) for length in lengths])
    hard = (rng.random(len(step)) < HARD).astype(np.int64)
    scores = (rng.random((len(step), len(ARMS))) < STEP_SCORES[hard]).astype(np.float64)
    costs, cold = step_costs(step)
    starts = np.flatnonzero(step == 0)
    outcome = np.multiply.reduceat(scores, starts, axis=0)
    return _made(trajectory, (costs, cold, scores), outcome, _texts(hard, rng), shared=True)


def _runs(n: int, rng: np.random.Generator) -> StepRecords:
    hard = (rng.random(n) < 0.5).astype(np.int64)
    outcome = (rng.random((n, len(ARMS))) < RUN_SCORES[hard]).astype(np.float64)
    mean = np.where(outcome > 0, _RIGHT_STEPS, _WRONG_STEPS)
    lengths = 1 + rng.poisson(mean)
    longest = lengths.max(axis=1)
    trajectory = np.repeat(np.arange(n), longest)
    step = np.concatenate([np.arange(length) for length in longest])
    warm, cold = step_costs(step)
    there = step[:, None] < lengths[trajectory]
    costs, cold = np.where(there, warm, np.nan), np.where(there, cold, np.nan)
    nothing = np.full(costs.shape, np.nan)
    texts = _texts(hard, rng)
    every = [texts[own] if at == 0 else "" for own, at in zip(trajectory, step, strict=True)]
    return _made(trajectory, (costs, cold, nothing), outcome, every, shared=False)


def _texts(hard: NDArray[np.int64], rng: np.random.Generator) -> list[str]:
    shown = np.where(rng.random(len(hard)) < TEXT_IS_TRUE, hard, 1 - hard)
    word = rng.integers(len(_WORDS[0]), size=len(hard))
    number = rng.integers(10_000, size=len(hard))
    return [
        f"{_WORDS[kind][own]} file {place}"
        for kind, own, place in zip(shown, word, number, strict=True)
    ]


def _made(
    trajectory: NDArray[np.int64],
    cells: tuple[Floats, Floats, Floats],
    outcome: Floats,
    texts: list[str],
    *,
    shared: bool,
) -> StepRecords:
    costs, cold, scores = cells
    return StepRecords(
        name="simulated trajectories",
        trajectories=tuple(f"t{i}" for i in range(len(outcome))),
        arms=ARMS,
        shared=shared,
        trajectory=trajectory,
        costs=costs,
        cold=cold,
        scores=scores,
        outcome=outcome,
        groups=np.arange(len(outcome)),
        texts=tuple(texts),
        simulated=True,
    )
