"""Folders that appear whole or not at all, and what of a folder is seen."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from routereval.errors import DataError
from routereval.records.manifest import MANIFEST

ORDER = "collection.json"
"""The file that notes the order of a collection's folders."""


@contextmanager
def atomic_folder(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary folder beside `path` that takes its place at the end, or vanishes on an error.

    What a killed process left behind is cleared away by the next one.

    Raises:
        DataError: if `path` exists and is not to be overwritten, or holds anything but records.
    """
    path = path.absolute()
    _refuse_existing(path, overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear_stale(path)
    part, old = (path.parent / f".{path.name}.{os.getpid()}.{end}" for end in ("part", "old"))
    part.mkdir()
    try:
        yield part
        if overwrite and path.exists():
            path.rename(old)
        part.rename(path)  # over what another process has put there meanwhile: an OSError
    finally:
        if old.exists() and not path.exists():
            old.rename(path)
        for folder in (part, old):
            shutil.rmtree(folder, ignore_errors=True)


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


def _clear_stale(path: Path) -> None:
    form = re.compile(rf"\.{re.escape(path.name)}\.([0-9]+)\.(part|old)")
    for child in path.parent.iterdir():  # ties: folders are removed in any order
        match = form.fullmatch(child.name)
        if match and not _alive(int(match[1])):
            shutil.rmtree(child, ignore_errors=True)


def _alive(pid: int) -> bool:
    """True if another process has that number."""
    with suppress(ProcessLookupError, OverflowError):
        try:
            os.kill(pid, 0)
        except PermissionError:
            return True
        return pid != os.getpid()
    return False


def is_records(path: Path) -> bool:
    """True if the folder holds one benchmark's records."""
    return (path / MANIFEST).is_file()


def visible(path: Path) -> list[Path]:
    """The children without the hidden ones, among which a killed writer leaves its half."""
    return sorted(child for child in path.iterdir() if not child.name.startswith("."))
