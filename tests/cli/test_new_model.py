from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from routereval.records import Records
from routereval.routers import load_router
from tests.conftest import CommandLine
from tests.made import made


@pytest.fixture
def source(tmp_path: Path) -> Path:
    records = made("mine", n_prompts=80, n_models=3, texts=True, features=False, costs=True)
    return records.save(tmp_path / "mine")


@pytest.mark.slow
def test_probes_are_named_filled_in_and_extend_a_router(
    source: Path, tmp_path: Path, command_line: CommandLine
) -> None:
    router, file = tmp_path / "router", tmp_path / "probes.csv"
    command_line("train", source, "-r", "knn(k=5)", "-o", router)
    named = command_line("probes", source, "-k", 20, "-o", file)
    assert (named.status, named.err.count("Next: routereval extend ROUTER_DIR --model")) == (0, 1)
    assert "Each of the 3 known models left out in turn" in named.out
    pl.read_csv(file).with_columns(score=pl.lit(1.0)).write_csv(file)
    call = ("extend", router, "--model", "org/new", "--scores", file, "--price", "0.5,1.5")
    lost = command_line(*call)
    assert lost.status == 2
    assert "say where the router goes with -o DIR" in lost.err
    done = command_line(*call, "--overwrite")
    assert done.status == 0, done.err
    assert "org/new scores 1.000 ± 0.045 on 20 probes" in done.out
    assert "which is sure" in done.out
    assert "Certificate: +" in done.out
    assert "Not known: on which kinds of prompts" in done.out
    assert load_router(router).models[-1] == "org/new"
    assert "org/new" in command_line("route", router, "prove the lemma").out
    twice = command_line(*call, "--overwrite")
    assert (twice.status, "Traceback" in twice.err) == (2, False)
    assert "the router has 'org/new' already" in twice.err


def test_prices_and_probes_that_do_not_do(
    source: Path, tmp_path: Path, command_line: CommandLine
) -> None:
    call = ("extend", tmp_path, "--model", "new", "--scores", "none.csv", "-o", tmp_path / "x")
    for price in ("1", "1,2,3", "-1,2", "a,b", "inf,1"):
        answer = command_line(*call, "--price", price)
        assert (answer.status, "is no price IN,OUT" in answer.err) == (2, True)
    assert "no trained router" in command_line(*call).err
    answer = command_line("probes", source, "-k", 81)
    assert (answer.status, "can be probes, not 81" in answer.err) == (2, True)


DROPPED = "toy: can be dropped, since another costs no more and scores more: bob (ann, +0.500)"


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    good, bad = np.repeat([1.0, 0.0], [80, 20]), np.repeat([1.0, 0.0], [30, 70])
    scores = np.random.default_rng(0).permutation(np.stack([good, bad], axis=1))
    texts = [f"prove lemma {row}" for row in range(100)]
    costs = np.full(scores.shape, [1.0, 2.0])
    return Records.from_arrays("toy", scores, ["ann", "bob"], texts, costs=costs).save(
        tmp_path / "toy"
    )


def test_models_that_can_be_dropped_are_named(
    toy: Path, tmp_path: Path, command_line: CommandLine
) -> None:
    assert f"{DROPPED}." in command_line("info", toy).out
    trained = command_line("train", toy, "-r", "best_single", "-o", tmp_path / "router")
    assert f"{DROPPED}." in trained.err


@pytest.mark.slow
def test_advice_names_models_that_can_be_dropped(toy: Path, command_line: CommandLine) -> None:
    advised = command_line("advise", toy, "-r", "best_single")
    assert f"Note: {DROPPED}." in " ".join(advised.out.split())
