from __future__ import annotations

import hashlib
import io
import json
import zipfile
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from routereval.errors import DataError
from routereval.routers import TrainedRouter, load_router, make_router, save_router
from routereval.routers.neighbours import Knn
from routereval.routers.persistence import dump, restore
from tests.routers.test_trained import MODELS, SCORES, TEXTS, trained


def test_a_loaded_router_decides_as_the_saved_one(tmp_path: Path) -> None:
    before = trained("linear", costs=(0.02, 0.04, np.nan))
    save_router(before, tmp_path / "mine")
    after = load_router(tmp_path / "mine")
    assert after.decide(TEXTS, 0.2) == before.decide(TEXTS, 0.2) or np.isnan(before.costs).any()
    assert [d.model for d in after.decide(TEXTS, 0.2)] == [
        d.model for d in before.decide(TEXTS, 0.2)
    ]
    assert np.array_equal(after.scores(TEXTS), before.scores(TEXTS))
    assert after.models == MODELS
    assert np.array_equal(after.costs, before.costs, equal_nan=True)
    assert repr(after.router) == repr(before.router)


def test_the_same_router_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        save_router(trained("linear"), tmp_path / name)
    for file in ("router.skops", "embedder.skops", "manifest.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_manifest_says_what_it_is(tmp_path: Path) -> None:
    save_router(trained(), tmp_path / "mine")
    held = json.loads((tmp_path / "mine" / "manifest.json").read_text())
    assert held["models"] == list(MODELS)
    assert held["costs"] == [0.02, 0.04, 0.0]
    assert set(held["written_with"]) == {"numpy", "scipy", "scikit-learn", "skops"}
    assert set(held["files"]) == {"router.skops", "embedder.skops"}


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    save_router(trained(), tmp_path / "mine")
    with pytest.raises(DataError, match="exists already"):
        save_router(trained(), tmp_path / "mine")
    save_router(trained("linear"), tmp_path / "mine", overwrite=True)
    assert repr(load_router(tmp_path / "mine").router) == "Linear()"
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("dear")
    with pytest.raises(DataError, match="something else"):
        save_router(trained(), tmp_path / "other", overwrite=True)
    assert (tmp_path / "other" / "notes.txt").read_text() == "dear"


def test_a_class_that_is_not_registered_is_neither_saved_nor_loaded(tmp_path: Path) -> None:
    foreign = trained()
    with pytest.raises(DataError, match=r"asks for .*Mine.*register"):
        save_router(
            TrainedRouter(Mine(k=1).fit(SCORES, SCORES), MODELS, None, foreign.costs),
            tmp_path / "a",
        )
    assert list(tmp_path.iterdir()) == []
    payload = dump(Mine(k=1).fit(SCORES, SCORES), [Mine])
    with pytest.raises(DataError, match=r"asks for .*Mine"):
        restore(payload)


def test_a_class_that_an_installed_package_declares_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points = [
        EntryPoint("mine", f"{__name__}:Mine", "routereval.routers"),
        EntryPoint("broken", "no_such_package:Router", "routereval.routers"),
    ]
    fitted = Mine(k=1).fit(SCORES, SCORES)
    payload = dump(fitted, [Mine])
    monkeypatch.setattr("routereval.registry.entry_points", lambda group: points)
    assert dump(fitted) == payload
    assert np.array_equal(restore(payload).predict_scores(SCORES), fitted.predict_scores(SCORES))


def test_no_code_runs_from_a_file_that_names_a_function() -> None:
    payload = changed(dump(Knn(k=1).fit(SCORES, SCORES)), '"Knn"', '"system"')
    payload = changed(payload, '"routereval.routers.neighbours"', '"os"')
    with pytest.raises(DataError, match=r"asks for os\.system"):
        restore(payload)


def test_what_another_version_saved_is_to_be_trained_again() -> None:
    payload = changed(dump(Knn(k=1).fit(SCORES, SCORES)), '"Knn"', '"Gone"')
    with pytest.raises(
        DataError,
        match=r"asks for routereval\.routers\.neighbours\.Gone, which "
        r"is no registered router or embedder of this version of routereval; train the router",
    ):
        restore(payload)


def test_what_scikit_learn_learned_is_kept() -> None:
    X = np.array([[0.0], [1.0], [2.0], [3.0]])
    fitted = LinearSVC().fit(X, [0, 0, 1, 1])
    assert np.array_equal(restore(dump(fitted)).predict(X), [0, 0, 1, 1])


@pytest.mark.parametrize("name", ["router.skops", "embedder.skops"])
def test_damaged_files_are_named(name: str, tmp_path: Path) -> None:
    folder = save_router(trained(), tmp_path / "mine")
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[:-9])
    with pytest.raises(DataError, match=rf"{name} is damaged"):
        load_router(folder)
    for payload in (b"", b"PK\x03\x04", whole[: len(whole) // 2], whole[9:]):
        with_sha(folder, name, payload)
        with pytest.raises(DataError, match=rf"{name} cannot be read"):
            load_router(folder)
    (folder / name).unlink()
    with pytest.raises(DataError, match=name):
        load_router(folder)


def test_compressed_files_are_refused(tmp_path: Path) -> None:
    folder = save_router(trained(), tmp_path / "mine")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("schema.json", "0" * 10**6)
    with_sha(folder, "router.skops", out.getvalue())
    with pytest.raises(DataError, match="compressed"):
        load_router(folder)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"schema": 1}', "[" * 10**5, '{"schema": 1, "models": 3, "files": {}}'],
)
def test_a_damaged_manifest_is_named(text: str, tmp_path: Path) -> None:
    folder = save_router(trained(), tmp_path / "mine")
    (folder / "manifest.json").write_text(text)
    with pytest.raises(DataError, match=r"manifest\.json"):
        load_router(folder)


def test_a_manifest_of_another_pool_or_version_is_refused(tmp_path: Path) -> None:
    folder = save_router(trained(), tmp_path / "mine")
    edit(folder, models=["euclid", "portia"], costs=[1, 2])
    with pytest.raises(DataError, match="not the one that the router was fitted on"):
        load_router(folder)
    edit(folder, schema=99)
    with pytest.raises(DataError, match="schema 99, this version reads 2; train"):
        load_router(folder)
    with pytest.raises(DataError, match="no trained router; make one"):
        load_router(tmp_path)


class Mine(Knn):
    """A router that nobody registered."""


def changed(payload: bytes, old: str, new: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(payload)) as held, zipfile.ZipFile(out, "w") as kept:
        for name in held.namelist():
            data = held.read(name)
            kept.writestr(
                name, data.replace(old.encode(), new.encode()) if name == "schema.json" else data
            )
    return out.getvalue()


def edit(folder: Path, **changes: Any) -> None:  # noqa: ANN401
    file = folder / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def with_sha(folder: Path, name: str, payload: bytes) -> None:
    (folder / name).write_bytes(payload)
    files = json.loads((folder / "manifest.json").read_text())["files"]
    edit(folder, files={**files, name: hashlib.sha256(payload).hexdigest()})


def test_make_router_is_what_is_saved() -> None:
    router = make_router("knn(k=3)").fit(SCORES, SCORES)
    assert repr(restore(dump(router))) == "Knn(k=3)"
