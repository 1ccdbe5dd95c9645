"""How far RouterEval's numbers move with the order in which models of equal mean stand.

The reference sorts models by `numpy.argsort`, which leaves equal means in an order that depends on
the processor; its pools, and so every number, follow. Here the same raw scores go through the three
orders of numpy (scalar, AVX2, AVX-512, each by a Python with the others switched off) and through
random orders of equal models. A cell is a benchmark, a pool size and a group; a row is the mean
over the three groups, as the paper's tables have it.

The data are the golden sample in the raw layout (``--golden DIR``; left out where it is not there)
and three simulated benchmarks of RouterEval's full shape, which have no embeddings for PRknn. No
real model was asked for either.

    python benchmarks/tie_orders.py
    python benchmarks/tie_orders.py --orders 100
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

from routereval.errors import DataError
from routereval.records import Records
from routereval.routers.neighbours import single_search
from routereval.simulation.item_response import draw_crowd
from routereval.simulation.leaderboard import answers_on, leaderboard_shapes
from routereval.simulation.wording import SUBJECTS
from routereval.sources import open_source
from routereval.tasks import GROUPS, Pool, PreparedBenchmark
from routereval.tasks import pool as pools
from routereval.tasks.scalar_order import numpys_order, scalar_order

GOLDEN = Path(__file__).parents[2] / "shared" / "reference" / "golden"
SIZES = (3, 5)
BENCHMARKS = ("arc", "gsm8k", "ifeval")

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Order = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def numpys_orders(means: Floats) -> dict[str, Order]:
    """The order of equal means under each sort of numpy that this machine can run."""
    program = """
import sys
import numpy as np
from routereval.tasks.scalar_order import numpys_order
np.save(sys.argv[2], np.argsort(np.load(sys.argv[1])))
print(numpys_order())
"""
    on = [
        n for n in _multiarray_umath.__cpu_dispatch__ if _multiarray_umath.__cpu_features__.get(n)
    ]
    wide = [name for name in on if name.startswith(("AVX512", "X86_V4"))]
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "means.npy", Path(folder) / "order.npy"
        np.save(given, means)
        for off in ([], wide, on):
            told = {**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(off)}
            command = [sys.executable, "-W", "ignore", "-c", program, str(given), str(made)]
            done = subprocess.run(command, env=told, capture_output=True, text=True, check=True)
            found[done.stdout.strip()] = np.load(made)
    return found


class Cells:
    """The cells of a benchmark under any order of its models."""

    def __init__(self, records: Records) -> None:
        self.prepared = PreparedBenchmark(records, "faithful")
        self.wanted = [Pool(group, size) for size in SIZES for group in GROUPS]
        self.means = records.scores.means()
        self.columns = {name: n for n, name in enumerate(records.models)}
        rows = self.prepared.rows
        train = records.scores.dense(rows.train)
        self.truth = records.scores.dense(rows.test)
        self.predicted = {"best_single": np.tile(train.mean(axis=0), (len(self.truth), 1))}
        self.predicted["oracle"] = self.truth
        if records.features:
            near = single_search(self.prepared.X.train, self.prepared.X.test, 5, False)
            self.predicted["PRknn"] = np.stack([train[five].mean(axis=0) for five in near])

    def under(self, order: Order) -> Floats:
        """(routers, sizes, groups, 2): mu and V_B; NaN where there is no pool."""
        pools._rising = lambda means, split: order  # type: ignore[assignment]
        found = self.prepared.pools(self.wanted).values()
        out = np.full((len(self.predicted), len(found), 2), np.nan)
        for place, models in enumerate(found):
            if isinstance(models, DataError):
                continue
            columns = [self.columns[name] for name in models]
            truth = self.truth[:, columns]
            for router, predicted in enumerate(self.predicted.values()):
                chosen = predicted[:, columns].argmax(axis=1)
                mu = truth[np.arange(len(truth)), chosen].mean()
                out[router, place] = mu, mu / truth.mean(axis=0).max()
        return out.reshape(-1, len(SIZES), len(GROUPS), 2)


def random_orders(means: Floats, n: int) -> Iterator[Order]:
    """Rising means, equal ones in any order."""
    rng = np.random.default_rng(0)
    for _ in range(n):
        yield np.lexsort([rng.random(len(means)), means])


def spread(values: Floats) -> Floats:
    """The largest less the smallest over the orders, the first axis."""
    return np.asarray(values.max(axis=0) - values.min(axis=0))


def shown(name: str, records: Records, n_orders: int) -> Floats:
    """Print what a benchmark's numbers do; return how far the mu of its rows move at most."""
    cells = Cells(records)
    tied = len(cells.means) - len(np.unique(cells.means))
    sorts = np.stack([cells.under(order) for order in numpys_orders(cells.means).values()])
    random = np.stack([cells.under(order) for order in random_orders(cells.means, n_orders)])
    for router, label in enumerate(cells.predicted):
        for n, size in enumerate(SIZES):
            by_sort, by_chance = sorts[:, router, n], random[:, router, n]
            figures = [
                spread(by_sort).max(axis=0),
                spread(by_sort.mean(axis=1)),
                spread(by_chance.mean(axis=1)),
                by_chance.mean(axis=1).std(axis=0),
            ]
            told = "   ".join(f"{mu:.4f} {v_b:.4f}" for mu, v_b in figures)
            place = f"{name:19} {tied:5,} {len(cells.truth):5,} {size:2}"
            print(f"{place} {label:12} {told}", flush=True)
    every = np.concatenate([sorts[..., 0], random[..., 0]]).mean(axis=-1)
    return spread(every).ravel()


def collections(golden: Path) -> Iterator[tuple[str, Records]]:
    """The golden sample, and benchmarks of RouterEval's full shape."""
    if golden.is_dir():
        for records in open_source(golden):
            if records.kind == "binary":  # graded scores have no equal means
                yield f"golden {records.name}", records
    shapes = [shape for shape in leaderboard_shapes() if shape.name in BENCHMARKS]
    n_models = max(shape.models.stop for shape in leaderboard_shapes())
    crowd = draw_crowd(np.random.default_rng(0), n_models, len(SUBJECTS))
    for shape in shapes:
        answers, _ = answers_on(shape, crowd, 0)
        scores = np.stack([answers.of(model) for model in shape.models], axis=1)
        names = [f"org/model-{model}" for model in shape.models]
        subsets = np.repeat(shape.subsets, shape.sizes).tolist()
        yield f"made {shape.name}", Records.from_arrays(shape.name, scores, names, subsets=subsets)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=1000, help="random orders")
    parser.add_argument("--golden", type=Path, default=GOLDEN)
    args = parser.parse_args()
    values = np.random.default_rng(0).integers(0, 1319, 8567)
    start = time.perf_counter()
    scalar_order(values)
    print(f"scalar_order of 8,567 means: {1000 * (time.perf_counter() - start):.0f} ms")
    print(f"numpy's sort on this machine: {numpys_order()}\n")
    print("largest less smallest over numpy's orders, of a cell and of a row; of a row over")
    print(f"{args.orders:,} random orders, and its standard deviation; equal: models less means\n")
    heads = "   ".join(f"{head:13}" for head in ("cell, sorts", "row, sorts", "row, random", "sd"))
    print(f"{'benchmark':19} {'equal':>5} {'test':>5} {'m':>2} {'router':12} {heads}")
    print(f"{'':46} " + "   ".join(["mu     V_B   "] * 4))
    moves = [shown(*one, args.orders) for one in collections(args.golden)]
    mu = np.concatenate(moves)
    print(f"\nrows whose mu moves by more than .005: {np.sum(mu > 0.005)} of {len(mu)}")


if __name__ == "__main__":
    main()
