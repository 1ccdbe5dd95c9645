"""All benchmarks of a collection as one stream of prompts, as live traffic would be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.records import Records
from routereval.records.beside import draft_fields, layers_beside, united_keys
from routereval.records.draft import Draft
from routereval.records.groups import GROUP
from routereval.records.matrix import RealMatrix
from routereval.records.merge import align

if TYPE_CHECKING:
    import polars as pl

MIXED = "mixed"
BENCHMARK = "benchmark"
"""The column of a stream's prompt table that tells where a prompt is from."""
REFERENCE = "benchmark_reference"
"""The column that tells the reference score of that benchmark, null where unknown."""


def mix(collection: Sequence[Records], name: str = MIXED) -> Records:
    """Join benchmarks: their prompts one after the other, the models asked on all of them.

    A subset of the stream is a subset of a benchmark, so that whatever is stratified or averaged by
    subset keeps benchmarks apart. Costs, signals, axes and trials are NaN where a benchmark has
    none; stored
    features stay where every benchmark has them in the same width.

    Args:
        collection: two benchmarks or more, of different names.
        name: of the stream.

    Returns:
        The records of the stream, in memory. V_R's reference is the mean of the benchmarks', by
        prompts; there is none where one of them has none.

    Raises:
        DataError: if there are fewer than two, no model was asked on all of them, or their costs
            are counted in different units.

    >>> one = Records.from_arrays("one", [[1.0, 0.0]], ["a", "b"])
    >>> two = Records.from_arrays("two", [[0.0], [1.0]], ["b"])
    >>> stream = mix([one, two])
    >>> stream.models, stream.prompts["subset"].to_list(), stream.dense().ravel()
    (('b',), ['one/one', 'two/two', 'two/two'], array([0., 0., 1.]))
    """
    if len(collection) < 2:
        names = ", ".join(records.name for records in collection)
        raise DataError(f"a stream is mixed of two benchmarks or more, not of {names or 'none'}")
    parts = align(collection)
    stream = Records.from_draft(
        Draft(
            name=name,
            models=list(parts[0].models),
            scores=_scores(parts),
            prompts=_same_kinds([_prompts(part) for part in parts]),
            model_info=_model_info(parts),
            costs=_costs(parts),
            features=_features(parts),
            reference=_reference(parts),
            source=_listed(parts, "source"),
            licence=_listed(parts, "licence"),
            simulated=any(part.simulated for part in parts),
            **_beside(parts),
        )
    )
    unit = _cost_unit(parts)
    return replace(stream, meta={**stream.meta, "cost_unit": unit}) if unit else stream


def benchmark_names(records: Records) -> list[str]:
    """The benchmarks that a stream is made of, in order; of one benchmark, its own name."""
    if BENCHMARK not in records.prompts.columns:
        return [records.name]
    return list(dict.fromkeys(records.prompts[BENCHMARK].to_list()))


def benchmarks_of(records: Records) -> NDArray[np.int64]:
    """(n_prompts,) the code of the benchmark that each prompt is from: its place in the stream."""
    if BENCHMARK not in records.prompts.columns:
        return np.zeros(records.n_prompts, dtype=np.int64)
    codes = {name: code for code, name in enumerate(benchmark_names(records))}
    return np.array([codes[name] for name in records.prompts[BENCHMARK].to_list()], dtype=np.int64)


def benchmark_starts(records: Records) -> dict[str, int]:
    """The row at which each benchmark of a stream begins."""
    first = np.unique(benchmarks_of(records), return_index=True)[1].tolist()
    return dict(zip(benchmark_names(records), first, strict=True))


def reference_of(records: Records, rows: NDArray[np.int64]) -> float | None:
    """V_R's reference on some prompts: on a stream, the mean of the benchmarks', by prompts."""
    if REFERENCE not in records.prompts.columns:
        return records.reference
    known = records.prompts[REFERENCE][rows]
    return None if known.null_count() or not len(known) else float(known.to_numpy().mean())


def _prompts(part: Records) -> pl.DataFrame:
    import polars as pl

    def within(column: str) -> pl.Expr:
        return pl.lit(f"{part.name}/") + pl.col(column).fill_null("")

    named = pl.lit(f"{part.name}/") + pl.col(GROUP).cast(pl.String)  # null where not named
    return part.prompts.with_columns(
        *([named.alias(GROUP)] if GROUP in part.prompts.columns else []),
        within("prompt_id").alias("prompt_id"),
        within("subset").alias("subset"),
        pl.lit(part.name).alias(BENCHMARK),
        pl.lit(part.reference, dtype=pl.Float64).alias(REFERENCE),
    )


def _same_kinds(tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The tables one below the other, without columns that are of different kinds in two."""
    import polars as pl

    kinds: dict[str, set[pl.DataType]] = {}
    for table in tables:
        for name, kind in table.schema.items():
            if kind != pl.Null:
                kinds.setdefault(name, set()).add(kind)
    kept = [name for name, found in kinds.items() if len(found) == 1]
    return pl.concat(
        [table.select(name for name in kept if name in table.columns) for table in tables],
        how="diagonal_relaxed",
    )


def _model_info(parts: Sequence[Records]) -> pl.DataFrame:
    """What is known of each model, the first benchmark first."""
    import polars as pl

    info = _same_kinds([part.model_info for part in parts])
    return info.group_by("model", maintain_order=True).agg(pl.all().drop_nulls().first())


def _scores(parts: Sequence[Records]) -> NDArray[np.floating]:
    matrices = [part.scores for part in parts]
    wide = any(isinstance(m, RealMatrix) and m.values.dtype == np.float64 for m in matrices)
    return np.vstack(
        [matrix.dense().astype(np.float64 if wide else np.float32) for matrix in matrices]
    )


def _costs(parts: Sequence[Records]) -> NDArray[np.floating] | None:
    if all(part.costs is None for part in parts):
        return None
    return _stacked(parts, (part.costs for part in parts))


def _cost_unit(parts: Sequence[Records]) -> str | None:
    """What costs stand for where that is not USD, which must be the same throughout."""
    units = {part.meta.get("cost_unit") for part in parts if part.costs is not None}
    if len(units) > 1:
        counted = " and ".join(sorted(str(unit or "USD") for unit in units))
        raise DataError(f"costs are counted in {counted}: they cannot be mixed; take --costs none")
    return next(iter(units), None)  # ties: there is one unit, or none


def _beside(parts: Sequence[Records]) -> dict[str, Any]:
    """Signals, axes, trials and other scores of the parts, NaN where a part has none."""
    judges = {part.judge for part in parts}
    every = [{layer.key: layer.block for layer in layers_beside(part)} for part in parts]
    columns = np.arange(parts[0].n_models)
    found = {
        key: _stacked(parts, (held[key](columns).T if key in held else None for held in every))
        for key in united_keys(parts)
    }
    fields = draft_fields(found, parts)
    return fields if len(judges) == 1 else {**fields, "judge": "", "judges": {}}


def _stacked(
    parts: Sequence[Records], cells: Iterable[NDArray[np.floating] | None]
) -> NDArray[np.floating]:
    """Model-major cells of the parts as one (n_prompts, n_models) matrix, NaN where none."""
    return np.vstack(
        [
            np.full((part.n_prompts, part.n_models), np.nan, np.float32)
            if held is None
            else np.asarray(held, np.float32).T
            for part, held in zip(parts, cells, strict=True)
        ]
    )


def _features(parts: Sequence[Records]) -> dict[str, NDArray[np.floating]]:
    held = [part.features for part in parts]
    return {
        name: np.vstack([features[name] for features in held])
        for name, first in held[0].items()
        if all(name in f and f[name].shape[1] == first.shape[1] for f in held)
    }


def _reference(parts: Sequence[Records]) -> float | None:
    known = [part.reference for part in parts if part.reference is not None]
    if len(known) < len(parts):
        return None
    return float(np.average(known, weights=[part.n_prompts for part in parts]))


def _listed(parts: Sequence[Records], key: str) -> str:
    return "; ".join(dict.fromkeys(str(part.meta[key]) for part in parts if part.meta.get(key)))
