from __future__ import annotations

from pathlib import Path

from tests.conftest import CommandLine
from tests.made import made


def test_replay_prints_and_draws(command_line: CommandLine, tmp_path: Path) -> None:
    where = made("logs", n_prompts=120).save(tmp_path / "logs")
    out = tmp_path / "out"
    answer = command_line("replay", where, "-r", "linucb", "--orders", 2, "-o", out)
    assert answer.status == 0, answer.err
    assert "logs: 96 prompts, 5 models" in answer.out
    assert "thompson" not in answer.out
    assert sorted(path.name for path in out.iterdir()) == [
        "replay.json",
        "replay.png",
        "replay.svg",
    ]


def test_what_is_no_bandit_is_one_sentence(command_line: CommandLine, tmp_path: Path) -> None:
    where = made(n_prompts=120).save(tmp_path / "logs")
    answer = command_line("replay", where, "-r", "knn")
    assert answer.status == 2
    assert answer.err.startswith("Error: router 'knn' is no bandit")
