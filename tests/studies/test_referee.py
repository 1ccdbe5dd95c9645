"""Published routers, scored from their choices beside every constant."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.records import Records
from routereval.studies.choices import NONE, read_choices
from routereval.studies.claims import read_claims
from routereval.studies.joined_choices import out_of_fold, shuffled
from routereval.studies.referee import Judgement, referee
from routereval.studies.token_costs import repriced
from tests.service import Answer, Body, Service, running
from tests.studies.submissions import made_records

MODELS = ("big", "small", "mini")
SHARED = Path(__file__).parents[3] / "shared" / "data"


def records(n: int = 120, seed: int = 0) -> Records:
    """Three models; on even prompts small is right more often, on odd ones big is."""
    rng = np.random.default_rng(seed)
    rate = np.where(np.arange(n)[:, None] % 2 == 0, [0.3, 0.9, 0.2], [0.9, 0.2, 0.1])
    scores = (rng.random((n, 3)) < rate).astype(float)
    costs = np.tile([0.10, 0.01, 0.001], (n, 1))
    return Records.from_arrays("made", scores, MODELS, costs=costs)


def wide(folder: Path, held: Records, **routers: NDArray[np.int64]) -> Path:
    """A table of choices with a column per router."""
    columns = {name: [MODELS[place] for place in chosen] for name, chosen in routers.items()}
    path = folder / "choices.csv"
    pl.DataFrame({"prompt_id": held.prompts["prompt_id"], **columns}).write_csv(path)
    return path


def by_parity(held: Records) -> NDArray[np.int64]:
    return np.where(np.arange(held.n_prompts) % 2 == 0, 1, 0)


def judged(folder: Path, **routers: NDArray[np.int64]) -> Judgement:
    held = records()
    return referee(wide(folder, held, **routers), held)


def test_scores_and_costs_are_those_of_the_models_chosen(tmp_path: Path) -> None:
    held = records()
    choice = by_parity(held)
    found = judged(tmp_path, parity=choice).entry("parity", "router")
    rows = np.arange(held.n_prompts)
    assert held.costs is not None
    assert found.score == pytest.approx(held.dense()[rows, choice].mean())
    assert found.cost == pytest.approx(float(held.costs.T[rows, choice].sum()))
    assert (found.n_models, found.top_share) == (2, 0.5)


def test_every_model_stands_beside_them_as_a_constant(tmp_path: Path) -> None:
    found = judged(tmp_path, parity=by_parity(records()))
    means = dict(zip(MODELS, records().dense().mean(axis=0), strict=True))
    assert {one.name: one.score for one in found.constants} == pytest.approx(means)
    assert found.best_constant == max(means, key=lambda name: means[name])
    assert {one.name for one in found.entries if one.kind == "control"} == {
        *("oracle", "best_single", "random")
    }


def test_recorded_costs_are_held_against_tokens_and_prices(tmp_path: Path) -> None:
    assert repriced(records()) == ""
    assert repriced(made_records(costs=False)) == ""
    held = made_records()
    assert repriced(held) == "100.0 % of the recorded costs are tokens × prices"
    assert held.costs is not None
    dear = replace(held, costs=held.costs * np.array([[2.0], [1.0], [1.0]]))
    assert repriced(dear) == (
        "66.7 % of the recorded costs are tokens × prices; big costs 2.00 times that"
    )
    table = pl.DataFrame({"prompt_id": held.prompts["prompt_id"], "r": ["big", "small"] * 120})
    table.write_csv(tmp_path / "choices.csv")
    notes = referee(tmp_path / "choices.csv", dear, n_boot=20).notes
    assert "big costs 2.00 times that" in notes[-1]


def test_a_control_is_learned_out_of_fold(tmp_path: Path) -> None:
    topic = np.arange(60) % 2
    texts = [f"{('algebra', 'law')[at]} number {n}" for n, at in enumerate(topic)]
    held = Records.from_arrays("two", np.eye(3)[topic], MODELS, texts)
    path = wide(tmp_path, held, coin=np.random.default_rng(0).integers(0, 2, 60))
    found = referee(path, held, controls=["knn(k=3)"], n_boot=20)
    assert found.entry("knn(k=3)", "control").score > 0.95
    noise = np.random.default_rng(1).integers(0, 2, (60, 3)).astype(float)
    lost = Records.from_arrays("two", noise, MODELS, texts)
    score = referee(path, lost, controls=["knn(k=3)"], n_boot=20).entry("knn(k=3)", "control").score
    assert score < noise.mean() + 0.2
    with pytest.raises(SpecError, match="reads features or texts, not truth"):
        referee(path, held, controls=["oracle"])
    with pytest.raises(DataError, match="needs the text of every prompt"):
        referee(wide(tmp_path, records(), coin=by_parity(records())), records(), controls=["knn"])


def test_a_constant_that_is_not_listed_is_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    found = judged(tmp_path, coin=rng.integers(0, 3, 120), other=rng.integers(1, 3, 120))
    text = found.render("table")
    assert "Not listed is the constant" in text
    assert "scores higher than all of them" in text


def test_a_listed_constant_is_not_called_unlisted(tmp_path: Path) -> None:
    held = records()
    best = int(held.dense().mean(axis=0).argmax())
    rng = np.random.default_rng(1)
    found = judged(tmp_path, always=np.full(120, best), coin=rng.integers(0, 3, 120))
    assert MODELS[best] not in {one.name for one in found.unlisted}


def test_a_router_that_reads_the_prompt_is_told_from_its_shuffled_self(tmp_path: Path) -> None:
    held = records()
    rng = np.random.default_rng(3)
    found = judged(tmp_path, parity=by_parity(held), coin=rng.permutation(by_parity(held)))
    parity, coin = (found.entry(name, "router").shuffled for name in ("parity", "coin"))
    assert parity is not None
    assert coin is not None
    assert parity.score == pytest.approx(coin.score)
    assert parity.p < 1e-6
    assert coin.p > 0.01


def test_shuffling_has_the_mean_and_spread_of_random_permutations() -> None:
    rng = np.random.default_rng(5)
    scores, part = rng.random((60, 3)), np.repeat([0, 1], [40, 20])
    choice = rng.integers(-1, 3, 60)
    padded = np.column_stack([scores, np.zeros(60)])
    drawn = []
    for _ in range(4000):
        dealt = choice.copy()
        for code in (0, 1):
            dealt[part == code] = rng.permutation(dealt[part == code])
        drawn.append(padded[np.arange(60), dealt].mean())
    found = shuffled(scores, choice, part)
    own = padded[np.arange(60), choice].mean()
    assert found.score == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / 4000**0.5)
    assert found.p == pytest.approx((np.array(drawn) >= own).mean(), abs=0.03)


def test_what_chooses_best_on_every_prompt_is_a_control(tmp_path: Path) -> None:
    held = records()
    found = judged(tmp_path, hindsight=held.dense().argmax(axis=1), parity=by_parity(held))
    assert [one.name for one in found.routers] == ["parity"]
    assert found.entry("hindsight", "control").against is None


def test_the_sentences_of_one_router_name_it(tmp_path: Path) -> None:
    held = records()
    text = " ".join(judged(tmp_path, parity=by_parity(held)).render("table", 2000).split())
    assert "): parity beats it (5 %)." in text
    assert "parity chooses better than its choices dealt at random (5 %)." in text
    worst = np.full(120, 2)
    worst[:3] = 1
    text = judged(tmp_path, poor=worst).render("table", 2000)
    assert "): poor loses to it (5 %)." in text
    assert "poor is not shown to choose better than its choices dealt at random" in text


def test_who_knows_the_answers_is_not_called_a_constant(tmp_path: Path) -> None:
    text = judged(tmp_path, hindsight=records().dense().argmax(axis=1)).render("table", 2000)
    assert "Every router that is listed chooses a best model on every prompt." in text
    assert "The best constant is " in text
    assert "is a constant;" not in text


def test_a_prompt_without_a_choice_scores_nothing_and_is_told(tmp_path: Path) -> None:
    held, choice = records(), by_parity(records())
    names = [None if row < 30 else MODELS[place] for row, place in enumerate(choice)]
    path = tmp_path / "choices.csv"
    pl.DataFrame({"prompt_id": held.prompts["prompt_id"], "parity": names}).write_csv(path)
    found = referee(path, held)
    right = held.dense()[np.arange(120), choice][30:].sum() / 120
    assert found.entry("parity", "router").score == pytest.approx(right)
    assert any("no scored model on 30 of 120 prompts: 0 there" in note for note in found.notes)


def test_costs_that_are_no_numbers_are_left_out_and_noted(tmp_path: Path) -> None:
    held = records()
    rows = [f"{one},big,{'$1' if row else -1}" for row, one in enumerate(held.prompts["prompt_id"])]
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(["prompt_id,model,cost", *rows]))
    found = referee(path, held)
    note = "mine.csv: 'cost' holds no number from 0 on in 120 rows, as '-1'; left out"
    assert note in found.notes
    assert found.entry("mine", "router").cost == pytest.approx(120 * 0.10)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "prompt_id,model,model\nmade/0,big,mini\n"),
        ("a.json", '[{"prompt_id": "made/0", "model": "big", "model": "mini"}]'),
        ("a.jsonl", '{"prompt_id": "made/0", "model": "big", "model": "mini"}'),
    ],
)
def test_two_models_under_one_name_are_refused(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(
        DataError, match=r"'model'.*(stands twice|give each its own name)|two columns"
    ):
        referee(tmp_path / name, records())


def test_names_of_models_can_be_given(tmp_path: Path) -> None:
    held = records()
    path = tmp_path / "mine.jsonl"
    lines = [{"task_id": one, "chosen_model": "Big"} for one in held.prompts["prompt_id"]]
    path.write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(DataError, match=r"'Big' on 120 prompts.*hold no scores.*'big'"):
        referee(path, held)
    found = referee(path, held, aliases={"Big": "big"})
    assert found.entry("mine", "router").score == pytest.approx(held.dense()[:, 0].mean())


def test_an_unscored_model_counts_nothing_and_is_named(tmp_path: Path) -> None:
    held = records()
    names = ["big"] * 100 + ["strange"] * 20
    path = tmp_path / "mine.csv"
    pl.DataFrame({"prompt_id": held.prompts["prompt_id"], "model": names}).write_csv(path)
    found = referee(path, held)
    assert any("'strange' on 20 prompts" in note for note in found.notes)
    assert found.entry("mine", "router").score == pytest.approx(held.dense()[:100, 0].sum() / 120)


def arena(folder: Path, name: str, models: list[str], scores: list[float]) -> None:
    lines = [
        {
            "global index": f"Set_{n}",
            "prompt": "?",
            "prediction": model,
            "generated_result": {"generated_answer": "A"},
            "cost": 0.001,
            "accuracy": score,
            "for_optimality": False,
        }
        for n, (model, score) in enumerate(zip(models, scores, strict=True))
    ]
    other = {**lines[0], "prediction": "z", "accuracy": 1.0, "for_optimality": True}
    (folder / f"{name}.json").write_text(json.dumps([*lines, other]))


def test_files_that_hold_their_scores_need_no_records(tmp_path: Path) -> None:
    arena(tmp_path, "fixed", ["a"] * 40, [1.0] * 20 + [0.0] * 20)
    arena(tmp_path, "mixed", ["a", "b"] * 20, [0.0] * 40)
    found = referee(tmp_path)
    assert found.entry("fixed", "router").score == 0.5
    assert found.entry("mixed", "router").score == 0.0
    assert [one.name for one in found.constants] == ["a"]  # nobody called b on every prompt
    assert any("answers of models that were not chosen" in note for note in found.notes)


def test_files_without_scores_ask_for_records(tmp_path: Path) -> None:
    held = records()
    with pytest.raises(DataError, match=r"'model'|says no scores"):
        referee(wide(tmp_path, held, parity=by_parity(held)))


def test_a_prompt_that_stands_twice_is_refused(tmp_path: Path) -> None:
    held = records()
    path = wide(tmp_path, held, parity=by_parity(held))
    table = pl.read_csv(path)
    pl.concat([table, table.head(1)]).write_csv(path)
    with pytest.raises(DataError, match="chooses twice on prompt"):
        read_choices(path, held)


def test_columns_that_name_no_models_are_left_out_and_told(tmp_path: Path) -> None:
    held = records()
    path = wide(tmp_path, held, parity=by_parity(held))
    pl.read_csv(path).with_columns(note=pl.lit("x"), n=1).write_csv(path)
    found = read_choices(path, held)
    assert found.routers == ("parity",)
    assert any("no choices in note, n" in note for note in found.notes)
    assert (found.choice != NONE).all()


def test_out_of_fold_choices_never_see_their_own_group() -> None:
    scores = np.zeros((40, 2))
    scores[:, 0] = 0.4
    scores[0:2, 1] = 1.0  # two equal prompts, which would make model 1 look better than it is
    group = np.concatenate([[0, 0], np.arange(1, 39)])
    assert out_of_fold(scores, np.zeros(40, np.int64), group)[:2].tolist() == [0, 0]


def test_published_figures_are_held_against_the_files(tmp_path: Path) -> None:
    found = judged(tmp_path, parity=by_parity(records()))
    own = found.entry("parity", "router")
    path = tmp_path / "table.csv"
    path.write_text(
        f"Method,AvgPerf%,$Total\nParity,{own.score:.2%},{own.cost:.2f}\n"
        f"parity,{own.score + 0.02:.2%},{own.cost:.2f}\nother,50.0,1.0\n"
    )
    right, wrong, missing = read_claims(path, found.entries)
    assert right.score_holds
    assert right.cost_holds
    assert not wrong.score_holds
    assert wrong.cost_holds
    assert missing.entry == ""


def test_a_judgement_prints_at_eighty_columns(tmp_path: Path) -> None:
    text = judged(tmp_path, parity=by_parity(records())).render("table", 80)
    assert max(len(line) for line in text.splitlines()[4:30] if "•" not in line) <= 80
    assert "always big" in text


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.exists(), reason="real choices are not here")
def test_published_choices_of_a_coding_benchmark() -> None:
    folder = SHARED / "coderouterbench_id_test"
    found = referee(folder / "published_choices.parquet", folder)
    first = found.routers[0]
    assert (first.name, round(first.score, 4), round(first.cost, 2)) == ("ACRouter", 0.5014, 22.31)
    assert not found.rivals["dimension_best"].significant


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.exists(), reason="real choices are not here")
def test_a_published_table_leaves_out_a_constant() -> None:
    folder = SHARED / "coderouterbench_ood176"
    text = referee(folder / "published_choices.parquet", folder).render("table")
    assert "Not listed is the constant gpt-5.4 (64.20 % at $18.27)" in text
    assert "all of them but ACRouter_ours" in text


def by_number(body: Body) -> Answer:
    """Even prompts go to small, odd ones to what the service calls its largest."""
    number = int(body["messages"][0]["content"].split()[-1])
    return 200, {}, {"model": "small" if number % 2 == 0 else "their-largest"}


@pytest.fixture
def endpoint() -> Iterator[Service]:
    with running(by_number) as made:
        yield made


def test_a_running_router_is_asked_and_judged(
    endpoint: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    held = records(30)
    texts = [f"prompt {i}" for i in range(30)]
    asked = Records.from_arrays("made", held.dense(), MODELS, texts=texts)
    found = referee(endpoint.url, asked, aliases={"their-largest": "big"}, n_boot=20)
    rows = np.arange(30)
    score = found.entry("127.0.0.1", "router").score
    assert score == pytest.approx(held.dense()[rows, by_parity(held)].mean())
    assert "30 prompts were sent to 127.0.0.1" in found.notes[0]
    assert not any("Authorization" in headers for _, headers, _ in endpoint.asked)
    with pytest.raises(DataError, match="their-largest"):
        referee(endpoint.url, asked, n_boot=20)
    with pytest.raises(DataError, match="needs records"):
        referee(endpoint.url)
    with pytest.raises(DataError, match="prompts without"):
        referee(endpoint.url, held)
