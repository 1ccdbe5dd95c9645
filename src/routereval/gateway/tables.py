"""A table of a TOML file as a frozen dataclass: types, bounds and names checked in one place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, field, fields
from typing import Any, TypeVar, get_type_hints

from routereval.errors import DataError, unknown

T = TypeVar("T")


def setting(default: Any = MISSING, *, least: float | None = None) -> Any:  # noqa: ANN401
    """A field of a table.

    Args:
        default: its value unless given; without, it must be given.
        least: the smallest number allowed.
    """
    return field(default=default, metadata={"least": least})


def read_table(kind: type[T], table: object, where: str) -> T:
    """Make a dataclass of a TOML table.

    Args:
        kind: a dataclass of str, int, float, bool and ``tuple[str, ...]`` fields.
        table: what the file holds.
        where: file and table, for the sentence.

    Raises:
        DataError: for a value that is missing, of another type or too small.
        SpecError: for a key that is not known.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Server:
    ...     port: int = setting(8080, least=1)
    >>> read_table(Server, {"port": 80}, "gateway.toml: [server]")
    Server(port=80)
    >>> read_table(Server, {"port": "80"}, "gateway.toml: [server]")
    Traceback (most recent call last):
    routereval.errors.DataError: gateway.toml: [server]: port must be a whole number, not '80'
    """
    if not isinstance(table, Mapping):
        raise DataError(f"{where} must be a table, not {table!r}")
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    for name in table:
        if name not in known:
            raise unknown(f"key in {where}", str(name), known)
    for name, f in known.items():
        if f.default is MISSING and name not in table:
            raise DataError(f"{where}: {name} is missing; set it")
    types = get_type_hints(kind)
    values = {
        name: _value(types[name], known[name], value, f"{where}: {name}")
        for name, value in table.items()
    }
    return kind(**values)


_SAID = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _value(kind: Any, f: Field[Any], value: Any, where: str) -> Any:  # noqa: ANN401
    if kind == tuple[str, ...]:
        if isinstance(value, list) and all(isinstance(word, str) for word in value):
            return tuple(value)
        raise DataError(f"{where} must be a list of texts, not {value!r}")
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        raise DataError(f"{where} must be {_SAID[kind]}, not {value!r}")
    least = f.metadata.get("least")
    if least is not None and value < least:
        raise DataError(f"{where} must be at least {least:g}, not {value!r}")
    return value
