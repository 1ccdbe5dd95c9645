"""tau-bench and tau2-bench: trials, costs, ends that say nothing of the agent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routereval.errors import DataError
from routereval.importers import tau_bench, write_sample
from routereval.records import Draft

INFO = {
    "agent_info": {"implementation": "llm_agent", "llm": "m", "llm_args": {"temperature": 0.0}},
    "environment_info": {"domain_name": "retail"},
}


def only(folder: Path, files: dict[str, Any]) -> Draft:
    source = write_sample(files, folder)
    assert tau_bench.recognise(source)
    (draft,) = tau_bench.read(source)
    return draft


def listed(number: int, reward: float, **info: object) -> dict[str, Any]:
    told = {"task": {"instruction": f"Do {number}"}, **info}
    return {"task_id": number, "reward": reward, "info": told, "traj": [], "trial": 0}


def test_the_sample_is_read(tmp_path: Path) -> None:
    draft = only(tmp_path, dict(tau_bench.SAMPLE))
    assert (draft.name, list(draft.models)) == ("tau2-airline", ["a", "b"])
    assert draft.scores.tolist() == [[0.5, 0], [1, 0.5]]
    assert draft.prompts["text"].to_list() == ["Fly 0", "Fly 1"]
    assert draft.costs is not None
    assert draft.costs.tolist() == [[pytest.approx(0.01)] * 2] * 2


def test_what_the_infrastructure_ended_is_not_observed(tmp_path: Path) -> None:
    ends = {"1": "infrastructure_error", "2": "max_steps", "3": "user_stop"}
    runs: list[dict[str, Any]] = [
        {"task_id": task, "termination_reason": why, "reward_info": {"reward": 0.0}}
        for task, why in ends.items()
    ]
    runs.append({"task_id": "4", "termination_reason": "user_stop", "reward_info": None})
    draft = only(tmp_path, {"r.json": {"info": INFO, "tasks": [], "simulations": runs}})
    assert np.isnan(draft.scores[:, 0]).tolist() == [True, False, False, True]
    assert any("1 of 4 answers ended in an error" in line for line in draft.warnings)


def test_a_run_may_keep_its_simulations_in_a_folder(tmp_path: Path) -> None:
    index = [{"task_id": "7", "trial": n, "reward": float(n), "agent_cost": 0.5} for n in range(2)]
    whole = {"info": INFO, "tasks": [], "simulation_index": index}
    draft = only(tmp_path / "one", {"r/results.json": whole})
    assert draft.scores.tolist() == [[0.5]]
    files = {
        "r/results.json": {"info": INFO, "tasks": []},
        "r/simulations/a.json": {"task_id": "7", "reward_info": {"reward": 1.0}},
    }
    assert only(tmp_path / "two", files).scores.tolist() == [[1]]


def test_other_arguments_are_another_arm(tmp_path: Path) -> None:
    sims = [{"task_id": "1", "reward_info": {"reward": 1.0}}]
    files: dict[str, Any] = {}
    for effort in ("low", "high"):
        agent = {"llm": "m", "llm_args": {"reasoning_effort": effort}}
        files[f"{effort}.json"] = {"info": {**INFO, "agent_info": agent}, "simulations": sims}
    draft = only(tmp_path, files)
    assert list(draft.models) == ["m [reasoning_effort=high]", "m [reasoning_effort=low]"]


@pytest.mark.parametrize(
    ("name", "task", "model"),
    [
        ("gpt-4o-airline", "tau-airline", "gpt-4o"),
        (
            "tool-calling-claude-3-7-0.0_range_0--1_user-gpt-4o-llm_0312101010",
            "tau-bench",
            "claude-3-7",
        ),
    ],
)
def test_the_older_form_tells_the_model_by_its_name(
    name: str, task: str, model: str, tmp_path: Path
) -> None:
    rows = [listed(0, 1.0), listed(0, 0.0), listed(1, 0.0, error="timed out")]
    draft = only(tmp_path, {f"{name}.json": rows})
    assert (draft.name, list(draft.models)) == (task, [model])
    assert draft.scores[0, 0] == 0.5
    assert np.isnan(draft.scores[1, 0])
    assert draft.prompts["text"].to_list() == ["Do 0", "Do 1"]


def test_other_tasks_under_one_number_are_refused(tmp_path: Path) -> None:
    files = {f"{m}-retail.json": [listed(0, 1.0, task={"instruction": m})] for m in "ab"}
    with pytest.raises(DataError, match="was asked something else as prompt '0'"):
        only(tmp_path, files)


def test_what_does_not_tell_its_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not tell the agent's model and the domain"):
        only(tmp_path, {"r.json": {"info": {"agent_info": {}, "environment_info": {}}}})
    with pytest.raises(DataError, match=r"there is no score .* evaluate the simulations"):
        only(tmp_path / "b", {"r.json": {"info": INFO, "simulations": [{"task_id": "1"}]}})
