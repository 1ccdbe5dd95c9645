"""Columns of evidence: each declared once; a metric may bring its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields, replace
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import routereval as rv
from routereval.cli.main import cli
from routereval.errors import DataError, SpecError
from routereval.scoring import (
    METRICS,
    OWN_METRICS,
    Column,
    Evidence,
    Means,
    Metric,
    all_metrics,
    collect_evidence,
    compute,
    intervals,
    metric,
    register,
    replicates,
    resamples,
)
from routereval.scoring.evidence import AVERAGED, DECLARED
from routereval.scoring.metrics import not_loaded
from tests.made import made

ROOT = Path(__file__).parents[2]
BELOW = Column(
    "below",
    "1 where the choice scores below the mean of the models",
    lambda of: of.quality < of.scores.mean(axis=1),
    pseudo=lambda of: (0.0, 0.0, 0.0, 1.0),
)
SHARE_BELOW = Metric(
    name="share_below",
    symbol="below",
    latex=r"\mathrm{below}",
    formula=lambda of: of[BELOW],
    meaning="share of prompts whose choice scores below the mean of the models",
    source="here",
    higher_is_better=False,
    columns=(BELOW,),
)


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is registered is forgotten afterwards."""
    monkeypatch.setattr("routereval.scoring.metrics.METRICS", METRICS.copy())
    not_loaded.cache_clear()


@pytest.fixture
def brought(apart: None) -> Metric:
    return register(SHARE_BELOW)


def of_four() -> Evidence:
    """Four prompts, two models; the choice is below the mean on the last two."""
    sent = np.eye(2)[[0, 0, 1, 1]]
    return collect_evidence([[1, 0]] * 4, sent, sent, best_single=0, subsets=[0] * 4)


# Those of this package


def test_a_column_is_a_field_of_evidence_and_of_means() -> None:
    of_means = {one.name for one in fields(Means)} - {"evidence", "W", "smoothing", "share"}
    assert (
        of_means
        == set(AVERAGED)
        == set(DECLARED) - {*("n_right", "truthful", "choice", "subsets", "groups")}
    )
    assert all(column.name == name and column.meaning for name, column in DECLARED.items())


# Those that a metric brings


@pytest.mark.usefixtures("brought")
def test_a_column_is_collected_saved_and_resampled() -> None:
    evidence = of_four()
    assert evidence[BELOW].tolist() == [0, 0, 1, 1]
    again = Evidence.from_columns(evidence.columns(), evidence.share)
    assert again[BELOW].tolist() == [0, 0, 1, 1]
    assert compute(again)["share_below"] == 0.5
    W = np.array([[0.25] * 4, [0, 0.5, 0.5, 0], [0, 0, 0.5, 0.5]])
    assert replicates(again, W)["share_below"].tolist() == [0.5, 0.5, 1.0]


def test_pseudo_prompts_keep_its_interval_from_vanishing(brought: Metric) -> None:
    sent = np.eye(2)[[1] * 30]
    evidence = collect_evidence([[1, 0]] * 30, sent, sent, best_single=0, subsets=[0] * 30)
    low, high = intervals(evidence, resamples([0] * 30), [brought])["share_below"]
    assert 0.7 < low < 0.95
    assert high == 1.0
    bare = replace(brought, columns=(replace(BELOW, pseudo=None),))
    bare = replace(bare, formula=lambda of: of[bare.columns[0]])
    found = intervals(evidence, resamples([0] * 30), [bare])["share_below"]
    assert found == pytest.approx((1.0, 1.0))


def test_evidence_from_before_leaves_it_undefined(apart: None) -> None:
    evidence = of_four()
    new = register(SHARE_BELOW)
    assert np.isnan(compute(evidence, [new])["share_below"])
    assert np.isnan(replicates(evidence, np.full((2, 4), 0.25), [new])["share_below"]).all()


def test_a_column_that_no_metric_names_is_not_there(apart: None) -> None:
    careless = register(replace(SHARE_BELOW, columns=()))
    with pytest.raises(SpecError, match="'below' was not collected; name it in the metric's col"):
        compute(of_four(), [careless])


def test_a_name_stands_for_one_column(brought: Metric) -> None:
    other = replace(BELOW, meaning="another")
    with pytest.raises(SpecError, match="'other' brings a column 'below', but there is another"):
        register(replace(SHARE_BELOW, name="other", columns=(other,)))
    with pytest.raises(SpecError, match="brings a column 'quality'"):
        register(replace(SHARE_BELOW, name="other", columns=(replace(BELOW, name="quality"),)))
    shared = register(replace(SHARE_BELOW, name="other"))
    assert compute(of_four(), [brought, shared]) == {"share_below": 0.5, "other": 0.5}


def test_a_column_has_one_number_per_prompt(apart: None) -> None:
    register(replace(SHARE_BELOW, columns=(replace(BELOW, values=lambda of: of.scores),)))
    with pytest.raises(DataError, match=r"'below' has shape \(4, 2\) for 4 prompts"):
        of_four()


def test_what_is_no_number_is_a_sentence(apart: None) -> None:
    four = of_four()
    texts = replace(BELOW, values=lambda of: np.array(["a"] * of.n_prompts))
    register(replace(SHARE_BELOW, columns=(texts,)))
    with pytest.raises(DataError, match="column 'below' holds no numbers, one per prompt"):
        of_four()
    nothing = replace(SHARE_BELOW, columns=(), formula=lambda of: None)  # type: ignore[arg-type,return-value]
    with pytest.raises(DataError, match="metric 'share_below' gives None, which is no number"):
        nothing.values(four)  # type: ignore[arg-type]


def test_a_column_of_costs_is_unknown_without_them(apart: None) -> None:
    dear = replace(BELOW, values=lambda of: of.cost > 1, needs_costs=True)
    register(replace(SHARE_BELOW, columns=(dear,)))
    assert np.isnan(of_four()[dear]).all()
    one = np.ones((2, 1))
    for costs, known in (([[2.0], [1.0]], [1.0, 0.0]), ([[2.0], [np.nan]], [np.nan] * 2)):
        found = collect_evidence(one, one, one, best_single=0, subsets=[0, 0], costs=costs)
        np.testing.assert_array_equal(found[dear], known)


# In a run


def columns_of(folder: Path) -> set[str]:
    names: set[str] = set()
    for file in (folder / "outcomes").glob("*.npz"):
        with np.load(file) as held:
            names |= set(held.files)
    return names


def test_a_resumed_run_computes_the_cells_that_lack_it(apart: None, tmp_path: Path) -> None:
    def run() -> rv.Results:
        return rv.run([made()], ["random"], [3], ["all-strong"], out=tmp_path, n_jobs=1)

    before = run()
    assert "brought.below" not in columns_of(tmp_path)
    register(SHARE_BELOW)
    [cell] = run().cells
    assert cell.key != before.cells[0].key
    assert set(cell.metrics) == {*OWN_METRICS, "share_below"}
    assert cell.intervals["share_below"][0] <= cell.metrics["share_below"] <= 1
    assert "brought.below" in columns_of(tmp_path)
    unchanged = {name: cell.metrics[name] for name in OWN_METRICS}
    np.testing.assert_equal(unchanged, dict(before.cells[0].metrics))


@pytest.mark.slow
@pytest.mark.usefixtures("brought")
def test_processes_that_a_run_starts_know_it() -> None:
    one = rv.run([made()], routers=["random"], sizes=[3], n_jobs=1)
    two = rv.run([made()], routers=["random"], sizes=[3], n_jobs=2)
    assert [c.metrics["share_below"] for c in one.cells] == [
        c.metrics["share_below"] for c in two.cells
    ]


@pytest.mark.usefixtures("apart")
def test_other_packages_bring_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("share_below", f"{__name__}:SHARE_BELOW", "routereval.metrics"),
        EntryPoint("broken", "no_such_package:IT", "routereval.metrics"),
        EntryPoint("odd", f"{__name__}:BELOW", "routereval.metrics"),
    ]
    monkeypatch.setattr("routereval.registry.entry_points", lambda group: points)
    assert [one.name for one in all_metrics()] == [*METRICS, "share_below"]
    assert metric("share_below") is all_metrics()[-1]
    assert compute(of_four())["share_below"] == 0.5
    shown = CliRunner().invoke(cli, ["list", "metrics"]).output
    assert re.search(r"^ *share_below +share of prompts whose choice scores below", shown, re.M)
    assert re.search(
        r"^ *broken +metric 'broken' comes from no_such_package:IT, which cann", shown, re.M
    )
    assert re.search(r"^ *odd +metric 'odd' is a Column, not a Metric$", shown, re.M)
    notes = rv.run([made()], routers=["random"], sizes=[3], n_jobs=1).notes
    assert [note for note in notes if note.endswith("it is left out")] == [
        f"{not_loaded()['broken']}; it is left out",
        f"{not_loaded()['odd']}; it is left out",
    ]
    not_loaded.cache_clear()


# Types


RIGHT = """
from routereval.scoring import Column, Means, Metric, register
from routereval.scoring.means import Values

BELOW = Column("below", "…", lambda of: of.quality < of.scores.mean(axis=1))


def powered(of: Means, *, by: float) -> Values:
    return of.quality**by


def made(formula_name: str) -> list[Metric]:
    return [
        Metric("a", "a", "a", lambda of: of.quality - of[BELOW], "…", "…"),
        Metric("b", "b", "b", powered, "…", "…"),
    ]
"""
WRONG = {
    "of.quality - of[BELOW]": ("of.below", '"Means" has no attribute "below"'),
    "of.quality**by": ("of.qality**by", '"Means" has no attribute "qality"'),
    "of.scores.mean": ("of.points.mean", '"Observations" has no attribute "points"'),
    "lambda of: of.quality - of[BELOW]": ("lambda of: 'much'", "incompatible type"),
}


@pytest.mark.slow
def test_a_type_checker_sees_a_column_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "right.py").write_text(RIGHT, encoding="utf-8")
    for number, (line, (instead, _)) in enumerate(WRONG.items()):
        text = RIGHT.replace(line, instead)
        assert text != RIGHT
        (tmp_path / f"wrong_{number}.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", os.devnull, "."]
    env = {**os.environ, "MYPYPATH": str(ROOT / "src")}
    ran = subprocess.run(  # noqa: S603 - our own interpreter
        [*command, "--cache-dir", str(tmp_path / "cache"), "--follow-imports", "silent"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "right.py" not in ran.stdout, ran.stdout
    for number, (_, message) in enumerate(WRONG.values()):
        lines = [line for line in ran.stdout.splitlines() if f"wrong_{number}.py" in line]
        assert any(message in line for line in lines), ran.stdout


# The recipe


def recipe() -> tuple[str, str]:
    """The module and the entry point that the page on metrics shows."""
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    [module] = re.findall(r"^```python\n(# below\.py\n.*?)^```$", page, re.M | re.S)
    [points] = re.findall(r"^```toml\n(.*?)^```$", page, re.M | re.S)
    return module, points


def test_a_package_made_by_the_recipe(tmp_path: Path) -> None:
    module, points = recipe()
    declared = module.partition("\nif __name__")[0].strip().splitlines()
    assert len([line for line in declared if line]) <= 20
    (tmp_path / "below.py").write_text(module, encoding="utf-8")
    info = tmp_path / "below-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: below\nVersion: 1\n", "utf-8")
    group, line = points.splitlines()
    name = group.removeprefix('[project.entry-points."').removesuffix('"]')
    (info / "entry_points.txt").write_text(f"[{name}]\n{line.replace(chr(34), '')}\n", "utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "routereval", "list", "metrics"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT / "src")])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.search(
        r"^ *share_below +share of prompts whose choice scores below", ran.stdout, re.M
    )
