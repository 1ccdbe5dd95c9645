from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from routereval.cli.main import cli
from routereval.report.curve_figure import curve_displays, save_curves
from routereval.report.layouts.curves import trade_offs
from routereval.report.table import Number, value_of
from routereval.results import Results
from routereval.results.summary import MEAN, TRADE_OFF, summarise
from routereval.results.zero_router import ZERO, zero_router
from routereval.studies.run import run
from tests.made import made

ROUTERS = ("oracle", "knn(k=5)", "linear", "best_single", "random")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trade-off") / "results"


@pytest.fixture(scope="module")
def results(folder: Path) -> Results:
    records = [made(name, n_prompts=150, costs=True) for name in ("truthfulqa", "two")]
    return run(records, ROUTERS, [3], ["all-strong", "strong-to-weak"], out=folder, n_jobs=1)


def test_the_zero_router_of_a_cell_is_the_hull_of_its_models(results: Results) -> None:
    whole = zero_router(results)
    assert [c.router for c in whole.cells] == [ZERO] * 4
    for cell in whole.of(ZERO):
        curve = whole.outcomes[cell.key].evidence.curve
        assert curve is not None
        np.testing.assert_array_equal(curve.quality, curve.model_quality)
        assert cell.metrics["over_zero"] == pytest.approx(0, abs=1e-12)
        assert cell.metrics["peak"] == pytest.approx(curve.model_quality.mean(axis=0).max())


def test_the_tables_hold_the_numbers_of_the_summary(results: Results) -> None:
    tables = trade_offs(results)
    assert [re.split(" · ", t.title)[2] for t in tables] == [
        "truthfulqa",
        "two",
        "mean over benchmarks",
    ]
    lines = {ln.router: ln for ln in summarise(results, TRADE_OFF) if ln.benchmark == MEAN}
    for row in tables[-1].rows[:-1]:
        line = lines[str(row.cells[0])]
        for name, found in zip(TRADE_OFF, row.cells[1:], strict=True):
            assert isinstance(found, Number)
            assert found[:3] == pytest.approx(tuple(line.metrics[name]), nan_ok=True)
    assert [len(trade_offs(results, every=every)) for every in (True, False)] == [3, 1]


def test_the_best_learned_router_of_a_column_is_marked(results: Results) -> None:
    table = trade_offs(results)[-1]
    aiq = {row.cells[0]: value_of(row.cells[1]) for row in table.rows}
    pairs = zip(table.rows, table.best(), strict=True)
    marked = [row.cells[0] for row, best in pairs if 1 in best]
    assert marked == [max(("knn(k=5)", "linear"), key=lambda name: aiq[name])]
    learned = [row.cells[0] for row in table.rows if not row.control]
    assert learned == ["knn(k=5)", "linear"]


@pytest.mark.slow
def test_the_tables_stand_below_the_others(results: Results) -> None:
    for text in (results.render("table"), results.to_markdown()):
        assert text.count("cost and quality · m = 3") == 1
        assert "AIQ − Zero" in text
        assert "Zero router: the single models" in text
        assert "halluc." in text
    assert "Infinity" not in results.to_json()
    assert r"\mathrm{halluc.}" in results.to_latex()


def test_hallucinations_are_averaged_over_the_benchmarks_that_have_them(results: Results) -> None:
    for line in summarise(results, ["mu", "hallucination_rate"]):
        rate = line.metrics["hallucination_rate"].value
        if line.benchmark == "truthfulqa":
            assert rate == pytest.approx(1 - line.metrics["mu"].value)
        elif line.benchmark == "two":
            assert math.isnan(rate)
        else:
            assert not math.isnan(rate)


def test_without_costs_there_is_no_such_table() -> None:
    plain = run([made(n_prompts=80)], ["random"], [3], n_jobs=1)
    assert trade_offs(plain) == []
    assert curve_displays(plain) == {}
    assert "cost and quality" not in str(plain)


def test_one_benchmark_has_one_table() -> None:
    alone = run([made(n_prompts=80, costs=True)], ["random"], [3], ["all-weak"], n_jobs=1)
    [table] = trade_offs(alone, every=False)
    assert "one" in table.title


def test_a_panel_shows_every_router_model_the_zero_router_and_the_oracle(results: Results) -> None:
    figures = curve_displays(results)
    assert list(figures) == ["curves-m3-all-strong", "curves-m3-strong-to-weak"]
    for display in figures.values():
        panels = display.panels()
        assert [panel.title for panel in panels] == ["TruthfulQA", "two"]
        for ax, pool in zip(display.figure().axes, display.pools, strict=True):
            labels = {text.get_text() for text in ax.texts}
            assert {"knn(k=5)", "linear", "Zero router", *pool.models} <= labels
            assert "oracle" in labels or any("oracle" in text for text in labels)


def test_the_points_are_those_of_the_cells(results: Results) -> None:
    first = curve_displays(results)["curves-m3-all-strong"].pools[0]
    [cell] = [
        c for c in results.of("linear") if (c.benchmark, c.group) == ("truthfulqa", "all-strong")
    ]
    curve = results.outcomes[cell.key].evidence.curve
    assert curve is not None
    [own] = [one for one in first.routers if one.router == "linear"]
    assert set(own.cost) <= set(curve.points[0])
    assert own.score[-1] == pytest.approx(curve.points[1].max())


def test_a_run_that_is_kept_draws_its_curves(
    folder: Path, results: Results, tmp_path: Path
) -> None:
    shown = CliRunner().invoke(cli, ["curves", str(folder), "-o", str(tmp_path)])
    assert shown.exit_code == 0
    assert shown.output.count("cost and quality") == 3
    drawn = sorted(path.name for path in tmp_path.iterdir())
    kinds = [f"curves-m3-{g}.{k}" for g in ("all-strong", "strong-to-weak") for k in ("png", "svg")]
    assert drawn == kinds
    again = save_curves(results, tmp_path / "again")
    for path in again:
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


def test_curves_without_costs_are_refused(tmp_path: Path) -> None:
    run([made(n_prompts=80)], ["random"], [3], n_jobs=1, out=tmp_path / "plain")
    shown = CliRunner().invoke(cli, ["curves", str(tmp_path / "plain")])
    assert "no cost is known" in str(shown.exception)
