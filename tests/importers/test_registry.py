"""Importers by name, recognition of a source, and imports that are whole or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from routereval.errors import DataError, RouterEvalError, SpecError
from routereval.importers import IMPORTERS, Importer, import_records, registry
from routereval.importers.registry import importer
from routereval.records import Draft, read_records


def neutral_folder(path: Path, benchmarks: str = "xy", best: float = 1.0) -> Path:
    """A neutral folder of two prompts per benchmark and two models."""
    path.mkdir(parents=True)
    ids = [f"{name}{row}" for name in benchmarks for row in range(2)]
    prompts = {"prompt_id": ids, "benchmark": [i[0] for i in ids], "prompt": ids}
    scores = {"prompt_id": ids, "m": [best, 0.0] * len(benchmarks), "n": [0.0] * len(ids)}
    pl.DataFrame(prompts).write_parquet(path / "prompts.parquet")
    pl.DataFrame(scores).write_parquet(path / "scores.parquet")
    return path


def test_formats_are_named_and_described() -> None:
    assert {"neutral", "routereval-raw", "routereval-dataset"} <= set(IMPORTERS)
    for name, found in IMPORTERS.items():
        assert name == found.name
        assert found.summary


def test_a_folder_is_recognised(tmp_path: Path) -> None:
    source = neutral_folder(tmp_path / "in")
    assert importer("auto", source).name == "neutral"
    assert importer("routereval-raw", source).name == "routereval-raw"
    raw = tmp_path / "raw" / "data" / "leaderboard_score" / "leaderboard_old.pkl"
    raw.parent.mkdir(parents=True)
    raw.touch()
    assert importer("auto", tmp_path / "raw").name == "routereval-raw"
    ready = tmp_path / "arc_router_dataset.pkl"
    ready.touch()
    assert importer("auto", ready).name == "routereval-dataset"


@pytest.mark.parametrize("name", list(IMPORTERS))
def test_nothing_recognises_what_is_not_there(name: str, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("no records")
    for path in (tmp_path, file, tmp_path / "nowhere", file / "below"):
        assert not IMPORTERS[name].recognise(path)


def test_an_unknown_format_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"unknown format 'neutrl'; did you mean 'neutral'\?"):
        import_records("neutrl", neutral_folder(tmp_path / "in"), tmp_path / "out")
    with pytest.raises(SpecError, match="known: aider, alpaca_eval, "):
        importer("none such", tmp_path)


@pytest.mark.parametrize("name", ["auto", *IMPORTERS])
def test_a_source_that_does_not_exist_is_told(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere does not exist; give a folder of records"):
        import_records(name, tmp_path / "nowhere", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_what_no_importer_recognises_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is an empty folder; known formats: neutral, "):
        importer("auto", tmp_path)
    (tmp_path / "results.bin").write_bytes(b"\0\1")
    with pytest.raises(DataError, match="is of no known format"):
        importer("auto", tmp_path)
    with pytest.raises(DataError, match=r"results\.bin is of no known format"):
        importer("auto", tmp_path / "results.bin")


@pytest.mark.parametrize("name", list(IMPORTERS))
def test_a_source_of_another_format_is_told(name: str, tmp_path: Path) -> None:
    file = tmp_path / "results.bin"
    file.write_bytes(b"\0\1")
    with pytest.raises(DataError):
        import_records(name, file, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_import_is_a_collection_on_disk(tmp_path: Path) -> None:
    imported = import_records("auto", str(neutral_folder(tmp_path / "in")), str(tmp_path / "out"))
    assert [records.name for records in imported] == ["x", "y"]
    assert [records.path for records in imported] == [tmp_path / "out" / n for n in "xy"]
    for records in imported:
        assert records.path is not None
        assert read_records(records.path).hash == records.hash
        assert records.dense().tolist() == [[1, 0], [0, 0]]


def test_an_import_replaces_only_what_it_may(tmp_path: Path) -> None:
    source, target = neutral_folder(tmp_path / "in"), tmp_path / "out"
    import_records("neutral", source, target)
    with pytest.raises(DataError, match="exists already"):
        import_records("neutral", source, target)
    import_records("neutral", neutral_folder(tmp_path / "z", "z"), target, overwrite=True)
    assert sorted(path.name for path in target.iterdir() if path.is_dir()) == ["z"]


def test_a_source_given_as_the_target_survives(tmp_path: Path) -> None:
    source = neutral_folder(tmp_path / "in")
    with pytest.raises(DataError, match="holds more than records"):
        import_records("neutral", source, source, overwrite=True)
    assert importer("auto", source).name == "neutral"


def test_an_import_that_fails_leaves_nothing(tmp_path: Path) -> None:
    source = neutral_folder(tmp_path / "in", best=100.0)
    with pytest.raises(DataError, match="--scale"):
        import_records("auto", source, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_options_reach_the_importer_or_are_refused(tmp_path: Path) -> None:
    source = neutral_folder(tmp_path / "in", best=100.0)
    (records, _) = import_records("auto", source, tmp_path / "out", scale="0,100")
    assert records.dense().tolist() == [[1, 0], [0, 0]]
    for name in ("routereval-raw", "routereval-dataset"):
        with pytest.raises(RouterEvalError, match=f"{name} takes no option 'rescale'"):
            import_records(name, source, tmp_path / "other", rescale=True)
    with pytest.raises(RouterEvalError, match="give it with --scale LOW,HIGH"):
        import_records("neutral", source, tmp_path / "other", rescale=True)


def test_an_importer_of_ones_own_is_recognised_before_the_plain_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path: Path) -> Iterator[Draft]:
        scores = np.loadtxt(path, delimiter=",", ndmin=2)
        prompts = pl.DataFrame({"prompt_id": [str(row) for row in range(len(scores))]})
        yield Draft(path.stem, [f"m{n}" for n in range(scores.shape[1])], scores, prompts)

    file = tmp_path / "results.grid"
    file.write_text("0,1\n1,1\n0,0\n")
    more = IMPORTERS.copy()
    monkeypatch.setattr(registry, "IMPORTERS", more)
    more.register(
        "grid",
        Importer("grid", "bare", lambda path: path.suffix == ".grid", read, {"a.grid": "0,1"}),
    )
    (records,) = import_records("auto", file, tmp_path / "out")
    assert records.dense().tolist() == [[0, 1], [1, 1], [0, 0]]
