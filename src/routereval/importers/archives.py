"""Zip archives of foreign files, whose members are read one at a time and within bounds.

Zstandard is unpacked by the package `zstandard` before Python 3.14, whose zipfile knows it.
"""

from __future__ import annotations

import importlib
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from routereval.errors import DataError, MissingDependencyError
from routereval.importers.source_files import Inflated, opened, unreadable
from routereval.regular_files import LARGEST

MOST_MEMBERS = 1_000_000
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
"""What zipfile raises for an archive that is damaged, encrypted or no archive at all."""
_ZSTANDARD = 93


class MemberError(ValueError):
    """Why one member of an archive cannot be read."""


class Archive:
    """An archive that is open.

    Attributes:
        names: its members in the order of its list.
    """

    def __init__(self, file: Path, held: zipfile.ZipFile, stream: IO[bytes]) -> None:
        self._file, self._held, self._stream = file, held, stream
        self.names = held.namelist()

    def read(self, name: str, most: int = LARGEST) -> bytes:
        """The bytes of a member.

        Raises:
            MemberError: if it is damaged or has more than `most` bytes.
            DataError: if the file cannot be read.
            MissingDependencyError: if it needs the package zstandard, which is not there.
        """
        info = self._held.getinfo(name)
        try:
            if info.compress_type == _ZSTANDARD and not _zipfile_knows_it():
                content = self._unzstandard(info, most)
            else:
                with self._held.open(info) as stream:
                    content = stream.read(most + 1)
        except BROKEN as error:
            raise MemberError(f"cannot be unpacked ({str(error)[:100]})") from None
        except OSError as error:
            raise unreadable(self._file, error) from None
        if len(content) > most:
            raise MemberError(f"is larger than {most >> 20} MB")
        return content

    def _unzstandard(self, info: zipfile.ZipInfo, most: int) -> bytes:
        try:
            zstandard = importlib.import_module("zstandard")
        except ImportError:
            raise MissingDependencyError.of("zstandard", "inspect") from None
        packed = _packed(self._stream, info)
        try:
            unpacker = zstandard.ZstdDecompressor()
            reader = unpacker.stream_reader(packed, read_across_frames=True)
            content = bytes(reader.read(min(most, info.file_size) + 1))
        except zstandard.ZstdError as error:
            raise MemberError(f"cannot be unpacked ({str(error)[:100]})") from None
        if len(content) <= most and zlib.crc32(content) != info.CRC:
            raise MemberError("cannot be unpacked (its checksum differs)")
        return content


@contextmanager
def opened_archive(file: Path, what: str) -> Iterator[Archive]:
    """An archive, once it says that it does not unpack to far more than its size.

    Args:
        file: the archive.
        what: what it should be, such as ``.eval archive``.

    Raises:
        DataError: if it cannot be opened or would unpack to more.
    """
    try:
        stream = opened(file)
    except OSError as error:
        raise unreadable(file, error) from None
    with stream:
        try:
            held = zipfile.ZipFile(stream)
        except OSError as error:
            raise unreadable(file, error) from None
        except BROKEN as error:
            raise DataError(f"{file} is no {what} ({error}); is it cut short?") from None
        with held:
            if len(held.infolist()) > MOST_MEMBERS:
                raise DataError(f"{file} holds more than {MOST_MEMBERS:,} files")
            inflated = Inflated(file, file.stat().st_size)
            for info in held.infolist():
                inflated.add(info.file_size)
            yield Archive(file, held, stream)


def _zipfile_knows_it() -> bool:
    return hasattr(zipfile, "ZIP_ZSTANDARD")


def _packed(stream: IO[bytes], info: zipfile.ZipInfo) -> bytes:
    """The compressed bytes of a member, after its local header of 30 bytes, name and extra."""
    stream.seek(info.header_offset)
    lengths = struct.unpack("<HH", stream.read(30)[26:30])
    stream.seek(sum(lengths), 1)
    return stream.read(info.compress_size)
