"""Whatever a user points at is opened, and what must be imported is imported once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl
import pytest

from routereval import sources
from routereval.errors import DataError
from routereval.importers import Importer, import_records
from routereval.records import Draft, Records, cache_folder
from routereval.records.folder import write_collection
from routereval.simulation import demo
from routereval.sources import open_records, open_source, select_models
from tests.importers.test_registry import neutral_folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROUTEREVAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The sources that the neutral importer has read."""
    seen: list[Path] = []
    drafts = Importer.drafts

    def counted(self: Importer, path: Path, **options: object) -> Iterator[Draft]:
        seen.append(path)
        return drafts(self, path, **options)

    monkeypatch.setattr(Importer, "drafts", counted)
    return seen


def names(found: list[Records]) -> list[str]:
    return [records.name for records in found]


def test_records_and_collections_are_opened_in_place(tmp_path: Path, cache: Path) -> None:
    imported = import_records("auto", neutral_folder(tmp_path / "in"), tmp_path / "out")
    assert names(open_source(tmp_path / "out")) == ["x", "y"]
    (records,) = open_source(str(tmp_path / "out" / "y"))
    assert records.hash == imported[1].hash
    assert open_records(tmp_path / "out" / "x").hash == imported[0].hash
    assert not cache.exists()


def test_open_records_refuses_several(tmp_path: Path) -> None:
    import_records("auto", neutral_folder(tmp_path / "in"), tmp_path / "out")
    with pytest.raises(DataError, match=r"holds 2 benchmarks \(x, y\); use open_source for all"):
        open_records(tmp_path / "out")


def test_open_records_opens_what_an_importer_finds(tmp_path: Path) -> None:
    records = open_records(neutral_folder(tmp_path / "in", "x"))
    assert records.name == "x"
    assert records.dense().tolist() == [[1, 0], [0, 0]]


def test_a_source_is_imported_once(tmp_path: Path, cache: Path, reads: list[Path]) -> None:
    source = neutral_folder(tmp_path / "in")
    first, second = open_source(source), open_source(source)
    assert names(first) == names(second) == ["x", "y"]
    assert [r.hash for r in first] == [r.hash for r in second]
    assert reads == [source]
    assert all(r.path is not None and r.path.is_relative_to(cache / "imports") for r in first)


def test_a_source_that_changed_is_imported_again(
    tmp_path: Path, cache: Path, reads: list[Path]
) -> None:
    source = neutral_folder(tmp_path / "in", "x")
    before = open_records(source).dense()
    file = source / "scores.parquet"
    pl.read_parquet(file).with_columns(n=pl.lit(0.5)).write_parquet(file)
    os.utime(file, ns=(1, 1))
    after = open_records(source).dense()
    assert reads == [source, source]
    assert before.tolist() == [[1, 0], [0, 0]]
    assert after.tolist() == [[1, 0.5], [0, 0.5]]


def test_a_source_with_a_new_file_is_imported_again(
    tmp_path: Path, cache: Path, reads: list[Path]
) -> None:
    source = neutral_folder(tmp_path / "in", "x")
    assert open_records(source).costs is None
    costs = pl.read_parquet(source / "scores.parquet")
    costs.write_parquet(source / "costs.parquet")
    assert open_records(source).costs is not None
    assert len(reads) == 2


def test_what_another_process_imported_meanwhile_is_taken(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = neutral_folder(tmp_path / "in", "x")
    expected = open_records(folder).hash
    (kept,) = (cache / "imports").iterdir()
    theirs = kept.rename(tmp_path / "theirs")
    write = write_collection

    def slowly(drafts: Iterable[Draft], path: Path) -> list[Path]:
        def all_but_written() -> Iterator[Draft]:
            yield from drafts
            theirs.rename(path)

        return write(all_but_written(), path)

    monkeypatch.setattr(sources, "write_collection", slowly)
    assert open_records(folder).hash == expected
    assert not theirs.exists()
    assert list((cache / "imports").iterdir()) == [kept]


def test_two_sources_of_one_name_do_not_meet(tmp_path: Path, cache: Path) -> None:
    one = open_records(neutral_folder(tmp_path / "1" / "in", "x"))
    two = open_records(neutral_folder(tmp_path / "2" / "in", "y"))
    assert (one.name, two.name) == ("x", "y")
    assert open_records(tmp_path / "1" / "in").name == "x"


def test_a_source_may_be_given_from_where_it_lies(
    tmp_path: Path, cache: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = neutral_folder(tmp_path / "in", "x")
    monkeypatch.chdir(source)
    assert open_records(".").hash == open_records(source).hash
    monkeypatch.chdir(tmp_path)
    assert open_records("in").hash == open_records(source).hash


def test_an_import_that_failed_leaves_nothing_in_the_cache(tmp_path: Path, cache: Path) -> None:
    source = neutral_folder(tmp_path / "in", best=7.0)
    for _ in range(2):
        with pytest.raises(DataError, match="--scale"):
            open_source(source)
    assert list((cache / "imports").iterdir()) == []


@pytest.mark.parametrize("what", ["nowhere", "an empty folder", "a file", "\0"])
def test_what_cannot_be_opened_is_told(what: str, tmp_path: Path, cache: Path) -> None:
    (tmp_path / "an empty folder").mkdir()
    (tmp_path / "a file").write_text("no records")
    with pytest.raises(DataError):
        open_source(tmp_path / what)
    with pytest.raises(DataError):
        open_records(tmp_path / what)
    assert not cache.exists()


def test_the_cache_is_where_the_user_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUTEREVAL_CACHE", "/here")
    monkeypatch.setenv("XDG_CACHE_HOME", "/there")
    assert cache_folder() == Path("/here")
    monkeypatch.delenv("ROUTEREVAL_CACHE")
    assert cache_folder() == Path("/there/routereval")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "routereval"


def test_tests_have_a_cache_of_their_own(shared_cache: Path) -> None:
    assert cache_folder() == shared_cache


def test_the_demo_is_simulated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_source("demo")
    assert len(first) == 12
    assert all(records.simulated for records in first)

    def again(**_: object) -> None:
        raise AssertionError("the demo was simulated again")

    monkeypatch.setattr(demo, "simulate_demo", again)
    second = open_source("demo")
    assert [records.hash for records in second] == [records.hash for records in first]


def test_the_results_of_a_run_are_no_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("demo", "out"):
        (tmp_path / name).mkdir()
        for file in ("results.jsonl", "run.json"):
            (tmp_path / name / file).write_text("{}\n", encoding="utf-8")
    assert len(open_source("demo")) == 12  # after `run demo -o demo` the demo is what it was
    with pytest.raises(DataError, match=r"out holds the results of a run.*routereval show out"):
        open_source("out")


def test_a_folder_named_demo_is_not_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    neutral_folder(tmp_path / "demo", "x")
    monkeypatch.chdir(tmp_path)
    assert names(open_source("demo")) == ["x"]


def test_models_are_chosen_and_left_out_by_name() -> None:
    one = Records.from_arrays("one", [[1, 0, 1], [0, 1, 1]], ["a", "b", "c"])
    two = Records.from_arrays("two", [[1], [0]], ["d"])
    [found] = select_models([one, two], ["c", "a"])
    assert (found.name, found.models) == ("one", ("a", "c"))
    assert [r.models for r in select_models([one, two], without=["b"])] == [("a", "c"), ("d",)]
    with pytest.raises(DataError, match="unknown model 'aa'; did you mean 'a'"):
        select_models([one, two], ["aa"])
    with pytest.raises(DataError, match="no model is left"):
        select_models(two, without=["d"])
