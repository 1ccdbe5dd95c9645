"""The records of one benchmark in columns, as they were added, and the draft that they become."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator
from copy import copy
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.importers.cell_runs import Runs, cell_means, runs_of, stacked
from routereval.importers.cells import CellForms
from routereval.importers.examined import listed_names
from routereval.importers.rows import MOST_BAD_ROWS, axis_in, name_of, text_of
from routereval.records.draft import Draft
from routereval.records.matrix import narrowed
from routereval.records.routereval import reference_of

if TYPE_CHECKING:
    import polars as pl

_MANY_CELLS = 10**8
_SPARSEST = 0.001
_LONGEST_NUMBER = 20  # digits of a run's number or seed

Repeats = Literal["refuse", "trials", "max", "mean"]
"""What to do with several scores of a cell; see `LongTable`."""


class BenchmarkColumns:
    """The records of one benchmark, in columns."""

    def __init__(self, name: str, repeats: Repeats, *, one_of_judges: bool) -> None:
        self.name = name
        self.repeats = repeats
        self.one_of_judges = one_of_judges
        self.prompts: dict[str, int] = {}
        self.texts: list[str | None] = []
        self.subsets: list[str | None] = []
        self.chances: list[float | None] = []
        self.rows, self.columns = array("I"), array("I")
        self.scores, self.costs = array("d"), array("d")
        self.axes: dict[str, array[float]] = {}
        self.trials, self.judge_codes = array("q"), array("q")
        self._trial_codes: dict[str | int | None, int] = {}
        self.judges: dict[str | None, int] = {}
        self.noticed: list[str] = []
        self.forms = CellForms()
        self.unread: dict[str, tuple[int, str]] = {}

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
        """Note a score, NaN where there is none, with its cost."""
        if not math.isnan(cost) and not self.costs:  # the first cost of all: none before it
            self.costs = array("d", [math.nan]) * len(self.scores)
        self.rows.append(row)
        self.columns.append(column)
        self.scores.append(score)
        if self.costs or not math.isnan(cost):
            self.costs.append(cost)

    def put_axis(self, axis: str, cell: object) -> None:
        """Note a number beside the score that was put last."""
        number = axis_in(cell)
        if number is None:
            n, _ = self.unread.get(axis, (0, ""))
            self.unread[axis] = n + 1, str(cell)[:40]
        elif not math.isnan(number):
            held = self.axes.setdefault(axis, array("d"))
            held.extend([math.nan] * (len(self.scores) - len(held)))
            held[-1] = number

    def name_run(self, trial: str | int | None) -> None:
        """Name the run that the next score is of."""
        self._code(self.trials, self._trial_codes, trial)

    def name_judge(self, judge: str | None) -> None:
        """Name the judge who gave the next score."""
        self._code(self.judge_codes, self.judges, judge)

    def _code(self, held: array[int], codes: dict[Any, int], name: object) -> None:
        if not held and self.scores:  # the first name of all: none before it
            held.extend([codes.setdefault(None, 0)] * len(self.scores))
        held.append(codes.setdefault(name, len(codes)))

    def draft(
        self,
        models: list[str],
        rescale: bool,
        source: str,
        licence: str,
        model_info: pl.DataFrame | None,
    ) -> Draft:
        """The draft of all that was noted; see `LongTable.drafts`."""
        cells = _Cells.of(self, len(models))
        names = [models[column] for column in cells.models]
        self.noticed += self._unscored(models, names)
        shape = len(self.prompts), len(names)
        refuse_sparse(self.name, len(cells.scores), *shape)
        if rescale:
            cells.scores = rescaled(cells.scores).astype(np.float64)
        (judge, main), *others = self._by_judge(cells).items()
        scores, trials = self._matrix(main, shape, names)
        judges = {name: self._matrix(held, shape, names)[0] for name, held in others}
        costs = self._numbers(self.costs, main, shape, many=trials is not None)
        axes = {
            axis: self._numbers(held, main, shape, many=trials is not None)
            for axis, held in self.axes.items()
        }
        return Draft(
            name=self.name,
            models=names,
            scores=scores,
            prompts=prompt_table(
                self.name, list(self.prompts), self.texts, self.subsets, self.chances
            ),
            model_info=model_info,
            costs=costs,
            axes={axis: held for axis, held in axes.items() if held is not None},
            trials=trials,
            judge=judge,
            judges=judges,
            reference=reference_of(self.name, len(self.prompts)),
            source=source,
            licence=licence,
            warnings=list(self._warnings(main, scores, trials)),
        )

    def _unscored(self, models: list[str], scored: list[str]) -> Iterator[str]:
        """A warning of models that rows name, none with a score."""
        asked = [models[column] for column in np.unique(np.frombuffer(self.columns, np.uint32))]
        blank = [model for model in asked if model not in set(scored)]
        if blank:
            yield f"no row of {listed_names(blank)} has a score: left out"

    def _by_judge(self, cells: _Cells) -> dict[str, _Cells]:
        """The cells of each judge who gave a score, the first one's first."""
        if len(self.judges) < 2:
            return {"": cells}
        codes = np.frombuffer(self.judge_codes, dtype=np.int64)[cells.kept]
        at = cells.rows.astype(np.int64) * len(cells.models) + cells.columns
        n_answers = len(np.unique(at))
        if self.one_of_judges and len(np.unique(at * len(self.judges) + codes)) == n_answers:
            return {"": cells}
        parts = {
            judge or "no judge named": cells.where(codes == code)
            for judge, code in self.judges.items()
        }
        parts = {judge: part for judge, part in parts.items() if len(part.scores)}
        first = next(iter(parts))
        n_lacking = n_answers - len(np.unique(at[codes == self.judges.get(first, 0)]))
        if n_lacking and len(parts) > 1:
            others = ", ".join(list(parts)[1:4])
            self.noticed.append(
                f"the scores are those of judge {first!r}, who gave none of {n_lacking:,} answers "
                f"that others scored ({others}): they are not observed"
            )
        return parts if len(parts) > 1 else {"": parts[first]}

    def _matrix(
        self, cells: _Cells, shape: tuple[int, int], names: list[str]
    ) -> tuple[NDArray[np.floating], NDArray[np.floating] | None]:
        """The scores, and the trials that they are means of, if there are any."""
        values = cells.scores
        if self.repeats == "max":
            scores = np.full(shape, np.nan, narrowed(values).dtype)
            np.fmax.at(scores, (cells.rows, cells.columns), values)
            return scores, None
        if self.repeats == "mean":
            return narrowed(cell_means(cells.rows, cells.columns, values, shape)), None
        runs = self._runs(cells, shape[1])
        if runs is not None:
            self._refuse(cells, runs.differs, names)
            kept = runs.kept
            means = cell_means(cells.rows[kept], cells.columns[kept], values[kept], shape)
            return narrowed(means), stacked(runs, cells.rows, cells.columns, values, shape)
        scores = np.full(shape, np.nan, narrowed(values).dtype)
        scores[cells.rows, cells.columns] = values
        self._refuse(cells, np.flatnonzero(scores[cells.rows, cells.columns] != values), names)
        return scores, None

    def _runs(self, cells: _Cells, n_models: int) -> Runs | None:
        """The runs of the cells; None where scores stand once, or the same again."""
        if not self.trials and self.repeats != "trials":
            return None
        labels = self._trial_labels() if self.trials else None
        at = cells.rows.astype(np.int64) * n_models + cells.columns
        return runs_of(at, None if labels is None else labels[cells.kept], cells.scores)

    def _trial_labels(self) -> NDArray[np.int64]:
        """The code of what names each score's run, numbers in their order."""
        codes = np.frombuffer(self.trials, dtype=np.int64)
        names = list(self._trial_codes)
        if not all(str(name).isdigit() and len(str(name)) < _LONGEST_NUMBER for name in names):
            return codes
        order = sorted(range(len(names)), key=lambda code: (int(names[code] or 0), code))
        place = np.empty(len(names), dtype=np.int64)
        place[order] = np.arange(len(names))
        return place[codes]

    def _refuse(self, cells: _Cells, differs: NDArray[np.int64], names: list[str]) -> None:
        """Refuse scores that differ from those of the same cell, or of its same run, elsewhere."""
        if not len(differs):
            return
        prompts, lines = list(self.prompts), []
        found = {(int(cells.rows[at]), int(cells.columns[at])): at for at in differs[::-1].tolist()}
        for (row, column), at in sorted(found.items())[:MOST_BAD_ROWS]:
            same = (cells.rows == row) & (cells.columns == column)
            others = [score for score in cells.scores[same] if score != cells.scores[at]]
            lines.append(
                f"prompt {prompts[row]!r}, model {names[column]!r}: "
                f"{cells.scores[at]:g} and {others[-1]:g}"
            )
        refuse_two_scores(self.name, lines)

    def _numbers(
        self, held: array[float], cells: _Cells, shape: tuple[int, int], *, many: bool
    ) -> NDArray[np.floating] | None:
        """(n_prompts, n_models) of a number: its mean over trials, else the last one given."""
        if not held:
            return None
        held.extend([math.nan] * (len(self.scores) - len(held)))
        numbers = np.frombuffer(held, dtype=np.float64)[cells.kept]
        known = ~np.isnan(numbers)
        if many:
            return cell_means(cells.rows[known], cells.columns[known], numbers[known], shape)
        found = np.full(shape, np.nan)
        found[cells.rows[known], cells.columns[known]] = numbers[known]
        return found

    def _warnings(
        self,
        cells: _Cells,
        scores: NDArray[np.floating],
        trials: NDArray[np.floating] | None,
    ) -> Iterator[str]:
        yield from self.noticed
        for axis, (n, example) in self.unread.items():
            yield (
                f"{axis}: {n:,} cells hold no number that is not negative, such as {example!r}; "
                "they are left empty"
            )
        n_cells = int((~np.isnan(scores)).sum())
        n_again = len(cells.scores) - n_cells
        if self.repeats == "refuse" and not self.trials:
            yield from same_again(n_again)
        if self.repeats == "trials" and trials is None and n_cells < len(cells.scores):
            yield (
                f"{len(cells.scores):,} runs of {n_cells:,} cells are averaged and not kept: so "
                "few cells have as many as one of them"
            )


class _Cells:
    """The observed cells of a benchmark, with its own models numbered from 0."""

    def __init__(
        self, kept: NDArray[np.bool_], table: BenchmarkColumns, column_of: NDArray[np.int64]
    ) -> None:
        self.kept = kept
        self.models: list[int] = np.flatnonzero(column_of >= 0).tolist()
        self.rows = np.frombuffer(table.rows, dtype=np.uint32)[kept]
        self.columns = column_of[np.frombuffer(table.columns, dtype=np.uint32)[kept]]
        self.scores: NDArray[np.float64] = np.frombuffer(table.scores, dtype=np.float64)[kept]

    @classmethod
    def of(cls, table: BenchmarkColumns, n_models: int) -> _Cells:
        kept = ~np.isnan(np.frombuffer(table.scores, dtype=np.float64))
        asked = np.zeros(n_models, dtype=bool)
        asked[np.frombuffer(table.columns, dtype=np.uint32)[kept]] = True
        return cls(kept, table, np.where(asked, np.cumsum(asked) - 1, -1))

    def where(self, chosen: NDArray[np.bool_]) -> _Cells:
        """Some of the cells, of the same models."""
        part = copy(self)
        part.kept = self.kept.copy()
        part.kept[np.flatnonzero(self.kept)[~chosen]] = False
        part.rows, part.columns = self.rows[chosen], self.columns[chosen]
        part.scores = self.scores[chosen]
        return part


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


def same_again(n_again: int) -> Iterator[str]:
    """A warning of scores that stood there before, with the same value."""
    if n_again:
        yield (
            f"{n_again:,} scores of a model on a prompt stand again with the same value, and count "
            "once; if they are runs, keep them as trials (of plain tables: -O repeats=trials, or "
            "--columns trial=COLUMN)"
        )


class TwoScoresError(DataError):
    """A model has two scores on one prompt."""


def refuse_two_scores(benchmark: str, cells: Iterable[str]) -> NoReturn:
    """Refuse cells that have two scores.

    Raises:
        TwoScoresError: always, listing them.
    """
    raise TwoScoresError(
        "\n".join(
            [
                f"{benchmark}: a model has two scores on one prompt; if they are runs of it, keep "
                "them as trials (of plain tables: -O repeats=trials, or --columns trial=COLUMN of "
                "the run's number, seed or date) or average them (-O repeats=mean); if they are of "
                "several settings, name these (--columns effort=COLUMN); else name the prompts "
                "apart:",
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
