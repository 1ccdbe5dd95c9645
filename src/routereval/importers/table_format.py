"""`TableFormat`: a format of simple tables, declared: its files, their rows, the cells of a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from routereval.importers.benchmark_columns import Repeats
from routereval.importers.eval_logs import refuse_unscored
from routereval.importers.long_table import LongTable
from routereval.importers.rows import (
    BadRows,
    RowError,
    csv_rows,
    field_in,
    files_in,
    name_in,
    some_files,
    text_of,
)
from routereval.importers.scale import Rescale
from routereval.records.draft import Draft

if TYPE_CHECKING:
    import polars as pl

Row = Mapping[str, Any]
Rows = Callable[[Path, BadRows], Iterator[tuple[int, Row]]]


class Cell(NamedTuple):
    """One record, as `LongTable.add` takes it."""

    benchmark: str
    prompt_id: str
    model: str
    score: object
    cost: object = None
    text: str | None = None
    subset: str | None = None
    axes: Mapping[str, object] | None = None
    trial: str | int | None = None
    failed: bool = False
    """Whether the call ended in an error, so that it is not observed."""


class Place(NamedTuple):
    """Where a row stands: its file, and its number there, the first being 0."""

    file: Path
    number: int


Cells = Callable[[Row, Place], Iterable[Cell]]


@dataclass(frozen=True)
class TableFormat:
    """A format of simple tables.

    Attributes:
        title: what it is called where its records say where they came from.
        kind: what its files are called in errors.
        forms: patterns of its files in a folder.
        is_ours: whether a file is of this format; it never raises.
        licence: of its records, as far as known.
        rows: reads a file.
        wide: True if a row holds several models, so that errors name theirs.
        repeats: as in `LongTable`.
        n_first: how many files of a folder are looked at to recognise it.
        unscored: what to do about files without any score, for the error; empty where that
            looks like files without rows.
    """

    title: str
    kind: str
    forms: Sequence[str]
    is_ours: Callable[[Path], bool]
    licence: str = ""
    rows: Rows = csv_rows
    wide: bool = False
    repeats: Repeats = "refuse"
    n_first: int = 1
    unscored: str = ""

    def recognise(self, path: Path) -> bool:
        """True for a file of this format, or a folder that has one."""
        return any(map(self.is_ours, files_in(path, *self.forms)[: self.n_first]))

    def read(
        self,
        path: Path,
        cells: Cells,
        *,
        files: Sequence[Path] = (),
        rescale: Rescale = False,
        model_info: pl.DataFrame | None = None,
    ) -> Iterator[Draft]:
        """One draft per benchmark.

        Args:
            path: a file or a folder.
            cells: the records of a row.
            files: those to read, unless all that `forms` match.
            rescale: as in `LongTable`.
            model_info: one row per model, as in `Draft`.

        Raises:
            DataError: if there is no file, or rows cannot be read, with up to 20 listed.
        """
        files = files or some_files(path, self.kind, *self.forms)
        bad, table, n_cells = BadRows(), LongTable(rescale=rescale, repeats=self.repeats), 0
        n_failed = 0
        for file in files:
            for number, (line, row) in enumerate(self.rows(file, bad)):
                with bad.row(file, line):
                    for cell in cells(row, Place(file, number)):
                        with about(cell.model if self.wide else ""):
                            _add(table, cell, cell.model if self.wide else "score")
                        n_cells += 1
                        n_failed += cell.failed
        bad.check()
        if n_failed:
            table.warnings.append(f"{n_failed} answers ended in an error: they are not observed")
        if self.unscored:
            refuse_unscored(path, n_cells, files, self.unscored)
        yield from table.drafts(f"{self.title}, {path.name}", self.licence, model_info)


def _add(table: LongTable, cell: Cell, column: str) -> None:
    table.add(
        *cell[:3],
        None if cell.failed else cell.score,
        cost=cell.cost,
        text=cell.text,
        subset=cell.subset,
        axes=cell.axes,
        trial=cell.trial,
        column=column,
    )


def long_cells(
    *,
    prompt_id: str,
    model: Sequence[str],
    score: str,
    benchmark: str = "",
    benchmark_column: str = "",
    cost: str = "",
    subset: Sequence[str] = (),
    text: Callable[[object], str | None] = text_of,
) -> Cells:
    """The one cell of a row that is a record, by the columns that hold its parts.

    Of several columns for `model` or `subset` the first that is there counts. `benchmark` is that
    of all rows, unless `benchmark_column` names it.
    """

    def cells(row: Row, _: Place) -> Iterator[Cell]:
        yield Cell(
            name_in(row, benchmark_column) if benchmark_column else benchmark,
            name_in(row, prompt_id),
            name_in(row, first_of(row, model)),
            field_in(row, score),
            cost=row.get(cost),
            text=text(row.get("prompt")),
            subset=name_in(row, first_of(row, subset)) if subset else None,
        )

    return cells


def first_of(row: Iterable[str], names: Sequence[str]) -> str:
    """The first of some columns that a row has, else the first of them."""
    here = set(row)
    return next((name for name in names if name in here), names[0])


@contextmanager
def about(column: str) -> Iterator[None]:
    """Name the model or column in what is wrong with a cell; nothing is added if it is empty."""
    try:
        yield
    except RowError as error:
        raise (RowError(f"{column!r}: {error}") if column else error) from None
