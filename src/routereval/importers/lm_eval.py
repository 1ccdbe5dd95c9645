"""lm-evaluation-harness: the sample logs that ``--log_samples`` writes.

A log holds one line per prompt and filter; `lm_eval_runs` says which logs there are. Tasks of one
family, such as ``mmlu_anatomy``, become one benchmark with a subset per task.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from routereval.importers.arms import Arm, Run, Taken, arms_of, arms_table
from routereval.importers.eval_logs import (
    SamePrompts,
    listed,
    mean_in,
    names_of,
    prompt_text,
    refuse_unscored,
)
from routereval.importers.importer import Importer
from routereval.importers.lm_eval_runs import holds_logs, runs_in
from routereval.importers.long_table import LongTable
from routereval.importers.metric_choice import LOWER_IS_BETTER
from routereval.importers.rows import (
    BadRows,
    RowError,
    first_object,
    json_records,
    name_in,
    text_of,
)
from routereval.importers.scale import Rescale, Scale
from routereval.records.draft import Draft
from routereval.records.routereval import SUBSETS

_HARNESS = SUBSETS["old"]["mmlu"]

METRICS = (
    "exact_match",
    "acc_norm",
    "acc",
    "prompt_level_strict_acc",
    "pass@1",
    "pass_at_1",
    "f1",
    "em",
    "mcc",
)
"""Which metric of a sample is the score: the first of these that it has, else its first."""

FAMILIES = (
    "leaderboard_bbh",
    "leaderboard_gpqa",
    "leaderboard_math",
    "leaderboard_musr",
    "mmlu_continuation",
    "mmlu_generative",
    "mmlu_pro",
    "mmlu_redux",
    "mmlu",
    "bbh_zeroshot",
    "bbh_fewshot",
    "bbh_cot_zeroshot",
    "bbh_cot_fewshot",
    "minerva_math",
    "hendrycks_math",
    "agieval",
    "arithmetic",
    "blimp",
    "ceval-valid",
    "cmmlu",
)
"""Prefixes of tasks that belong together; of those that fit the longest counts."""

MMLU_SUBJECTS = (
    *(name.removeprefix("harness_hendrycksTest_").removesuffix("_5") for name in _HARNESS),
    *("biology", "business", "chemistry", "computer_science", "economics", "engineering"),
    *("health", "history", "law", "math", "other", "philosophy", "physics", "psychology"),
    *("stem", "humanities", "social_sciences"),
)
"""Ends of the names of MMLU's tasks and of those like it."""

_PAIRED = ("mcc", "f1", "matthews_correlation")
"""Metrics of a whole task that are logged for each sample as what was right and what was said."""

_CHOICES = ("choices", "endings", "options")
_NO_METRICS = {"doc_id", "target", "filtered_resps", "resps", "doc_hash", "input", "doc"}
_PREDICTED = "bypass"
_OTHER_LENGTH = -1.0
"""What RULER logs for the lengths of which a sample is not."""


def recognise(path: Path) -> bool:
    """True for such a log, or a folder with one at most three folders down."""
    return holds_logs(path)


def read(
    path: Path,
    *,
    metric: str | None = None,
    filter: str | None = None,
    prompt: str | None = None,
    families: str | None = None,
    rescale: Rescale = False,
) -> Iterator[Draft]:
    """One draft per task or family of tasks; of several runs by one model the newest counts.

    Args:
        path: a log, or a folder with logs at most three folders down.
        metric: which metrics are the score, in order of preference, such as ``acc,exact_match``;
            by default `METRICS`. The first log of a task decides for all of that task.
        filter: which of the harness's filters count, such as ``flexible-extract,none``; the first
            of these that the first log of a task has, and by default its first.
        prompt: the field of ``doc`` that is the prompt's text, such as ``question``; by default
            the text is all that was sent, examples included.
        families: prefixes of tasks that are one benchmark, such as ``mmlu,bbh``; by default
            `FAMILIES`, and none if it is empty.
        rescale: the scale of the scores, or True for the range that is observed.

    Raises:
        DataError: if there is no score, or lines cannot be read, with up to 20 listed.
    """
    logs = runs_in(path)
    reader = _Reader(names_of(metric), names_of(filter), prompt, rescale)
    grouped = FAMILIES if families is None else names_of(families)
    reader.choose_metrics(logs)
    arms = arms_of(logs)
    n_scores = sum(reader.read_arm(arm, _family(arm.task, grouped)) for arm in arms)
    reader.bad.check()
    refuse_unscored(
        path, n_scores, [log.file for log in logs], "run the harness with --log_samples"
    )
    yield from reader.table.drafts(str(path), model_info=arms_table(arms))


def _family(task: str, families: Sequence[str]) -> str:
    """The benchmark that a task belongs to.

    >>> _family("mmlu_pro_law", FAMILIES), _family("mmlu_llama_anatomy", FAMILIES)
    ('mmlu_pro', 'mmlu_llama')
    """
    fit = [family for family in families if task.startswith(f"{family}_")]
    family = max(fit, key=len, default=task)
    if family != "mmlu":
        return family
    # What follows may be a variant of MMLU that is no family: the same questions in other words.
    subject = max((s for s in MMLU_SUBJECTS if task.endswith(f"_{s}")), key=len, default="")
    return task.removesuffix(f"_{subject}") if subject else task


@dataclass
class _Reader:
    """What is kept while the logs are read one after the other."""

    metrics: tuple[str, ...]
    filters: tuple[str, ...]
    prompt: str | None
    rescale: Rescale
    bad: BadRows = field(default_factory=BadRows)
    asked: SamePrompts = field(default_factory=SamePrompts)
    metric_of: dict[str, str] = field(default_factory=dict)
    filter_of: dict[str, str] = field(default_factory=dict)
    warnings_of: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.table = LongTable(rescale=self.rescale)
        self.taken = Taken(Arm("", "", "", "", ()))

    def choose_metrics(self, logs: Sequence[Run]) -> None:
        """Take as the score of each task the first metric that all of its logs have."""
        held: dict[str, list[set[str]]] = {}
        for log in logs:
            held.setdefault(log.task, []).append(set(first_object(log.file)))
        wanted = self.metrics or METRICS
        for task, keys in held.items():
            shared = [name for name in wanted if all(name in one for one in keys)]
            some = [name for name in wanted if any(name in one for one in keys)]
            if shared:
                self.metric_of[task] = shared[0]
            if shared and some[0] != shared[0]:
                self.warnings_of[task] = (
                    f"{task}: some logs have {some[0]}, but the score is {shared[0]}, which all "
                    "have; choose with -O metric=NAME"
                )

    def read_arm(self, arm: Arm, benchmark: str) -> int:
        """Add the samples of an arm's logs on a task; how many have a score."""
        self.taken = Taken(arm)
        n_scores = 0
        for number, log in enumerate(arm.runs):
            n_scores += self.read(log, benchmark, arm.name, number)
        for fact in self.taken.facts():
            self.table.note(benchmark, fact)
        return n_scores

    def read(self, log: Run, benchmark: str, model: str, number: int) -> int:
        """Add the samples of a log that no newer log has; how many have a score."""
        seen: dict[str, set[str]] = {}
        n_scores = n_superseded = 0
        for line, sample in json_records(log.file, self.bad):
            with self.bad.row(log.file, line):
                kind, doc = _filter(sample), name_in(sample, "doc_id")
                again = doc in seen.setdefault(kind, set())
                seen[kind].add(doc)
                if kind == self._filter(log.task, kind) and not (again and not kind):
                    if self.taken.free(number, doc):
                        n_scores += self._add(log, benchmark, model, doc, sample)
                    else:
                        n_superseded += 1
        if not seen:
            self.bad.add(log.file, 0, "holds no sample")
        elif self.filter_of.get(log.task) not in seen:
            wanted = self.filter_of.get(log.task) or ", ".join(self.filters)
            self.bad.add(log.file, 0, f"has no filter {wanted!r}; it has: {listed(seen)}")
        elif not n_scores and not n_superseded:
            self.bad.add(log.file, 0, "none of its samples has a score")
        self._note(log.task, benchmark, list(seen))
        return n_scores

    def _note(self, task: str, benchmark: str, filters: list[str]) -> None:
        metric, kind = self.metric_of.get(task), self.filter_of.get(task)
        one_of = f" (one of {', '.join(filters)}; -O filter=NAME)" if len(filters) > 1 else ""
        chosen = f", filter {kind}{one_of}" if kind else ""
        if metric:
            self.table.note(benchmark, f"{task}: score: metric {metric}{chosen}")
        if task in self.warnings_of:
            self.table.warn(benchmark, self.warnings_of[task])

    def _filter(self, task: str, kind: str) -> str | None:
        """The filter that counts for a task."""
        if task not in self.filter_of and (kind in self.filters or not self.filters):
            self.filter_of[task] = kind
        return self.filter_of.get(task)

    def _add(
        self, log: Run, benchmark: str, model: str, doc: str, sample: Mapping[str, Any]
    ) -> bool:
        """Add a sample; whether it has a score."""
        prompt_id = f"{log.task}/{doc}"
        self.asked.check(benchmark, prompt_id, text_of(sample.get("doc_hash")))
        metric, logged = self._logged(log.task, benchmark, sample)
        score = self._value(logged, metric)
        try:
            return self.table.add(
                benchmark,
                prompt_id,
                model,
                score,
                text=_text(sample, self.prompt),
                subset=log.task,
                chance=_chance(sample),
                trial=log.seed,
                column=metric,
            )
        except RowError as error:
            why = str(error).removeprefix("score ")
            raise RowError(f"{metric} {why}{_others(sample, metric)}") from None

    def _logged(self, task: str, benchmark: str, sample: Mapping[str, Any]) -> tuple[str, object]:
        """The metric of a sample that is the score, and what was logged for it."""
        if not self.metrics and (lengths := _lengths(sample)):
            names = ", ".join(map(repr, lengths))
            self.table.note(benchmark, f"{task}: score: the one of {names} that is not -1")
            own = [name for name in lengths if sample[name] != _OTHER_LENGTH]
            return (own[0], sample[own[0]]) if own else (lengths[0], None)
        metric = self.metric_of.get(task) or _metric(sample, self.metrics)
        if metric not in sample:
            raise RowError(f"there is no {metric!r}, the metric of {task} so far")
        self.metric_of[task] = metric
        return metric, sample[metric]

    def _value(self, logged: object, metric: str) -> object:
        """The score of a sample."""
        logged = _scalar(logged)
        if isinstance(logged, dict):
            raise RowError(
                f"{metric} is an object, from which one number is computed for all samples; choose "
                "another metric with -O metric=NAME"
            )
        inverted = isinstance(self.rescale, Scale) and self.rescale.low > self.rescale.high
        if isinstance(logged, list):
            if logged and all(isinstance(part, bool) for part in logged):
                return mean_in(logged, metric)
            if metric in _PAIRED and len(logged) == 2:
                return float(logged[0] == logged[1])
            raise RowError(
                f"{metric} is a list, from which the harness computes one number for all samples: "
                "there is no score of this one; choose another metric with -O metric=NAME"
            )
        if metric in LOWER_IS_BETTER and not inverted:
            raise RowError(
                f"{metric} is the better the lower it is; choose another metric with -O "
                "metric=NAME, or import with --scale WORST,BEST (the higher number first)"
            )
        return logged


def _filter(sample: Mapping[str, Any]) -> str:
    """The filter of a sample; empty before version 0.4.7, which did not tell it."""
    return name_in(sample, "filter") if "filter" in sample else ""


def _own(sample: Mapping[str, Any]) -> list[str]:
    """The metrics that a sample says it has; of lmms-eval, which does not, what holds one."""
    logged = sample.get("metrics")
    if isinstance(logged, list):
        return [name for name in logged if isinstance(name, str)]
    if "input" not in sample:
        return []
    return [
        name
        for name, held in sample.items()
        if name not in _NO_METRICS and isinstance(_scalar(held), bool | int | float)
    ]


def _scalar(logged: object) -> object:
    """What was logged, of lmms-eval's objects their score."""
    return logged["score"] if isinstance(logged, dict) and "score" in logged else logged


def _lengths(sample: Mapping[str, Any]) -> list[str]:
    """The metrics of RULER, which are lengths of the context; none of any other task."""
    own = _own(sample)
    named = len(own) > 1 and all(name.isdecimal() and name in sample for name in own)
    return own if named else []


def _others(sample: Mapping[str, Any], metric: str) -> str:
    """A remedy where a sample has other metrics."""
    other = [name for name in _own(sample) if name != metric]
    return f", or choose another metric with -O metric=NAME: {listed(other)}" if other else ""


def _metric(sample: Mapping[str, Any], wanted: tuple[str, ...]) -> str:
    """The metric that is the score.

    Raises:
        RowError: if the sample has none.
    """
    own = _own(sample)
    if own == [_PREDICTED]:
        raise RowError("was predicted and not scored; run the harness without --predict_only")
    found = next((m for m in wanted or (*METRICS, *own) if m in sample), None)
    if found is None:
        which = ", ".join(wanted) or "any known name"
        has = f"; it has {listed(own)}" if own else ""
        raise RowError(f"there is no metric {which}{has}; choose with the option metric")
    return found


def _text(sample: Mapping[str, Any], prompt: str | None) -> str | None:
    """The text that was sent, or a field of the task's document."""
    doc = sample.get("doc")
    if prompt is not None:
        return prompt_text(doc.get(prompt)) if isinstance(doc, dict) else None
    requests = _requests(sample)
    if not requests:
        return prompt_text(sample.get("input"))
    return prompt_text(requests[0][0]) if requests[0] else None


def _requests(sample: Mapping[str, Any]) -> list[list[Any]]:
    """The arguments of each request, in both of the forms that they had."""
    sent = sample.get("arguments")
    requests = sent.values() if isinstance(sent, dict) else sent if isinstance(sent, list) else ()
    return [
        list(request.values()) if isinstance(request, dict) else request
        for request in requests
        if isinstance(request, dict | list)
    ]


def _chance(sample: Mapping[str, Any]) -> float | None:
    """One over the number of options, as the document lists them or as each was asked for."""
    doc = sample.get("doc") if isinstance(sample.get("doc"), dict) else {}
    if not isinstance(doc, dict) or "mc2_targets" in doc:  # scored by shares of probability
        return None
    options = next((doc[name] for name in _CHOICES if name in doc), None)
    if isinstance(options, dict):
        options = options.get("text")
    n_options = len(options) if isinstance(options, list) else _n_continuations(sample)
    return 1 / n_options if n_options > 1 else None


def _n_continuations(sample: Mapping[str, Any]) -> int:
    """How many continuations the model rated: requests are pairs of texts then."""
    pairs = [r for r in _requests(sample) if len(r) > 1 and isinstance(r[1], str)]
    return sum(1 for request in pairs if request[0] != "")


SAMPLE = {
    f"org__{model}/samples_gsm8k_2024-07-01T10-00-00.000001.jsonl": [
        {
            "doc_id": doc,
            "doc": {"question": f"How many {doc}?", "answer": "#### 4"},
            "arguments": {"gen_args_0": {"arg_0": f"How many {doc}?", "arg_1": {"until": ["Q"]}}},
            "filter": "strict-match",
            "metrics": ["exact_match"],
            "doc_hash": f"count {doc}",
            "exact_match": score,
        }
        for doc, score in enumerate(scores)
    ]
    for model, scores in {"a": (1.0, 0.0), "b": (0.0, 1.0)}.items()
}

IMPORTER = Importer(
    name="lm-eval",
    summary="lm-evaluation-harness: samples_<task>_<time>.jsonl in a folder per model",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
