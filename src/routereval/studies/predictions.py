"""Predictions of a router that was not run here, read from a file."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.records import Records
from routereval.studies.table_file import read_table

if TYPE_CHECKING:
    import polars as pl

_ID, _MODEL, _SCORE, _COST, _BENCHMARK, _SCORES = (
    *("prompt_id", "model", "score", "cost", "benchmark", "scores"),
)
_NESTED = (
    "lists or objects; write a number or a name into each cell, or in JSON Lines scores by model: "
    '{"prompt_id": …, "scores": {"MODEL": 0.5, …}}'
)
_SUFFIXES = (".csv", ".parquet", ".jsonl", ".ndjson")


class Predictions(NamedTuple):
    """What a file says of the prompts of one benchmark.

    Attributes:
        models: the models that it names, in the order of the records.
        rows: (n,) which prompts of the records, in their order.
        values: (n, n_models) predicted scores, NaN where none was given; for choices, 1 for the
            chosen model and else 0.
        costs: (n, n_models) USD per call that the router expects, or None.
        paid: (n,) USD that each choice cost, or None.
        chosen: True if the file names choices, not scores.
    """

    models: tuple[str, ...]
    rows: NDArray[np.int64]
    values: NDArray[np.float64]
    costs: NDArray[np.float64] | None
    paid: NDArray[np.float64] | None
    chosen: bool


@dataclass(frozen=True)
class PredictionsFile:
    """A table of predictions, brought into one form: a row per prompt and model.

    Attributes:
        path: the file.
        table: columns ``prompt_id``, ``model``, ``score`` (null for choices), ``cost`` (null
            where not given), and ``benchmark`` where the file has it.
        chosen: True if the file names choices, not scores.
        has_costs: True if it has costs.
    """

    path: Path
    table: pl.DataFrame
    chosen: bool
    has_costs: bool

    def of(self, records: Records, pool: Sequence[str] | None = None) -> Predictions | None:
        """The part of one benchmark, or None if there is none.

        Args:
            records: the benchmark.
            pool: the models that the router could choose from; those that the file names if None.

        Raises:
            DataError: if the file names a model that the records or the pool do not hold, or
                a prompt, or a prompt and model, twice.
        """
        import polars as pl

        own = self.table
        if _BENCHMARK in own.columns:
            own = own.filter(pl.col(_BENCHMARK) == records.name)
        ids = records.prompts.select(_ID).with_row_index("row")
        own = own.join(ids, on=_ID, how="inner", maintain_order="left")
        if own.is_empty():
            return None
        models = self._pool(records, own[_MODEL].unique(maintain_order=True).to_list(), pool)
        rows = np.unique(own["row"].to_numpy().astype(np.int64))
        at = np.searchsorted(rows, own["row"].to_numpy().astype(np.int64))
        column = own[_MODEL].replace_strict({m: n for n, m in enumerate(models)}).to_numpy()
        self._refuse_twice(own, at if self.chosen else at * len(models) + column)
        scores = np.ones(len(own)) if self.chosen else own[_SCORE].to_numpy().astype(np.float64)
        values = np.full((len(rows), len(models)), 0.0 if self.chosen else np.nan)
        values[at, column] = scores
        if not self.has_costs:
            return Predictions(models, rows, values, None, None, self.chosen)
        costs = np.full(values.shape, np.nan)
        costs[at, column] = own[_COST].to_numpy().astype(np.float64)
        if not self.chosen:
            return Predictions(models, rows, values, costs, None, self.chosen)
        paid = costs[np.arange(len(rows)), values.argmax(axis=1)]
        return Predictions(models, rows, values, None, paid, self.chosen)

    def of_stream(self, collection: Sequence[Records]) -> PredictionsFile:
        """The same file of the stream that benchmarks are mixed to, by the prompt names there."""
        import polars as pl

        names = [records.name for records in collection]
        ids = pl.concat(
            records.prompts.select(_ID, pl.lit(records.name).alias(_BENCHMARK))
            for records in collection
        )
        on = [_ID, _BENCHMARK] if _BENCHMARK in self.table.columns else [_ID]
        table = self.table.join(ids.select(_ID, _BENCHMARK), on=on, maintain_order="left")
        full_id = pl.format("{}/{}", _BENCHMARK, _ID).alias(_ID)
        own = table.filter(pl.col(_BENCHMARK).is_in(names)).with_columns(full_id).drop(_BENCHMARK)
        return replace(self, table=own)

    def check_prompts(self, collection: Sequence[Records]) -> None:
        """Refuse prompts that no benchmark holds, or that several do.

        Raises:
            DataError: if there are such.
        """
        if _BENCHMARK in self.table.columns:
            held = {one.name: set(one.prompts[_ID].to_list()) for one in collection}
            pairs = self.table.select(_BENCHMARK, _ID).unique(maintain_order=True).iter_rows()
            strange = [name for benchmark, name in pairs if name not in held.get(benchmark, ())]
        else:
            ids = [name for one in collection for name in one.prompts[_ID].to_list()]
            known, given = set(ids), self.table[_ID].unique(maintain_order=True).to_list()
            strange = [name for name in given if name not in known]
            if len(known) < len(ids) and (twice := known_twice(ids, given)):
                raise DataError(
                    f"{self.path}: prompt {twice!r} is in several benchmarks; add a column "
                    f"{_BENCHMARK!r}"
                )
        if strange:
            hint = self._hint(collection, strange[0])
            count = "a prompt" if len(strange) == 1 else f"{len(strange):,} prompts"
            raise DataError(
                f"{self.path}: {count} of the file not in the records, first {strange[0]!r}{hint}"
            )

    def _hint(self, collection: Sequence[Records], strange: str) -> str:
        """What may be meant instead of a prompt that is not in the records."""
        names = [one.name for one in collection]
        given = self.table[_BENCHMARK].unique(maintain_order=True) if self._tells_benchmarks else ()
        if others := [name for name in given if name not in names]:
            return f"; there is no benchmark {others[0]!r}, only {', '.join(names)}"
        everyone = [name for one in collection for name in one.prompts[_ID].to_list()]
        near = difflib.get_close_matches(strange, everyone[:20_000], n=1)
        return f"; did you mean {near[0]!r}?" if near and near[0] != strange else ""

    @property
    def _tells_benchmarks(self) -> bool:
        return _BENCHMARK in self.table.columns

    def _pool(
        self, records: Records, named: Sequence[str], pool: Sequence[str] | None
    ) -> tuple[str, ...]:
        known = list(records.models) if pool is None else list(pool)
        for model in named:
            if model not in known:
                near = difflib.get_close_matches(str(model), known, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                where = f"in the records of {records.name}" if pool is None else "in the pool"
                raise DataError(f"{self.path}: no model {model!r} {where}{hint}")
        if pool is not None:
            records.columns(tuple(pool))  # says which model of the pool the records lack
            return tuple(pool)
        return tuple(model for model in records.models if model in set(named))

    def _refuse_twice(self, own: pl.DataFrame, cells: NDArray[np.int64]) -> None:
        counts = np.bincount(cells)
        twice = np.flatnonzero(counts[cells] > 1)
        if len(twice):
            row = own.row(int(twice[0]), named=True)
            what = "" if self.chosen else f" and model {row[_MODEL]!r}"
            raise DataError(
                f"{self.path}: prompt {row[_ID]!r}{what} stands there more than once; keep one"
            )


def known_twice(ids: Sequence[str], given: Sequence[str]) -> str:
    """The first of the names given that the list holds twice; empty if there is none."""
    from collections import Counter

    counts = Counter(ids)
    return next((name for name in given if counts[name] > 1), "")


def read_predictions(path: str | Path) -> PredictionsFile:
    """Read predictions from CSV, JSON Lines or Parquet.

    Three forms are known: ``prompt_id, model`` (choices); ``prompt_id, model, score`` (a row a
    prompt and model); ``prompt_id`` and a column per model (in JSON Lines also an object
    ``scores``). A column ``cost`` in USD may stand beside the first two, ``benchmark`` beside all.

    Raises:
        DataError: if it cannot be read, or has none of these forms.
    """
    import polars as pl

    file = Path(path)
    table = _table(file)
    table = table.with_columns(pl.col(_ID).cast(pl.String))
    if _BENCHMARK in table.columns:
        table = table.with_columns(pl.col(_BENCHMARK).cast(pl.String))
    chosen = _MODEL in table.columns and _SCORE not in table.columns
    if _MODEL not in table.columns:
        table = _long(file, table)
    for column in (_SCORE, _COST):
        if column not in table.columns:
            table = table.with_columns(pl.lit(None, pl.Float64).alias(column))
        table = _numbers(file, table, column)
    table = _named(file, table.with_columns(pl.col(_MODEL).cast(pl.String)))
    if not chosen and not table[_SCORE].count():
        raise DataError(f"{file}: no row has a score")
    return PredictionsFile(file, table, chosen, table[_COST].null_count() < len(table))


def _named(file: Path, table: pl.DataFrame) -> pl.DataFrame:
    """The table itself, once every row is seen to name its prompt and model."""
    for column in (_ID, _MODEL):
        if table[column].null_count():
            row = int(table[column].is_null().arg_max() or 0)
            raise DataError(f"{file}: row {row + 1} has no {column}")
    return table


def _table(file: Path) -> pl.DataFrame:
    import polars as pl

    table = read_table(file, "predictions", _SUFFIXES, (_ID, _MODEL, _BENCHMARK))
    if isinstance(table.schema.get(_SCORES), pl.Struct):
        table = table.unnest(_SCORES)
    if _ID not in table.columns:
        raise DataError(f"{file}: no column {_ID!r}; it has: {', '.join(table.columns)}")
    read = (_ID, _MODEL, _SCORE, _COST, _BENCHMARK) if _MODEL in table.columns else table.columns
    nested = [name for name in read if name in table.columns and table.schema[name].is_nested()]
    if nested:
        raise DataError(f"{file}: column {nested[0]!r} holds {_NESTED}")
    return table


def _long(file: Path, table: pl.DataFrame) -> pl.DataFrame:
    """A row per prompt and model, of a table with a column per model."""
    import polars as pl

    index = [name for name in (_ID, _BENCHMARK) if name in table.columns]
    models = [name for name in table.columns if name not in (*index, _COST)]
    if not models:
        raise DataError(f"{file}: neither a column {_MODEL!r} nor a column for each model")
    if _COST in table.columns:
        raise DataError(
            f"{file}: a column {_COST!r} beside a column for each model does not say whose it is; "
            f"write a row per prompt and model: {_ID}, {_MODEL}, {_SCORE}, {_COST}"
        )
    for name in models:
        table = _numbers(file, table, name)
    long = table.unpivot(models, index=index, variable_name=_MODEL, value_name=_SCORE)
    return long.filter(pl.col(_SCORE).is_not_null())


def _numbers(file: Path, table: pl.DataFrame, column: str) -> pl.DataFrame:
    import polars as pl

    numbers = table[column].cast(pl.Float64, strict=False)
    bad = (numbers.is_null() & table[column].is_not_null()) | numbers.is_infinite().fill_null(False)
    if bad.any():
        value = table[column].filter(bad)[0]
        raise DataError(f"{file}: column {column!r} holds {value!r}, which is no finite number")
    if column == _COST and (numbers < 0).any():
        raise DataError(f"{file}: column {column!r} holds {numbers.min()!r}, below 0")
    return table.with_columns(numbers.fill_nan(None).alias(column))
