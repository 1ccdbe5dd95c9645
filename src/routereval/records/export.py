"""Records written for other programs: the neutral folder, or long Parquet.

Importing the neutral folder again gives equal records, see `export_records`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import count, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError, unknown
from routereval.records.atomic import atomic_folder
from routereval.records.beside import layers_beside
from routereval.records.matrix import narrowed
from routereval.records.records import Records

ABOUT = "about.json"
"""A file of the neutral folder: of each benchmark its reference score, source and licence."""
SCORE_TABLES = {kind: f"{kind}.parquet" for kind in ("trials", "judges", "versions")}
"""Files of the neutral folder with a row per score: prompt_id, model, and whose score it is.

That column is ``trial``, ``judge`` or ``version``.
"""
SIGNAL_TABLES = {"answer": "answers.parquet", "length": "output_chars.parquet"}
"""Files of the neutral folder that hold what a call reveals, by name; wide, as the scores are."""

if TYPE_CHECKING:
    import polars as pl

BLOCK_CELLS = 1 << 20
_PROMPT_COLUMNS = ("prompt_id", "subset", "text", "chance")
_TAKEN = ("benchmark", "prompt")
_HELD = {
    "neutral": {"axes", "trials", "signals", "judges", "versions"},
    "long": {"axes", "trials"},
    "csv": {"features"},
}  # what a format holds beside scores, costs, prompts and models
_FACTS = ("reference", "source", "licence", "simulated")


def export_records(records: Sequence[Records], dest: str | Path, format_name: str) -> Path:
    """Write records to a folder of Parquet or CSV files, which appears whole or not at all.

    ``neutral`` is the folder of `routereval.importers.neutral`: importing it gives the
    same scores, costs, models and prompts with all their columns. ``long`` has a row per observed
    cell, or per trial, in parts ``part-00000.parquet`` and so on, a block of models each; reading
    them as one table gives the same scores, the trials, the costs and axes of observed cells, and
    of the prompts their id, text, subset and chance. There the text stands in the rows of the
    benchmark's first model only, which has a row (without a score, if need be) for every prompt.

    ``neutral`` also has a table per axis and signal (``latency_ms.parquet``, ``answers.parquet``),
    and ``trials.parquet``, ``judges.parquet`` and ``versions.parquet`` with a row per score.

    ``csv`` is for programs that read no Parquet, and is not read back: ``prompts.csv``,
    ``models.csv``, ``scores.csv`` and ``costs.csv`` with a column per model, ``features-NAME.csv``;
    all but the second with a row per prompt, named by its benchmark and its id.

    The others hold no features, and none published splits and pools; ``neutral`` keeps source,
    licence, reference score, and that records are simulated, in ``about.json``; ``long`` does not.
    A model not observed at all is dropped on import; a prompt without a subset comes back with the
    benchmark's name for it; a column that another benchmark of the collection lacks comes back
    there without values. Models keep their order if there is one that suits all benchmarks; else
    the order of their first appearance.

    Args:
        records: benchmarks of different names.
        dest: the folder, which must not exist.
        format_name: ``neutral`` or ``csv``, whose memory grows with prompts × models (a byte per
            cell while all scores are 0 or 1), or ``long``, which is written block by block.

    Raises:
        DataError: if the folder exists, there are no records, two share a name, or one cannot be
            written in that format.
        SpecError: if there is no such format.

    >>> import tempfile
    >>> toy = Records.from_arrays("toy", [[1.0, 0.0], [0.0, float("nan")]], ["a", "b"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     long = export_records([toy], Path(folder) / "out", "long")
    ...     [file.name for file in long.iterdir()]
    ['part-00000.parquet']
    """
    path = Path(dest)
    if format_name not in EXPORTS:
        raise unknown("export format", format_name, EXPORTS)
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise DataError(f"{path} exists already; choose another folder, or remove it")
    _refuse(records)
    with atomic_folder(path) as folder:
        EXPORTS[format_name](records, folder)
    return path


def not_exported(records: Sequence[Records], format_name: str) -> list[str]:
    """What these records hold beside the scores that a format has no place for.

    >>> toy = Records.from_arrays("toy", [[1.0]], ["a"], axes={"latency_ms": [[9.0]]})
    >>> not_exported([toy], "csv"), not_exported([toy], "long")
    (['latency_ms'], [])
    """
    found: set[str] = set()
    for one in records:
        held = {
            "axes": list(one.axes),
            "trials": ["trials"] if one.trials is not None else [],
            "signals": list(one.signals),
            "judges": ["other judges"] if one.judges else [],
            "versions": ["other versions"] if one.versions else [],
            "features": [f"features {name}" for name in one.features],
        }
        found.update(*(names for kind, names in held.items() if kind not in _HELD[format_name]))
    return sorted(found)


def _refuse(records: Sequence[Records]) -> None:
    """Refuse what no format can tell."""
    names = [one.name for one in records]
    if not names:
        raise DataError("there are no records to export")
    for one in records:
        if names.count(one.name) > 1:
            raise DataError(f"two benchmarks are named {one.name!r}; export them apart")
        for column in _TAKEN:
            if column in one.prompts.columns or column in one.model_info.columns[1:]:
                raise DataError(
                    f"{one.name}: a column is named {column!r}, which the exported table needs "
                    "for itself; rename it"
                )


def _write_neutral(records: Sequence[Records], folder: Path) -> None:
    import polars as pl

    models = united_order([one.models for one in records])
    if "prompt_id" in models:
        raise DataError("a model is named 'prompt_id', like the key of the tables; rename it")
    prompts = [one.prompts.rename({"text": "prompt"}) for one in records]
    info = [one.model_info for one in records]
    _write(_labelled(records, prompts), folder / "prompts.parquet")
    _write(_labelled(records, info), folder / "models.parquet")
    _write(_wide(records, models, _score_block), folder / "scores.parquet")
    if any(one.costs is not None for one in records):
        _write(_wide(records, models, _cost_block), folder / "costs.parquet")
    for signal, file in SIGNAL_TABLES.items():
        if any(signal in one.signals for one in records):
            _write(_wide(records, models, _signal_block(signal)), folder / file)
    for axis in dict.fromkeys(name for one in records for name in one.axes):
        _write(_wide(records, models, _axis_block(axis)), folder / f"{axis}.parquet")
    for kind, file in SCORE_TABLES.items():
        rows = [table for one in records for table in _layer_rows(one, kind)]
        if rows:
            _write(pl.concat(rows), folder / file)
    about = {one.name: _about(one) for one in records}
    (folder / ABOUT).write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")


def _labelled(records: Sequence[Records], tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The tables one below the other, with the benchmark of each row."""
    import polars as pl

    named = [
        table.with_columns(benchmark=pl.lit(one.name))
        for one, table in zip(records, tables, strict=True)
    ]
    try:
        return pl.concat(named, how="diagonal_relaxed")
    except pl.exceptions.PolarsError as error:
        reason = str(error).partition("\n")[0]
        raise DataError(
            f"a column is of different kinds in two benchmarks ({reason}); export them apart"
        ) from None


_Block = Callable[[Records, NDArray[np.int64]], NDArray[np.floating] | None]
"""The (prompts, models) numbers of some columns of records; None if there are none at all."""


def _score_block(records: Records, columns: NDArray[np.int64]) -> NDArray[np.floating]:
    return records.scores.dense(models=columns)


def _cost_block(records: Records, columns: NDArray[np.int64]) -> NDArray[np.floating] | None:
    return None if records.costs is None else records.costs[columns].T


def _about(one: Records) -> dict[str, object]:
    """What ``about.json`` says of a benchmark."""
    named = {"judge": one.judge, "version": one.version}
    numbered = {} if one.trials is None or one.trials.numbered else {"numbered": False}
    return {
        **{fact: one.meta.get(fact) for fact in _FACTS},
        **{fact: name for fact, name in named.items() if name},
        **numbered,
    }


def _signal_block(signal: str) -> _Block:
    def block(records: Records, columns: NDArray[np.int64]) -> NDArray[np.floating] | None:
        return records.signals[signal][columns].T if signal in records.signals else None

    return block


def _axis_block(axis: str) -> _Block:
    def block(records: Records, columns: NDArray[np.int64]) -> NDArray[np.floating] | None:
        return records.axes[axis][columns].T if axis in records.axes else None

    return block


def _layer_rows(records: Records, kind: str) -> Iterator[pl.DataFrame]:
    """The scores of each trial, judge or version as rows of prompt, model, its name and score."""
    import polars as pl

    ids, models = records.prompts["prompt_id"], pl.Series(records.models, dtype=pl.String)
    for layer in layers_beside(records):
        if layer.key.kind == kind:
            scores = layer.block(np.arange(records.n_models))
            row, column = np.nonzero(~np.isnan(scores))
            yield pl.DataFrame(
                {
                    "prompt_id": ids.gather(row),
                    "model": models.gather(column),
                    kind.removesuffix("s"): pl.Series([layer.key.name]).new_from_index(0, len(row)),
                    "score": pl.Series(scores[row, column], dtype=pl.Float64),
                }
            )


def _wide(records: Sequence[Records], models: Sequence[str], block: _Block) -> pl.DataFrame:
    """One column per model, null where there is no number, the benchmarks one below the other."""
    import polars as pl

    ids = pl.concat([one.prompts["prompt_id"] for one in records])
    step = max(1, BLOCK_CELLS // len(ids))
    columns = (
        series
        for start in range(0, len(models), step)
        for series in _columns(records, models[start : start + step], block)
    )
    return pl.DataFrame([ids, *columns])


def _columns(
    records: Sequence[Records], models: Sequence[str], block: _Block
) -> Iterator[pl.Series]:
    import polars as pl

    numbers = np.full((len(models), sum(one.n_prompts for one in records)), np.nan)
    place = {model: row for row, model in enumerate(models)}
    start = 0
    for one in records:
        columns = np.array([n for n, model in enumerate(one.models) if model in place], dtype=int)
        rows = [place[one.models[column]] for column in columns]
        found = block(one, columns) if len(columns) else None
        if found is not None:
            numbers[rows, start : start + one.n_prompts] = found.T
        start += one.n_prompts
    for model, values in zip(models, numbers, strict=True):
        binary = bool(((values == 0) | (values == 1) | np.isnan(values)).all())
        series = pl.Series(model, values if binary else narrowed(values)).fill_nan(None)
        yield series.cast(pl.UInt8) if binary else series


def _write_long(records: Sequence[Records], folder: Path) -> None:
    with_costs = any(one.costs is not None for one in records)
    axes = list(dict.fromkeys(name for one in records for name in one.axes))
    with_trials = any(one.trials is not None for one in records)
    with_text = any(one.prompts["text"].null_count() < one.n_prompts for one in records)
    parts = count()
    for one in records:
        step = max(1, BLOCK_CELLS // one.n_prompts)
        for start in range(0, one.n_models, step):
            columns = np.arange(start, min(start + step, one.n_models))
            rows = _long_rows(one, columns, axes)
            dropped = [
                *(() if with_trials else ("trial",)),
                *(() if with_costs else ("cost",)),
                *(() if with_text else ("prompt",)),
            ]
            _write(rows.drop(dropped), folder / f"part-{next(parts):05}.parquet")


def _long_rows(records: Records, columns: NDArray[np.int64], axes: Sequence[str]) -> pl.DataFrame:
    """The rows of some models: all observed cells, and every prompt of the very first model."""
    import polars as pl

    at, prompt, trial, values = _long_cells(records, columns)
    costs = None if records.costs is None else records.costs[columns][at, prompt]
    table = records.prompts.select(_PROMPT_COLUMNS)[prompt]
    first = pl.Series(columns[at] == 0)
    return pl.DataFrame(
        {
            "benchmark": pl.Series([records.name], dtype=pl.String).new_from_index(0, len(at)),
            "prompt_id": table["prompt_id"],
            "model": pl.Series([records.models[c] for c in columns], dtype=pl.String).gather(at),
            "trial": pl.Series(trial, dtype=pl.Int32),
            "score": pl.Series(values, dtype=pl.Float64).fill_nan(None),
            "cost": pl.Series(
                [None] * len(at) if costs is None else costs, dtype=pl.Float32
            ).fill_nan(None),
            **{name: _axis_column(records, name, columns[at], prompt) for name in axes},
            "prompt": table["text"].zip_with(first, pl.Series([None], dtype=pl.String)),
            "subset": table["subset"],
            "chance": table["chance"],
        }
    )


def _long_cells(
    records: Records, columns: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.floating]]:
    """Place among the columns, prompt, trial and score of each row; cells without runs have one."""
    scores = records.scores.dense(models=columns).T
    kept = ~np.isnan(scores)
    kept[columns == 0] = True
    trials = records.trials
    found = []
    if trials is not None:
        for number in range(trials.n_trials):
            run = trials.run(number, models=columns).T
            at, prompt = np.nonzero(~np.isnan(run))
            kept[at, prompt] = False
            found.append((at, prompt, np.full(len(at), number), run[at, prompt]))
    at, prompt = np.nonzero(kept)
    found.insert(0, (at, prompt, np.zeros(len(at), np.int64), scores[at, prompt]))
    parts = [np.concatenate(part) for part in zip(*found, strict=True)]
    return parts[0], parts[1], parts[2], narrowed(parts[3])


def _axis_column(
    records: Records, name: str, models: NDArray[np.int64], prompts: NDArray[np.int64]
) -> pl.Series:
    import polars as pl

    held = records.axes.get(name)
    numbers = np.full(len(models), np.nan, np.float32) if held is None else held[models, prompts]
    return pl.Series(numbers, dtype=pl.Float32).fill_nan(None)


def united_order(orders: Sequence[Sequence[str]]) -> list[str]:
    """All names, in an order that agrees with each of those given where there is one.

    >>> united_order([["a", "c"], ["b", "c"], ["a", "b"]])
    ['a', 'b', 'c']
    >>> united_order([["a", "b"], ["b", "a"]])
    ['a', 'b']
    """
    names = list(dict.fromkeys(name for order in orders for name in order))
    before: dict[str, set[str]] = {name: set() for name in names}
    for order in orders:
        for one, next_one in pairwise(order):
            before[next_one].add(one)
    try:
        return list(TopologicalSorter(before).static_order())
    except CycleError:
        return names


def _write(table: pl.DataFrame, file: Path) -> None:
    table.write_parquet(file, compression="zstd")


def _write_csv(records: Sequence[Records], folder: Path) -> None:
    """Tables for any program: prompts, and scores, costs and features by benchmark and prompt."""
    import polars as pl

    models = united_order([one.models for one in records])
    taken = [model for model in models if model in {"benchmark", "prompt_id"}]
    if taken:
        raise DataError(f"a model is named {taken[0]!r}, like a key of the tables; rename it")
    prompts = _labelled(records, [one.prompts.rename({"text": "prompt"}) for one in records])
    keys = prompts.select("benchmark", "prompt_id")
    flat = [name for name, kind in prompts.schema.items() if not kind.is_nested()]
    first = [*keys.columns, *(name for name in flat if name not in keys.columns)]
    prompts.select(first).write_csv(folder / "prompts.csv")
    info = _labelled(records, [one.model_info for one in records])
    info.select("benchmark", pl.exclude("benchmark")).write_csv(folder / "models.csv")
    blocks: dict[str, _Block] = {"scores": _score_block}
    if any(one.costs is not None for one in records):
        blocks["costs"] = _cost_block
    for name, block in blocks.items():
        wide = _wide(records, models, block).drop("prompt_id")
        keys.hstack(wide.get_columns()).write_csv(folder / f"{name}.csv")
    for name in dict.fromkeys(name for one in records for name in one.features):
        _features_csv(records, name, folder / f"features-{file_name(name)}.csv")


def _features_csv(records: Sequence[Records], name: str, file: Path) -> None:
    """The vectors that records bring, a row per prompt of the benchmarks that have them."""
    import polars as pl

    tables = []
    for one in records:
        if name in one.features:
            vectors = np.asarray(one.features[name])
            columns = {f"x{place}": vectors[:, place] for place in range(vectors.shape[1])}
            ids = one.prompts.select(benchmark=pl.lit(one.name), prompt_id="prompt_id")
            tables.append(ids.hstack(pl.DataFrame(columns).get_columns()))
    pl.concat(tables, how="diagonal_relaxed").write_csv(file)


def file_name(name: str) -> str:
    """A name without what no file name may have.

    >>> file_name("sentence/bert")
    'sentence-bert'
    """
    return re.sub(r"[^\w.-]+", "-", name)


EXPORTS: Mapping[str, Callable[[Sequence[Records], Path], None]] = {
    "neutral": _write_neutral,
    "long": _write_long,
    "csv": _write_csv,
}
"""What writes each format."""
