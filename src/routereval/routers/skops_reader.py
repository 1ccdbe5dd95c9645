"""Reads what skops wrote of plain values, arrays, and classes that it is given; faster than skops.

A fresh process that routes one prompt would spend most of its time on importing skops, which
imports much of scikit-learn. Most routers keep nothing that needs either. Whatever else a file
holds is left to skops, and so are files that are damaged: the reader only says that it cannot.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

KindOf = Callable[[str], type | None]
"""The class of a full name, or None if the reader may not make one."""

_PLAIN_KEYS = {"str": str, "int": int}


class CannotReadError(Exception):
    """The file holds something that only skops can read, or is damaged."""


def read_plain(archive: zipfile.ZipFile, kind_of: KindOf) -> Any:  # noqa: ANN401
    """The object that an archive of skops holds.

    Args:
        archive: uncompressed.
        kind_of: which classes may be made. Their constructors do not run, but those of tuples.

    Raises:
        CannotReadError: if it holds anything else.
    """
    try:
        return _Reader(archive, kind_of).value(json.loads(archive.read("schema.json")))
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError, OSError) as error:
        raise CannotReadError(str(error)) from None


class _Reader:
    """Values by the nodes of a schema; nodes of one number are one object."""

    def __init__(self, archive: zipfile.ZipFile, kind_of: KindOf) -> None:
        self._archive = archive
        self._kind_of = kind_of
        self._known: dict[int, Any] = {}

    def value(self, node: dict[str, Any]) -> Any:  # noqa: ANN401
        number = node["__id__"]
        if number not in self._known:
            self._known[number] = self._made(node)
        return self._known[number]

    def _made(self, node: dict[str, Any]) -> Any:  # noqa: ANN401
        loader, name = node["__loader__"], f"{node['__module__']}.{node['__class__']}"
        if loader == "JsonNode":
            return json.loads(node["content"])
        if loader == "DictNode" and name == "builtins.dict":
            return self._dictionary(node)
        if loader == "ListNode" and name == "builtins.list":
            return [self.value(item) for item in node["content"]]
        if loader == "TupleNode":
            items = [self.value(item) for item in node["content"]]
            return tuple(items) if name == "builtins.tuple" else self._kind(name, tuple)(*items)
        if loader == "NdArrayNode" and node["type"] == "numpy":
            return self._array(node, name)
        if loader == "ObjectNode":
            return self._object(node, self._kind(name, object))
        raise CannotReadError(f"{loader} of {name}")

    def _dictionary(self, node: dict[str, Any]) -> dict[Any, Any]:
        kinds = [_PLAIN_KEYS[kind["__class__"]] for kind in node["key_types"]["content"]]
        pairs = zip(kinds, node["content"].items(), strict=True)
        return {kind(key): self.value(held) for kind, (key, held) in pairs}

    def _array(self, node: dict[str, Any], name: str) -> Any:  # noqa: ANN401
        array = np.load(io.BytesIO(self._archive.read(node["file"])), allow_pickle=False)
        if name == "numpy.ndarray":
            return array
        kind = getattr(np, node["__class__"]) if node["__module__"] == "numpy" else None
        if not (isinstance(kind, type) and issubclass(kind, np.generic)):
            raise CannotReadError(name)
        return kind(array)

    def _object(self, node: dict[str, Any], kind: type) -> Any:  # noqa: ANN401
        state = self.value(node["content"])
        if hasattr(kind, "__setstate__") or not isinstance(state, dict):
            raise CannotReadError(kind.__name__)
        made: Any = object.__new__(kind)
        vars(made).update(state)
        return made

    def _kind(self, name: str, base: type) -> type:
        kind = self._kind_of(name)
        if kind is None or not issubclass(kind, base):
            raise CannotReadError(name)
        return kind
