"""``routereval simulate``."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from routereval.cli.info import info
from routereval.cli.simulate import simulate
from routereval.errors import DataError
from routereval.sources import open_source


def test_a_small_leaderboard_is_written_and_looked_over(tmp_path: Path) -> None:
    dest = tmp_path / "made"
    done = CliRunner().invoke(simulate, [str(dest), "--shape", "small", "--seed", "3"])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0] == f"{dest}/arc: Records('arc', 59 prompts × 250 models, binary, simulated)"
    assert lines[-2:] == [
        "Simulated data: no real model was asked.",
        f"Next: routereval info {dest}",
    ]
    assert len(lines) == len(open_source(dest)) + 2 == 14
    seen = CliRunner().invoke(info, [str(dest)])
    assert seen.exit_code == 0
    assert "mmlu_pro" in seen.output
    assert "Simulated data" in seen.output


def test_the_demo_is_the_default_and_overwrite_replaces(tmp_path: Path) -> None:
    dest = tmp_path / "made"
    CliRunner().invoke(simulate, [str(dest), "--shape", "small"])
    refused = CliRunner().invoke(simulate, [str(dest)])
    assert isinstance(refused.exception, DataError)
    done = CliRunner().invoke(simulate, [str(dest), "--overwrite"])
    assert done.exit_code == 0, done.output
    assert "60 models" in done.output
    assert {records.n_models for records in open_source(dest)} == {60}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--shape", "huge"], "'demo', 'small', 'full'"),
        (["--seed", "-1"], "x>=0"),
        (["--seed", "one"], "valid integer"),
    ],
)
def test_what_it_cannot_do_is_told(arguments: list[str], sentence: str, tmp_path: Path) -> None:
    told = CliRunner().invoke(simulate, [str(tmp_path / "made"), *arguments])
    assert told.exit_code == 2
    assert sentence in told.output
    assert not list(tmp_path.iterdir())
