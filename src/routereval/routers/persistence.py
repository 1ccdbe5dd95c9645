"""Trained routers on disk: what they learned by skops, what they are in a manifest.

A folder holds ``router.skops``, ``embedder.skops`` and ``familiarity.skops`` (unless the router
reads texts) and ``manifest.json``: the pool, expected costs, specs, versions and the sha256 of
these files. Nothing is ever unpickled. skops builds plain values, arrays of numpy and scipy and the
few inner parts of scikit-learn that it trusts; of other classes only scikit-learn's estimators and
those of `saved_types` are let in: the registered routers and embedders, or those that an installed
package declares, with the small records that they keep.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, SpecError
from routereval.features import Embedder, make_embedder
from routereval.regular_files import read_whole
from routereval.routers.base import Router
from routereval.routers.familiarity import Familiarity
from routereval.routers.networked import allowed_hosts, permit
from routereval.routers.registry import make_router
from routereval.routers.router_manifest import MANIFEST, manifest_bytes, read_manifest
from routereval.routers.saved_types import (
    ADAPTERS,
    EXTENDED,
    HOMES,
    allowed_types,
    full_name,
    is_estimator,
    kind_of,
    types_of_others,
)
from routereval.routers.skops_archive import opened, refuse_calls, unreadable
from routereval.routers.skops_reader import CannotReadError, read_plain
from routereval.whole_folders import restored, whole_folder

PARTS = _ROUTER, _EMBEDDER, _FAMILIARITY = "router.skops", "embedder.skops", "familiarity.skops"
_PACKAGE = __name__.partition(".")[0]
_EPOCH = (1980, 1, 1, 0, 0, 0)
_SCHEMA = "schema.json"
_LARGEST = 1 << 33


class Parts(NamedTuple):
    """What a trained router is made of, in the order of the fields of `TrainedRouter`."""

    router: Router
    models: tuple[str, ...]
    embedder: Embedder | None
    costs: NDArray[np.float64]
    about: Mapping[str, Any]
    familiarity: Any


def save_parts(trained: Parts, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write the parts of a trained router to a folder, by the rules of `save_router`.

    Raises:
        DataError: if the folder exists and is not to be overwritten, or holds something else; or
            if the router keeps state of a class that `load_router` would refuse.
    """
    path = Path(path).absolute()
    restored(path)
    if path.exists() and any(path.iterdir() if path.is_dir() else [path]):
        if not (path / MANIFEST).is_file():
            raise DataError(f"{path} holds something else than a router; choose another folder")
        if not overwrite:
            raise DataError(f"{path} exists already; choose another folder, or --overwrite it")
    files = {_ROUTER: dump(trained.router)}
    if trained.embedder is not None:
        files[_EMBEDDER] = dump(trained.embedder)
    if trained.familiarity is not None:
        files[_FAMILIARITY] = dump(trained.familiarity)
    manifest = manifest_bytes(trained.models, trained.costs, trained.about, files)
    with whole_folder(path, overwrite=True) as part:
        for name, payload in {**files, MANIFEST: manifest}.items():
            (part / name).write_bytes(payload)
    return path


def load_parts(path: str | Path, allow_network: Sequence[str] = ()) -> Parts:
    """Read the parts of a trained router, by the rules of `load_router`, and check them.

    Raises:
        DataError: if the folder holds no router, a file of it is damaged or not what the manifest
            says, or one asks for a class that is not registered as a router or an embedder, or
            for a host that is not allowed.
    """
    path = Path(path)
    allowed = allowed_hosts(allow_network)
    held, found = read_manifest(path), dict[str, Any]()
    for name in PARTS:
        found[name] = loaded(path, name, held["files"])
    router, embedder, familiarity = found.values()
    if not isinstance(router, Router):
        raise DataError(f"{path / _ROUTER} holds no router but a {type(router).__name__}")
    check_kinds(path, held, router, embedder, familiarity)
    for name, part in found.items():
        permit(part, path / name, allowed)
    costs = np.array([np.nan if c is None else c for c in held["costs"]], dtype=np.float64)
    if len(costs) != len(held["models"]) or len(costs) != getattr(router, "n_models_", None):
        raise DataError(f"{path / MANIFEST}: its pool is not the one that the router was fitted on")
    models = tuple(held["models"])
    return Parts(router, models, embedder, costs, held["about"], familiarity)


def check_kinds(
    path: Path, held: Mapping[str, Any], router: object, embedder: object, familiarity: object
) -> None:
    """See that the parts are of the kinds that they should be, and what the manifest calls them.

    Raises:
        DataError: naming the part that is not.
    """
    if embedder is not None and not callable(getattr(embedder, "transform", None)):
        raise DataError(f"{path / _EMBEDDER} holds no embedder but a {type(embedder).__name__}")
    if familiarity is not None and not isinstance(familiarity, Familiarity):
        raise DataError(f"{path / _FAMILIARITY} holds a {type(familiarity).__name__}")
    while isinstance(router, EXTENDED):
        router = router.known
    about = held["about"]
    _check_spec(path / _ROUTER, about.get("router"), router, make_router)
    if embedder is not None:
        _check_spec(path / _EMBEDDER, about.get("embedder"), embedder, make_embedder)


def shown(part: object) -> str:
    """A part as its spec would name it; its class where a damaged file left too little of it."""
    try:
        return repr(part)
    except Exception:
        return f"{type(part).__name__}(…)"


def _check_spec(file: Path, text: object, part: object, make: Callable[[str], object]) -> None:
    """See that a part is what a spec makes; an object of one's own may be called anything.

    Raises:
        DataError: if it is something else.
    """
    if text is None:
        return
    try:
        expected = repr(make(str(text)))
    except SpecError:
        if type(part).__module__.startswith(HOMES) and not isinstance(part, ADAPTERS):
            expected = str(text)
        else:
            return
    if expected != shown(part):
        raise DataError(
            f"{file} holds {shown(part)[:120]}, but {MANIFEST} says {str(text)[:80]}; one of them "
            "was changed: do not use it"
        )


def loaded(path: Path, name: str, files: Mapping[str, str]) -> Any:  # noqa: ANN401
    """What a file of a router's folder holds; None if the manifest has no such file.

    Raises:
        DataError: if it is damaged, not the manifest's, or asks for a class that is not registered.
    """
    if name not in files:
        return None
    try:
        payload = read_whole(path / name, _LARGEST)
    except OSError as error:
        raise DataError(f"{path / name}: {error.strerror}; train the router again") from None
    if hashlib.sha256(payload).hexdigest() != files[name]:
        raise DataError(f"{path / name} is damaged (its sha256 is not the manifest's)")
    return restore(payload, path / name)


def dump(thing: object, also: Sequence[type] = ()) -> bytes:
    """The bytes of a fitted router or embedder: without compression, dates and places in memory.

    Args:
        thing: the router or embedder.
        also: classes to be let in beside those that are registered.

    Raises:
        DataError: if it keeps state of a class that `restore` would refuse.
    """
    raw, out = io.BytesIO(_skops().dumps(thing)), io.BytesIO()
    with zipfile.ZipFile(raw) as held, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as kept:
        numbers: dict[str, str] = {}
        schema = _numbered(json.loads(held.read(_SCHEMA)), numbers)
        kept.writestr(zipfile.ZipInfo(_SCHEMA, _EPOCH), json.dumps(schema))
        for old in sorted(set(held.namelist()) - {_SCHEMA}, key=lambda old: _renamed(old, numbers)):
            kept.writestr(zipfile.ZipInfo(_renamed(old, numbers), _EPOCH), held.read(old))
    payload = out.getvalue()
    _trusted(payload, type(thing).__name__, also)
    return payload


def restore(payload: bytes, where: str | Path = "the router", also: Sequence[type] = ()) -> Any:  # noqa: ANN401
    """The object that `dump` made these bytes of.

    Args:
        payload: the bytes.
        where: what an error calls them.
        also: classes to be let in beside those that are registered.

    Raises:
        DataError: if they are damaged, or ask for a class that is not registered.
    """
    try:
        with opened(payload, where) as held:
            return read_plain(held, lambda name: kind_of(name, also))
    except CannotReadError:
        trusted = _trusted(payload, where, also)
    try:
        return _skops().loads(payload, trusted=trusted)
    except Exception as error:  # whatever skops, numpy and scikit-learn make of a damaged file
        raise unreadable(where, error) from None


def _trusted(payload: bytes, where: str | Path, also: Sequence[type]) -> list[str]:
    """The types that the bytes ask for beyond those that skops knows, once all are allowed."""
    refuse_calls(payload, where)
    try:
        asked = list(_skops().get_untrusted_types(data=payload))
    except Exception as error:  # whatever skops makes of a damaged file
        raise unreadable(where, error) from None
    known = {*allowed_types(), *map(full_name, also)}
    foreign = sorted(name for name in asked if name not in known and not is_estimator(name))
    if foreign:  # only then are other packages looked for
        installed = set(types_of_others())
        foreign = [name for name in foreign if name not in installed]
    if foreign:
        ours = all(name.startswith(f"{_PACKAGE}.") for name in foreign)
        mend = (
            " of this version of routereval; train the router again, or load it with the version "
            "that its manifest names"
            if ours
            else "; register its class first if you trust it"
        )
        raise DataError(
            f"{where} asks for {', '.join(foreign)}, which is no registered router or "
            f"embedder{mend}"
        )
    return asked


def _skops() -> Any:  # noqa: ANN401 - a module
    """skops, without its own list of all estimators of scikit-learn.

    Collecting that list imports all of scikit-learn, and what that imports in turn: seconds in a
    fresh process. `is_estimator` tells the same of a single name.
    """
    if "skops.io" not in sys.modules:
        import sklearn.utils

        collected = sklearn.utils.all_estimators
        sklearn.utils.all_estimators = list
        try:
            import_module("skops.io")
        finally:
            sklearn.utils.all_estimators = collected
    return sys.modules["skops.io"]


def _numbered(node: Any, numbers: dict[str, str]) -> Any:  # noqa: ANN401 - any JSON
    """The schema with its objects numbered in order, which skops names by where they lie."""
    if isinstance(node, list):
        return [_numbered(item, numbers) for item in node]
    if not isinstance(node, dict):
        return node
    if "__id__" in node:
        name = numbers.setdefault(str(node["__id__"]), str(len(numbers)))
        node = {**node, "__id__": int(name)}
    if isinstance(node.get("file"), str) and "__loader__" in node:
        numbers.setdefault(Path(node["file"]).stem, str(len(numbers)))
        node = {**node, "file": _renamed(node["file"], numbers)}
    return {key: _numbered(value, numbers) for key, value in node.items()}


def _renamed(file: str, numbers: Mapping[str, str]) -> str:
    stem, dot, kind = file.partition(".")
    return f"{numbers.get(stem, stem)}{dot}{kind}"
