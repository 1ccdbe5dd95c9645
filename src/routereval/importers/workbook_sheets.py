"""The sheets of a workbook: which of them hold one table, and their cells as texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from routereval.errors import DataError, MissingDependencyError
from routereval.importers.column_words import is_benchmark, plain_name
from routereval.importers.table_roles import ROLES
from routereval.importers.workbook import refuse_bombs

_HEAD = 20  # rows among which the line of names is looked for


def read_sheets(file: Path) -> Mapping[str, Mapping[str, str]]:
    """The sheets that are read, each with what holds for all its rows, by column.

    That is the first; or all, where they have one line of names and each is one model's, with a
    score but no model, or is called as a benchmark is.

    Raises:
        DataError: if it is no workbook.
        MissingDependencyError: if the extra ``excel`` is not there.
    """
    names = _names(file)
    role = _role_of_sheets(file, names) if len(names) > 1 else None
    return {name: {role: name} for name in names} if role else {name: {} for name in names[:1]}


def unread_sheets(file: Path) -> list[str]:
    """The sheets of a workbook that are not read.

    Raises:
        DataError: if it is no workbook.
        MissingDependencyError: if the extra ``excel`` is not there.
    """
    read = read_sheets(file)
    return [name for name in _names(file) if name not in read]


def cells_of(file: Path, sheet: str, n_rows: int | None = None) -> Iterator[list[str]]:
    """The rows of a sheet, as texts: of one type, polars would drop what is of another.

    Raises:
        DataError: if it is no workbook.
        MissingDependencyError: if the extra ``excel`` is not there.
    """
    import polars as pl

    with _reading_excel(file):
        frame = pl.read_excel(
            file,
            sheet_name=sheet,
            engine="calamine",
            has_header=False,
            infer_schema_length=0,
            raise_if_empty=False,
            read_options=None if n_rows is None else {"n_rows": n_rows},
        )
    for row in frame.iter_rows():
        yield [cell or "" for cell in row]


def _role_of_sheets(file: Path, names: list[str]) -> str | None:
    """What the names of sheets with one line of names are; None if only the first is to be read."""
    heads = [next(filter(any, cells_of(file, name, _HEAD)), []) for name in names]
    if not heads[0] or any(head != heads[0] for head in heads):
        return None
    plain = set(map(plain_name, heads[0]))
    if not plain.isdisjoint(ROLES["score"]) and plain.isdisjoint(ROLES["model"]):
        return "model"
    return "benchmark" if all(map(is_benchmark, names)) else None


def _names(file: Path) -> list[str]:
    with _reading_excel(file):
        import fastexcel  # type: ignore[import-not-found, unused-ignore]

        return list(fastexcel.read_excel(file).sheet_names)


@contextmanager
def _reading_excel(file: Path) -> Iterator[None]:
    """Turns what a reader of workbooks raises into our errors."""
    try:
        import fastexcel  # noqa: F401
    except ImportError:
        raise MissingDependencyError.of("fastexcel", "excel") from None
    refuse_bombs(file)
    try:
        yield
    except Exception as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise DataError(f"{file} cannot be read as an Excel workbook ({lines[0][:150]})") from None
