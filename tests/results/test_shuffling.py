from __future__ import annotations

from dataclasses import replace

from routereval.results import Results
from routereval.results.shuffling import surviving_gains
from tests.results.test_results import cell, outcome


def results_of(**scores: list[float]) -> Results:
    """Three routers on ten prompts: one, it on shuffled labels, and the best single model."""
    names = {"own": "knn", "placebo": "shuffled(router=knn)", "fixed": "best_single"}
    cells = [cell(router=names[name], control=name != "own") for name in scores]
    outcomes = {
        one.key: outcome(values, best_single=scores["fixed"])
        for one, values in zip(cells, scores.values(), strict=True)
    }
    return Results(cells, outcomes)


def test_a_gain_that_survives_shuffling_is_named() -> None:
    half = [1.0, 0.0] * 5
    gains = results_of(own=[1.0] * 9 + [0.0], placebo=[1.0, 0.0] * 4 + [1.0, 1.0], fixed=half)
    assert list(surviving_gains(gains)) == []
    same = results_of(own=[1.0] * 9 + [0.0], placebo=[1.0] * 8 + [0.0] * 2, fixed=half)
    (sentence,) = surviving_gains(same)
    assert sentence == (
        "knn gains +0.400 over best_single, and shuffled(router=knn) +0.300: "
        "its gain does not come from the prompts"
    )
    assert "its gain does not come" in same.render("table")


def test_no_gain_and_no_router_beside_a_placebo_say_nothing() -> None:
    half = [1.0, 0.0] * 5
    assert list(surviving_gains(results_of(own=half, placebo=half, fixed=half))) == []
    alone = results_of(own=half, placebo=[1.0] * 10, fixed=half)
    alone = replace(alone, cells=alone.cells[1:])
    assert list(surviving_gains(alone)) == []
