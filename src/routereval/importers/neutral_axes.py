"""What stands beside the scores of a neutral folder: axes, trials, judges, versions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.importers.cell_runs import cell_means, runs_of, stacked
from routereval.importers.examined import listed_names
from routereval.importers.source_files import parquet_schema, parquet_table
from routereval.records.axes import axis_of, is_axis_name
from routereval.records.export import SCORE_TABLES
from routereval.records.trials import trials_of_counts

if TYPE_CHECKING:
    import polars as pl

N_TRIALS = "n_trials.parquet"
_VERSION = re.compile(r"scores_(?:[a-z]+_)?(\d{4})[-_](\d{2})[-_](\d{2})")
_INTEGER = 1e-3  # how far a count may be from a whole number, as means are often float32
_INDEX = "__index_level_0__"  # which pandas adds

Floats = NDArray[np.floating]


@dataclass
class Beside:
    """Matrices beside the scores of a folder, each (n_prompts, n_models) and NaN where unknown.

    Attributes:
        axes: by name.
        trials: (n_trials, n_prompts, n_models), or None.
        numbered: False if of the trials only the number of right ones is known.
        judges: scores by judge.
        versions: scores by date.
        facts: which file became what.
        warnings: which was left out, and why.
    """

    axes: dict[str, Floats] = field(default_factory=dict)
    trials: Floats | None = None
    numbered: bool = True
    judges: dict[str, Floats] = field(default_factory=dict)
    versions: dict[str, Floats] = field(default_factory=dict)
    facts: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read_beside(
    path: Path, known: Sequence[str], prompts: pl.Series, models: Sequence[str], scores: Floats
) -> Beside:
    """Read all further Parquet files of a folder.

    Args:
        path: the folder.
        known: its files that are read elsewhere.
        prompts: the prompt_ids, in the order of the rows.
        models: the models, in the order of the columns.
        scores: (n_prompts, n_models), which trials of which only the number is known must suit.

    Raises:
        DataError: if a file whose name says what it is cannot be read as that.
    """
    found, cells = Beside(), _Cells(prompts, models)
    files = [f for f in sorted(path.glob("*.parquet")) if f.name not in {*known, N_TRIALS}]
    left = [file.name for file in files if not _read_one(file, cells, found)]
    if found.trials is None and (path / N_TRIALS).is_file():
        _read_counts(path / N_TRIALS, cells, scores, found)
    choices = [name for name in left if name.endswith("choices.parquet")]
    if choices:
        found.facts.append(
            f"choices of routers, no part of records: {', '.join(choices)}; routereval referee "
            "reads them"
        )
        left = [name for name in left if name not in choices]
    if left:
        found.warnings.append(
            f"not understood, and left out: {', '.join(left)}; read are the tables of "
            "docs/records.md, and tables of numbers with prompt_id and a column per model"
        )
    return found


def _read_one(file: Path, cells: _Cells, found: Beside) -> bool:
    """Read a file; whether it was understood."""
    version, alias = _VERSION.fullmatch(file.stem), axis_of(file.stem)
    if file.name in SCORE_TABLES.values():
        return _read_layers(file, cells, found)
    if version is not None:
        date = "-".join(version.groups())
        found.versions[date] = cells.wide(file, found.warnings)
        found.facts.append(f"version {date}: {file.name}")
    elif alias is not None:
        found.axes[alias.axis] = cells.wide(file, found.warnings) * alias.factor
        found.facts.append(f"{alias.axis}: {file.name}")
    elif is_axis_name(file.stem) and _is_numbers(file, cells.models):
        found.axes[file.stem] = cells.wide(file, found.warnings)
        found.facts.append(f"{file.stem}: numbers per call, kept under the file's name")
    else:
        return False
    return True


class _Cells:
    """Where prompts and models stand in the matrices of a folder."""

    def __init__(self, prompts: pl.Series, models: Sequence[str]) -> None:
        self.prompts, self.models = prompts, list(models)
        self.shape = len(prompts), len(models)
        self._rows = {name: row for row, name in enumerate(prompts.to_list())}
        self._columns = {name: column for column, name in enumerate(models)}

    def wide(self, file: Path, warnings: list[str]) -> Floats:
        """The numbers of a table with a row per prompt and a column per model."""
        table = parquet_table(file)
        rows = self.rows(file, table)
        if len(set(rows.tolist())) < len(rows):
            raise DataError(f"{file}: its prompt_ids are not those of prompts.parquet: twice")
        names = [name for name in table.columns if name not in {"prompt_id", _INDEX}]
        unknown = [name for name in names if name not in self._columns]
        if unknown:
            warnings.append(
                f"{file.name}: models that scores.parquet lacks are left out: "
                f"{listed_names(unknown)}"
            )
        matrix = np.full(self.shape, np.nan)
        for name in names:
            if name in self._columns:
                matrix[rows, self._columns[name]] = _numbers(file, table[name])
        return matrix

    def rows(self, file: Path, table: pl.DataFrame) -> NDArray[np.int64]:
        """The row of each prompt_id of a table."""
        return _places(file, "prompt_id", table, self._rows)

    def columns(self, file: Path, table: pl.DataFrame) -> NDArray[np.int64]:
        """The column of each model of a long table."""
        return _places(file, "model", table, self._columns)


def _read_layers(file: Path, cells: _Cells, found: Beside) -> bool:
    """Read a table with a row per score of a trial, a judge or a version; False if it is none."""
    import polars as pl

    kind = file.stem
    label = kind.removesuffix("s")
    table = parquet_table(file)
    if not {"prompt_id", "model", label, "score"} <= set(table.columns):
        return False
    table = table.filter(pl.col("score").cast(pl.Float64, strict=False).is_not_null())
    rows, columns = cells.rows(file, table), cells.columns(file, table)
    scores = _numbers(file, table["score"])
    names = table[label].unique(maintain_order=True).drop_nulls()
    names = names.sort() if names.dtype.is_numeric() else names
    order = {name: code for code, name in enumerate(names.to_list())}
    codes = np.array([order.get(name, -1) for name in table[label].to_list()], dtype=np.int64)
    if (codes < 0).any():
        raise DataError(f"{file}: a row has no {label}")
    rest = [name for name in table.columns if name not in {"prompt_id", "model", label, "score"}]
    left_out = f"; its columns {listed_names(rest)} are left out" if rest else ""
    found.facts.append(f"{kind}: {file.name}, {table.height:,} scores{left_out}")
    if kind != "trials":
        layers = found.judges if kind == "judges" else found.versions
        for name, code in order.items():
            of = codes == code
            layers[str(name)] = cell_means(rows[of], columns[of], scores[of], cells.shape)
        return True
    runs = runs_of(rows * cells.shape[1] + columns, codes, scores)
    if len(runs.differs):
        at = int(runs.differs[0])
        raise DataError(
            f"{file}: trial {table[label][at]!r} of prompt {table['prompt_id'][at]!r} with "
            f"{table['model'][at]!r} has two scores"
        )
    found.trials = stacked(runs, rows, columns, scores, cells.shape)
    return True


def _read_counts(file: Path, cells: _Cells, scores: Floats, found: Beside) -> None:
    """Read how many runs each score is the mean of."""
    counts = cells.wide(file, found.warnings)
    runs = np.where(np.isnan(counts) | np.isnan(scores), 0, counts)
    right = np.where(runs > 0, np.nan_to_num(scores), 0) * runs
    whole = np.abs(runs - runs.round()) + np.abs(right - right.round())
    if (whole > _INTEGER).any() or (runs < 0).any() or runs.max(initial=0) > 10_000:
        found.warnings.append(
            f"{file.name}: not every score is a whole number of right runs; it is left out"
        )
        return
    if runs.max(initial=0) > 1:
        found.trials = trials_of_counts(right.round(), runs.round().astype(np.int64))
        found.numbered = False
        found.facts.append(f"trials: numbers of right runs, from scores and {file.name}")


def _is_numbers(file: Path, models: Iterable[str]) -> bool:
    """Whether a file is a table of numbers with a column for some of the models."""
    import polars as pl

    try:
        schema = parquet_schema(file)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return False
    names = [name for name in schema if name not in {"prompt_id", _INDEX}]
    kinds = [schema[name].is_numeric() for name in names]
    return "prompt_id" in schema and bool(names) and all(kinds) and set(names) <= set(models)


def _places(
    file: Path, column: str, table: pl.DataFrame, places: Mapping[str, int]
) -> NDArray[np.int64]:
    import polars as pl

    if column not in table.columns:
        raise DataError(f"{file}: there is no column {column}")
    try:
        names = table[column].cast(pl.String).to_list()
    except pl.exceptions.PolarsError:
        raise DataError(f"{file}: column {column!r} holds no names") from None
    unknown = next((name for name in names if name not in places), None)
    if unknown is not None or None in names:
        where = "prompts.parquet" if column == "prompt_id" else "scores.parquet"
        raise DataError(f"{file}: {column} {unknown!r} is none of {where}; mend or remove its rows")
    return np.array([places[name] for name in names], dtype=np.int64)


def _numbers(file: Path, column: pl.Series) -> NDArray[np.float64]:
    import polars as pl

    kind = column.dtype
    if not (kind.is_numeric() or kind in {pl.Null, pl.Boolean}):
        raise DataError(f"{file}: column {column.name!r} holds {kind}, not numbers")
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
