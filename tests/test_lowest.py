"""The versions that CI tests as the lowest are those that `pyproject.toml` names."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
LOWEST = HERE / ".ci" / "lowest.txt"


def bounds() -> dict[str, str]:
    """The lower bound of every dependency, of every extra but torch, and of the tests' own."""
    held = tomllib.loads((HERE / "pyproject.toml").read_text("utf-8"))
    extras = held["project"]["optional-dependencies"]
    groups = held["dependency-groups"]
    told = [
        *held["project"]["dependencies"],
        *(line for name, lines in extras.items() if name != "torch" for line in lines),
        *(line for name in ("core-test", "test") for line in groups[name]),
    ]
    matches = [re.match(r"([\w-]+)>=([\d.]+)", line) for line in told if isinstance(line, str)]
    return {match[1]: match[2] for match in matches if match}


@pytest.mark.skipif(not LOWEST.exists(), reason="no checkout")
def test_the_lowest_versions_are_the_bounds() -> None:
    """`make lowest` writes them anew."""
    lines = LOWEST.read_text("utf-8").splitlines()
    pins = dict(line.split(" ")[0].split("==") for line in lines)
    for name, bound in bounds().items():
        assert f"{pins[name]}.".startswith(f"{bound}."), f"{name}: run make lowest"
