"""The store at full scale: a simulated leaderboard of RouterEval's shape, beside plain numpy.

Each row is measured in a process of its own, imports included in its memory but not in its time
(except where the row says so). The plain way keeps scores as a float64 matrix; what would take it
minutes is measured on a few windows or draws and extrapolated, which is marked by ~.

The second table compares the level of the simulated pools with the published one: means over
the three groups, on the test prompts of the faithful split.

    python benchmarks/store.py [--folder FOLDER] [--level]
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from routereval.errors import DataError
from routereval.records import Records, bits, read_records
from routereval.records.matrix import BinaryMatrix, RealMatrix
from routereval.records.trials import Trials
from routereval.simulation.leaderboard import simulate_leaderboard
from routereval.sources import open_source
from routereval.tasks.pool import GROUPS, PUBLISHED_SIZES, Pool, chosen_models
from routereval.tasks.split import Split, split_rows

REPEATS = 3
SAMPLE = 5
N_DRAWS = 1000
N_TRIALS = 5
WINDOW = 100

# Random and oracle for m = 3, then m = 5: arXiv 2503.10657, means over the three groups.
PUBLISHED = {
    "arc": (0.54, 0.80, 0.55, 0.85),
    "hellaswag": (0.68, 0.80, 0.67, 0.81),
    "mmlu": (0.62, 0.89, 0.58, 0.92),
    "truthfulqa": (0.62, 0.85, 0.61, 0.89),
    "winogrande": (0.77, 0.95, 0.72, 0.98),
    "gsm8k": (0.64, 0.87, 0.60, 0.89),
    "ifeval": (0.54, 0.79, 0.53, 0.81),
    "bbh": (0.53, 0.82, 0.52, 0.88),
    "gpqa": (0.30, 0.68, 0.30, 0.87),
    "musr": (0.39, 0.74, 0.40, 0.82),
    "math": (0.35, 0.56, 0.32, 0.61),
    "mmlu_pro": (0.43, 0.67, 0.40, 0.72),
}


def seconds(work: Callable[[], Any], repeats: int = REPEATS) -> float:
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def write(folder: Path) -> dict[str, float]:
    taken = seconds(lambda: simulate_leaderboard(folder, "full", overwrite=True), repeats=1)
    size = sum(file.stat().st_size for file in folder.glob("*/scores.npy"))
    return {"ours": taken, "score files MB": size / 1e6}


def open_all(folder: Path) -> dict[str, float]:
    first = seconds(lambda: open_source(folder), repeats=1)
    return {"ours": first, "again": seconds(lambda: open_source(folder))}


def pools(folder: Path) -> dict[str, float]:
    return {"ours": seconds(lambda: faithful_pools(folder, PUBLISHED_SIZES))}


def faithful_pools(folder: Path, sizes: tuple[int, ...]) -> dict[Pool, Any]:
    """All pools of MMLU, from opening the records on."""
    records, split = read_records(folder / "mmlu"), Split("faithful")
    rows, stream = split_rows(records, split)
    wanted = [Pool(group, size) for size in sizes for group in GROUPS]
    return chosen_models(records, wanted, split, rows, stream)


def naive_pools(folder: Path) -> dict[str, float]:
    """The same on a float64 matrix; every window of sizes 3 and 5, a sample of the rest."""
    ours = faithful_pools(folder, (3, 5))
    records = read_records(folder / "mmlu")
    scores = records.dense()
    start = time.perf_counter()
    means = scores.mean(axis=0)
    order = np.argsort(means)
    first, last = int(np.argmax(means[order] > 0.1)), len(order)
    if (means[order] > 0.9).any():
        last = int(np.argmax(means[order] > 0.9))
    total = time.perf_counter() - start
    for size in PUBLISHED_SIZES:
        width = max(len(order) // 5, size)
        regions = {
            "all-strong": order[max(0, last - width) : last],
            "all-weak": order[first : first + width],
        }
        for group, region in regions.items():
            starts = range(len(region) - size + 1)
            windows = [region[at : at + size] for at in starts]
            taken, best = timed_oracles(scores, windows, whole=size <= 5)
            total += taken
            if size <= 5:
                expected = tuple(records.models[column] for column in windows[best])
                assert ours[Pool(group, size)] == expected
        rng = np.random.default_rng(0)
        draws = [rng.choice(order[first:last], size) for _ in range(N_DRAWS)]
        total += timed_oracles(scores, draws, whole=False)[0]
    return {"naive": total}


def timed_oracles(scores: np.ndarray, pools: list[np.ndarray], *, whole: bool) -> tuple[float, int]:
    """Seconds for the oracle of every pool, and the best pool of those looked at."""
    looked_at = pools if whole else pools[:: max(1, len(pools) // SAMPLE)]
    start = time.perf_counter()
    oracles = [scores[:, pool].max(axis=1).mean() for pool in looked_at]
    share = len(pools) / len(looked_at)
    return (time.perf_counter() - start) * share, int(np.argmax(oracles))


def kernels(folder: Path) -> dict[str, tuple[float, float]]:
    """Seconds of each kernel on the packed words of MMLU, and of plain numpy on float64."""
    records = read_records(folder / "mmlu")
    words, n_prompts = np.array(records.scores.words), records.n_prompts  # type: ignore[union-attr]
    matrix = bits.unpack(words, n_prompts)
    scores = matrix.astype(np.float64)
    region = np.arange(1000)
    windows = [scores[at : at + WINDOW] for at in range(0, len(region) - WINDOW + 1, 45)]
    naive_window = seconds(lambda: [w.max(axis=0).mean() for w in windows], 1)
    naive_window *= (len(region) - WINDOW + 1) / len(windows)
    return {
        "pack": (seconds(lambda: bits.pack(matrix)), float("nan")),
        "unpack": (seconds(lambda: bits.unpack(words, n_prompts)), float("nan")),
        "means": (seconds(lambda: bits.count(words)), seconds(lambda: scores.mean(axis=1))),
        "right a prompt": (
            seconds(lambda: bits.count_per_prompt(words, n_prompts)),
            seconds(lambda: scores.sum(axis=0)),
        ),
        f"oracles of 901 windows of {WINDOW}": (
            seconds(lambda: bits.window_counts(words[region], WINDOW)),
            naive_window,
        ),
    }


def write_trials(folder: Path) -> dict[str, float]:
    """The same models asked N_TRIALS times: every run differs from the first in 1 score of 16."""
    beside = folder.with_name(f"{folder.name}-trials")
    rng = np.random.default_rng(0)
    begin, cells = time.perf_counter(), 0
    for records in open_source(folder):
        if records.kind == "binary":
            trials = made_trials(records, rng)
            cells += records.n_prompts * records.n_models
            means = RealMatrix(np.ascontiguousarray(mean_scores(trials).T))
            meta = {key: value for key, value in records.meta.items() if key != "files"}
            repeated = replace(records, scores=means, trials=trials, meta=meta, path=None)
            repeated.save(beside / records.name, overwrite=True)
    size = sum(file.stat().st_size for file in beside.glob("*/trials.npy"))
    seconds = time.perf_counter() - begin
    return {"ours": seconds, "trial files MB": size / 1e6, "runs": N_TRIALS * cells}


def made_trials(records: Records, rng: np.random.Generator) -> Trials:
    first = np.array(records.scores.words)  # type: ignore[union-attr]
    runs = [first]
    for _ in range(N_TRIALS - 1):
        flips = np.full_like(first, np.iinfo(np.uint64).max)
        for _ in range(4):
            flips &= rng.integers(0, 1 << 64, first.shape, dtype=np.uint64)
        runs.append(first ^ (flips & bits.pack(np.ones((1, records.n_prompts), dtype=bool))))
    return Trials(BinaryMatrix(np.concatenate(runs), records.n_prompts), N_TRIALS)


def mean_scores(trials: Trials) -> np.ndarray:
    return (trials.right / N_TRIALS).astype(np.float32)


def open_trials(folder: Path) -> dict[str, float]:
    beside = folder.with_name(f"{folder.name}-trials")
    return {"ours": seconds(lambda: open_source(beside), repeats=1)}


def count_trials(folder: Path) -> dict[str, float]:
    """Right ones and runs of MMLU, the largest benchmark, 500 models at a time."""
    trials = read_records(folder.with_name(f"{folder.name}-trials") / "mmlu").trials
    assert trials is not None

    def count() -> None:
        for start in range(0, trials.shape[2], 500):
            trials.counts(models=np.arange(start, start + 500))

    return {"ours": seconds(count)}


STEPS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "write": write,
    "open": open_all,
    "pools": pools,
    "naive_pools": naive_pools,
    "kernels": kernels,
    "write_trials": write_trials,
    "open_trials": open_trials,
    "count_trials": count_trials,
}


def in_own_process(step: str, folder: Path) -> tuple[dict[str, Any], float]:
    """What a step found, and the peak of its process's memory in MB."""
    command = [sys.executable, __file__, "--folder", str(folder), "--step", step]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = json.loads(out)
    return found, found.pop("peak")


def peak_mb() -> float:
    row = next(r for r in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in r)
    return int(row.split()[1]) / 1024


def print_store(folder: Path) -> None:
    written, write_mb = in_own_process("write", folder)
    opened, open_mb = in_own_process("open", folder)
    start = time.perf_counter()
    info = [str(Path(sys.executable).parent / "routereval"), "info", str(folder)]
    subprocess.run(info, check=True, capture_output=True)
    info_s = time.perf_counter() - start
    ours, ours_mb = in_own_process("pools", folder)
    naive, naive_mb = in_own_process("naive_pools", folder)
    found, _ = in_own_process("kernels", folder)
    print(f"score files: {written['score files MB']:.1f} MB\n")
    print(f"{'what':36s} {'seconds':>9s} {'peak MB':>8s} {'numpy s':>9s} {'MB':>6s} {'ratio':>7s}")
    print(f"{'write the full leaderboard':36s} {written['ours']:9.2f} {write_mb:8.0f}")
    print(f"{'open it':36s} {opened['ours']:9.4f} {open_mb:8.0f}")
    print(f"{'routereval info, whole process':36s} {info_s:9.2f}")
    print(
        f"{'all 15 pools of MMLU':36s} {ours['ours']:9.2f} {ours_mb:8.0f} ~{naive['naive']:8.0f} "
        f"{naive_mb:6.0f} {naive['naive'] / ours['ours']:6.0f}×"
    )
    made, _ = in_own_process("write_trials", folder)
    for step, what in (("open_trials", "open"), ("count_trials", "MMLU: count")):
        taken, peak = in_own_process(step, folder)
        print(f"{what + f' {N_TRIALS} trials per cell':36s} {taken['ours']:9.4f} {peak:8.0f}")
    print(f"{made['runs']:,.0f} trials in {made['trial files MB']:.1f} MB")
    for name, (fast, slow) in found.items():
        line = f"{'MMLU: ' + name:36s} {fast:9.4f}"
        print(line if np.isnan(slow) else f"{line} {'':8s} {slow:9.3f} {'':6s} {slow / fast:6.0f}×")


def print_level(folder: Path) -> None:
    """Random and oracle of the faithful pools of three and five, simulated and published."""
    print(f"\n{'':12s}" + "".join(f"{f'm = {m}: random':>20s}{'oracle':>16s}" for m in (3, 5)))
    apart = []
    for records in open_source(folder):
        found = [level for size in (3, 5) for level in pool_level(records, size)]
        published = PUBLISHED[records.name]
        apart += [a - b for a, b in zip(found, published, strict=True)]
        cells = [f"{a:.2f} ({b:.2f})" for a, b in zip(found, published, strict=True)]
        print(f"{records.name:12s}" + "".join(f"{cell:>18s}" for cell in cells))
    print(f"\nmean |difference| {np.abs(apart).mean():.3f}, largest {np.abs(apart).max():.3f}")


def pool_level(records: Records, size: int) -> tuple[float, float]:
    split = Split("faithful")
    rows, stream = split_rows(records, split)
    wanted = [Pool(group, size) for group in GROUPS]
    chosen = chosen_models(records, wanted, split, rows, stream).values()
    models = [names for names in chosen if not isinstance(names, DataError)]
    dense = [records.select(rows.test, names).dense() for names in models]
    return (
        float(np.mean([scores.mean() for scores in dense])),
        float(np.mean([scores.max(axis=1).mean() for scores in dense])),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where to write; default: a temporary folder")
    parser.add_argument("--level", action="store_true", help="only the table of levels")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        found = STEPS[options.step](options.folder)
        print(json.dumps({**found, "peak": peak_mb()}))
        return
    scratch = Path(tempfile.mkdtemp())
    folder = options.folder or scratch / "leaderboard"
    if options.level:
        simulate_leaderboard(folder, "full", overwrite=True)
    else:
        print_store(folder)
    print_level(folder)
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
