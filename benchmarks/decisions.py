"""How long one decision takes, from text to choice, for every router; a batch; a cold process.

Each router is trained on the records of a source (the simulated demo's MMLU if none is given), for
a pool of five, with the default embedder. Then, on one core: one prompt at a time, a batch of
10,000 different prompts, and `routereval route` as a fresh process. The floor of a decision is the
policy alone, on scores that are known.

    python benchmarks/decisions.py [SOURCE] [--routers knn linear]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from routereval.errors import RouterEvalError
from routereval.records import Records
from routereval.routers import TrainedRouter, make_router, save_router
from routereval.routers.registry import ROUTERS
from routereval.sources import open_source
from routereval.studies.train import trained_on
from routereval.tasks import Pool, Task

N_SINGLE = 500
N_BATCH = 10_000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("source", nargs="?", default="demo")
    parser.add_argument("--routers", nargs="*", default=[])
    given = parser.parse_args()
    task = Task(largest(given.source), Pool("all-strong", 5))
    texts = list(task.test.texts or [])
    print(f"{task.records.name}: {len(task.train.rows):,} training prompts, 5 models, one core")
    print(f"{'router':20} {'p50 ms':>8} {'p99 ms':>8} {'batch s':>8}")
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        for spec in given.routers or offline():
            try:
                trained = trained_on(make_router(spec), task, spec)
            except RouterEvalError as error:
                print(f"{spec:20} {error}")
                continue
            p50, p99 = single(trained, texts)
            batch = seconds(lambda: trained.decide(different(texts)))  # noqa: B023
            print(f"{spec:20} {p50:8.3f} {p99:8.3f} {batch:8.2f}")
            if not any(Path(folder).iterdir()):
                save_router(trained, Path(folder) / "router")
        known = trained.scores(texts[:1]), trained.costs_of(texts[:1])
        floor = min(seconds(lambda: trained.decided(texts[:1], *known)) for _ in range(100))
        print(f"{'policy alone':20} {floor * 1e3:8.3f}")
        print(f"cold process: {cold(Path(folder) / 'router'):.2f} s (median of 7)")


def offline() -> list[str]:
    """The routers that need neither torch nor a network, and route by the text."""
    read = ("features", "texts", "prompts")
    kinds = {name: kind for name, kind in ROUTERS.items() if not getattr(kind, "extra", "")}
    return [name for name, kind in kinds.items() if kind.reads in read]


def largest(source: str) -> Records:
    """The benchmark of the most prompts, among those with texts."""
    return max((r for r in open_source(source) if r.has_text), key=lambda r: r.n_prompts)


def different(texts: list[str]) -> list[str]:
    return [f"{texts[n % len(texts)]} {n}" for n in range(N_BATCH)]


def single(trained: TrainedRouter, texts: list[str]) -> tuple[float, float]:
    asked = different(texts)[: N_SINGLE + 20]
    taken = [seconds(lambda text=text: trained.decide([text])) for text in asked][20:]
    p50, p99 = np.percentile(taken, [50, 99]) * 1e3
    return float(p50), float(p99)


def seconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def cold(router: Path) -> float:
    command = [sys.executable, "-m", "routereval", "route", str(router), "Prove the lemma."]
    runs = [
        seconds(lambda: subprocess.run(command, check=True, capture_output=True)) for _ in range(7)
    ]
    return sorted(runs)[3]


if __name__ == "__main__":
    main()
