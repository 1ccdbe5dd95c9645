"""Figures show the numbers they are given, are labelled, and come out the same every time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread

from routereval.records import Records
from routereval.report.figure_style import SIMULATED
from routereval.report.scaling_figure import (
    ScalingDisplay,
    mean_figure,
    save_scaling,
    scaling_figure,
)
from routereval.report.titles import TITLES
from routereval.results.scaling_curves import MEAN, ScalingResults
from routereval.sources import open_source
from routereval.studies.scaling import scaling


def made(name: str = "toy", n_models: int = 9, seed: int = 0) -> Records:
    rng = np.random.default_rng(seed)
    scores = (rng.random((50, n_models)) < rng.random((50, 1))).astype(float)
    return Records.from_arrays(name, scores, [f"llm-{c}" for c in range(n_models)])


def study(n_benchmarks: int = 1, n_models: int = 9, **options: float) -> ScalingResults:
    names = [n for n in TITLES if n != MEAN]
    given = [made(name, n_models, seed) for seed, name in enumerate(names[:n_benchmarks])]
    return scaling(given, n_boot=20, **options)  # type: ignore[arg-type]


def shown(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_visible()]


def words(figure: Figure) -> str:
    figure.draw_without_rendering()
    texts = [text.get_text() for axes in shown(figure) for text in axes.texts]
    legends = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    return " | ".join([*texts, *legends, *(text.get_text() for text in figure.texts)])


def test_the_lines_are_the_curves_from_two_models_on() -> None:
    curve = study(reference=0.8).curves[0]
    axes = ScalingDisplay(curve).plot()
    assert axes.get_xscale() == "log"
    assert axes.get_xlim() == (2, 9)
    *lines, reference = axes.lines
    for p, line in zip(curve.p, lines, strict=True):
        assert np.asarray(line.get_xdata()).tolist() == list(range(2, 10))
        np.testing.assert_array_equal(line.get_ydata(), curve.noisy(p)[1:])
    assert np.asarray(reference.get_ydata()).tolist() == [0.8, 0.8]
    assert reference.get_linestyle() == "--"


def test_the_band_is_the_interval_of_the_oracle() -> None:
    curve = study().curves[0]
    (band,) = ScalingDisplay(curve).plot().collections
    corners = band.get_paths()[0].vertices
    from_two = curve.sizes >= 2
    for m, low, high in zip(
        curve.sizes[from_two], curve.low[-1, from_two], curve.high[-1, from_two], strict=True
    ):
        at = np.asarray(corners)[np.asarray(corners)[:, 0] == m, 1]
        assert at.min() == pytest.approx(low)
        assert at.max() == pytest.approx(high)


def test_long_curves_are_drawn_with_few_points_but_to_the_end() -> None:
    curve = study(n_models=3000).curves[0]
    line = ScalingDisplay(curve).plot().lines[-2]
    sizes = np.asarray(line.get_xdata())
    assert len(sizes) <= 160
    assert (sizes[0], sizes[-1]) == (2, 3000)


def test_without_a_reference_the_best_single_model_is_the_yardstick() -> None:
    results = study()
    axes = ScalingDisplay(results.curves[0]).plot()
    assert np.asarray(axes.lines[-1].get_ydata()).tolist() == [results.curves[0].best_single] * 2
    assert "best single" in words(scaling_figure(results))
    assert "reference" not in words(scaling_figure(results))


@pytest.mark.parametrize(("n", "rows", "columns"), [(1, 1, 1), (3, 1, 3), (6, 2, 3), (12, 3, 4)])
def test_a_panel_a_benchmark(n: int, rows: int, columns: int) -> None:
    results = study(n, reference=0.7)
    figure = scaling_figure(results)
    panels = shown(figure)
    assert [axes.get_title(loc="left") for axes in panels] == [
        TITLES[curve.benchmark] for curve in results.curves
    ]
    grid = panels[0].get_subplotspec().get_gridspec()  # type: ignore[union-attr]
    assert (grid.nrows, grid.ncols) == (rows, columns)
    assert len({axes.get_ylim() for axes in panels}) == 1
    assert len(figure.legends) == 1


def test_no_panel_is_left_empty() -> None:
    assert len(shown(scaling_figure(study(5, 3)))) == 5


def test_the_legend_fits_the_page() -> None:
    for n in (1, 2, 3, 12):
        lone, *others = study(n).curves
        figure = scaling_figure(ScalingResults((replace(lone, reference=0.7), *others)))
        figure.draw_without_rendering()
        legend = figure.legends[0].get_window_extent()
        assert legend.x0 >= 0, n
        assert legend.x1 <= figure.bbox.x1, n
        for axes in shown(figure):
            assert legend.y1 < axes.get_window_extent().y0, n


def test_made_data_is_labelled_and_other_data_is_not() -> None:
    demo = next(iter(open_source("demo")))
    assert SIMULATED in words(scaling_figure(scaling(demo, n_boot=10)))
    assert SIMULATED not in words(scaling_figure(study()))


def test_the_order_is_named() -> None:
    assert "random pools" in words(scaling_figure(study()))
    greedy = scaling(made(), "greedy", n_boot=10)
    assert "greedy" in words(scaling_figure(greedy))


def test_the_mean_is_drawn_large() -> None:
    (panel,) = shown(mean_figure(study(3)))
    assert panel.get_title(loc="left") == TITLES[MEAN]


@pytest.mark.parametrize("n_models", [1, 2, 3])
def test_very_few_models_can_be_drawn(n_models: int) -> None:
    assert "random pools" in words(scaling_figure(study(n_models=n_models)))


@pytest.mark.slow
def test_what_is_saved_is_the_same_every_time(tmp_path: Path) -> None:
    first = save_scaling(study(2, 4), tmp_path / "a")
    again = save_scaling(study(2, 4), tmp_path / "b")
    assert [path.name for path in first] == [
        "scaling.parquet",
        "scaling.png",
        "scaling.svg",
        "scaling-mean.png",
        "scaling-mean.svg",
    ]
    for one, other in zip(first, again, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_a_single_benchmark_has_no_mean_to_save(tmp_path: Path) -> None:
    results = study()
    assert len(save_scaling(results, tmp_path / "deep" / "er")) == 3
    home = tmp_path / "deep" / "er"
    assert pl.read_parquet(home / "scaling.parquet").equals(results.to_frame())
    assert imread(home / "scaling.png").shape == (780, 1080, 4)
    svg = (home / "scaling.svg").read_text(encoding="utf-8")
    assert svg.rstrip().endswith("</svg>")
    assert "dc:date" not in svg
