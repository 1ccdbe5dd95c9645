"""The words say what the numbers say; the files come out the same every time."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib.image import imread

from routereval.cli.advise import advise as command
from routereval.records import Records
from routereval.report.advice_figure import advice_figure
from routereval.report.layouts.advise import save_advice, shown_pool, verdict
from routereval.studies.advise import Advice, advise


def records(n: int = 500, m: int = 9, *, costs: bool = True, name: str = "kinds") -> Records:
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 3, n)
    chance = np.where(kind[:, None] == np.arange(m) % 3, 0.9, 0.35)
    usd = np.tile(np.linspace(0.001, 0.01, m), (n, 1)) if costs else None
    scores = (rng.random((n, m)) < chance).astype(float)
    return Records.from_arrays(name, scores, [f"llm-{i}" for i in range(m)], costs=usd)


@pytest.fixture(scope="module")
def advice() -> Advice:
    return advise(records(), max_models=3, n_boot=100, budget=4.0)


def test_the_numbers_are_told(advice: Advice) -> None:
    bench = advice.benchmarks[0]
    pool = shown_pool(bench)
    text = " ".join(advice.render("table", 100).split())
    assert pool is not None
    assert "Worth routing? Yes, for the score" in text
    assert f"the oracle scores {pool.oracle.value:.3f}" in text
    assert f"would score {pool.ceiling.value:.3f}" in text
    assert f"Keep 3 (greedy): {pool.models[0]}" in text
    assert f"takes about {pool.prompts_needed:,.0f} (80 % power" in text
    assert "Budget of $4.00 per 1,000 prompts" in text
    assert "Redundant models: none" in text
    assert "5 folds" in text


def test_no_line_of_prose_is_too_long(advice: Advice) -> None:
    for width in (60, 80, 100):
        text = advice.render("table", width)
        assert all(len(line) <= width for line in text.splitlines())
    assert "-0.000" not in text
    assert "nan" not in text


def test_each_answer_has_its_verdict(advice: Advice) -> None:
    bench = advice.benchmarks[0]
    no = replace(bench, quality="no", saving="no", keep=None)
    unclear = replace(bench, quality="unclear", saving=None, keep=None)
    alone = replace(bench, quality="unclear", saving=None, keep=None, pools=())
    saving = replace(bench, quality="no", saving="yes")
    assert verdict(no, 0.01) == f"No: no gain of 0.01 or more is in reach. Use {bench.best_single}."
    assert verdict(unclear, 0.01).startswith("Not shown")
    assert "too few models are left" in verdict(alone, 0.01)
    assert verdict(saving, 0.01).startswith("Yes, but for the cost")
    for changed in (no, unclear, alone, saving):
        assert changed.best_single in replace(advice, benchmarks=(changed,)).render("table", 100)


def test_simulated_data_are_marked(advice: Advice) -> None:
    made = replace(advice, benchmarks=(replace(advice.benchmarks[0], simulated=True),))
    assert made.render("table", 100).startswith("SIMULATED DATA")
    assert "Simulated data" in str([t.get_text() for t in advice_figure(made).texts])


def test_json_holds_everything(advice: Advice) -> None:
    held = json.loads(advice.to_json())
    bench = advice.benchmarks[0]
    first = held["benchmarks"][0]
    assert first["best_single"] == bench.best_single
    assert first["pools"][0]["gain"]["low"] == bench.pools[0].gain.low
    assert first["pools"][0]["known_least"]["value"] is None
    assert first["affordable"]["budget"] == 4.0


def test_the_picture_shows_each_size(advice: Advice) -> None:
    figure = advice_figure(advice)
    (axes,) = figure.axes
    greedy = advice.benchmarks[0].of("greedy")
    assert [label.get_text() for label in axes.get_xticklabels()] == [str(p.size) for p in greedy]
    shown = [text.get_text() for text in axes.texts]
    assert f"{greedy[0].oracle.value:.3f}" in shown
    assert f"{greedy[0].gain.value:+.3f}" in shown
    assert axes.get_ylim()[0] < advice.benchmarks[0].best_score.value


def test_files_are_whole_and_the_same(advice: Advice, tmp_path: Path) -> None:
    first, second = (save_advice(advice, tmp_path / name) for name in ("a", "b"))
    assert [path.name for path in first] == [
        "advice.txt",
        "advice.json",
        "advice.png",
        "advice.svg",
    ]
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes()
    assert imread(tmp_path / "a" / "advice.png").std() > 0.05


def test_the_command(tmp_path: Path) -> None:
    source = str(records(200, 6).save(tmp_path / "kinds"))
    result = CliRunner().invoke(
        command, [source, "--max-models", "3", "-o", str(tmp_path / "out")], catch_exceptions=False
    )
    assert result.exit_code == 0
    assert "Worth routing?" in result.stdout
    kept = (tmp_path / "out" / "advice.txt").read_text(encoding="utf-8")
    words = re.sub(r"[─\s]+", " ", result.stdout)
    assert words == re.sub(r"[─\s]+", " ", kept)


def test_several_benchmarks_make_several_panels() -> None:
    both = [records(120, 6, costs=False), records(150, 6, costs=False, name="gsm8k")]
    advice = advise(both, max_models=2, n_boot=50)
    assert len([axes for axes in advice_figure(advice).axes if axes.get_visible()]) == 3
    assert "all 2 benchmarks" in advice.render("table", 100)
