"""The scaling study on records of the full leaderboard's shape: closed forms, or random orders.

The records are made up: 12 benchmarks, 201,715,850 records. The closed forms are measured from the
store, in a process of their own. The slow way unpacks to float64, shuffles the models, and takes
the cumulative maximum, once for each random order; it is measured on three benchmarks and
extrapolated to all records and as many orders as asked for. The floor is one pass of counting bits
over the packed words.

    python benchmarks/scaling.py [--orders 100] [--order random]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from routereval.records import Records
from routereval.records.bits import Words, n_words, pack
from routereval.records.matrix import BinaryMatrix, RealMatrix
from routereval.records.routereval import N_PROMPTS, REFERENCE
from routereval.sources import open_source
from routereval.studies.orders import ORDERS

N_MODELS = {"ifeval": 3811, "bbh": 3811, "gpqa": 3811, "musr": 3811, "math": 3811, "mmlu_pro": 1823}
N_SUBSETS = {"mmlu": 57, "bbh": 24, "gpqa": 3, "musr": 3, "math": 7}
OLD_MODELS = 5000
SLOW_SAMPLE = ("arc", "gsm8k", "ifeval")
SLOW_ORDERS = 3

STUDY = """
import json, sys, time
import numpy as np
from routereval.sources import open_source
from routereval.records.bits import count
from routereval.studies.scaling import scaling
path, order = sys.argv[1:]
records = open_source(path)
studies = []
for _ in range(3):
    begin = time.perf_counter()
    results = scaling(open_source(path), order)
    studies.append(time.perf_counter() - begin)
packed = [r.scores.words for r in records if r.kind == "binary"]
passes = []
for _ in range(5):
    begin = time.perf_counter()
    for words in packed:
        count(words)
    passes.append(time.perf_counter() - begin)
peak = next(row for row in open("/proc/self/status") if row.startswith("VmHWM")).split()[1]
print(json.dumps({
    "first": studies[0], "study": min(studies), "floor": min(passes),
    "mb": int(peak) / 1024, "words_mb": sum(w.nbytes for w in packed) / 1e6,
    "oracle": {c.benchmark: c.oracle.tolist() for c in results.curves},
}))
"""


def made_words(rng: np.random.Generator, n_prompts: int, n_models: int) -> Words:
    """Models of normal skill on prompts of normal difficulty."""
    hard = rng.normal(0.5, 1.5, n_prompts).astype(np.float32)
    words = np.empty((n_models, n_words(n_prompts)), dtype=np.uint64)
    for start in range(0, n_models, 250):
        skill = rng.normal(0.0, 1.0, (min(250, n_models - start), 1)).astype(np.float32)
        right = rng.random((len(skill), n_prompts), np.float32) < 1 / (1 + np.exp(hard - skill))
        words[start : start + len(skill)] = pack(right)
    return words


def made_records(name: str, seed: int) -> Records:
    """One benchmark of the leaderboard's shape."""
    n_prompts, n_models = N_PROMPTS[name], N_MODELS.get(name, OLD_MODELS)
    rng = np.random.default_rng(seed)
    scores: BinaryMatrix | RealMatrix
    if name == "truthfulqa":
        scores = RealMatrix(rng.beta(2.0, 2.0, (n_models, n_prompts)).astype(np.float32))
    else:
        scores = BinaryMatrix(made_words(rng, n_prompts, n_models), n_prompts)
    subset = np.sort(np.arange(n_prompts) % N_SUBSETS.get(name, 1))
    prompts = pl.DataFrame(
        {
            "prompt_id": [f"{name}/{row}" for row in range(n_prompts)],
            "subset": [f"{name}_{part}" for part in subset],
            "text": pl.Series([None] * n_prompts, dtype=pl.String),
            "chance": pl.Series([None] * n_prompts, dtype=pl.Float64),
        }
    )
    info = pl.DataFrame({"model": [f"llm-{column}" for column in range(n_models)]})
    return Records(
        name=name,
        scores=scores,
        models=tuple(info["model"]),
        prompts=prompts,
        model_info=info,
        costs=None,
        features={},
        meta={"reference": REFERENCE[name], "simulated": True},
    )


def slow_orders(scores: np.ndarray, seed: int) -> np.ndarray:
    """Oracles of the prefixes of random orders, by cumulative maxima: (orders, n_models)."""
    rng = np.random.default_rng(seed)
    curves = [
        np.maximum.accumulate(scores[:, rng.permutation(scores.shape[1])], axis=1).mean(axis=0)
        for _ in range(SLOW_ORDERS)
    ]
    return np.array(curves)


def main() -> None:
    """Measure both ways and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=100, help="random orders of the slow way")
    parser.add_argument("--order", default="random", choices=list(ORDERS))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for seed, name in enumerate(N_PROMPTS):
            made_records(name, seed).save(Path(folder) / name)
        command = [sys.executable, "-c", STUDY, folder, args.order]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        held = {records.name: records for records in open_source(folder)}
        ours = json.loads(said)
        records_total = sum(r.n_prompts * r.n_models for r in held.values())
        cells, seconds = 0, 0.0
        for name in SLOW_SAMPLE:
            scores = held[name].dense()
            start = time.perf_counter()
            curves = slow_orders(scores, seed=0)
            seconds += time.perf_counter() - start
            cells += curves.shape[0] * scores.size
            apart = np.abs(curves.mean(axis=0) - ours["oracle"][name]).max()
            print(f"{name:10} {SLOW_ORDERS} random orders are off by up to {apart:.4f}")
    slow = seconds / cells * records_total * args.orders
    fast = ours["first"]
    print(f"{records_total:,} records, order {args.order}, every m, 11 p, 200 resamples")
    print(f"  closed forms, from the store, first run {ours['first']:8.3f} s")
    print(f"  closed forms, best of three runs        {ours['study']:8.3f} s")
    print(f"  closed forms, memory                    {ours['mb']:8.0f} MB (interpreter included)")
    print(f"  one pass over {ours['words_mb']:.0f} MB of packed words    {ours['floor']:8.4f} s")
    print(f"  closed forms / one pass                 {ours['study'] / ours['floor']:8.0f}")
    print(f"  {args.orders} random orders                       {slow:8.1f} s (extrapolated)")
    print(f"  {args.orders} random orders / closed forms, first {slow / fast:8.0f}")


if __name__ == "__main__":
    main()
