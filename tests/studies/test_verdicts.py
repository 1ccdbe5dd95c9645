"""Verdicts in made worlds whose truth is known; `benchmarks/verdicts.py` draws many of each."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "verdicts.py"


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verdicts", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WORLDS = loaded()
DRAW = 3  # of the domains, of which one in six shows too little, one that shows much


@pytest.mark.slow
@pytest.mark.parametrize("world", ["copies", "domains", "dominant", "hidden", "leaderboard"])
def test_the_answer_is_right_in_a_made_world(
    world: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUTEREVAL_CACHE", str(tmp_path))
    _, right, meaning, _ = WORLDS.WORLDS[world]
    found = WORLDS.decision(world, DRAW)
    assert right(found), f"{world}: {found.answer}, use {found.use}; right is {meaning}"


def test_a_world_has_the_gain_that_it_claims() -> None:
    records = WORLDS.domains(0)
    assert (records.n_prompts, records.n_models) == (360, 5)
    best = max(records.dense().mean(axis=0))
    assert 0.05 < 0.93 - best < 0.13


def test_a_cheaper_model_is_exactly_as_good() -> None:
    means = WORLDS.equal_but_cheaper(0).dense().mean(axis=0)
    assert means[0] == means[1]
    board = WORLDS.leaderboard(0).dense().mean(axis=0)
    assert board[:2].tolist() == [0.768, 0.758]
