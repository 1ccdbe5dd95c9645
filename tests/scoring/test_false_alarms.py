"""The benchmark of false alarms runs, and its quick look shows none to speak of."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "false_alarms.py"


@pytest.mark.slow
def test_the_quick_look() -> None:
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(SCRIPT), "--quick"], capture_output=True, text=True, check=True
    )
    clusters = re.search(r"clusters of 30 +([\d.]+)% +([\d.]+)%", done.stdout)
    assert clusters is not None
    before, after = (float(share) for share in clusters.groups())
    assert after <= 17.5 < before  # 5 % of 40 and nearly four standard errors
    fits = re.search(r"fits given ([\d.]+)%.*compare ([\d.]+)%", done.stdout)
    assert fits is not None
    assert float(fits.group(2)) <= 17.5
