"""`LongTable`: records added one at a time, in any order, that become one draft per benchmark.

An importer reads its files row by row (`rows`); what can be read goes here.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.importers.rows import MOST_BAD_ROWS, cost_in, finite_in, name_of, text_of
from routereval.importers.scale import Rescale, Scale
from routereval.records.draft import Draft
from routereval.records.matrix import narrowed
from routereval.records.routereval import reference_of

if TYPE_CHECKING:
    import polars as pl

_MANY_CELLS = 10**8
_SPARSEST = 0.001


Repeats = Literal["refuse", "max", "mean"]


class LongTable:
    """Scores by benchmark, prompt and model, added one at a time in any order.

    A cell takes 16 bytes, 24 with a cost; names and texts are kept once.

    Args:
        rescale: the scale that scores are on; True maps the range of each benchmark onto [0, 1]
            where it exceeds that; scores may then be any finite numbers.
        repeats: what to do where a model has several scores on a prompt: ``refuse`` them if they
            differ, keep the ``max``, or their ``mean``.

    >>> table = LongTable()
    >>> table.add("toy", "q1", "a", 1)
    >>> table.add("toy", "q2", "b", 0.5, text="why?")
    >>> draft = next(table.drafts("made up"))
    >>> draft.models, draft.scores.tolist()
    (['a', 'b'], [[1.0, nan], [nan, 0.5]])
    """

    def __init__(self, *, rescale: Rescale = False, repeats: Repeats = "refuse") -> None:
        self._scale = rescale if isinstance(rescale, Scale) else Scale()
        self._observed_range = rescale is True
        self._repeats: Repeats = repeats
        self.facts: list[str] = []
        self.warnings: list[str] = []
        self._facts: dict[str, dict[str, None]] = {}
        self._warnings: dict[str, dict[str, None]] = {}
        self._models: dict[str, int] = {}
        self._benchmarks: dict[str, _Benchmark] = {}

    def add(
        self,
        benchmark: str,
        prompt_id: str,
        model: str,
        score: object,
        *,
        cost: object = None,
        text: str | None = None,
        subset: str | None = None,
        chance: float | None = None,
    ) -> None:
        """Add one record; the same one may come again, but not with another score.

        Args:
            benchmark: the draft that it goes to.
            prompt_id: names the prompt within its benchmark.
            model: the model's name.
            score: a number or truth value in [0, 1]; None or NaN if it was not observed.
            cost: USD per call; None or NaN if unknown. If it comes twice, the later one counts.
            text: the prompt's text; the first one given counts, as for `subset` and `chance`.
            subset: the part of the benchmark; the benchmark's name if none is given.
            chance: the score of a guesser on this prompt.

        Raises:
            RowError: if score or cost is no such number, or a name is blank or no valid text.
        """
        value = (
            finite_in(score, "score") if self._observed_range else self._scale.score(score, "score")
        )
        usd = cost_in(cost)
        if model not in self._models:
            self._models[name_of(model, "the model's name")] = len(self._models)
        table = self._benchmarks.get(benchmark)
        if table is None:
            name = name_of(benchmark, "the benchmark's name")
            table = self._benchmarks[name] = _Benchmark(name, self._repeats)
        row = table.prompt(prompt_id, text, subset, chance)
        table.put(row, self._models[model], value, usd)

    def note(self, benchmark: str, fact: str) -> None:
        """Say in the report of one benchmark how it was read; the same line is said once."""
        self._facts.setdefault(benchmark, {})[fact] = None

    def warn(self, benchmark: str, warning: str) -> None:
        """As `note`, of what may not be what was meant."""
        self._warnings.setdefault(benchmark, {})[warning] = None

    def drafts(
        self, source: str, licence: str = "", model_info: pl.DataFrame | None = None
    ) -> Iterator[Draft]:
        """One draft per benchmark, in the order in which they first came; the table is empty after.

        Models stand in the order in which the table first met them, prompts likewise. A model
        without a single score on a benchmark is left out of it; a prompt without one is kept.

        Args:
            source: where the records came from.
            licence: their licence.
            model_info: one row per model, as in `Draft`.

        Raises:
            DataError: if a cell has two scores, or hardly any cell was observed at all.
        """
        models = list(self._models)
        for name in list(self._benchmarks):
            draft = self._benchmarks.pop(name).draft(
                models, self._observed_range, source, licence, model_info
            )
            facts = [*self.facts, *self._facts.get(name, ())]
            yield replace(
                draft, facts=facts, warnings=[*self.warnings, *self._warnings.get(name, ())]
            )


class Numbered:
    """Tells apart the rows of a file that has one row per prompt but gives two of them one name.

    >>> numbered = Numbered()
    >>> numbered("a"), numbered("b"), numbered("a")
    ('a', 'b', 'a#2')
    """

    def __init__(self) -> None:
        self._seen: dict[object, int] = {}

    def __call__(self, name: str, of: object = None) -> str:
        """The name, with a number if it came before.

        Args:
            name: the prompt's.
            of: whose prompt it is, where each model has its own rows.
        """
        key = (name, of)
        times = self._seen[key] = self._seen.get(key, 0) + 1
        return name if times == 1 else f"{name}#{times}"


class _Benchmark:
    """The records of one benchmark, in columns."""

    def __init__(self, name: str, repeats: Repeats) -> None:
        self.name = name
        self.repeats = repeats
        self.prompts: dict[str, int] = {}
        self.texts: list[str | None] = []
        self.subsets: list[str | None] = []
        self.chances: list[float | None] = []
        self.rows, self.columns = array("I"), array("I")
        self.scores, self.costs = array("d"), array("d")

    def prompt(
        self, prompt_id: str, text: str | None, subset: str | None, chance: float | None
    ) -> int:
        """The row of a prompt, with what is newly known of it."""
        row = self.prompts.get(prompt_id)
        if row is None:
            row = self.prompts[name_of(prompt_id, "the prompt_id")] = len(self.prompts)
            self.texts.append(None)
            self.subsets.append(None)
            self.chances.append(None)
        if text is not None and self.texts[row] is None:
            self.texts[row] = text_of(text)
        if subset is not None and self.subsets[row] is None:
            self.subsets[row] = text_of(subset)
        if chance is not None and self.chances[row] is None:
            self.chances[row] = chance
        return row

    def put(self, row: int, column: int, score: float, cost: float) -> None:
        if not math.isnan(cost) and not self.costs:  # the first cost of all: none before it
            self.costs = array("d", [math.nan]) * len(self.scores)
        self.rows.append(row)
        self.columns.append(column)
        self.scores.append(score)
        if self.costs or not math.isnan(cost):
            self.costs.append(cost)

    def draft(
        self,
        models: list[str],
        rescale: bool,
        source: str,
        licence: str,
        model_info: pl.DataFrame | None,
    ) -> Draft:
        cells = _Cells.of(self, len(models))
        names = [models[column] for column in cells.models]
        scores = self._matrix(cells, narrowed(cells.scores), names)
        return Draft(
            name=self.name,
            models=names,
            scores=rescaled(scores) if rescale else scores,
            prompts=prompt_table(
                self.name, list(self.prompts), self.texts, self.subsets, self.chances
            ),
            model_info=model_info,
            costs=self._costs(cells, len(names)),
            reference=reference_of(self.name, len(self.prompts)),
            source=source,
            licence=licence,
        )

    def _matrix(
        self, cells: _Cells, values: NDArray[np.floating], names: list[str]
    ) -> NDArray[np.floating]:
        scores = self._empty(len(names), len(values), values.dtype)
        if self.repeats == "max":
            np.fmax.at(scores, (cells.rows, cells.columns), values)
            return scores
        if self.repeats == "mean":
            return _cell_means(scores.shape, cells)
        scores[cells.rows, cells.columns] = values
        differs = np.flatnonzero(scores[cells.rows, cells.columns] != values)
        if len(differs):
            refuse_two_scores(self.name, self._conflicts(cells, differs, scores, names))
        return scores

    def _conflicts(
        self,
        cells: _Cells,
        differs: NDArray[np.int64],
        scores: NDArray[np.floating],
        names: list[str],
    ) -> list[str]:
        prompts = list(self.prompts)
        return [
            f"prompt {prompts[row]!r}, model {names[column]!r}: "
            f"{cells.scores[at]:g} and {scores[row, column]:g}"
            for at in differs[:MOST_BAD_ROWS].tolist()
            for row, column in [(cells.rows[at], cells.columns[at])]
        ]

    def _empty(self, n_models: int, n_observed: int, kind: Any) -> NDArray[np.floating]:  # noqa: ANN401
        refuse_sparse(self.name, n_observed, len(self.prompts), n_models)
        return np.full((len(self.prompts), n_models), np.nan, dtype=kind)

    def _costs(self, cells: _Cells, n_models: int) -> NDArray[np.floating] | None:
        if not self.costs:
            return None
        usd = np.frombuffer(self.costs, dtype=np.float64)[cells.kept]
        known = ~np.isnan(usd)
        costs = self._empty(n_models, len(usd), np.float64)
        costs[cells.rows[known], cells.columns[known]] = usd[known]
        return costs


class _Cells:
    """The observed cells of a benchmark, with its own models numbered from 0."""

    def __init__(
        self, kept: NDArray[np.bool_], table: _Benchmark, column_of: NDArray[np.int64]
    ) -> None:
        self.kept = kept
        self.models: list[int] = np.flatnonzero(column_of >= 0).tolist()
        self.rows = np.frombuffer(table.rows, dtype=np.uint32)[kept]
        self.columns = column_of[np.frombuffer(table.columns, dtype=np.uint32)[kept]]
        self.scores = np.frombuffer(table.scores, dtype=np.float64)[kept]

    @classmethod
    def of(cls, table: _Benchmark, n_models: int) -> _Cells:
        kept = ~np.isnan(np.frombuffer(table.scores, dtype=np.float64))
        asked = np.zeros(n_models, dtype=bool)
        asked[np.frombuffer(table.columns, dtype=np.uint32)[kept]] = True
        return cls(kept, table, np.where(asked, np.cumsum(asked) - 1, -1))


def _cell_means(shape: tuple[int, ...], cells: _Cells) -> NDArray[np.floating]:
    """The mean score of each cell, NaN where there is none."""
    sums, counts = np.zeros(shape), np.zeros(shape)
    np.add.at(sums, (cells.rows, cells.columns), cells.scores)
    np.add.at(counts, (cells.rows, cells.columns), 1)
    with np.errstate(invalid="ignore"):
        return narrowed(sums / counts)


def refuse_sparse(benchmark: str, n_observed: int, n_prompts: int, n_models: int) -> None:
    """Refuse a huge matrix that would be empty but for a few cells, before it is made.

    Raises:
        DataError: if it is one.
    """
    n_cells = n_prompts * n_models
    if n_cells > _MANY_CELLS and n_observed < _SPARSEST * n_cells:
        raise DataError(
            f"{benchmark}: {n_observed:,} scores for {n_prompts:,} prompts × {n_models:,} models "
            "leave nearly every cell empty; is each column what it is taken for?"
        )


def refuse_two_scores(benchmark: str, cells: Iterable[str]) -> NoReturn:
    """Refuse cells that have two scores.

    Raises:
        DataError: always, listing them.
    """
    raise DataError(
        "\n".join(
            [
                f"{benchmark}: a model has two scores on one prompt; average them (of plain "
                "tables: -O repeats=mean), or name them apart:",
                *cells,
            ]
        )
    )


def prompt_table(
    benchmark: str,
    prompt_ids: Iterable[str],
    texts: Iterable[str | None] | None = None,
    subsets: Iterable[str | None] | None = None,
    chances: Iterable[float | None] | None = None,
) -> pl.DataFrame:
    """The prompts of a draft; a prompt without a subset is of the benchmark's own name."""
    import polars as pl

    ids = list(prompt_ids)
    nothing: list[None] = [None] * len(ids)
    return pl.DataFrame(
        {
            "prompt_id": ids,
            "subset": nothing if subsets is None else list(subsets),
            "text": nothing if texts is None else list(texts),
            "chance": nothing if chances is None else list(chances),
        },
        schema={
            "prompt_id": pl.String,
            "subset": pl.String,
            "text": pl.String,
            "chance": pl.Float64,
        },
    ).with_columns(pl.col("subset").fill_null(benchmark))


def rescaled(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    """Scores with their observed range mapped onto [0, 1] where it exceeds that."""
    seen = scores[~np.isnan(scores)]
    if not len(seen) or (seen.min() >= 0 and seen.max() <= 1):
        return scores
    low, high = seen.min(), seen.max()
    return np.asarray(np.clip((scores - low) / ((high - low) or 1), 0, 1))
