"""The faithful protocol gives what the reference's own scripts give."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.records import Records
from routereval.routers import make_router
from routereval.sources import open_source
from routereval.studies.evaluate import evaluate
from routereval.tasks import GROUPS, PUBLISHED_SIZES, Pool, PreparedBenchmark, Task
from tests.dispatch import SWITCHED_OFF, python
from tests.made import Floats, made

GOLDEN = Path(__file__).parents[3] / "shared" / "reference" / "golden"
SOURCES = {"raw": GOLDEN, "dataset": GOLDEN / "data" / "router_dataset"}
MADE_OF = {"raw": "golden.json", "dataset": "golden_avx512.json"}
"""What the reference makes of them: raw, by the scalar sort; ready-made, of the pools in it."""
OTHER_NAMES = {"harness_truthfulqa_mc_0": "truthfulqa"}
N_SIMULATIONS = 1000

needs_golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="the golden data are not here")

# Router, its name in golden.json, and how near ours must come.
EXACT = [
    ("oracle", "oracle", 1e-9),
    ("knn", "knn_k5", 1e-9),
    ("knn(k=5)", "knn_k5", 1e-9),
    ("cluster", "cluster_k3", 1e-6),
]


class Known(NamedTuple):
    """What the reference makes of one benchmark, beside our records of it."""

    records: Records
    prepared: PreparedBenchmark
    split: dict[str, list[int]]
    cells: list[dict[str, Any]]

    def task(self, cell: dict[str, Any]) -> Task:
        return Task(self.prepared, pool_of(cell))


def golden_file(file: str) -> dict[str, dict[str, Any]]:
    golden = json.loads((GOLDEN / file).read_text(encoding="utf-8"))
    return {OTHER_NAMES.get(name, name): held for name, held in golden.items()}


def pool_of(cell: dict[str, Any]) -> Pool:
    return Pool(cell["group"].replace("_", "-"), cell["m"])


@pytest.fixture(scope="module")
def known(shared_cache: Path) -> Iterator[dict[str, list[Known]]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROUTEREVAL_CACHE", str(shared_cache))
        golden = {source: golden_file(file) for source, file in MADE_OF.items()}
        yield {
            source: [
                Known(r, PreparedBenchmark(r, "faithful"), **golden[source][r.name])
                for r in open_source(path)
            ]
            for source, path in SOURCES.items()
        }


@needs_golden
def test_all_benchmarks_are_there(known: dict[str, list[Known]]) -> None:
    names = {source: sorted(k.records.name for k in held) for source, held in known.items()}
    assert names == {
        "raw": ["arc", "gsm8k", "hellaswag", "mmlu", "truthfulqa", "winogrande"],
        "dataset": ["gsm8k", "truthfulqa"],
    }
    for held in known.values():
        for one in held:
            assert len(one.cells) == len(PUBLISHED_SIZES) * len(GROUPS) == 15


@needs_golden
@pytest.mark.parametrize("source", SOURCES)
def test_every_split_index_is_the_references(source: str, known: dict[str, list[Known]]) -> None:
    for one in known[source]:
        rows = one.prepared.rows
        for part in ("train", "val", "test"):
            assert getattr(rows, part).tolist() == one.split[f"{part}_indices"]


@needs_golden
@pytest.mark.parametrize("source", SOURCES)
def test_every_pool_is_the_references(source: str, known: dict[str, list[Known]]) -> None:
    for one in known[source]:
        found = one.prepared.pools([pool_of(cell) for cell in one.cells])
        for cell in one.cells:
            assert list(found[pool_of(cell)]) == cell["models"]  # type: ignore[arg-type]


PROGRAM = """
from routereval.tasks.scalar_order import numpys_order
from tests.studies.test_faithful import pools_differing

print(numpys_order(), pools_differing("faithful", "golden.json"))
file = {"scalar": "golden.json"}.get(numpys_order(), f"golden_{numpys_order()}.json")
print(file, pools_differing("faithful(ties=numpy)", file), pools_differing("faithful", file))
"""


def pools_differing(split: str, file: str) -> int:
    """How many pools of the raw golden data are not those of the file, member for member."""
    golden, count = golden_file(file), 0
    for records in open_source(GOLDEN):
        cells = golden[records.name]["cells"]
        found = PreparedBenchmark(records, split).pools([pool_of(cell) for cell in cells])
        for cell in cells:
            models = found[pool_of(cell)]
            assert not isinstance(models, DataError), models
            count += list(models) != cell["models"]
    return count


@pytest.mark.slow
@needs_golden
@pytest.mark.parametrize("without", SWITCHED_OFF)
def test_every_pool_is_the_references_whatever_numpy_does(without: str, shared_cache: Path) -> None:
    """The scalar order everywhere; and numpy's own, of which the reference's pools are here."""
    out = python(PROGRAM, without, ROUTEREVAL_CACHE=str(shared_cache)).splitlines()
    order, differing = out[0].split()
    assert differing == "0"
    assert (order == "scalar") or without != "all"
    file, own, scalar = out[1].split()
    assert own == "0"
    assert (int(scalar) > 0) == (file != "golden.json")  # or the files would tell nothing


@needs_golden
def test_a_pool_asked_for_alone_is_the_references(known: dict[str, list[Known]]) -> None:
    for one in known["raw"]:
        for cell in one.cells:
            if cell["m"] in {5, 100}:
                assert list(one.task(cell).models) == cell["models"]


@needs_golden
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(("spec", "key", "near"), EXACT, ids=[spec for spec, _, _ in EXACT])
def test_what_is_exact_there_is_equal_here(
    spec: str, key: str, near: float, source: str, known: dict[str, list[Known]]
) -> None:
    compared = 0
    for one in known[source]:
        for cell in one.cells:
            if key in cell:
                found = measured(spec, one.task(cell))
                for name, value in cell[key].items():
                    assert found[name] == pytest.approx(value, abs=near, rel=0), (cell, name)
                compared += 1
    sizes = 5 if key == "oracle" else 3
    assert compared == len(known[source]) * sizes * len(GROUPS)


@needs_golden
def test_the_yardsticks_of_a_cell_are_the_references(known: dict[str, list[Known]]) -> None:
    for one in known["raw"]:
        for cell in one.cells:
            scores = one.task(cell).test.scores
            assert scores.mean(axis=0).max() == pytest.approx(cell["best_single_test"], abs=1e-12)
            assert scores.mean() == pytest.approx(cell["mean_test"], abs=1e-12)


@needs_golden
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(("spec", "key", "p"), [("random", "random", 0.0), ("r", "r_o_0.5", 0.5)])
def test_what_is_simulated_there_is_its_expectation_here(
    spec: str, key: str, p: float, source: str, known: dict[str, list[Known]]
) -> None:
    distances = []
    for one in known[source]:
        for cell in (c for c in one.cells if key in c):
            task = one.task(cell)
            found = measured("random" if spec == "random" else f"noisy_oracle(p={p})", task)
            error = standard_error(task.test.scores, p)
            best = task.test.scores.mean(axis=0).max()
            distances.append((found["mu"] - cell[key]["mu"]) / error)
            distances.append((found["vb"] - cell[key]["vb"]) / (error / best))
            assert found["ep"] == pytest.approx(cell[key]["ep"], abs=1e-9)
    assert len(distances) == 2 * len(known[source]) * 2 * len(GROUPS)
    assert np.abs(distances).max() < 4
    # Were the error overstated, four of it would prove nothing: most lie beyond a twentieth.
    assert np.mean(np.abs(distances) > 0.05) > 0.5


def standard_error(scores: Floats, p: float) -> float:
    """Of the mean of N_SIMULATIONS simulations, each a mean over prompts of one drawn score."""
    n_prompts, n_models = scores.shape
    chance = np.full(scores.shape, (1 - p) / n_models)
    chance[np.arange(n_prompts), scores.argmax(axis=1)] += p
    variance = (chance * scores**2).sum(axis=1) - ((chance * scores).sum(axis=1)) ** 2
    return float(np.sqrt(variance.sum() / n_prompts**2 / N_SIMULATIONS))


def measured(spec: str, task: Task) -> dict[str, float]:
    router = make_router(spec, protocol="faithful")
    router.fit(task.train.inputs(router.reads), task.train.scores, task.train.costs)
    found = evaluate(router, task, n_boot=1).metrics
    return {"mu": found["mu"], "vb": found["v_b"], "ep": found["e_p"]}


# The same on made data, with every baseline written out as the design has it.


def entropy(p: NDArray[np.float64], floor: float) -> float:
    return float(np.mean([-sum(x * np.log2(x) for x in row if x > floor) for row in p]))


def softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def summed_up(scores: Floats, choice: Any, p: Floats, floor: float = 1e-10) -> dict[str, float]:  # noqa: ANN401
    mu = float(np.mean([scores[row, c] for row, c in enumerate(choice)]))
    return {"mu": mu, "vb": mu / float(scores.mean(axis=0).max()), "ep": entropy(p, floor)}


def naive_knn(task: Task, k: int = 5) -> dict[str, float]:
    train, test = task.train, task.test
    votes = []
    for query in test.X.astype(float):
        norms = np.linalg.norm(train.X.astype(float), axis=1) * np.linalg.norm(query)
        near = np.argsort(-(train.X.astype(float) @ query) / norms, kind="stable")[:k]
        votes.append(train.scores[near].mean(axis=0))
    mean = np.array(votes)
    return summed_up(test.scores, [int(np.argmax(v)) for v in votes], softmax(mean))


def naive_cluster(task: Task, k: int = 3) -> dict[str, float]:
    from sklearn.cluster import KMeans

    train, test = task.train, task.test
    means = KMeans(n_clusters=k, random_state=0).fit(train.X)
    best = [int(np.argmax(train.scores[means.labels_ == c].mean(axis=0))) for c in range(k)]
    merged = np.zeros(test.scores.shape)
    choice = []
    for row, x in enumerate(test.X.astype(float)):
        distance = np.linalg.norm(means.cluster_centers_ - x, axis=1)
        choice.append(best[int(np.argmin(distance))])
        closeness = 1 / (distance + 1e-10)
        for cluster, share in enumerate(closeness / closeness.sum()):
            merged[row, best[cluster]] += share
    return summed_up(test.scores, choice, merged, floor=1e-4)


def naive_oracle(task: Task) -> dict[str, float]:
    scores = task.test.scores
    p = np.array([s / s.sum() if s.sum() else np.full(len(s), 1 / len(s)) for s in scores])
    return summed_up(scores, scores.argmax(axis=1), p)


def naive_noisy_oracle(task: Task, p: float = 0.5) -> dict[str, float]:
    scores = task.test.scores
    shares = np.array([s / s.sum() if s.sum() else np.full(len(s), 1 / len(s)) for s in scores])
    mu = p * float(scores.max(axis=1).mean()) + (1 - p) * float(scores.mean())
    mixed = p * shares + (1 - p) / scores.shape[1]
    return {"mu": mu, "vb": mu / scores.mean(axis=0).max(), "ep": entropy(mixed, 1e-10)}


def naive_random(task: Task) -> dict[str, float]:
    scores = task.test.scores
    mu = float(scores.mean())
    return {"mu": mu, "vb": mu / scores.mean(axis=0).max(), "ep": np.log2(scores.shape[1])}


NAIVE = {
    "knn": naive_knn,
    "cluster": naive_cluster,
    "oracle": naive_oracle,
    "noisy_oracle(p=0.5)": naive_noisy_oracle,
    "random": naive_random,
}


@pytest.mark.parametrize("kind", ["binary", "real"])
@pytest.mark.parametrize("spec", NAIVE)
@pytest.mark.parametrize("size", [3, 10])
def test_baselines_are_the_designs(spec: str, kind: str, size: int) -> None:
    records = made(n_prompts=300, n_models=40, kind=kind, n_subsets=3, seed=2)
    prepared = PreparedBenchmark(records, "faithful")
    for group in GROUPS:
        task = Task(prepared, Pool(group, size))
        assert measured(spec, task) == pytest.approx(NAIVE[spec](task), abs=1e-12)


def test_a_cluster_next_to_a_prompt_leaves_the_others_no_entropy() -> None:
    """Shares up to 1e-4 are dropped: here two clusters are 1e-5 as close as the third."""
    rng = np.random.default_rng(0)
    place = np.arange(300) % 3
    features = np.eye(3)[place] + rng.normal(scale=1e-5, size=(300, 3))
    scores = np.eye(3)[place] * 0.9 + 0.05
    records = Records.from_arrays("apart", scores, list("abc"), features=features)
    task = Task(records, list("abc"), "faithful")
    found = measured("cluster", task)
    assert found == pytest.approx(naive_cluster(task), abs=1e-12)
    assert found["mu"] == pytest.approx(0.95)
    assert 0 < found["ep"] < 1e-4
