"""A long Parquet table, a row per record, to Records: 5,000 models × 28,659 prompts by default.

python benchmarks/long_table.py [--models 5000] [--prompts 28659]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

IMPORT = r"""
import re, sys
from routereval.importers import import_records
import_records("table", sys.argv[1], sys.argv[2])
# not ru_maxrss, which a child inherits from the process that made the data
print(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1])
"""


def made_table(folder: Path, n_models: int, n_prompts: int) -> None:
    """Parts of 500 models each, names as text."""
    rng = np.random.default_rng(0)
    prompts = pl.Series([f"bench/{row}" for row in range(n_prompts)])
    for part, start in enumerate(range(0, n_models, 500)):
        models = [f"org/model-{m}" for m in range(start, min(start + 500, n_models))]
        frame = pl.DataFrame(
            {
                "model": pl.Series(models).gather(np.repeat(np.arange(len(models)), n_prompts)),
                "prompt_id": prompts.gather(np.tile(np.arange(n_prompts), len(models))),
                "score": rng.integers(0, 2, len(models) * n_prompts, dtype=np.int8),
            }
        )
        frame.write_parquet(folder / f"part-{part:03}.parquet", row_group_size=1 << 20)


def main() -> None:
    """Make the table, import it and print time and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=5000)
    parser.add_argument("--prompts", type=int, default=28_659)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table"
        table.mkdir()
        made_table(table, args.models, args.prompts)
        start = time.perf_counter()
        command = [sys.executable, "-c", IMPORT, str(table), str(Path(folder) / "out")]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds = time.perf_counter() - start
    rows = args.models * args.prompts
    print(
        f"  {rows:,} Parquet rows → records: {seconds:.1f} s, {rows / seconds / 1e6:.1f} M rows/s"
    )
    print(f"  peak memory                            {int(done.stdout) / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
