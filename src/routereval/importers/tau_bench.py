"""τ-bench and τ²-bench: the simulations of one agent, several trials for each task.

τ²-bench writes a JSON object with ``info`` (agent, domain), ``tasks`` and ``simulations``; of runs
with long simulations a folder, ``results.json`` and ``simulations/*.json``. τ-bench writes a list
of ``{task_id, reward, info, traj, trial}``, and tells model and domain in the file's name only.
Repositories: ``sierra-research/tau2-bench``, ``sierra-research/tau-bench``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from routereval.errors import DataError
from routereval.importers.arms import Run, flat
from routereval.importers.eval_logs import down_to, first_files
from routereval.importers.importer import Importer
from routereval.importers.rows import (
    BadRows,
    files_in,
    json_file,
    name_in,
    peek,
    some_files,
    text_of,
)
from routereval.importers.run_answers import (
    Answer,
    drafts_of_runs,
    milliseconds,
    object_in,
    part_of,
)
from routereval.importers.scale import Rescale
from routereval.records.draft import Draft

_PATTERNS = down_to(3, "*.json")
_NAME = re.compile(
    r"(?P<strategy>tool-calling|act|react|few-shot)-(?P<model>.+)-(?P<temperature>[\d.]+)_range_"
    r"-?\d+-+\d+_user-(?P<user>.+)_(?P<stamp>\d+)"
)
_DOMAIN = re.compile(r"[-_]?(airline|retail|telecom)(?![a-z])")
_NOT_OBSERVED = ("infrastructure_error",)
"""Ends of a simulation that say nothing of the agent, which the benchmark leaves out as well."""

_MANY = 1e12
_INSTRUCTIONS = ("reason_for_call", "known_info", "unknown_info", "task_instructions")


def recognise(path: Path) -> bool:
    """True for such a file, or a folder with one at most three folders down."""
    return any(map(_is_ours, first_files(path, *_PATTERNS)))


def read(path: Path, *, rescale: Rescale = False) -> Iterator[Draft]:
    """One draft per domain.

    Args:
        path: such a file, or a folder with some at most three folders down.
        rescale: the scale of the rewards, or True for the range that is observed.

    Raises:
        DataError: if there is no reward, or simulations cannot be read, with up to 20 listed.
    """
    files = [f for f in some_files(path, "simulations of tau-bench", *_PATTERNS) if _is_ours(f)]
    if not files:
        raise DataError(f"{path} holds no simulations of tau-bench or tau2-bench")
    yield from drafts_of_runs(
        path,
        map(_run, files),
        _rows,
        lambda row, _: [_answer(row)],
        unscored="evaluate the simulations, which writes their reward",
        rescale=rescale,
        licence="MIT",
    )


def _is_ours(file: Path) -> bool:
    head = peek(file)
    if head.lstrip().startswith("["):
        return all(f'"{key}"' in head for key in ("task_id", "reward", "traj"))
    return all(f'"{key}"' in head for key in ("agent_info", "environment_info"))


def _run(file: Path) -> Run:
    return _listed_run(file) if peek(file).lstrip().startswith("[") else _described_run(file)


def _described_run(file: Path) -> Run:
    """A run of τ²-bench, which tells its model and settings."""
    whole = json_file(file)
    info = part_of(whole, "info")
    agent = part_of(info, "agent_info")
    model, domain = part_of(agent, "llm"), part_of(info, "environment_info", "domain_name")
    if not (isinstance(model, str) and model.strip() and isinstance(domain, str)):
        raise DataError(f"{file} does not tell the agent's model and the domain, in 'info'")
    settings = flat(part_of(agent, "llm_args"))
    settings |= flat({"reasoning_effort": part_of(info, "audio_native_config", "reasoning_effort")})
    settings |= flat({"seed": part_of(info, "seed")})
    more = flat(
        {
            "agent": part_of(agent, "implementation"),
            "user": part_of(info, "user_info", "llm"),
            "speech": part_of(info, "speech_complexity"),
            "retrieval": part_of(info, "retrieval_config"),
        }
    )
    stamp = text_of(part_of(whole, "timestamp")) or ""
    return Run(file, _plain(model), f"tau2-{_plain(domain)}", stamp, settings, more)


def _listed_run(file: Path) -> Run:
    """A run of τ-bench, of which only the file's name tells anything."""
    stem, above = _plain(file.stem), _plain(file.absolute().parent.name)
    domain = _DOMAIN.search(stem) or _DOMAIN.search(above)
    task = f"tau-{domain[1]}" if domain else "tau-bench"
    parts = _NAME.fullmatch(stem)
    if parts is None:
        return Run(file, _DOMAIN.sub("", stem).strip("-_") or stem, task, stem)
    more = {"agent": parts["strategy"], "user": parts["user"]}
    return Run(
        file, parts["model"], task, parts["stamp"], {"temperature": parts["temperature"]}, more
    )


def _plain(name: str) -> str:
    return (text_of(name) or "").strip()


def _rows(run: Run, bad: BadRows) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The simulations, each with the text of its task."""
    whole = json_file(run.file)
    listed = part_of(whole, "tasks")
    tasks = {
        task["id"]: _instructions(part_of(task, "user_scenario", "instructions"))
        for task in (listed if isinstance(listed, list) else ())
        if isinstance(task, dict) and isinstance(task.get("id"), str)
    }
    for number, found in enumerate(_simulations(run.file, whole), 1):
        with bad.row(run.file, number):
            simulation = object_in(found, "the simulation")
            task = simulation.get("task_id")
            text = tasks.get(task) if isinstance(task, str) else None
            yield (
                number,
                {
                    "simulation": simulation,
                    "text": text or text_of(part_of(simulation, "info", "task", "instruction")),
                },
            )


def _simulations(file: Path, whole: object) -> Iterator[object]:
    listed = whole if isinstance(whole, list) else part_of(whole, "simulations")
    listed = listed or part_of(whole, "simulation_index")
    if isinstance(listed, list):
        yield from listed
    else:
        yield from map(json_file, files_in(file.parent, "simulations/*.json"))


def _instructions(instructions: object) -> str | None:
    """What the simulated user is instructed."""
    if isinstance(instructions, dict):
        parts = [text for key in _INSTRUCTIONS if (text := text_of(instructions.get(key)))]
        return "\n\n".join(parts) or None
    return text_of(instructions)


def _answer(row: Mapping[str, Any]) -> Answer:
    simulation = row["simulation"]
    error = simulation.get("termination_reason") in _NOT_OBSERVED
    crashed = bool(part_of(simulation, "info", "error")) and not simulation.get("traj")
    reward = part_of(simulation, "reward_info", "reward")
    if reward is None:
        reward = simulation.get("reward")
    return Answer(
        name_in(simulation, "task_id"),
        reward,
        failed=error or crashed,
        cost=simulation.get("agent_cost"),
        text=row["text"],
        asked=row["text"],
        axes={
            "latency_ms": milliseconds(simulation.get("duration")),
            "tokens_in": _tokens(simulation, "prompt_tokens"),
            "tokens_out": _tokens(simulation, "completion_tokens"),
        },
    )


def _tokens(simulation: Mapping[str, Any], kind: str) -> float | None:
    """How many tokens the agent's calls took; None where they do not say it."""
    messages = simulation.get("messages")
    counts = [
        part_of(message, "usage", kind)
        for message in (messages if isinstance(messages, list) else ())
        if part_of(message, "role") == "assistant"
    ]
    numbers = [float(n) for n in counts if isinstance(n, int | float) and 0 <= n < _MANY]
    return sum(numbers) if numbers else None


SAMPLE = {
    f"simulations/{model}_airline.json": {
        "timestamp": "2025-06-10T00:00:00",
        "info": {
            "num_trials": 2,
            "agent_info": {"implementation": "llm_agent", "llm": model, "llm_args": {}},
            "environment_info": {"domain_name": "airline", "policy": "Be kind."},
        },
        "tasks": [{"id": str(n), "user_scenario": {"instructions": f"Fly {n}"}} for n in range(2)],
        "simulations": [
            {
                "id": f"s{task}{trial}",
                "task_id": str(task),
                "trial": trial,
                "duration": 12.5,
                "termination_reason": "user_stop",
                "agent_cost": 0.01,
                "reward_info": {"reward": reward},
                "messages": [],
            }
            for task, rewards in enumerate(by_task)
            for trial, reward in enumerate(rewards)
        ],
    }
    for model, by_task in {"a": ((1.0, 0.0), (1.0, 1.0)), "b": ((0.0, 0.0), (0.0, 1.0))}.items()
}

IMPORTER = Importer(
    name="tau-bench",
    summary="tau-bench and tau2-bench: a JSON file of simulations per agent, trials kept",
    recognise=recognise,
    read=read,
    sample=SAMPLE,
)
