"""The twelve benchmarks of both simulations: subsets, sizes and levels, from one table."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from routereval.records.routereval import N_PROMPTS, SUBSETS

BOARDS: Mapping[str, str] = {name: board for board, held in SUBSETS.items() for name in held}
"""The published leaderboard that each benchmark belongs to."""


@dataclass(frozen=True)
class Subset:
    """A part of a benchmark of the demo.

    Attributes:
        name: the subset.
        subjects: what its prompts are about.
        options: numbers of answers to choose from, one drawn for each prompt; empty if free form.
    """

    name: str
    subjects: tuple[str, ...]
    options: tuple[int, ...] = ()


@dataclass(frozen=True)
class Level:
    """How hard a benchmark is on the leaderboard, and how alike the models' mistakes on it are.

    Attributes:
        low: expected mean score of the weakest model; that of guessing, if that is more.
        best: expected mean score of the best model.
        curve: the model at quantile u scores low + (best − low) · u ** curve.
        spread: sd of the prompts' difficulty, in probits; models agree the more, the larger it is.
        trap: how much guessers agree, as the correlation of two guesses; 0 if not at all.
        option_bias: how far guessers prefer one option, from 0 (they take any) to 1.
    """

    low: float
    best: float
    curve: float
    spread: float
    trap: float = 0.0
    option_bias: float = 0.0


@dataclass(frozen=True)
class Benchmark:
    """What is known of a benchmark before it is simulated.

    Attributes:
        name: the benchmark.
        level: how hard it is on the leaderboard.
        sizes: prompts of each published subset, in the order of `SUBSETS`.
        options: answers to choose from in each published subset; 0 in free form.
        subsets: its parts in the demo, in order.
        answers: how its prompts end, a key of `wording.CLOSINGS`.
        tokens: typical length of an answer.
        graded: True if scores are real-valued, not 0 or 1.
    """

    name: str
    level: Level
    sizes: tuple[int, ...]
    options: tuple[int, ...]
    subsets: tuple[Subset, ...]
    answers: str = "choice"
    tokens: int = 60
    graded: bool = False


def _benchmark(
    name: str,
    level: Mapping[str, float],
    demo: Mapping[str, tuple[str, Sequence[int]]],
    published_sizes: Sequence[int] = (),
    published_options: int | Sequence[int] = 0,
    **more: Any,  # noqa: ANN401 - the fields that are taken as they stand
) -> Benchmark:
    n_subsets = len(SUBSETS[BOARDS[name]][name])
    if isinstance(published_options, int):
        published_options = (published_options,) * n_subsets
    return Benchmark(
        name,
        Level(**level),
        tuple(published_sizes) or (N_PROMPTS[name],),
        tuple(published_options),
        tuple(
            Subset(subset, tuple(subjects.split()), tuple(options))
            for subset, (subjects, options) in demo.items()
        ),
        **more,
    )


_FILE = resources.files("routereval.simulation") / "benchmarks.toml"
BENCHMARKS: Mapping[str, Benchmark] = {
    name: _benchmark(name, **table)
    for name, table in tomllib.loads(_FILE.read_text("utf-8")).items()
}
"""By name, in RouterEval's order."""
