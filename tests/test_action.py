"""The action for GitHub's workflows: its steps' shell, as a runner would call it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from routereval.cli.main import cli
from tests.made import made

ROOT = Path(__file__).parents[1]
ACTION = ROOT / "action.yml"
BIN = Path(sys.executable).parent

pytestmark = pytest.mark.skipif(
    shutil.which("bash") is None or not ACTION.exists(), reason="needs bash"
)


def action() -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")
    held: dict[str, Any] = yaml.safe_load(ACTION.read_text("utf-8"))
    return held


def step(name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(s for s in action()["runs"]["steps"] if s.get("name") == name)
    return found


def called(name: str, folder: Path, inputs: dict[str, str], path: Path = BIN) -> int:
    """The exit status of a step with these inputs; its files are in the folder."""
    found, held = step(name), action()["inputs"]
    given = {key: str(one.get("default", "")) for key, one in held.items()} | inputs
    names = {key: value.split("inputs.")[1].strip(" }") for key, value in found["env"].items()}
    environment = {
        **os.environ,
        **{key: given[name] for key, name in names.items()},
        "PATH": f"{path}{os.pathsep}{os.environ['PATH']}",
        "GITHUB_ACTION_PATH": str(ROOT),
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
    }
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", found["run"]]
    return subprocess.run(shell, cwd=folder, env=environment, check=False).returncode  # noqa: S603 - our own steps


@pytest.fixture
def stub(tmp_path: Path) -> Path:
    """Programs that only write down how they were called; `routereval` ends as a file says."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("python", "routereval"):
        (folder / name).write_text(
            f'#!/bin/sh\nfor word in {name} "$@"; do echo "$word" >> calls; done\n'
            "exit $(cat status 2> /dev/null || echo 0)\n"
        )
        (folder / name).chmod(0o755)
    return folder


def test_every_input_and_output_is_used() -> None:
    held, text = action(), ACTION.read_text("utf-8")
    for name, one in held["inputs"].items():
        assert f"inputs.{name}" in text
        assert one["description"].endswith((".", "is there."))
    known = {flag for option in cli.commands["check"].params for flag in option.opts}
    words = {word.strip("(") for word in step("Check")["run"].split() if "--" in word}
    assert {word.partition("(")[2] or word for word in words} <= known


def test_nothing_of_the_inputs_stands_in_a_script() -> None:
    scripts = [one["run"] for one in action()["runs"]["steps"] if "run" in one]
    assert len(scripts) == 3
    assert not [text for text in scripts if "${{" in text]


def test_what_is_installed(tmp_path: Path, stub: Path) -> None:
    assert called("Install routereval", tmp_path, {}, stub) == 0
    assert called("Install routereval", tmp_path, {"install": "routereval==9"}, stub) == 0
    assert (tmp_path / "calls").read_text().splitlines() == [
        *("python", "-m", "pip", "install", "--quiet", str(ROOT)),
        *("python", "-m", "pip", "install", "--quiet", "routereval==9"),
    ]


def test_how_the_run_is_called(tmp_path: Path, stub: Path) -> None:
    asked = {"run": "my-logs -r 'ours=knn(k=5, metric=cosine)' --seeds 5", "results": "a b"}
    assert called("Run", tmp_path, asked, stub) == 0
    assert (tmp_path / "calls").read_text().splitlines() == [
        *("routereval", "run", "my-logs", "-r", "ours=knn(k=5, metric=cosine)"),
        *("--seeds", "5", "-o", "a b"),
    ]


@pytest.mark.parametrize(("status", "output"), [(0, "holds=true\n"), (1, "holds=false\n"), (2, "")])
def test_how_the_check_is_called(status: int, output: str, tmp_path: Path, stub: Path) -> None:
    (tmp_path / "status").write_text(str(status))
    asked = {"require": "auto > best_single\n\n  auto >= knn(k=5)\n", "min-gain": "0.01"}
    assert called("Check", tmp_path, asked, stub) == status
    assert (tmp_path / "calls").read_text().splitlines() == [
        *("routereval", "check", "results", "--require", "auto > best_single"),
        *("--require", "  auto >= knn(k=5)", "--min-gain", "0.01", "--margin", "0.01"),
        *("--by", "interval", "--summary", str(tmp_path / "summary.md")),
    ]
    written = tmp_path / "output"
    assert (written.read_text() if written.exists() else "") == output


@pytest.mark.slow
def test_the_steps_do_what_they_say(tmp_path: Path) -> None:
    if not (BIN / "routereval").exists():
        pytest.skip("routereval is not installed as a command")
    made().save(tmp_path / "logs")
    assert called("Run", tmp_path, {"run": "logs -r knn --sizes 3 --jobs 1"}) == 0
    assert called("Check", tmp_path, {"require": "oracle > random"}) == 0
    assert called("Check", tmp_path, {"require": "random > oracle"}) == 1
    assert (tmp_path / "output").read_text() == "holds=true\nholds=false\n"
    summary = (tmp_path / "summary.md").read_text()
    assert summary.count("### routereval check results") == 2
