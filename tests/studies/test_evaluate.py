from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from routereval.records import Records
from routereval.routers import Router, Training, make_router
from routereval.routers.registry import on_cpu
from routereval.scoring import METRICS
from routereval.studies.evaluate import Evaluation, evaluate
from routereval.tasks import Pool, PreparedBenchmark, Task
from tests.made import Floats, made

POOL = Pool("all-strong", 4)


def fitted(spec: str, task: Task) -> Router:
    router = make_router(spec)
    return router.fit(task.train.inputs(router.reads), task.train.scores, task.train.costs)


def evaluated(spec: str, task: Task, **options: Any) -> Evaluation:  # noqa: ANN401
    return evaluate(fitted(spec, task), task, **options)


@pytest.fixture(scope="module")
def task() -> Task:
    return Task(made(n_prompts=200, n_models=8, n_subsets=2, costs=True), POOL)


@pytest.mark.parametrize("spec", sorted(on_cpu()))
def test_every_router_has_every_metric_and_an_interval_about_it(spec: str, task: Task) -> None:
    found = evaluated(spec, task, n_boot=50)
    assert set(found.metrics) == set(found.intervals) == set(METRICS)
    for name, value in found.metrics.items():
        low, high = found.intervals[name]
        if np.isnan(value):
            assert np.isnan([low, high]).all()
        else:
            assert low <= value <= high
    assert found.metrics["mu"] <= task.test.scores.max(axis=1).mean() + 1e-12
    assert len(found.evidence.quality) == len(task.test.rows)
    assert found.seconds >= 0


def test_the_numbers_of_a_constant_router_by_hand(task: Task) -> None:
    scores, costs = task.test.scores, task.test.costs
    assert costs is not None
    mean, oracle = scores.mean(), scores.max(axis=1).mean()
    best = scores[:, task.best_single].mean()
    found = evaluated("constant(index=2)", task, n_boot=50).metrics
    mu = scores[:, 2].mean()
    expected = {
        "mu": mu,
        "v_r": float("nan"),
        "v_b": mu / scores.mean(axis=0).max(),
        "e_p": 0.0,
        "p_star": (mu - mean) / (oracle - mean),
        "gap_closed": (mu - best) / (oracle - best),
        "selection_entropy": 0.0,
        "top1_share": 1.0,
        "regret": oracle - mu,
        "cost": costs[:, 2].mean(),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("spec", "metric", "value"),
    [
        ("oracle", "p_star", 1.0),
        ("oracle", "gap_closed", 1.0),
        ("oracle", "regret", 0.0),
        ("random", "p_star", 0.0),
        ("random", "e_p", 2.0),
        ("random", "selection_entropy", 2.0),
        ("random", "top1_share", 0.25),
        ("noisy_oracle(p=0.25)", "p_star", 0.25),
        ("best_single", "gap_closed", 0.0),
        ("best_single", "top1_share", 1.0),
    ],
)
def test_what_is_known_of_the_controls(spec: str, metric: str, value: float, task: Task) -> None:
    found = evaluated(spec, task, n_boot=50)
    assert found.metrics[metric] == pytest.approx(value, abs=1e-9)
    if not metric.endswith("entropy") and metric != "e_p":
        assert found.intervals[metric] == pytest.approx((value, value), abs=1e-9)


def test_the_dataset_oracle_lies_between_the_best_model_and_the_oracle(task: Task) -> None:
    mu = {name: evaluated(name, task).metrics["mu"] for name in ("dataset_oracle", "oracle")}
    assert task.test.scores.mean(axis=0).max() <= mu["dataset_oracle"] <= mu["oracle"]


def test_a_router_that_can_learn_does(task: Task) -> None:
    records = made(n_prompts=2000, n_models=8)
    learned = Task(records, POOL)
    assert evaluated("linear", learned).metrics["gap_closed"] > 0.1
    assert evaluated("knn", learned).metrics["gap_closed"] > 0.0


def test_ties_go_to_the_cheaper_and_to_the_first_in_faithful() -> None:
    scores = np.ones((100, 3)) * 0.5
    costs = np.tile([0.03, 0.01, 0.02], (100, 1))
    records = Records.from_arrays("tie", scores, ["a", "b", "c"], costs=costs)
    for split, column in (("clean", 1), ("faithful", 0)):
        task = Task(records, ["a", "b", "c"], split)
        assert set(evaluated("best_single", task).evidence.choice) == {column}


def test_lam_trades_score_for_cost(task: Task) -> None:
    router = fitted("knn(k=5)", task)
    mu, cost = zip(
        *(
            (found["mu"], found["cost"])
            for found in (evaluate(router, task, lam=x, n_boot=5).metrics for x in (0, 50, 1e6))
        ),
        strict=True,
    )
    assert cost[0] > cost[1] > cost[2]
    assert task.test.costs is not None
    cheapest = evaluated("cheapest", task, n_boot=5).metrics
    assert (mu[2], cost[2]) == pytest.approx((cheapest["mu"], cheapest["cost"]))


def test_the_same_seed_gives_the_same_numbers() -> None:
    records = made(n_prompts=200, n_models=8)
    prepared = PreparedBenchmark(records, "clean(seed=1)")
    one, other = (evaluated("knn(k=5)", Task(prepared, POOL)) for _ in "ab")
    assert one.metrics == pytest.approx(other.metrics, rel=0, abs=0, nan_ok=True)
    assert str(one.intervals) == str(other.intervals)


def test_the_interval_is_that_of_the_bootstrap(task: Task) -> None:
    found = evaluated("knn(k=5)", task, n_boot=4000)
    quality, subsets = found.evidence.quality, found.evidence.subsets
    rng = np.random.default_rng(0)
    means = []
    for _ in range(4000):
        drawn = [rng.choice(quality[subsets == s], (subsets == s).sum() - 1) for s in (0, 1)]
        sizes = [(subsets == s).sum() for s in (0, 1)]
        means.append(np.average([part.mean() for part in drawn], weights=sizes))
    low, high = found.intervals["mu"]
    assert (low, high) == pytest.approx(
        tuple(np.quantile(means, [0.025, 0.975])), abs=0.05
    )  # of 20 prompts, four pseudo-prompts move them


def test_a_test_of_one_prompt_has_numbers_too() -> None:
    task = Task(made(n_prompts=10), POOL)
    assert len(task.test.rows) == 1
    for spec in sorted(set(on_cpu()) - {"cheapest"}):
        found = evaluated(spec, task, n_boot=10)
        low, high = found.intervals["mu"]
        assert low <= found.metrics["mu"] <= high
        assert high - low > 0.3  # nothing is known from a single prompt
        assert found.doubtful >= set(found.metrics)


def test_nothing_that_anyone_gets_right_leaves_ratios_undefined() -> None:
    scores = np.zeros((100, 3))
    scores[:80] = np.eye(3)[np.arange(80) % 3]
    rows = PreparedBenchmark(Records.from_arrays("none", scores, list("abc"))).rows
    scores[rows.test] = 0
    task = Task(Records.from_arrays("none", scores, list("abc")), list("abc"))
    found = evaluated("knn(k=3)", task, n_boot=20)
    assert found.metrics["mu"] == 0
    for name in ("v_b", "p_star", "gap_closed", "v_r", "cost"):
        assert np.isnan(found.metrics[name])
        assert np.isnan(found.intervals[name]).all()


def test_the_text_is_a_table_of_what_is_defined(task: Task) -> None:
    found = evaluated("best_single", task)
    frame = found.to_polars()
    defined = {name for name, value in found.metrics.items() if not np.isnan(value)}
    assert set(frame["metric"]) == defined
    lines = found.render("table").splitlines()
    assert lines[0].startswith(f"μ_o {found.metrics['mu']:.3f}; the best single model")
    assert (
        "The router and the best single model score the same on each of 20 prompts, so that"
        in lines[0]
    )
    assert lines[-1].startswith("?: an interval that cannot be relied on")
    named = {line.split()[-1]: line.split() for line in lines if line}
    assert defined <= set(named)
    assert named["v_b"][-2].endswith("?")
    assert f"{found.metrics['mu']:.4f}" in named["mu"]


def test_a_router_that_was_not_fitted_is_refused(task: Task) -> None:
    with pytest.raises(NotFittedError):
        evaluate(make_router("knn"), task)


class Reader(Router):
    """Prefers the model whose place is the length of the text."""

    reads: ClassVar[Any] = "texts"

    def _fit(self, data: Training) -> None:
        pass

    def _predict(self, X: Any) -> Floats:  # noqa: ANN401
        return np.eye(self.n_models_)[[len(text) % self.n_models_ for text in X]]


def test_a_router_may_read_texts() -> None:
    task = Task(made(texts=True), POOL)
    router = Reader().fit(task.train.texts, task.train.scores)
    assert task.test.texts is not None
    expected = [len(text) % 4 for text in task.test.texts]
    assert evaluate(router, task).evidence.choice.tolist() == expected
