"""RouterEval's CPU baselines on an MMLU-sized benchmark: one process for the grid, or one a cell.

The slow way is how a script for each baseline works: a process a cell that reads an ``.npz``, calls
scikit-learn, and simulates r_o(0.5) 1,000 times. A few of its cells are measured and the rest
extrapolated; the whole grid of routereval is measured, and nothing is kept from an earlier run.

    python benchmarks/baselines.py [--prompts 14042] [--dims 768] [--models 60]
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


def made_records(n_prompts: int, dims: int, n_models: int) -> rv.Records:
    """Made-up records in which clusters of prompts favour different models."""
    rng = np.random.default_rng(0)
    topic = rng.integers(0, 40, n_prompts)
    centres, skill = rng.normal(size=(40, dims)), rng.normal(size=(40, n_models))
    X = (centres[topic] + 2 * rng.normal(size=(n_prompts, dims))).astype(np.float32)
    ability = np.linspace(-1.5, 1.5, n_models)
    p = 1 / (1 + np.exp(-(ability + skill[topic])))
    scores = (rng.random((n_prompts, n_models)) < p).astype(float)
    return rv.Records.from_arrays(
        "made", scores, [f"model-{i}" for i in range(n_models)], features=X
    )


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


def main() -> None:
    """Measure both ways and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompts", type=int, default=14_042)
    parser.add_argument("--dims", type=int, default=768)
    parser.add_argument("--models", type=int, default=60)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ROUTEREVAL_CACHE"] = folder
        records = made_records(args.prompts, args.dims, args.models)
        records = rv.open_records(records.save(Path(folder) / "made"))
        task = rv.Task(records, rv.Pool("all-strong", 5), "faithful")
        cells = len(SIZES) * len(GROUPS)
        start = time.perf_counter()
        rv.run([records], list(SLOW), SIZES, GROUPS, protocol="faithful", n_jobs=1)
        ours = time.perf_counter() - start
        slow = {name: slow_cell(code, task) for name, code in SLOW.items()}
    theirs = sum(slow.values()) * cells
    train, test = task.train.X.shape, task.test.X.shape
    print(f"{train[0]:,} × {train[1]} train, {test[0]:,} test, {cells} cells a router")
    for name, seconds in slow.items():
        print(f"  a process a cell, {name:20} {seconds:7.2f} s a cell")
    print(f"  a process a cell, whole grid           {theirs:7.1f} s (extrapolated)")
    print(f"  routereval run, whole grid, 1 process  {ours:7.1f} s (intervals included)")
    print(f"  ratio                                  {theirs / ours:7.1f}")


if __name__ == "__main__":
    main()
