"""One router's choices as they were handed in: before anything is left out or repaired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from routereval.errors import DataError
from routereval.records import Records
from routereval.routers import TrainedRouter, load_router
from routereval.studies.choices import NAMES, NONE, TEXTS, choice_files, rows_by_name
from routereval.studies.predictions import read_predictions
from routereval.studies.table_file import read_table
from routereval.tasks.mix import benchmarks_of

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

NUMBERS = {
    "cost": (*NAMES["cost"], "inference_cost"),
    "score": NAMES["score"],
    "tokens_in": ("tokens_in", "input_tokens", "prompt_tokens"),
    "tokens_out": ("tokens_out", "output_tokens", "completion_tokens"),
    "router_calls": ("router_calls", "routing_calls"),
    "router_cost": ("router_cost", "routing_cost"),
}
"""What a column of numbers may be called, by what it holds."""

_ANSWERED = ("answered_by", "answered_model", "model_answered")


@dataclass(frozen=True)
class Submission:
    """What one router chose, row by row of its file.

    Attributes:
        router: its name.
        prompts: (n_rows) names of the prompts, as written.
        models: (n_rows) names of the models chosen; None where none was.
        answered: (n_rows) the models that answered, where the file says so; None where not.
        numbers: by the names of `NUMBERS`, those that the file has: (n_rows,), NaN where empty.
        train: texts that the router was trained on, where known.
        learned_here: how many of these very prompts a saved router says that it was trained on.
        pool: the models that it might choose from; any of the records if empty.
        constant: whether it is declared to be a constant.
        calls_models: whether it is declared to call models in order to route.
    """

    router: str
    prompts: tuple[str, ...]
    models: tuple[str | None, ...]
    answered: tuple[str | None, ...] = ()
    numbers: Mapping[str, Floats] = field(default_factory=dict)
    train: tuple[str, ...] = ()
    learned_here: int = 0
    pool: tuple[str, ...] = ()
    constant: bool = False
    calls_models: bool = False


@dataclass(frozen=True)
class JoinedSubmission:
    """A submission beside records, on the prompts that they hold; of two rows the first.

    Attributes:
        given: the submission.
        records: of one benchmark, or a stream of several.
        rows: (n_rows,) row of the records of each row of the file; -1 if they do not hold it.
        choice: (n_prompts,) column of the model chosen on each prompt of the records; `NONE` where
            none was, or one that they do not hold.
        present: (n_prompts,) whether the file has the prompt.
        numbers: those of the submission, (n_prompts,), NaN where unknown.
        scores: (n_prompts, n_models).
        benchmark: (n_prompts,) code of the benchmark.
    """

    given: Submission
    records: Records
    rows: Codes
    choice: Codes
    present: NDArray[np.bool_]
    numbers: Mapping[str, Floats]
    scores: Floats
    benchmark: Codes

    @classmethod
    def of(cls, given: Submission, records: Records) -> JoinedSubmission:
        """Find the rows of a submission in records."""
        named = rows_by_name(records)
        rows = np.array([(named.get(name) or [-1])[0] for name in given.prompts], np.int64)
        column = {model: place for place, model in enumerate(records.models)}
        chosen = np.array([column.get(model or "", NONE) for model in given.models], np.int64)
        known, first = np.unique(rows, return_index=True)
        first = first[known >= 0]
        choice = np.full(records.n_prompts, NONE)
        choice[rows[first]] = chosen[first]
        present = np.zeros(records.n_prompts, np.bool_)
        present[rows[first]] = True
        numbers = {}
        for name, values in given.numbers.items():
            numbers[name] = np.full(records.n_prompts, np.nan)
            numbers[name][rows[first]] = values[first]
        dense, code = records.dense(), benchmarks_of(records)
        return cls(given, records, rows, choice, present, numbers, dense, code)

    @property
    def quality(self) -> Floats:
        """(n_prompts,) the score of each choice; 0 where there is none."""
        return of_choice(np.nan_to_num(self.scores), self.choice)

    @property
    def chosen(self) -> tuple[str | None, ...]:
        """(n_prompts) the models chosen, in the order of the records; None where none was."""
        names = self.records.models
        return tuple(None if at == NONE else names[at] for at in self.choice.tolist())

    @property
    def texts(self) -> list[str | None]:
        """(n_prompts) the texts of the prompts; None where unknown."""
        return list(self.records.prompts["text"].to_list())


def of_choice(values: Floats, choice: Codes) -> Floats:
    """(n_prompts,) the values of the columns chosen; 0 where none was.

    >>> of_choice(np.array([[0.5, 1.0], [0.2, 0.3]]), np.array([1, -1]))
    array([1., 0.])
    """
    taken = np.take_along_axis(values, np.maximum(choice, 0)[:, None], axis=1)[:, 0]
    return np.where(choice == NONE, 0.0, taken)


def read_submissions(
    source: str | Path, records: Records, aliases: Mapping[str, str] | None = None
) -> list[Submission]:
    """The routers of files of choices, as written; shapes are those of `read_choices`.

    Raises:
        DataError: if a file cannot be read, or has no column of prompts or of models.
    """
    known = {**{model: model for model in records.models}, **(aliases or {})}
    return [
        one
        for file in choice_files(Path(source))
        for one in _of_table(file, read_table(file, "choices", texts=TEXTS), known)
    ]


def _of_table(file: Path, table: pl.DataFrame, known: Mapping[str, str]) -> list[Submission]:
    prompt = _column(table, NAMES["prompt_id"])
    if prompt is None:
        raise DataError(f"{file}: no column 'prompt_id'; it has: {', '.join(table.columns)}")
    names = _texts(table, prompt)
    benchmark = _column(table, NAMES["benchmark"])
    if benchmark is not None:
        names = [f"{of}/{name}" for of, name in zip(_texts(table, benchmark), names, strict=True)]
    model, router = _column(table, NAMES["model"]), _column(table, NAMES["router"])
    if model is None:
        return [
            _submission(column, names, _texts(table, column), known)
            for column in table.columns
            if column not in {prompt, benchmark} and _mostly_models(_texts(table, column), known)
        ]
    if router is None:
        return [_long(file.stem, table, names, model, known)]
    held = _texts(table, router)
    found = []
    for name in dict.fromkeys(held):
        at = [row for row, own in enumerate(held) if own == name]
        found.append(_long(str(name), table[at], [names[row] for row in at], model, known))
    return found


def _long(
    router: str,
    table: pl.DataFrame,
    names: Sequence[str | None],
    model: str,
    known: Mapping[str, str],
) -> Submission:
    import polars as pl

    numbers = {}
    for what, heads in NUMBERS.items():
        if (head := _column(table, heads)) is not None:
            values = table[head].cast(pl.Float64, strict=False).to_list()
            numbers[what] = np.array([np.nan if v is None else v for v in values], np.float64)
    answered = _column(table, _ANSWERED)
    others = () if answered is None else _texts(table, answered)
    return _submission(router, names, _texts(table, model), known, others, numbers)


def _submission(
    router: str,
    names: Sequence[str | None],
    models: Sequence[str | None],
    known: Mapping[str, str],
    answered: Sequence[str | None] = (),
    numbers: Mapping[str, Floats] | None = None,
) -> Submission:
    return Submission(
        router,
        tuple(str(name) for name in names),
        tuple(None if one is None else known.get(one, one) for one in models),
        tuple(None if one is None else known.get(one, one) for one in answered),
        numbers or {},
    )


def _column(table: pl.DataFrame, names: Sequence[str]) -> str | None:
    return next((name for name in names if name in table.columns), None)


def _texts(table: pl.DataFrame, column: str) -> list[str | None]:
    import polars as pl

    return list(table[column].cast(pl.String, strict=False).to_list())


def _mostly_models(values: Sequence[str | None], known: Mapping[str, str]) -> bool:
    held = [value for value in values if value is not None]
    return sum(value in known for value in held) > len(held) / 2


def read_submission(file: str | Path, records: Records, name: str) -> tuple[str, Submission]:
    """A submission, and what kind of file it was.

    Raises:
        DataError: if it cannot be read, or holds the choices of several routers.
    """
    path = Path(file)
    if path.is_dir():
        return "router", _of_router(path, records, name)
    found = read_submissions(path, records)
    if len(found) == 1:
        return "choices", replace(found[0], router=name)
    if found:
        raise DataError(f"{path} holds {len(found)} routers; a submission is one")
    values = read_predictions(path).of(records)
    if values is None:
        raise DataError(f"{path}: no prompt of it is in the records")
    best = np.nan_to_num(values.values, nan=-np.inf).argmax(axis=1)  # ties: the first model
    names = records.prompts["prompt_id"].to_list()
    return "predictions", Submission(
        name,
        tuple(names[row] for row in values.rows.tolist()),
        tuple(values.models[column] for column in best.tolist()),
    )


def _of_router(path: Path, records: Records, name: str) -> Submission:
    if not records.has_text:
        raise DataError(f"{records.name} has no texts, so a saved router cannot choose")
    router = load_router(path)
    decisions = router.decide(records.prompts["text"].to_list())
    names = tuple(records.prompts["prompt_id"].to_list())
    learned = int(router.about.get("n_train", 0)) if _is_of(router, records) else 0
    return Submission(name, names, tuple(one.model for one in decisions), learned_here=learned)


def _is_of(router: TrainedRouter, records: Records) -> bool:
    """Whether its manifest says that it was trained on these records."""
    return router.about.get("records") == records.hash


def scored(held: JoinedSubmission) -> tuple[float, float]:
    """Mean score over all prompts, and USD of the choices and of the router's own calls."""
    score = float(held.quality.mean())
    if held.records.costs is None:
        return score, float("nan")
    paid = of_choice(np.asarray(held.records.costs, np.float64).T, held.choice)
    own = held.numbers.get("router_cost", np.zeros(len(paid)))
    return score, float(paid.sum() + np.nan_to_num(own).sum())
