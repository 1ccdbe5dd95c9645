"""Files that take their place whole: written beside it, then renamed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """The file beside `path`, called as it with ``.part`` behind, that takes its place at the end.

    Args:
        path: one that is there is replaced; its folder must exist.
    """
    part = part_of(path)
    yield part
    part.replace(path)


def part_of(path: Path) -> Path:
    """What a file is called until it is whole."""
    return path.with_name(f"{path.name}.part")


def write_whole(path: Path, text: str) -> None:
    """Write a text whole or not at all; what UTF-8 has no bytes for is written as an escape."""
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")
