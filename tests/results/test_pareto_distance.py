from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from routereval.report.layouts.curves import trade_off_document
from routereval.results import Results
from routereval.results.pareto_distance import MOST_POINTS, pareto_distances
from routereval.scoring.pareto import front
from routereval.studies.run import run
from tests.made import made

QUICK: Any = {"n_jobs": 1, "n_boot": 20, "protocol": "clean"}


@pytest.fixture(scope="module")
def results() -> Results:
    routers = ["knn(k=5)", "cluster", "oracle", "best_single"]
    return run([made(n_prompts=200, costs=True)], routers, [4], ["all-weak"], **QUICK)


def test_it_is_the_mean_distance_to_the_front_of_all(results: Results) -> None:
    curves = {
        name: results.outcomes[results.of(name)[0].key].evidence.curve
        for name in ("knn(k=5)", "cluster")
    }
    own = {}
    for name, curve in curves.items():
        assert curve is not None
        own[name] = np.unique(np.stack(curve.points), axis=1)
        assert own[name].shape[1] <= MOST_POINTS
    assert curve is not None
    models = np.stack([curve.plane.model_cost, curve.plane.model_quality])
    every = np.concatenate([*own.values(), models], axis=1)
    low, high = every.min(axis=1, keepdims=True), every.max(axis=1, keepdims=True)
    best = ((every - low) / (high - low))[:, front(*every)]
    found = {one.router: one for one in pareto_distances(results)}
    assert set(found) == set(curves)  # no control, no oracle
    for name, points in own.items():
        gaps = np.linalg.norm(((points - low) / (high - low))[:, :, None] - best[:, None], axis=0)
        distance = found[name].distance
        assert distance.value == pytest.approx(gaps.min(axis=1).mean())
        assert 0 <= distance.low <= distance.value <= distance.high <= np.sqrt(2)
        assert found[name].on_front == pytest.approx(np.mean(gaps.min(axis=1) < 1e-12))
    order = [one.distance.value for one in pareto_distances(results)]
    assert order == sorted(order)


def test_a_router_alone_has_the_models_as_its_front(results: Results) -> None:
    alone = replace(results, cells=results.of("knn(k=5)"))
    [one] = pareto_distances(alone)
    assert one.distance.value >= 0
    assert [t.title for t in trade_off_document(alone).tables if "Pareto" in t.title] == []


def test_curves_tell_it_in_all_formats(results: Results) -> None:
    document = trade_off_document(results)
    [table] = [t for t in document.tables if "Pareto" in t.title]
    assert {row.cells[0] for row in table.rows} == {"knn(k=5)", "cluster"}
    names = [column.name for column in document.data.columns]
    assert names[-2:] == ["pareto_dist", "on_front"]
    assert sum(row.cells[-1] is not None for row in document.data.rows) == 2
    assert any(note.startswith("ParetoDist") for note in document.notes)


def test_without_costs_there_is_none() -> None:
    results = run([made()], ["knn(k=5)", "cluster"], [3], ["all-weak"], **QUICK)
    assert pareto_distances(results) == []
