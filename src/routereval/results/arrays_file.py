"""The arrays of an ``.npz`` file, read all at once.

A run has thousands of files of some forty short arrays, most of them of one shape. `numpy.load`
evaluates the header of each array as a Python literal, and opens each as a file within a file,
which takes longer than all else.
"""

from __future__ import annotations

import zlib
from functools import lru_cache
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

_MAGIC = npy.magic(1, 0)
_PREFIX = len(_MAGIC) + 2  # and the length of the header
_LOCAL_HEADER = 30  # bytes before the name of a member


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a file by name, as `numpy.load` reads them without pickles.

    Args:
        path: what `numpy.savez` or `numpy.savez_compressed` wrote.

    Raises:
        OSError: if it cannot be read.
        ValueError: if an array is damaged, or one of objects.
        zipfile.BadZipFile: if it is no such file, or its checksum is wrong.
        zlib.error: if what is packed is damaged.
    """
    content = path.read_bytes()
    with ZipFile(BytesIO(content)) as held:
        return {
            member.filename.removesuffix(".npy"): _array(_unpacked(held, member, content))
            for member in held.infolist()
        }


def _unpacked(held: ZipFile, member: ZipInfo, content: bytes) -> bytes:
    """The bytes of a member of a file."""
    if member.flag_bits & 1:
        raise BadZipFile(f"{member.filename} is encrypted")
    if member.compress_type != ZIP_DEFLATED:
        return held.read(member)
    lengths = content[member.header_offset + 26 : member.header_offset + 30]
    name, extra = (int.from_bytes(n, "little") for n in (lengths[:2], lengths[2:]))
    start = member.header_offset + _LOCAL_HEADER + name + extra
    packed = memoryview(content)[start : start + member.compress_size]
    unpacked = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, member.file_size or 1)
    if len(unpacked) != member.file_size or zlib.crc32(unpacked) != member.CRC:
        raise BadZipFile(f"bad checksum of {member.filename}")
    return unpacked


def _array(content: bytes) -> NDArray[Any]:
    if not content.startswith(_MAGIC):  # a later version of the format
        found: NDArray[Any] = npy.read_array(BytesIO(content), allow_pickle=False)
        return found
    start = _PREFIX + int.from_bytes(content[_PREFIX - 2 : _PREFIX], "little")
    shape, by_column, dtype = _header(content[:start])
    if dtype.hasobject:
        raise ValueError("it holds an array of objects")
    n = prod(shape)
    if len(content) - start != n * dtype.itemsize:
        raise ValueError(f"an array of shape {shape} has {len(content) - start} bytes")
    flat: NDArray[Any] = np.frombuffer(content, dtype, n, start)
    return flat.reshape(shape, order="F" if by_column else "C").copy()


@lru_cache(maxsize=256)
def _header(content: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether columns come first, and type, by the first bytes of an array's file."""
    return npy.read_array_header_1_0(BytesIO(content[len(_MAGIC) :]))
