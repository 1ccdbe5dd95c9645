"""Answers of runs, as records: runs are joined to arms, trials are kept, errors are kept apart.

An importer says which runs there are, what the rows of a run's file are, and what answers a row
holds; the rest is the same for all formats of one model's answers in one file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from routereval.importers.arms import Run, Taken, arms_of, arms_table
from routereval.importers.eval_logs import SamePrompts, mean_in, refuse_unscored
from routereval.importers.long_table import LongTable
from routereval.importers.rows import BadRows, RowError
from routereval.importers.scale import Rescale
from routereval.importers.source_files import refuse_outside
from routereval.records.draft import Draft


@dataclass(frozen=True)
class Answer:
    """One answer of a model.

    Attributes:
        prompt_id: names the prompt within its benchmark.
        score: a number or truth value; None if it was not scored.
        benchmark: what it belongs to; the task of its run if empty.
        failed: whether the call ended in an error, so that it is not observed.
        cost: USD per call, or None.
        text: the prompt's text, or None.
        asked: what must be the same for all models; None if nothing is compared.
        subset: the part of the benchmark, or None.
        chance: the score of a guesser, or None.
        axes: numbers beside the score, by the names of `routereval.records.axes.AXES`.
    """

    prompt_id: str
    score: object
    benchmark: str = ""
    failed: bool = False
    cost: object = None
    text: str | None = None
    asked: str | None = None
    subset: str | None = None
    chance: float | None = None
    axes: Mapping[str, object] = field(default_factory=dict)


Rows = Callable[[Run, BadRows], Iterable[tuple[int, Any]]]
"""The rows of a run's file with their lines or numbers."""

Answers = Callable[[Any, Run], Iterable[Answer]]
"""The answers that a row holds."""


def drafts_of_runs(
    path: Path,
    runs: Iterable[Run],
    rows: Rows,
    answers: Answers,
    *,
    unscored: str,
    rescale: Rescale = False,
    licence: str = "",
    facts: Mapping[str, Iterable[str]] | None = None,
    warnings: Mapping[str, Iterable[str]] | None = None,
    digest: Callable[[Run], Hashable] | None = None,
) -> Iterator[Draft]:
    """One draft per benchmark; several answers of a model to a prompt in one run are its trials.

    Of several runs of a model at one setting, what the newest has counts, unless `digest` tells
    that they are runs of their own.

    Args:
        path: what is imported.
        runs: its runs.
        rows: reads a run's file.
        answers: reads a row.
        unscored: what to do where there is no score at all, for the error.
        rescale: as in `LongTable`.
        licence: of the records.
        facts: what to say of how a task was read, by task.
        warnings: what to warn of, likewise.
        digest: what tells the answers of a run from those of a rerun, as in `Taken`; None where a
            file does not tell.

    Raises:
        DataError: if there is no score, or rows cannot be read, with up to 20 listed.
    """
    held = list(runs)
    arms = arms_of(held)
    reader = _Reader(rows, answers, rescale)
    for arm in arms:
        several = digest is not None and len(arm.runs) > 1
        taken = Taken(arm, [digest(run) for run in arm.runs] if digest and several else ())
        for number, run in enumerate(arm.runs):
            reader.read(run, arm.name, taken, number)
        for fact in taken.facts():
            reader.table.note(reader.benchmark_of.get(arm.task, arm.task), fact)
    reader.bad.check()
    refuse_unscored(path, reader.n_scores, [run.file for run in held], unscored)
    reader.tell_errors()
    for say, by_task in ((reader.table.note, facts), (reader.table.warn, warnings)):
        for task, lines in (by_task or {}).items():
            for line in lines:
                say(reader.benchmark_of.get(task, task), line)
    yield from reader.table.drafts(str(path), licence, arms_table(arms))


@dataclass
class _Reader:
    """What is kept while runs are read one after the other."""

    rows: Rows
    answers: Answers
    rescale: Rescale
    bad: BadRows = field(default_factory=BadRows)
    asked: SamePrompts = field(default_factory=SamePrompts)
    benchmark_of: dict[str, str] = field(default_factory=dict)
    n_scores: int = 0

    def __post_init__(self) -> None:
        self.table = LongTable(rescale=self.rescale, repeats="trials")
        self.n_answers: dict[tuple[str, str], int] = {}
        self.n_failed: dict[tuple[str, str], int] = {}

    def read(self, run: Run, model: str, taken: Taken, number: int) -> None:
        """Add the answers of a run that no newer run of its arm has."""
        empty, n_bad = True, self.bad.n
        for line, row in self.rows(run, self.bad):
            empty = False
            with self.bad.row(run.file, line):
                for answer in self.answers(row, run):
                    benchmark = answer.benchmark or run.task
                    self.benchmark_of.setdefault(run.task, benchmark)
                    if taken.free(number, (benchmark, answer.prompt_id)):
                        self._add(answer, benchmark, model)
        if empty and self.bad.n == n_bad:
            self.bad.add(run.file, 0, "holds no answers")

    def _add(self, answer: Answer, benchmark: str, model: str) -> None:
        self.asked.check(benchmark, answer.prompt_id, answer.asked)
        self.n_scores += self.table.add(
            benchmark,
            answer.prompt_id,
            model,
            None if answer.failed else mean_in(answer.score),
            cost=answer.cost,
            text=answer.text,
            subset=answer.subset,
            chance=answer.chance,
            axes=answer.axes,
        )
        of = benchmark, model
        self.n_answers[of] = self.n_answers.get(of, 0) + 1
        if answer.failed:
            self.n_failed[of] = self.n_failed.get(of, 0) + 1

    def tell_errors(self) -> None:
        """Warn of the answers that ended in an error."""
        for (benchmark, model), n in self.n_failed.items():
            self.table.warn(
                benchmark,
                f"{model}: {n} of {self.n_answers[benchmark, model]} answers ended in an error: "
                "they are not observed, and no failures",
            )


class RowsOfRuns:
    """Rows by the run that they belong to, where that stands in the rows.

    >>> rows = RowsOfRuns()
    >>> rows.add(Run(Path("log"), "m", "toy", 1), 1, "row")
    >>> [(run.model, rows.of(run)) for run in rows.runs]
    [('m', [(1, 'row')])]
    """

    def __init__(self) -> None:
        self._runs: dict[tuple[object, ...], Run] = {}
        self._rows: dict[tuple[object, ...], list[tuple[int, Any]]] = {}

    def add(self, run: Run, number: int, row: Any) -> None:  # noqa: ANN401 - JSON is of any type
        """Add a row with its number; runs of one file, model, task and settings are one."""
        self._runs.setdefault(_key(run), run)
        self._rows.setdefault(_key(run), []).append((number, row))

    @property
    def runs(self) -> list[Run]:
        """The runs, in the order in which they first came."""
        return list(self._runs.values())

    def of(self, run: Run, _: object = None) -> list[tuple[int, Any]]:
        """The rows of a run; to be given to `drafts_of_runs`."""
        return self._rows[_key(run)]


def _key(run: Run) -> tuple[object, ...]:
    return run.file, run.model, run.task, *sorted({**run.settings, **run.more}.items())


def digest_of(values: object) -> str:
    """A digest of values of JSON, to tell what one run said from what another did."""
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


def object_in(value: object, what: str) -> Mapping[str, Any]:
    """A JSON object.

    Raises:
        RowError: if it is none.
    """
    if not isinstance(value, dict):
        raise RowError(f"{what} is not a JSON object")
    return value


def part_of(row: object, *keys: str) -> Any:  # noqa: ANN401 - JSON is of any type
    """What stands under keys that lead inwards; None where there is nothing.

    >>> part_of({"a": {"b": 1}}, "a", "b"), part_of({"a": 2}, "a", "b")
    (1, None)
    """
    for key in keys:
        row = row.get(key) if isinstance(row, dict) else None
    return row


def family_of(name: str, families: Iterable[str]) -> tuple[str, str]:
    """The longest of some families that a name begins with, and the name; else the name alone.

    >>> family_of("mmlu_law", ["mmlu"]), family_of("gsm8k", ["mmlu"])
    (('mmlu', 'mmlu_law'), ('gsm8k', ''))
    """
    fit = [one for one in families if name.startswith((f"{one}_", f"{one}-"))]
    return (max(fit, key=len), name) if fit else (name, "")


def folder_above(file: Path, n: int) -> Path:
    """The n-th folder above a file, the first being its own; the uppermost if there are fewer."""
    above = file.absolute().parents
    return above[min(n, len(above)) - 1]


def file_in(folder: Path, *parts: str) -> Path | None:
    """A file inside a folder, None if it is not there.

    Raises:
        DataError: if a link leads out of the folder.
    """
    file = folder.joinpath(*parts)
    if not file.is_file():
        return None
    refuse_outside(file, folder)
    return file


def milliseconds(seconds: object) -> float | None:
    """Seconds as milliseconds; None if they are no number."""
    try:
        return float(seconds) * 1000 if isinstance(seconds, int | float) else None
    except OverflowError:  # an integer of hundreds of digits
        return None
