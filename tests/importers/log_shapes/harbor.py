"""Harbor: ``models/trial/result.py``, ``models/agent/context.py``."""

from __future__ import annotations

from typing import Any

from tests.importers.log_shapes.shape import Shape


def trial(
    task: str,
    reward: float | None,
    job: str = "j1",
    n: int = 0,
    model: str | None = "anthropic/claude-sonnet-4-5",
    agent: str = "terminus-2",
    **more: Any,
) -> dict[str, Any]:
    """A trial's result."""
    provider, _, name = (model or "").partition("/")
    info = {"name": name, "provider": provider} if model else None
    kwargs = more.pop("kwargs", {})
    return {
        f"jobs/{job}/{task}__{n}abc/result.json": {
            "id": f"{job}{task}{n}{agent}",
            "task_name": task,
            "trial_name": f"{task}__{n}abc",
            "trial_uri": f"file:///jobs/{job}/{task}__{n}abc",
            "task_id": {"path": f"tasks/{task}"},
            "source": "terminal-bench",
            "task_checksum": "x",
            "config": {"agent": {"name": agent, "model_name": model, "kwargs": kwargs}},
            "agent_info": {"name": agent, "version": "2.0.0", "model_info": info},
            "agent_result": {
                "n_input_tokens": 1000,
                "n_cache_tokens": 400,
                "n_output_tokens": 50,
                "cost_usd": 0.25,
                "metadata": None,
            },
            "verifier_result": None if reward is None else {"rewards": {"reward": reward}},
            "exception_info": None,
            "started_at": "2026-01-01T10:00:00Z",
            "finished_at": "2026-01-01T10:10:00Z",
            "agent_execution": {
                "started_at": "2026-01-01T10:01:00Z",
                "finished_at": "2026-01-01T10:03:00Z",
            },
            **more,
        }
    }


def raised(kind: str) -> dict[str, Any]:
    """An exception of a trial."""
    return {"exception_type": kind, "exception_message": "…", "exception_traceback": "…"}


SONNET = "anthropic/claude-sonnet-4-5"
SHAPES = {
    "attempts are trials": Shape(
        "harbor",
        {
            "jobs/j1/result.json": {"id": "j", "n_total_trials": 3, "stats": {"n_trials": 3}},
            "jobs/j1/config.json": {"job_name": "j1", "n_attempts": 2},
            **trial("a", 1.0),
            **trial("a", 0.0, n=1),
            **trial("b", 1.0),
        },
        {"terminal-bench": {SONNET: [0.5, 1]}},
        about={
            "terminal-bench": {
                "trials": 2,
                "ids": ["a", "b"],
                "costs": [[0.25], [0.25]],
                "tokens_in": [[1000], [1000]],
                "tokens_cached": [[400], [400]],
                "latency_ms": [[120000], [120000]],
            }
        },
    ),
    "several jobs of a model are trials": Shape(
        "harbor",
        {**trial("a", 1.0), **trial("a", 0.0, job="j2")},
        {"terminal-bench": {SONNET: [0.5]}},
    ),
    "agents and efforts are arms": Shape(
        "harbor",
        {
            **trial("a", 1.0),
            **trial("a", 0.0, job="j2", agent="claude-code"),
        },
        {
            "terminal-bench": {
                f"{SONNET} [agent=terminus-2]": [1],
                f"{SONNET} [agent=claude-code]": [0],
            }
        },
    ),
    "an agent without a model is itself what was tried": Shape(
        "harbor",
        trial("a", 1.0, model=None, agent="oracle"),
        {"terminal-bench": {"oracle": [1]}},
    ),
    "an exception without a reward is no failure, a timeout with one is": Shape(
        "harbor",
        {
            **trial("a", None, exception_info=raised("EnvironmentStartTimeoutError")),
            **trial("b", 0.0, exception_info=raised("AgentTimeoutError")),
            **trial("c", 0.0, exception_info=raised("ApiError"), reward_valid=False),
        },
        {"terminal-bench": {SONNET: [None, 0, None]}},
        says=["2 of 3 answers ended in an error"],
    ),
    "of several rewards one is chosen": Shape(
        "harbor",
        trial("a", None, verifier_result={"rewards": {"tests": 1.0, "style": 0.5}}),
        refused="'tests', 'style'; choose one",
    ),
    "of several rewards one is taken": Shape(
        "harbor",
        trial("a", None, verifier_result={"rewards": {"tests": 1.0, "style": 0.5}}),
        {"terminal-bench": {SONNET: [0.5]}},
        options={"metric": "style"},
    ),
    "steps are summed": Shape(
        "harbor",
        trial(
            "a",
            1.0,
            agent_result=None,
            step_results=[
                {"step_name": str(n), "agent_result": {"n_input_tokens": 10, "cost_usd": 0.5}}
                for n in range(2)
            ],
        ),
        {"terminal-bench": {SONNET: [1]}},
        about={"terminal-bench": {"costs": [[1]], "tokens_in": [[20]]}},
    ),
}
