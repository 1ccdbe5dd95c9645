from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from routereval.errors import DataError
from routereval.records import Records
from routereval.routers import TrainedRouter, load_router
from routereval.routers.shrinkage import Gain
from routereval.studies.extend import extend
from routereval.studies.probes import probes
from routereval.studies.train import train

TEXTS = ("prove the lemma of rings", "cite the statute of fraud")


@pytest.fixture(scope="module")
def records() -> Records:
    """The first model proves, the second cites, `new` does both, `worse` does neither."""
    rng = np.random.default_rng(0)
    kind = rng.integers(2, size=160)
    skill = np.stack([0.7 - 0.5 * kind, 0.2 + 0.5 * kind, 0 * kind + 0.97, 0 * kind + 0.03], axis=1)
    scores = (rng.random(skill.shape) < skill).astype(float)
    texts = [f"{TEXTS[which]}, case {row}" for row, which in enumerate(kind)]
    costs = np.broadcast_to([0.01, 0.02, 0.03, 0.04], scores.shape)
    names = ["ann", "bob", "new", "worse"]
    return Records.from_arrays("kinds", scores, names, texts, costs=costs)


@pytest.fixture(scope="module")
def routers(records: Records) -> dict[str, TrainedRouter]:
    return {spec: train(records, spec, ["ann", "bob"]) for spec in ("auto", "knn(k=5)")}


def filled(records: Records, model: str, k: int = 40) -> pl.DataFrame:
    """The probes that are chosen without the new models, with the scores of one."""
    found = probes(records.select(models=["ann", "bob"]), k).table
    column = records.dense()[:, records.models.index(model)]
    scores = dict(zip(records.prompts["prompt_id"], column, strict=True))
    return found.with_columns(pl.Series("score", [scores[one] for one in found["prompt_id"]]))


@pytest.mark.parametrize("spec", ["auto", "knn(k=5)"])
def test_a_better_model_is_taken_and_a_worse_one_is_not(
    spec: str, records: Records, routers: dict[str, TrainedRouter], tmp_path: Path
) -> None:
    better = extend(routers[spec], "new", filled(records, "new"), (1.0, 2.0))
    assert better.sure
    assert better.chosen >= 20
    assert better.step is not None
    assert better.step.mean > 0
    assert better.trained.models == ("ann", "bob", "new")
    better.trained.save(tmp_path / "router")
    again = load_router(tmp_path / "router")
    assert again.decide(list(TEXTS)) == better.trained.decide(list(TEXTS))
    assert again.certificate == better.certificate
    worse = extend(routers[spec], "worse", filled(records, "worse"), (1.0, 2.0))
    assert (worse.sure, worse.chosen) == (False, 0)
    assert len(routers[spec].models) == 2  # it was left as it was


def test_the_certificate_is_the_old_gain_and_that_of_the_new_model(
    records: Records, routers: dict[str, TrainedRouter]
) -> None:
    before = routers["auto"].certificate
    assert before is not None
    assert before.risk is not None
    better = extend(routers["auto"], "new", filled(records, "new"), (1.0, 2.0))
    after, step = better.certificate, better.step
    assert after is not None
    assert step is not None
    assert after.gain == before.gain + step.mean
    assert after.high - after.low > before.high - before.low
    assert (after.risk, after.n, after.fallback) == (None, 40, before.fallback)
    assert any("the risk: at most 0.002" in clause for clause in after.unknown)
    assert set(after.prices) == {"ann", "bob", "new"}
    worse = extend(routers["auto"], "worse", filled(records, "worse"), (1.0, 2.0)).certificate
    assert worse is not None
    assert (worse.gain, worse.risk) == (before.gain, before.risk)
    assert worse.low == pytest.approx(before.low)


def test_without_the_scores_of_the_known_models_the_certificate_is_void(
    records: Records, routers: dict[str, TrainedRouter]
) -> None:
    bare = filled(records, "new").select("text", "score")
    found = extend(routers["knn(k=5)"], "new", bare)
    assert found.certificate is None is found.trained.certificate
    assert "without their scores on the probes nothing says" in found.void
    assert np.isnan(found.lead)
    assert np.isnan(found.usd)
    assert any("neither a price nor a column cost" in clause for clause in found.unknown)
    with pytest.raises(DataError, match="auto learns a new model by comparison"):
        extend(routers["auto"], "new", bare)


def test_costs_are_as_recorded_or_from_tokens_or_estimated(
    records: Records, routers: dict[str, TrainedRouter]
) -> None:
    table = filled(records, "new")
    tokens = table.with_columns(tokens_in=pl.lit(100), tokens_out=pl.lit(50))
    assert extend(routers["auto"], "new", tokens, (1.0, 2.0)).usd == pytest.approx(200e-6)
    paid = table.with_columns(cost=pl.lit(0.5))
    recorded = extend(routers["auto"], "new", paid, (1.0, 2.0))
    assert recorded.usd == 0.5
    assert recorded.trained.costs[-1] == 0.5
    guessed = extend(routers["auto"], "new", table, (4.0, 0.0))
    assert guessed.usd == pytest.approx(np.ceil(table["text"].str.len_chars() / 4).mean() * 4e-6)
    assert any("one taken for 4 characters" in clause for clause in guessed.unknown)


def test_known_models_that_the_new_one_dominates_are_named(
    records: Records, routers: dict[str, TrainedRouter]
) -> None:
    found = extend(routers["auto"], "new", filled(records, "new"), (0.0, 0.0))
    assert found.dominated == (("ann", "new"), ("bob", "new"))
    dear = extend(routers["auto"], "new", filled(records, "new").with_columns(cost=pl.lit(1.0)))
    assert dear.dominated == ()


def test_a_table_that_does_not_do_says_why(
    records: Records, routers: dict[str, TrainedRouter], tmp_path: Path
) -> None:
    table, router = filled(records, "new"), routers["knn(k=5)"]
    few = table.with_columns(pl.when(pl.int_range(40) < 7).then(pl.col("score")).alias("score"))
    for wrong, sentence in (
        (table.drop("score"), "no column score or new; routereval probes"),
        (table.drop("text"), "no column text"),
        (table.with_columns(score=pl.lit(2.0)), "a score is from 0 to 1, not 2"),
        (table.with_columns(ann=pl.lit(-1.0)), "column ann: a score is from 0 to 1, not -1"),
        (table.with_columns(score=pl.lit("good")), "column score holds something else"),
        (few, "holds 7 scores of prompts with a text; a new model is known by 8"),
        (tmp_path / "none.csv", "there is no such file"),
        (tmp_path / "none.txt", r"scores are read from \.csv"),
    ):
        with pytest.raises(DataError, match=sentence):
            extend(router, "new", wrong)
    (tmp_path / "bad.parquet").write_bytes(b"no table")
    with pytest.raises(DataError, match="is no Parquet file of scores"):
        extend(router, "new", tmp_path / "bad.parquet")
    with pytest.raises(DataError, match="the router has 'ann' already"):
        extend(router, "ann", table)
    own = table.rename({"score": "new"})
    assert extend(router, "new", own).score == extend(router, "new", table).score


def test_a_second_model_is_added_to_the_first(
    records: Records, routers: dict[str, TrainedRouter]
) -> None:
    once = extend(routers["auto"], "new", filled(records, "new"), (1.0, 2.0)).trained
    table = filled(records, "worse")
    never_taken = extend(once, "worse", table)  # the scores of `new` are not in this table
    assert (never_taken.chosen, never_taken.step) == (0, Gain(0.0, 0.0, 0, 40))
    twice = extend(once, "worse", table.with_columns(new=filled(records, "new")["score"]))
    assert twice.trained.models == ("ann", "bob", "new", "worse")
    assert [one["model"] for one in twice.trained.about["extended"]] == ["new", "worse"]
    held = twice.certificate
    assert held is not None
    assert any("mean score of new beyond" in clause for clause in held.unknown)
    assert any("mean score of worse beyond" in clause for clause in held.unknown)
    assert {d.model for d in twice.trained.decide(list(TEXTS))} <= {"ann", "bob", "new"}


def test_categories_of_the_table_are_known_of_the_probes(records: Records, tmp_path: Path) -> None:
    kinds = ["1" if text.startswith("prove") else "2" for text in records.prompts["text"]]
    named = replace(records, prompts=records.prompts.with_columns(subset=pl.Series(kinds)))
    router = train(named, "auto(known=subset)", ["ann", "bob"])
    table = filled(named, "worse")
    table.write_csv(tmp_path / "filled.csv")
    assert pl.read_csv(tmp_path / "filled.csv")["subset"].dtype == pl.Int64
    of_file = extend(router, "worse", tmp_path / "filled.csv", (1.0, 2.0)).trained
    of_table = extend(router, "worse", table, (1.0, 2.0)).trained
    known = {"subset": ["1", "2"]}
    assert of_file.decide(list(TEXTS), known=known) == of_table.decide(list(TEXTS), known=known)
    assert [d.model for d in of_file.decide(list(TEXTS), known=known)] == ["ann", "bob"]


def test_routers_that_cannot_take_a_model_say_so(records: Records) -> None:
    table = filled(records, "new")
    for spec, sentence in (
        ("random", "this router draws its models"),
        ("elo", "cannot take models"),
    ):
        with pytest.raises(DataError, match=sentence):
            extend(train(records, spec, ["ann", "bob"]), "new", table)
