"""What a saved router holds and would contact, found without using it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from routereval.errors import DataError
from routereval.features.base import Pretrained
from routereval.regular_files import read_whole
from routereval.routers.familiarity import Familiarity
from routereval.routers.networked import Contact, contacts
from routereval.routers.persistence import PARTS, load_parts, loaded, shown
from routereval.routers.router_manifest import read_manifest
from routereval.routers.skops_archive import classes_of


class HeldFile(NamedTuple):
    """One file of a router.

    Attributes:
        name: of the file.
        n_bytes: its size.
        holds: what it holds, as a spec would name it, or why it is refused.
        classes: the full names of all classes and functions that it names.
        contacts: the services that parts of it would ask.
        model: what an embedder would load from a folder or fetch from a hub; empty if nothing.
    """

    name: str
    n_bytes: int
    holds: str
    classes: tuple[str, ...]
    contacts: tuple[Contact, ...]
    model: str


class Inspection(NamedTuple):
    """A router's folder.

    Attributes:
        manifest: what it says of itself.
        files: what it holds.
        refused: why it would not be loaded, if all hosts were allowed; empty if it would.
    """

    manifest: dict[str, Any]
    files: tuple[HeldFile, ...]
    refused: str


def inspect_router(path: str | Path) -> Inspection:
    """What the folder of a trained router holds and would contact.

    Only classes that are registered are made, as in `load_router`; nothing is asked or fetched.

    Args:
        path: the folder.

    Raises:
        DataError: if there is no manifest, or it is damaged.
    """
    path = Path(path)
    manifest = read_manifest(path)
    files = tuple(_held(path, name, manifest["files"]) for name in PARTS if (path / name).exists())
    hosts = sorted({contact.host for file in files for contact in file.contacts})
    refused = ""
    try:
        load_parts(path, [host for host in hosts if host])
    except DataError as error:
        refused = str(error)
    return Inspection(manifest, files, refused)


def _held(path: Path, name: str, digests: dict[str, str]) -> HeldFile:
    classes: list[str] = []
    part: Any = None
    try:
        n_bytes = (path / name).stat().st_size
        classes = classes_of(read_whole(path / name, max(n_bytes, 0)), path / name)
        part = loaded(path, name, digests)
        holds = "not in the manifest: it is not read" if part is None else shown(part)[:200]
        holds = type(part).__name__ if isinstance(part, Familiarity) else holds
    except OSError as error:
        n_bytes, holds = 0, f"refused: {error.strerror}"
    except DataError as error:
        holds = f"refused: {error}"
    hub = isinstance(part, Pretrained) and not part.network
    return HeldFile(
        name,
        n_bytes,
        holds,
        tuple(classes),
        tuple(contacts(part)),
        str(getattr(part, "model", "")) if hub else "",
    )
