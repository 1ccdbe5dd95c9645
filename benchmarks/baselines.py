"""RouterEval's CPU baselines: the whole grid by `run`, or a process and an ``.npz`` a cell.

The slow way is how a script for each baseline works: a process per cell that reads the file, calls
scikit-learn, and simulates r_o(0.5) and random 1,000 times. It is measured on the smallest and the
largest benchmark and interpolated by their numbers of prompts; the grid of routereval is measured
whole, intervals included, with nothing kept from an earlier run.

    python benchmarks/baselines.py            # MMLU alone, one process
    python benchmarks/baselines.py --full     # all twelve benchmarks, one process a core
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import routereval as rv
from routereval.records.routereval import N_PROMPTS

SIZES = (3, 5)
GROUPS = ("all-strong", "all-weak", "strong-to-weak")

SLOW = {
    "knn(k=5)": """
from sklearn.neighbors import NearestNeighbors
near = NearestNeighbors(n_neighbors=5, metric="cosine").fit(d["X"]).kneighbors(d["Z"])[1]
predicted = np.stack([d["Y"][rows].mean(axis=0) for rows in near])
print(d["T"][np.arange(len(predicted)), predicted.argmax(axis=1)].mean())
""",
    "cluster(k=3)": """
from sklearn.cluster import KMeans
model = KMeans(n_clusters=3, random_state=0).fit(d["X"])
best = [d["Y"][model.labels_ == c].mean(axis=0).argmax() for c in range(3)]
print(np.mean([row[best[c]] for row, c in zip(d["T"], model.predict(d["Z"]))]))
""",
    "noisy_oracle(p=0.5)": """
rng = np.random.RandomState(0)
mu = []
for _ in range(1000):
    got = [r.max() if rng.rand() < 0.5 else r[rng.randint(len(r))] for r in d["T"]]
    mu.append(np.mean(got))
print(np.mean(mu))
""",
}


SLOW["random"] = SLOW["noisy_oracle(p=0.5)"].replace("< 0.5", "< 0.0")
SLOW["oracle"] = 'print(d["T"].max(axis=1).mean())'


def made_records(name: str, n_prompts: int, dims: int, n_models: int) -> rv.Records:
    """Made-up records in which clusters of prompts favour different models."""
    rng = np.random.default_rng(n_prompts)
    topic = rng.integers(0, 40, n_prompts)
    centres, skill = rng.normal(size=(40, dims)), rng.normal(size=(40, n_models))
    X = (centres[topic] + 2 * rng.normal(size=(n_prompts, dims))).astype(np.float32)
    ability = np.linspace(-1.5, 1.5, n_models)
    p = 1 / (1 + np.exp(-(ability + skill[topic])))
    scores = (rng.random((n_prompts, n_models)) < p).astype(float)
    models = [f"model-{i}" for i in range(n_models)]
    return rv.Records.from_arrays(name, scores, models, features=X)


def slow_cell(code: str, task: rv.Task) -> float:
    """Seconds of one cell the slow way, process start included."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "cell.npz"
        start = time.perf_counter()
        train, test = task.train, task.test
        np.savez(file, X=train.X, Y=train.scores, Z=test.X, T=test.scores)
        head = f"import numpy as np\nd = dict(np.load({str(file)!r}))\n"
        subprocess.run([sys.executable, "-c", head + code], check=True, capture_output=True)
        return time.perf_counter() - start


def slow_grid(collection: list[rv.Records], cells: int) -> float:
    """Seconds of the grid the slow way, interpolated between the smallest and largest benchmark."""
    ends = sorted(collection, key=lambda records: records.n_prompts)
    ends = [ends[0], ends[-1]] if len(ends) > 1 else ends
    tasks = [rv.Task(records, rv.Pool("all-strong", 5), "faithful") for records in ends]
    total = 0.0
    for name, code in SLOW.items():
        seconds = [slow_cell(code, task) for task in tasks]
        spread = " … ".join(f"{s:.2f}" for s in seconds)
        print(f"  a process per cell, {name:20} {spread} s per cell")
        sizes = [records.n_prompts for records in ends]
        total += cells * sum(np.interp(records.n_prompts, sizes, seconds) for records in collection)
    return total


def main() -> None:
    """Measure both ways and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="all twelve benchmarks")
    parser.add_argument("--dims", type=int, default=768)
    parser.add_argument("--models", type=int, default=60)
    args = parser.parse_args()
    sizes = N_PROMPTS if args.full else {"mmlu": N_PROMPTS["mmlu"]}
    jobs = -1 if args.full else 1
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ROUTEREVAL_CACHE"] = folder
        collection = []
        for name, n_prompts in sizes.items():
            made = made_records(name, n_prompts, args.dims, args.models)
            collection.append(rv.open_records(made.save(Path(folder) / name)))
        cells = len(SIZES) * len(GROUPS)
        n_prompts = sum(sizes.values())
        print(f"{len(sizes)} × {cells} pools, {n_prompts:,} prompts × {args.dims} features")
        theirs = slow_grid(collection, cells)
        start = time.perf_counter()
        rv.run(collection, list(SLOW), SIZES, GROUPS, protocol="faithful", n_jobs=jobs)
        ours = time.perf_counter() - start
    print(f"  a process per cell, whole grid         {theirs:7.1f} s (extrapolated)")
    how = "all cores" if jobs < 0 else "1 process"
    print(f"  routereval run, whole grid             {ours:7.1f} s ({how})")
    print(f"  ratio                                  {theirs / ours:7.1f}")


if __name__ == "__main__":
    main()
