from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routereval.errors import SpecError
from routereval.report.calibration_figure import LEAST_IN_BIN, CalibrationDisplay
from routereval.report.champion_figure import ChampionDisplay
from routereval.report.cost_quality_figure import CostQualityDisplay, ShareDisplay
from routereval.report.difference_figures import ForestDisplay, RankDisplay
from routereval.report.display import Display
from routereval.report.headroom_figures import HeadroomDisplay, SavingsDisplay
from routereval.report.labels import labels
from routereval.report.panel import (
    BEST,
    Axis,
    Dots,
    Line,
    Panel,
    Rule,
    axis,
    cost_axis,
    looks,
    shortened,
    ticks,
    width_of,
)
from routereval.report.scaling_figure import ScalingDisplay
from routereval.results.champions import ChampionRow, Champions, ModelScore
from routereval.results.operating_points import Operating, PoolPoints
from routereval.results.standings import Standing, Standings
from routereval.results.summary import Estimate
from routereval.scoring import Interval, paired_test
from routereval.scoring.ranking import Omnibus, Rank, Tally
from routereval.studies.scaling import scaling
from tests.made import made

NAMES = ("gpt-5.4", "長い名前のモデル-instruct-2026-01-31-preview", "a<b>&\"'", "x" * 60)


def pool(n_routers: int, n_models: int = 4) -> PoolPoints:
    rng = np.random.default_rng(n_routers)
    cost = np.linspace(1e-4, 1e-3, n_models)
    score = np.linspace(0.5, 0.8, n_models)
    routers = []
    for place in range(n_routers):
        x = np.sort(rng.uniform(1e-4, 9e-4, 6))
        y = np.sort(rng.uniform(0.5, 0.85, 6))
        sent = np.full((6, n_models), 1 / n_models)
        held = (np.arange(6.0)[::-1], y, y - 0.05, y + 0.05, x, sent, None)
        routers.append(Operating(f"router-{place}", *held))
    models = tuple(NAMES[place % 4] + str(place) for place in range(n_models))
    ends = (score - 0.05, score + 0.05)
    facts = ("clean", "arc", n_models, "all-strong", 100, models)
    return PoolPoints(*facts, score, *ends, cost, 0, "USD", routers, 0.9)


@pytest.mark.parametrize("n", [3, 12, 40])
def test_labels_do_not_lie_on_one_another(n: int) -> None:
    [panel] = CostQualityDisplay([pool(n)]).panels()
    found = labels(panel, 322, 202)
    boxes = [(one.x, one.y - 5.5, one.x + width_of(one.text), one.y + 5.5) for one in found]
    for a, b in combinations(boxes, 2):
        across = min(a[2], b[2]) - max(a[0], b[0])
        down = min(a[3], b[3]) - max(a[1], b[1])
        assert min(across, down) <= 1.5, (a, b)
    named = {one.whole for one in found}
    assert sum(name.startswith("router-") for name in named) == (n if n <= 8 else BEST)
    assert sum(not name.startswith(("router-", "oracle", "Zero")) for name in named) == 4


def test_above_eight_routers_all_but_the_best_three_are_grey() -> None:
    assert looks(8) == [f"c{n}" for n in range(8)]
    assert looks(9) == ["c0", "c1", "c2", *["grey"] * 6]
    [panel] = CostQualityDisplay([pool(12)]).panels()
    assert "9 more routers in grey" in panel.note


@given(st.floats(0, 1e6), st.floats(1e-4, 1e6))
def test_ticks_are_written_as_what_they_are(low: float, span: float) -> None:
    found = ticks(low, low + span)
    assert 1 <= len(found) <= 12
    for value, words in found:
        assert float(words.replace(",", "")) == pytest.approx(value, abs=1e-6 * max(1, span))


def test_an_axis_of_costs_says_where_it_is_logarithmic() -> None:
    assert not cost_axis("USD", [1, 20]).log
    wide = cost_axis("USD", [0.01, 20])
    assert wide.log
    assert "logarithmic" in wide.label
    assert len(wide.ticks) >= 2
    assert cost_axis("USD", [0.0]).ticks


def test_names_are_cut_in_their_middle_and_wide_ones_sooner() -> None:
    assert shortened("short", 100) == "short"
    for name in NAMES[1:]:
        assert width_of(shortened(name * 3, 90)) <= 96
    assert len(shortened("長" * 50, 90)) < len(shortened("x" * 50, 90))


def test_a_picture_of_the_page_escapes_names_and_follows_its_colours() -> None:
    [picture] = CostQualityDisplay([pool(3)]).svg()
    assert "<b>" not in picture
    assert "&lt;b&gt;" in picture
    assert "#" not in picture.replace("&#x27;", "")  # colours are the style's
    assert picture.count("<title>") >= 4


def standing(name: str, gain: float, rank: float, *, control: bool = False) -> Standing:
    rng = np.random.default_rng(0)
    base = (rng.random(200) < 0.6).astype(float)
    better = np.where(rng.random(200) < gain, 1.0, base)
    test = None if control else paired_test(better, base, n_permutations=200)
    mean = float(better.mean())
    return Standing(
        name,
        control,
        mean,
        Interval(mean, mean),
        test,
        Tally(1, 0, 0),
        Rank(rank, rank - 1, rank + 1),
    )


def test_a_forest_marks_what_is_more_than_chance() -> None:
    rows = [
        standing("good", 0.5, 1),
        standing("same", 0.0, 3),
        standing("oracle", 1, 1, control=True),
    ]
    [panel] = ForestDisplay(Standings("best_single", rows, 2, 200)).panels()
    assert [row.name for row in panel.rows] == ["good", "same"]
    assert panel.rows[0].words.endswith("*")
    assert (panel.rows[0].look, panel.rows[1].look) == ("c0", "grey")
    assert panel.x.low < 0 < panel.x.high
    nobody = Standings("best_single", rows[2:], 2, 200)
    assert ForestDisplay(nobody).panels() == []


def test_ranks_have_the_critical_difference_from_the_best_learned_router() -> None:
    rows = [standing("oracle", 1, 1, control=True), standing("a", 0.5, 2), standing("b", 0.1, 5)]
    whole = Omnibus(9.0, 0.01, 1.5, 12, 3)
    [panel] = RankDisplay(Standings("x", rows, 12, 200, omnibus=whole)).panels()
    assert [row.name for row in panel.rows] == ["oracle †", "a", "b"]
    assert panel.rows[0].segments[0][:2] == (2, 3.5)
    assert [row.look for row in panel.rows] == ["grey", "c0", "grey"]
    assert RankDisplay(Standings("x", rows, 1, 200)).panels() == []


def test_headroom_shows_losses_in_another_colour() -> None:
    [panel] = HeadroomDisplay("knn", [("arc", 0.5, 0.6, 0.9), ("own", 0.5, 0.4, 0.9)]).panels()
    assert [row.look for row in panel.rows] == ["c0", "stop"]
    assert panel.rows[0].words == "0.500 → 0.600 → 0.900"


def test_savings_leave_out_what_is_not_known() -> None:
    rows = [("a", Estimate(0.2, 0.1, 0.3)), ("b", Estimate(math.nan, math.nan, math.nan))]
    [panel] = SavingsDisplay("saved", rows).panels()
    assert [row.name for row in panel.rows] == ["a"]
    assert SavingsDisplay("saved", rows[1:]).panels() == []


def test_shares_are_stacked_up_to_one() -> None:
    sent = np.array([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5], [0.0, 0.0, 1.0]])
    display = ShareDisplay("shares", np.array([0.0, 100.0, np.inf]), sent, NAMES[:3])
    [panel] = display.panels()
    areas = [mark for mark in panel.marks if not isinstance(mark, Rule | Line | Dots)]
    assert list(areas[-1].high) == pytest.approx([1, 1, 1])
    assert "logarithmic" in panel.x.label
    one = ShareDisplay("one", np.array([0.0]), sent[:1], NAMES[:3])
    assert one.figure().axes


def test_a_calibration_of_few_prompts_is_not_estimable() -> None:
    few = CalibrationDisplay("knn", np.full(15, 0.5), np.ones(15))
    assert few.binned() is None
    assert "not estimable" in few.panels()[0].note
    rng = np.random.default_rng(0)
    predicted = rng.random(150)
    many = CalibrationDisplay("knn", predicted, (rng.random(150) < predicted).astype(float))
    found = many.binned()
    assert found is not None
    assert found.counts.min() >= LEAST_IN_BIN
    [dots] = [mark for mark in many.panels()[0].marks if isinstance(mark, Dots)]
    assert all(low <= y <= high for low, y, high in zip(dots.low, dots.y, dots.high, strict=True))


@dataclass(frozen=True)
class Two(Display):
    made: bool = False

    @property
    def simulated(self) -> bool:
        return self.made

    def panels(self) -> list[Panel]:
        scale = Axis("x", 0, 1, ticks(0, 1))
        line = Line([0, 1], [0.2, 0.4], "line", "c0", [0.1, 0.3], [0.3, 0.5])
        return [Panel("one", scale, axis("y", [0, 0.5]), [line], "note")] * 2


def test_a_figure_is_saved_in_each_format_with_the_same_bytes(tmp_path: Path) -> None:
    first = Two(made=True).save(tmp_path / "a", ("png", "svg", "pdf"))
    again = Two(made=True).save(tmp_path / "b", ("png", "svg", "pdf"))
    for one, other in zip(first, again, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert "Simulated data" in str([t.get_text() for t in Two(made=True).figure().texts])
    with pytest.raises(SpecError, match="gif"):
        Two().save(tmp_path / "c", ("gif",))


def test_a_display_is_a_picture_in_a_notebook() -> None:
    curve = scaling(made("toy", n_prompts=30, n_models=4), n_boot=5).curves[0]
    for display in (Two(made=True), ScalingDisplay(curve)):
        assert display._repr_png_().startswith(b"\x89PNG")


def test_a_display_draws_onto_given_axes() -> None:
    from matplotlib.figure import Figure

    ax = Two().plot(Figure().add_subplot())
    assert {"line", "note"} <= {text.get_text() for text in ax.texts}
    assert (
        SavingsDisplay("saved", [("a", Estimate(0.2, 0.1, 0.3))]).plot().get_title("left")
        == "saved"
    )


def test_the_map_of_models_is_drawn_with_what_is_level_in_grey() -> None:
    ends = Interval(0.4, 0.6)
    row = ChampionRow(
        "arc<b>",
        50,
        [
            ModelScore(0.6, ends, True, False),
            ModelScore(0.5, ends, False, True),
            ModelScore(math.nan, Interval(math.nan, math.nan), False, False),
        ],
    )
    figure = ChampionDisplay(
        Champions("benchmark", NAMES[:3], [row], 0, 0), simulated=True
    ).figure()
    texts = {text.get_text(): text for text in figure.axes[0].texts}
    assert set(texts) == {"0.600", "0.500"}
    assert texts["0.600"].get_fontweight() == "bold"
    assert texts["0.500"].get_color() == "#777777"
