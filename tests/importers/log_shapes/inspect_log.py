"""Inspect AI: ``log/_log.py`` (``EvalSpec``, ``EvalSample``), ``scorer/_metric.py``."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from tests.importers.log_shapes.shape import Shape


def sample(name: int | str, value: object, scorer: str = "match", **more: Any) -> dict[str, Any]:
    """A sample with one score; None for none."""
    scores = {} if value is None else {"scores": {scorer: {"value": value, "answer": "x"}}}
    return {
        "id": name,
        "epoch": 1,
        "input": f"{name}?",
        "target": "x",
        "messages": [],
        "output": {"model": "o3", "choices": []},
        **scores,
        "metadata": {},
        "store": {},
        "model_usage": {},
        **more,
    }


def log(
    samples: list[dict[str, Any]],
    model: str = "openai/o3",
    created: str = "2026-01-01T10:00:00+00:00",
    status: str = "success",
    **spec: Any,
) -> dict[str, Any]:
    """A log."""
    return {
        "version": 2,
        "status": status,
        "eval": {
            "eval_id": "e",
            "run_id": "r",
            "created": created,
            "task": "toy",
            "task_id": "t",
            "task_version": 0,
            "task_args": {},
            "dataset": {"name": "toy", "samples": 2, "sample_ids": [s["id"] for s in samples]},
            "model": model,
            "model_generate_config": {},
            "model_args": {},
            "config": {"epochs": 1},
            **spec,
        },
        "plan": {"name": "plan", "steps": []},
        "results": {"total_samples": len(samples), "scores": []},
        "samples": samples,
    }


def archive(whole: dict[str, Any]) -> bytes:
    """A log as an archive."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as file:
        head = {key: value for key, value in whole.items() if key != "samples"}
        file.writestr("_journal/start.json", json.dumps({"version": 2, "eval": whole["eval"]}))
        for row in whole["samples"]:
            file.writestr(f"samples/{row['id']}_epoch_{row['epoch']}.json", json.dumps(row))
        file.writestr("summaries.json", json.dumps([{"id": row["id"]} for row in whole["samples"]]))
        file.writestr("reductions.json", "[]")
        file.writestr("header.json", json.dumps(head))
    return held.getvalue()


def two(first: object, second: object, **more: Any) -> list[dict[str, Any]]:
    """Two samples."""
    return [sample("a", first, **more), sample("b", second, **more)]


USAGE = {
    "openai/o3": {
        "input_tokens": 10,
        "output_tokens": 5,
        "total_tokens": 115,
        "input_tokens_cache_read": 100,
        "reasoning_tokens": 4,
        "total_cost": 0.25,
    },
    "openai/grader": {
        "input_tokens": 999,
        "output_tokens": 9,
        "total_tokens": 1008,
        "total_cost": 9,
    },
}

SHAPES = {
    "solvers are settings": Shape(
        "inspect",
        {
            "a.json": log(two("C", "I"), solver="basic_agent", solver_args={"max_attempts": 1}),
            "b.json": log(
                two("C", "C"), created="2026-01-02", solver="react", solver_args={"attempts": 3}
            ),
        },
        {
            "toy": {
                "openai/o3 [solver=basic_agent, solver.max_attempts=1]": [1, 0],
                "openai/o3 [solver=react, solver.attempts=3]": [1, 1],
            }
        },
    ),
    "runs at several seeds are trials": Shape(
        "inspect",
        {
            f"{seed}.json": log(
                two(value, "C"), created=f"2026-01-0{seed}", model_generate_config={"seed": seed}
            )
            for seed, value in ((1, "C"), (2, "I"))
        },
        {"toy": {"openai/o3": [0.5, 1]}},
        about={"toy": {"trials": 2}},
    ),
    "grades and words are told": Shape(
        "inspect",
        {
            "a.json": log(
                [sample(n, v) for n, v in enumerate(("C", "P", "N", "yes", "true", "0.5"))]
            )
        },
        {"toy": {"openai/o3": [1, 0.5, 0, 1, 1, 0.5]}},
        says=["column 'match': 1 'C' as 1, 1 'P' as 0.5, 1 'N' as 0, 1 'yes' as 1, 1 'true' as 1"],
    ),
    "an edited score is what it was edited to": Shape(
        "inspect",
        {
            "a.json": log(
                [
                    sample(
                        "a",
                        None,
                        scores={
                            "match": {
                                "value": "C",
                                "history": [
                                    {"value": "I", "provenance": None},
                                    {"value": "C", "provenance": {"author": "x", "reason": "typo"}},
                                ],
                            }
                        },
                    )
                ]
            )
        },
        {"toy": {"openai/o3": [1]}},
    ),
    "what is unscored is NaN": Shape(
        "inspect",
        {"a.json": json.dumps(log(two("C", float("nan"))))},
        {"toy": {"openai/o3": [1, None]}},
    ),
    "a limit is a result, an error is none": Shape(
        "inspect",
        {
            "a.json": log(
                [
                    sample("a", "I", limit={"type": "token", "limit": 1000}),
                    sample("b", None, error={"message": "boom", "traceback": "…"}),
                    sample("c", "C", error_retries=[{"message": "rate limit"}]),
                    sample("d", "C", invalidation={"author": "x", "reason": "leak"}),
                ]
            )
        },
        {"toy": {"openai/o3": [0, None, 1, None]}},
        says=["1 of 4 samples ended in an error", "1 of 4 samples were invalidated"],
    ),
    "a run of which each sample ended in an error is warned of": Shape(
        "inspect",
        {
            "a.json": log([sample("a", None, error={"message": "boom"})], model="openai/o4"),
            "b.json": log([sample("a", "C")]),
        },
        {"toy": {"openai/o3": [1]}},
        says=["openai/o4: 1 of 1 samples ended in an error"],
    ),
    "an archive with epochs": Shape(
        "inspect",
        {
            "a.eval": archive(
                log(
                    [
                        sample("a", "C", epoch=1, model_usage=USAGE, working_time=2.0),
                        sample("a", "I", epoch=2, model_usage=USAGE, working_time=4.0),
                    ]
                )
            )
        },
        {"toy": {"openai/o3": [0.5]}},
        about={
            "toy": {
                "trials": 2,
                "costs": [[0.25]],
                "tokens_in": [[110]],
                "tokens_out": [[5]],
                "tokens_cached": [[100]],
                "latency_ms": [[3000]],
            }
        },
    ),
    "a retry that succeeded counts alone": Shape(
        "inspect",
        {
            "a.json": log([sample("a", "I")], status="error"),
            "b.json": log(two("C", "I"), created="2026-01-02"),
        },
        {"toy": {"openai/o3": [1, 0]}},
        says=["left out are runs that did not succeed: a.json"],
    ),
    "of several scorers the first counts, the others are judges": Shape(
        "inspect",
        {
            "a.json": log(
                [
                    sample(
                        "a",
                        None,
                        scores={
                            "judge": {"value": {"truth": 1, "style": 0.5}},
                            "match": {"value": "I"},
                        },
                    )
                ]
            )
        },
        {"toy": {"openai/o3": [1]}},
        says=["score: scorer judge.truth"],
    ),
    "the first version had one score": Shape(
        "inspect",
        {
            "a.json": {
                **log([{**sample("a", None), "score": {"value": "C", "answer": "x"}}]),
                "version": 1,
            }
        },
        {"toy": {"openai/o3": [1]}},
    ),
}
