"""`LongTable`: records added one at a time, in any order, that become one draft per benchmark.

An importer reads its files row by row (`rows`); what can be read goes here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from routereval.importers.benchmark_columns import BenchmarkColumns, Repeats
from routereval.importers.rows import cost_in, finite_in, name_of
from routereval.importers.scale import Rescale, Scale
from routereval.records.draft import Draft

if TYPE_CHECKING:
    import polars as pl


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
    >>> table.add("toy", "q1", "a", 1)
    >>> table.add("toy", "q2", "b", 0.5, text="why?")
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
        self._observed_range = rescale is True
        self._repeats: Repeats = repeats
        self._one_of_judges = one_of_judges
        self.facts: list[str] = []
        self.warnings: list[str] = []
        self._facts: dict[str, dict[str, None]] = {}
        self._warnings: dict[str, dict[str, None]] = {}
        self._models: dict[str, int] = {}
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
    ) -> None:
        """Add one record; the same one may come again, but not with another score.

        Several trials of a model on a prompt are kept, and its score is their mean, as are cost and
        axes.

        Args:
            benchmark: the draft that it goes to.
            prompt_id: names the prompt within its benchmark.
            model: the model's name.
            score: a number or truth value in [0, 1]; None or NaN if it was not observed.
            cost: USD per call; None or NaN if unknown. If it comes twice without being a trial of
                its own, the later one counts, as of axes.
            text: the prompt's text; the first one given counts, as for `subset` and `chance`.
            subset: the part of the benchmark; the benchmark's name if none is given.
            chance: the score of a guesser on this prompt.
            axes: numbers beside the score, by the names of `AXES`; what is no number that is not
                negative is left empty, and named in a warning.
            trial: what names the run that the score is of, such as a seed; None if nothing does.
            judge: who gave the score; the first judge's are the scores, those of others are kept
                beside them.

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
            table = self._benchmarks[name] = BenchmarkColumns(
                name, self._repeats, one_of_judges=self._one_of_judges
            )
        row = table.prompt(prompt_id, text, subset, chance)
        if trial is not None or table.trials:
            table.name_run(trial)
        if judge is not None or table.judge_codes:
            table.name_judge(judge)
        table.put(row, self._models[model], value, usd)
        if axes:
            for axis, number in axes.items():
                table.put_axis(axis, number)

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
            facts = [*self.facts, *draft.facts, *self._facts.get(name, ())]
            warnings = [*self.warnings, *draft.warnings, *self._warnings.get(name, ())]
            yield replace(draft, facts=facts, warnings=warnings)


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
