"""Which of several metrics is the score: one for each task, which all of its runs have."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from routereval.errors import DataError
from routereval.importers.arms import Run
from routereval.importers.eval_logs import listed
from routereval.importers.scale import Rescale, Scale

LOWER_IS_BETTER = frozenset(
    {
        *("perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte", "brier_score"),
        *(
            "ppl",
            "ter",
            "wer",
            "cer",
            "loss",
            "nll",
            "mse",
            "mae",
            "rmse",
            "edit_distance",
            "wer_score",
        ),
    }
)
"""Metrics that are the better the lower they are."""


@dataclass
class MetricChoice:
    """The metric of each task, and what is to be said of it.

    Attributes:
        metric_of: by task.
        facts: what was chosen, by task.
        warnings: what some runs have and others have not, by task.
    """

    metric_of: dict[str, str] = field(default_factory=dict)
    facts: dict[str, list[str]] = field(default_factory=dict)
    warnings: dict[str, list[str]] = field(default_factory=dict)


def choose_metrics(
    runs: Iterable[Run],
    metrics_in: Callable[[Run], Collection[str]],
    wanted: Sequence[str],
    preferred: Sequence[str] | Callable[[str], Sequence[str]],
    rescale: Rescale = False,
) -> MetricChoice:
    """Take the first metric that all runs of a task have.

    Args:
        runs: the runs.
        metrics_in: the metrics that a run's file holds.
        wanted: those that the user names, in order of preference; `preferred` if empty.
        preferred: known ones, or what gives those of a task; a task that has none of them, but only
            one metric, has that one.
        rescale: what is said of the scale; one whose best end is the lower inverts a metric.

    Raises:
        DataError: if that cannot be decided, or the metric is the better the lower it is.
    """
    by_task: dict[str, list[Collection[str]]] = {}
    for run in runs:
        by_task.setdefault(run.task, []).append(metrics_in(run))
    choice = MetricChoice()
    for task, metrics in by_task.items():
        names = list(dict.fromkeys(name for run in metrics for name in run))
        known = preferred(task) if callable(preferred) else preferred
        order = [*wanted] or [*known, *(names if len(names) == 1 else ())]
        shared = [name for name in order if all(name in run for run in metrics)]
        if not shared:
            raise DataError(
                f"{task}: {_why_none(names, metrics)}; choose one that all runs have with -O "
                "metric=NAME, or leave out the runs that have none"
            )
        _refuse_lower(task, shared[0], rescale)
        choice.metric_of[task] = shared[0]
        other = "; -O metric=NAME takes another" if len(names) > 1 else ""
        choice.facts[task] = [f"score: metric {shared[0]}{other}"]
        first = next(name for name in order if name in names)
        if first != shared[0]:
            choice.warnings[task] = [
                f"{task}: some runs have {first}, but the score is {shared[0]}, which all have; "
                "choose with -O metric=NAME"
            ]
    return choice


def _why_none(names: Sequence[str], metrics: Sequence[Collection[str]]) -> str:
    if not names:
        return "no metric was logged"
    if not all(metrics):
        return f"some runs have no metric, others have {listed(names)}"
    return f"which metric is the score is not known; there are {listed(names)}"


def _refuse_lower(task: str, metric: str, rescale: Rescale) -> None:
    inverted = isinstance(rescale, Scale) and rescale.low > rescale.high
    if metric in LOWER_IS_BETTER and not inverted:
        raise DataError(
            f"{task}: {metric} is the better the lower it is; choose another metric with -O "
            "metric=NAME, or import with --scale WORST,BEST (the higher number first)"
        )
