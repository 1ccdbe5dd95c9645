"""One spec for several routers, several embedders, and the table of what varies."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from routereval.errors import SpecError
from routereval.features import EMBEDDERS
from routereval.results import Results
from routereval.results.ablation import ablations, deviation_over_seeds
from routereval.results.command import run_command
from routereval.results.summary import MEAN, summarise
from routereval.routers import ROUTERS, Router, lineup
from routereval.studies.run import run
from routereval.studies.run_plan import embedders_of_run
from tests.conftest import CommandLine
from tests.made import made

QUICK: Any = {"n_jobs": 1, "n_boot": 20}


# Specs


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        ("knn(k=[5, 20])", ["knn(k=5)", "knn(k=20)"]),
        ("knn(ks=[5, 20])", ["knn(ks=[5, 20])"]),  # it takes a list
        ("mlp(hidden=[8, 4])", ["mlp(hidden=[8, 4])"]),
        ("mlp(hidden=[[8], [8, 4]])", ["mlp(hidden=[8])", "mlp(hidden=[8, 4])"]),
        ("ensemble(routers=[knn, linear])", ["ensemble(routers=[knn, linear])"]),
        ("o=knn(k=[5, 20], weights=uniform)", ["o(k=5)", "o(k=20)"]),
        (
            "knn(k=[1, 2], weights=[uniform, similarity])",
            [f"knn(k={k}, weights={w})" for k in (1, 2) for w in ("uniform", "similarity")],
        ),
    ],
)
def test_a_list_for_a_parameter_that_takes_none_stands_for_several(
    spec: str, names: list[str]
) -> None:
    assert list(lineup([spec])) == names


def test_what_other_packages_bring_is_swept_by_its_defaults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Mine(Router):
        def __init__(self, *, depth: int = 3, order: tuple[str, ...] = ()) -> None:
            self.depth, self.order = depth, order

    registry = ROUTERS.copy()
    registry.register("mine", Mine)
    monkeypatch.setattr("routereval.routers.entrants.ROUTERS", registry)
    monkeypatch.setattr("routereval.routers.registry.ROUTERS", registry)
    assert list(lineup(["mine(depth=[1, 2])"])) == ["mine(depth=1)", "mine(depth=2)"]
    assert list(lineup(["mine(order=[a, b])"])) == ["mine(order=[a, b])"]


def test_an_error_of_a_grid_is_that_of_its_router() -> None:
    with pytest.raises(SpecError, match="unknown router 'kn'"):
        lineup(["kn(k=[1, 2])"])
    with pytest.raises(SpecError, match="unknown parameter of knn 'q'"):
        lineup(["knn(q=[1, 2])"])


def test_embedders_are_swept_too() -> None:
    assert embedders_of_run("stored(name=[a, b])") == ("stored(name=a)", "stored(name=b)")
    assert embedders_of_run(["tfidf(dims=[2, 4])", "tfidf(dims=4)"]) == (
        "tfidf(dims=2)",
        "tfidf(dims=4)",
    )
    made_of = "concat(parts=[stats, tfidf])"
    assert embedders_of_run(made_of) == (made_of,)
    one = EMBEDDERS["stats"]()
    assert embedders_of_run([one, "stats"]) == (one, "stats")
    with pytest.raises(SpecError, match="at least one router"):
        run([made(texts=True)], ["random"], [3], embedder=[], **QUICK)


# Tables


@pytest.fixture(scope="module")
def swept() -> Results:
    return run(
        [made(texts=True)],
        ["ours=knn(k=[1, 5])", "random"],
        [3],
        ["all-weak"],
        embedder=["stats", "tfidf(dims=2)"],
        seeds=[1, 2],
        **QUICK,
    )


def test_a_router_that_reads_features_runs_with_each_embedder(swept: Results) -> None:
    assert swept.routers == [
        *("ours(k=1) · stats", "ours(k=5) · stats", "random"),
        *("ours(k=1) · tfidf(dims=2)", "ours(k=5) · tfidf(dims=2)"),
    ]
    assert len(swept.cells) == 2 * 5
    assert {c.embedder for c in swept.of("ours(k=1) · stats")} == {"stats"}
    assert swept.spec_of("ours(k=5) · stats") == "knn(k=5)"
    alone = run(
        [made(texts=True)], ["knn(k=5)"], [3], ["all-weak"], seeds=[1], embedder="stats", **QUICK
    )
    assert alone.cells[0].key in {c.key for c in swept.of("ours(k=5) · stats")}
    assert "--embedder stats --embedder 'tfidf(dims=2)'" in run_command(swept)


def test_the_ablation_has_a_row_for_each_combination(swept: Results) -> None:
    [found] = ablations(swept)
    assert (found.kind, found.parameters) == ("knn", ("k", "embedder"))
    assert [row.values for row in found.rows] == [
        *((1, "stats"), (5, "stats"), (1, "tfidf(dims=2)"), (5, "tfidf(dims=2)")),
    ]
    means = {x.router: x.metrics["mu"] for x in summarise(swept, ("mu",)) if x.benchmark == MEAN}
    for row in found.rows:
        cells = swept.of(row.router)
        by_seed = [np.mean([c.metrics["mu"] for c in cells if c.seed == s]) for s in (1, 2)]
        assert row.mu == means[row.router]
        assert row.deviation == pytest.approx(np.std(by_seed, ddof=1))
        assert row.n_seeds == 2
    [table] = [t for t in swept.document().tables if t.title.startswith("μ_o of knn by k and")]
    assert [c.head for c in table.columns] == ["k", "embedder", "μ_o", "over seeds"]
    assert "tfidf(dims=2)" in str(swept)


def test_a_mean_over_seeds_counts_benchmarks_alike(swept: Results) -> None:
    first = swept.of("random")[0]
    scores = {("one", 1): [0.1, 0.3], ("two", 1): [0.6], ("one", 2): [0.4, 0.4], ("two", 2): [0.8]}
    cells = [
        replace(first, benchmark=name, seed=seed, metrics={"mu": mu})
        for (name, seed), several in scores.items()
        for mu in several
    ]
    assert deviation_over_seeds(cells) == pytest.approx(np.std([0.4, 0.6], ddof=1))
    assert math.isnan(deviation_over_seeds(cells[:3]))


def test_routers_that_differ_in_nothing_that_was_given_are_no_ablation() -> None:
    results = run([made()], ["knn", "knn(k=5)", "random"], [3], ["all-weak"], **QUICK)
    assert ablations(results) == []
    together = run([made()], ["knn(k=1)", "knn(k=5)", "random"], [3], ["all-weak"], **QUICK)
    [found] = ablations(together)
    assert found.parameters == ("k",)
    assert all(math.isnan(row.deviation) for row in found.rows)
    assert "over seeds" not in str(together)


def test_the_command_takes_grids_and_several_embedders(command_line: CommandLine) -> None:
    answer = command_line("run", "demo", "-r", "kn(k=[1, 2])", "--embedder", "stats")
    assert (answer.status, answer.out) == (2, "")
    assert "unknown router 'kn'" in answer.err
