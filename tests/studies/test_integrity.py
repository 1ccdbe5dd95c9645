"""Every check of integrity: two tampered submissions are found, honest ones pass."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from routereval.records import Draft, Records
from routereval.studies.choices import NONE
from routereval.studies.integrity import CHECKS, described, findings
from routereval.studies.referee import referee
from routereval.studies.ridge_choice import learned_choice
from routereval.studies.submission import JoinedSubmission, Submission, read_submissions
from tests.studies.submissions import HONEST, TAMPERED, made_records, submitted

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="module")
def records() -> Records:
    return made_records()


@pytest.mark.parametrize("name", sorted(HONEST))
def test_an_honest_submission_passes(name: str, records: Records) -> None:
    given, previous = HONEST[name](records)
    assert findings(given, records, previous) == ()


@pytest.mark.parametrize("name", sorted(TAMPERED))
def test_a_tampered_submission_is_found(name: str, records: Records) -> None:
    given, previous = TAMPERED[name](records)
    found = {one.check for one in findings(given, records, previous)}
    assert name.partition("-")[0] in found


def test_each_check_has_two_tampered_submissions() -> None:
    of = [name.partition("-")[0] for name in TAMPERED]
    assert {check: of.count(check) for check, _ in described()} == dict.fromkeys(
        [*CHECKS, "changed"], 2
    )
    assert len(TAMPERED) == 20
    assert len(HONEST) == 10


def test_a_router_that_reads_the_prompts_is_no_cheat(records: Records) -> None:
    code = np.zeros(records.n_prompts, np.int64)
    choice = learned_choice(records, records.dense(), code)
    assert findings(submitted(records, choice), records) == ()


def test_a_learned_router_reads_what_the_texts_tell() -> None:
    topic = np.arange(80) % 2
    texts = [f"{('algebra', 'law')[at]} number {n}" for n, at in enumerate(topic)]
    held = Records.from_arrays("two", np.eye(2)[topic], ["a", "b"], texts)
    assert (learned_choice(held, held.dense(), np.zeros(80, np.int64)) == topic).mean() > 0.95


def test_a_learned_router_cannot_see_its_own_fold() -> None:
    scores = np.random.default_rng(0).integers(0, 2, (200, 3)).astype(float)
    texts = [f"prompt {n} {n * 7} of its own" for n in range(200)]
    held = Records.from_arrays("noise", scores, ["a", "b", "c"], texts)
    choice = learned_choice(held, scores, np.zeros(200, np.int64))
    score = np.take_along_axis(scores, choice[:, None], axis=1).mean()
    assert abs(score - scores.mean()) < 0.12


def test_costs_are_recomputed_from_tokens_and_prices_where_records_have_none() -> None:
    records = made_records(costs=False)
    honest, _ = HONEST["costs"](records)
    assert findings(honest, records) == ()
    numbers = {**honest.numbers, "cost": honest.numbers["cost"] * 3}
    (found,) = findings(replace(honest, numbers=numbers), records)
    assert "3.00 times its recorded cost" in found.text


def test_of_two_rows_the_first_counts_and_unknown_ones_are_no_choice(records: Records) -> None:
    first = records.prompts["prompt_id"][0]
    given = Submission("r", (first, first, "nobody"), ("big", "small", "big"))
    held = JoinedSubmission.of(given, records)
    assert held.choice[0] == 0
    assert held.present.sum() == 1
    assert (held.choice[1:] == NONE).all()
    (found,) = [one for one in findings(given, records) if one.check == "prompts"]
    assert "239 of 240 prompts are missing" in found.text
    assert "1 are not in the records, as 'nobody'; 1 stand twice" in found.text


def test_files_are_read_as_they_were_written(tmp_path: Path, records: Records) -> None:
    ids = records.prompts["prompt_id"].to_list()[:3]
    wide = pl.DataFrame({"prompt_id": ids, "a": ["big", "small", "mini"], "note": ["x", "y", "z"]})
    wide.write_csv(tmp_path / "wide.csv")
    (one,) = read_submissions(tmp_path / "wide.csv", records)
    assert (one.router, one.models) == ("a", ("big", "small", "mini"))
    columns = {"router": ["p", "q", "p"], "model": ["big", "Small", None], "cost_usd": [1, 2, None]}
    pl.DataFrame({"task_id": ids, **columns}).write_csv(tmp_path / "long.csv")
    p, q = read_submissions(tmp_path / "long.csv", records, {"Small": "small"})
    assert (p.prompts, p.models, q.models) == ((ids[0], ids[2]), ("big", None), ("small",))
    assert np.array_equal(p.numbers["cost"], [1.0, np.nan], equal_nan=True)


def test_referee_prints_what_applies(tmp_path: Path, records: Records) -> None:
    given, _ = TAMPERED["outcomes-half"](records)
    table = pl.DataFrame({"prompt_id": given.prompts, "knowing": given.models})
    table.write_csv(tmp_path / "choices.csv")
    before = table.with_columns(knowing=pl.lit("small"))
    before.write_csv(tmp_path / "before.csv")
    found = referee(tmp_path / "choices.csv", records, previous=tmp_path / "before.csv", n_boot=50)
    assert [one.check for one in found.findings] == ["outcomes", "changed"]
    assert "what did it see of the outcomes (outcomes)." in found.render("markdown")


def test_referee_knows_training_texts(tmp_path: Path, records: Records) -> None:
    given, _ = HONEST["plain"](records)
    table = pl.DataFrame({"prompt_id": given.prompts, "r": given.models})
    table.write_csv(tmp_path / "choices.csv")
    records.save(tmp_path / "train")
    found = referee(tmp_path / "choices.csv", records, train=tmp_path / "train", n_boot=50)
    assert [one.text for one in found.findings] == [
        "240 of 240 test prompts are among its training texts"
    ]


def test_records_without_texts_and_costs_are_checked_as_far_as_they_go() -> None:
    scores = np.random.default_rng(1).integers(0, 2, (60, 2)).astype(float)
    prompts = pl.DataFrame({"prompt_id": [f"p{n}" for n in range(60)]})
    bare = Records.from_draft(Draft("bare", ["a", "b"], scores, prompts))
    choice = np.random.default_rng(2).integers(0, 2, 60)
    assert findings(submitted(bare, choice), bare) == ()


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared records")
def test_published_routers_out_of_distribution() -> None:
    folder = SHARED / "coderouterbench_ood176"
    found = referee(folder / "published_choices.parquet", folder, n_boot=20).findings
    assert {one.router for one in found if one.check == "outcomes"} == {"ACRouter_ours", "Oracle"}
