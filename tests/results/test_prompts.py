from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import routereval as rv
from routereval.errors import DataError
from routereval.results import read_results
from routereval.results.prompts import MOST_TEXT, KeptPrompts
from routereval.studies.run import run
from tests.made import made


@pytest.fixture(scope="module")
def kept_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    records = made("one", n_prompts=50, n_models=4, costs=True, texts=True, n_subsets=2)
    folder = tmp_path_factory.mktemp("run") / "out"
    routers = ["best_single", "knn(k=5)"]
    run([records], routers, sizes=[3], groups=["all-strong"], out=folder, n_boot=20, n_jobs=1)
    return folder


def test_a_run_keeps_what_a_report_shows_of_prompts(kept_run: Path) -> None:
    results = read_results(kept_run)
    [cell, _] = results.cells
    kept = results.prompts[cell.records]
    outcome = results.outcomes[cell.key]
    records = made("one", n_prompts=50, n_models=4, costs=True, texts=True, n_subsets=2)
    assert kept.rows.tolist() == sorted(outcome.rows.tolist())
    assert kept.texts == tuple(records.prompts["text"][kept.rows.tolist()].to_list())
    assert set(kept.models) == set(cell.pool)
    truth = records.select(models=list(kept.models)).dense()[kept.rows]
    assert np.array_equal(kept.scores, truth.astype(np.float32))
    assert kept.costs is not None
    assert kept.costs.shape == kept.scores.shape
    assert kept.n_test == len(outcome.rows)


def test_it_keeps_predictions_and_shares_along_the_curve(kept_run: Path) -> None:
    results = read_results(kept_run)
    outcome = results.outcomes[results.of("knn(k=5)")[0].key]
    assert outcome.predicted is not None
    assert outcome.predicted.shape == (len(outcome.rows), 3)
    chosen = outcome.predicted.argmax(axis=1)
    assert (chosen == outcome.evidence.choice).mean() > 0.8  # but for ties, which cost decides
    curve = outcome.evidence.curve
    assert curve is not None
    assert curve.sent is not None
    assert curve.spent is not None
    assert np.allclose(curve.sent.sum(axis=1), 1)
    assert np.allclose(curve.spent.sum(axis=1), curve.points[0])


def test_prompts_not_kept_are_found_nowhere() -> None:
    kept = KeptPrompts(
        "b", np.array([2, 5]), ("x", "y"), ("", ""), np.arange(2), (None, "t"), ("m",),
        np.ones((2, 1), np.float32), None, 2,
    )  # fmt: skip
    assert kept.at(np.array([5, 3, 2, 9])).tolist() == [1, -1, 0, -1]


def test_prompts_round_trip_and_a_damaged_file_is_named(tmp_path: Path) -> None:
    odd = "<script>\x00\u202e" + "a" * 10
    kept = KeptPrompts(
        "b", np.array([0, 1]), (odd, "y"), ("s", ""), np.arange(2), (odd, None), ("m<b>", "長い"),
        np.array([[1, np.nan], [0.5, 0]], np.float32), None, 2,
    )  # fmt: skip
    file = tmp_path / "prompts" / "one.parquet"
    kept.save(file)
    again = KeptPrompts.load(file)
    assert (again.ids, again.texts, again.models) == (kept.ids, kept.texts, kept.models)
    assert np.array_equal(again.scores, kept.scores, equal_nan=True)
    file.write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match=r"one\.parquet: damaged"):
        KeptPrompts.load(file)


def test_what_is_kept_is_bounded() -> None:
    records = made("long", n_prompts=30, n_models=40)
    texts = [f"{row} " + "x" * 100_000 for row in range(30)]
    long = rv.Records.from_arrays(
        "long", records.dense(), records.models, texts, features=records.features["given"]
    )
    results = run([long], ["random"], sizes=[36], groups=["all-strong"], n_boot=10, n_jobs=1)
    [kept] = results.prompts.values()
    assert all(len(text or "") == MOST_TEXT for text in kept.texts)
    assert len(kept.models) == 32
    [outcome] = results.outcomes.values()
    assert outcome.predicted is None
