"""What stands beside a score: axes, trials, judges, versions; kept by all that moves records."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from routereval.errors import DataError
from routereval.importers import import_records
from routereval.records import Draft, Records, overview, read_records
from routereval.records.axes import axis_of
from routereval.records.export import export_records
from routereval.records.merge import merge_records
from routereval.records.trials import Trials, trials_of_counts
from routereval.records.versions import with_version
from routereval.tasks.mix import mix

NAN = float("nan")
MODELS = ["a", "b [effort=low]"]
RUNS = np.array([[[1, 0], [1, 1], [0, NAN]], [[0, 0], [1, 0], [NAN, NAN]]], dtype=np.float64)
LATENCY = np.array([[120.0, NAN], [80, 90], [1, 2]])


def draft(name: str = "toy") -> Draft:
    """Three prompts, two models, everything that may stand beside a score."""
    alone = np.array([[NAN] * 2, [NAN] * 2, [NAN, 1.0]])  # one cell is a single score
    means = Trials.of(RUNS).means()
    scores = np.where(np.isnan(means), alone, means)
    prompts = pl.DataFrame(
        {
            "prompt_id": ["q0", "q1", "q2"],
            "subset": [name] * 3,
            "text": ["one?", "two?", "three?"],
            "chance": pl.Series([None] * 3, dtype=pl.Float64),
        }
    )
    info = pl.DataFrame({"model": MODELS, "base_model": ["a", "b"], "effort": [None, "low"]})
    return Draft(
        name,
        MODELS,
        scores,
        prompts,
        info,
        axes={"latency_ms": LATENCY, "tokens_in": LATENCY + 1, "api_calls": LATENCY},
        trials=RUNS,
        judge="man",
        judges={"machine/v1": np.array([[1, 0], [0, 1], [1, NAN]])},
        version="2026-11-01",
        versions={"2026-10-01": np.array([[0.5, 0], [0, 1], [1, 1]])},
        signals={"length": LATENCY},
    )


@pytest.fixture(scope="module")
def records() -> Records:
    return Records.from_draft(draft())


@pytest.fixture(scope="module")
def saved(records: Records, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return records.save(tmp_path_factory.mktemp("axes") / "toy")


def assert_same(one: Records, other: Records) -> None:
    assert one.models == other.models
    assert np.array_equal(one.dense(), other.dense(), equal_nan=True)
    for held in ("axes", "signals"):
        ours, theirs = getattr(one, held), getattr(other, held)
        assert set(ours) == set(theirs)
        for name, values in ours.items():
            assert np.array_equal(values, theirs[name], equal_nan=True), name
    for held in ("judges", "versions"):
        ours, theirs = getattr(one, held), getattr(other, held)
        assert list(ours) == list(theirs)
        for name, matrix in ours.items():
            assert np.array_equal(matrix.dense(), theirs[name].dense(), equal_nan=True), name
    assert one.trials is not None
    assert other.trials is not None
    assert one.trials.numbered == other.trials.numbered
    assert np.array_equal(one.trials.scores(), other.trials.scores(), equal_nan=True)
    assert (one.judge, one.version) == (other.judge, other.version)
    for column in ("base_model", "effort"):
        assert one.model_info[column].to_list() == other.model_info[column].to_list()


def test_counts_are_of_right_ones_and_of_runs(records: Records) -> None:
    trials = records.trials
    assert trials is not None
    assert (trials.kind, trials.shape, trials.n_runs()) == ("binary", (2, 3, 2), 9)
    assert trials.right.tolist() == [[1, 0], [2, 1], [0, 0]]
    assert trials.runs.tolist() == [[2, 2], [2, 2], [1, 0]]
    assert trials.right.dtype == trials.runs.dtype == np.int64
    few = trials.select(np.array([1, 0]), np.array([1]))
    assert few.right.tolist() == [[1], [0]]
    assert trials.run(1, models=np.array([0])).ravel().tolist()[:2] == [0, 1]


def test_real_valued_trials_are_summed() -> None:
    trials = Trials.of(np.array([[[0.25]], [[0.5]], [[NAN]]]))
    assert trials.kind == "real"
    assert (trials.right.tolist(), trials.runs.tolist()) == ([[0.75]], [[2]])


def test_numbers_of_right_runs_become_runs_that_are_not_numbered() -> None:
    runs = trials_of_counts(np.array([[2.0, 0]]), np.array([[3, 1]]))
    assert np.nansum(runs, axis=0).tolist() == [[2, 0]]
    assert (~np.isnan(runs)).sum(axis=0).tolist() == [[3, 1]]
    assert not Trials.of(runs, numbered=False).numbered


def test_they_are_saved_mapped_and_hashed(records: Records, saved: Path) -> None:
    opened = read_records(saved)
    assert_same(records, opened)
    assert opened.trials is not None
    assert isinstance(opened.trials.matrix.words.base, np.memmap)  # type: ignore[union-attr]
    assert isinstance(opened.axes["latency_ms"].base, np.memmap)
    files = json.loads((saved / "manifest.json").read_text())["files"]
    written = {"trials.npy", "trials-observed.npy", "axis-latency_ms.npy", "judge-0.npy"}
    assert written | {"judge-0-observed.npy", "version-0.npy"} <= set(files)
    assert set(files) == {file.name for file in saved.iterdir()} - {"manifest.json"}
    assert overview(opened) == overview(records)


@pytest.mark.parametrize("name", ["trials.npy", "axis-latency_ms.npy", "judge-0.npy"])
def test_a_file_that_was_changed_or_lost_is_told(
    name: str, records: Records, tmp_path: Path
) -> None:
    folder = records.save(tmp_path / "toy")
    payload = bytearray((folder / name).read_bytes())
    payload[-1] ^= 1
    (folder / name).write_bytes(payload)
    with pytest.raises(DataError, match=rf"{name}: damaged"):
        read_records(folder)
    (folder / name).unlink()
    with pytest.raises(DataError, match=rf"{name}: damaged"):
        read_records(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"trials": {"n": 0, "numbered": True}},
        {"trials": {"n": 3, "numbered": True}},
        {"trials": [2]},
        {"axes": ["../escape"]},
        {"axes": ["tokens_none"]},
        {"judges": ["a", "a"]},
        {"judge": 3},
        {"versions": "2026"},
    ],
)
def test_a_manifest_that_says_something_else_is_told(
    change: dict[str, object], records: Records, tmp_path: Path
) -> None:
    file = records.save(tmp_path / "toy") / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(DataError, match="damaged"):
        read_records(file.parent)


def test_a_selection_keeps_them(records: Records) -> None:
    one = records.select(prompts=[1, 0], models=["b [effort=low]"])
    assert one.axes["latency_ms"].tolist() == [[90, pytest.approx(NAN, nan_ok=True)]]
    assert one.trials is not None
    assert one.trials.right.tolist() == [[1], [0]]
    assert one.judges["machine/v1"].dense().ravel().tolist() == [1, 0]
    assert one.versions["2026-10-01"].dense().ravel().tolist() == [1, 0]


def test_a_merge_keeps_them_and_fills_up(records: Records) -> None:
    (alone,) = merge_records([[records]])
    assert_same(records, Records.from_draft(alone))
    parts = [records.select(prompts=[0]), records.select(prompts=[1, 2]), records]
    (united,) = merge_records([[part] for part in parts])
    assert_same(records, Records.from_draft(united))


def test_sources_of_two_judges_are_not_merged(records: Records) -> None:
    other = records.scored_by("machine/v1")
    with pytest.raises(DataError, match="judge 'man', of another of 'machine/v1'"):
        list(merge_records([[records], [other]]))


def test_another_measurement_is_kept_as_a_version(records: Records, tmp_path: Path) -> None:
    then = records.select(prompts=[2, 0], models=["b [effort=low]"])
    (kept,) = with_version([records], [then], "2026-09-01")
    scores = kept.checked().versions["2026-09-01"]
    assert np.isnan(scores[:, 0]).all()
    assert np.array_equal(scores[:, 1], [0, NAN, 1], equal_nan=True)
    assert_same(records, replace(Records.from_draft(kept), versions=records.versions))
    for date, sentence in (("soon", "is no date"), ("2026-10-01", "already")):
        with pytest.raises(DataError, match=sentence):
            list(with_version([records], [then], date))
    with pytest.raises(DataError, match="no cell was measured in both"):
        list(with_version([records], [replace(then, name="other")], "2026-09-01"))


def test_a_stream_keeps_them(records: Records) -> None:
    stream = mix([records, Records.from_draft(draft("other"))])
    assert stream.trials is not None
    assert stream.trials.right.tolist() == [[1, 0], [2, 1], [0, 0]] * 2
    assert stream.axes["api_calls"].shape == (2, 6)
    assert list(stream.judges) == ["machine/v1"]


def test_the_neutral_folder_keeps_them(records: Records, tmp_path: Path) -> None:
    folder = export_records([records], tmp_path / "out", "neutral")
    (back,) = import_records("neutral", folder, tmp_path / "in")
    assert_same(records, back)


def test_trials_without_numbers_stay_so(records: Records, tmp_path: Path) -> None:
    runs = records.trials
    assert runs is not None
    counted = replace(records, trials=replace(runs, numbered=False))
    (back,) = import_records(
        "neutral", export_records([counted], tmp_path / "out", "neutral"), tmp_path / "in"
    )
    assert_same(counted, back)


def test_another_judge_and_another_date_take_the_place_of_the_scores(records: Records) -> None:
    other = records.scored_by("machine/v1")
    assert (other.judge, list(other.judges), other.trials) == ("machine/v1", ["man"], None)
    assert other.dense()[1].tolist() == [0, 1]
    assert np.array_equal(other.scored_by("man").dense(), records.dense(), equal_nan=True)
    assert records.scored_by("man") is records
    before = records.at("2026-10-01")
    assert before.dense()[0].tolist() == [0.5, 0]
    assert (list(before.versions), before.axes, before.trials) == (["2026-11-01"], {}, None)
    with pytest.raises(DataError, match=r"unknown judge 'machina'.*machine/v1, man"):
        records.scored_by("machina")
    with pytest.raises(DataError, match=r"unknown version '2020'"):
        records.at("2020")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"axes": {"latency_ms": -LATENCY}}, "latency_ms of prompt 'q0' with 'a' is -120"),
        ({"axes": {"a/b": LATENCY}}, "'a/b' names no axis"),
        ({"axes": {"tokens_in": LATENCY[:2]}}, "tokens_in is 2 × 2"),
        ({"trials": RUNS[0]}, "trials is 3 × 2"),
        ({"trials": RUNS * 2}, "trials: score 2 lies outside"),
        ({"trials": RUNS[:1]}, "the score is 0.5, and the mean of its 1 trials 1"),
        ({"judges": {"x": LATENCY}}, "judge 'x': score 120 lies outside"),
        ({"versions": {"2026-01-01": RUNS[0][:1]}}, "2026-01-01 is 1 × 2"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        replace(draft(), **change).checked()


def test_columns_are_known_by_their_usual_names() -> None:
    assert axis_of("Completion_Tokens") == ("tokens_out", 1)
    assert axis_of("latency_s") == ("latency_ms", 1000)
    assert axis_of("latency") is None


REAL = Path(__file__).parents[3] / "shared" / "data"


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="the real records are not here")
def test_the_axes_of_real_sets(tmp_path: Path) -> None:
    """Anchors: 27.5 % of cells are neither 0/5 nor 5/5; one trial's oracle .747; a rerun's sd ~2.2;
    10.7 % of cells flip between two snapshots."""
    (records,) = import_records("auto", REAL / "terminal_bench_core_trials", tmp_path / "tb")
    trials = records.trials
    assert trials is not None
    assert (trials.shape, trials.kind, trials.n_runs()) == ((5, 80, 13), "binary", 5200)
    mixed = (trials.right > 0) & (trials.right < trials.runs)
    assert mixed.mean() == pytest.approx(0.275, abs=5e-4)
    runs = trials.scores()
    assert runs.max(axis=2).mean() == pytest.approx(0.747, abs=6e-4)
    assert runs.sum(axis=1).std(axis=0, ddof=1).mean() == pytest.approx(2.2, abs=0.1)
    assert {"latency_ms", "tokens_in", "tokens_out"} == set(records.axes)
    bfcl = import_records("auto", REAL / "bfcl_2024_08", tmp_path / "bfcl")
    pairs = [(one.dense(), one.at("2024-07-25").dense()) for one in bfcl]
    flips = [(now != then)[~np.isnan(then)] for now, then in pairs]
    assert np.concatenate(flips).mean() == pytest.approx(0.107, abs=5e-4)
    for name in ("coderouterbench_id_test", "coderouterbench_ood176"):
        for one in import_records("auto", REAL / name, tmp_path / name):
            assert {"tokens_in", "tokens_out"} <= set(one.axes)
            assert ("latency_ms" if name.endswith("id_test") else "api_calls") in one.axes
            assert one.costs is not None
