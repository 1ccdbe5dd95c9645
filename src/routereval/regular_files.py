"""Files as they are opened: regular ones only, and read only as far as they may be long.

A pipe would be waited for without end, and a device may never end.
"""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

LARGEST = 1 << 28
"""Bytes that a file may have which is read whole."""

_FLAGS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def special_kind(file: Path) -> str:
    """What a path is that is neither a file nor a folder, such as ``a pipe``; else empty.

    Raises:
        OSError: if there is nothing there.
    """
    return _KINDS.get(stat.S_IFMT(file.stat().st_mode), "")


def refuse_special(file: Path) -> None:
    """Do nothing for a regular file.

    Raises:
        OSError: if there is none, or if it is a pipe, a device or a socket.
    """
    if kind := special_kind(file):
        raise OSError(errno.EINVAL, f"it is {kind}, not a file", str(file))


def open_regular(file: Path) -> BufferedReader:
    """A regular file, opened to be read.

    Raises:
        OSError: if it cannot be opened, or is a pipe, a device or a socket.
    """
    refuse_special(file)  # before it is opened: some devices act on that
    descriptor = os.open(file, os.O_RDONLY | _FLAGS)
    kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
    if kind not in (stat.S_IFREG, stat.S_IFDIR):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a file any more", str(file))
    return os.fdopen(descriptor, "rb")


def read_whole(file: Path, most: int = LARGEST) -> bytes:
    """The bytes of a regular file.

    Raises:
        OSError: if it cannot be read, is no regular file, or has more than `most` bytes.
    """
    with open_regular(file) as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it has more than {most >> 20} MB", str(file))
    return content
