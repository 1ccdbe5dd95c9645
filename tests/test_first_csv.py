"""The tutorial on a CSV of one's own: its steps work one after the other, on a smaller table."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from routereval.cli.main import cli

PAGE = Path(__file__).parents[1] / "docs" / "first-csv.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    text = PAGE.read_text(encoding="utf-8")
    return [inside for found, inside in FENCE.findall(text) if found == language]


def steps() -> list[list[str]]:
    """The calls of routereval on the page in their order, but for the one that goes on serving."""
    lines = "".join(blocks("")).splitlines()
    calls = [shlex.split(line)[1:] for line in lines if line.startswith("routereval ")]
    return [call for call in calls if call[0] != "serve" or "--check" in call]


def run(call: list[str]) -> str:
    found = CliRunner().invoke(cli, call)
    assert found.exit_code == 0, (call, found.output)
    return found.output


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the page's table, of fewer prompts, and its configuration lie."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROUTEREVAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OPENAI_API_KEY", "a-key-of-no-use")
    (table,), (configuration,) = blocks("python"), blocks("toml")
    small = table.replace("N_PROMPTS = 300", "N_PROMPTS = 60")
    assert small != table
    exec(compile(small, "page", "exec"), {"__name__": "page"})  # noqa: S102 - our own page
    Path("gateway.toml").write_text(configuration, encoding="utf-8")
    return tmp_path


def test_the_steps_are_those_of_the_way_to_an_endpoint() -> None:
    assert [call[0] for call in steps()] == ["info", "advise", "train", "route", "serve"]


def test_the_table_is_read_as_the_page_says(folder: Path) -> None:
    shown = run(steps()[0])
    assert "60 × 5" in shown
    assert "has" in shown
    assert "costs" in shown
    assert "warning:" not in shown


@pytest.mark.slow
def test_every_step_works(folder: Path) -> None:
    pytest.importorskip("aiohttp")
    quick = {"advise": ["-r", "knn"]}  # auto and forest learn for ten times as long
    shown = {}
    for call in steps():
        taken = ["knn" if word == "auto" else word for word in call]
        shown[call[0]] = run([*taken, *quick.get(call[0], [])])
    assert shown["advise"].count("Worth routing? ") == 1
    assert "large" in shown["route"]
    assert "2 of the router's 5 models have an upstream" in shown["serve"]
    assert (folder / "verdict" / "advice.txt").exists()
    assert (folder / "my-router" / "manifest.json").exists()
