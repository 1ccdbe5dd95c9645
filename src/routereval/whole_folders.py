"""Folders that take their place whole: on the disk before they are renamed, and never both lost.

A writer makes ``.NAME.PID.part`` beside the place. Where it replaces a folder, that one is renamed
to ``.NAME.PID.old`` first and deleted last, so that one of them is whole whenever the process or
the machine stops; the next writer puts an old one back where nothing took its place.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_MAY_ASK = 0x1000  # PROCESS_QUERY_LIMITED_INFORMATION


def restored(path: Path) -> None:
    """Clear what killed writers of a folder left, after what they had replaced is back."""
    left = [(child, end) for child, pid, end in _left(path) if not _alive(pid)]
    for child, end in left:
        if end == "old" and not path.exists():
            child.rename(path)
    for child, _ in left:
        shutil.rmtree(child, ignore_errors=True)


def replaced_copy(path: Path) -> str:
    """A clause for an error where a folder is missing that a writer had moved away; else empty."""
    if path.exists():
        return ""
    old = next((child for child, _, end in _left(path.absolute()) if end == "old"), None)
    return (
        "" if old is None else f"; a writer was stopped while it replaced it: {old} is the old one"
    )


def _left(path: Path) -> list[tuple[Path, int, str]]:
    """What writers of a folder have beside it: each with its process and its end."""
    form = re.compile(rf"\.{re.escape(path.name)}\.([0-9]+)\.(part|old)")
    if not path.parent.is_dir():
        return []
    return [
        (child, int(match[1]), match[2])
        for child in sorted(path.parent.iterdir())
        if (match := form.fullmatch(child.name))
    ]


@contextmanager
def whole_folder(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """A temporary folder beside `path` that takes its place at the end, or vanishes on an error.

    Args:
        path: the place; its parent is made.
        overwrite: replace what is there; else that is an `OSError` of the system.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part, old = (path.parent / f".{path.name}.{os.getpid()}.{end}" for end in ("part", "old"))
    part.mkdir()
    try:
        yield part
        flush(part)
        if overwrite and path.exists():
            path.rename(old)
        part.rename(path)  # over what another process has put there meanwhile: an OSError
        flush_names(path.parent)
    finally:
        if old.exists() and not path.exists():
            old.rename(path)
        for folder in (part, old):
            shutil.rmtree(folder, ignore_errors=True)


def flush(folder: Path) -> None:
    """Wait until all files of a folder, and their names, are on the disk."""
    for here, _, names in os.walk(folder):
        for name in names:
            with (Path(here) / name).open("rb+") as file:
                os.fsync(file.fileno())
        flush_names(Path(here))


def flush_names(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can say so."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # some file systems have no such thing
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _alive(pid: int) -> bool:
    """True if another process has that number."""
    if pid == os.getpid():
        return False
    if os.name == "nt":  # there os.kill(pid, 0) would end it
        kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 - not known elsewhere
        handle = kernel.OpenProcess(_MAY_ASK, False, pid)
        return bool(handle) and bool(kernel.CloseHandle(handle))
    with suppress(ProcessLookupError, OverflowError):
        try:
            os.kill(pid, 0)
        except PermissionError:
            return True
        return True
    return False
