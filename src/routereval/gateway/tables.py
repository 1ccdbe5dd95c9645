"""A table of a TOML file as a frozen value: msgspec checks it, and errors are our sentences."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from routereval.errors import DataError, RouterEvalError, unknown

T = TypeVar("T", bound="Table")

_MAX = sys.float_info.max  # TOML knows inf and nan; no setting does
AtLeast0 = Annotated[float, Meta(ge=0, le=_MAX)]
Above0 = Annotated[float, Meta(ge=0.001, le=_MAX)]
Seconds = Annotated[float, Meta(ge=0.01, le=_MAX)]
Count = Annotated[int, Meta(ge=1)]
CountOr0 = Annotated[int, Meta(ge=0)]


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The base of all tables."""


def read_table(kind: type[T], table: object, where: str) -> T:
    """Make a value of a TOML table.

    Args:
        kind: what it is to be.
        table: what the file holds.
        where: file and table, for the sentence.

    Raises:
        DataError: for a value that is missing, of another type or out of its range.
        SpecError: for a key that is not known.

    >>> class Server(Table, frozen=True):
    ...     port: Count = 8080
    >>> read_table(Server, {"port": 80}, "gateway.toml: [server]")
    Server(port=80)
    >>> read_table(Server, {"port": "80"}, "gateway.toml: [server]")
    Traceback (most recent call last):
    routereval.errors.DataError: gateway.toml: [server]: port must be a whole number, not '80'
    """
    if not isinstance(table, Mapping):
        raise DataError(f"{where} must be a table, not {table!r}")
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        raise _sentence(kind, table, where, error) from None


def _sentence(
    kind: type[Table], table: Mapping[str, object], where: str, error: Exception
) -> RouterEvalError:
    """The error for the first key that is wrong, else for the first that is missing."""
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    for name, value in table.items():
        if name not in fields:
            return unknown(f"key in {where}", str(name), fields)
        if not _is(value, fields[name].type):
            return DataError(f"{where}: {name} must be {_wanted(fields[name].type, value)}")
    for name, field in fields.items():
        if field.required and name not in table:
            return DataError(f"{where}: {name} is missing; set it")
    return DataError(f"{where}: {error}")


def _is(value: object, kind: Any) -> bool:  # noqa: ANN401 - a type
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def _wanted(kind: Any, value: object) -> str:  # noqa: ANN401 - a type
    """What a value must be, and what it is."""
    info: Any = msgspec.inspect.type_info(kind)
    info = next((t for t in getattr(info, "types", ()) if hasattr(t, "ge")), info)
    least = getattr(info, "ge", None)
    number = isinstance(value, int | float) and not isinstance(value, bool) and _is(value, float)
    if least is not None and number and value < least:
        return f"at least {least:g}, not {value!r}"
    most = getattr(info, "le", None)
    if most is not None and most < _MAX and number and value > most:
        return f"at most {most:g}, not {value!r}"
    words: dict[Any, str] = {
        msgspec.inspect.StrType: "text",
        msgspec.inspect.IntType: "a whole number",
        msgspec.inspect.FloatType: "a number",
        msgspec.inspect.BoolType: "true or false",
        msgspec.inspect.VarTupleType: "a list of texts",
        msgspec.inspect.UnionType: "a list of texts or a table",
    }
    return f"{words.get(type(info), 'something else')}, not {value!r}"
