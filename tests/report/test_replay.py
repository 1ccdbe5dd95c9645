from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from routereval.report.replay_figure import replay_figure, save_replay
from routereval.studies.replay import Replay, Replays, replay
from tests.made import made


@pytest.fixture(scope="module")
def found() -> Replay:
    [one] = replay([made(n_prompts=200)], ["linucb"], pool="all-strong(size=3)", orders=3)
    return one


def shown(*found: Replay) -> str:
    return Replays(found).render("table", 120)


def notes(found: Replay) -> str:
    return " ".join(Replays([found]).document().notes)


def test_the_table_has_a_row_for_each(found: Replay) -> None:
    text = shown(found)
    assert "one: 160 prompts, 3 models" in text
    for name in ("linucb", "full information", "best single model", "random"):
        assert name in text
    [full] = [row for row in text.splitlines() if "full information †" in row]
    assert "±" not in full
    [learned] = [row for row in text.splitlines() if row.startswith("  linucb")]
    assert f"{found.lines[0].score.mean:.4f} ±" in learned
    assert learned.split()[-1] == ("yes" if found.lines[0].flattens else "no")


def test_notes_say_what_regret_is(found: Replay) -> None:
    assert "full information (linear)" in notes(found)
    assert "3 orders" in notes(found)
    assert "Simulated" not in notes(found)
    assert "Simulated" in notes(replace(found, simulated=True))
    assert "the oracle" in notes(replace(found, against="oracle"))


def test_a_panel_a_benchmark(found: Replay) -> None:
    figure = replay_figure([found, replace(found, benchmark="mmlu", simulated=True)])
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["one", "MMLU"]
    assert figure.get_suptitle().startswith("Simulated")
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert {"linucb", "full information", "best single model"} <= texts


def test_files_hold_all_numbers_and_are_the_same_again(found: Replay, tmp_path: Path) -> None:
    files = save_replay([found], tmp_path / "one")
    again = save_replay([found], tmp_path / "two")
    assert [file.name for file in files] == ["replay.json", "replay.png", "replay.svg"]
    assert [a.read_bytes() for a in files] == [b.read_bytes() for b in again]
    [read] = json.loads(files[0].read_text(encoding="utf-8"))
    assert read["benchmark"] == "one"
    assert read["lines"][0]["total"]["mean"] == found.lines[0].total.mean
    assert read["lines"][0]["curve"]["prompts"][-1] == 160
