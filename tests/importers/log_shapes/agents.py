"""Agents: SWE-bench, Terminal-Bench, tau-bench and BFCL, after their harnesses' writers."""

from __future__ import annotations

import json
from typing import Any

from tests.importers.log_shapes.shape import Shape

ONE, TWO, THREE = (f"django__django-1000{n}" for n in (1, 2, 3))


def report(instance: str, resolved: bool, **more: Any) -> dict[str, Any]:
    """A report of one instance."""
    patch = {"patch_is_None": False, "patch_exists": True, "patch_successfully_applied": True}
    return {instance: {**patch, "resolved": resolved, "tests_status": {}, **more}}


def summary(resolved: list[str], unresolved: list[str], **more: Any) -> dict[str, Any]:
    """The summary of schema 2."""
    submitted = [*resolved, *unresolved, *more.get("error_ids", [])]
    return {
        "total_instances": len(submitted),
        "submitted_instances": len(submitted),
        "completed_ids": [*resolved, *unresolved],
        "incomplete_ids": [],
        "empty_patch_ids": [],
        "submitted_ids": submitted,
        "resolved_ids": resolved,
        "unresolved_ids": unresolved,
        "infra_failure_ids": [],
        "ambiguous_failure_ids": [],
        "failure_reasons": {},
        "error_ids": [],
        "schema_version": 2,
        **more,
    }


def attempt(task: str, resolved: bool | None, number: int = 1, **more: Any) -> dict[str, Any]:
    """An attempt of Terminal-Bench."""
    return {
        "id": f"{task}{number}",
        "trial_name": f"{task}.{number}-of-2",
        "task_id": task,
        "instruction": f"Do {task}.",
        "is_resolved": resolved,
        "failure_mode": "unset",
        "parser_results": None,
        "total_input_tokens": 1000,
        "total_output_tokens": 50,
        "trial_started_at": "2025-08-01T10:00:00+00:00",
        "trial_ended_at": "2025-08-01T10:05:00+00:00",
        "agent_started_at": "2025-08-01T10:01:00+00:00",
        "agent_ended_at": "2025-08-01T10:03:00+00:00",
        **more,
    }


def terminal(folder: str, *attempts: dict[str, Any], **about: Any) -> dict[str, Any]:
    """The files of a run of Terminal-Bench."""
    return {
        f"{folder}/results.json": {"id": folder, "results": [*attempts], "accuracy": 0.5},
        f"{folder}/run_metadata.json": {
            "run_id": folder,
            "agent_name": "terminus",
            "model_name": "anthropic/claude-sonnet-4",
            "dataset_name": "terminal-bench-core",
            "dataset_version": "0.1.1",
            **about,
        },
    }


def simulation(task: str, reward: float | None, trial: int = 0, **more: Any) -> dict[str, Any]:
    """A simulation of tau2-bench."""
    return {
        "id": f"{task}{trial}",
        "task_id": task,
        "start_time": "2026-01-01T10:00:00",
        "end_time": "2026-01-01T10:01:00",
        "duration": 60.0,
        "termination_reason": "user_stop",
        "agent_cost": 0.25,
        "user_cost": 0.5,
        "reward_info": None if reward is None else {"reward": reward, "reward_basis": ["DB"]},
        "messages": [
            {
                "role": "assistant",
                "content": "Hi",
                "usage": {"prompt_tokens": 9, "completion_tokens": 2},
            },
            {
                "role": "user",
                "content": "Hi",
                "usage": {"prompt_tokens": 5, "completion_tokens": 5},
            },
        ],
        "trial": trial,
        "seed": 300 + trial,
        **more,
    }


def tau2(*simulations: dict[str, Any], llm: str = "gpt-5", **info: Any) -> dict[str, Any]:
    """A file of tau2-bench."""
    return {
        "timestamp": "2026-01-01T10:00:00",
        "info": {
            "git_commit": "x",
            "num_trials": 2,
            "max_steps": 200,
            "max_errors": 10,
            "user_info": {"implementation": "user_simulator", "llm": "gpt-4.1", "llm_args": {}},
            "agent_info": {"implementation": "llm_agent", "llm": llm, "llm_args": {}},
            "environment_info": {"domain_name": "retail", "policy": "Be kind."},
            "seed": 300,
            **info,
        },
        "tasks": [
            {
                "id": name,
                "user_scenario": {"persona": None, "instructions": {"reason_for_call": f"R{name}"}},
                "evaluation_criteria": {"actions": []},
            }
            for name in ("0", "1")
        ],
        "simulations": [*simulations],
    }


def lines(*rows: dict[str, Any]) -> str:
    """Rows as lines."""
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def bfcl(
    category: str, samples: list[str], failed: list[str], model: str = "o3-FC", **result: Any
) -> dict[str, str]:
    """The files of a category of BFCL."""
    n = len(samples)
    head = {"accuracy": 0.5, "correct_count": n - len(failed), "total_count": n}
    return {
        f"score/{model}/BFCL_v4_{category}_score.json": lines(
            head,
            *(
                {"id": name, "valid": False, "error": ["x"], "prompt": {"id": name}}
                for name in failed
            ),
        ),
        f"result/{model}/BFCL_v4_{category}_result.json": lines(
            *({"id": name, "result": "f()", "latency": 0.5, **result} for name in samples)
        ),
    }


SHAPES = {
    "SWE-bench: failures of the infrastructure are none of the model": Shape(
        "swe-bench",
        {
            "gpt-5.run1.json": summary(
                [ONE],
                [TWO],
                infra_failure_ids=[THREE],
                error_ids=[THREE],
                failure_reasons={THREE: "x"},
            ),
            "o3.run1.json": summary([TWO], [ONE, THREE]),
        },
        {"swe-bench": {"gpt-5.run1": [1, 0, None], "o3.run1": [0, 1, 0]}},
        says=["gpt-5.run1: 1 instance failed for the infrastructure"],
    ),
    "SWE-bench: reports say so too": Shape(
        "swe-bench",
        {
            "logs/run_evaluation/run1/gpt-5/" + f"{name}/report.json": content
            for name, content in {
                ONE: report(ONE, True),
                TWO: report(TWO, False),
                THREE: report(THREE, False, infra_failure=True),
            }.items()
        },
        {"swe-bench": {"gpt-5": [1, 0, None]}},
    ),
    "SWE-bench: two runs of a model are trials": Shape(
        "swe-bench",
        {
            f"logs/run_evaluation/{run}/gpt-5/{ONE}/report.json": report(ONE, run == "run1")
            for run in ("run1", "run2")
        },
        {"swe-bench": {"gpt-5": [0.5]}},
        about={"swe-bench": {"trials": 2}},
    ),
    "SWE-bench: lists of an experiment": Shape(
        "swe-bench",
        {
            f"evaluation/lite/{system}/results/results.json": {
                "no_generation": [],
                "no_logs": [],
                "resolved": resolved,
            }
            for system, resolved in {"a": [ONE], "b": [ONE, TWO]}.items()
        },
        {"swe-bench-lite": {"a": [1, 0, *[0] * 298], "b": [1, 1, *[0] * 298]}},
        says=["name 2 of 300"],
    ),
    "Terminal-Bench: attempts are trials, an unfinished one is not observed": Shape(
        "terminal-bench",
        terminal("r1", attempt("a", True), attempt("a", False, 2), attempt("b", None)),
        {"terminal-bench": {"anthropic/claude-sonnet-4": [0.5, None]}},
        about={
            "terminal-bench": {
                "trials": 2,
                "latency_ms": [[120000], [None]],
                "tokens_in": [[1000], [None]],
                "texts": ["Do a.", "Do b."],
            }
        },
    ),
    "Terminal-Bench: agents of one model are arms": Shape(
        "terminal-bench",
        {
            **terminal("r1", attempt("a", True)),
            **terminal("r2", attempt("a", False), agent_name="openhands"),
        },
        {
            "terminal-bench": {
                "anthropic/claude-sonnet-4 [agent=terminus]": [1],
                "anthropic/claude-sonnet-4 [agent=openhands]": [0],
            }
        },
    ),
    "Terminal-Bench: an agent that could not be installed has not failed": Shape(
        "terminal-bench",
        terminal(
            "r1",
            attempt("a", False, failure_mode="agent_installation_failed"),
            attempt("b", False, failure_mode="agent_timeout"),
        ),
        {"terminal-bench": {"anthropic/claude-sonnet-4": [None, 0]}},
        says=["agent_installation_failed"],
    ),
    "Terminal-Bench: what an agent left untestable has failed": Shape(
        "terminal-bench",
        terminal(
            "r1",
            attempt("a", None, failure_mode="parse_error"),
            attempt("b", None, failure_mode="test_timeout"),
            attempt("c", None, failure_mode="unknown_agent_error"),
            attempt("d", None),
        ),
        {"terminal-bench": {"anthropic/claude-sonnet-4": [0, 0, None, None]}},
    ),
    "Terminal-Bench: submissions whose agents name no model": Shape(
        "terminal-bench",
        {
            path: content
            for name, resolved in (("droid_opus", True), ("droid_gpt-5", False))
            for n in (1, 2)
            for path, content in terminal(
                f"core@0.1.1/{name}/{name}_{n}",
                attempt("a", resolved),
                model_name=None,
                agent_name="Droid",
                run_id=f"{name}_{n}",
            ).items()
        },
        {"terminal-bench": {"droid_gpt-5": [0], "droid_opus": [1]}},
        says=["droid_opus: its runs name no model, and are called by their folder"],
    ),
    "Terminal-Bench: a run without anything about it": Shape(
        "terminal-bench",
        {"r1/results.json": {"id": "r1", "results": [attempt("a", True)]}},
        refused="should say which model ran",
    ),
    "tau2: trials, and infrastructure": Shape(
        "tau-bench",
        {
            "a.json": tau2(
                simulation("0", 1.0),
                simulation("0", 0.0, 1),
                simulation("1", None, termination_reason="infrastructure_error"),
            )
        },
        {"tau2-retail": {"gpt-5": [0.5, None]}},
        about={
            "tau2-retail": {
                "trials": 2,
                "costs": [[0.25], [None]],
                "tokens_in": [[9], [None]],
                "texts": ["R0", "R1"],
            }
        },
        says=["1 of 3 answers ended in an error"],
    ),
    "tau2: efforts are arms": Shape(
        "tau-bench",
        {
            f"{effort}.json": tau2(
                simulation("0", reward),
                agent_info={
                    "implementation": "llm_agent",
                    "llm": "gpt-5",
                    "llm_args": {"reasoning_effort": effort},
                },
            )
            for effort, reward in (("high", 1.0), ("low", 0.0))
        },
        {
            "tau2-retail": {
                "gpt-5 [reasoning_effort=high]": [1],
                "gpt-5 [reasoning_effort=low]": [0],
            }
        },
    ),
    "tau2: a run at another seed is another trial": Shape(
        "tau-bench",
        {
            f"{seed}.json": tau2(simulation("0", reward, seed=seed), seed=seed)
            for seed, reward in ((300, 1.0), (301, 0.0))
        },
        {"tau2-retail": {"gpt-5": [0.5]}},
        about={"tau2-retail": {"trials": 2}},
    ),
    "BFCL: what is not listed was right": Shape(
        "bfcl",
        bfcl("simple_python", ["s0", "s1"], ["s1"], input_token_count=90, output_token_count=9),
        {"bfcl_v4": {"o3-FC": [1, 0]}},
        about={
            "bfcl_v4": {
                "subsets": ["simple_python"] * 2,
                "tokens_in": [[90], [90]],
                "latency_ms": [[500], [500]],
            }
        },
    ),
    "BFCL: an error of the call is not observed": Shape(
        "bfcl",
        bfcl("simple_python", ["s0"], ["s0"], result="Error during inference: 500"),
        refused="there is no score",
    ),
    "BFCL: turns and steps are summed": Shape(
        "bfcl",
        bfcl(
            "multi_turn_base",
            ["m0"],
            [],
            input_token_count=[[10, 20], [5]],
            output_token_count=[[1, 2], [3]],
            latency=[[0.5, 0.5], [1.0]],
        ),
        {"bfcl_v4": {"o3-FC": [1]}},
        about={"bfcl_v4": {"tokens_in": [[35]], "latency_ms": [[2000]]}},
    ),
    "BFCL: scores without results name no samples": Shape(
        "bfcl",
        {k: v for k, v in bfcl("simple_python", ["s0"], []).items() if k.startswith("score")},
        refused="both score/ and result/",
    ),
}
