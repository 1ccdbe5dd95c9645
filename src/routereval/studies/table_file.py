"""Files that hold a table for a study: CSV, Parquet, JSON Lines, or a JSON list of objects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from routereval.errors import DataError

if TYPE_CHECKING:
    import polars as pl

_KINDS = {
    ".csv": "CSV",
    ".parquet": "Parquet",
    ".jsonl": "JSON Lines",
    ".ndjson": "JSON Lines",
    ".json": "JSON",
}
SUFFIXES = tuple(_KINDS)
"""How the files end that can be read."""


def read_table(
    file: Path, what: str, suffixes: Sequence[str] = SUFFIXES, texts: Sequence[str] = ()
) -> pl.DataFrame:
    """The rows of a file as they are.

    Args:
        file: the file.
        what: what its rows are, for errors.
        suffixes: which of `SUFFIXES` may be read.
        texts: columns that are texts in CSV even where they look like numbers.

    Raises:
        DataError: if it is not there, ends in something else, cannot be read, or is empty.
    """
    from polars.exceptions import PolarsError

    kind = _KINDS[file.suffix.lower()] if file.suffix.lower() in suffixes else None
    if kind is None:
        raise DataError(f"{file}: {what} are read from {', '.join(suffixes)}")
    if not file.is_file():
        raise DataError(f"{file}: there is no such file")
    try:
        table = _read(file, kind, texts)
    except (PolarsError, OSError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise DataError(f"{file} is no {kind} file of {what}: {reason}") from None
    if table.is_empty():
        raise DataError(f"{file}: there are no {what} in it")
    return table


def _read(file: Path, kind: str, texts: Sequence[str]) -> pl.DataFrame:
    import polars as pl

    if kind == "CSV":
        there = pl.read_csv(file, n_rows=0).columns
        _refuse_repeated_columns(there)
        words = {name: pl.String for name in texts if name in there}
        return pl.read_csv(file, infer_schema_length=None, schema_overrides=words)
    if kind == "Parquet":
        return pl.read_parquet(file)
    if kind == "JSON":
        return _of_objects(file)
    _refuse_repeated_keys(file)
    return pl.read_ndjson(file, infer_schema_length=None)


def _refuse_repeated_columns(names: Sequence[str]) -> None:
    """Refuse names that polars has made different, as it does of a second ``model``."""
    for name in names:
        own, mark, number = name.rpartition("_duplicated_")
        if mark and number.isdigit() and own in names:
            raise ValueError(f"two columns are named {own!r}; give each its own name")


def _refuse_repeated_keys(file: Path) -> None:
    """Refuse an object that names a key twice, of which only one value would be read."""
    decoder = json.JSONDecoder(object_pairs_hook=_object)
    with file.open(encoding="utf-8-sig") as stream:
        for line, text in enumerate(stream, 1):
            if text.strip():
                try:
                    decoder.decode(text)
                except ValueError as error:
                    raise ValueError(f"line {line}: {error}") from None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    held = dict(pairs)
    if len(held) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands twice in one object")
    return held


def _of_objects(file: Path) -> pl.DataFrame:
    """The plain fields of a JSON list of objects."""
    import polars as pl

    held = json.loads(file.read_bytes(), object_pairs_hook=_object)
    if not isinstance(held, list) or not all(isinstance(one, dict) for one in held):
        raise ValueError("it should be a list of objects, one per row")
    plain = [
        {key: value for key, value in one.items() if not isinstance(value, dict | list)}
        for one in held
    ]
    return pl.DataFrame(plain, infer_schema_length=None, strict=False)
