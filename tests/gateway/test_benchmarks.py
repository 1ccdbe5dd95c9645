"""The large trials of the gateway, at a small size: they check what they measure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow
@pytest.mark.parametrize("script", ["gateway_faults.py", "gateway_fuzz.py"])
def test_all_of_it_holds(script: str) -> None:
    command = [sys.executable, str(BENCHMARKS / script), "--requests", "600"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603 - our own interpreter
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("all of it holds\n")
