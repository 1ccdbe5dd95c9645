"""Which prompts are for training, validation and test, for programs of other languages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from routereval.errors import DataError
from routereval.records import Records
from routereval.tasks import STREAMS, Split, mix
from routereval.tasks.benchmark import PreparedBenchmark
from routereval.tasks.mix import BENCHMARK


def split(
    collection: Sequence[Records], dest: str | Path, protocol: Split | str, *, texts: bool = False
) -> int:
    """Write a table of all prompts and their parts.

    Args:
        collection: the benchmarks.
        dest: a ``.csv`` or ``.parquet`` file: ``benchmark``, ``prompt_id``, ``subset``, ``part``.
        protocol: the protocol and seed, or its text.
        texts: whether it also has a column ``text``.

    Returns:
        How many prompts it has; those of no part are left out.

    Raises:
        DataError: if the file is of another kind, or a benchmark is too small to be split.
        SpecError: if there is no such split.
    """
    import polars as pl

    path, rule = Path(dest), Split.parse(protocol)
    bare = [one.name for one in collection if texts and not one.has_text]
    if bare:
        raise DataError(f"{bare[0]}: these records hold no prompt texts; leave out --texts")
    if path.suffix not in {".csv", ".parquet"}:
        raise DataError(f"{path}: a split is written to .csv or .parquet")
    tables = []
    stream = mix(collection) if rule.protocol in STREAMS else None
    named = [(pl.lit(one.name), one) for one in collection]
    if stream is not None:  # with the names that prompts have in their benchmarks
        own = pl.concat([one.prompts.select("prompt_id", "subset") for one in collection])
        prompts = stream.prompts.with_columns(own["prompt_id"], own["subset"])
        named = [(pl.col(BENCHMARK), replace(stream, prompts=prompts))]
    for benchmark, records in named:
        rows = PreparedBenchmark(records if stream is None else stream, rule, "columns").rows
        part = np.full(records.n_prompts, None, dtype=object)
        for name, held in zip(("train", "val", "test"), rows, strict=True):
            part[held] = name
        tables.append(
            records.prompts.select(
                benchmark.alias("benchmark"),
                "prompt_id",
                "subset",
                pl.Series("part", part, pl.String),
                *(["text"] if texts else []),
            ).drop_nulls("part")
        )
    table = pl.concat(tables)
    if path.suffix == ".csv":
        table.write_csv(path)
    else:
        table.write_parquet(path)
    return len(table)
