"""RouterEval's raw score file at full size, read without running code from it.

Makes ``leaderboard_old.pkl`` of 28,659 prompts × 5,000 models as float64, about 1.1 GB, and imports
it in a process of its own.

    python benchmarks/raw_pickle.py [--models 5000]
"""

from __future__ import annotations

import argparse
import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from routereval.records.routereval import N_PROMPTS, SUBSETS

IMPORT = r"""
import re, sys
from routereval.importers import import_records
import_records("routereval-raw", sys.argv[1], sys.argv[2])
# not ru_maxrss, which a child inherits from the process that made the data
print(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1])
"""


def made_file(path: Path, n_models: int) -> None:
    """Random scores in the published layout."""
    rng = np.random.default_rng(0)
    data = {}
    for benchmark, subsets in SUBSETS["old"].items():
        sizes = np.full(len(subsets), N_PROMPTS[benchmark] // len(subsets))
        sizes[: N_PROMPTS[benchmark] % len(subsets)] += 1
        for subset, size in zip(subsets, sizes, strict=True):
            draw = rng.random((size, n_models), dtype=np.float32)
            scores = draw if benchmark == "truthfulqa" else draw < 0.5
            data[subset] = {"correctness": scores.astype(np.float64)}
    held = {"model": [f"open-llm-leaderboard-old/details_o__m{i}" for i in range(n_models)]}
    with path.open("wb") as file:
        pickle.dump(held | {"data": data}, file, protocol=4)


def main() -> None:
    """Make the file, import it and print time and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=5000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw" / "leaderboard_score"
        raw.mkdir(parents=True)
        file = raw / "leaderboard_old.pkl"
        made_file(file, args.models)
        size = file.stat().st_size
        start = time.perf_counter()
        command = [sys.executable, "-c", IMPORT, str(raw.parent), str(Path(folder) / "out")]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds = time.perf_counter() - start
        peak = int(done.stdout) * 1024
    print(f"  {size / 1e9:.2f} GB pickle → records: {seconds:.1f} s, peak {peak / 1e9:.2f} GB")
    print(f"  peak / file                            {peak / size:.2f}")


if __name__ == "__main__":
    main()
