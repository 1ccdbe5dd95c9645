from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from routereval.errors import DataError
from routereval.records import Records
from routereval.report.labels import apart
from routereval.report.learning_figure import learning_display, save_learning
from routereval.results import Results, read_results
from routereval.results.breakdown import by_part
from routereval.results.comparison import compare
from routereval.results.learning_curves import learning_curves
from routereval.results.summary import summarise
from routereval.routers import Router, Training
from routereval.routers.registry import on_cpu
from routereval.studies.run import run
from routereval.tasks import Pool, Split, Task, mix
from tests.made import made

FEW = ["knn(k=5)", "best_single", "dataset_best", "oracle"]


def collection() -> list[Records]:
    return [made("one", 60), made("two", 120, n_subsets=2), made("three", 30, costs=True)]


def ran(protocol: str, routers: list[Any] = FEW, **options: Any) -> Results:  # noqa: ANN401
    return run(collection(), routers, [3], ["all-strong"], protocol=protocol, n_jobs=1, **options)


# Mixed


def test_a_stream_is_one_benchmark_and_is_broken_down() -> None:
    results = ran("mixed")
    assert [c.benchmark for c in results.cells] == ["mixed"] * 4
    assert {c.protocol for c in results.cells} == {"mixed"}
    assert results.cells[0].parts == {"one": 0, "two": 60, "three": 180}
    for router in FEW:
        [cell] = results.of(router)
        parts = {ln.benchmark: ln for ln in by_part(results) if ln.router == router}
        outcome = results.outcomes[cell.key]
        assert list(parts) == ["one", "two", "three"]
        for name, low, high in (("one", 0, 60), ("two", 60, 180), ("three", 180, 210)):
            here = (outcome.rows >= low) & (outcome.rows < high)
            mu = parts[name].metrics["mu"]
            assert mu.value == pytest.approx(outcome.evidence.quality[here].mean())
            assert mu.low <= mu.value <= mu.high
    assert "μ_o by benchmark · m = 3 models · mixed" in results.render("table")
    assert ",three,1,mu," in results.to_csv()


def test_the_best_of_each_benchmark_is_the_control_to_beat() -> None:
    """Two models, each right on a benchmark of its own: telling the benchmarks apart is enough."""
    scores = np.repeat([[1.0, 0.0]], 50, axis=0)
    parts = [
        Records.from_arrays("one", scores, ["a", "b"]),
        Records.from_arrays("two", scores[:, ::-1], ["a", "b"]),
    ]
    results = run(parts, ["dataset_best", "best_single"], [2], protocol="mixed", n_jobs=1)
    assert {c.metrics["mu"] for c in results.of("dataset_best")} == {1.0}
    assert {c.metrics["mu"] for c in results.of("best_single")} == {0.5}


def test_on_one_benchmark_the_best_of_the_benchmark_is_the_best_single() -> None:
    results = run([made(n_subsets=2)], ["dataset_best", "best_single"], [3], n_jobs=1)
    both = [[c.metrics["mu"] for c in results.of(r)] for r in ("dataset_best", "best_single")]
    assert both[0] == both[1]


def test_by_default_a_stream_is_run_with_its_control() -> None:
    from routereval.studies.run_plan import DEFAULT_ROUTERS

    parts = [made("one", 40), made("two", 40)]
    results = run(parts, sizes=[3], groups=["all-weak"], protocol="mixed", n_jobs=1)
    assert results.routers == [*DEFAULT_ROUTERS, "dataset_best"]


@pytest.mark.parametrize("protocol", ["mixed", "few_shot(n=[10, 20])", "leave_one_out"])
def test_a_run_of_any_protocol_goes_on_where_it_was(protocol: str, tmp_path: Path) -> None:
    first = ran(protocol, FEW[:2], out=tmp_path / "out")
    before = (tmp_path / "out" / "results.jsonl").read_bytes()
    again = ran(protocol, FEW[:2], out=tmp_path / "out")
    assert (tmp_path / "out" / "results.jsonl").read_bytes() == before
    assert [c.seconds for c in again.cells] == [c.seconds for c in first.cells]
    kept = read_results(tmp_path / "out").cells
    assert [c.to_json() for c in kept] == [c.to_json() for c in first.cells]


def test_a_cell_of_one_benchmark_is_written_as_ever() -> None:
    [cell] = run([made()], ["random"], [3], ["all-weak"], n_jobs=1).cells
    assert '"parts"' not in cell.to_json()
    assert cell.protocol == "clean"


# Leave one out


def test_every_benchmark_is_left_out_in_turn() -> None:
    results = ran("leave_one_out", seeds=2)
    named = list(dict.fromkeys((c.benchmark, c.n_train, c.n_test) for c in results.cells))
    assert named == [("one", 135, 60), ("two", 81, 120), ("three", 162, 30)]
    assert {c.seed for c in results.cells} == {42, 43}
    assert {c.protocol for c in results.cells} == {"leave_one_out"}
    assert len({c.key for c in results.cells}) == 3 * 2 * 4
    alone = ran("leave_one_out(test=two)")
    kept = [c for c in results.cells if (c.benchmark, c.seed) == ("two", 42)]
    assert [str(c.metrics) for c in alone.cells] == [str(c.metrics) for c in kept]
    best = {r: [c.metrics["mu"] for c in results.of(r)] for r in ("best_single", "dataset_best")}
    assert best["best_single"] == best["dataset_best"]  # it was never there


# Few labels


@pytest.mark.slow
def test_a_learning_curve_is_drawn_of_several_numbers(tmp_path: Path) -> None:
    results = ran("few_shot(n=[10, 24, 48, 400])")
    curves = {curve.router: curve for curve in learning_curves(results)}
    assert curves["knn(k=5)"].prompts == (10, 24)
    assert curves["oracle"].mu[0] == curves["oracle"].mu[1]
    means = {
        ln.protocol: ln.metrics["mu"]
        for ln in summarise(results)
        if (ln.router, ln.benchmark) == ("knn(k=5)", "mean")
    }
    assert list(means.values())[:2] == list(curves["knn(k=5)"].mu)
    assert "no 400 training prompts for few_shot(n=400), only 48" in " ".join(results.notes)
    text = results.render("table")
    assert "μ_o by labelled prompts · m = 3 models · few_shot" in text
    assert "| best_single † | 0." in results.to_markdown()
    [png, svg] = save_learning(results, tmp_path)
    before = png.read_bytes(), svg.read_bytes()
    save_learning(results, tmp_path)
    assert (png.read_bytes(), svg.read_bytes()) == before
    display = learning_display(results)
    assert display is not None
    assert set(FEW) <= {text.get_text() for text in display.figure().axes[0].texts}


def test_of_one_number_there_is_no_curve(tmp_path: Path) -> None:
    assert learning_curves(ran("few_shot(n=10)")) == []
    assert save_learning(ran("clean", FEW[:1]), tmp_path) == []


def test_labels_at_the_ends_of_lines_do_not_touch() -> None:
    places = apart([0.0, 0.0, 3.0, 30.0, 31.0], 9, 0, 100)
    assert min(np.diff(places)) >= 9.0 - 1e-9
    assert min(places) >= 0
    assert apart([0.0, 20.0], 9, 0, 100) == [0.0, 20.0]
    crowded = apart([50.0] * 20, 9, 0, 100)
    assert (min(crowded), max(crowded)) == (0.0, 100.0)


# New models


class Fixed(Router):
    """Knows its models from the start."""

    def _fit(self, data: Training) -> None:
        pass

    def _predict(self, X: Any) -> Any:  # noqa: ANN401
        return np.zeros((len(X), self.n_models_))


def test_a_router_that_cannot_take_new_llms_is_noted() -> None:
    results = ran("unseen_model(k=[5, 20])", ["knn(k=5)", Fixed(), "best_single"])
    assert results.routers == ["knn(k=5)", "best_single"]
    assert next(note for note in results.notes if "Fixed" in note) == (
        "one, Fixed(): this router cannot take models that were not there when it was fitted; "
        "fit it again with them, or take a router that can, such as knn"
    )
    assert learning_curves(results)[0].counted == "k"


@pytest.mark.slow
def test_what_runs_clean_runs_with_new_llms_or_is_noted() -> None:
    records = made("one", 100, costs=True)
    names = on_cpu()
    results = run([records], names, [3], ["all-weak"], protocol="unseen_model", n_jobs=1)
    noted = {name for name in names if any(f"one, {name}:" in note for note in results.notes)}
    assert set(results.routers) | noted == set(names)
    assert {"knn", "linear", "cluster", "random", "oracle", "cheapest"} <= set(results.routers)


def test_a_new_llm_is_routed_to_where_its_probes_were_right() -> None:
    """The known model is right on half the prompts; the new one, by its probes, on the rest."""
    vectors = np.tile([[1.0, 0.0], [0.0, 1.0]], (100, 1))
    records = Records.from_arrays("one", vectors, ["a", "b"], features=vectors)
    results = run([records], ["knn(k=3)"], [2], protocol="unseen_model(k=20)", n_jobs=1)
    assert {c.metrics["mu"] for c in results.cells} == {1.0}


def test_the_oracle_of_new_llms_is_that_of_all() -> None:
    oracles = [ran(p, ["oracle", "random"]) for p in ("unseen_model", "clean")]
    one, other = ([c.metrics["mu"] for c in results.cells] for results in oracles)
    assert one == pytest.approx(other)


# Time


def test_temporal_runs_where_there_are_dates() -> None:
    records = made("one", 60)
    days = pl.Series("date", [f"2024-{1 + row // 6:02d}-01" for row in range(60)])
    dated = replace(records, prompts=records.prompts.with_columns(days))
    results = run([dated, made("two")], FEW, [3], ["all-weak"], protocol="temporal", n_jobs=1)
    assert [(c.benchmark, c.n_train, c.n_test) for c in results.cells] == [("one", 43, 12)] * 4
    assert "two: the prompts have no date; give their table a column named 'date'" in results.notes
    with pytest.raises(DataError, match="nothing could be run: two: the prompts have no date"):
        run([made("two")], FEW, [3], protocol="temporal", n_jobs=1)


def test_a_stream_can_be_run_by_any_protocol() -> None:
    records = mix(collection())
    results = run([records], FEW, [3], ["all-weak"], protocol="few_shot(n=50)", n_jobs=1)
    assert {(c.benchmark, c.n_train) for c in results.cells} == {("mixed", 50)}
    task = Task(records, Pool("all-weak", 3), Split.parse("few_shot(n=50)"))
    assert results.cells[0].pool == task.models


# Equal prompts


def logged(times: int) -> Records:
    """Questions without anything to learn, each of which was logged a few times with its scores."""
    rng = np.random.default_rng(11)
    words = [" ".join(f"w{word}" for word in rng.integers(400, size=12)) for _ in range(300)]
    scores = (rng.random((300, 5)) < 0.5).astype(float)
    return Records.from_arrays(
        "log", scores.repeat(times, axis=0), list("abcde"), np.repeat(words, times).tolist()
    )


def gain(protocol: str) -> tuple[float, Results]:
    ran = run([logged(4)], ["knn", "best_single"], [5], ["all-strong"], protocol=protocol, seeds=8)
    return compare(ran, "knn", "best_single").test.difference, ran


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["clean", "few_shot(n=200)"])
def test_prompts_that_were_logged_four_times_teach_nothing(protocol: str) -> None:
    difference, _ = gain(protocol)
    assert difference < 0.02


@pytest.mark.slow
def test_the_reference_takes_them_for_a_gain_and_the_run_says_why() -> None:
    difference, ran = gain("faithful")
    assert difference > 0.3
    assert re.search(r"11\d of 120 test prompts also stand in train", ran.notes[0])
