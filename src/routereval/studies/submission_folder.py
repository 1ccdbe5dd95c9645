"""The folder of a submission to a leaderboard: the file that was handed in, and its manifest."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import Any

from routereval._version import __version__
from routereval.errors import DataError, SpecError
from routereval.regular_files import read_whole
from routereval.whole_folders import whole_folder

MANIFEST = "manifest.json"


PROTOCOL = "every prompt of the records, each counting alike"


SCHEMA = 1


NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


_HASH = re.compile(r"[0-9a-f]{64}")


_KINDS = ("choices", "predictions", "router", "hash")


@dataclass(frozen=True)
class Declared:
    """What a submitter says of a router.

    Attributes:
        author: whose it is; the ladder of a private board counts by author.
        pool: the models that it might choose from; all of the records if empty.
        constant: whether it always chooses one model.
        calls_models: whether it calls models in order to route; then ``router_cost`` must be given.
        train: texts that it was trained on.
        supersedes: name of its last version on this board.
    """

    author: str = ""
    pool: tuple[str, ...] = ()
    constant: bool = False
    calls_models: bool = False
    train: tuple[str, ...] = ()
    supersedes: str = ""


def manifest_for(kind: str, digest: str, stated: Declared, number: int) -> dict[str, Any]:
    """The manifest of a submission, without its file and figures."""
    if not _HASH.fullmatch(digest):
        raise SpecError(f"a sha256 has 64 digits of 0-9 and a-f, not {digest!r}")
    return {
        "schema": SCHEMA,
        "number": number,
        "kind": kind,
        "file": "",
        "sha256": digest,
        **figures(float("nan"), float("nan")),
        "protocol": PROTOCOL,
        "routereval": __version__,
        "declared": asdict(stated),
    }


def figures(score: float, cost: float) -> dict[str, float | None]:
    """What a manifest says of score and cost; null where unknown."""
    return {"score": None if isnan(score) else score, "cost": None if isnan(cost) else cost}


def write_submission(place: Path, file: Path | None, held: dict[str, Any]) -> None:
    """Write a submission's folder: the file as it was handed in, and its manifest."""
    with whole_folder(place, overwrite=True) as part:
        if file is not None:
            held["file"] = "router" if file.is_dir() else f"choices{file.suffix.lower()}"
            if file.is_dir():
                shutil.copytree(file, part / held["file"])
            else:
                (part / held["file"]).write_bytes(read_whole(file))
        write_json(part / MANIFEST, held)


def digest_of(file: Path) -> str:
    """Sha256 of a file; of a folder over the names and hashes of its files, in their order."""
    if not file.is_dir():
        return hashlib.sha256(read_whole(file)).hexdigest()
    digest = hashlib.sha256()
    for one in sorted(file.rglob("*")):
        if not one.is_dir():
            content = hashlib.sha256(read_whole(one)).hexdigest()
            digest.update(f"{one.relative_to(file).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def file_of(place: Path, held: Mapping[str, Any]) -> Path:
    """The file of a submission, which lies in its own folder."""
    name = str(held["file"])
    if not NAME.fullmatch(name) or not (place / name).exists():
        raise DataError(f"{place.name}: there is no file {name!r} beside its manifest")
    return place / name


def manifest_of(place: Path) -> Mapping[str, Any]:
    """Read a manifest.

    Raises:
        DataError: if it lacks a field, or is of something else.
    """
    held = read_json(place / MANIFEST)
    needed = {"number", "kind", "file", "sha256", "score", "cost", "declared"}
    if missing := sorted(needed - set(held)):
        raise DataError(f"{place / MANIFEST} lacks {', '.join(missing)}")
    if held["kind"] not in _KINDS or not isinstance(held["declared"], dict):
        raise DataError(f"{place / MANIFEST} is no manifest of a submission")
    return held


def declared_of(held: Mapping[str, Any]) -> Declared:
    """What the submitter says, of a manifest."""
    stated = held["declared"]
    return Declared(
        str(stated.get("author", "")),
        tuple(stated.get("pool", ())),
        bool(stated.get("constant", False)),
        bool(stated.get("calls_models", False)),
        tuple(stated.get("train", ())),
        str(stated.get("supersedes", "")),
    )


def read_json(file: Path) -> dict[str, Any]:
    """Read an object.

    Raises:
        DataError: if the file cannot be read, or holds anything else.
    """
    try:
        held = json.loads(read_whole(file))
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read: {str(error).splitlines()[0]}") from None
    if not isinstance(held, dict):
        raise DataError(f"{file} is no JSON object")
    return held


def write_json(file: Path, held: Mapping[str, Any]) -> None:
    """Write an object."""
    file.write_text(json.dumps(held, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
