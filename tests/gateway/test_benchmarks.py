"""The large trials of the gateway, at a small size: they check what they measure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "requests"),
    [("gateway_faults.py", 600), ("gateway_fuzz.py", 600), ("gateway_rules.py", 300)],
)
def test_all_of_it_holds(script: str, requests: int) -> None:
    command = [sys.executable, str(BENCHMARKS / script), "--requests", str(requests)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603 - our own interpreter
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("all of it holds\n")
