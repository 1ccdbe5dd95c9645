"""What Dask workers do with one part of a Parquet table: read it, name it, deal it out, pack it.

Every step is a function of what it is given, so that another worker can do it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.records.importers.long import (
    MOST_BAD_ROWS,
    BadRows,
    narrowed,
    refuse_sparse,
    refuse_two_scores,
)
from routereval.records.importers.long_parquet import LongParquet, parquet_header
from routereval.records.importers.table import Layout
from routereval.records.matrix import BinaryMatrix, RealMatrix, score_matrix

if TYPE_CHECKING:
    import polars as pl

    from routereval.records.importers.long_parquet import Codes, _Grid

KNOWN = ("prompt", "subset", "chance")
"""What a part may tell of a prompt, by role."""

K = TypeVar("K")


class Cells(NamedTuple):
    """Observed cells of one benchmark, in columns.

    Attributes:
        models: (n,) the LLM's number.
        prompts: (n,) the prompt's number.
        scores: (n,) the score, in the narrowest type that keeps every digit.
        costs: (n,) USD a call, NaN where unknown; None if unknown throughout.
    """

    models: NDArray[np.int32]
    prompts: NDArray[np.int32]
    scores: NDArray[Any]
    costs: NDArray[np.float64] | None


class Names(NamedTuple):
    """What some parts tell of one benchmark, but for its scores.

    Attributes:
        prompts: their ids, as they first come.
        models: the LLMs that have a score.
        known: by role, the first text, subset or chance of each prompt that has one.
        low: the lowest score.
        high: the highest score.
        single: True if every score is exact in float32.
    """

    prompts: list[str]
    models: list[str]
    known: dict[str, dict[str, Any]]
    low: float
    high: float
    single: bool


class Summary(NamedTuple):
    """What some parts tell of all their benchmarks.

    Attributes:
        models: all LLMs, as they first come.
        benchmarks: by name, as they first come.
        n_rows: how many records there are.
    """

    models: list[str]
    benchmarks: dict[str, Names]
    n_rows: int


class Part(NamedTuple):
    """One part as read, its LLMs and prompts numbered as in its own summary."""

    summary: Summary
    cells: dict[str, Cells]


@dataclass(frozen=True)
class Shape:
    """The matrix of one benchmark, and how it is cut into blocks of LLMs.

    Attributes:
        name: the benchmark.
        prompts: all ids, in row order.
        models: all LLMs, in column order.
        kind: the type of its numbers until they are packed.
        ends: the lowest and the highest score if they are to be mapped onto [0, 1], else None.
        width: LLMs a block.
    """

    name: str
    prompts: list[str]
    models: list[str]
    kind: type[np.floating]
    ends: tuple[float, float] | None
    width: int

    @property
    def n_blocks(self) -> int:
        """How many blocks there are."""
        return -(-len(self.models) // self.width)


class Block(NamedTuple):
    """The finished scores of a few LLMs, with their costs, (n_models, n_prompts), if known."""

    scores: BinaryMatrix | RealMatrix
    costs: NDArray[np.float32] | None


def read_part(file: Path, benchmark: str, named: Mapping[str, str], rescale: bool) -> Part:
    """The records of one file.

    Raises:
        DataError: if it cannot be read, with up to 20 bad rows listed.
    """
    bad = BadRows()
    kinds = parquet_header(file)
    layout = Layout.of(file, kinds, named, kinds.__getitem__)
    part = _PartReader(benchmark, bad, rescale=rescale)
    part.read(file, layout.roles, layout.models)
    bad.check()
    return part.finished()


class _PartReader(LongParquet):
    """Checks and numbers a part as `LongParquet` does, but lists its cells.

    A part may hold a few cells of every LLM: a matrix of its own would be nearly empty.
    """

    def __init__(self, benchmark: str, bad: BadRows, *, rescale: bool) -> None:
        super().__init__(benchmark, bad, rescale=rescale)
        self._listed: dict[int, list[Cells]] = {}

    def _fill(  # noqa: PLR0917 - as it is called
        self,
        file: Path,
        part: pl.DataFrame,
        rows: Codes,
        roles: Mapping[str, str],
        grid: _Grid,
        codes: Mapping[str, Codes],
        scores: NDArray[np.float64],
        costs: NDArray[np.float64] | None,
    ) -> None:
        prompts = grid.prompts.of(codes["prompt_id"][rows])
        for role in KNOWN:
            if role in roles:
                grid.know(role, prompts, self._knowledge(file, part, roles[role], role), rows)
        observed = ~np.isnan(scores[rows])
        rows, prompts = rows[observed], prompts[observed]
        if len(rows):
            models = grid.models.of(codes["model"][rows])
            listed = self._listed.setdefault(int(codes["benchmark"][rows[0]]), [])
            listed.append(
                Cells(
                    models.astype(np.int32),
                    prompts.astype(np.int32),
                    _narrow(scores[rows]),
                    None if costs is None or np.isnan(costs[rows]).all() else costs[rows],
                )
            )

    def finished(self) -> Part:
        """What was read."""
        names, cells = list(self._names["benchmark"]), {}
        benchmarks = {}
        for code, grid in self._grids.items():
            listed = self._listed.pop(code, [])
            if listed:
                cells[names[code]] = _stacked(listed)
            benchmarks[names[code]] = self._told(grid, cells.get(names[code]))
        return Part(Summary(list(self._names["model"]), benchmarks, self._n_rows), cells)

    def _told(self, grid: _Grid, cells: Cells | None) -> Names:
        models, prompts = list(self._names["model"]), list(self._names["prompt_id"])
        ids = [prompts[code] for code in grid.prompts.codes]
        return Names(
            prompts=ids,
            models=[models[code] for code in grid.models.codes],
            known={
                role: {ids[row]: value for row, value in values.items()}
                for role, values in grid._known.items()
            },
            low=np.inf if cells is None else float(cells.scores.min()),
            high=-np.inf if cells is None else float(cells.scores.max()),
            single=cells is None or cells.scores.dtype != np.float64,
        )


def _narrow(scores: NDArray[np.float64]) -> NDArray[Any]:
    if ((scores == 0) | (scores == 1)).all():
        return scores.astype(np.int8)
    return narrowed(scores)


def _stacked(listed: Sequence[Cells]) -> Cells:
    costs = [cells.costs for cells in listed]
    known = any(column is not None for column in costs)
    return Cells(
        np.concatenate([cells.models for cells in listed]),
        np.concatenate([cells.prompts for cells in listed]),
        np.concatenate([cells.scores for cells in listed]),
        np.concatenate(
            [
                np.full(len(cells.models), np.nan) if column is None else column
                for cells, column in zip(listed, costs, strict=True)
            ]
        )
        if known
        else None,
    )


def summary_of(part: Part) -> Summary:
    """The summary alone: it travels, the cells stay where they were read."""
    return part.summary


def joined(summaries: Sequence[Summary]) -> Summary:
    """What neighbouring parts tell together; where two tell of the same, the first counts."""
    benchmarks = {}
    for name in _union(summary.benchmarks for summary in summaries):
        told = [summary.benchmarks[name] for summary in summaries if name in summary.benchmarks]
        benchmarks[name] = Names(
            prompts=_union(names.prompts for names in told),
            models=_union(names.models for names in told),
            known={
                role: _first_of(names.known.get(role, {}) for names in told)
                for role in _union(names.known for names in told)
            },
            low=min(names.low for names in told),
            high=max(names.high for names in told),
            single=all(names.single for names in told),
        )
    n_rows = sum(summary.n_rows for summary in summaries)
    return Summary(_union(summary.models for summary in summaries), benchmarks, n_rows)


def _union(many: Iterable[Iterable[K]]) -> list[K]:
    """All that occur, as they first do."""
    return list(dict.fromkeys(chain.from_iterable(many)))


def _first_of(many: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for values in many:
        for key, value in values.items():
            found.setdefault(key, value)
    return found


def planned(whole: Summary, rescale: bool, cells: int) -> dict[str, Shape]:
    """The shape of each benchmark, in blocks of about so many cells.

    Raises:
        DataError: if one would be nearly empty, or has no score at all.
    """
    shapes = {}
    for name, names in whole.benchmarks.items():
        if not names.models:
            raise DataError(f"{name}: no records: {len(names.prompts)} prompts × 0 LLMs")
        refuse_sparse(name, whole.n_rows, len(names.prompts), len(names.models))
        scored = set(names.models)
        beyond = rescale and (names.low < 0 or names.high > 1)
        shapes[name] = Shape(
            name=name,
            prompts=names.prompts,
            models=[model for model in whole.models if model in scored],
            kind=np.float32 if names.single else np.float64,
            ends=(names.low, names.high) if beyond else None,
            width=max(1, cells // len(names.prompts)),
        )
    return shapes


def dealt_out(part: Part, plan: Mapping[str, Shape]) -> dict[tuple[str, int], Cells]:
    """The cells of a part by benchmark and block, numbered as in the whole table."""
    dealt: dict[tuple[str, int], Cells] = {}
    for name, cells in part.cells.items():
        shape, names = plan[name], part.summary.benchmarks[name]
        columns = _places(names.models, shape.models)[cells.models]
        rows = _places(names.prompts, shape.prompts)[cells.prompts]
        block = (columns // shape.width).astype(np.min_scalar_type(shape.n_blocks))
        order = np.argsort(block, kind="stable")  # two scores of one cell stay in their order
        ends = np.searchsorted(block[order], np.arange(shape.n_blocks + 1))
        for at in np.unique(block).tolist():
            taken = order[ends[at] : ends[at + 1]]
            costs = None if cells.costs is None else cells.costs[taken]
            start = np.int32(at * shape.width)
            dealt[name, at] = Cells(columns[taken] - start, rows[taken], cells.scores[taken], costs)
    return dealt


def _places(names: Sequence[str], among: Sequence[str]) -> NDArray[np.int32]:
    place = {name: number for number, name in enumerate(among)}
    return np.array([place[name] for name in names], dtype=np.int32)


def hand_of(dealt: Mapping[tuple[str, int], Cells], name: str, at: int) -> Cells | None:
    """What one part holds of a block, or None."""
    return dealt.get((name, at))


def made_block(
    hands: Sequence[Cells | None], plan: Mapping[str, Shape], name: str, at: int
) -> Block:
    """The matrix of one block, from what the parts hold of it, in their order.

    Raises:
        DataError: if a cell has two scores.
    """
    shape = plan[name]
    models = shape.models[at * shape.width : (at + 1) * shape.width]
    scores = np.full((len(models), len(shape.prompts)), np.nan, dtype=shape.kind)
    held = [cells for cells in hands if cells is not None]
    conflicts = [
        f"prompt {shape.prompts[prompt]!r}, LLM {models[model]!r}: {score:g} and {before:g}"
        for cells in held
        for model, prompt, score, before in _put(scores, cells)
    ]
    if conflicts:
        refuse_two_scores(shape.name, conflicts[:MOST_BAD_ROWS])
    if shape.ends is not None:
        low, high = map(shape.kind, shape.ends)
        scores = np.clip((scores - low) / ((high - low) or 1), 0, 1)
    return Block(score_matrix(scores.T), _costs(scores.shape, held))


def _put(scores: NDArray[np.floating], cells: Cells) -> Iterator[tuple[int, int, float, float]]:
    """Write scores; yield those that differ from what stands there already."""
    values = cells.scores.astype(scores.dtype)
    before = scores[cells.models, cells.prompts]
    scores[cells.models, cells.prompts] = values
    known = ~np.isnan(before) & (before != values)
    other = np.where(known, before, scores[cells.models, cells.prompts])
    for at in np.flatnonzero(other != values)[:MOST_BAD_ROWS].tolist():
        yield int(cells.models[at]), int(cells.prompts[at]), float(values[at]), float(other[at])


def _costs(shape: tuple[int, ...], held: Sequence[Cells]) -> NDArray[np.float32] | None:
    if all(cells.costs is None for cells in held):
        return None
    costs = np.full(shape, np.nan, dtype=np.float32)
    for cells in held:
        if cells.costs is not None:
            known = ~np.isnan(cells.costs)
            costs[cells.models[known], cells.prompts[known]] = cells.costs[known]
    return costs
