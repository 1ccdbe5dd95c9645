"""`LongTable`: records added one at a time, in any order, that become one draft per benchmark.

An importer reads its files row by row (`rows`); what can be read goes here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from routereval.importers.benchmark_columns import BenchmarkColumns, Repeats
from routereval.importers.cells import CellForms, Read, read_cost, read_score
from routereval.importers.rows import RowError, cost_in, finite_in, name_of, score_in
from routereval.importers.scale import Rescale, Scale
from routereval.records.draft import Draft

if TYPE_CHECKING:
    import polars as pl


_MOST_PLAIN = 1 << 16


class LongTable:
    """Scores by benchmark, prompt and model, added one at a time in any order.

    A score takes 16 bytes, 8 more for each of cost, axes, the name of its run and its judge; names
    and texts are kept once.

    Args:
        rescale: the scale that scores are on; True maps the range of each benchmark onto [0, 1]
            where it exceeds that; scores may then be any finite numbers.
        repeats: what to do where a model has several scores on a prompt that name no trial:
            ``refuse`` them if they differ, take each for one of the ``trials``, keep the ``max``,
            or their ``mean``.
        one_of_judges: take the scores of several judges for those of one where no answer has two,
            as when people share the work. Else the first judge's are the scores, and what only
            others scored is not observed.

    >>> table = LongTable()
    >>> table.add("toy", "q1", "a", 1), table.add("toy", "q2", "b", 0.5, text="why?")
    (True, True)
    >>> draft = next(table.drafts("made up"))
    >>> draft.models, draft.scores.tolist()
    (['a', 'b'], [[1.0, nan], [nan, 0.5]])
    """

    def __init__(
        self,
        *,
        rescale: Rescale = False,
        repeats: Repeats = "refuse",
        one_of_judges: bool = False,
    ) -> None:
        self._scale = rescale if isinstance(rescale, Scale) else Scale()
        self._worth = dict(self._scale.worth)
        self._observed_range = rescale is True
        self._repeats: Repeats = repeats
        self._one_of_judges = one_of_judges
        self.facts: list[str] = []
        self.warnings: list[str] = []
        self._facts: dict[str, dict[str, None]] = {}
        self._warnings: dict[str, dict[str, None]] = {}
        self._models: dict[str, int] = {}
        # Scores by texts of which nothing is to be told, without and with a decimal comma.
        self._plain: tuple[dict[str, float], dict[str, float]] = ({}, {})
        self._benchmarks: dict[str, BenchmarkColumns] = {}

    def add(  # noqa: PLR0913 - the parts of a record
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
        axes: Mapping[str, object] | None = None,
        trial: str | int | None = None,
        judge: str | None = None,
        column: str = "score",
        cost_column: str = "cost",
        comma: bool = False,
    ) -> bool:
        """Add one record; the same one may come again, but not with another score.

        Several trials of a model on a prompt are kept, and its score is their mean, as are cost and
        axes.

        Args:
            benchmark: the draft that it goes to.
            prompt_id: names the prompt within its benchmark.
            model: the model's name.
            score: a number or truth value in [0, 1], or text that reads as one, as in `read_score`;
                None or NaN if it was not observed.
            cost: USD per call, as a number or text; None or NaN if unknown. If it comes twice
                without being a trial of its own, the later one counts, as of axes.
            text: the prompt's text; the first one given counts, as for `subset` and `chance`.
            subset: the part of the benchmark; the benchmark's name if none is given.
            chance: the score of a guesser on this prompt.
            axes: numbers beside the score, by the names of `AXES`; what is no number that is not
                negative is left empty, and named in a warning.
            trial: what names the run that the score is of, such as a seed; None if nothing does.
            judge: who gave the score; the first judge's are the scores, those of others are kept
                beside them.
            column: what the column of the score is called, for the report.
            cost_column: likewise of the cost.
            comma: whether numbers in texts may have a decimal comma.

        Returns:
            Whether there was a score.

        Raises:
            RowError: if score or cost is no such number, or a name is blank or no valid text.
        """
        table = self._table(benchmark)
        value = self._score(score, table.forms, column, comma)
        usd = _cost(cost, table.forms, cost_column, comma)
        if model not in self._models:
            self._models[name_of(model, "the model's name")] = len(self._models)
        row = table.prompt(prompt_id, text, subset, chance)
        if trial is not None or table.trials:
            table.name_run(trial)
        if judge is not None or table.judge_codes:
            table.name_judge(judge)
        table.put(row, self._models[model], value, usd)
        if axes:
            for axis, number in axes.items():
                table.put_axis(axis, number)
        return value == value  # noqa: PLR0124 - NaN

    def forms(self, benchmark: str) -> CellForms:
        """Where to note what cells of a benchmark became that were no plain numbers."""
        return self._table(benchmark).forms

    def _table(self, benchmark: str) -> BenchmarkColumns:
        table = self._benchmarks.get(benchmark)
        if table is None:
            name = name_of(benchmark, "the benchmark's name")
            table = self._benchmarks[name] = BenchmarkColumns(
                name, self._repeats, one_of_judges=self._one_of_judges
            )
        return table

    def _score(self, cell: object, forms: CellForms, column: str, comma: bool) -> float:
        """The score that a cell holds, on [0, 1] unless the observed range is mapped later."""
        if not isinstance(cell, str):
            return self._scaled(cell, forms, column)[0]
        known = self._plain[comma].get(cell)
        if known is not None:
            return known
        text = cell.strip()
        if text.lower() in self._scale.words:
            forms.count(column, text, text, "not observed")
            return math.nan
        if (worth := self._worth.get(text.lower())) is not None:
            forms.count(column, text, text, f"{worth:g}")
            return self._scaled(worth, forms, column)[0]
        read = _read_score(text, comma)
        forms.add(column, cell, read)
        if read.is_share:
            return score_in(read.number)
        score, plain = self._scaled(read.number, forms, column)
        if plain and read.form is None and len(self._plain[comma]) < _MOST_PLAIN:
            self._plain[comma][cell] = score
        return score

    def _scaled(self, cell: object, forms: CellForms, column: str) -> tuple[float, bool]:
        """The score that a number is, and whether there is nothing to tell of it."""
        scale, number = self._scale, finite_in(cell, "score")
        if self._observed_range:
            return number, True
        if number in scale.missing:
            forms.count(column, f"{number:g}", f"{number:g}", "not observed")
            return math.nan, False
        clipped = scale.clip and number == number and not scale.spans(number)  # noqa: PLR0124
        if clipped:
            forms.count(column, "beyond", f"{number:g}", "the end of the scale")
        return scale.score(number), not clipped

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
            table = self._benchmarks.pop(name)
            forms = table.forms
            draft = table.draft(models, self._observed_range, source, licence, model_info)
            facts = [*self.facts, *forms.facts(), *draft.facts, *self._facts.get(name, ())]
            warnings = [*self.warnings, *draft.warnings, *self._warnings.get(name, ())]
            yield replace(draft, facts=facts, warnings=warnings)


def _read_score(text: str, comma: bool) -> Read:
    """The score that a text says.

    Raises:
        RowError: if it says none, with what may be done.
    """
    try:
        return read_score(text, comma=comma)
    except RowError as error:
        raise RowError(
            f"{error}; give a number, or leave it empty (--missing VALUE) if there is none, or "
            "say what it is worth (--worth 'refusal=0,partial=0.5')"
        ) from None


def _cost(cell: object, forms: CellForms, column: str, comma: bool) -> float:
    """The USD that a cell holds, NaN if it is empty."""
    if isinstance(cell, str):
        read = read_cost(cell, comma=comma)
        forms.add(column, cell, read, "unknown")
        cell = read.number
    return cost_in(cell)


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
