"""The simulated leaderboard: RouterEval's shape and level, repeatable to the byte, never half."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.records import Records, overview
from routereval.records.routereval import N_PROMPTS, REFERENCE, SUBSETS
from routereval.simulation import leaderboard
from routereval.simulation.benchmarks import BENCHMARKS
from routereval.simulation.item_response import (
    HABITS,
    Answers,
    Crowd,
    Questions,
    draw_crowd,
    skills_for,
)
from routereval.simulation.leaderboard import (
    N_DISTINCT,
    N_MODELS,
    answers_on,
    leaderboard_shapes,
    simulate_leaderboard,
)
from routereval.simulation.wording import SUBJECTS
from routereval.sources import open_source
from routereval.tasks.pool import GROUPS, Pool, chosen_models
from routereval.tasks.split import Split, split_rows

PUBLISHED = Path(__file__).parents[3] / "shared" / "reference" / "routereval_tables.csv"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("simulated") / "small"
    simulate_leaderboard(path, "small")
    return path


def named(path: Path) -> dict[str, Records]:
    return {records.name: records for records in open_source(path)}


def bytes_of(path: Path) -> dict[str, bytes]:
    files = (file for file in path.rglob("*") if file.is_file())
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


# Shape


def test_the_full_shape_is_routerevals() -> None:
    shapes = leaderboard_shapes()
    assert [shape.name for shape in shapes] == list(N_PROMPTS)
    for shape in shapes:
        assert sum(shape.sizes) == N_PROMPTS[shape.name]
        assert len(shape.models) == N_MODELS[shape.board]
        assert shape.subsets == SUBSETS[shape.board][shape.name]
        assert len(shape.subsets) == len(shape.sizes) == len(shape.options)
    of_board = {board: sum(sum(s.sizes) for s in shapes if s.board == board) for board in N_MODELS}
    assert of_board == {"old": 28_659, "new": 9_574, "mmlu_pro": 12_032}
    assert sum(n * N_MODELS[board] for board, n in of_board.items()) == 201_715_850


def test_some_subsets_are_as_large_as_published() -> None:
    mmlu = next(shape for shape in leaderboard_shapes() if shape.name == "mmlu")
    sizes = dict(zip(mmlu.subsets, mmlu.sizes, strict=True))
    assert sizes["harness_hendrycksTest_abstract_algebra_5"] == 100
    assert sizes["harness_hendrycksTest_professional_law_5"] == 1534
    assert sizes["harness_hendrycksTest_world_religions_5"] == 171


def test_the_leaderboards_share_some_models() -> None:
    models = {shape.board: set(shape.models) for shape in leaderboard_shapes()}
    assert len(set.union(*models.values())) == N_DISTINCT
    assert 0 < len(models["old"] & models["new"]) < 500
    assert models["mmlu_pro"] < models["new"]


def test_small_is_a_twentieth_of_it(small: Path) -> None:
    found = named(small)
    assert list(found) == list(N_PROMPTS)
    assert found["arc"].scores.shape == (59, 250)
    assert found["bbh"].n_models == 191
    assert found["mmlu_pro"].scores.shape == (602, 91)
    for shape in leaderboard_shapes("small"):
        records = found[shape.name]
        assert records.scores.shape == (sum(shape.sizes), len(shape.models))
        assert tuple(dict.fromkeys(records.prompts["subset"])) == shape.subsets
        assert min(shape.sizes) >= 2


def test_records_say_what_they_are(small: Path) -> None:
    for name, records in named(small).items():
        assert records.simulated
        assert records.reference == REFERENCE[name]
        assert records.meta["source"] == "simulated by routereval"
        assert records.meta["licence"] == "none: made data"
        assert records.kind == ("real" if name == "truthfulqa" else "binary")
        assert records.prompts["text"].null_count() == records.n_prompts
        assert set(records.prompts["subject"]) <= set(SUBJECTS)
        assert records.prompts["difficulty"].is_finite().all()
        assert all(model.startswith("sim-") for model in records.models)
        assert records.model_info.columns == ["model", "family", "params"]
        assert np.isfinite(records.dense()).all()


def test_chance_is_one_over_the_number_of_options(small: Path) -> None:
    found = {name: set(records.prompts["chance"]) for name, records in named(small).items()}
    assert found["mmlu"] == found["arc"] == {0.25}
    assert found["winogrande"] == {0.5}
    assert found["mmlu_pro"] == {0.1}
    assert found["musr"] == {1 / 2, 1 / 5, 1 / 3}
    assert found["gsm8k"] == found["ifeval"] == found["math"] == found["truthfulqa"] == {None}


def test_one_model_has_one_name_on_all_leaderboards(small: Path) -> None:
    found = named(small)
    old, new, pro = (found[name].model_info for name in ("arc", "bbh", "mmlu_pro"))
    assert found["mmlu"].models == found["gsm8k"].models
    assert set(pro["model"]) < set(new["model"])
    both = old.join(new, on="model")
    assert 0 < both.height < 30
    assert both["params"].equals(both["params_right"].rename("params"))
    assert old["family"].n_unique() < old.height / 3


# Bytes


def test_the_same_seed_is_the_same_bytes_whatever_the_block(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaderboard, "_BLOCK", 7)
    simulate_leaderboard(tmp_path / "again", "small")
    assert bytes_of(tmp_path / "again") == bytes_of(small)


def test_another_seed_is_another_leaderboard(small: Path, tmp_path: Path) -> None:
    simulate_leaderboard(tmp_path / "other", "small", seed=1)
    one, other = named(small), named(tmp_path / "other")
    assert all(one[name].hash != other[name].hash for name in one)


def test_models_may_be_drawn_in_any_order_and_alone() -> None:
    shape = leaderboard_shapes("small")[0]
    crowd = draw_crowd(np.random.default_rng(0), 428, len(SUBJECTS))
    one, two = (answers_on(shape, crowd, 0)[0] for _ in range(2))
    forward = [one.of(model).tobytes() for model in range(20)]
    assert [two.of(model).tobytes() for model in reversed(range(20))] == forward[::-1]


def test_the_demo_is_the_demo(tmp_path: Path) -> None:
    from routereval.simulation.demo import simulate_demo

    paths = simulate_leaderboard(tmp_path / "demo", "demo")
    draft, records = next(simulate_demo(0)), named(tmp_path / "demo")["arc"]
    assert [path.name for path in paths] == list(N_PROMPTS)
    assert np.array_equal(records.dense(), draft.scores)
    assert records.has_text
    assert records.costs is not None


# Whole or not at all


def test_progress_is_told_to_the_end(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    paths = simulate_leaderboard(
        tmp_path / "small", "small", progress=lambda *step: told.append(step)
    )
    ends = [(what, total) for what, done, total in told if done == total]
    assert ends == [(shape.name, len(shape.models)) for shape in leaderboard_shapes("small")]
    assert paths == [tmp_path / "small" / name for name in N_PROMPTS]


def test_what_is_there_is_only_replaced_when_told(small: Path) -> None:
    before = bytes_of(small)
    with pytest.raises(DataError, match="exists already"):
        simulate_leaderboard(small, "small", seed=1)
    assert bytes_of(small) == before


def test_a_scale_or_seed_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        SpecError, match=r"unknown scale 'ful'; did you mean 'full'.*demo, full, sm"
    ):
        simulate_leaderboard(tmp_path / "x", "ful")
    for scale in ("small", "demo"):
        with pytest.raises(SpecError, match="0 or more, not -1"):
            simulate_leaderboard(tmp_path / "x", scale, seed=-1)
    assert not list(tmp_path.iterdir())


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(what: str, done: int, total: int) -> None:
        if what == "mmlu":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_leaderboard(tmp_path / "x", "small", progress=interrupt)
    assert not list(tmp_path.iterdir())


_KILLED = """
import os, signal, sys
from routereval.simulation.leaderboard import simulate_leaderboard

def die(what, done, total):
    if what == "mmlu" and done > 64:
        os.kill(os.getpid(), signal.SIGKILL)

simulate_leaderboard(sys.argv[1], "small", progress=die)
"""


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL")
def test_a_killed_writer_leaves_nothing_that_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "x"
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(path)], check=False)  # noqa: S603
    assert killed.returncode == -signal.SIGKILL
    assert not path.exists()
    assert [child.name[0] for child in tmp_path.iterdir()] == ["."]
    simulate_leaderboard(path, "small")
    assert [child.name for child in tmp_path.iterdir()] == ["x"]


# Level


@pytest.mark.parametrize("name", list(N_PROMPTS))
def test_the_models_are_as_good_as_they_are_to_be(name: str, small: Path) -> None:
    records = named(small)[name]
    level, seen = BENCHMARKS[name].level, overview(records)
    noise = 4 * np.sqrt(0.25 / records.n_prompts)
    assert abs(seen.best - level.best) < noise + 0.02
    chance = float(records.prompts["chance"].fill_null(0.0).mean())  # type: ignore[arg-type]
    assert max(level.low, chance) - 0.05 < seen.mean < level.best
    assert seen.oracle > 0.85


@pytest.mark.parametrize("name", [n for n in BENCHMARKS if n not in {"truthfulqa", "musr", "math"}])
def test_the_best_model_is_near_the_reference(name: str) -> None:
    """In the others the published pools leave no model there, or several above it."""
    assert abs(BENCHMARKS[name].level.best - REFERENCE[name]) < 0.03


def pool_levels(records: Records) -> list[float]:
    """Mean score and oracle for m = 3 and 5, means over the groups of the faithful pools."""
    split = Split("faithful")
    rows, stream = split_rows(records, split)
    pools = {size: [Pool(group, size) for group in GROUPS] for size in (3, 5)}
    chosen = chosen_models(records, pools[3] + pools[5], split, rows, stream)
    found = []
    for size in (3, 5):
        models = [chosen[pool] for pool in pools[size]]
        dense = [records.select(models=m).dense() for m in models if not isinstance(m, DataError)]
        assert len(dense) == len(GROUPS)
        found.append(float(np.mean([scores.mean() for scores in dense])))
        found.append(float(np.mean([scores.max(axis=1).mean() for scores in dense])))
    return found


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published tables are not at hand")
def test_the_pools_have_about_the_published_level(small: Path) -> None:
    with PUBLISHED.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["router"] in {"Random", "Oracle"}]
    level = {
        (row["benchmark"].lower().replace("-", "_"), row["m"], row["router"]): float(row["mu"])
        for row in rows
    }
    apart = []
    for name, records in named(small).items():
        wanted = [level[name, m, router] for m in "35" for router in ("Random", "Oracle")]
        apart.append(np.subtract(pool_levels(records), wanted))
    assert np.abs(apart).mean() < 0.05
    assert np.abs(np.mean(apart)) < 0.03
    assert np.abs(apart).max() < 0.2


def test_strong_pools_beat_weak_ones_and_oracles_beat_both(small: Path) -> None:
    for records in named(small).values():
        mean_3, oracle_3, mean_5, oracle_5 = pool_levels(records)
        assert oracle_3 > mean_3 + 0.05
        assert oracle_5 > oracle_3 - 0.02
        assert abs(mean_3 - mean_5) < 0.15


# The model behind it


def crowd_of(n_models: int = 4000) -> Crowd:
    return draw_crowd(np.random.default_rng(0), n_models, len(SUBJECTS))


def questions_of(n_prompts: int = 3000, options: int = 4, **given: float) -> Questions:
    rng = np.random.default_rng(1)
    share = 1 / options if options else 0.0
    return Questions(
        subject=rng.integers(0, len(SUBJECTS), n_prompts),
        difficulty=rng.standard_normal(n_prompts),
        discrimination=np.exp(0.25 * rng.standard_normal(n_prompts)),
        guess=np.full(n_prompts, share),
        options=np.full(n_prompts, options),
        key=rng.integers(0, max(options, 1), n_prompts),
        **given,
    )


def stream(kind: str, key: int) -> np.random.Generator:
    return np.random.default_rng([2, ("model", "lineage").index(kind), key])


def everyone(
    crowd: Crowd, questions: Questions, skills: NDArray[np.float64], *, graded: bool = False
) -> NDArray[np.float64]:
    answers = Answers(crowd, questions, skills, stream, graded=graded)
    return np.array([answers.of(model) for model in range(len(skills))], dtype=np.float64)


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("options", [0, 4])
def test_models_score_what_they_are_calibrated_to(options: int, graded: bool) -> None:
    crowd, questions = crowd_of(200), questions_of(options=0 if graded else options)
    levels = np.linspace(0.3, 0.9, 200)
    scores = everyone(
        crowd, questions, skills_for(crowd, questions, levels, graded=graded), graded=graded
    )
    error = scores.mean(axis=1) - levels
    assert np.abs(error).max() < 0.06  # leans differ from model to model
    assert abs(error.mean()) < 0.01
    assert (scores.min(), scores.max()) == (0, 1) if not graded else scores.min() >= 0


def test_levels_below_guessing_become_guessing() -> None:
    crowd, questions = crowd_of(100), questions_of(options=4)
    scores = everyone(crowd, questions, skills_for(crowd, questions, np.full(100, 0.05)))
    assert abs(scores.mean() - 0.25) < 0.01


def test_near_duplicates_are_wrong_together() -> None:
    crowd, questions = crowd_of(), questions_of()
    line = np.flatnonzero(crowd.lineage == 0)
    near = line[crowd.closeness[line] > 0.95][:20]
    far = np.flatnonzero(crowd.lineage != 0)[:20]
    skills = skills_for(crowd, questions, np.full(4000, 0.6))
    answers = Answers(crowd, questions, skills, stream)

    def agreement(models: NDArray[np.int64]) -> float:
        scores = np.array([answers.of(int(model)) for model in models], dtype=float)
        return float(np.corrcoef(scores)[np.triu_indices(len(models), 1)].mean())

    assert len(near) == 20
    assert agreement(near) > 0.65
    assert agreement(far) < 0.5


def test_lineages_differ_in_size_and_share_what_they_have() -> None:
    crowd = crowd_of()
    sizes = np.bincount(crowd.lineage)
    assert sizes.max() > 10 * np.median(sizes)
    assert 0.3 < (crowd.closeness > 0.9).mean() < 0.37
    assert ((crowd.closeness >= 0) & (crowd.closeness <= 1)).all()
    near = crowd.closeness > 0.95
    first = crowd.lineage[near] == 0
    spread = crowd.ability[near][first].std() / crowd.ability.std()
    assert spread < 0.3
    assert (np.bincount(crowd.lineage, crowd.params) / np.maximum(sizes, 1)).max() <= 70


def test_larger_models_know_more() -> None:
    crowd = crowd_of()
    assert np.corrcoef(np.log(crowd.params), crowd.ability)[0, 1] > 0.2


@pytest.mark.parametrize(("habit", "option_bias"), [(0, 1.0), (3, 0.0), (3, 1.0), (2, 0.5)])
def test_a_guesser_with_a_favourite_is_right_where_it_is(habit: int, option_bias: float) -> None:
    crowd, questions = crowd_of(40), questions_of(options=4, option_bias=option_bias)
    crowd = replace(
        crowd,
        habit=np.full(40, habit),
        favourite=np.full(40, 2),
        closeness=np.zeros(40),
        leans=np.zeros((40, len(SUBJECTS))),
    )
    scores = everyone(crowd, questions, np.full(40, -50.0))
    often = option_bias * HABITS[habit]
    assert scores[:, questions.key == 2].mean() == pytest.approx(0.25 + 0.75 * often, abs=0.01)
    assert scores[:, questions.key != 2].mean() == pytest.approx(0.25 - 0.25 * often, abs=0.01)


def test_nobody_guesses_in_free_form() -> None:
    crowd, questions = crowd_of(20), questions_of(options=0, option_bias=1.0)
    assert everyone(crowd, questions, np.full(20, -50.0)).sum() == 0


def test_traps_make_guessers_agree_without_making_them_better() -> None:
    draw = leaderboard._around
    mean = np.full(20_000, 0.25)
    drawn = draw(np.random.default_rng(0), mean, 0.3)
    assert drawn.mean() == pytest.approx(0.25, abs=0.01)
    assert drawn.var() == pytest.approx(0.3 * 0.25 * 0.75, rel=0.05)
    assert draw(np.random.default_rng(0), mean, 0.0) is mean


def test_subsets_are_about_what_their_names_say() -> None:
    def about(subset: str) -> set[str]:
        return {SUBJECTS[at] for at in leaderboard._subjects(subset)}

    assert about("harness_hendrycksTest_college_physics_5") == {"physics"}
    assert about("harness_hendrycksTest_professional_law_5") == {"law"}
    assert about("gsm8k") == {"algebra", "counting"}
    assert about("something else") == set(SUBJECTS)


def test_a_model_that_suits_a_benchmark_is_best_there_only(small: Path) -> None:
    found = named(small)
    best = {overview(found[name]).best_model for name in ("arc", "hellaswag", "mmlu", "gsm8k")}
    assert len(best) > 1
    means = np.array([found[name].scores.means() for name in ("arc", "mmlu", "gsm8k")])
    assert np.corrcoef(means)[np.triu_indices(3, 1)].min() > 0.5
