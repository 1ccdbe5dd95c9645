"""Files of records: their bytes, and the sha256 that says whether they are as written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from routereval.records.manifest import damaged
from routereval.regular_files import open_regular

if TYPE_CHECKING:
    import polars as pl


def npy_bytes(array: NDArray[Any]) -> bytes:
    """An array as the bytes of its ``.npy`` file."""
    buffer = BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    """A table as the bytes of its file."""
    buffer = BytesIO()
    frame.write_parquet(buffer, compression="zstd", statistics=False)
    return buffer.getvalue()


def check_digest(file: Path, stored: Mapping[str, str]) -> None:
    """Raise if the file is missing, or not the one that was written."""
    try:
        with open_regular(file) as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise damaged(file, str(error)) from None
    if digest != stored.get(file.name):
        raise damaged(file, "its sha256 is not the manifest's")


def digest_of(files: Mapping[str, str]) -> str:
    """One sha256 over those of all files, by name."""
    digest = hashlib.sha256()
    for name, file_digest in sorted(files.items()):
        digest.update(name.encode() + bytes.fromhex(file_digest))
    return digest.hexdigest()
