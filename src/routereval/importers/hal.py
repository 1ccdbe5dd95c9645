"""HAL: what the Holistic Agent Leaderboard's harness writes, ``<run>_UPLOAD.json``.

A run is ``{config: {agent_name, benchmark_name, run_id, agent_args: {model_name}}, results:
{accuracy, successful_tasks, failed_tasks}, task_prompts, wall_clock_times}``. Published ones are
encrypted archives, which the harness's ``hal-decrypt`` unpacks.
Repository: ``princeton-pli/hal-harness``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from routereval.errors import DataError
from routereval.importers.arms import Run, flat
from routereval.importers.eval_logs import down_to, first_files
from routereval.importers.importer import Importer
from routereval.importers.rows import BadRows, RowError, json_file, name_of, some_files, text_of
from routereval.importers.run_answers import Answer, drafts_of_runs, milliseconds, part_of
from routereval.records.draft import Draft

_END = "_UPLOAD.json"
_PATTERNS = down_to(3, f"*{_END}")
_OUTCOMES = {"successful_tasks": 1.0, "failed_tasks": 0.0}
_MODEL = ("model_name", "model", "agent_model_name")
_WHERE = {*_MODEL, "api_key", "base_url", "provider", "cost"}


def recognise(path: Path) -> bool:
    """True for such a file, or a folder with one at most three folders down."""
    return any(file.name.endswith(_END) for file in first_files(path, *_PATTERNS))


def read(path: Path) -> Iterator[Draft]:
    """One draft per benchmark; a task is right or not, and several runs of an agent are trials.

    Args:
        path: such a file, or a folder with some at most three folders down.

    Raises:
        DataError: if there is no task, or a run cannot be read.
    """
    files = some_files(path, f"runs of HAL (*{_END})", *_PATTERNS)
    yield from drafts_of_runs(
        path,
        map(_run, files),
        _rows,
        lambda row, _: [_answer(*row)],
        unscored="the results should list successful_tasks and failed_tasks",
        licence="Apache-2.0",
        digest=lambda run: run.stamp,
    )


def _run(file: Path) -> Run:
    config = part_of(json_file(file), "config")
    args = part_of(config, "agent_args")
    agent = text_of(part_of(config, "agent_name")) or ""
    named = (text_of(part_of(args, key)) for key in _MODEL)
    model = next((name for name in named if name and name.strip()), agent)
    benchmark = text_of(part_of(config, "benchmark_name")) or ""
    if not (model.strip() and benchmark.strip()):
        raise DataError(f"{file} does not tell the agent and the benchmark, in 'config'")
    settings = {key: value for key, value in flat(args).items() if key not in _WHERE}
    stamp = text_of(part_of(config, "run_id")) or file.name
    # An agent may be named with its model, which is one name then.
    more = {} if model == agent else {"agent": agent}
    return Run(file, model, benchmark, stamp, settings, flat(more))


def _rows(run: Run, bad: BadRows) -> Iterator[tuple[int, tuple[str, float, Mapping[str, Any]]]]:
    """The tasks of a run, with their outcomes."""
    whole = json_file(run.file)
    for key, score in _OUTCOMES.items():
        tasks = part_of(whole, "results", key)
        for number, task in enumerate(tasks if isinstance(tasks, list) else (), 1):
            with bad.row(run.file, number):
                name = name_of(task, f"a task of {key!r}")
                text = text_of(part_of(whole, "task_prompts", name))
                took = part_of(whole, "wall_clock_times", name)
                yield number, (name, score, {"text": text, "took": took})
        if tasks is not None and not isinstance(tasks, list):
            with bad.row(run.file, 0):
                raise RowError(f"{key!r} is no list of tasks")


def _answer(name: str, score: float, about: Mapping[str, Any]) -> Answer:
    return Answer(name, score, text=about["text"], axes={"latency_ms": milliseconds(about["took"])})


SAMPLE = {
    f"results/gaia/gaia_{model}/gaia_{model}{_END}": {
        "config": {
            "agent_name": "HAL Generalist Agent",
            "benchmark_name": "gaia",
            "date": "2026-01-01",
            "run_id": f"gaia_{model}",
            "agent_args": {"model_name": f"org/{model}"},
        },
        "results": {
            "accuracy": len(right) / 2,
            "successful_tasks": right,
            "failed_tasks": wrong,
            "total_cost": 0.5,
        },
        "task_prompts": {"t1": "How many?", "t2": "Who?"},
        "wall_clock_times": {"t1": 12.5},
    }
    for model, (right, wrong) in {"a": (["t1"], ["t2"]), "b": (["t1", "t2"], [])}.items()
}

IMPORTER = Importer(
    name="hal",
    summary="HAL (Holistic Agent Leaderboard): a <run>_UPLOAD.json per agent and benchmark",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
