"""What the pages of a Parquet file unpack to, by their own headers, before any is unpacked.

A page says how large it is packed and unpacked; a few thousand bytes can say gigabytes, which a
reader reserves. Headers are in Thrift's compact protocol, of which this reads the numbers that are
needed and passes over the rest. Format: ``apache/parquet-format``, ``parquet.thrift``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import IO, Any

_MAGIC = b"PAR1"
_MOST_FOOTER = 1 << 26
_HEADERS = (1 << 9, 1 << 16, 1 << 22, 1 << 26)  # statistics of long texts stand in it, whole
_DEEPEST = 20
_TRUE, _FALSE, _I8, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = (
    1,
    2,
    3,
    6,
    7,
    8,
    9,
    10,
    11,
    12,
)

# Fields by their numbers in parquet.thrift.
_ROW_GROUPS, _COLUMNS, _META = 4, 1, 3
_PACKED, _DATA, _DICTIONARY = 7, 9, 11
_PAGE_UNPACKED, _PAGE_PACKED = 2, 3


class _CutShortError(ValueError):
    """There is less than what is described."""


def unpacked_sizes(stream: IO[bytes], size: int) -> Iterator[int]:
    """The bytes that each page of a file unpacks to.

    Args:
        stream: the file.
        size: its bytes.

    Raises:
        ValueError: if it is no Parquet file, or damaged.
    """
    for begin, length in _chunks(_footer(stream, size)):
        end = begin + length
        if begin < 0 or length < 0 or end > size:
            raise ValueError("a column lies outside of the file")
        at = begin
        while at < end:
            n_header, packed, unpacked = _page(stream, at, end)
            yield unpacked
            at += n_header + packed


def _page(stream: IO[bytes], at: int, end: int) -> tuple[int, int, int]:
    """The bytes of the header of the page there, of the page as it is, and unpacked."""
    for most in _HEADERS:
        stream.seek(at)
        header = BytesIO(stream.read(min(most, end - at)))
        try:
            page = _struct(header, 0)
            break
        except _CutShortError:
            if most >= min(end - at, _HEADERS[-1]):
                raise
    packed, unpacked = page.get(_PAGE_PACKED), page.get(_PAGE_UNPACKED)
    if not isinstance(packed, int) or not isinstance(unpacked, int) or min(packed, unpacked) < 0:
        raise ValueError("a page does not say how large it is")
    return header.tell(), packed, unpacked


def _footer(stream: IO[bytes], size: int) -> Mapping[int, Any]:
    stream.seek(max(size - 8, 0))
    end = stream.read(8)
    if size < 12 or end[4:] != _MAGIC:
        raise ValueError("there is no Parquet footer at its end")
    (length,) = struct.unpack("<I", end[:4])
    if length > min(size - 12, _MOST_FOOTER):
        raise ValueError("its footer is larger than it can be")
    stream.seek(size - 8 - length)
    return _struct(BytesIO(stream.read(length)), 0)


def _chunks(footer: Mapping[int, Any]) -> Iterator[tuple[int, int]]:
    """Where each column of each row group begins, and its length."""
    for group in _structs(footer.get(_ROW_GROUPS)):
        for column in _structs(group.get(_COLUMNS)):
            about = column.get(_META)
            if not isinstance(about, dict):
                raise ValueError("a column is not described")
            starts = [
                start
                for start in (about.get(_DICTIONARY), about.get(_DATA))
                if isinstance(start, int) and start > 0
            ]
            length = about.get(_PACKED)
            if not starts or not isinstance(length, int):
                raise ValueError("a column does not say where it lies")
            yield min(starts), length


def _structs(held: object) -> list[dict[int, Any]]:
    return [one for one in held if isinstance(one, dict)] if isinstance(held, list) else []


# Thrift's compact protocol


def _struct(data: BytesIO, depth: int) -> dict[int, Any]:
    """Fields by number: integers, lists and structs; of other kinds None."""
    found: dict[int, Any] = {}
    number = 0
    while (head := _byte(data)) != 0:
        delta, kind = head >> 4, head & 15
        number = number + delta if delta else _signed(data)
        found[number] = _value(data, kind, depth, in_list=False)
    return found


def _value(data: BytesIO, kind: int, depth: int, *, in_list: bool) -> Any:  # noqa: ANN401
    if depth > _DEEPEST:
        raise ValueError("its description is nested too deeply")
    if kind in (_TRUE, _FALSE):
        return _byte(data) == _TRUE if in_list else kind == _TRUE
    if kind == _I8:
        return _byte(data)
    if _I8 < kind <= _I64:
        return _signed(data)
    if kind == _STRUCT:
        return _struct(data, depth + 1)
    if kind in (_LIST, _SET):
        return _items(data, depth)
    return _pass_over(data, kind, depth)


def _items(data: BytesIO, depth: int) -> list[Any]:
    head = _byte(data)
    n_items, kind = head >> 4, head & 15
    n_items = _unsigned(data) if n_items == 15 else n_items
    if n_items > len(data.getbuffer()):  # each takes a byte at least
        raise ValueError("a list is longer than its description")
    return [_value(data, kind, depth + 1, in_list=True) for _ in range(n_items)]


def _pass_over(data: BytesIO, kind: int, depth: int) -> None:
    if kind == _DOUBLE:
        data.seek(8, 1)
    elif kind == _BINARY:
        data.seek(_unsigned(data), 1)
    elif kind == _MAP:
        n_pairs = _unsigned(data)
        kinds = _byte(data) if n_pairs else 0
        if n_pairs > len(data.getbuffer()):
            raise ValueError("a map is longer than its description")
        for _ in range(n_pairs):
            _value(data, kinds >> 4, depth + 1, in_list=True)
            _value(data, kinds & 15, depth + 1, in_list=True)
    else:
        raise ValueError("its description is of no known kind")


def _byte(data: BytesIO) -> int:
    read = data.read(1)
    if not read:
        raise _CutShortError("its description is cut short")
    return read[0]


def _unsigned(data: BytesIO) -> int:
    number, shift = 0, 0
    while (byte := _byte(data)) & 0x80:
        number |= (byte & 0x7F) << shift
        shift += 7
        if shift > 63:
            raise ValueError("a number of its description is too long")
    return number | byte << shift


def _signed(data: BytesIO) -> int:
    number = _unsigned(data)
    return number >> 1 ^ -(number & 1)
