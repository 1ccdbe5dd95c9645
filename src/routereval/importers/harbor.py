"""Harbor: the trials of its jobs, ``<job>/<trial>/result.json``, as of Terminal-Bench 2.

A result is ``{task_name, trial_name, source, config: {agent: {name, model_name, kwargs}},
agent_info: {name, model_info: {name, provider}}, agent_result: {n_input_tokens, n_cache_tokens,
n_output_tokens, cost_usd}, verifier_result: {rewards: {name: number}}, exception_info,
reward_valid}``; the job's own ``result.json`` sums up. Fields after the package ``harbor``
(``models/trial/result.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from routereval.errors import DataError
from routereval.importers.arms import Run, flat
from routereval.importers.axis_fields import milliseconds
from routereval.importers.eval_logs import down_to, first_files, names_of
from routereval.importers.importer import Importer
from routereval.importers.metric_choice import choose_metrics
from routereval.importers.rows import axis_in, json_file, name_in, peek, some_files, text_of
from routereval.importers.run_answers import (
    Answer,
    RowsOfRuns,
    digest_of,
    drafts_of_runs,
    folder_above,
    part_of,
)
from routereval.importers.scale import Rescale
from routereval.importers.scored_calls import objects_in
from routereval.records.draft import Draft

METRICS = ("reward",)
"""Which of several rewards is the score."""

_FILE = "result.json"
_PATTERNS = down_to(4, _FILE)
_TOKENS = {
    "tokens_in": "n_input_tokens",
    "tokens_cached": "n_cache_tokens",
    "tokens_out": "n_output_tokens",
}

_COST = "cost_usd"
_FIELDS = (
    *("id", "task_name", "verifier_result", "exception_info", "reward_valid"),
    *("agent_execution", "started_at", "finished_at"),
)

_Trial = Mapping[str, Any]


def recognise(path: Path) -> bool:
    """True for the result of a trial, or a folder with one at most four folders down."""
    return any(map(_is_ours, first_files(path, *_PATTERNS)))


def read(path: Path, *, metric: str | None = None, rescale: Rescale = False) -> Iterator[Draft]:
    """One draft per data set, whose prompts are the tasks; attempts of all jobs are trials.

    Args:
        path: a result, the folder of a job, or one that holds such folders.
        metric: which reward is the score, in order of preference; by default `METRICS`, or the
            only one.
        rescale: the scale of the rewards, or True for the range that is observed.

    Raises:
        DataError: if there is no reward, or results cannot be read, with up to 20 listed.
    """
    files = [file for file in some_files(path, "results of Harbor", *_PATTERNS) if _is_ours(file)]
    if not files:
        raise DataError(f"{path} holds no result of a trial of Harbor; give the folder of a job")
    trials = RowsOfRuns()
    for file in files:
        trial = json_file(file)
        if not isinstance(trial, dict):
            raise DataError(f"{file} is no result of a trial: it is not a JSON object")
        trials.add(_run(file, trial), 0, _kept(trial))
    choice = choose_metrics(
        trials.runs, lambda run: _rewards(trials.of(run)), names_of(metric), METRICS, rescale
    )
    yield from drafts_of_runs(
        path,
        trials.runs,
        trials.of,
        lambda trial, run: [_answer(trial, choice.metric_of[run.task])],
        unscored="let the verifier of the job run to its end",
        rescale=rescale,
        licence="Apache-2.0",
        facts=choice.facts,
        warnings=choice.warnings,
        digest=lambda run: digest_of([part_of(trial, "id") for _, trial in trials.of(run)]),
    )


def _is_ours(file: Path) -> bool:
    head = peek(file)
    return all(f'"{key}"' in head for key in ("task_name", "trial_name", "verifier_result"))


def _kept(trial: _Trial) -> _Trial:
    """What is needed of a trial: a result may also hold each token of each call."""
    steps = trial.get("step_results")
    contexts = [trial.get("agent_result"), *map(_result_of_step, objects_in(steps))]
    used = [{key: part_of(one, key) for key in (*_TOKENS.values(), _COST)} for one in contexts]
    return {**{key: trial.get(key) for key in _FIELDS}, "contexts": used}


def _result_of_step(step: _Trial) -> object:
    return step.get("agent_result")


def _run(file: Path, trial: _Trial) -> Run:
    """The run of a job that a trial belongs to; its file stands for the job's folder."""
    agent = part_of(trial, "config", "agent")
    info = part_of(trial, "agent_info", "model_info")
    parts = [text_of(part_of(info, key)) for key in ("provider", "name")]
    known = text_of(part_of(agent, "model_name")) or "/".join(part for part in parts if part)
    name = text_of(part_of(trial, "agent_info", "name")) or text_of(part_of(agent, "name")) or ""
    source = text_of(trial.get("source")) or ""
    job = folder_above(file, 2)
    return Run(
        job / _FILE,
        known.strip() or name.strip() or "model",
        source.strip() or "harbor",
        text_of(job.name) or "",
        flat(part_of(agent, "kwargs")),
        flat({"agent": name}),
    )


def _rewards(trials: Sequence[tuple[int, _Trial]]) -> list[str]:
    """The names of the rewards that trials have."""
    held = [part_of(trial, "verifier_result", "rewards") for _, trial in trials]
    return list(dict.fromkeys(name for rewards in held for name in rewards or ()))


def _answer(trial: _Trial, metric: str) -> Answer:
    reward = part_of(trial, "verifier_result", "rewards", metric)
    contexts = trial["contexts"]
    took = part_of(trial, "agent_execution")
    whole = milliseconds(trial.get("started_at"), trial.get("finished_at"))
    agent = milliseconds(part_of(took, "started_at"), part_of(took, "finished_at"))
    axes: dict[str, object] = {axis: _total(contexts, key) for axis, key in _TOKENS.items()}
    return Answer(
        name_in(trial, "task_name"),
        reward,
        failed=trial.get("reward_valid") is False or (reward is None and _raised(trial)),
        cost=_total(contexts, _COST),
        axes={**axes, "latency_ms": whole if agent is None else agent},
    )


def _raised(trial: _Trial) -> bool:
    return bool(trial.get("exception_info"))


def _total(contexts: Sequence[object], key: str) -> float | None:
    """The sum of a number over the contexts that have it; None if none has."""
    numbers = [axis_in(part_of(context, key)) for context in contexts]
    known = [number for number in numbers if number is not None and number == number]  # noqa: PLR0124
    return sum(known) if known else None


SAMPLE = {
    f"jobs/2026-01-01__{model}/{task}__x{n}/{_FILE}": {
        "id": f"{model}{task}{n}",
        "task_name": task,
        "trial_name": f"{task}__x{n}",
        "source": "terminal-bench",
        "config": {"agent": {"name": "terminus-2", "model_name": f"org/{model}", "kwargs": {}}},
        "agent_info": {"name": "terminus-2", "model_info": {"name": model, "provider": "org"}},
        "agent_result": {"n_input_tokens": 900, "n_output_tokens": 50, "cost_usd": 0.01},
        "verifier_result": {"rewards": {"reward": reward}},
        "exception_info": None,
        "started_at": "2026-01-01T10:00:00Z",
        "finished_at": "2026-01-01T10:01:00Z",
    }
    for model, by_task in {"a": ((1.0, 0.0), (1.0, 1.0)), "b": ((0.0, 0.0), (0.0, 1.0))}.items()
    for task, rewards in zip(("hello", "chess"), by_task, strict=True)
    for n, reward in enumerate(rewards)
}

IMPORTER = Importer(
    name="harbor",
    summary="Harbor's jobs (Terminal-Bench 2): a result.json per trial",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
