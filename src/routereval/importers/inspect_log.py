"""Inspect AI's logs: ``.eval`` archives and ``.json`` files, one run of one model on one task each.

An archive holds ``header.json`` (of a run that was cut short only ``_journal/start.json``) and a
file per sample and epoch in ``samples/``; a JSON log holds the same in one object. Recent versions
compress archives with Zstandard, which needs the extra ``inspect`` before Python 3.14.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from routereval.errors import DataError
from routereval.importers.arms import Arm, Run, Taken, arms_of, arms_table, flat
from routereval.importers.axis_fields import axes_in, total_in
from routereval.importers.eval_logs import (
    SamePrompts,
    first_files,
    listed,
    noting,
    prompt_text,
    refuse_unscored,
    tell_word,
    value_in,
)
from routereval.importers.importer import Importer
from routereval.importers.inspect_files import Row, head_of, is_log, samples_of
from routereval.importers.long_table import LongTable
from routereval.importers.rows import (
    BadRows,
    RowError,
    cost_in,
    field_in,
    files_in,
    name_in,
    text_of,
)
from routereval.importers.scale import Rescale
from routereval.records.draft import Draft

_PATTERNS = ("*.eval", "*.json", "*/*.eval", "*/*.json", "*/*/*.eval", "*/*/*.json")
_GRADES = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
_WORDS = {"yes": 1.0, "no": 0.0}
_NO_MODEL = {"none/none", "none"}
_WHERE = {"base_url", "api_key", "max_connections", "max_retries", "timeout", "device"}
"""Settings of a model that say where and how fast it ran, not how."""
_SUBSETS = ("subset", "subject", "category")


def recognise(path: Path) -> bool:
    """True for a log, or a folder with one at most two folders down."""
    return any(map(is_log, first_files(path, *_PATTERNS)))


def read(path: Path, *, scorer: str | None = None, rescale: Rescale = False) -> Iterator[Draft]:
    """One draft per task; epochs are trials; of several runs of a sample the newest counts.

    A run that did not succeed counts only where no other did. ``C``, ``P``, ``I`` and ``N`` are 1,
    0.5, 0 and 0, as Inspect has them. Costs are those that the log tells (``total_cost``).

    Args:
        path: a log, or a folder with logs at most two folders down.
        scorer: whose value is the score, by default the first scorer of a task; ``scorer.key``
            where that scorer gives several values.
        rescale: the scale of the scores, or True for the range that is observed.

    Raises:
        DataError: if there is no score, a log is damaged, or samples cannot be read, with up to 20
            listed.
        MissingDependencyError: if an archive is compressed with Zstandard and this Python cannot
            read that.
    """
    files = [path] if path.is_file() else [f for f in files_in(path, *_PATTERNS) if is_log(f)]
    if not files:
        raise DataError(f"{path} holds no Inspect log; give an .eval or .json log, or a folder")
    reader = _Reader(scorer, rescale)
    arms = arms_of(_distinct_runs(list(_runs(files, reader.bad))))
    n_scores = sum(reader.read_arm(arm) for arm in arms)
    reader.bad.check()
    refuse_unscored(path, n_scores, files, "score them with: inspect score LOG")
    yield from reader.table.drafts(str(path), model_info=arms_table(arms))


@dataclass(frozen=True)
class _Run(Run):
    """The head of a log: `stamp` is (whether it succeeded, when it was made)."""

    order: Sequence[str] = ()
    asked_for: str = ""
    """The model whose calls its samples note."""
    task_args: Mapping[str, str] = field(default_factory=dict)


def _distinct_runs(runs: Sequence[_Run]) -> list[_Run]:
    """The runs; arguments of a task are settings where runs of it share samples.

    Of runs that share none, such as a subject each, the arguments say which part they are.
    """
    shared = {
        (one.task, one.model)
        for at, one in enumerate(runs)
        for other in runs[:at]
        if (one.task, one.model) == (other.task, other.model)
        and one.task_args != other.task_args
        and set(one.order) & set(other.order)
    }
    return [
        replace(run, more={**run.more, **run.task_args}) if (run.task, run.model) in shared else run
        for run in runs
    ]


class _Epoch(NamedTuple):
    """One run of a sample."""

    name: str
    score: float
    cost: float
    axes: Mapping[str, object]
    others: Mapping[str, float]
    """What the other scorers gave, by scorer."""


@dataclass
class _Sample:
    """The epochs of a sample, and what is known of it."""

    epochs: list[_Epoch]
    text: str | None
    subset: str | None
    chance: float | None


@dataclass
class _Reader:
    """What is kept while the logs are read one after the other."""

    scorer: str | None
    rescale: Rescale
    bad: BadRows = field(default_factory=BadRows)
    asked: SamePrompts = field(default_factory=SamePrompts)
    scorer_of: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.table = LongTable(rescale=self.rescale is True)

    def read_arm(self, arm: Arm) -> int:
        """Add the samples of an arm's runs; how many have a score."""
        taken, ended = Taken(arm), _Ended()
        sound = [run for run in arm.runs if run.stamp[0]] or arm.runs[:1]
        n_scores = sum(
            self.read(run, arm.name, number, taken, ended)
            for number, run in enumerate(sound)
            if isinstance(run, _Run)
        )
        left = [run.file.name for run in arm.runs if run not in sound]
        for fact in taken.facts():
            self.table.note(arm.task, fact)
        if left:
            self.table.note(
                arm.task, f"{arm.name}: left out are runs that did not succeed: {', '.join(left)}"
            )
        if not sound[0].stamp[0]:
            self.table.warn(
                arm.task,
                f"{arm.name}: no run succeeded; its scores are what {sound[0].file.name} came to, "
                "which may be the easier samples",
            )
        for warning in ended.warnings(arm.name):
            self.table.warn(arm.task, warning)
        if arm.task in self.scorer_of:
            self.table.note(arm.task, f"score: scorer {self.scorer_of[arm.task]}")
        return n_scores

    def read(self, run: _Run, model: str, number: int, taken: Taken, ended: _Ended) -> int:
        """Add the samples of a run that no newer one has; how many have a score."""
        samples: dict[str, _Sample] = {}
        free: dict[str, bool] = {}
        for name, row in samples_of(run.file, self.bad):
            with noting(self.bad, run.file, name):
                sample = name_in(row, "id")
                if sample not in free:
                    free[sample] = taken.free(number, sample)
                if free[sample]:
                    ended.add(row)
                    self._epoch(run, row, samples)
        place = {name: at for at, name in enumerate(run.order)}
        for name in sorted(samples, key=lambda name: place.get(name, len(place))):
            it = samples[name]
            for epoch in it.epochs:
                self.table.add(
                    run.task,
                    name,
                    model,
                    epoch.score,
                    cost=epoch.cost,
                    text=it.text,
                    subset=it.subset,
                    chance=it.chance,
                    axes=epoch.axes,
                    trial=_trial(run, epoch),
                    judge=self.scorer_of.get(run.task),
                )
                for scorer, score in epoch.others.items():
                    trial = _trial(run, epoch)
                    self.table.add(run.task, name, model, score, trial=trial, judge=scorer)
        n_scores = sum(
            any(not math.isnan(epoch.score) for epoch in it.epochs) for it in samples.values()
        )
        if run.stamp[0] and not n_scores and all(free.values()) and not ended.all_failed:
            self.bad.add(run.file, 0, "no sample of it is scored; try: inspect score LOG")
        return n_scores

    def _epoch(self, run: _Run, row: Row, samples: dict[str, _Sample]) -> None:
        name = name_in(row, "id")
        text = prompt_text(row.get("input"))
        self.asked.check(run.task, name, text)
        value = self._value(run.task, row)
        cost = _cost(row, run.asked_for)
        if math.isnan(cost) and _has_tokens(row, run.asked_for):
            self.table.note(
                run.task, "costs: none are logged, but tokens are; --costs prices estimates them"
            )
        if name not in samples:
            samples[name] = _Sample([], text, _subset(row), _chance(row))
        epochs, epoch = samples[name].epochs, str(row.get("epoch"))
        if any(other.name == epoch for other in epochs):
            epoch = f"{epoch} again, at {len(epochs)}"
        others = self._others(run.task, row)
        epochs.append(_Epoch(epoch, value, cost, _axes(row, run.asked_for), others))

    def _others(self, task: str, row: Row) -> dict[str, float]:
        """What other scorers than the one that counts gave, where it is a score in [0, 1]."""
        found: dict[str, float] = {}
        for name, value in (_values(row) if not row.get("invalidation") else {}).items():
            if name != self.scorer_of.get(task):
                with suppress(RowError):
                    found[name] = self._number(value, name)
        return {name: score for name, score in found.items() if not math.isnan(score)}

    def _value(self, task: str, row: Row) -> float:
        """The score of a sample, NaN if it was not scored."""
        values = {} if row.get("invalidation") else _values(row)
        if not values:
            return math.nan
        scorer = self.scorer_of.setdefault(task, self.scorer or next(iter(values)))
        if scorer not in values:
            raise RowError(f"there is no score {scorer!r}; there are: {listed(values)}")
        number = self._number(values[scorer], scorer)
        tell_word(self.table.forms(task), scorer, values[scorer], number)
        return number

    def _number(self, value: object, scorer: str) -> float:
        if isinstance(value, str):
            value = _GRADES.get(value, _WORDS.get(value.lower(), value))
        try:
            return value_in(value, rescale=self.rescale, what=scorer)
        except RowError as error:
            if not isinstance(value, str):
                raise
            raise RowError(
                f"{error}; the grades that are known are C, P, I and N: choose another scorer with "
                "-O scorer=NAME"
            ) from None


def _trial(run: Run, epoch: _Epoch) -> str:
    """What names the run of a sample: its epoch, with the seed where the run had one."""
    return epoch.name if run.seed is None else f"{run.seed}/{epoch.name}"


def _runs(files: Sequence[Path], bad: BadRows) -> Iterator[_Run]:
    for file in files:
        head = head_of(file)
        with bad.row(file, 0):
            spec = field_in(head, "eval")
            if not isinstance(spec, dict):
                raise RowError("'eval' is not a JSON object")
            stamp = head.get("status") == "success", text_of(spec.get("created")) or ""
            model = _model(spec)
            settings = flat(spec.get("model_args")) | flat(spec.get("model_generate_config"))
            yield _Run(
                file,
                model,
                name_in(spec, "task"),
                stamp,
                {key: value for key, value in settings.items() if key not in _WHERE},
                order=_order(spec),
                asked_for=model,
                more=_solver(spec),
                task_args=flat(spec.get("task_args")),
            )


def _solver(spec: Row) -> dict[str, str]:
    """The solver with its arguments, where the log names one: another one is another arm."""
    return flat({"solver": spec.get("solver")}) | flat(spec.get("solver_args"), "solver.")


def _model(spec: Row) -> str:
    """The model of a run; where it has none but roles, the one that they all have.

    Raises:
        RowError: if the roles have several.
    """
    name = name_in(spec, "model")
    if name not in _NO_MODEL:
        return name
    roles = spec.get("model_roles")
    held = roles.values() if isinstance(roles, dict) else ()
    models = {name_in(role, "model") for role in held if isinstance(role, dict)}
    if len(models) != 1:
        which = f"its roles have {listed(sorted(models))}" if models else "it has no model_roles"
        raise RowError(
            f"the model is {name!r} and {which}; which of them is judged the log does not tell"
        )
    (only,) = models
    return only


def _order(spec: Row) -> list[str]:
    """The ids of the data set's samples in its order, as far as the log tells."""
    dataset = spec.get("dataset")
    ids = dataset.get("sample_ids") if isinstance(dataset, dict) else None
    return [str(name) for name in ids] if isinstance(ids, list) else []


def _values(row: Row) -> dict[str, object]:
    """The values of a sample by scorer, or by scorer.key where a scorer has several."""
    scores = row.get("scores")
    if scores is None and "score" in row:  # before logs had several scorers
        scores = {"score": row["score"]}
    if not isinstance(scores, dict):
        return {}
    found: dict[str, object] = {}
    for name, score in scores.items():
        value = score.get("value") if isinstance(score, dict) else score
        if isinstance(value, dict):
            found |= {f"{name}.{key}": part for key, part in value.items()}
        else:
            found[name] = value
    return found


class _Ended:
    """Counts samples that ended in an error or were invalidated: not observed, not failures."""

    def __init__(self) -> None:
        self._n = 0
        self._errors = 0
        self._invalid = 0

    @property
    def all_failed(self) -> bool:
        """Whether there were samples, and each of them ended so."""
        return 0 < self._n == self._errors + self._invalid

    def add(self, row: Row) -> None:
        self._n += 1
        if row.get("invalidation"):
            self._invalid += 1
        elif row.get("error") and not _values(row):
            self._errors += 1

    def warnings(self, model: str) -> Iterator[str]:
        for n, what in ((self._errors, "ended in an error"), (self._invalid, "were invalidated")):
            if n:
                yield (
                    f"{model}: {n} of {self._n} samples {what} and are not observed; its mean is "
                    "over the rest, which may be the easier ones"
                )


def _has_tokens(row: Row, model: str) -> bool:
    usage = row.get("model_usage")
    own = usage.get(model) if isinstance(usage, dict) else None
    return isinstance(own, dict) and "total_tokens" in own


def _subset(row: Row) -> str | None:
    about = row.get("metadata")
    named = [text_of(about.get(name)) for name in _SUBSETS] if isinstance(about, dict) else []
    return next((name for name in named if name), None)


def _chance(row: Row) -> float | None:
    choices = row.get("choices")
    return 1 / len(choices) if isinstance(choices, list) and len(choices) > 1 else None


def _cost(row: Row, model: str) -> float:
    """USD that the model's own calls took, NaN if the log does not tell."""
    usage = row.get("model_usage")
    own = usage.get(model) if isinstance(usage, dict) else None
    return cost_in(own.get("total_cost") if isinstance(own, dict) else None, "total_cost")


def _axes(row: Row, model: str) -> dict[str, object]:
    """Tokens of the model's own calls, and how long it worked; cached ones stand apart there."""
    usage = row.get("model_usage")
    own = usage.get(model) if isinstance(usage, dict) else None
    cached = ("input_tokens_cache_read", "input_tokens_cache_write")
    seconds = row.get("working_time", row.get("total_time"))
    return axes_in({"tokens_in": total_in(own, "input_tokens", *cached), "latency_s": seconds}, own)


SAMPLE = {
    f"logs/{model}.json": {
        "version": 2,
        "status": "success",
        "eval": {
            "created": "2025-01-01",
            "task": "toy",
            "dataset": {"samples": 2, "sample_ids": ["q", 2]},
            "model": f"org/{model}",
        },
        "plan": {},
        "samples": [
            {"id": name, "epoch": 1, "input": f"{name}?", "target": "x", "scores": {"match": score}}
            for name, score in (("q", {"value": "C"}), (2, {"value": value}))
        ],
    }
    for model, value in {"a": "I", "b": 0.25}.items()
}

IMPORTER = Importer(
    name="inspect",
    summary="Inspect AI logs: .eval or .json, one model and task each",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
