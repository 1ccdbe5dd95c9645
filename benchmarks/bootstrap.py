"""What 1,000 bootstrap replicates of every metric add to the time of the whole demo grid.

The grid of ``routereval run demo`` and its table, in one process: once with a single replicate,
once with 1,000, in turn; everything else is the same. Processor time is counted, so that other work
on the machine does not matter; medians are printed.

    python benchmarks/bootstrap.py
    python benchmarks/bootstrap.py --rounds 5
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import routereval as rv
from routereval.scoring import bootstrap


def seconds(n_boot: int) -> float:
    """Processor time of the grid and its table with so many replicates."""
    bootstrap._cache.clear()
    start = time.process_time()
    str(rv.run(["demo"], n_boot=n_boot, n_jobs=1))
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    seconds(1)  # simulates the demo, embeds its prompts, imports everything
    without, with_ = [], []
    for _ in range(args.rounds):
        without.append(seconds(1))
        with_.append(seconds(1000))
    print(f"demo grid and table, 1 replicate       {median(without):6.1f} s of processor time")
    print(f"demo grid and table, 1,000 replicates  {median(with_):6.1f} s")
    print(f"added                                  {median(with_) / median(without) - 1:6.1%}")


if __name__ == "__main__":
    main()
