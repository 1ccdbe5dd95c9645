"""The archives that skops writes, as they are opened: nothing in them can grow when it is read."""

from __future__ import annotations

import io
import json
import math
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from routereval.errors import DataError

SCHEMA = "schema.json"
_CALLS = {"MethodNode", "PartialNode", "OperatorFuncNode"}


def opened(payload: bytes, where: str | Path) -> zipfile.ZipFile:
    """An archive whose members are stored as they are, and arrays no larger than they claim.

    Args:
        payload: its bytes.
        where: what an error calls it.

    Raises:
        DataError: if it is none, is compressed, or claims more than it has.
    """
    try:
        held = zipfile.ZipFile(io.BytesIO(payload))
        members = held.infolist()
        if any(info.compress_type != zipfile.ZIP_STORED for info in members):
            raise DataError(f"{where} is compressed, which routereval never writes")
        if sum(info.file_size for info in members) > len(payload):
            raise ValueError("its parts are larger than it is")
        for info in members:
            if info.filename.endswith(".npy"):
                with held.open(info) as stream:
                    _check_array(stream, info.file_size, info.filename)
        held.getinfo(SCHEMA)
    except DataError:
        raise
    except Exception as error:  # whatever a damaged archive makes zipfile and numpy raise
        raise unreadable(where, error) from None
    return held


def unreadable(where: str | Path, error: Exception) -> DataError:
    """The error for a file that cannot be read, in one line."""
    reason = (str(error).splitlines() or [""])[0][:200] or type(error).__name__
    return DataError(f"{where} cannot be read: {reason}; train the router again")


def classes_of(payload: bytes, where: str | Path) -> list[str]:
    """The full names of all that a file asks for, sorted; nothing of it is made.

    Raises:
        DataError: if it is damaged.
    """
    return sorted({f"{module}.{name}" for module, name, _ in _nodes(payload, where)})


def refuse_calls(payload: bytes, where: str | Path) -> None:
    """Refuse a file with nodes that bind methods or arguments, under whatever name they come.

    Raises:
        DataError: if it has one, or is damaged.
    """
    for module, name, loader in _nodes(payload, where):
        if loader in _CALLS:
            raise DataError(
                f"{where} asks for a call ({loader} of {module}.{name}), which no router keeps"
            )


def _nodes(payload: bytes, where: str | Path) -> list[tuple[str, str, str]]:
    """Module, class and loader of each node of the schema."""
    try:
        with opened(payload, where) as held:
            waiting = [json.loads(held.read(SCHEMA))]
    except (ValueError, RecursionError, MemoryError) as error:
        raise unreadable(where, error) from None
    found = []
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if "__class__" in node:
                words = (node.get(key, "") for key in ("__module__", "__class__", "__loader__"))
                module, name, loader = map(str, words)
                found.append((module, name, loader))
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
    return found


def _check_array(stream: IO[bytes], size: int, name: str) -> None:
    """See that an array's header claims just what follows it, before any of it is reserved."""
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(np.lib.format.read_magic(stream))
    if read_header is None:
        raise ValueError(f"{name} is of an unknown version")
    shape, _, dtype = read_header(stream)
    if dtype.hasobject:
        raise ValueError(f"{name} holds objects")
    if any(n < 0 for n in shape) or math.prod(shape) * dtype.itemsize != size - stream.tell():
        raise ValueError(f"{name} is not as large as it claims")
