"""Folders that appear whole or not at all, and what of a folder is seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from routereval.errors import DataError
from routereval.records.manifest import MANIFEST
from routereval.whole_folders import restored, whole_folder

ORDER = "collection.json"
"""The file that notes the order of a collection's folders."""
_HEAD = 4096  # of a manifest, whose first key is its schema


@contextmanager
def atomic_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary folder beside `path` that takes its place at the end, or vanishes on an error.

    What a killed process left behind is cleared away by the next one; what it was about to replace
    is put back.

    Raises:
        DataError: if `path` exists and is not to be overwritten, or holds anything but records.
    """
    path = path.absolute()
    restored(path)
    _refuse_existing(path, overwrite)
    with whole_folder(path, overwrite=overwrite) as part:
        yield part


def _refuse_existing(path: Path, overwrite: bool) -> None:
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not overwrite:
        raise DataError(f"{path} exists already; choose another folder, or --overwrite it")
    # Else one slip of the pen, such as the source given as the target, would delete it.
    if not is_records(path) and not (
        path.is_dir() and all(is_records(child) or child.name == ORDER for child in visible(path))
    ):
        raise DataError(f"{path} holds more than records; choose another folder, or remove it")


def is_records(path: Path) -> bool:
    """True if the folder holds one benchmark's records, though they may be damaged.

    Other programs write a manifest of that name, too, which says no schema.
    """
    file = path / MANIFEST
    if not file.is_file():
        return False
    if (path / "scores.npy").exists():
        return True
    with file.open("rb") as stream:
        return b'"schema"' in stream.read(_HEAD)


def visible(path: Path) -> list[Path]:
    """The children without the hidden ones, among which a killed writer leaves its half."""
    return sorted(child for child in path.iterdir() if not child.name.startswith("."))
