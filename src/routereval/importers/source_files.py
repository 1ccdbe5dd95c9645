"""How importers open what they are given: the one place where a foreign file is read.

Only regular files are opened, links do not lead out of the folder that was given, and what a file
becomes in memory is bounded before it is made: a few bytes can be packed, or written in JSON, that
become gigabytes.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from io import BufferedReader
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from routereval.errors import DataError
from routereval.importers.parquet_pages import unpacked_sizes
from routereval.regular_files import LARGEST, open_regular, read_whole, refuse_special

if TYPE_CHECKING:
    import polars as pl

MOST_INFLATED = 200
"""How many times its size a packed file may unpack to."""
SMALL_INFLATED = 1 << 26
"""Bytes that any packed file may unpack to, however small it is."""
MOST_VALUES = 1 << 28
"""Bytes that the values of one JSON text may take, or `MOST_GROWTH` times the text."""
MOST_GROWTH = 4
MOST_ROWS = 10_000_000
"""Rows that any Parquet file may have; a larger one may have `ROWS_PER_BYTE` per byte."""
ROWS_PER_BYTE = 64
SMALL_TEXT = 1 << 28
"""Bytes of text that the rows of any Parquet file may hold; or `TEXT_PER_BYTE` per byte of it."""
TEXT_PER_BYTE = 2000
COUNTED_TEXT = 1 << 26
"""Bytes of a file up to which its text is counted; one that is larger is read as it comes."""

_SHORT_JSON = 1 << 20
# Bytes of CPython's objects: a dict of a few keys, a list and its first item, an item or pair, half
# of what a text takes beside its characters.
_TAKES = {"{": 200, "[": 88, ",": 40, ":": 40, '"': 25}
_TEXTS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


def opened(file: Path) -> BufferedReader:
    """A file to be read.

    Raises:
        OSError: if it cannot be opened, or is a pipe, a device or a socket.
    """
    return open_regular(file)


def contents(file: Path, most: int = LARGEST) -> bytes:
    """All bytes of a file.

    Raises:
        DataError: if it cannot be read, or has more than `most` bytes.
    """
    try:
        return read_whole(file, most)
    except OSError as error:
        raise unreadable(file, error) from None


def unreadable(file: Path, error: OSError) -> DataError:
    """The error for a file that the system does not let us read."""
    return DataError(f"{file} cannot be read: {error.strerror or error}")


def holds_a_link(place: Path, folder: Path) -> bool:
    """Whether a place in a folder, or what lies between them, is a link."""
    ways = [place, *place.parents]
    return any(way.is_symlink() for way in ways[: ways.index(folder)])


def refuse_outside(file: Path, folder: Path) -> None:
    """Refuse a file of a folder that a link leads out of it; the cache of a hub is one folder.

    Raises:
        DataError: if it is one.
    """
    if not holds_a_link(file, folder):
        return
    root, real = folder.resolve(), file.resolve()
    snapshots = next((above for above in (root, *root.parents) if above.name == "snapshots"), None)
    if snapshots is not None and real.is_relative_to(snapshots.parent / "blobs"):
        return
    if not real.is_relative_to(root):
        raise DataError(
            f"{file} is a link to {real}, outside of {folder}; copy it there, or give the folder "
            "that holds it"
        )


# What is packed


class Inflated:
    """Counts what a packed file unpacks to.

    Args:
        file: what to call it.
        packed: its size in bytes.
    """

    def __init__(self, file: Path, packed: int) -> None:
        self._file = file
        self._most = max(SMALL_INFLATED, MOST_INFLATED * packed)
        self._n = 0

    def add(self, n_bytes: int) -> None:
        """Count bytes.

        Raises:
            DataError: once there are more than the file may unpack to.
        """
        self._n += n_bytes
        if self._n > self._most:
            raise DataError(
                f"{self._file} unpacks to more than {self._most >> 20} MB, far more than its size; "
                "unpack it yourself, or write it anew, if you trust it"
            )


class _BoundedGzip(gzip.GzipFile):
    def __init__(self, stream: BinaryIO, inflated: Inflated) -> None:
        super().__init__(fileobj=stream)
        self._inflated = inflated

    def read(self, size: int | None = -1) -> bytes:
        return self._counted(super().read(size))

    def read1(self, size: int = -1) -> bytes:
        return self._counted(super().read1(size))

    def _counted(self, content: bytes) -> bytes:
        self._inflated.add(len(content))
        return content


@contextmanager
def unpacked(file: Path) -> Iterator[IO[bytes]]:
    """A file's bytes, unpacked if its name ends in ``.gz``.

    Raises:
        DataError: if it cannot be read, is damaged, or unpacks to far more than its size.
    """
    try:
        with opened(file) as raw:
            if not file.name.lower().endswith(".gz"):
                yield raw
                return
            with _BoundedGzip(raw, Inflated(file, file.stat().st_size)) as stream:
                yield stream  # type: ignore[misc]
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{file} cannot be unpacked ({error}); is it cut short?") from None
    except OSError as error:
        raise unreadable(file, error) from None


# JSON


class TooManyValuesError(ValueError):
    """A JSON text whose values would take far more memory than it."""


def json_value(text: str) -> Any:  # noqa: ANN401 - JSON is of any type
    """What a JSON text holds.

    Raises:
        TooManyValuesError: if it would take far more memory than the text.
        ValueError: if it is not JSON.
        RecursionError: if it is nested too deeply.
    """
    if len(text) > _SHORT_JSON:
        most = max(MOST_VALUES, MOST_GROWTH * len(text))
        if _bytes_of_values(text) > most and _bytes_of_values(_TEXTS.sub('""', text)) > most:
            raise TooManyValuesError("holds far too many values for its size")
    return _DECODER.decode(text)


@contextmanager
def repeated_keys() -> Iterator[Counter[str]]:
    """Within it, the keys that stand twice in an object of JSON are counted.

    >>> with repeated_keys() as found:
    ...     json_value('[{"a": 1, "a": 2}, {"a": 3}]')
    [{'a': 2}, {'a': 3}]
    >>> found
    Counter({'a': 1})
    """
    found = Counter[str]()
    token = _REPEATED.set(found)
    try:
        yield found
    finally:
        _REPEATED.reset(token)


_REPEATED: ContextVar[Counter[str] | None] = ContextVar("repeated keys", default=None)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; the last value of a key counts, as everywhere."""
    held = dict(pairs)
    if len(held) < len(pairs) and (found := _REPEATED.get()) is not None:
        found.update(key for key, n in Counter(key for key, _ in pairs).items() if n > 1)
    return held


_DECODER = json.JSONDecoder(object_pairs_hook=_object)


def _bytes_of_values(text: str) -> int:
    """About how many bytes the values take beside their characters; signs in texts count too."""
    return sum(size * text.count(sign) for sign, size in _TAKES.items())


# Parquet


def parquet_schema(file: Path) -> pl.Schema:
    """The columns of a Parquet file.

    Raises:
        OSError: if it cannot be opened, or is no regular file.
        polars.exceptions.PolarsError: if it is damaged.
    """
    import polars as pl

    refuse_special(file)
    return pl.Schema(pl.read_parquet_schema(file))


def parquet_scan(file: Path) -> tuple[pl.LazyFrame, int]:
    """A Parquet file, not read yet, and its number of rows.

    Raises:
        DataError: if it unpacks to far more than its size, or says that it has more rows than that.
        OSError: if it cannot be opened, or is no regular file.
        polars.exceptions.PolarsError: if it is damaged.
    """
    import polars as pl

    _refuse_inflated(file)
    scan = pl.scan_parquet(file)
    n_rows = int(scan.select(pl.len()).collect().item())
    if n_rows > max(MOST_ROWS, ROWS_PER_BYTE * file.stat().st_size):
        raise DataError(f"{file} says that it has {n_rows:,} rows, far too many for its size")
    _refuse_copied_text(file, scan)
    return scan, n_rows


def _refuse_copied_text(file: Path, scan: pl.LazyFrame) -> None:
    """Refuse a file whose rows hold far more text than it has, by naming one text many times.

    Raises:
        DataError: if they do.
    """
    import polars as pl

    size = file.stat().st_size
    names = [name for name, kind in scan.collect_schema().items() if kind == pl.String]
    if not names or size > COUNTED_TEXT:
        return
    lengths = [pl.col(name).str.len_bytes().cast(pl.Int64).sum() for name in names]
    n_bytes = sum(scan.select(lengths).collect().row(0))
    if n_bytes > max(SMALL_TEXT, TEXT_PER_BYTE * size):
        raise DataError(f"{file} holds {n_bytes >> 20:,} MB of text, far too much for its size")


def _refuse_inflated(file: Path) -> None:
    """Refuse a file whose pages unpack to far more than its size.

    Raises:
        DataError: if they do, or do not say how large they are.
        OSError: if it cannot be opened, or is no regular file.
    """
    size = file.stat().st_size
    inflated = Inflated(file, size)
    with opened(file) as stream:
        try:
            for n_bytes in unpacked_sizes(stream, size):
                inflated.add(n_bytes)
        except ValueError as error:
            raise DataError(
                f"{file}: cannot be read as Parquet ({error}); is it cut short?"
            ) from None


def parquet_table(file: Path) -> pl.DataFrame:
    """A Parquet file, read whole.

    Raises:
        DataError: if it cannot be read, or says that it has far more rows than its size can hold.
    """
    import polars as pl

    try:
        scan, _ = parquet_scan(file)
        return scan.collect()
    except OSError as error:
        raise unreadable(file, error) from None
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{file}: cannot be read as Parquet ({reason}); is it cut short?") from None
