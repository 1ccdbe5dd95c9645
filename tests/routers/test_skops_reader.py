"""What skops wrote is read alike with it and without it, and a decision loads nothing heavy."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from routereval.errors import DataError
from routereval.features import make_embedder
from routereval.routers import TrainedRouter, as_router, make_router, save_router
from routereval.routers.familiarity import Familiarity
from routereval.routers.persistence import _skops, _trusted, dump, restore
from routereval.routers.registry import on_cpu
from routereval.routers.saved_types import kind_of
from routereval.routers.skops_reader import CannotReadError, read_plain

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5)).astype(np.float32)
SCORES = (RNG.random((60, 3)) < 0.5).astype(np.float64)
COSTS = np.tile([0.01, 0.02, 0.03], (60, 1))
READ = {
    "features": X,
    "prompts": X,
    "origins": np.zeros((60, 2)),
    "truth": SCORES,
    "subset_means": SCORES,
}
BY_SKOPS_ALONE = {"gmm"}  # which keeps a mixture of scikit-learn


def plain(payload: bytes) -> Any:  # noqa: ANN401
    with zipfile.ZipFile(io.BytesIO(payload)) as held:
        return read_plain(held, lambda name: kind_of(name, ()))


def by_skops(payload: bytes) -> Any:  # noqa: ANN401
    return _skops().loads(payload, trusted=_trusted(payload, "it", ()))


@pytest.mark.parametrize("name", on_cpu())
def test_both_ways_to_read_a_router_agree(name: str) -> None:
    router = make_router(name)
    payload = dump(router.fit(READ[router.reads], SCORES, COSTS))
    if name in BY_SKOPS_ALONE:
        with pytest.raises(CannotReadError, match="sklearn"):
            plain(payload)
        return
    found, expected = plain(payload), by_skops(payload)
    assert type(found) is type(expected)
    assert dump(found) == dump(expected) == payload
    there = READ[router.reads]
    assert np.array_equal(found.predict_scores(there), expected.predict_scores(there))


def test_an_estimator_of_scikit_learn_is_left_to_skops() -> None:
    router = as_router(Ridge()).fit(X, SCORES)
    payload = dump(router)
    with pytest.raises(CannotReadError, match="sklearn"):
        plain(payload)
    assert np.array_equal(restore(payload).predict_scores(X), router.predict_scores(X))


def changed(payload: bytes, **values: object) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(payload)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "schema.json":
                data = json.dumps({**json.loads(data), **values}).encode()
            new.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        ("os", "system"),
        ("subprocess", "Popen"),
        ("routereval.routers.base", "Router"),
        ("routereval.routers.persistence", "Path"),
        ("routereval.routers.nothing", "Knn"),
        ("routereval.routers", "Knn"),
    ],
)
def test_no_class_is_made_that_is_not_registered(module: str, kind: str) -> None:
    payload = dump(make_router("knn(k=1)").fit(X, SCORES))
    forged = changed(payload, __module__=module, __class__=kind)
    with pytest.raises(CannotReadError):
        plain(forged)
    with pytest.raises(DataError, match="no registered router"):
        restore(forged)


@pytest.mark.parametrize("values", [{"__id__": None}, {"content": 3}, {"__loader__": "OddNode"}])
def test_a_damaged_file_is_left_to_skops_which_says_so(values: dict[str, object]) -> None:
    payload = changed(dump(make_router("knn(k=1)").fit(X, SCORES)), **values)
    try:
        found = restore(payload)
    except DataError:
        return
    assert type(found).__name__ == "Knn"  # what skops makes of it


@pytest.mark.parametrize("spec", ["knn", "linear", "best_single"])
def test_a_decision_of_a_fresh_process_loads_nothing_heavy(spec: str, tmp_path: Path) -> None:
    texts = [f"prove lemma {n}" if n % 2 else f"cite case {n}" for n in range(60)]
    embedder = make_embedder("tfidf(dims=4)").fit(texts)
    features = embedder.transform(texts)
    router = make_router(spec).fit(features, SCORES)
    known = Familiarity.of(features, embedder, texts)
    models = ("ann", "bob", "cat")
    trained = TrainedRouter(router, models, embedder, np.full(3, 0.01), {}, known)
    folder = save_router(trained, tmp_path / "router")
    code = f"""
import atexit, sys
atexit.register(lambda: print("LOADED", *{{m.partition(".")[0] for m in sys.modules}}))
sys.argv = ["routereval", "route", {str(folder)!r}, "prove it"]
from routereval.cli.main import main
main()
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own interpreter
    loaded = set(done.stdout.rpartition("LOADED ")[2].split())
    assert "numpy" in loaded
    assert not loaded & {"scipy", "sklearn", "skops", "polars", "matplotlib", "joblib"}
