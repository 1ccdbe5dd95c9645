"""The replicates of a cell are made once, and means are what they are one by one."""

from __future__ import annotations

import gc
from dataclasses import replace

import pytest

from routereval.report.run_report import run_report
from routereval.results import Results, cell_means
from routereval.results.cell_means import gather
from routereval.results.pool_rows import METRICS
from routereval.results.summary import SHOWN, mean_over
from routereval.scoring.estimates import draws
from routereval.studies.run import run
from tests.made import made


@pytest.fixture(scope="module")
def results() -> Results:
    some = [made("many", 50, 4, costs=True), made("few", 40, 4, seed=2, costs=True)]
    routers = ["knn(k=5)", "random", "best_single"]
    return run(some, routers, [3], groups=["all-strong"], seeds=2, n_boot=40, n_jobs=1)


def forgetful(results: Results) -> Results:
    """The same results, of which no mean is known."""
    outcomes = {
        key: one._replace(evidence=replace(one.evidence)) for key, one in results.outcomes.items()
    }
    return replace(results, outcomes=outcomes)


def test_a_report_makes_the_replicates_of_each_cell_once(
    results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_of: list[int] = []

    def counted(evidence: object, *rest: object) -> object:
        made_of.append(id(evidence))
        return draws(evidence, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("routereval.results.cell_means.draws", counted)
    fresh = forgetful(results)
    run_report(fresh)
    own = {id(one.evidence) for one in fresh.outcomes.values()}  # others: the Zero router's
    assert sorted(one for one in made_of if one in own) == sorted(own)


def test_together_they_are_what_they_are_one_by_one(results: Results) -> None:
    together, alone = forgetful(results), forgetful(results)
    gather(together, SHOWN, METRICS)
    for router in results.routers:
        for cells in (results.of(router), results.of(router)[:2]):
            for names in (SHOWN, METRICS, ("mu",)):
                one, other = (mean_over(it, cells, names) for it in (together, alone))
                assert repr(one) == repr(other)


def test_other_points_and_other_evidence_have_other_means(results: Results) -> None:
    cell, other = results.of("knn(k=5)")[0], results.of("best_single")[0]
    before = mean_over(results, [cell], ("mu",))["mu"][0]
    moved = replace(cell, metrics={**cell.metrics, "mu": 0.123})
    assert mean_over(results, [moved], ("mu",))["mu"][0].value == 0.123
    swapped = replace(results, outcomes={cell.key: results.outcomes[other.key]})
    assert mean_over(swapped, [cell], ("mu",))["mu"][0][1:] != before[1:]


def test_means_go_with_their_cells(results: Results) -> None:
    fresh = forgetful(results)
    gather(fresh, ("mu",))
    held = len(cell_means._kept)
    del fresh
    gc.collect()
    assert len(cell_means._kept) < held
