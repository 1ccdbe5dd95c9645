from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from routereval.errors import DataError
from routereval.records import Records
from routereval.studies.probes import FIELDS, SCORE, probes, spread
from tests.made import made

REAL = Path(__file__).parents[3] / "shared" / "data" / "mmlu_pro"


def test_probes_show_each_level_and_each_subset_in_proportion() -> None:
    rng = np.random.default_rng(0)
    subsets = np.repeat([0, 1, 2, 3], [100, 100, 100, 100])
    scores = (rng.random((400, 3)) < 0.5).astype(float)
    chosen = spread(scores, subsets, rng.integers(10, 99, 400), 80)
    assert len(np.unique(chosen)) == 80
    level = scores.sum(axis=1)
    for values in (level, subsets):
        for value in np.unique(values):
            expected = 80 * (values == value).mean()
            assert (values[chosen] == value).sum() == pytest.approx(expected, abs=4)
    assert level[chosen].mean() == pytest.approx(level.mean(), abs=0.06)


def test_all_prompts_can_be_probes_and_gaps_do_no_harm() -> None:
    records = made(n_prompts=40, texts=True, missing=0.3)
    assert (
        probes(records, 40).table["prompt_id"].to_list() == records.prompts["prompt_id"].to_list()
    )
    with pytest.raises(DataError, match="of 40 different prompts, 8 to all can be probes, not 41"):
        probes(records, 41)


def test_equal_prompts_are_asked_once() -> None:
    scores = np.tile(np.eye(2), (20, 1))
    texts = [f"prompt {row // 2}" for row in range(40)]
    records = Records.from_arrays("twice", scores, ["ann", "bob"], texts)
    found = probes(records, 10)
    assert found.n_prompts == 20
    assert found.table["text"].n_unique() == 10


def test_the_file_is_one_to_fill_in(tmp_path: Path) -> None:
    records = made(n_prompts=40, n_models=3, texts=True, n_subsets=2)
    found = probes(records, 8)
    for name, read in (("a.csv", pl.read_csv), ("a.parquet", pl.read_parquet)):
        table = read(found.write(tmp_path / name))
        assert table.columns == [*FIELDS, SCORE, *records.models]
        assert table[SCORE].null_count() == 8
        row = records.prompts["prompt_id"].to_list().index(table["prompt_id"][3])
        assert table.select(records.models).row(3) == tuple(records.dense()[row])
    assert pl.read_ndjson(found.write(tmp_path / "a.jsonl"))["text"].equals(found.table["text"])
    with pytest.raises(DataError, match=r"probes are written to \.csv"):
        found.write(tmp_path / "a.txt")


def test_models_may_not_be_called_as_the_other_columns() -> None:
    with pytest.raises(DataError, match="a model is called 'score'"):
        probes(Records.from_arrays("odd", np.eye(9)[:, :2], ["score", "bob"]), 8)


def test_one_model_shows_nothing_of_how_much_probes_tell() -> None:
    assert np.isnan(probes(Records.from_arrays("one", np.eye(9)[:, :1], ["ann"]), 8).error)


@pytest.mark.slow
@pytest.mark.skipif(not REAL.exists(), reason="the shared records are not there")
def test_probes_tell_more_than_random_prompts_on_real_records() -> None:
    from routereval.sources import open_records

    found = probes(open_records(REAL), 256)
    assert found.error < 0.95 * found.random_error
