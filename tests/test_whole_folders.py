"""Folders take their place whole: no moment at which a stop loses both the old and the new."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from routereval.errors import DataError
from routereval.records import Records
from routereval.records.folder import read_collection, write_collection
from routereval.routers import load_router, save_router
from routereval.sources import open_source
from routereval.whole_files import whole_file, write_whole
from routereval.whole_folders import restored, whole_folder
from tests.made import made
from tests.routers.test_trained import trained

DEAD = 2**22 + 1  # above what Linux gives to a process


def stopped(path: Path, old: bool, part: bool = True) -> None:
    """As a writer leaves a folder that was killed between its two renames, or before them."""
    if old:
        path.rename(path.with_name(f".{path.name}.{DEAD}.old"))
    if part:
        (path.with_name(f".{path.name}.{DEAD}.part")).mkdir()


def names(folder: Path) -> list[str]:
    return sorted(child.name for child in folder.iterdir())


def test_what_was_to_be_replaced_is_back_even_if_the_next_writer_fails(tmp_path: Path) -> None:
    path = tmp_path / "out"
    write_collection([made("old", n_prompts=4, n_models=2)], path)
    stopped(path, old=True)

    def failing() -> Iterator[Records]:
        yield made("new", n_prompts=4, n_models=2)
        raise DataError("broken source")

    with pytest.raises(DataError, match="broken source"):
        write_collection(failing(), path, overwrite=True)
    assert [records.name for records in read_collection(path)] == ["old"]
    assert names(tmp_path) == ["out"]
    write_collection([made("new", n_prompts=4, n_models=2)], path, overwrite=True)
    assert [records.name for records in read_collection(path)] == ["new"]
    assert names(tmp_path) == ["out"]


def test_a_reader_is_told_of_the_old_copy(tmp_path: Path) -> None:
    path = save_router(trained("knn(k=2)"), tmp_path / "mine")
    stopped(path, old=True, part=False)
    for opened in (load_router, open_source):
        with pytest.raises(DataError, match=rf"\.mine\.{DEAD}\.old is the old one"):
            opened(path)
    assert names(tmp_path) == [f".mine.{DEAD}.old"]


def test_an_old_folder_does_not_replace_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "out"
    write_collection([made("new", n_prompts=4, n_models=2)], path)
    (tmp_path / f".out.{DEAD}.old").mkdir()
    restored(path)
    assert [records.name for records in read_collection(path)] == ["new"]
    assert names(tmp_path) == ["out"]


def test_a_router_that_was_to_be_replaced_is_back(tmp_path: Path) -> None:
    path = save_router(trained("knn(k=2)"), tmp_path / "mine")
    stopped(path, old=True)
    with pytest.raises(DataError, match="exists already"):
        save_router(trained("linear"), path)
    assert repr(load_router(path).router) == "Knn(k=2)"
    save_router(trained("linear"), path, overwrite=True)
    assert repr(load_router(path).router) == "Linear()"
    assert names(tmp_path) == ["mine"]


@pytest.mark.parametrize("at", range(8))
def test_whenever_it_stops_one_of_both_is_whole(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop at each step of replacing a folder, after which nothing of this process runs."""
    path = save_router(trained("knn(k=2)"), tmp_path / "mine")
    steps = 0

    class Stopped(BaseException):
        pass

    def stopping(step: Callable[..., object]) -> Callable[..., object]:
        def stepped(*arguments: object, **more: object) -> object:
            nonlocal steps
            steps += 1
            if steps > at:
                raise Stopped
            return step(*arguments, **more)

        return stepped

    for owner, step in ((Path, "rename"), (os, "fsync"), (Path, "mkdir")):
        monkeypatch.setattr(owner, step, stopping(getattr(owner, step)))
    monkeypatch.setattr("routereval.whole_folders.shutil.rmtree", stopping(lambda *_, **__: None))
    with suppress(Stopped):
        save_router(trained("linear"), path, overwrite=True)
    monkeypatch.undo()
    for child in tmp_path.iterdir():  # the process is dead, so that its number is another's
        child.rename(child.with_name(child.name.replace(str(os.getpid()), str(DEAD))))
    restored(path)
    assert repr(load_router(path).router) in {"Knn(k=2)", "Linear()"}
    assert names(tmp_path) == ["mine"]


def test_all_is_on_the_disk_before_it_is_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    rename = Path.rename

    def named(here: Path, to: Path) -> Path:
        done.append(f"named: {to.name}")
        return rename(here, to)

    def flushed(number: int) -> None:
        done.append(f"on disk: {Path(f'/proc/self/fd/{number}').readlink().name}")

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(Path, "rename", named)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_text("old")
    with whole_folder(tmp_path / "out", overwrite=True) as part:
        (part / "sub").mkdir()
        (part / "sub" / "b").write_text("new")
    old = f".out.{os.getpid()}.old"
    hidden = f".out.{os.getpid()}.part"
    assert done == [
        *(f"on disk: {name}" for name in (hidden, "b", "sub")),
        *(f"named: {name}" for name in (old, "out")),
        f"on disk: {tmp_path.name}",
    ]
    assert names(tmp_path / "out") == ["sub"]


def test_records_are_on_the_disk_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    folder = Records.save(made("toy", n_prompts=4, n_models=2), tmp_path / "toy")
    assert len(synced) == len(names(folder)) + 2  # its files, its names, its own name


def test_a_file_takes_its_place_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    write_whole(path, "old \ud800")
    with suppress(RuntimeError), whole_file(path) as part:
        part.write_text("ne")
        raise RuntimeError
    assert path.read_text("utf-8") == "old \\ud800"
    with whole_file(path) as part:
        part.write_text("new")
    assert [file.name for file in tmp_path.iterdir()] == ["table.json"]
    assert path.read_text("utf-8") == "new"
